#include "library/optimized_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "cost/pricing.h"
#include "library/policy.h"
#include "library/port_batch.h"

namespace weir {
namespace {

using library::NativeModel;

// Anthropic's premium of 25 % for a write and saving of 90 % by a read, where the catalogue names no prices.
constexpr double kBreakEvenDefault = 0.22;

double break_even_of(const NativeModel* native) {
  if (native == nullptr) return kBreakEvenDefault;
  const auto& target = *native->target();
  const auto& rates = target.model->price_at(native->host()->clock().now()).sync;
  const auto write = cost::write_price(rates, target.provider->cache.sync_mark).pico_per_token;
  const auto read = cost::read_price(rates).pico_per_token;
  const auto premium = static_cast<double>(write - rates.input.pico_per_token);
  return write > read ? std::max(0.0, premium / static_cast<double>(write - read)) : 0;
}

const catalogue::Provider* provider_of(const library::Host& host, const Optimization& options,
                                       const ModelInfo& info) {
  return host.catalogue().find(options.provider.empty() ? info.provider : options.provider);
}

library::Observer observer_of(const library::Host& host, const Optimization& options,
                              const ModelInfo& info, double break_even) {
  const auto* provider = provider_of(host, options, info);
  return {provider, provider != nullptr ? provider->find(info.model) : nullptr, options.cache,
          break_even};
}

Result<void> check(const Optimization& options, const Capabilities& capabilities) {
  const auto bad = [](std::string message, std::string hint) {
    return fail(ErrorKind::kInvalidArgument, std::move(message), std::move(hint));
  };
  if (options.batch.max_batch_size < 1)
    return bad("BatchConfig::max_batch_size must be at least 1", "10000 is the default");
  if (capabilities.batch && options.batch.max_batch_size > capabilities.batch_requests_max &&
      options.batch.enabled)
    return bad(fmt::format("BatchConfig::max_batch_size {} is above the provider's limit of {}",
                           options.batch.max_batch_size, capabilities.batch_requests_max),
               "lower it");
  if (options.batch.timeout.count() < 1)
    return bad("BatchConfig::timeout must be at least 1 s", "24 h is the default");
  if (options.batch.poll_interval_max.count() < 1)
    return bad("BatchConfig::poll_interval_max must be at least 1 s", "60 s is the default");
  if (options.fallback_timeout.count() < 1)
    return bad("Optimization::fallback_timeout must be at least 1 s", "30 min is the default");
  if (options.cache.ttl && options.cache.ttl->count() < 1)
    return bad("CacheConfig::ttl must be at least 1 s", "leave it unset");
  if (options.cache.min_tokens.count < 0)
    return bad("CacheConfig::min_tokens is negative", "0 is the model's minimum");
  if (options.workload.size() > 64)
    return bad("Optimization::workload is too long", "at most 64 characters");
  return {};
}

}  // namespace

OptimizedModel::Impl::Impl(std::shared_ptr<library::Host> engine_host,
                           std::unique_ptr<ChatModel> base_model, Optimization wanted)
    : host(std::move(engine_host)),
      base(std::move(base_model)),
      native(dynamic_cast<NativeModel*>(base.get())),
      port(dynamic_cast<BatchPort*>(base.get())),
      options(std::move(wanted)),
      memory_(break_even_of(native)),
      observer_(observer_of(*host, options, base->info(), break_even_of(native))) {
  const auto info = base->info();
  if (options.provider.empty()) options.provider = info.provider;
  capabilities = weir::capabilities(options.provider, info.model);
}

bool OptimizedModel::Impl::batches() const {
  return library::wants_batches(options) &&
         (native != nullptr ? capabilities.batch : port != nullptr);
}

bool OptimizedModel::Impl::caching() const { return library::wants_caching(options); }

bool OptimizedModel::Impl::hints() const {
  return caching() &&
         options.cache.strategy.value_or(capabilities.cache) == CacheStrategy::kExplicit &&
         capabilities.cache == CacheStrategy::kExplicit;
}

bool OptimizedModel::Impl::observing(const CallOptions& call) const {
  return host->settings().workload(told(call).workload).observes();
}

CallOptions OptimizedModel::Impl::told(const CallOptions& call) const {
  auto out = call;
  if (out.workload.empty()) out.workload = options.workload;
  return out;
}

bool OptimizedModel::Impl::idle(const CallOptions& call) const {
  const bool off =
      options.strategy == Strategy::kDisabled || (!options.batch.enabled && !options.cache.enabled);
  return off || observing(call) || (native == nullptr && !options.batch.enabled && !hints());
}

std::string OptimizedModel::Impl::subject() const {
  const auto info = base->info();
  return info.provider + "/" + info.model;
}

const catalogue::Provider* OptimizedModel::Impl::rules() const {
  return provider_of(*host, options, base->info());
}

Duration OptimizedModel::Impl::ttl() const {
  if (options.cache.ttl) return *options.cache.ttl;
  const Duration assumed = host->settings().current()->optimization.cache_ttl;
  const auto* provider = rules();
  const bool known = provider != nullptr && provider->cache.sync_ttl > Duration{};
  return known ? std::min(assumed, provider->cache.sync_ttl) : assumed;
}

bool OptimizedModel::Impl::prepare(Request& request) {
  if (!hints()) return false;
  if (!memory_.look(library::prefix_of(request), host->clock().now(), ttl()).marks) return false;
  return library::add_hints(request, options.cache, capabilities) > 0;
}

void OptimizedModel::Impl::observe(const Response& response, bool hinted) {
  if (!hinted) return;
  memory_.saw(response.usage.cache_read.count > 0);
  const auto rate = memory_.rate();
  if (!rate) return;
  const auto judged = host->judge(*rate);
  host->tell_hit_rate(options.workload.empty() ? subject() : options.workload, *rate,
                      told_rate_.exchange(judged));
}

Result<Response> OptimizedModel::Impl::finish(Result<Response> response, const Request& request,
                                              const CallOptions& call, bool hinted,
                                              std::stop_token stop) {
  // What the provider refuses may be our hint: the caller's own request decides.
  if (!response && hinted && options.fallback_to_standard &&
      (response.error().kind == ErrorKind::kInvalidArgument ||
       response.error().kind == ErrorKind::kUnsupported)) {
    const auto why = "sent again without cache hints: " + response.error().message;
    response = base->invoke(request, call, std::move(stop));
    if (!response) return response;
    response->fallback_reason = why;
    host->fell_back(subject(), why);
  } else if (response) {
    observe(*response, hinted);
  }
  if (response) answered({&request, 1}, {&response, 1}, call, false);
  return response;
}

void OptimizedModel::Impl::answered(std::span<const Request> requests,
                                    std::span<const Result<Response>> responses,
                                    const CallOptions& call, bool batch) {
  if (native == nullptr) record(responses, call.workload);
  if (!observing(call)) return;
  const auto* provider = rules();
  // A batch that would not end in time is none.
  if (provider != nullptr && provider->batch && call.deadline)
    batch = batch && plan::time_for_batch(*call.deadline, provider->batch->window, Duration{});
  host->keep_observed(observer_.saw(requests, responses, batch, ttl(), host->clock().now()),
                      base->info());
}

Result<void> OptimizedModel::Impl::admit(const CallOptions& call) const {
  if (native != nullptr) return {};
  return host->spend().admit(call.workload);
}

library::JobPolicy OptimizedModel::Impl::policy(const CallOptions& call) const {
  auto out = library::policy_of(options, capabilities, native->target()->model->stacking);
  out.attempts_max = host->settings().workload(call.workload).attempts_max();
  out.tells = tells;
  if (!observing(call)) return out;
  out.wish = plan::RouteWish::kSync;
  out.caching = false;
  return out;
}

Result<library::JobPtr> OptimizedModel::Impl::submit(const RequestGenerator& next,
                                                     const CallOptions& asked, bool strict) {
  WEIR_CHECK(library::check_options(asked));
  const auto call = told(asked);
  WEIR_CHECK(host->spend().admit(call.workload));
  const auto& target = native->target();
  library::JobMeta meta{.provider = target->provider->name,
                        .model = target->model->name,
                        .endpoint = target->endpoint_text(),
                        .account = target->account,
                        .workload = call.workload,
                        .idempotency_key = call.idempotency_key,
                        .temperature = target->temperature,
                        .output_max = target->output_max.count,
                        .concurrency = call.concurrency_max,
                        .deadline = call.deadline,
                        .policy = policy(call)};
  return host->jobs().submit(target, std::move(meta), next, strict);
}

namespace {

// No other path mends what the caller did wrong, does not want any more, or may not spend.
bool is_callers_fault(ErrorKind kind) {
  return kind == ErrorKind::kInvalidArgument || kind == ErrorKind::kCancelled ||
         kind == ErrorKind::kDeadlineExceeded || kind == ErrorKind::kRateLimited;
}

}  // namespace

// A job that was never begun goes by the standard path. Not under an idempotency key: single requests could not keep its promise.
std::vector<Result<Response>> OptimizedModel::Impl::batch_as_job(std::span<const Request> requests,
                                                                 const CallOptions& call,
                                                                 const std::stop_token& stop) {
  std::vector<Result<Response>> out;
  std::size_t given = 0;
  auto submitted = submit(
      [&]() -> std::optional<Request> {
        if (given == requests.size()) return std::nullopt;
        return requests[given++];
      },
      call, false);
  const bool may = options.fallback_to_standard && call.idempotency_key.empty();
  if (!submitted) {
    if (may && !is_callers_fault(submitted.error().kind))
      return batch_by_base(requests, call, stop,
                           "the job was not accepted: " + submitted.error().message);
    out.assign(requests.size(), std::unexpected(std::move(submitted).error()));
    return out;
  }
  const auto kept = *submitted;
  const Job job(std::move(*submitted));
  std::optional<std::chrono::milliseconds> timeout;
  if (call.deadline)
    timeout = std::chrono::ceil<std::chrono::milliseconds>(host->clock().to_real(*call.deadline));
  const auto waited = job.wait(timeout, stop);
  Error open{.kind = ErrorKind::kInternal,
             .message = fmt::format("job {} has no result for this request", job.id())};
  if (!waited) open = waited.error();
  if (may && open.kind == ErrorKind::kUnavailable && host->jobs().withdraw(kept))
    return batch_by_base(requests, call, stop, open.message);
  if (!waited && stop.stop_requested()) {
    std::ignore = job.cancel();
    open.message = fmt::format("the batch was cancelled; job {} keeps what is finished", job.id());
  }
  out.assign(requests.size(), std::unexpected(open));
  const auto read = job.for_each_result([&](std::uint64_t index, Result<Response> response) {
    if (index < out.size()) out[index] = std::move(response);
    return true;
  });
  if (!read) out.assign(requests.size(), std::unexpected(read.error()));
  return out;
}

std::vector<Result<Response>> OptimizedModel::Impl::batch_by_base(std::span<const Request> requests,
                                                                  const CallOptions& call,
                                                                  const std::stop_token& stop,
                                                                  const std::string& why) {
  if (!why.empty()) host->fell_back(subject(), why);
  std::vector<Request> prepared;
  std::vector<bool> hinted(requests.size());
  if (hints()) {
    prepared.assign(requests.begin(), requests.end());
    for (std::size_t i = 0; i < prepared.size(); ++i) hinted[i] = prepare(prepared[i]);
    requests = prepared;
  }
  auto out = base->batch(requests, call, stop);
  for (std::size_t i = 0; i < out.size(); ++i)
    if (out[i]) {
      if (!why.empty()) out[i]->fallback_reason = why;
      observe(*out[i], hinted[i]);
    }
  if (native == nullptr) record(out, call.workload);
  return out;
}

void OptimizedModel::Impl::record(std::span<const Result<Response>> responses,
                                  const std::string& workload) {
  std::vector<Response> answered;
  for (const auto& response : responses)
    if (response) answered.push_back(*response);
  if (const auto kept = host->record(answered, base->info(), workload); !kept)
    host->log(LogLevel::kError, "not in the ledger: " + kept.error().text());
}

OptimizedModel::OptimizedModel(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
OptimizedModel::~OptimizedModel() = default;

Result<Response> OptimizedModel::invoke(const Request& request, const CallOptions& options,
                                        std::stop_token stop) {
  auto& impl = *impl_;
  const auto call = impl.told(options);
  WEIR_CHECK(impl.admit(call));
  auto prepared = request;
  const bool hinted = !impl.idle(call) && impl.prepare(prepared);
  return impl.finish(impl.base->invoke(hinted ? prepared : request, call, stop), request, call,
                     hinted, stop);
}

Result<Response> OptimizedModel::stream(const Request& request, const OnChunk& on_chunk,
                                        const CallOptions& options, std::stop_token stop) {
  auto& impl = *impl_;
  const auto call = impl.told(options);
  WEIR_CHECK(impl.admit(call));
  auto prepared = request;
  const bool hinted = !impl.idle(call) && impl.prepare(prepared);
  auto response = impl.base->stream(hinted ? prepared : request, on_chunk, call, std::move(stop));
  if (response) {
    impl.observe(*response, hinted);
    impl.answered({&request, 1}, {&response, 1}, call, false);
  }
  return response;
}

std::vector<Result<Response>> OptimizedModel::batch(std::span<const Request> requests,
                                                    const CallOptions& options,
                                                    std::stop_token stop) {
  if (requests.empty()) return {};
  auto& impl = *impl_;
  const auto call = impl.told(options);
  if (const auto admitted = impl.admit(call); !admitted)
    return std::vector<Result<Response>>(requests.size(), std::unexpected(admitted.error()));
  if (impl.idle(call)) {
    auto out = impl.base->batch(requests, call, stop);
    impl.answered(requests, out, call, true);
    return out;
  }
  if (impl.native != nullptr) return impl.batch_as_job(requests, call, stop);
  const bool wanted = impl.options.batch.enabled && impl.options.strategy != Strategy::kCacheOnly;
  if (impl.batches()) return library::port_batch(impl, requests, call, stop);
  if (wanted)
    impl.host->decided(impl.subject(), "one by one: the base model has no batch API (no BatchPort)",
                       impl.tells);
  return impl.batch_by_base(requests, call, stop, {});
}

ModelInfo OptimizedModel::info() const { return impl_->base->info(); }

Result<Job> OptimizedModel::submit(const RequestGenerator& next, const CallOptions& options) {
  if (impl_->native == nullptr)
    return fail(ErrorKind::kUnsupported, "submit() needs a model of Weir as its base",
                "batch() takes any base");
  if (!next) return fail(ErrorKind::kInvalidArgument, "submit() needs a generator");
  WEIR_TRY(auto job, impl_->submit(next, options, true));
  return Job(std::move(job));
}

Result<Job> OptimizedModel::submit(std::vector<Request> requests, const CallOptions& options) {
  std::size_t given = 0;
  return submit(
      [&]() -> std::optional<Request> {
        if (given == requests.size()) return std::nullopt;
        return std::move(requests[given++]);
      },
      options);
}

bool OptimizedModel::can_batch() const {
  return impl_->native != nullptr ? impl_->capabilities.batch : impl_->port != nullptr;
}
bool OptimizedModel::can_cache() const { return impl_->capabilities.cache != CacheStrategy::kNone; }
CacheStrategy OptimizedModel::cache_strategy() const {
  return impl_->options.cache.strategy.value_or(impl_->capabilities.cache);
}

Result<std::unique_ptr<OptimizedModel>> optimize(Engine& engine, std::unique_ptr<ChatModel> base,
                                                 Optimization optimization) {
  if (!base) return fail(ErrorKind::kInvalidArgument, "optimize() needs a base model");
  if (dynamic_cast<OptimizedModel*>(base.get()) != nullptr)
    return fail(ErrorKind::kInvalidArgument, "the base model is optimised already",
                "optimize the model that it was made from");
  auto& host = engine.impl()->host;
  if (const auto* native = dynamic_cast<NativeModel*>(base.get());
      native != nullptr && native->host() != host)
    return fail(ErrorKind::kInvalidArgument, "the base model is of another engine",
                "use Engine::model of this one");
  auto impl =
      std::make_unique<OptimizedModel::Impl>(host, std::move(base), std::move(optimization));
  WEIR_CHECK(check(impl->options, impl->capabilities));
  return std::make_unique<OptimizedModel>(std::move(impl));
}

}  // namespace weir
