#include "wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/hash.h"
#include "base/random.h"

namespace weir::simulation {
namespace {

constexpr std::string_view kCreated = "\"created_at\":";
constexpr std::string_view kCustomId = "\"custom_id\":\"";

// Integers (openAI) or RFC 3339 (anthropic), wherever they stand in the body.
std::string skewed(std::string_view body, Duration skew) {
  std::string out;
  for (;;) {
    const auto at = body.find(kCreated);
    if (at == std::string_view::npos) break;
    out += body.substr(0, at + kCreated.size());
    body.remove_prefix(at + kCreated.size());
    if (body.starts_with('"')) {
      const auto end = body.find('"', 1);
      if (const auto time = parse_rfc3339(body.substr(1, end - 1))) {
        out += '"' + to_rfc3339(*time + skew) + '"';
        body.remove_prefix(end + 1);
      }
      continue;
    }
    std::int64_t seconds = 0;
    const auto [end, code] = std::from_chars(body.data(), body.data() + body.size(), seconds);
    if (code != std::errc()) continue;
    out += std::to_string(unix_seconds(from_unix_seconds(seconds) + skew));
    body.remove_prefix(static_cast<std::size_t>(end - body.data()));
  }
  return out.append(body);
}

}  // namespace

std::string Wire::tell(bool is_rows, std::string body) {
  if (is_rows) return rows(body);
  if (faults_.created_skew != Duration(0)) body = skewed(body, faults_.created_skew);
  if (faults_.empty_output_null) {
    constexpr std::string_view kNull = "\"output_file_id\":null,";
    if (const auto at = body.find(kNull); at != std::string::npos && seed_ % 2 == 0)
      body.erase(at, kNull.size());
  }
  return body;
}

std::string Wire::rows(std::string_view body) {
  std::vector<std::string> lines;
  std::string_view rest = body;
  for (auto end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    lines.push_back(row(rest.substr(0, end)) + '\n');
    rest.remove_prefix(end + 1);
  }
  // What a cut leaves of a last line goes as it is.
  if (faults_.rows_reversed && rest.empty() && readings_++ % 2 == 0)
    std::reverse(lines.begin(), lines.end());
  std::string out;
  for (const auto& line : lines) out += line;
  return out.append(rest);
}

std::string Wire::row(std::string_view line) {
  const auto at = line.find(kCustomId);
  const bool finished = line.find("\"type\":\"succeeded\"") != std::string_view::npos ||
                        line.find("\"status_code\":200") != std::string_view::npos;
  if (at == std::string_view::npos || !finished) return std::string(line);
  const auto from = at + kCustomId.size();
  const std::string id(line.substr(from, line.find('"', from) - from));
  const double drawn = SeededRandom(hash64(id, seed_)).unit();
  if (drawn < faults_.mis_keyed) {
    spoilt_.insert(id);
    return std::string(line.substr(0, from)) + id + "zz" +
           std::string(line.substr(from + id.size()));
  }
  if (drawn < faults_.mis_keyed + faults_.cancelled_billed) {
    spoilt_.insert(id);
    if (line.find("\"type\":\"succeeded\"") != std::string_view::npos)
      return fmt::format(R"({{"custom_id":"{}","result":{{"type":"canceled"}}}})", id);
    return fmt::format(
        R"({{"id":"batch_req_told","custom_id":"{}","response":null,)"
        R"("error":{{"code":"batch_cancelled","message":"This request was cancelled."}}}})",
        id);
  }
  return std::string(line);
}

}  // namespace weir::simulation
