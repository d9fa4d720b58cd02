#include "library/native_model.h"

#include "library/translate.h"

namespace weir::library {

Result<void> check_options(const CallOptions& options) {
  if (options.concurrency_max < 1 || options.concurrency_max > 512)
    return fail(ErrorKind::kInvalidArgument, "CallOptions::concurrency_max is out of range",
                "1 to 512");
  if (options.workload.size() > 64)
    return fail(ErrorKind::kInvalidArgument, "CallOptions::workload is too long",
                "at most 64 characters");
  if (options.idempotency_key.size() > 200)
    return fail(ErrorKind::kInvalidArgument, "CallOptions::idempotency_key is too long",
                "at most 200 characters");
  if (options.deadline && *options.deadline <= Duration::zero())
    return fail(ErrorKind::kDeadlineExceeded, "the deadline had passed before the call began");
  return {};
}

Result<Response> NativeModel::send(const Request& request, const OnChunk& on_chunk,
                                   const CallOptions& options, const std::stop_token& stop) {
  WEIR_CHECK(check_options(options));
  WEIR_CHECK(host_->spend().admit(options.workload));
  const auto policy = host_->settings().workload(options.workload);
  WEIR_TRY(auto asked, to_llm(request, *target_));
  asked.stream = static_cast<bool>(on_chunk);
  const bool marked = has_hints(request);
  WEIR_TRY(auto outcome, host_->calls().perform({.target = target_,
                                                 .request = std::move(asked),
                                                 .deadline = options.deadline,
                                                 .urgent = options.urgent,
                                                 .attempts_max = policy.attempts_max(),
                                                 .workload = policy.name()},
                                                on_chunk, stop));
  WEIR_TRY(auto response, to_response(std::move(outcome.answer), request, *target_, Route::kSync,
                                      marked, host_->clock().now()));
  response.attempts = outcome.attempts;
  response.raw = std::move(outcome.raw);
  if (response.usage.cache_read.count > 0 && host_->hooks().on_cache_hit)
    host_->hooks().on_cache_hit(
        {.model = target_->model->name, .tokens = response.usage.cache_read});
  return response;
}

Result<Response> NativeModel::invoke(const Request& request, const CallOptions& options,
                                     std::stop_token stop) {
  return send(request, {}, options, stop);
}

Result<Response> NativeModel::stream(const Request& request, const OnChunk& on_chunk,
                                     const CallOptions& options, std::stop_token stop) {
  if (!on_chunk)
    return fail(ErrorKind::kInvalidArgument, "stream() needs on_chunk",
                "invoke() gives the whole answer");
  return send(request, on_chunk, options, stop);
}

}  // namespace weir::library
