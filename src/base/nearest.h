#pragma once
// "Did you mean …?": the known name that a mistyped one most likely stands for.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// The candidate nearest to `name`, without regard to case, when it is near enough to be a typing error: at most a third of the
/// name differs (insertions, deletions, replacements, swaps of neighbours). Of equals, the first.
std::optional<std::string> nearest_name(std::string_view name,
                                        const std::vector<std::string>& candidates);

}  // namespace weir
