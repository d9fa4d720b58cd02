#include "library/port_batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <tuple>

#include "runtime/random.h"

namespace weir::library {
namespace {

// After it, a batch that the port does not find was not made (as design.md 4.2 has it for providers that say nothing).
constexpr std::chrono::minutes kVisibilityMax{10};
constexpr std::chrono::seconds kPollMin{1};
// A cancelled batch is awaited until it stands still, but not for ever.
constexpr int kCancelPollsMax = 60;

// The request itself is at fault, or nobody may ask it: another path gives the same.
bool is_final(ErrorKind kind) {
  return kind == ErrorKind::kInvalidArgument || kind == ErrorKind::kUnsupported ||
         kind == ErrorKind::kNotFound || kind == ErrorKind::kUnauthenticated;
}

class PortBatch {
 public:
  PortBatch(OptimizedModel::Impl& model, std::span<const Request> requests,
            std::vector<Result<Response>>& out, std::size_t first, const std::stop_token& stop,
            std::optional<Time> until)
      : model_(model), out_(out), first_(first), stop_(stop), until_(until) {
    runtime::SystemRandom random;
    id_ = BatchId::make(model.host->clock().now(), random);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      items_.push_back({.custom_id = custom_id(id_, i), .request = requests[i]});
      hinted_.push_back(model_.prepare(items_.back().request));
    }
    open_.assign(items_.size(), true);
    errors_.resize(items_.size());
  }

  /// @error why items are open that the batch should have answered.
  Result<void> run() {
    WEIR_TRY(const auto batch, create());
    auto waited = wait(batch);
    if (!waited) {
      std::ignore = model_.port->cancel(batch);
      for (int polls = 0; polls < kCancelPollsMax; ++polls) {
        const auto status = model_.port->poll(batch);
        if (status && status->ended) break;
        pause(kPollMin);
      }
    }
    auto collected = model_.port->collect(
        batch, [this](const std::string& custom_id_text, Result<Response> response) {
          take(custom_id_text, std::move(response));
        });
    if (!waited) return waited;
    WEIR_CHECK(std::move(collected));
    const auto missing = std::ranges::count(open_, true);
    if (missing > 0) {
      const auto told = std::ranges::find_if(errors_, [](const auto& error) { return !!error; });
      return fail(
          ErrorKind::kUnavailable,
          fmt::format("{} of {} requests have no answer in batch {}{}", missing, open_.size(),
                      batch, told == errors_.end() ? "" : ": " + (*told)->message));
    }
    return {};
  }

  /// Why this one is open: its row's error, else the batch's.
  [[nodiscard]] const Error& why(std::size_t index, const Error& batch) const {
    const auto& own = errors_[index - first_];
    return own ? *own : batch;
  }
  /// Indices within the whole of what is open.
  [[nodiscard]] std::vector<std::size_t> open() const {
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < open_.size(); ++i)
      if (open_[i]) out.push_back(first_ + i);
    return out;
  }

 private:
  // A create of unknown outcome is looked for, never sent again blindly.
  Result<std::string> create() {
    const auto key = custom_id_prefix(id_);
    auto created = model_.port->submit(items_, key);
    if (created || created.error().kind != ErrorKind::kDeadlineExceeded) return created;
    const auto until = model_.host->clock().now() + kVisibilityMax;
    while (model_.host->clock().now() < until && !stop_.stop_requested()) {
      WEIR_TRY(auto found, model_.port->find(key));
      if (found) return std::move(*found);
      pause(model_.options.batch.poll_interval_max);
    }
    return created;
  }

  Result<void> wait(const std::string& batch) {
    const auto& config = model_.options.batch;
    const auto overdue = model_.host->clock().now() + Duration(config.timeout);
    auto interval = std::min<std::chrono::seconds>(kPollMin, config.poll_interval_max);
    for (;;) {
      if (stop_.stop_requested()) return fail(ErrorKind::kCancelled, "the batch was cancelled");
      WEIR_TRY(const auto status, model_.port->poll(batch));
      if (status.ended) return {};
      const auto now = model_.host->clock().now();
      if (until_ && now >= *until_)
        return fail(ErrorKind::kDeadlineExceeded, "the deadline passed before the batch ended");
      if (now >= overdue)
        return fail(ErrorKind::kDeadlineExceeded, "the batch outlived BatchConfig::timeout");
      pause(interval);
      interval = std::min<std::chrono::seconds>(interval * 2, config.poll_interval_max);
    }
  }

  void take(const std::string& custom_id_text, Result<Response> response) {
    const auto index = parse_custom_id(id_, custom_id_text);
    if (!index || *index >= open_.size() || !open_[*index]) return;  // a stranger, or told twice
    if (response) {
      response->route = Route::kBatch;
      model_.observe(*response, hinted_[*index]);
    } else if (!is_final(response.error().kind)) {
      errors_[*index] = std::move(response).error();
      return;
    }
    open_[*index] = false;
    out_[first_ + *index] = std::move(response);
  }

  void pause(std::chrono::seconds duration) {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop_, model_.host->clock().to_real(duration), [] { return false; });
  }

  OptimizedModel::Impl& model_;
  std::vector<Result<Response>>& out_;
  std::size_t first_;
  std::stop_token stop_;
  std::optional<Time> until_;
  BatchId id_;
  std::vector<BatchPort::Item> items_;
  std::vector<bool> hinted_, open_;
  std::vector<std::optional<Error>> errors_;  // of rows that the standard path may mend
};

}  // namespace

std::vector<Result<Response>> port_batch(OptimizedModel::Impl& model,
                                         std::span<const Request> requests,
                                         const CallOptions& options, const std::stop_token& stop) {
  std::vector<Result<Response>> out(
      requests.size(), fail(ErrorKind::kInternal, "the batch gave no result for this request"));
  std::optional<Time> until;
  if (options.deadline) until = model.host->clock().now() + *options.deadline;
  for (std::size_t first = 0; first < requests.size();) {
    const auto count =
        std::min<std::size_t>(model.options.batch.max_batch_size, requests.size() - first);
    PortBatch batch(model, requests.subspan(first, count), out, first, stop, until);
    const auto ran = batch.run();
    first += count;
    if (ran) continue;
    const auto left = batch.open();
    const bool late = until && model.host->clock().now() >= *until;
    if (!model.options.fallback_to_standard || stop.stop_requested() || late) {
      for (const auto index : left) out[index] = std::unexpected(batch.why(index, ran.error()));
      continue;
    }
    std::vector<Request> rest;
    for (const auto index : left) rest.push_back(requests[index]);
    auto answered = model.batch_by_base(rest, options, stop,
                                        "the batch did not answer: " + ran.error().message);
    for (std::size_t i = 0; i < left.size() && i < answered.size(); ++i)
      out[left[i]] = std::move(answered[i]);
  }
  std::vector<Result<Response>> batched;
  std::ranges::copy_if(out, std::back_inserter(batched), [](const auto& response) {
    return response && response->route == Route::kBatch;
  });
  model.record(batched, options.workload);
  return out;
}

}  // namespace weir::library
