#pragma once
// A simulated provider: one folder sim/providers/<name>/, found by the build. It knows its
// provider's documents and the common machinery of sim/, nothing of Weir's adapters, planner or
// ledger. Single-threaded, like all of sim/.
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "http/message.h"
#include "json/write.h"
#include "sim/bill.h"
#include "sim/faults.h"
#include "sim/heard.h"
#include "sim/model.h"
#include "sim/options.h"
#include "sim/prompt_cache.h"
#include "sim/reply.h"
#include "sim/tokenizer.h"

namespace weir::sim {

/// A batch that has ended, as a webhook tells it.
struct EndedBatch {
  std::string_view provider;
  std::string id;    // the provider's
  std::string type;  // "batch.completed"
};

/// What all providers of one simulator share. Owned by the Simulator, which outlives them.
struct World {
  Options options;
  Faults faults;
  Bill bill;
  PromptCache cache;
  TokenCounter tokens;
  Model model;
  Listener listener;
  std::vector<EndedBatch> ended;  // where Options::tells_ended
};

/// One request on its way through a provider.
struct Call {
  http::Request& request;  // the provider may take its body
  std::string_view path;   // below the provider's prefix, without query: "/v1/models"
  Time now;
  std::uint64_t sequence = 0;  // of the request in this world, from 1
  std::string account;         // a short hash of the key
  std::string request_id;
  std::string attempt_id;                // x-client-request-id, else the request id
  std::vector<const FaultRule*> faults;  // that this request sets off

  /// A bill row whose answer is out once so many bytes of this reply are sent.
  struct Delivery {
    std::size_t bytes = 0;
    std::size_t bill_row = 0;
  };
  std::vector<Delivery> deliveries;
};

/// The name of what a request does, for fault rules; `alias` is the same across providers ("sync",
/// "batch_results").
struct Operation {
  std::string_view name;
  std::string_view alias;
};

/// State of an account's rate limit after this request.
struct RateState {
  std::int64_t limit = 0, remaining = 0;
  Duration reset{0};
};

class Provider {
 public:
  virtual ~Provider() = default;
  /// Its folder's name, and the first segment of its paths.
  [[nodiscard]] virtual std::string_view name() const = 0;
  /// What the base URL that a client is configured with has behind host and name: "/v1".
  [[nodiscard]] virtual std::string_view base_path() const { return ""; }
  /// Called once, before anything else. @error kInvalidArgument its price rows do not parse.
  virtual Result<void> start(World& world) = 0;
  /// The API key that a request carries; nothing when there is none.
  [[nodiscard]] virtual std::optional<std::string_view> key_of(
      const http::Request& request) const = 0;
  [[nodiscard]] virtual Operation operation(const Call& call) const = 0;
  /// Lets everything happen that is due by `now`: rows of batches, expiries.
  virtual void advance(Time now) = 0;
  virtual Reply handle(Call& call) = 0;
  /// An error in the provider's own shape; `message` may be empty for the usual text of that
  /// status.
  [[nodiscard]] virtual Reply error(const Call& call, int status,
                                    std::string_view message) const = 0;
  /// 429, with the wait as the provider tells it: the header retry-after.
  [[nodiscard]] virtual Reply rate_limited(const Call& call, Duration wait) const;
  /// Adds the provider's headers of request id and rate limits.
  virtual void add_headers(const Call& call, const RateState& rate,
                           http::Headers& headers) const = 0;
  /// Members of the provider's object in /_sim/state.
  virtual void write_state(json::Writer& out) const = 0;
};

}  // namespace weir::sim
