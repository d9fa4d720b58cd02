#pragma once
// Vertex AI's batches: the image becomes an object in the user's bucket, a batchPredictionJob is made from it, polled, and every
// object that it left is read. A step machine as adapter.h says; pure and thread-safe.
//
//   start ─> upload ─> create ─> poll ─> files ─> collect ─┐ ... until no object is left, then
//                        │ └unknown┐ └<─ cancel  └<────────┘ sweep ─> remove ─┐ ... ─> done
//                        └<─ list <┘                           └<─────────────┘
//
// What must never happen twice is the create, which is not idempotent: after an unknown outcome the jobs are listed and matched by
// display name, never sent blindly again. An upload replaces its object, so it may be repeated. Objects are taken in the order of
// their names; a restart goes on behind the last one. An event replaces what was under way: after kCancel or kRestarted the answer
// of an earlier action must not be delivered any more. Doc:
// https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/batch-prediction-from-cloud-storage (checked 2026-11-27)
#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"
#include "provider/adapter.h"
#include "provider/gemini_dialect.h"

namespace weir::providers::vertexAI {

// Bounds of what may fail again and again, each counted since the step began or the process started.
inline constexpr std::uint64_t kUploadTriesMax = 12;
inline constexpr std::uint64_t kCreateTriesMax =
    20;  // with the default waits about 20 minutes of 429
inline constexpr std::uint64_t kCollectTriesMax = 20;
inline constexpr std::uint64_t kListPagesMax = 1000;     // 100 jobs or objects each
inline constexpr std::uint64_t kSweepTriesMax = 10'000;  // objects that one batch can leave
inline constexpr std::uint64_t kRemoveFailuresMax = 4;   // of all of them

/// Adapter::next. A Collect names its artefact after the object, as seen from the folder of outputs. Afterwards the batch's own
/// folder in the bucket is emptied, as far as the provider lets us; a failure to do so is told in the reason and changes nothing
/// else. The job itself stays, as a record. A batch that ended without objects ends kEnded without rows, or kRefused where it failed.
/// @error kInternal the state is not one of this machine's, or the event does not fit it.
[[nodiscard]] Result<provider::Step> next_batch_step(const provider::gemini::Options& options,
                                                     std::string_view state,
                                                     const provider::BatchEvent& event,
                                                     const provider::BatchContext& context);

}  // namespace weir::providers::vertexAI
