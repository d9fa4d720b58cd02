// Optimised models on a base of Weir: batches as durable jobs, caching, restarts.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <sstream>
#include <thread>

#include "support.h"

namespace {

using namespace weir;
using namespace weir_test;
using testing::HasSubstr;

std::unique_ptr<OptimizedModel> optimized(Engine& engine, const Simulator& simulator,
                                          Optimization options,
                                          const std::string& name = "anthropic/claude-sonnet-5") {
  auto model = optimize(engine, model_of(engine, simulator, name), std::move(options));
  EXPECT_EQ(why(model), "");
  return model ? std::move(*model) : nullptr;
}

const Optimization kBatch{.batch = {.enabled = true}, .strategy = Strategy::kBatchOnly};
const Optimization kBoth{
    .batch = {.enabled = true}, .cache = {.enabled = true}, .strategy = Strategy::kBoth};

std::vector<Request> documents(std::size_t count,
                               const std::string& system = "Say the category in a word.") {
  std::vector<Request> out;
  for (std::size_t i = 0; i < count; ++i)
    out.push_back(ask("Document number " + std::to_string(i), system));
  return out;
}

TEST(Job, ABatchAnswersEverySlotInOrderAtHalfThePrice) {
  const Simulator simulator("--time-scale 600");
  const Folder folder;
  for (const auto* name : {"anthropic/claude-sonnet-5", "openAI/gpt-5.4-nano"}) {
    const auto engine = engine_on(simulator, folder.path(std::string(name).substr(0, 6)));
    const auto model = optimized(*engine, simulator, kBatch, name);
    EXPECT_TRUE(model->can_batch());
    EXPECT_TRUE(model->batch({}).empty());
    auto requests = documents(20);
    requests[7].messages.clear();  // one that cannot be sent harms no other
    const auto answers = model->batch(requests);
    ASSERT_EQ(answers.size(), 20);
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (i == 7) {
        EXPECT_EQ(answers[i].error().kind, ErrorKind::kInvalidArgument);
        continue;
      }
      ASSERT_EQ(why(answers[i]), "") << i;
      EXPECT_EQ(answers[i]->route, Route::kBatch);
      EXPECT_EQ(answers[i]->cost.pico * 2, answers[i]->baseline.pico);
      EXPECT_EQ(answers[i]->fallback_reason, "");
    }
    const auto summary = engine->metrics().summary();
    ASSERT_EQ(why(summary), "");
    EXPECT_EQ(summary->batch_requests, 19);
    EXPECT_NEAR(summary->saved_percentage, 50, 0.01);
  }
}

TEST(Job, LedgerIsTheBillWithBatchAndCache) {
  const Simulator simulator("--time-scale 600");
  const Folder folder;
  const auto engine = engine_on(simulator, folder.path());
  const auto model = optimized(*engine, simulator, kBoth);
  auto job = model->submit(documents(300, long_text(3000)));
  ASSERT_EQ(why(job), "");
  EXPECT_EQ(why(job->wait()), "");
  const auto status = job->status();
  EXPECT_EQ(status.phase, JobStatus::Phase::kDone);
  EXPECT_EQ(status.succeeded, 300);
  EXPECT_EQ(status.spent_usd, simulator.bill());
  const auto summary = engine->metrics().summary();
  ASSERT_EQ(why(summary), "");
  EXPECT_EQ(summary->spent_usd, simulator.bill());
  EXPECT_GT(summary->cache_hits, 200);
  EXPECT_GT(summary->saved_percentage, 60);
}

TEST(Job, AnEngineOnTheSameStoreGoesOn) {
  const Simulator simulator("--time-scale 600");
  const Folder folder;
  std::string id;
  {
    const auto engine = engine_on(simulator, folder.path());
    const auto model = optimized(*engine, simulator, kBatch);
    const auto job = model->submit(documents(50), {.idempotency_key = "letters"});
    ASSERT_EQ(why(job), "");
    id = job->id();
    EXPECT_EQ(model->submit(documents(50), {.idempotency_key = "letters"})->id(), id);
  }
  const auto engine = engine_on(simulator, folder.path());
  auto job = engine->job(id);
  ASSERT_EQ(why(job), "");
  if (job->status().phase != JobStatus::Phase::kDone) {
    EXPECT_EQ(job->status().phase, JobStatus::Phase::kWaiting);
    EXPECT_THAT(why(job->wait()), HasSubstr("key"));
  }
  const auto model = optimized(*engine, simulator, kBatch);  // brings the key
  EXPECT_EQ(why(job->wait()), "");
  std::uint64_t next = 0;
  EXPECT_EQ(why(job->for_each_result([&](std::uint64_t index, Result<Response> response) {
              EXPECT_EQ(index, next++);
              EXPECT_EQ(why(response), "");
              return true;
            })),
            "");
  EXPECT_EQ(next, 50);
  EXPECT_EQ(job->status().spent_usd, simulator.bill());
  EXPECT_EQ(model->submit(documents(50), {.idempotency_key = "letters"})->id(), id);
  EXPECT_EQ(engine->jobs().size(), 1);
}

