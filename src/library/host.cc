#include "library/host.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <tuple>

#include "config/provider_settings.h"
#include "runtime/environment.h"
#include "runtime/posix_files.h"
#include "runtime/price_file.h"
#include "runtime/random.h"
#include "runtime/secrets.h"
#include "weir_registry.h"

namespace weir::library {
namespace {

constexpr std::size_t kCallConnectionsMax = 256;
constexpr std::size_t kJobConnectionsMax = 256;
// Each has a ledger of its own, of four files: names that a caller makes up by the thousand must not use them all.
constexpr std::size_t kNamesMax = 32;
// Memory that looks like files; without it an engine in memory uses the folder for temporary files.
constexpr const char* kMemoryFolder = "/dev/shm";

const provider::Adapter* adapter_of(std::string_view provider) {
  for (const auto& registered : providers::registered())
    if (registered.name == provider) return &registered.get();
  return nullptr;
}

// Begins the name of a store in memory.
constexpr std::string_view kMemoryPrefix = "weir-";

// What engines in memory left whose process died.
void sweep_dead(const std::string& parent) {
  namespace fs = std::filesystem;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(parent, code)) {
    const auto name = entry.path().filename().string();
    if (!name.starts_with(kMemoryPrefix) || !fs::exists(entry.path() / "lock", code)) continue;
    const auto held =
        runtime::StoreLock::acquire(entry.path().string(), runtime::SystemClock().now());
    if (held) fs::remove_all(entry.path(), code);
  }
}

}  // namespace

Result<std::shared_ptr<Host>> Host::create(EngineOptions options) {
  std::shared_ptr<Host> host(new Host(std::move(options)));
  WEIR_CHECK(host->open());
  return host;
}

Host::~Host() { std::ignore = stop(std::chrono::seconds(10)); }

Result<void> Host::make_folder() {
  if (options_.in_memory == !options_.store.empty())
    return fail(ErrorKind::kInvalidArgument, "EngineOptions: give either a store or in_memory",
                "store = \"/var/lib/app/weir\" keeps what was accepted; in_memory = true does not");
  if (!options_.in_memory) {
    folder_ = std::filesystem::absolute(options_.store).lexically_normal().string();
    if (folder_.size() > 1 && folder_.ends_with('/')) folder_.pop_back();
    return runtime::make_private_folder(folder_);
  }
  std::error_code code;
  const bool memory = ::access(kMemoryFolder, W_OK) == 0;
  const auto parent =
      memory ? std::string(kMemoryFolder) : std::filesystem::temp_directory_path(code).string();
  sweep_dead(parent);
  runtime::SystemRandom random;
  folder_ = fmt::format("{}/{}{:016x}", parent, kMemoryPrefix, random.next());
  log(LogLevel::kWarning, "the engine is in memory: what is not answered dies with the process");
  return runtime::make_private_folder(folder_);
}

Result<void> Host::open() {
  WEIR_TRY(catalogue_, catalogue::Catalogue::built_in());
  WEIR_CHECK(settings_.load(options_.config_file, catalogue_));
  WEIR_CHECK(load_prices());
  for (const auto& warning : settings_.current()->warnings) log(LogLevel::kWarning, warning.text());
  WEIR_TRY(clock_, runtime::make_clock(options_.clock));
  WEIR_CHECK(make_folder());
  WEIR_TRY(lock_, runtime::StoreLock::acquire(folder_, runtime::SystemClock().now()));
  WEIR_CHECK(runtime::make_private_folder(folder_ + "/calls"));
  WEIR_CHECK(runtime::make_private_folder(folder_ + "/observed"));
  spend_ = std::make_unique<Spend>(settings_, *clock_);
  WEIR_CHECK(load_spend());
  WEIR_CHECK(open_desks());
  report_ = std::make_unique<CostReport>(folder_ + "/report.json", clock_->now());
  watcher_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
  return {};
}

// The user's own, which decide what a model is known to have: the configuration is checked again.
Result<void> Host::load_prices() {
  const auto config = settings_.current();
  auto own = runtime::catalogue_with(config::prices_file(*config, options_.config_file));
  if (!own) return std::unexpected(config::at_key(*config, "prices", std::move(own).error()));
  catalogue_ = *std::move(own);
  return settings_.load(options_.config_file, catalogue_);
}

