#include "bulk/tell_rejected.h"

#include <fmt/format.h>

#include <algorithm>

namespace weir::bulk {
namespace {
constexpr std::uint64_t kShownMax = 10;
}  // namespace

Result<void> tell_rejected(const AcceptedInput& input, bool strict, Console& console) {
  const auto& manifest = input.manifest();
  if (manifest.rejected == 0) return {};
  WEIR_TRY(auto reader, input.rejected());
  for (std::uint64_t shown = 0; shown < std::min(manifest.rejected, kShownMax); ++shown) {
    WEIR_TRY(auto next, reader->next());
    if (!next) break;
    if (manifest.rejected == manifest.count) {
      auto error = std::move(next->error);
      error.message = fmt::format("{}: {}", manifest.path == "-" ? "standard input" : manifest.path,
                                  error.message);
      if (manifest.count > 1)
        error.message += fmt::format("; none of the {} records is good", manifest.count);
      if (error.hint.empty()) error.hint = "mend the input, or look at --prompt and --format";
      return std::unexpected(std::move(error));
    }
    console.note(next->error.text());
  }
  if (manifest.rejected > kShownMax)
    console.note(fmt::format("… and {} more rejected records, all in the output",
                             manifest.rejected - kShownMax));
  if (!strict) return {};
  return fail(ErrorKind::kInvalidArgument,
              fmt::format("{} of {} records are no good, and --strict is set", manifest.rejected,
                          manifest.count),
              "mend them, or run without --strict: the others are answered");
}

}  // namespace weir::bulk
