#include "library/job_desk.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <filesystem>
#include <limits>
#include <tuple>

#include "engine/job_engine.h"
#include "engine/result_reader.h"
#include "library/job_end.h"
#include "library/request_store.h"
#include "library/translate.h"
#include "runtime/job_driver.h"
#include "runtime/mapped_journal.h"
#include "runtime/posix_files.h"
#include "runtime/sqlite_store.h"
#include "runtime/store_lock.h"

namespace weir {

void Job::Impl::set(JobStatus::Phase phase, std::string why) {
  std::vector<std::function<void()>> told;
  {
    const std::scoped_lock lock(mutex);
    status.phase = phase;
    status.why = std::move(why);
    changed.notify_all();
    if (phase != JobStatus::Phase::kRunning) told = std::exchange(over, {});
  }
  for (const auto& callback : told) callback();
}

void Job::Impl::when_over(std::function<void()> callback) {
  {
    const std::scoped_lock lock(mutex);
    if (status.phase == JobStatus::Phase::kRunning) {
      over.push_back(std::move(callback));
      return;
    }
  }
  callback();
}

}  // namespace weir

namespace weir::library {
namespace {

// Open files that a job must hold: its lock, its store (3), and one for a moment: an image, a plan. Its requests and results are in the
// pool, which all jobs share.
constexpr std::size_t kFilesPerJob = 5;
constexpr std::size_t kRunningMax = 2000;

engine::JobOptions engine_options(const std::string& folder, const std::string& output,
                                  const JobMeta& meta, const std::string& key_digest,
                                  std::optional<Money> most) {
  return {
      .identity = {.provider = meta.provider,
                   .model = meta.model,
                   .account = meta.account,
                   .endpoint = meta.endpoint,
                   .key_digest = key_digest,
                   .template_digest = "",
                   .schema_digest = "",
                   .input = "requests of the library",
                   .options = ""},
      .wish = meta.policy.wish,
      .deadline = meta.deadline ? std::optional(meta.created_at + *meta.deadline) : std::nullopt,
      .caching = meta.policy.caching,
      .contents = meta.policy.contents,
      .spend_max = most,
      .concurrency_max = meta.concurrency,
      .attempts_max = static_cast<std::uint32_t>(meta.policy.attempts_max),
      .fallback_to_standard = meta.policy.fallback,
      .fallback_timeout = meta.policy.fallback_timeout,
      .batch_timeout = meta.policy.batch_timeout,
      .folder = folder,
      .output_path = output,
      .output_max = Tokens{meta.output_max}};
}

}  // namespace

// Half of the process's files are left to the program and to connections.
JobDesk::Bounds JobDesk::bounds() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = 256;
  const auto files = limit.rlim_cur / 2;
  const auto pool = std::clamp<std::size_t>(files / 4, 16, 1024);
  return {.jobs = std::clamp<std::size_t>((files - std::min(files, pool)) / kFilesPerJob, 8,
                                          kRunningMax),
          .files = pool};
}

/// The parts of a job that live while it is driven, in the order in which they need each other.
struct RunningJob {
  JobPtr job;
  catalogue::Provider provider;
  catalogue::Model model;
  std::unique_ptr<runtime::StoreLock> lock;
  std::unique_ptr<RequestStore> source;
  std::unique_ptr<runtime::SqliteStore> store;
  std::unique_ptr<runtime::MappedJournal> journal;
  std::unique_ptr<engine::JobEngine> engine;
  std::unique_ptr<runtime::AccessTokens> tokens;
  std::unique_ptr<runtime::JobDriver> driver;
  std::size_t reasons_told = 0;
  std::uint64_t batches_told = 0;
};

JobDesk::JobDesk(DeskParts parts, std::string folder)
    : parts_(parts), folder_(std::move(folder)), bounds_(bounds()), files_(bounds_.files) {}

JobDesk::~JobDesk() = default;

