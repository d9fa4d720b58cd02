#pragma once
// A model of Weir: plain and unoptimised. Requests go as they are, one by one.
#include <memory>

#include "library/host.h"

namespace weir::library {

class NativeModel final : public ChatModel {
 public:
  NativeModel(std::shared_ptr<Host> host, TargetPtr target)
      : host_(std::move(host)), target_(std::move(target)) {}

  Result<Response> invoke(const Request& request, const CallOptions& options,
                          std::stop_token stop) override;
  Result<Response> stream(const Request& request, const OnChunk& on_chunk,
                          const CallOptions& options, std::stop_token stop) override;
  [[nodiscard]] ModelInfo info() const override { return target_->info(); }

  /// invoke() in two halves, so that no thread waits in between. `done` as CallDesk::begin has it; what it gets is for finish(), on
  /// any thread.
  void begin(const Request& request, const CallOptions& options, CallDesk::Done done);
  Result<Response> finish(Result<CallOutcome> outcome, const Request& request) const;
  /// Whether finish() is over at once and runs nothing of the program's own.
  [[nodiscard]] bool finishes_at_once(const Request& request) const;

  [[nodiscard]] const std::shared_ptr<Host>& host() const { return host_; }
  [[nodiscard]] const TargetPtr& target() const { return target_; }

 private:
  Result<CallSpec> spec_of(const Request& request, const CallOptions& options, bool stream) const;
  Result<Response> send(const Request& request, const OnChunk& on_chunk, const CallOptions& options,
                        const std::stop_token& stop);

  std::shared_ptr<Host> host_;
  TargetPtr target_;
};

/// @error kInvalidArgument an option is out of range.
Result<void> check_options(const CallOptions& options);

}  // namespace weir::library
