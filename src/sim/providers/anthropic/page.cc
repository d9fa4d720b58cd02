#include "sim/providers/anthropic/page.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "http/url.h"
#include "json/write.h"

namespace weir::sim::anthropic {
namespace {

constexpr std::size_t kLimitUsual = 20, kLimitMax = 1000;

std::optional<std::size_t> limit_of(std::string_view target) {
  const auto text = http::query_value(target, "limit");
  if (!text) return kLimitUsual;
  std::size_t limit = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
  if (error != std::errc() || end != text->data() + text->size() || limit < 1 || limit > kLimitMax)
    return std::nullopt;
  return limit;
}

}  // namespace

Checked<std::string> page_json(std::string_view target, const std::vector<std::string_view>& ids,
                               const std::function<std::string(std::size_t)>& item,
                               std::string_view unknown) {
  const auto limit = limit_of(target);
  if (!limit) return refuse("limit: Input should be between 1 and 1000");
  const auto after = http::query_value(target, "after_id");
  const auto before = http::query_value(target, "before_id");
  if (after && before) return refuse("Only one of after_id and before_id is allowed");
  std::size_t begin = 0, end = ids.size();
  if (after || before) {
    const std::string& id = after ? *after : *before;
    const auto at = std::find(ids.begin(), ids.end(), id);
    if (at == ids.end()) return std::unexpected(usual_error(404, std::string(unknown).append(id)));
    const auto index = static_cast<std::size_t>(at - ids.begin());
    if (after) begin = index + 1;
    else end = index;
  }
  const bool more = end - begin > *limit;
  // The page next to the given id: the first ones behind it, or the last ones before it.
  if (more && before) begin = end - *limit;
  else if (more) end = begin + *limit;
  json::Writer out;
  out.begin_object().key("data").begin_array();
  for (std::size_t i = begin; i < end; ++i) out.raw(item(i));
  out.end_array().field("has_more", more).key("first_id");
  if (begin == end) out.null().key("last_id").null();
  else out.string(ids[begin]).field("last_id", ids[end - 1]);
  return out.end_object().take();
}

}  // namespace weir::sim::anthropic
