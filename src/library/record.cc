#include "library/record.h"

#include "base/hash.h"
#include "json/write.h"
#include "library/price.h"
#include "runtime/posix_files.h"

namespace weir::library {

std::string target_json(const ModelInfo& model, const std::string& workload) {
  json::Writer w;
  w.begin_object().field("provider", model.provider).field("model", model.model);
  w.field("endpoint", model.endpoint).field("account", model.account);
  if (!workload.empty()) w.field("workload", workload);
  w.end_object();
  return w.take();
}

Result<Records::Ledger*> Records::ledger(const ModelInfo& model, const std::string& workload) {
  const auto text = target_json(model, workload);
  const auto name = "own-" + content_digest(text).substr(0, 16);
  if (const auto found = ledgers_.find(name); found != ledgers_.end()) return &found->second;
  const auto path = folder_ + "/" + name;
  WEIR_CHECK(runtime::make_private_folder(path));
  Ledger ledger;
  WEIR_TRY(ledger.store, runtime::SqliteStore::open(path + "/store.sqlite"));
  WEIR_CHECK(runtime::write_whole_file(path + "/target.json", text));
  WEIR_TRY(const auto last, ledger.store->last_sequence(0));
  ledger.next = last + 1;
  return &ledgers_.emplace(name, std::move(ledger)).first->second;
}

Result<void> Records::add(std::span<const Response> responses, const ModelInfo& model,
                          const std::string& workload, Time now) {
  if (responses.empty()) return {};
  const std::scoped_lock lock(mutex_);
  WEIR_TRY(auto* ledger, this->ledger(model, workload));
  engine::Commit commit{.name = "record"};
  auto next = ledger->next;
  for (const auto& response : responses) {
    cost::LedgerEntry entry{.sequence = next,
                            .item = next,
                            .answered = true,
                            .priced_at = now,
                            .usage = response.usage,
                            .cost = response.cost,
                            .baseline = response.baseline,
                            .uncached = response.baseline};
    ++next;
    if (entry.cost.pico == 0)
      if (const auto priced =
              price(response.usage, model.provider, model.model, response.route, now))
        entry.cost = *priced;
    if (entry.baseline.pico == 0) {
      Usage plain{.input = response.usage.prompt(), .output = response.usage.output};
      if (const auto priced = price(plain, model.provider, model.model, Route::kSync, now))
        entry.baseline = *priced;
    }
    if (booked_) booked_(workload, entry);
    commit.ledger.push_back(entry);
  }
  WEIR_CHECK(ledger->store->commit(commit));
  ledger->next = next;
  return {};
}

}  // namespace weir::library