// Of the single requests; jobs tell what they have spent when they are found.
Result<void> Host::load_spend() {
  WEIR_TRY(const auto ledgers, ledgers_in(folder_ + "/calls"));
  for (const auto& ledger : ledgers) {
    if (ledger.workload.empty()) continue;
    WEIR_CHECK(visit_entries(ledger, [&](const cost::LedgerEntry& entry) {
      spend_->add(ledger.workload, entry.priced_at, MoneySum{entry.cost.pico});
    }));
  }
  return {};
}

Result<void> Host::open_desks() {
  const auto booked = [this](const std::string& workload, const cost::LedgerEntry& entry) {
    spend_->add(workload, entry.priced_at, MoneySum{entry.cost.pico});
  };
  tell_ = {
      .log = [this](LogLevel level, std::string_view line) { log(level, line); },
      .decided = [this](std::string subject, std::string reason,
                        bool logged) { decided(std::move(subject), std::move(reason), logged); },
      .failed = [this](const std::string& subject,
                       const std::string& reason) { failed(subject, reason); },
      .hit_rate = [this](const std::string& subject,
                         double rate) { tell_hit_rate(subject, rate, HitRate::kFine); }};
  book_loop_ = std::make_unique<Loop>("weir-books", background());
  call_loop_ = std::make_unique<HttpLoop>("weir-calls", runtime::ThreadPriority::kPrompt,
                                          kCallConnectionsMax);
  job_loop_ = std::make_unique<HttpLoop>("weir-jobs", background(), kJobConnectionsMax);
  calls_ =
      std::make_unique<CallDesk>(*call_loop_, *book_loop_, *clock_, folder_ + "/calls", booked);
  records_ = std::make_unique<Records>(folder_ + "/calls", booked);
  observed_ = std::make_unique<Records>(folder_ + "/observed");
  jobs_ = std::make_unique<JobDesk>(DeskParts{.loop = *job_loop_,
                                              .clock = *clock_,
                                              .hooks = options_.hooks,
                                              .tell = tell_,
                                              .spend = *spend_},
                                    folder_ + "/jobs");
  // Either loop sends for an account by what it knows itself: each hears what the other was told.
  calls_->on_news([this](const auto& account, const auto& news) { jobs_->hear(account, news); });
  jobs_->on_news([this](const auto& account, const auto& news) { calls_->hear(account, news); });
  return jobs_->load([this](const JobMeta& meta) { return without_key(meta); });
}

runtime::ThreadPriority Host::background() const {
  switch (options_.background) {
    case Background::kNormal: return runtime::ThreadPriority::kNormal;
    case Background::kLow: return runtime::ThreadPriority::kBackground;
    case Background::kIdle: return runtime::ThreadPriority::kIdle;
  }
  return runtime::ThreadPriority::kBackground;
}

// Looks after the file, the budgets and the reports. A second is soon enough for a person, and one stat() a second costs nothing;
// without a file there is only the next report to wait for.
void Host::watch(const std::stop_token& stop) {
  constexpr std::chrono::nanoseconds kLook = std::chrono::seconds(1);
  constexpr std::chrono::nanoseconds kLookWithoutFile = std::chrono::minutes(1);
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  while (!stop.stop_requested()) {
    const auto report_at = report_->run(*this);
    const auto look = settings_.has_file() ? kLook : kLookWithoutFile;
    never.wait_for(lock, stop, std::min(look, clock_->to_real(report_at - clock_->now())),
                   [] { return false; });
    if (settings_.has_file()) follow_file();
  }
}

void Host::follow_file() {
  const std::scoped_lock lock(refreshing_);
  const auto changed = settings_.refresh(catalogue_);
  if (!changed)
    log(LogLevel::kError, "the configuration stays as it was: " + changed.error().text());
  else if (*changed) log(LogLevel::kInfo, "the configuration was read again");
  jobs_->retry_unpaid();
}

Result<bool> Host::reload() {
  const std::scoped_lock lock(refreshing_);
  WEIR_TRY(const bool changed, settings_.reload(catalogue_));
  if (changed) log(LogLevel::kInfo, "the configuration was read again");
  jobs_->retry_unpaid();
  return changed;
}

