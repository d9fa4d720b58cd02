#pragma once
// Gemini's batches: a JSONL file is uploaded (resumable), a batch is made from it, polled, and its
// one file of responses is read. A step machine as adapter.h says; pure and thread-safe.
//
//   start ─> upload ─> create ─> poll ─> collect "output" ─> delete file and batch ─> done
//             │  ^       │ └unknown┐ └<─ cancel
//             └query     └<─ list <┘
//
// What must never happen twice is the create, which is not idempotent: after an unknown outcome the
// batches are listed and matched by display name, never sent blindly again. An upload is asked how
// far it came, and goes on from there. An event replaces what was under way: after kCancel or
// kRestarted the answer of an earlier action must not be delivered any more. Doc:
// https://ai.google.dev/gemini-api/docs/batch-api (checked 2026-11-23)
#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"
#include "provider/adapter.h"
#include "provider/gemini_dialect.h"

namespace weir::providers::gemini {

// Bounds of what may fail again and again, each counted since the step began or the process
// started.
inline constexpr std::uint64_t kUploadTriesMax = 12;
inline constexpr std::uint64_t kCreateTriesMax =
    20;  // with the default waits about 20 minutes of 429
inline constexpr std::uint64_t kCollectTriesMax = 20;
inline constexpr std::uint64_t kListPagesMax = 1000;  // 100 batches each

/// Adapter::next. The Collect names its artefact "output". File and batch are deleted after it was
/// read, as far as the provider lets us; a failure to delete is told in the reason and changes
/// nothing else. A batch that ended without a file of responses ends kEnded without rows, or
/// kRefused where it failed.
/// @error kInternal the state is not one of this machine's, or the event does not fit it.
[[nodiscard]] Result<provider::Step> next_batch_step(const provider::gemini::Options& options,
                                                     std::string_view state,
                                                     const provider::BatchEvent& event,
                                                     const provider::BatchContext& context);

}  // namespace weir::providers::gemini
