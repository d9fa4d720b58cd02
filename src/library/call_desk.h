#pragma once
// Single requests by the standard API: within the account's limits, retried, each attempt booked. The work is a coroutine on the calls'
// loop, which waits for no disk and no other loop. Thread-safe.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/account.h"
#include "library/call_ledger.h"
#include "library/loop.h"
#include "provider/embedding.h"
#include "runtime/access_tokens.h"
#include "runtime/clock.h"
#include "runtime/random.h"

namespace weir::library {

/// What came of a call.
struct CallOutcome {
  llm::Response answer;  // of embeddings: usage and model
  std::uint32_t attempts = 1;
  std::string raw;  // the body, where it was not a stream
  std::vector<std::vector<float>> vectors = {};
  bool metered = true;  // false: the provider said no usage
};

struct CallSpec {
  TargetPtr target;
  llm::Request request;
  std::optional<provider::EmbeddingRequest> embedding = std::nullopt;  // instead of `request`
  std::optional<Duration> deadline;                                    // from now, by the clock
  bool urgent = false;
  std::uint32_t attempts_max = 4;
  std::string workload = {};  // whose ledger it is booked in; empty: the model's own
};

class CallDesk {
 public:
  CallDesk(HttpLoop& calls, Loop& books, runtime::RuntimeClock& clock, std::string folder,
           CallLedger::Booked booked);
  ~CallDesk();

  /// Opens the target's ledger, of a workload where one is named. Blocks on the disk. @error kUnavailable, kInternal.
  Result<void> add(const TargetPtr& target, const std::string& workload = {});
  /// @param on_chunk where the request asks for a stream. @error as ChatModel::invoke.
  Result<CallOutcome> perform(CallSpec spec, const OnChunk& on_chunk, const std::stop_token& stop);
  /// Without a stream and without waiting: `done` is called once, on the calls' loop, and must neither block nor run what is not
  /// Weir's; at once where nothing could be begun.
  using Done = std::function<void(Result<CallOutcome>)>;
  void begin(CallSpec spec, Done done);
  /// What a provider told an account's requests, by Target::account_key(), goes to `tell`, on the calls' loop. Before the first call.
  using OnNews = std::function<void(const std::string& account, const engine::Account::News& news)>;
  void on_news(OnNews tell) { tell_ = std::move(tell); }
  /// What it told jobs of the account.
  void hear(const std::string& account, const engine::Account::News& news);
  /// Until what is booked so far stands in the store, for a few seconds at most.
  void settle();
  /// No call is begun any more; those in flight are awaited until then, then given up. The ledgers are in the store when it returns.
  /// @return whether none had to be given up.
  bool stop(std::chrono::steady_clock::time_point until);

 private:
  struct Ticket;  // one call: what its thread and the loop share
  struct Line {   // an account and who waits for it
    engine::Account account{512};
    engine::Account::Seat plain = account.join(), urgent = account.join(true);
  };
  struct Keeper;  // of an account's access token
  using TicketPtr = std::shared_ptr<Ticket>;
  Result<void> enter(const TicketPtr& ticket);
  asio::awaitable<void> run(TicketPtr ticket);
  asio::awaitable<Result<void>> wait_for_turn(TicketPtr ticket);
  asio::awaitable<Result<CallOutcome>> attempt(TicketPtr ticket);
  asio::awaitable<bool> pause(TicketPtr ticket, Duration duration);
  void finish(const TicketPtr& ticket, Result<CallOutcome> outcome);
  void beat();
  void flush();
  std::vector<CallLedger*> ledgers();
  Line& line_of(const std::string& account);
  runtime::AccessTokens& tokens_of(const TargetPtr& target);

  HttpLoop& calls_;
  Loop& books_;
  runtime::RuntimeClock& clock_;
  const std::string folder_;
  const CallLedger::Booked booked_;
  OnNews tell_;
  std::mutex mutex_;  // guards what other threads touch: ledgers_ (insertion), stopped_
  std::map<std::string, std::unique_ptr<CallLedger>> ledgers_;
  bool stopped_ = false;  // no new calls
  bool ended_ = false;    // the loop is about to end

  // On the calls' loop only.
  runtime::SystemRandom random_;
  std::map<std::string, std::unique_ptr<Line>> lines_;
  std::map<std::string, std::unique_ptr<Keeper>> keepers_;
  std::map<Ticket*, TicketPtr> running_;
  asio::steady_timer pulse_;
  bool beating_ = true;  // of the calls' loop
};

}  // namespace weir::library
