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

Result<CallSpec> NativeModel::spec_of(const Request& request, const CallOptions& options,
                                      bool stream) const {
  WEIR_CHECK(check_options(options));
  WEIR_CHECK(host_->spend().admit(options.workload));
  const auto policy = host_->settings().workload(options.workload);
  WEIR_TRY(auto asked, to_llm(request, *target_));
  asked.stream = stream;
  return CallSpec{.target = target_,
                  .request = std::move(asked),
                  .deadline = options.deadline,
                  .urgent = options.urgent,
                  .attempts_max = policy.attempts_max(),
                  .workload = host_->booked_under(options.workload)};
}

void NativeModel::begin(const Request& request, const CallOptions& options, CallDesk::Done done) {
  auto spec = spec_of(request, options, false);
  if (!spec) return done(std::unexpected(std::move(spec).error()));
  host_->calls().begin(std::move(*spec), std::move(done));
}

bool NativeModel::finishes_at_once(const Request& request) const {
  return request.answer_schema.empty() && !host_->hooks().on_cache_hit;
}

Result<Response> NativeModel::finish(Result<CallOutcome> outcome, const Request& request) const {
  if (!outcome) return std::unexpected(std::move(outcome).error());
  WEIR_TRY(auto response, to_response(std::move(outcome->answer), request, *target_, Route::kSync,
                                      has_hints(request), host_->clock().now()));
  response.attempts = outcome->attempts;
  response.raw = std::move(outcome->raw);
  if (response.usage.cache_read.count > 0 && host_->hooks().on_cache_hit)
    host_->hooks().on_cache_hit(
        {.model = target_->model->name, .tokens = response.usage.cache_read});
  return response;
}

Result<Response> NativeModel::send(const Request& request, const OnChunk& on_chunk,
                                   const CallOptions& options, const std::stop_token& stop) {
  WEIR_TRY(auto spec, spec_of(request, options, static_cast<bool>(on_chunk)));
  return finish(host_->calls().perform(std::move(spec), on_chunk, stop), request);
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
