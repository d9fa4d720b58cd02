#pragma once
// The simulated world: providers behind one base URL (/openAI/v1/..., /anthropic/v1/...), their
// bill and their faults. Pure: no clock, no sockets, no threads; the same options and sequence of
// (request, now) give the same replies. A shell serves it over HTTP, owns the clock and
// /_sim/clock; tests call handle(). Not thread-safe.
//
//   GET /_sim/health               {"status":"ok","providers":[...]}
//   GET /_sim/bill[?format=jsonl]  every billed row with the attempt id that its
//                                  request carried; with a key: its account's
//   GET /_sim/state                counts of what is stored and running, per provider
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sim/options.h"
#include "sim/provider.h"
#include "sim/reply.h"

namespace weir::sim {

/// Every reply says so: nobody may take these answers for a language model's.
inline constexpr std::string_view kSimulatedHeader = "x-weir-simulated";
inline constexpr std::string_view kSimulatedValue = "keyword classifier, not a language model";

class Simulator {
 public:
  /// @error kInvalidArgument the faults are not of the documented shape, a price row does not
  /// parse, or an option is out of range.
  static Result<std::unique_ptr<Simulator>> create(
      Options options, std::vector<std::unique_ptr<Provider>> providers);

  /// Answers one request that arrived whole at `now`. A `now` earlier than one seen before counts
  /// as that one. Pass the request by move: a batch file of 200 MB is then not copied.
  Reply handle(http::Request request, Time now);
  /// Lets batches go on to `now` without a request.
  void advance(Time now);

  /// Batches that ended since the last call, in their order, where Options::tells_ended.
  std::vector<EndedBatch> take_ended() { return std::exchange(world_.ended, {}); }

  [[nodiscard]] const Bill& bill() const { return world_.bill; }
  /// From now on, what the latest request that was answered said.
  void listen() { world_.listener.listen(); }
  [[nodiscard]] const std::vector<Heard>& heard() const { return world_.listener.heard(); }

 private:
  struct Window {
    std::int64_t minute = 0;
    std::int64_t requests = 0;
  };

  Simulator() = default;
  Reply serve(Provider& provider, Call& call);
  Reply own(std::string_view path, const http::Request& request);
  std::optional<Reply> refusal(const Provider& provider, const Call& call,
                               const RateState& rate) const;
  RateState count(const Provider& provider, const Call& call);
  void finish(const Provider& provider, Call& call, Reply& reply, const RateState& rate);

  World world_;
  std::vector<std::unique_ptr<Provider>> providers_;
  std::unordered_map<std::string, Window> windows_;  // by provider and account
  std::uint64_t sequence_ = 0;
  Time now_;  // the latest that was told
};

}  // namespace weir::sim
