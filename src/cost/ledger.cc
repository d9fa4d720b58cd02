#include "cost/ledger.h"

namespace weir::cost {

void LedgerTotals::add(const LedgerEntry& entry) {
  if (entry.outcome == LedgerEntry::Outcome::kUnknown) {
    ++unknown;
    exposure += entry.cost;
    return;
  }
  if (entry.kind != LedgerEntry::Kind::kAnswer) {
    const bool write = entry.kind == LedgerEntry::Kind::kContentWrite;
    contents += write ? 1 : 0;
    (write ? contents_written : contents_stored) += entry.cost;
    spent += entry.cost;
    return;
  }
  ++billed;
  spent += entry.cost;
  usage += entry.usage;
  if (!entry.answered) {
    ++repeats;
    return;
  }
  ++answers;
  if (entry.batch != 0) ++batch_answers;
  if (entry.usage.cache_read.count > 0) ++cache_hits;
  answered_usage += entry.usage;
  answers_spent += entry.cost;
  baseline += entry.baseline;
  uncached += entry.uncached;
}

}  // namespace weir::cost
