#include "library/optimized_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "cost/pricing.h"
#include "library/port_batch.h"
#include "plan/plan.h"

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
      memory_(break_even_of(native)) {
  const auto info = base->info();
  if (options.provider.empty()) options.provider = info.provider;
  capabilities = weir::capabilities(options.provider, info.model);
}

bool OptimizedModel::Impl::batches() const {
  if (!options.batch.enabled || options.strategy == Strategy::kDisabled ||
      options.strategy == Strategy::kCacheOnly)
    return false;
  return native != nullptr ? capabilities.batch : port != nullptr;
}

bool OptimizedModel::Impl::caching() const {
  return options.cache.enabled && options.strategy != Strategy::kDisabled &&
         options.strategy != Strategy::kBatchOnly;
}

bool OptimizedModel::Impl::hints() const {
  return caching() &&
         options.cache.strategy.value_or(capabilities.cache) == CacheStrategy::kExplicit &&
         capabilities.cache == CacheStrategy::kExplicit;
}

bool OptimizedModel::Impl::idle() const {
  const bool off =
      options.strategy == Strategy::kDisabled || (!options.batch.enabled && !options.cache.enabled);
  return off || (native == nullptr && !options.batch.enabled && !hints());
}

std::string OptimizedModel::Impl::subject() const {
  const auto info = base->info();
  return info.provider + "/" + info.model;
}

bool OptimizedModel::Impl::prepare(Request& request) {
  if (!hints()) return false;
  const auto ttl = options.cache.ttl ? std::chrono::duration_cast<Duration>(*options.cache.ttl)
                                     : Duration(std::chrono::minutes(5));
  if (!memory_.wants(library::prefix_of(request), host->clock().now(), ttl)) return false;
  return library::add_hints(request, options.cache, capabilities) > 0;
}

void OptimizedModel::Impl::observe(const Response& response, bool hinted) {
  if (!hinted) return;
  memory_.saw(response.usage.cache_read.count > 0);
  const auto rate = memory_.rate();
  const bool few = rate && *rate < host->settings().current()->optimization.hit_rate_threshold;
  if (few && !few_told_.exchange(true)) host->few_hits(subject(), *rate);
  if (!few) few_told_ = false;
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
    if (response) {
      response->fallback_reason = why;
      host->fell_back(subject(), why);
    }
    return response;
  }
  if (!response) return response;
  observe(*response, hinted);
  if (native == nullptr) record({response});
  return response;
}

library::JobPolicy OptimizedModel::Impl::policy() const {
  library::JobPolicy out{
      .caching = caching() && options.cache.strategy != CacheStrategy::kNone,
      .fallback = options.fallback_to_standard,
      .batch_size_max = options.batch.max_batch_size,
      .batch_timeout = options.batch.timeout,
      .fallback_timeout = options.fallback_timeout,
      .poll_max = options.batch.poll_interval_max,
      .cache_tokens_min = static_cast<std::uint64_t>(options.cache.min_tokens.count),
      .breakpoints_max = options.cache.max_breakpoints};
  if (options.cache.ttl) out.ttl = *options.cache.ttl;
  const bool apart = native->target()->model->stacking == catalogue::Stacking::kNoCacheInBatch;
  if (!batches()) out.wish = plan::RouteWish::kSync;
  else if (options.strategy == Strategy::kBatchOnly) out.wish = plan::RouteWish::kBatch;
  else if (options.strategy == Strategy::kBoth)
    out.wish = apart && options.preference == Preference::kCache ? plan::RouteWish::kSync
                                                                 : plan::RouteWish::kBatch;
  else if (apart && options.preference != Preference::kNone)
    out.wish =
        options.preference == Preference::kCache ? plan::RouteWish::kSync : plan::RouteWish::kBatch;
  return out;
}

Result<library::JobPtr> OptimizedModel::Impl::submit(const RequestGenerator& next,
                                                     const CallOptions& call, bool strict) {
  WEIR_CHECK(library::check_options(call));
  const auto& target = native->target();
  library::JobMeta meta{.provider = target->provider->name,
                        .model = target->model->name,
                        .endpoint = target->endpoint_text(),
                        .account = target->account,
                        .workload = call.workload.empty() ? options.workload : call.workload,
                        .idempotency_key = call.idempotency_key,
                        .temperature = target->temperature,
                        .output_max = target->output_max.count,
                        .concurrency = call.concurrency_max,
                        .deadline = call.deadline,
                        .policy = policy()};
  return host->jobs().submit(target, std::move(meta), next, strict);
}

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
  if (!submitted) {
    if (options.fallback_to_standard && submitted.error().kind == ErrorKind::kInternal)
      return batch_by_base(requests, call, stop, submitted.error().text());
    out.assign(requests.size(), std::unexpected(std::move(submitted).error()));
    return out;
  }
  const Job job(std::move(*submitted));
  std::optional<std::chrono::milliseconds> timeout;
  if (call.deadline)
    timeout = std::chrono::ceil<std::chrono::milliseconds>(host->clock().to_real(*call.deadline));
  const auto waited = job.wait(timeout, stop);
  Error open{.kind = ErrorKind::kInternal,
             .message = fmt::format("job {} has no result for this request", job.id())};
  if (!waited) open = waited.error();
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
  if (native == nullptr) record(out);
  return out;
}

void OptimizedModel::Impl::record(const std::vector<Result<Response>>& responses) {
  std::vector<Response> answered;
  for (const auto& response : responses)
    if (response) answered.push_back(*response);
  if (const auto kept = host->records().add(answered, base->info(), host->clock().now()); !kept)
    host->log(LogLevel::kError, "not in the ledger: " + kept.error().text());
}

OptimizedModel::OptimizedModel(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
OptimizedModel::~OptimizedModel() = default;

Result<Response> OptimizedModel::invoke(const Request& request, const CallOptions& options,
                                        std::stop_token stop) {
  auto prepared = request;
  const bool hinted = !impl_->idle() && impl_->prepare(prepared);
  return impl_->finish(impl_->base->invoke(hinted ? prepared : request, options, stop), request,
                       options, hinted, stop);
}

Result<Response> OptimizedModel::stream(const Request& request, const OnChunk& on_chunk,
                                        const CallOptions& options, std::stop_token stop) {
  auto prepared = request;
  const bool hinted = !impl_->idle() && impl_->prepare(prepared);
  auto response =
      impl_->base->stream(hinted ? prepared : request, on_chunk, options, std::move(stop));
  if (response) {
    impl_->observe(*response, hinted);
    if (impl_->native == nullptr) impl_->record({response});
  }
  return response;
}

std::vector<Result<Response>> OptimizedModel::batch(std::span<const Request> requests,
                                                    const CallOptions& options,
                                                    std::stop_token stop) {
  if (requests.empty()) return {};
  auto& impl = *impl_;
  if (impl.idle()) {
    auto out = impl.base->batch(requests, options, stop);
    if (impl.native == nullptr) impl.record(out);
    return out;
  }
  if (impl.native != nullptr) return impl.batch_as_job(requests, options, stop);
  const bool wanted = impl.options.batch.enabled && impl.options.strategy != Strategy::kCacheOnly;
  if (impl.batches()) return library::port_batch(impl, requests, options, stop);
  if (wanted && impl.tells)
    impl.host->decided(impl.subject(),
                       "one by one: the base model has no batch API (no BatchPort)");
  return impl.batch_by_base(requests, options, stop, {});
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
