#include "prompt/answer_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/stream_parser.hpp>

#include "json/value.h"

namespace weir::prompt {
namespace internal {
namespace {

namespace bj = boost::json;

// Text in front of an object is searched for its '{' this often; more braces than that are no
// prose.
constexpr int kCandidatesMax = 64;

struct Parsed {
  bj::value value;
  std::size_t consumed = 0;
  bool done = false;        // a whole value was read
  bool incomplete = false;  // the text ended inside the value
  std::string reason;       // when not done
};

// Reads one JSON value from the front of `text`. With `whole`, nothing may follow it.
Parsed parse_front(std::string_view text, const bj::storage_ptr& storage, bool whole) {
  Parsed out;
  unsigned char scratch[2048];
  bj::parse_options options;
  options.max_depth = json::kDepthMax;
  try {
    bj::stream_parser parser(storage, options, scratch);
    bj::error_code error;
    if (whole) out.consumed = parser.write(text.data(), text.size(), error);
    else out.consumed = parser.write_some(text.data(), text.size(), error);
    if (!error && !parser.done()) parser.finish(error);
    if (error) {
      out.incomplete = error == bj::error::incomplete;
      out.reason = error.message();
      return out;
    }
    out.value = parser.release();
    out.done = true;
  } catch (const std::exception& e) {  // third-party boundary: no memory
    out.reason = e.what();
  }
  return out;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// The inside of a text that is one code fence from its first line to its last, or nothing.
std::optional<std::string_view> inside_fence(std::string_view text) {
  constexpr std::string_view kFence = "```";
  if (text.size() < 2 * kFence.size() || !text.starts_with(kFence) || !text.ends_with(kFence))
    return std::nullopt;
  const auto line_end = text.find('\n');
  if (line_end == std::string_view::npos) return std::nullopt;
  const auto info = text.substr(kFence.size(), line_end - kFence.size());
  if (info.find_first_of("`{[\"") != std::string_view::npos) return std::nullopt;
  if (text.size() < line_end + 1 + kFence.size()) return std::nullopt;
  return trim(text.substr(line_end + 1, text.size() - line_end - 1 - kFence.size()));
}

// A '{' that is followed by a key or by '}' begins an object, or one that is broken or cut off;
// other braces are prose.
bool begins_object(std::string_view at) {
  const auto next = at.find_first_not_of(" \t\r\n", 1);
  return next != std::string_view::npos && (at[next] == '"' || at[next] == '}');
}

bool has_object(std::string_view text) {
  for (auto at = text.find('{'); at != std::string_view::npos; at = text.find('{', at + 1))
    if (begins_object(text.substr(at))) return true;
  return false;
}

// The one top-level object in prose. Never a part of a broken or cut-off value, never one of
// several.
std::optional<std::pair<std::string_view, bj::value>> find_object(std::string_view text,
                                                                  const bj::storage_ptr& storage) {
  if (text.starts_with('[')) return std::nullopt;
  auto at = text.find('{');
  for (int i = 0; i < kCandidatesMax && at != std::string_view::npos;
       ++i, at = text.find('{', at + 1)) {
    if (!begins_object(text.substr(at))) continue;
    auto parsed = parse_front(text.substr(at), storage, false);
    if (!parsed.done) return std::nullopt;
    const auto before = trim(text.substr(0, at));
    const auto after = trim(text.substr(at + parsed.consumed));
    if (before.ends_with('[') || after.starts_with(']') || has_object(after)) return std::nullopt;
    return std::pair(trim(text.substr(at, parsed.consumed)), std::move(parsed.value));
  }
  return std::nullopt;
}

struct Extent {
  std::size_t members = 0;
  std::size_t string_longest = 0;
  std::size_t key_longest = 0;
};

// Also turns unsigned numbers beyond 63 bits into floating ones: the validator knows no unsigned
// kind.
void measure(bj::value& value, Extent& extent) {
  switch (value.kind()) {
    case bj::kind::object:
      for (auto& member : value.get_object()) {
        ++extent.members;
        extent.key_longest = std::max(extent.key_longest, member.key().size());
        measure(member.value(), extent);
      }
      break;
    case bj::kind::array:
      for (auto& item : value.get_array()) measure(item, extent);
      break;
    case bj::kind::string:
      extent.string_longest = std::max(extent.string_longest, value.get_string().size());
      break;
    case bj::kind::uint64: value = static_cast<double>(value.get_uint64()); break;
    default: break;
  }
}

// Members written in valid JSON: each has one ':' outside strings. The parser keeps only the last
// of repeated keys, so a smaller number of members in its value means that a key stood twice.
std::size_t members_written(std::string_view json) {
  std::size_t count = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\') ++i;
      else if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == ':') {
      ++count;
    }
  }
  return count;
}

std::unexpected<Error> refuse(const Parsed& parsed) {
  if (parsed.incomplete)
    return fail(ErrorKind::kBadResponse, "the answer is not JSON: it ends in the middle of a value",
                "raise the output limit of the request");
  return fail(ErrorKind::kBadResponse,
              fmt::format("the answer is not JSON: {} at byte {}", parsed.reason, parsed.consumed));
}

Result<AnswerValue> finish(bj::value value, std::string_view json, std::string repair) {
  Extent extent;
  measure(value, extent);
  if (extent.members != members_written(json))
    return fail(ErrorKind::kBadResponse, "the answer has a key twice in one object");
  AnswerValue out{.value = std::move(value)};
  out.answer = {.json = std::string(json),
                .repaired = !repair.empty(),
                .repair = std::move(repair),
                .unchecked = {}};
  out.key_bytes_longest = extent.key_longest;
  out.string_bytes_longest = std::max(extent.string_longest, extent.key_longest);
  return out;
}

}  // namespace

Result<AnswerValue> read_answer_value(std::string_view text, bj::storage_ptr storage) {
  if (text.size() > kAnswerBytesMax)
    return fail(ErrorKind::kBadResponse,
                fmt::format("the answer is larger than {} bytes", kAnswerBytesMax));
  std::string repair;
  text = trim(text);
  if (text.starts_with("\xEF\xBB\xBF")) {
    text = trim(text.substr(3));
    repair = "dropped a byte order mark";
  }
  if (text.empty())
    return fail(ErrorKind::kBadResponse, "the answer is empty, where JSON is expected");
  auto parsed = parse_front(text, storage, true);
  if (parsed.done) return finish(std::move(parsed.value), text, std::move(repair));

  const auto note = [&](std::string_view what) {
    return repair.empty() ? std::string(what) : repair + ", " + std::string(what);
  };
  if (const auto inside = inside_fence(text)) {
    auto fenced = parse_front(*inside, storage, true);
    if (fenced.done)
      return finish(std::move(fenced.value), *inside, note("dropped the code fence"));
  }
  if (auto found = find_object(text, storage))
    return finish(std::move(found->second), found->first,
                  note("cut the text around the JSON object"));
  return refuse(parsed);
}

Result<bj::value> parse_json_document(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  auto parsed = parse_front(text, {}, true);
  if (parsed.done) return std::move(parsed.value);
  const auto before = text.substr(0, parsed.consumed);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const auto line_begin = before.rfind('\n');
  const auto column =
      line_begin == std::string_view::npos ? before.size() + 1 : before.size() - line_begin;
  return fail(ErrorKind::kInvalidArgument,
              fmt::format("not valid JSON: {}, line {}, column {}", parsed.reason, line, column));
}

}  // namespace internal

Result<CheckedAnswer> read_answer(std::string_view answer_text) {
  unsigned char buffer[8192];
  boost::json::monotonic_resource memory(buffer);
  WEIR_TRY(auto read, internal::read_answer_value(answer_text, &memory));
  return std::move(read.answer);
}

}  // namespace weir::prompt