constexpr std::size_t kMortal = 40;  // requests of a job whose process dies
// Both dialects, by turns.
std::string mortal_model(int death) {
  return death % 2 == 0 ? "anthropic/claude-sonnet-5" : "openAI/gpt-5.4-nano";
}

Result<Job> submit_mortal(Engine& engine, const Simulator& simulator, int death) {
  const auto model = optimized(engine, simulator, kBoth, mortal_model(death));
  return model->submit(documents(kMortal, long_text(1500)));
}

// A process of its own submits, tells the job's id, and is killed so long after it. Empty: it told none.
std::string submit_and_die(const Simulator& simulator, const std::string& store, int death,
                           std::chrono::microseconds life) {
  constexpr std::size_t kIdLength = 26;
  int ends[2];
  if (::pipe(ends) != 0) return {};
  const auto child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    const auto engine = engine_on(simulator, store);
    const auto job = submit_mortal(*engine, simulator, death);
    const auto id = job ? job->id() : std::string();
    const auto written = ::write(ends[1], id.data(), id.size());
    ::close(ends[1]);
    while (written > 0) ::pause();
    ::_exit(1);
  }
  ::close(ends[1]);
  std::string id(kIdLength, ' ');
  std::size_t got = 0;
  for (ssize_t count = 1; count > 0 && got < id.size(); got += static_cast<std::size_t>(count))
    count = std::max<ssize_t>(0, ::read(ends[0], id.data() + got, id.size() - got));
  ::close(ends[0]);
  ::usleep(static_cast<useconds_t>(life.count()));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  return got == kIdLength ? id : std::string();
}

// How long a job takes that nobody kills.
std::chrono::microseconds whole_life(const Simulator& simulator, const std::string& store) {
  const auto engine = engine_on(simulator, store);
  const auto begin = std::chrono::steady_clock::now();
  const auto job = submit_mortal(*engine, simulator, 0);
  EXPECT_EQ(why(job), "");
  if (job) EXPECT_EQ(why(job->wait()), "");
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() -
                                                               begin);
}

// The process dies between submit and results, at random moments: a new engine on the store delivers all, and the ledger is the bill.
// WEIR_DEATHS: how often.
TEST(Job, SurvivesTheDeathOfItsProcess) {
  const char* wanted = std::getenv("WEIR_DEATHS");
  const int deaths = wanted != nullptr ? std::atoi(wanted) : 6;
  const Simulator simulator("--time-scale 600");
  const Folder folder;
  std::vector<std::string> stores{folder.path("whole")};
  const auto whole = whole_life(simulator, stores.front());
  std::mt19937_64 random(11);
  int unfinished = 0;
  for (int death = 0; death < deaths; ++death) {
    stores.push_back(folder.path("store-" + std::to_string(death)));
    const std::chrono::microseconds life(
        random() % static_cast<std::uint64_t>(std::max<std::int64_t>(1, whole.count())));
    SCOPED_TRACE("death " + std::to_string(death) + " after " + std::to_string(life.count()) +
                 " us");
    const auto id = submit_and_die(simulator, stores.back(), death, life);
    ASSERT_NE(id, "");
    const auto engine = engine_on(simulator, stores.back());
    const auto job = engine->job(id);
    ASSERT_EQ(why(job), "");
    unfinished += job->status().phase != JobStatus::Phase::kDone;
    const auto key = model_of(*engine, simulator, mortal_model(death));  // is what it waits for
    ASSERT_EQ(why(job->wait()), "");
    std::uint64_t delivered = 0;
    ASSERT_EQ(why(job->for_each_result([&](std::uint64_t index, Result<Response> response) {
                EXPECT_EQ(index, delivered++);
                EXPECT_EQ(why(response), "");
                return true;
              })),
              "");
    EXPECT_EQ(delivered, kMortal);
  }
  Money spent;
  for (const auto& store : stores)
    spent = spent + *parse_usd(engine_on(simulator, store)->metrics().summary()->spent_usd);
  EXPECT_EQ(to_usd(spent), simulator.bill());
  EXPECT_GT(unfinished, 0);  // or no death came in time
  RecordProperty("deaths", deaths);
  RecordProperty("unfinished", unfinished);
}

