#pragma once
// Answers that came by models of the user's own, booked in the store: a ledger folder a provider and model, beside those of Weir's
// models. Thread-safe; a call returns when the entries are durable.
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "runtime/sqlite_store.h"
#include "weir/chat_model.h"

namespace weir::library {

class Records {
 public:
  explicit Records(std::string folder) : folder_(std::move(folder)) {}
  /// Cost and baseline are the response's; where it has none, the catalogue's.
  /// @error kUnavailable the store does not take it.
  Result<void> add(std::span<const Response> responses, const ModelInfo& model, Time now);

 private:
  struct Ledger {
    std::unique_ptr<runtime::SqliteStore> store;
    std::uint64_t next = 1;
  };
  Result<Ledger*> ledger(const ModelInfo& model);

  const std::string folder_;
  std::mutex mutex_;
  std::map<std::string, Ledger> ledgers_;
};

/// The description that every ledger folder carries.
std::string target_json(const ModelInfo& model);

}  // namespace weir::library
