#include "sim/providers/anthropic/split_requests.h"

#include <algorithm>
#include <unordered_set>

#include "base/hash.h"
#include "json/value.h"

namespace weir::sim::anthropic {
namespace {

constexpr std::size_t kRequestsMax = 100'000;
constexpr std::size_t kCustomIdMax = 64;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Steps over JSON by brackets and strings; what a value holds is checked by the parser afterwards.
class Cutter {
 public:
  explicit Cutter(std::string_view text) : text_(text) { space(); }
  [[nodiscard]] bool done() const { return at_ >= text_.size(); }
  [[nodiscard]] char peek() const { return done() ? '\0' : text_[at_]; }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    space();
    return true;
  }
  RequestSpan value() {
    const std::size_t start = at_;
    int depth = 0;
    while (!done()) {
      const char c = text_[at_];
      if (c == '"') {
        string();
        if (depth == 0) break;
        continue;
      }
      const bool ends = c == ',' || c == ']' || c == '}' || c == ':' || is_space(c);
      if (depth == 0 && ends) break;
      ++at_;
      if (c == '{' || c == '[') ++depth;
      if ((c == '}' || c == ']') && --depth == 0) break;
    }
    const RequestSpan span{start, static_cast<std::uint32_t>(at_ - start)};
    space();
    return span;
  }

 private:
  void string() {
    for (++at_; !done() && text_[at_] != '"'; ++at_)
      if (text_[at_] == '\\') ++at_;
    at_ = std::min(at_ + 1, text_.size());
  }
  void space() {
    while (!done() && is_space(text_[at_])) ++at_;
  }
  std::string_view text_;
  std::size_t at_ = 0;
};

ApiError not_json() { return {.message = "The request body is not valid JSON"}; }

bool is_custom_id(std::string_view id) {
  if (id.empty() || id.size() > kCustomIdMax) return false;
  return std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

Checked<void> check_request(json::Value request, std::size_t index,
                            std::unordered_set<std::uint64_t>& seen) {
  const std::string place = "requests." + std::to_string(index);
  if (!request.is_object()) return refuse(place + ": Input should be a valid dictionary");
  const auto id = request["custom_id"].string();
  if (!id) return refuse(place + ".custom_id: Field required");
  if (!is_custom_id(*id))
    return refuse(place + ".custom_id: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'");
  if (!request["params"].is_object()) return refuse(place + ".params: Field required");
  if (!seen.insert(hash64(*id)).second)
    return refuse(place + ".custom_id: '" + std::string(*id) + "' is not unique within the batch");
  return {};
}

// The elements of the array that the cutter stands at.
Checked<std::vector<RequestSpan>> cut_array(Cutter& cutter) {
  std::vector<RequestSpan> spans;
  if (!cutter.take('[')) return refuse("requests: Input should be a valid list");
  while (!cutter.take(']')) {
    if (!spans.empty() && !cutter.take(',')) return std::unexpected(not_json());
    spans.push_back(cutter.value());
    if (spans.back().length == 0) return std::unexpected(not_json());
  }
  return spans;
}

}  // namespace

Checked<std::vector<RequestSpan>> split_requests(std::string_view body) {
  Cutter cutter(body);
  json::Parser parser;
  std::vector<RequestSpan> spans;
  bool found = false, first = true;
  if (!cutter.take('{')) return std::unexpected(not_json());
  while (!cutter.take('}')) {
    if (!first && !cutter.take(',')) return std::unexpected(not_json());
    first = false;
    const RequestSpan key = cutter.value();
    const std::string_view name = body.substr(key.offset, key.length);
    if (!name.starts_with('"') || !parser.parse(name) || !cutter.take(':'))
      return std::unexpected(not_json());
    if (name == "\"requests\"") {
      auto cut = cut_array(cutter);
      if (!cut) return cut;
      spans = std::move(*cut);
      found = true;
      continue;
    }
    const RequestSpan other = cutter.value();
    if (!parser.parse(body.substr(other.offset, other.length))) return std::unexpected(not_json());
    return refuse(std::string(name.substr(1, name.size() - 2)) +
                  ": Extra inputs are not permitted");
  }
  if (!cutter.done()) return std::unexpected(not_json());
  if (!found) return refuse("requests: Field required");
  if (spans.empty())
    return refuse("requests: List should have at least 1 item after validation, not 0");
  if (spans.size() > kRequestsMax)
    return std::unexpected(usual_error(413, "A batch holds at most 100,000 requests"));
  std::unordered_set<std::uint64_t> seen;
  seen.reserve(spans.size());
  for (std::size_t i = 0; i < spans.size(); ++i) {
    const auto request = parser.parse(body.substr(spans[i].offset, spans[i].length));
    if (!request) return std::unexpected(not_json());
    if (auto done = check_request(*request, i, seen); !done)
      return std::unexpected(std::move(done).error());
  }
  return spans;
}

}  // namespace weir::sim::anthropic