Result<void> JobDesk::load(const Resolve& resolve) {
  WEIR_CHECK(runtime::make_private_folder(folder_));
  std::vector<JobPtr> open;
  std::error_code code;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, code)) {
    const auto path = entry.path().string();
    if (!path.ends_with(".jsonl.weir")) continue;
    const auto text = runtime::read_whole_file(path + "/job.json", 1U << 20);
    if (!text) {  // it was not accepted: the caller never heard of it
      std::filesystem::remove_all(entry.path(), code);
      continue;
    }
    auto job = std::make_shared<Job::Impl>();
    WEIR_TRY(job->meta, JobMeta::decode(*text));
    WEIR_TRY(job->target, resolve(job->meta));
    job->folder = path;
    job->output = path.substr(0, path.size() - std::string_view(".weir").size());
    job->desk = this;
    if (read_end(*job)) {
      const auto spent = parse_usd(job->status.spent_usd),
                 exposure = parse_usd(job->status.exposure_usd);
      book(*job, MoneySum{spent.value_or(Money{}).pico + exposure.value_or(Money{}).pico},
           job->meta.created_at);
    } else {
      job->status.phase = JobStatus::Phase::kWaiting;
      job->status.why = fmt::format("the key of account {} at {} is not known yet",
                                    job->meta.account, job->meta.provider);
      job->status.items = RequestStore::count_in(path);
      open.push_back(job);
    }
    const std::scoped_lock lock(mutex_);
    if (!job->meta.idempotency_key.empty()) by_key_[job->meta.idempotency_key] = job->meta.id;
    jobs_[job->meta.id] = job;
  }
  // One that ended just before its process died needs no key: it is opened once, to know its figures.
  for (const auto& job : open) parts_.loop.call([&] { std::ignore = start(job); });
  return {};
}

void JobDesk::add(const TargetPtr& target) {
  for (const auto& job : all()) {
    const auto info = target->info();
    {
      const std::scoped_lock lock(job->mutex);
      const bool same = job->meta.provider == info.provider &&
                        job->meta.endpoint == info.endpoint && job->meta.account == info.account;
      if (!same || job->status.phase != JobStatus::Phase::kWaiting ||
          !job->target->credentials.key.empty())
        continue;
      auto known = std::make_shared<Target>(*job->target);
      known->credentials = target->credentials;
      known->key_digest = target->key_digest;
      job->target = std::move(known);
      job->status.phase = JobStatus::Phase::kRunning;
      job->status.why.clear();
    }
    enqueue(job);
  }
}

Result<void> JobDesk::accept(Job::Impl& job, const RequestGenerator& next, bool strict) {
  runtime::PosixFiles files;
  WEIR_CHECK(runtime::make_private_folder(job.folder));
  WEIR_TRY(auto writer, RequestWriter::create(files, job.folder));
  std::string encoded;
  while (auto request = next()) {
    // Whether the provider takes it is known only to its adapter: encoded once, to see.
    auto asked = to_llm(*request, *job.target);
    Result<void> fits;
    if (asked) {
      encoded.clear();
      fits = job.target->adapter->encode_item("w-0", *asked, encoded);
    } else {
      fits = std::unexpected(std::move(asked).error());
    }
    if (!fits && strict) {
      auto error = std::move(fits).error();
      error.message = fmt::format("request {}: {}", writer.count(), error.message);
      return std::unexpected(std::move(error));
    }
    WEIR_CHECK(writer.append(*request));
  }
  if (writer.count() == 0) return fail(ErrorKind::kInvalidArgument, "the job has no request");
  WEIR_CHECK(writer.finish());
  job.status.items = writer.count();
  return runtime::write_whole_file(job.folder + "/job.json", job.meta.encode());
}

Result<JobPtr> JobDesk::submit(const TargetPtr& target, JobMeta meta, const RequestGenerator& next,
                               bool strict) {
  auto job = std::make_shared<Job::Impl>();
  {
    const std::scoped_lock lock(mutex_);
    if (stopped_) return fail(ErrorKind::kUnavailable, "the engine has stopped");
    if (!meta.idempotency_key.empty()) {
      const auto [known, fresh] = by_key_.try_emplace(meta.idempotency_key);
      if (!fresh) {
        const auto found = jobs_.find(known->second);
        if (found != jobs_.end()) return found->second;
        return fail(ErrorKind::kUnavailable,
                    "another call is just submitting under this idempotency_key", "try again");
      }
    }
    runtime::SystemRandom random;
    meta.created_at = parts_.clock.now();
    meta.id = JobId::make(meta.created_at, random).text();
  }
  job->meta = std::move(meta);
  job->target = target;
  job->output = fmt::format("{}/{}.jsonl", folder_, job->meta.id);
  job->folder = job->output + ".weir";
  job->desk = this;
  auto accepted = accept(*job, next, strict);
  const std::scoped_lock lock(mutex_);
  const auto& key = job->meta.idempotency_key;
  if (!accepted || stopped_) {
    if (!key.empty()) by_key_.erase(key);
    std::error_code ignored;
    std::filesystem::remove_all(job->folder, ignored);
    if (!accepted) return std::unexpected(std::move(accepted).error());
    return fail(ErrorKind::kUnavailable, "the engine has stopped");
  }
  if (!key.empty()) by_key_[key] = job->meta.id;
  jobs_[job->meta.id] = job;
  enqueue(job);
  return job;
}