Result<void> Host::record(std::span<const Response> responses, const ModelInfo& model,
                          const std::string& workload) {
  return records_->add(responses, model, booked_under(workload), clock_->now());
}

std::string Host::booked_under(const std::string& workload) {
  if (workload.empty() || !settings_.workload(workload).name().empty()) return workload;
  bool last = false;
  {
    const std::scoped_lock lock(naming_);
    if (names_.contains(workload)) return workload;
    if (names_.size() == kNamesMax) return {};
    names_.insert(workload);
    last = names_.size() == kNamesMax;
  }
  if (last)
    log(LogLevel::kWarning,
        fmt::format("there are {} workloads that no configuration has: single requests of further "
                    "ones are booked without a name",
                    kNamesMax));
  return workload;
}

void Host::keep_observed(std::span<const Response> would_be, const ModelInfo& model) {
  if (const auto kept = observed_->add(would_be, model, "", clock_->now()); !kept)
    log(LogLevel::kError, "what was observed is not kept: " + kept.error().text());
}

void Host::log(LogLevel level, std::string_view line) const {
  static_assert(static_cast<int>(LogLevel::kError) == static_cast<int>(config::LogLevel::kError));
  const auto least = static_cast<LogLevel>(settings_.current()->optimization.log_level);
  if (options_.log_sink && level >= least) options_.log_sink(level, line);
}

Result<TargetPtr> Host::without_key(const JobMeta& meta) const {
  WEIR_TRY(const auto model, catalogue::resolve(catalogue_, meta.provider + "/" + meta.model));
  auto target = std::make_shared<Target>();
  target->adapter = adapter_of(model.provider->name);
  target->provider = model.provider;
  target->model = model.model;
  WEIR_TRY(target->endpoint, http::parse_url(meta.endpoint));
  target->credentials.base_path = target->endpoint.target;
  target->credentials.origin = target->endpoint.origin;
  target->account = meta.account;
  target->temperature = meta.temperature;
  target->output_max = Tokens{meta.output_max};
  target->request_timeout = ModelOptions().request_timeout;
  if (target->adapter == nullptr)
    return fail(ErrorKind::kUnsupported,
                fmt::format("this build has no adapter for {}", meta.provider));
  return target;
}

Result<std::shared_ptr<Target>> Host::access(const catalogue::ModelRef& model,
                                             const ModelOptions& options) const {
  auto target = std::make_shared<Target>();
  target->adapter = adapter_of(model.provider->name);
  if (target->adapter == nullptr)
    return fail(ErrorKind::kUnsupported,
                fmt::format("this build has no adapter for {}", model.provider->name));
  target->provider = model.provider;
  target->model = model.model;
  WEIR_TRY(
      target->credentials.settings,
      config::provider_settings(model.provider->name, runtime::environment(), options.settings));
  target->adapter = &target->adapter->chosen_by(target->credentials.settings);
  WEIR_CHECK(provider::require_settings(*model.provider, target->credentials.settings));
  WEIR_TRY(const auto endpoint,
           provider::endpoint_of(*model.provider, options.endpoint, target->credentials.settings));
  WEIR_TRY(target->endpoint, http::parse_url(endpoint));
  target->credentials.base_path = target->endpoint.target;
  target->credentials.origin = target->endpoint.origin;
  target->credentials.key = options.api_key;
  if (const auto set = provider::key_of(*model.provider, target->credentials.settings)) {
    target->credentials.key = *set;
  } else if (options.api_key.empty()) {
    auto key =
        runtime::key_from_environment(model.provider->key_variable, model.provider->key_optional);
    if (!key) {
      auto error = std::move(key).error();
      error.hint =
          fmt::format("give ModelOptions::api_key, or export {}", model.provider->key_variable);
      return std::unexpected(std::move(error));
    }
    target->credentials.key = std::move(*key);
  }
  // Other settings are another account: it does not see this one's batches.
  const auto settings = target->credentials.settings.text();
  target->key_digest = runtime::key_digest(
      settings.empty() ? target->credentials.key : target->credentials.key + "\n" + settings);
  target->account = options.account;
  target->request_timeout = options.request_timeout;
  return target;
}

