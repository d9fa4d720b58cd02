#pragma once
// The savings receipt: what a job cost, against the same work sync and uncached, against what a provider's automatic cache would
// have done, and against the least it could have cost. Pure: sums in, a receipt out.
#include <optional>
#include <string>
#include <vector>

#include "catalogue/catalogue.h"
#include "cost/ledger.h"
#include "engine/state.h"

namespace weir::report {

struct Accuracy {
  std::string field;
  std::uint64_t right = 0, total = 0;
};

struct ReceiptInput {
  const engine::JobState& job;
  engine::ResultCounts counts;
  const cost::LedgerTotals& totals;
  const catalogue::Provider& provider;
  const catalogue::Model& model;
  std::optional<Accuracy> accuracy;
  std::optional<MoneySum> provider_bill;  // of this job's attempts, where the provider tells
};

struct Receipt {
  std::string provider, model, input;
  bool finished = false, simulated = false;
  std::uint64_t total = 0, succeeded = 0, failed = 0, cancelled = 0;
  std::uint64_t same = 0;  // of these, answered with an identical request's answer…
  MoneySum same_cost;      // …and what sending them would have cost besides
  llm::Route route = llm::Route::kSync;
  std::uint64_t batch_answers = 0, sync_answers = 0, unknown_attempts = 0, repeats = 0;

  MoneySum spent, exposure;
  MoneySum baseline;            // the same tokens sync and uncached
  MoneySum automatic_baseline;  // ≈ sync, in input order, with the provider's automatic cache
  MoneySum saved, saved_by_batch, saved_by_cache, lost_to_repeats;
  MoneySum
      lower_bound;  // ≈ the cheapest admissible route, every shared prefix written once and then read
  struct Loss {
    std::string to;
    MoneySum amount;
  };
  std::vector<Loss> losses;  // ≈ from the lower bound up to what was spent
  MoneySum
      miss_premium;  // ≈ paid for writes that a hit would have spared, against the same route without caching
  double hit_rate_break_even = 0;
  std::optional<MoneySum> provider_bill;

  struct Contents {  // cached contents that were made by name
    std::uint64_t made = 0, reads = 0;
    MoneySum written, stored;  // what they cost
    MoneySum saved;            // ≈ what the reads cost less for them than uncached
  };
  Contents contents;

  double request_hit_rate = 0, token_hit_rate = 0;
  llm::Usage usage;
  std::optional<Accuracy> accuracy;
  double wall_s = 0, virtual_s = 0;
  std::string price_source;
  std::vector<std::string> reasons;
};

Receipt make_receipt(const ReceiptInput& input);
/// One JSON object; dollar amounts are decimal strings.
std::string to_json(const Receipt& receipt);
/// For people, about 30 lines, no trailing newline.
std::string to_text(const Receipt& receipt);

}  // namespace weir::report
