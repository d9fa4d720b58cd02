#pragma once
// The aggregates of a job as they are journalled: versioned JSON texts, read back after a crash.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "engine/plan_segment.h"
#include "engine/result_log.h"
#include "plan/plan.h"
#include "plan/request_head.h"
#include "provider/adapter.h"

namespace weir::engine {

/// What makes a job the same job on resume; a difference is an error that names the field.
struct JobIdentity {
  std::string provider, model, account, endpoint, key_digest;
  std::string template_digest, schema_digest,
      input;            // digests of contents; the input's path and size
  std::string options;  // output_max and the like, as text
  friend bool operator==(const JobIdentity&, const JobIdentity&) = default;
};
/// "the template (was 1a2b…, is 3c4d…)"; empty when nothing differs.
std::string difference(const JobIdentity& before, const JobIdentity& now);

enum class JobPhase : std::uint8_t { kRunning, kDone };

/// Members of a batch that the provider refused, waiting to be sent again: the whole without the line it named, or a half.
struct RefusedPart {
  MemberRange members;
  friend bool operator==(const RefusedPart&, const RefusedPart&) = default;
};

/// The first places of a job's order that are batched and awaited before what follows them.
struct Stage {
  std::uint64_t end = 0;  // the place behind its last
  bool probe =
      false;  // its answers tell whether the rest is marked; else it writes prefixes that the rest reads
  friend bool operator==(const Stage&, const Stage&) = default;
};

/// Answers of requests that could have read a marked prefix, and of those the ones that did.
struct ReadCounts {
  std::uint64_t due = 0, hits = 0;
  friend bool operator==(const ReadCounts&, const ReadCounts&) = default;
};

struct JobState {
  JobId id;
  JobIdentity identity;
  JobPhase phase = JobPhase::kRunning;
  std::uint64_t items = 0;
  plan::JobShape shape;
  plan::JobPlan plan;
  plan::BoundTokens bound_sync, bound_batch;  // for the receipt's lower bound
  bool marking = true;        // false: hits seen fell below break-even, later requests are unmarked
  bool planned = false;       // route, order and marks are decided; until then nothing is sent
  std::vector<Stage> stages;  // batches that go before the bulk…
  std::uint64_t stage = 0;    // …of which so many have ended
  ReadCounts reads;
  ReadCounts reads_told;         // of them, those that the statistics have
  bool ordered = false;          // the first `items` entries of the plan segment are the order…
  std::uint64_t next_place = 0;  // …of which so many are planned or sent; else input order is
  std::uint32_t writer =
      PlanEntry::kNobody;          // in input order: the item that writes what all others read
  std::uint64_t plan_entries = 0;  // committed length of the plan segment
  std::vector<RefusedPart> parts;  // the last one goes next; bounded by the halvings of a batch
  std::uint64_t refusals = 0,
                refusals_in_a_row = 0;  // batches refused for a line; since one was taken
  bool cancel_wanted = false;           // by the user
  std::uint64_t same = 0;               // items answered with an identical request's answer…
  MoneySum same_cost;                   // …and what those answers had cost
  plan::RequestHead head;           // that all requests share, where a cached content could hold it
  std::uint64_t content_reads = 0;  // ≈ answers that named a cached content…
  MoneySum content_saved;           // …and what their prompts cost less for it
  std::uint64_t batches = 0;        // numbers handed out so far
  std::uint64_t segment_bytes = 0;
  Watermark output;
  bool rebuilding = false;       // after a retry: the output is written anew, beside the old one
  std::optional<Time> deadline;  // reckoned when the job began: a resume keeps it
  Time started_at{}, ended_at{};
  Duration wall{};                   // real time spent by earlier processes and this one
  bool simulated = false;            // the answers came from a simulator
  std::vector<std::string> reasons;  // decisions worth telling, oldest first, bounded
  [[nodiscard]] std::string encode() const;
  static Result<JobState> decode(std::string_view text);
};

enum class BatchPhase : std::uint8_t { kRunning, kEnded, kRefused, kHeld };

/// Why the engine asked for a batch's cancellation.
enum class StopCause : std::uint8_t {
  kNone,
  kDeadline,  // the job's deadline would be missed
  kOverdue,   // it outlived batch_timeout or the provider's window
  kSubmit,    // its submission took longer than fallback_timeout
  kUser       // the job is cancelled
};
std::string_view to_string(StopCause cause);

/// What a human said of a batch that was held.
enum class Settled : std::uint8_t { kNone, kAdopted, kNotMade, kLost };
std::string_view to_string(Settled settled);
std::string_view to_string(BatchPhase phase);

/// What a small batch goes ahead of the others for.
enum class Ahead : std::uint8_t { kNone, kPriming, kProbe };
std::string_view to_string(Ahead ahead);

struct BatchState {
  std::uint64_t number = 0;  // from 1 within the store
  BatchId id;
  BatchPhase phase = BatchPhase::kRunning;
  Ahead ahead = Ahead::kNone;
  MemberRange members;  // sequence s is the item at its place s; those of rejected items are unused
  std::uint64_t items = 0;  // in the image
  std::uint64_t image_bytes = 0;
  std::string image_digest;
  bool image_kept = true;  // until the create is confirmed
  Money ceiling;           // reserved of the spend limit until it ends
  std::string adapter_state;
  provider::BatchView view;
  std::string reason;                          // of its end, when it is not an ordinary one
  std::map<std::string, std::uint64_t> lines;  // rows done per artefact
  std::uint64_t rows = 0, duplicates = 0, strangers = 0, broken = 0;
  bool confirmed = false;  // a row has carried our custom_id prefix
  Time planned_at{};
  StopCause stop = StopCause::kNone;
  Settled settled = Settled::kNone;
  /// The provider's batch may be another's: it was found by likeness, and no row has told yet.
  [[nodiscard]] bool unsure() const { return view.provisional && !confirmed; }
  [[nodiscard]] std::string encode() const;
  static Result<BatchState> decode(std::string_view text);
};

}  // namespace weir::engine