TEST(Job, AtTheDeadlineOpenSlotsSaySoAndTheJobRunsOn) {
  const Folder folder;
  const Simulator simulator("--time-scale 60");
  const auto engine = engine_on(simulator, folder.path());
  const auto model = optimized(*engine, simulator, kBatch);
  const auto answers = model->batch(documents(5), {.deadline = std::chrono::seconds(3)});
  ASSERT_EQ(answers.size(), 5);
  const auto jobs = engine->jobs();
  ASSERT_EQ(jobs.size(), 1);
  for (const auto& answer : answers)
    if (!answer) {
      EXPECT_EQ(answer.error().kind, ErrorKind::kDeadlineExceeded);
      EXPECT_THAT(answer.error().message, HasSubstr(jobs.front().id()));
    }
  EXPECT_EQ(why(jobs.front().wait(std::chrono::seconds(60))), "");
  EXPECT_EQ(jobs.front().status().succeeded, 5);
}

TEST(Job, CancelKeepsWhatIsFinished) {
  const Folder folder;
  const Simulator simulator("--time-scale 60");
  const auto engine = engine_on(simulator, folder.path());
  const auto model = optimized(*engine, simulator, kBatch);
  const auto job = model->submit(documents(30));
  ASSERT_EQ(why(job), "");
  EXPECT_EQ(why(job->cancel()), "");
  EXPECT_EQ(why(job->cancel()), "");
  EXPECT_EQ(why(job->wait(std::chrono::seconds(60))), "");
  const auto status = job->status();
  EXPECT_EQ(status.ended(), 30);
  std::uint64_t cancelled = 0;
  EXPECT_EQ(why(job->for_each_result([&](std::uint64_t, Result<Response> response) {
              if (!response && response.error().kind == ErrorKind::kCancelled) ++cancelled;
              return true;
            })),
            "");
  EXPECT_EQ(cancelled, status.cancelled);
}

TEST(Job, RefusesWhatCannotBeSentWithItsNumber) {
  const Folder folder;
  const Simulator simulator;
  const auto engine = engine_on(simulator, folder.path());
  const auto model = optimized(*engine, simulator, kBatch);
  EXPECT_THAT(why(model->submit(std::vector<Request>())),
              HasSubstr("invalid_argument: the job has no request"));
  auto requests = documents(3);
  requests[2].messages.clear();
  EXPECT_THAT(why(model->submit(requests)), HasSubstr("invalid_argument: request 2: "));
  EXPECT_TRUE(engine->jobs().empty());
  EXPECT_EQ(simulator.bill(), "0.00");
}

// An optimisation that fails reaches the caller only where the fallback is off.
TEST(Job, FallsBackWhereABatchCannotBeMade) {
  const Folder folder;
  const auto faults = folder.path("faults.json");
  std::ofstream(faults)
      << R"([{"match":{"operation":"batch_create"},"fault":{"kind":"status","code":503}}])";
  const Simulator simulator("--time-scale 600 --faults " + faults);
  std::vector<std::string> told;
  auto engine = Engine::create({.store = folder.path(),
                                .clock = simulator.clock(),
                                .hooks = {.on_fallback = [&](const Fallback& fallback) {
                                  told.push_back(fallback.reason);
                                }}});
  ASSERT_EQ(why(engine), "");
  auto hasty = kBatch;
  hasty.fallback_timeout = std::chrono::seconds(60);
  const auto model = optimized(**engine, simulator, hasty);
  for (const auto& answer : model->batch(documents(4))) {
    ASSERT_EQ(why(answer), "");
    EXPECT_EQ(answer->route, Route::kSync);
    EXPECT_NE(answer->fallback_reason, "");
  }
  EXPECT_EQ(told.size(), 4);
  auto strict = hasty;
  strict.fallback_to_standard = false;
  const auto other = optimized(**engine, simulator, strict);
  for (const auto& answer : other->batch(documents(2))) EXPECT_FALSE(answer);
}

