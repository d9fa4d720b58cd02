#include "sim/providers/groq/batches.h"

#include <algorithm>

#include "http/url.h"
#include "sim/json_reply.h"

namespace weir::sim::groq {
namespace {

constexpr std::size_t kPage = 20;
constexpr std::size_t kIdsMax = 200;  // of ?id=a&id=b
constexpr std::string_view kCursor = "after_";

// Every value of a repeated query parameter.
std::vector<std::string> query_values(std::string_view target, std::string_view name) {
  std::vector<std::string> out;
  const auto query = target.find('?');
  if (query == std::string_view::npos) return out;
  for (auto rest = target.substr(query + 1); !rest.empty();) {
    const auto end = std::min(rest.find('&'), rest.size());
    const auto pair = rest.substr(0, end);
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=')
      out.push_back(http::percent_decode(pair.substr(name.size() + 1)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out;
}

}  // namespace

Reply Batches::list(const Call& call) const {
  auto found = visible(call);
  std::ranges::reverse(found);
  const auto ids = query_values(call.request.target, "id");
  if (ids.size() > kIdsMax)
    return error_reply(traits(), {.message = "'id' : at most 200 batches at once"});
  if (!ids.empty())
    std::erase_if(
        found, [&](const Batch* batch) { return std::ranges::find(ids, batch->id) == ids.end(); });
  if (const auto cursor = http::query_value(call.request.target, "cursor")) {
    const auto last = std::ranges::find_if(
        found, [&](const Batch* batch) { return std::string(kCursor) + batch->id == *cursor; });
    if (last == found.end()) return error_reply(traits(), {.message = "'cursor' : not a cursor"});
    found.erase(found.begin(), last + 1);
  }
  const bool more = ids.empty() && found.size() > kPage;
  if (more) found.resize(kPage);
  json::Writer out;
  out.begin_object().field("object", "list").key("data").begin_array();
  for (const Batch* batch : found) out.raw(batch_json(*batch, call.now));
  out.end_array().key("paging").begin_object();
  if (more) out.field("next_cursor", std::string(kCursor) + found.back()->id);
  return json_reply(200, out.end_object().end_object().take());
}

void Batches::write_errors(const openai_shape::BatchError& error, json::Writer& out) const {
  out.begin_array().begin_object();
  out.field("code", error.code).field("message", error.message);
  if (!error.param.empty()) out.field("param", error.param);
  if (error.line > 0) out.field("line", error.line);
  out.end_object().end_array();
}

}  // namespace weir::sim::groq