Result<JobPtr> JobDesk::find(std::string_view id) {
  const std::scoped_lock lock(mutex_);
  if (const auto found = jobs_.find(id); found != jobs_.end()) return found->second;
  return fail(ErrorKind::kNotFound, fmt::format("no job {} in this store", id.substr(0, 64)));
}

std::vector<JobPtr> JobDesk::all() {
  const std::scoped_lock lock(mutex_);
  std::vector<JobPtr> out;
  for (const auto& [id, job] : jobs_) out.push_back(job);
  return out;
}

void JobDesk::enqueue(const JobPtr& job) {
  parts_.loop.post([this, job] {
    waiting_.push_back(job);
    start_next();
  });
}

void JobDesk::start_next() {
  while (!draining_ && !waiting_.empty() && running_.size() < bounds_.jobs) {
    const auto job = waiting_.front();
    waiting_.pop_front();
    if (auto started = start(job); !started) {
      job->set(JobStatus::Phase::kWaiting, started.error().text());
      parts_.tell.log(LogLevel::kError,
                      fmt::format("job {}: {}", job->meta.id, started.error().text()));
    }
  }
}

engine::Account* JobDesk::account_of(const std::string& account) {
  auto& known = accounts_[account];
  if (known) return known.get();
  known = std::make_unique<engine::Account>(512);
  if (tell_) known->on_news([this, account](const auto& news) { tell_(account, news); });
  return known.get();
}

void JobDesk::hear(const std::string& account, const engine::Account::News& news) {
  parts_.loop.post([this, account, news] { account_of(account)->hear(news); });
}

// What the job may have spent at its end: what it has, and what its workload's budget leaves.
Result<std::optional<Money>> JobDesk::spend_max(Job::Impl& job, engine::Store& store) {
  if (job.meta.workload.empty()) return std::nullopt;
  cost::LedgerTotals totals;
  WEIR_CHECK(store.visit_ledger([&](const cost::LedgerEntry& entry) {
    totals.add(entry);
    return true;
  }));
  const auto own = totals.spent + totals.exposure;
  book(job, own, job.meta.created_at);
  const auto left = parts_.spend.left(job.meta.workload);
  if (!left) return std::nullopt;
  constexpr __int128 kMost = std::numeric_limits<std::int64_t>::max();
  return Money{static_cast<std::int64_t>(std::min((own + *left).pico, kMost))};
}

// Only what is new: it may have been booked in part already.
void JobDesk::book(Job::Impl& job, MoneySum spent, Time at) {
  const auto more = spent - std::exchange(job.spent_booked, spent);
  if (more.pico != 0) parts_.spend.add(job.meta.workload, at, more);
}

// Opens the job. One that has ended is only looked at; one without a key waits for it.
Result<void> JobDesk::start(const JobPtr& job) {
  auto running = std::make_shared<RunningJob>();
  running->job = job;
  const auto& target = *job->target;
  const auto& meta = job->meta;
  const auto now = parts_.clock.now();
  running->provider = plan::narrowed(*target.provider, meta.policy.limits);
  running->model = plan::narrowed(*target.model, meta.policy.limits);
  WEIR_TRY(running->lock, runtime::StoreLock::acquire(job->folder, now));
  WEIR_TRY(running->source, RequestStore::open(files_, job->folder, job->target));
  WEIR_TRY(running->store, runtime::SqliteStore::open(job->folder + "/store.sqlite"));
  WEIR_TRY(const auto most, spend_max(*job, *running->store));
  const auto slots =
      static_cast<std::uint32_t>(std::clamp<std::uint64_t>(meta.concurrency * 4, 64, 2048));
  WEIR_TRY(running->journal, runtime::MappedJournal::open(job->folder + "/usage.journal", slots));
  auto options = engine_options(job->folder, job->output, meta, target.key_digest, most);
  if (target.credentials.key.empty()) {
    WEIR_TRY(const auto loaded, running->store->load());
    for (const auto& aggregate : loaded)
      if (aggregate.kind == engine::AggregateKind::kJob) {
        WEIR_TRY(const auto state, engine::JobState::decode(aggregate.state));
        if (state.phase != engine::JobPhase::kDone) return {};
        options.identity.key_digest = state.identity.key_digest;
      }
    if (loaded.empty()) return {};
  }
  WEIR_TRY(running->engine, engine::JobEngine::create(std::move(options),
                                                      {.adapter = *target.adapter,
                                                       .provider = running->provider,
                                                       .model = running->model,
                                                       .credentials = target.credentials,
                                                       .source = *running->source,
                                                       .store = *running->store,
                                                       .files = files_,
                                                       .journal = *running->journal,
                                                       .random = random_,
                                                       .account = account_of(target.account_key())},
                                                      now));
  running->tokens = std::make_unique<runtime::AccessTokens>(
      parts_.loop.io(), runtime::AccessTokens::Parts{.adapter = *target.adapter,
                                                     .credentials = target.credentials,
                                                     .client = parts_.loop.client(),
                                                     .clock = parts_.clock,
                                                     .origin = target.endpoint.origin});
  running->driver = std::make_unique<runtime::JobDriver>(
      parts_.loop.io(), parts_.loop.client(), parts_.clock, *running->engine, *running->journal,
      runtime::JobDriver::Options{.origin = target.endpoint.origin,
                                  .request_timeout = target.request_timeout,
                                  .tokens = running->tokens.get(),
                                  .on_progress = [this, one = running.get()] { update(*one); }});
  {
    const std::scoped_lock lock(job->mutex);
    if (job->cancel_wanted) WEIR_CHECK(running->engine->cancel());
  }
  running_.emplace(meta.id, running);
  job->begun = true;
  job->set(JobStatus::Phase::kRunning);
  asio::co_spawn(parts_.loop.io(), drive(running), asio::detached);
  return {};
}

