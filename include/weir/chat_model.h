#pragma once
// ChatModel: the interface that Weir's models have, that optimised models keep, and that users may derive from.
// Thread-safety: every call of every ChatModel may come from any thread, several at once.
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "weir/request.h"

namespace weir {

struct ModelInfo {
  std::string provider;  // one of the 14, or any other name
  std::string model;
  std::string endpoint;  // base URL; empty where the model is none of ours
  std::string account;   // a configured name
};

/// New answer text, on the calling thread. False: the rest is not wanted.
using OnChunk = std::function<bool(std::string_view text)>;

class WEIR_API ChatModel {
 public:
  ChatModel() = default;
  ChatModel(const ChatModel&) = delete;
  ChatModel& operator=(const ChatModel&) = delete;
  virtual ~ChatModel();

  /// One request, one answer; blocks. Not idempotent: each call may be billed.
  /// @error kInvalidArgument the request cannot be said to the model; kUnauthenticated; kRateLimited, kUnavailable after the retries;
  /// kDeadlineExceeded the outcome is unknown; kBadResponse no answer, or not of the schema; kCancelled by the stop token.
  virtual Result<Response> invoke(const Request& request, const CallOptions& options = {},
                                  std::stop_token stop = {}) = 0;
  /// The same, piece by piece. By default invoke() and one piece. @error as invoke(); kCancelled on_chunk returned false.
  virtual Result<Response> stream(const Request& request, const OnChunk& on_chunk,
                                  const CallOptions& options = {}, std::stop_token stop = {});
  /// One Result a request, in the order of the requests; empty in, empty out. By default invoke() with at most
  /// options.concurrency_max in flight. @error of a slot: as invoke().
  virtual std::vector<Result<Response>> batch(std::span<const Request> requests,
                                              const CallOptions& options = {},
                                              std::stop_token stop = {});
  /// Which model this is; what Weir's rules, prices and metrics go by. The same at each call; costs nothing; no error.
  [[nodiscard]] virtual ModelInfo info() const = 0;
};

/// Implemented beside ChatModel by a model of the user's own whose provider has a batch API. Called from Weir's threads, one call
/// at a time for one batch.
class WEIR_API BatchPort {
 public:
  BatchPort() = default;
  BatchPort(const BatchPort&) = delete;
  BatchPort& operator=(const BatchPort&) = delete;
  virtual ~BatchPort();

  struct Item {
    std::string custom_id;
    Request request;
  };
  struct Status {
    bool ended = false;      // nothing changes any more; collect() gives what there is
    std::uint64_t done = 0;  // items, where the provider counts
  };
  /// Creates a batch and returns its id, not empty. Called once a batch: after kDeadlineExceeded (outcome unknown) find() decides.
  /// @param items 1 to BatchConfig::max_batch_size; custom_id is unique among all batches, at most 64 characters of A-Z a-z 0-9 - _.
  /// @param recovery_key to be kept by the provider (as metadata, say), so that find() sees it.
  /// @error kDeadlineExceeded the batch may have been made; any other: it was not, and its items go by batch() instead.
  virtual Result<std::string> submit(std::span<const Item> items,
                                     const std::string& recovery_key) = 0;
  /// The batch that was created with this key; nothing: surely none. Asked again for 10 minutes, as lists may lag behind.
  /// @error any: the outcome stays unknown, and the items go by batch().
  virtual Result<std::optional<std::string>> find(const std::string& recovery_key) = 0;
  /// Where the batch stands; asked at most every BatchConfig::poll_interval_max (by the engine's clock). Idempotent.
  /// @error any: the batch is cancelled and collected, and what it leaves open goes by batch().
  virtual Result<Status> poll(const std::string& batch_id) = 0;
  using OnRow = std::function<void(const std::string& custom_id, Result<Response> response)>;
  /// Calls on_row for each item that has an answer or an error, in any order, on the calling thread; a row told twice counts once.
  /// A row's kInvalidArgument, kUnsupported, kNotFound or kUnauthenticated is the item's end; with any other error, or without a row,
  /// it goes by batch(). Called once the batch has ended or was cancelled. @error any: rows that came before it count.
  virtual Result<void> collect(const std::string& batch_id, const OnRow& on_row) = 0;
  /// Asks the provider to stop the batch; poll() then tells when it stands still. Idempotent; also of a batch that has ended.
  /// @error any: is not looked at, poll() decides.
  virtual Result<void> cancel(const std::string& batch_id) = 0;
};

}  // namespace weir