// What could not be accepted goes by the standard path, whose fault it is not.
TEST(Job, FallsBackWhereAJobCannotBeAccepted) {
  const Folder folder;
  const Simulator simulator("--time-scale 600");
  const auto engine = engine_on(simulator, folder.path());
  const auto model = optimized(*engine, simulator, kBatch);
  auto strict_options = kBatch;
  strict_options.fallback_to_standard = false;
  const auto strict = optimized(*engine, simulator, strict_options);
  std::filesystem::rename(folder.path() + "/jobs", folder.path() + "/jobs-away");
  std::ofstream(folder.path() + "/jobs") << "in the way";
  for (const auto& answer : model->batch(documents(3))) {
    ASSERT_EQ(why(answer), "");
    EXPECT_EQ(answer->route, Route::kSync);
    EXPECT_THAT(answer->fallback_reason, HasSubstr("the job was not accepted: "));
  }
  // Under a key the job would be one and the same: single requests cannot promise that.
  for (const auto& answer : model->batch(documents(2), {.idempotency_key = "letters"}))
    EXPECT_FALSE(answer);
  for (const auto& answer : strict->batch(documents(2))) EXPECT_FALSE(answer);
  EXPECT_EQ(model->batch(documents(1), {.concurrency_max = 0})[0].error().kind,
            ErrorKind::kInvalidArgument);
  std::filesystem::remove(folder.path() + "/jobs");
  std::filesystem::rename(folder.path() + "/jobs-away", folder.path() + "/jobs");
  EXPECT_EQ(model->batch(documents(2), {.idempotency_key = "letters"})[0]->route, Route::kBatch);
}

// Accepted, but its store cannot be made: nothing was sent, so it is taken back, and is not done a second time later.
TEST(Job, FallsBackWhereAJobCannotBegin) {
  const Folder folder;
  const Simulator simulator("--time-scale 600");
  {
    const auto engine = engine_on(simulator, folder.path());
    const auto model = optimized(*engine, simulator, kBatch);
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    const auto handler = ::signal(SIGXFSZ, SIG_IGN);
    const rlimit little{.rlim_cur = 8192, .rlim_max = before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &little), 0);
    const auto answers = model->batch(documents(1));
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    ::signal(SIGXFSZ, handler);
    ASSERT_EQ(why(answers[0]), "");
    EXPECT_EQ(answers[0]->route, Route::kSync);
    EXPECT_THAT(answers[0]->fallback_reason, HasSubstr(" is waiting: "));
    EXPECT_TRUE(engine->jobs().empty());
    EXPECT_EQ(engine->metrics().summary()->spent_usd, simulator.bill());
  }
  EXPECT_TRUE(engine_on(simulator, folder.path())->jobs().empty());
}

// An ended job is not opened at each start; but once somebody has worked on it since, what stands beside it says nothing.
TEST(Job, TheEndThatIsKeptHoldsOnlyAsLongAsNobodyWorksOnTheJob) {
  const Folder folder;
  const Simulator simulator("--time-scale 600");
  std::string id;
  {
    const auto engine = engine_on(simulator, folder.path());
    const auto job = optimized(*engine, simulator, kBatch)->submit(documents(3));
    ASSERT_EQ(why(job), "");
    ASSERT_EQ(why(job->wait()), "");
    id = job->id();
  }
  const auto job_folder = folder.path() + "/jobs/" + id + ".jsonl.weir";
  const auto end = job_folder + "/end.json";
  std::stringstream text;
  text << std::ifstream(end).rdbuf();
  auto wrong = text.str();
  const std::string said = R"("succeeded":3)";
  ASSERT_NE(wrong.find(said), std::string::npos);
  wrong.replace(wrong.find(said), said.size(), R"("succeeded":2)");
  const auto succeeded = [&] {
    const auto engine = engine_on(simulator, folder.path());
    const auto job = engine->job(id);
    EXPECT_EQ(why(job->wait()), "");
    EXPECT_EQ(engine->metrics().summary()->requests, 3);
    return job->status().succeeded;
  };
  std::ofstream(end) << wrong;
  EXPECT_EQ(succeeded(), 2);  // it was not opened; looking at the ledger changes nothing
  EXPECT_EQ(succeeded(), 2);
  const auto store = job_folder + "/store.sqlite";
  std::filesystem::last_write_time(
      store, std::filesystem::last_write_time(store) + std::chrono::milliseconds(1));
  EXPECT_EQ(succeeded(), 3);
  EXPECT_EQ(succeeded(), 3);  // and that was kept
  std::ofstream(end) << "{";
  EXPECT_EQ(succeeded(), 3);
}

