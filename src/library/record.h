#pragma once
// Answers that came by models of the user's own, booked in the store: a ledger folder a provider, model and workload, beside those of
// Weir's models. Also keeps what `auto` would have made of answers that were only observed. Thread-safe; a call returns when the entries are durable.
#include <functional>
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
  /// @param booked told of each entry before it is stored: whose, and what it cost.
  using Booked = std::function<void(const std::string& workload, const cost::LedgerEntry& entry)>;
  explicit Records(std::string folder, Booked booked = {})
      : folder_(std::move(folder)), booked_(std::move(booked)) {}
  /// Cost and baseline are the response's; where it has none, the catalogue's.
  /// @error kUnavailable the store does not take it.
  Result<void> add(std::span<const Response> responses, const ModelInfo& model,
                   const std::string& workload, Time now);

 private:
  struct Ledger {
    std::unique_ptr<runtime::SqliteStore> store;
    std::uint64_t next = 1;
  };
  Result<Ledger*> ledger(const ModelInfo& model, const std::string& workload);

  const std::string folder_;
  const Booked booked_;
  std::mutex mutex_;
  std::map<std::string, Ledger> ledgers_;
};

/// The description that every ledger folder carries. @param workload may be empty.
std::string target_json(const ModelInfo& model, const std::string& workload);

}  // namespace weir::library