Result<TargetPtr> Host::target(std::string_view name, const ModelOptions& options) {
  WEIR_TRY(const auto model, catalogue::resolve(catalogue_, name));
  if (options.temperature && !model.model->temperature_allowed)
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("{} takes no temperature", model.model->name),
                "leave ModelOptions::temperature unset");
  if (options.output_max.count < 1)
    return fail(ErrorKind::kInvalidArgument, "ModelOptions::output_max must be at least 1",
                "for example 1024");
  WEIR_TRY(const auto target, access(model, options));
  target->temperature = options.temperature;
  target->output_max = options.output_max;
  WEIR_CHECK(calls_->add(target));
  jobs_->add(target);
  return target;
}

Result<TargetPtr> Host::embedding_target(std::string_view name, const ModelOptions& options) {
  WEIR_TRY(const auto model,
           catalogue::resolve(catalogue_, name, catalogue::ModelKind::kEmbedding));
  WEIR_TRY(const auto target, access(model, options));
  if (target->adapter->embeddings() == nullptr)
    return fail(ErrorKind::kUnsupported,
                fmt::format("{} has no embeddings here", model.provider->name));
  WEIR_CHECK(calls_->add(target));
  return target;
}

Result<void> Host::stop(std::chrono::milliseconds deadline) {
  const std::scoped_lock lock(stopping_);
  if (stopped_ || !job_loop_) return stop_outcome_;
  stopped_ = true;
  watcher_ = {};
  const auto until = std::chrono::steady_clock::now() + deadline;
  const bool jobs = !jobs_ || jobs_->stop(until);
  const bool calls = !calls_ || calls_->stop(until);
  call_loop_->join();
  job_loop_->join();
  book_loop_->join();
  lock_.reset();
  std::error_code ignored;
  if (options_.in_memory) std::filesystem::remove_all(folder_, ignored);
  if (!jobs || !calls)
    stop_outcome_ = fail(
        ErrorKind::kDeadlineExceeded,
        "something was still in flight at the deadline and was given up: it is booked as unknown",
        "allow more time");
  return stop_outcome_;
}

void Host::decided(std::string subject, std::string reason, bool logged) const {
  if (logged && settings_.current()->optimization.log_decisions)
    log(LogLevel::kInfo, fmt::format("{}: {}", subject, reason));
  if (options_.hooks.on_decision)
    options_.hooks.on_decision({std::move(subject), std::move(reason)});
}

void Host::fell_back(std::string subject, std::string reason) const {
  failed(subject, reason);
  if (options_.hooks.on_fallback)
    options_.hooks.on_fallback({std::move(subject), std::move(reason)});
}

void Host::alert(const std::string& subject, const std::string& message) const {
  if (settings_.current()->optimization.alerts_enabled && options_.hooks.on_alert)
    options_.hooks.on_alert({.subject = subject, .message = message});
}

void Host::failed(const std::string& subject, const std::string& reason) const {
  log(LogLevel::kWarning, fmt::format("{}: {}", subject, reason));
  if (settings_.current()->optimization.alert_on_failure)
    alert(subject, "an optimisation failed: " + reason);
}

HitRate Host::judge(double rate) const {
  const auto& optimization = settings_.current()->optimization;
  if (rate < optimization.cache_warning_threshold) return HitRate::kUseless;
  return rate < optimization.hit_rate_threshold ? HitRate::kLow : HitRate::kFine;
}

void Host::tell_hit_rate(const std::string& subject, double rate, HitRate told) const {
  const auto& optimization = settings_.current()->optimization;
  const auto below = [&](std::string_view key, double threshold) {
    return fmt::format("the cache hit rate is {:.0f} %, below {} ({:.0f} %)", rate * 100, key,
                       threshold * 100);
  };
  if (told < HitRate::kLow && rate < optimization.hit_rate_threshold &&
      optimization.alert_on_low_hit_rate)
    alert(subject, below("cacheHitRateThreshold", optimization.hit_rate_threshold));
  if (told >= HitRate::kUseless || rate >= optimization.cache_warning_threshold) return;
  const auto message = below("cacheWarningThreshold", optimization.cache_warning_threshold) +
                       ": caching is of no use here";
  log(LogLevel::kWarning, fmt::format("{}: {}", subject, message));
  if (optimization.alert_on_low_hit_rate) alert(subject, message);
}

}  // namespace weir::library