TEST(Cache, MarksTheSystemTextAndReadsItBack) {
  const Simulator simulator("--time-scale 60");
  const Folder folder;
  std::uint64_t hits = 0;
  auto engine = Engine::create(
      {.store = folder.path(),
       .clock = simulator.clock(),
       .hooks = {.on_cache_hit = [&](const CacheHit& hit) { hits += hit.tokens.count > 0; }}});
  ASSERT_EQ(why(engine), "");
  const auto model = optimized(**engine, simulator, {.cache = {.enabled = true}});
  EXPECT_TRUE(model->can_cache());
  const auto first = model->invoke(ask("one", long_text(3000)));
  const auto second = model->invoke(ask("two", long_text(3000)));
  ASSERT_EQ(why(first), "");
  ASSERT_EQ(why(second), "");
  EXPECT_EQ(first->cache_outcome, CacheOutcome::kWrite);
  EXPECT_EQ(second->cache_outcome, CacheOutcome::kHit);
  EXPECT_LT(second->cost.pico * 3, second->baseline.pico);
  EXPECT_EQ(hits, 1);
  const auto brief = model->invoke(ask("three", "Too short to be cached."));
  EXPECT_EQ(brief->cache_outcome, CacheOutcome::kNone);
}

TEST(Cache, StopsMarkingWhatNobodyReadsAgain) {
  const Simulator simulator("--time-scale 60");
  const Folder folder;
  const auto engine = engine_on(simulator, folder.path());
  const auto model = optimized(*engine, simulator, {.cache = {.enabled = true}});
  std::uint64_t writes = 0;
  for (int i = 0; i < 60; ++i) {
    const auto response =
        model->invoke(ask("one", "Prompt " + std::to_string(i) + ". " + long_text(1500)));
    ASSERT_EQ(why(response), "");
    writes += response->cache_outcome == CacheOutcome::kWrite;
  }
  EXPECT_GE(writes, 10);
  EXPECT_LE(writes, 25);
}

// The process's soft limit of open files, for a while.
class FilesMax {
 public:
  explicit FilesMax(rlim_t count) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit lower{.rlim_cur = count, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &lower);
  }
  ~FilesMax() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  FilesMax(const FilesMax&) = delete;
  FilesMax& operator=(const FilesMax&) = delete;

 private:
  rlimit before_{};
};

std::size_t open_below(const std::string& folder) {
  std::size_t out = 0;
  std::error_code code;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", code))
    out += std::filesystem::read_symlink(entry.path(), code).string().starts_with(folder);
  return out;
}

TEST(Job, ManyRunAtOnceWithFewOpenFiles) {
  const Simulator simulator("--time-scale 30");  // a batch takes a while
  const Folder folder;
  const FilesMax limit(400);
  const auto engine = engine_on(simulator, folder.path());
  const auto model = optimized(*engine, simulator, kBatch);
  std::vector<Job> jobs;
  for (int i = 0; i < 30; ++i) jobs.push_back(*model->submit(documents(5)));
  const auto begun = [](const Job& job) { return job.status().batches_running > 0; };
  for (int tries = 0; tries < 12000 && !std::ranges::all_of(jobs, begun); ++tries)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_TRUE(std::ranges::all_of(jobs, begun));  // 14 ran at once when each held all of its files
  // Four a job, a quarter of half the limit for all of them, and one that a job is opening just now.
  EXPECT_LE(open_below(folder.path() + "/jobs"), 30 * 5 + 50);
}

TEST(Job, AllEndUnderALowLimitOfOpenFiles) {
  const Simulator simulator("--time-scale 600");
  const Folder folder;
  const FilesMax limit(120);
  const auto engine = engine_on(simulator, folder.path());
  const auto model = optimized(*engine, simulator, kBatch);
  std::vector<Job> jobs;
  for (int i = 0; i < 25; ++i) jobs.push_back(*model->submit(documents(5)));
  for (const auto& job : jobs) {
    ASSERT_EQ(why(job.wait(std::chrono::seconds(120))), "");
    EXPECT_EQ(job.status().succeeded, 5);
  }
}

}  // namespace