asio::awaitable<void> JobDesk::drive(std::shared_ptr<RunningJob> running) {
  auto outcome = co_await running->driver->run();
  ended(*running, outcome);
  // The driver is done, but this is its call stack's end: let go of it from the loop.
  parts_.loop.post([this, running]() mutable {
    const auto job = running->job;
    running_.erase(job->meta.id);
    running.reset();
    keep_end(*job);  // now that nothing writes to its store any more
    start_next();
  });
}

void JobDesk::update(RunningJob& running) {
  auto& job = *running.job;
  const auto progress = running.engine->progress();
  const auto& state = running.engine->job();
  {
    const std::scoped_lock lock(job.mutex);
    auto& status = job.status;
    status.items = progress.items;
    status.succeeded = progress.succeeded;
    status.failed = progress.failed;
    status.cancelled = progress.cancelled;
    status.batches_running = progress.batches_running;
    status.batches_ended = progress.batches_ended;
    status.spent_usd = to_usd(progress.spent);
    status.exposure_usd = to_usd(progress.exposure);
    status.reasons = state.reasons;
    job.segment_bytes = state.segment_bytes;
    job.batch_route = state.plan.route == Route::kBatch;
  }
  book(job, progress.spent + progress.exposure, parts_.clock.now());
  const auto& hooks = parts_.hooks;
  for (; running.reasons_told < state.reasons.size(); ++running.reasons_told) {
    const auto& reason = state.reasons[running.reasons_told];
    parts_.tell.decided(job.meta.id, reason, job.meta.policy.tells);
  }
  const auto batches = progress.batches_running * 1'000'003 + progress.batches_ended;
  if (batches != std::exchange(running.batches_told, batches) && hooks.on_batch_event)
    hooks.on_batch_event(
        {.job = job.meta.id, .running = progress.batches_running, .ended = progress.batches_ended});
}

void JobDesk::ended(RunningJob& running, const Result<void>& outcome) {
  update(running);
  auto& job = *running.job;
  const auto progress = running.engine->progress();
  if (progress.ended() == progress.items) {
    tell_fallbacks(running);
    tell_hits(running);
    return job.set(JobStatus::Phase::kDone);
  }
  if (!outcome) return job.set(JobStatus::Phase::kWaiting, outcome.error().text());
  if (const auto& stopped = running.engine->stopped())
    return job.set(JobStatus::Phase::kWaiting, stopped->text());
  if (running.engine->spend_stopped()) {
    const auto left = parts_.spend.left(job.meta.workload).value_or(MoneySum{});
    unpaid_.push_back({running.job, left});
    return job.set(JobStatus::Phase::kWaiting,
                   fmt::format("the budget of workload '{}' has {} left, which the next request "
                               "may exceed",
                               job.meta.workload, human_usd(left)));
  }
  if (progress.batches_held > 0)
    return job.set(JobStatus::Phase::kWaiting,
                   fmt::format("{} batches are held, somebody must look at them: weir job show {}",
                               progress.batches_held, job.output));
  job.set(JobStatus::Phase::kStopped);
}

