#pragma once
// Pages of the provider's lists: limit, after_id and before_id.
// Doc: https://platform.claude.com/docs/en/api/models/list (checked 2026-11-23).
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/providers/anthropic/wire.h"

namespace weir::sim::anthropic {

/// {"data","has_more","first_id","last_id"}: the page of `ids` that the request's target asks for.
/// @param item the JSON of the index-th id.
/// @param unknown what the message of the 404 says before an id that is not among `ids`.
Checked<std::string> page_json(std::string_view target, const std::vector<std::string_view>& ids,
                               const std::function<std::string(std::size_t)>& item,
                               std::string_view unknown);

}  // namespace weir::sim::anthropic
