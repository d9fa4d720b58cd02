#pragma once
// What goes wrong, by rule: a list of {match, fault}, all chance drawn from the seed. README.md
// documents the file.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace weir::sim {

enum class FaultKind : std::uint8_t {
  // Of a request.
  kRateLimited,          // 429 with retry-after; nothing happens
  kStatus,               // that status; nothing happens
  kOverloaded,           // 529 (or 503 where the provider has no 529); nothing happens
  kTimeoutBeforeAccept,  // no answer; nothing happens
  kTimeoutAfterAccept,   // no answer; it happens, and is billed
  kReset,                // connection closed before any byte; it happens when "accepted" is true
  kCutBody,              // it happens; the answer breaks off after so many bytes
  kTruncate,  // it happens; the answer is whole HTTP, but its body ends after so many bytes
  kDelay,     // it happens, later
  // Of a batch, decided when it is created.
  kBatchRefused,          // validation fails (openAI), or the create is refused (anthropic)
  kExpireBatch,           // only a part of the rows is run before it expires
  kCancelBatch,           // the provider cancels it after a part of the rows
  kSlowBatch,             // it takes so many seconds longer
  kInvisibleBatch,        // lists show it only after so many seconds
  kRowError,              // rows fail
  kMissingRows,           // rows are in no result file and not billed
  kBilledButUndelivered,  // rows are in no result file, but billed
  kDuplicateRows,         // rows stand twice
  kMalformedRow,          // rows are cut in the middle; billed
  kShuffleRows,           // results come in random order
};

struct FaultRule {
  // match
  std::string provider;        // empty: any; compared without case
  std::string operation;       // empty: any
  std::int64_t nth = 0;        // only the nth matching request, from 1
  std::int64_t every = 0;      // every nth matching request
  std::int64_t times_max = 0;  // at most so often; 0: no bound
  double probability = 1;
  std::string custom_id;              // rows: this one
  std::optional<std::int64_t> index;  // rows: the one at this place, from 0
  // fault
  FaultKind kind = FaultKind::kStatus;
  double fraction = 1;      // of the rows
  std::int64_t code = 500;  // kStatus
  std::int64_t after_bytes = 100;
  std::string type;  // of a row error, or the code of a refused batch
  std::optional<Duration> retry_after;
  Duration duration{
      0};  // kDelay, kSlowBatch, kInvisibleBatch; kExpireBatch: life of the batch, 0 = 24 h
  bool accepted = false;  // kReset

  std::int64_t seen = 0, fired = 0;  // counted as requests pass
};

bool is_batch_fault(FaultKind kind);

/// The rules of one world and how often they have fired.
class Faults {
 public:
  /// @error kInvalidArgument not the documented shape; names the rule and what is wrong with it.
  static Result<Faults> parse(std::string_view text, std::uint64_t seed);
  /// The rules that this request sets off, in the order of the file. `aliases` are further names of
  /// the operation.
  std::vector<const FaultRule*> triggered(std::string_view provider, std::string_view operation,
                                          std::string_view alias, std::uint64_t sequence);

 private:
  std::vector<FaultRule> rules_;
  std::uint64_t seed_ = 0;
};

}  // namespace weir::sim