// Of the requests whose prefix had been written before.
void JobDesk::tell_hits(const RunningJob& running) {
  constexpr std::uint64_t kReadsDueMin = 12;  // fewer tell nothing
  const auto& reads = running.engine->job().reads;
  const auto& meta = running.job->meta;
  if (reads.due < kReadsDueMin) return;
  const auto rate = static_cast<double>(reads.hits) / static_cast<double>(reads.due);
  parts_.tell.hit_rate(meta.workload.empty() ? meta.provider + "/" + meta.model : meta.workload,
                       rate);
}

// Items of a batch job that were answered by the standard API.
void JobDesk::tell_fallbacks(const RunningJob& running) {
  const auto& job = *running.job;
  if (!job.batch_route) return;
  std::uint64_t count = 0;
  std::string last;
  auto reader = engine::ResultReader::open(files_, job.folder, job.status.items, job.segment_bytes);
  if (!reader) return;
  json::Parser parser;
  std::ignore = (*reader)->visit([&](const engine::ResultLog::Record& record) -> Result<bool> {
    const auto response = response_of_line(record.line, job, parser);
    if (!response || response->fallback_reason.empty()) return true;
    ++count;
    last = response->fallback_reason;
    if (parts_.hooks.on_fallback)
      parts_.hooks.on_fallback({.subject = job.meta.id, .reason = response->fallback_reason});
    return true;
  });
  if (count > 0)
    parts_.tell.failed(job.meta.id,
                       fmt::format("{} requests went by the standard API: {}", count, last));
}

bool JobDesk::withdraw(const JobPtr& job) {
  std::packaged_task<bool()> task([this, job] {
    {
      const std::scoped_lock lock(job->mutex);
      if (job->begun || job->status.phase != JobStatus::Phase::kWaiting) return false;
    }
    const std::scoped_lock lock(mutex_);
    jobs_.erase(job->meta.id);
    std::error_code ignored;
    std::filesystem::remove_all(job->folder, ignored);
    return true;
  });
  auto outcome = task.get_future();
  {
    // A loop that has been posted to before the engine stops still does it.
    const std::scoped_lock lock(mutex_);
    if (stopped_) return false;
    parts_.loop.post([&task] { task(); });
  }
  return outcome.get();
}

void JobDesk::cancel(const JobPtr& job) {
  {
    const std::scoped_lock lock(job->mutex);
    job->cancel_wanted = true;  // one that has not begun yet is cancelled when it does
  }
  parts_.loop.post([this, job] {
    const auto found = running_.find(job->meta.id);
    if (found == running_.end()) return;
    if (auto begun = found->second->engine->cancel(); !begun)
      parts_.tell.log(LogLevel::kError,
                      fmt::format("job {}: {}", job->meta.id, begun.error().text()));
    found->second->driver->wake();
  });
}

void JobDesk::retry_unpaid() {
  parts_.loop.post([this] {
    if (draining_) return;
    std::vector<JobPtr> again;
    std::erase_if(unpaid_, [&](const Unpaid& unpaid) {
      const auto left = parts_.spend.left(unpaid.job->meta.workload);
      if (left && *left <= unpaid.left) return false;
      again.push_back(unpaid.job);
      return true;
    });
    for (const auto& job : again) {
      job->set(JobStatus::Phase::kRunning);
      waiting_.push_back(job);
    }
    start_next();
  });
}

bool JobDesk::stop(std::chrono::steady_clock::time_point until) {
  {
    const std::scoped_lock lock(mutex_);
    if (stopped_) return true;
    stopped_ = true;
  }
  parts_.loop.call([this] {
    draining_ = true;
    for (const auto& job : waiting_) job->set(JobStatus::Phase::kStopped);
    waiting_.clear();
    for (auto& [id, running] : running_) running->driver->drain();
  });
  const auto idle = [this](auto end) {
    while (!parts_.loop.call([this] { return running_.empty(); })) {
      if (std::chrono::steady_clock::now() >= end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  };
  const bool drained = idle(until);
  if (!drained) {
    parts_.loop.call([this] {
      for (auto& [id, running] : running_) running->driver->abandon();
    });
    (void)idle(std::chrono::steady_clock::now() + std::chrono::seconds(10));
  }
  parts_.loop.call([this] { parts_.loop.client().stop(); });
  for (const auto& job : all()) {
    {
      const std::scoped_lock lock(job->mutex);
      job->desk = nullptr;
      if (job->status.phase == JobStatus::Phase::kDone) continue;
    }
    job->set(JobStatus::Phase::kStopped);
  }
  return drained;
}

}  // namespace weir::library
