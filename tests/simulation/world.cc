#include "world.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/hash.h"
#include "services.h"
#include "weir_registry.h"
#include "weir_sim_registry.h"

namespace weir::simulation {
namespace {

constexpr std::uint64_t kTurnsMax =
    200'000;  // of one process; a job of 120 items needs some thousand
constexpr std::uint64_t kIdleTurnsMax = 1000;  // at one moment, without an event: a busy loop
constexpr std::uint64_t kProcessesMax = 60;
constexpr Duration kPulse = std::chrono::milliseconds(100);  // the driver's
// The kernel writes back by itself what was dirty for so long.
constexpr Duration kWrittenBackAfter = std::chrono::seconds(35);
constexpr std::uint32_t kJournalSlots = 256;

const catalogue::Catalogue& built_in_catalogue() {
  static const catalogue::Catalogue kCatalogue = [] {
    auto loaded = catalogue::Catalogue::built_in();
    WEIR_ASSERT(loaded.has_value());
    return std::move(*loaded);
  }();
  return kCatalogue;
}

std::unique_ptr<sim::Simulator> make_simulator(const Scenario& scenario) {
  std::vector<std::unique_ptr<sim::Provider>> providers;
  for (const auto& provider : sim::registered()) providers.push_back(provider.get());
  auto made = sim::Simulator::create({.seed = scenario.seed,
                                      .batch_hit_rate = scenario.hit_rate,
                                      .faults_json = scenario.faults_json},
                                     std::move(providers));
  WEIR_ASSERT(made.has_value());
  return std::move(*made);
}

const provider::Adapter* find_adapter(std::string_view name) {
  for (const auto& provider : providers::registered())
    if (provider.name == name) return &provider.get();
  return nullptr;
}

}  // namespace

World::World(const Scenario& scenario, MakeMutation mutation)
    : scenario_(scenario),
      mutation_(std::move(mutation)),
      documents_(scenario),
      random_(hash64("world", scenario.seed)),
      crash_(random_),
      disk_(crash_),
      vfs_(disk_),
      wire_(scenario.wire, scenario.seed),
      simulator_(make_simulator(scenario)),
      now_(from_unix_seconds(1'795'400'000)),
      spend_max_(scenario.spend_max) {
  seed_sqlite(scenario.seed);
  const auto found =
      catalogue::resolve(built_in_catalogue(), scenario.provider + "/" + scenario.model);
  WEIR_ASSERT(found.has_value());
  provider_ = *found->provider;
  model_ = found->model;
  // The limit is the provider's, ninety per cent of it are used.
  if (auto& batch = provider_.batch) {
    batch->requests_max =
        std::min(batch->requests_max, std::max(scenario.batch_requests, 3 * batch->requests_min));
    batch->requests_min = std::max(batch->requests_min, scenario.requests_min);
    batch->creates_per_hour_max = scenario.creates_per_hour;
    batch->enqueued_tokens_max = scenario.enqueued_tokens;
  }
  adapter_ = find_adapter(scenario.provider);
  WEIR_ASSERT(adapter_ != nullptr);
  credentials_ = credentials_of(service_of(scenario.provider));
  if (scenario.deadline) deadline_ = now_ + *scenario.deadline;
}

Result<void> World::open(Process& process) {
  WEIR_TRY(process.store, runtime::SqliteStore::open(folder() + "/store.sqlite",
                                                     {.vfs = vfs_.name(), .exclusive = true}));
  crash_.check();
  const auto journal_path = folder() + "/usage.journal";
  WEIR_TRY(auto memory, map_journal(disk_, journal_path, kJournalSlots));
  WEIR_TRY(process.journal, runtime::MappedJournal::open(std::move(memory), journal_path));
  unsynced_intents_.clear();
  process.files = std::make_unique<MemoryFiles>(disk_);
  process.faulty_store = std::make_unique<FaultyStore>(*process.store, crash_, commits_);
  process.faulty_journal = std::make_unique<FaultyJournal>(
      *process.journal, crash_,
      [this](const AttemptId& attempt) { unsynced_intents_[attempt.text()] = now_; });
  process.mutation = mutation_ ? mutation_() : std::make_unique<Mutation>();
  auto& mutation = *process.mutation;
  engine::JobOptions options{
      .identity = {.provider = scenario_.provider, .model = scenario_.model, .account = account_},
      .wish = scenario_.wish,
      .deadline = deadline_,
      .spend_max = spend_max_,
      .concurrency_max = scenario_.concurrency,
      .batches_running_max = scenario_.batches_running,
      .fallback_to_standard = scenario_.fallback,
      .batch_timeout = scenario_.batch_timeout,
      .folder = folder(),
      .output_path = output_path(),
      .output_max = Tokens{200}};
  if (scenario_.fallback_timeout) options.fallback_timeout = *scenario_.fallback_timeout;
  WEIR_TRY(process.engine,
           engine::JobEngine::create(
               std::move(options),
               {mutation.adapter(*adapter_), provider_, model(), credentials_, documents_,
                mutation.store(*process.faulty_store), mutation.files(*process.files, disk_),
                mutation.journal(*process.faulty_journal), random_},
               clock(process)));
  return {};
}

bool World::run() {
  for (;;) {
    if (++processes_ > kProcessesMax * (1 + retries_)) {
      why_ = fmt::format("not done after {} processes", processes_ - 1);
      return false;
    }
    const auto end = live();
    deliveries_.clear();  // what was under way has nobody to hear it
    check_spend();
    if (end == End::kFailed) return false;
    if (end == End::kDone) return true;
    if (end == End::kStopped) spend_max_.reset();
    rest();
  }
}

// Until the next process comes.
void World::rest() {
  const Duration away_max = random_.unit() < scenario_.long_away ? Duration(std::chrono::hours(72))
                            : random_.below(4) == 0 ? Duration(std::chrono::seconds(20))
                                                    : Duration(std::chrono::hours(2));
  const Duration away(
      static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(away_max.count()))));
  now_ += away;
  if (away < kWrittenBackAfter) return;
  disk_.write_back_all();
  unsynced_intents_.clear();
  for (auto& heard : heard_) heard.durable = true;
}

// Draws when and how this process dies, when its disk is full, and what its clock says.
void World::arm() {
  crash_.disarm();
  const bool again = retries_ > 0;
  const auto& retry = scenario_.retries;
  if (crashes_ < scenario_.crashes_max + retries_ * retry.crashes_max) {
    const bool power = scenario_.death
                           ? *scenario_.death == Death::kPowerLoss
                           : random_.unit() < (again ? retry.power_losses : scenario_.power_losses);
    const auto at = again ? retry.crash_at : scenario_.crash_at;
    const auto span = again && retry.crash_span > 0 ? retry.crash_span : scenario_.crash_span;
    crash_.arm(at ? *at : random_.below(span), power ? Death::kPowerLoss : Death::kKill);
  }
  if (disk_failures_ < scenario_.disk_failures_max + retries_ * retry.disk_failures_max)
    crash_.fail_at(random_.below(400));
}

World::End World::live() {
  Process process;
  arm();
  if (scenario_.clock_wrong > 0 && random_.unit() < scenario_.clock_wrong) {
    const auto far = scenario_.clock_wrong_max.count();
    process.skew = Duration(
        static_cast<std::int64_t>(random_.below(2 * static_cast<std::uint64_t>(far) + 1)) - far);
  }
  if (processes_ == 1) process.skew += scenario_.first_clock_ahead;
  process.pulse_at = now_;
  try {
    auto opened = open(process);
    crash_.check();
    if (!opened) {
      ++disk_failures_;
      bury(process, false);
      if (crash_.failed()) return End::kBroken;
      why_ = "open: " + opened.error().text();
      return End::kFailed;
    }
    const auto end = turns(process);
    bury(process, false);
    return end;
  } catch (const Crash&) {
    ++crashes_;
    bury(process, true);
    return End::kCrashed;
  }
}

// What the dead process leaves, and what its disk has lost.
void World::bury(const Process& process, bool crashed) {
  const auto commits = process.faulty_store ? process.faulty_store->commits() : 0;
  for (auto& heard : heard_)
    if (commits > (heard.process == processes_ ? heard.commits : 0)) heard.durable = true;
  if (const auto output = disk_.find(output_path()); crashed && output) {
    const auto lines = static_cast<std::uint64_t>(std::ranges::count(output->bytes(), '\n'));
    partial_outputs_ += lines > 0 && lines < scenario_.items;
  }
  if (!crashed || crash_.death() != Death::kPowerLoss) return check_replaced_output(false);
  ++power_losses_;
  disk_.lose_power();
  check_replaced_output(false);
  // design.md 4.2: what is younger than 100 ms may be lost. A process that was killed before syncs nothing any more.
  for (const auto& [attempt, at] : unsynced_intents_) {
    lost_intents_.insert(attempt);
    if (process.journal && now_ - at > kPulse)
      complain(
          fmt::format("the intent of {} was not synced for {} us", attempt, (now_ - at).count()));
  }
  unsynced_intents_.clear();
  std::erase_if(heard_, [&](const Heard& heard) {
    return !heard.durable && (heard.process != processes_ || now_ - heard.at <= kPulse);
  });
}

World::End World::turns(Process& process) {
  std::uint64_t idle = 0;
  const bool drains = scenario_.drains_max > 0 && drains_ < scenario_.drains_max + retries_;
  const auto drain_at = drains ? random_.below(60) : kTurnsMax;
  auto& engine = *process.engine;
  const auto broke = [&](const Error& error) {
    crash_.check();
    if (!crash_.failed()) {
      why_ = error.text() + reasons(process);
      return End::kFailed;
    }
    ++disk_failures_;
    return End::kBroken;
  };
  if (auto opened = open_again(process); !opened) return broke(opened.error());
  for (std::uint64_t count = 0; count < kTurnsMax; ++count) {
    if (count == drain_at) {
      engine.drain();
      ++drains_;
    }
    if (count == scenario_.cancel_at && (retries_ == 0 || scenario_.retries.cancels))
      if (auto cancelled = engine.cancel(); !cancelled) return broke(cancelled.error());
    auto turn = engine.turn(clock(process));
    if (!turn) return broke(turn.error());
    learn(process);
    crash_.pass_or_die();
    for (auto& call : turn->calls) {
      deliveries_.push_back(perform(process, std::move(call)));
      crash_.pass_or_die();
    }
    if (turn->done && deliveries_.empty()) {
      if (const auto end = ended(process, count >= drain_at)) return *end;
      if (auto opened = open_again(process); !opened) return broke(opened.error());
      continue;
    }
    bool stuck = false;
    const Time before = now_;
    const auto waiting = deliveries_.size();
    if (auto stepped = step(process, *turn, &stuck); !stepped) return broke(stepped.error());
    idle = now_ == before && deliveries_.size() == waiting ? idle + 1 : 0;
    if (stuck || idle > kIdleTurnsMax) {
      why_ = fmt::format("{} with {} of {} items ended{}",
                         stuck ? "stuck: nothing to wait for" : "a busy loop",
                         engine.progress().ended(), engine.progress().items, reasons(process));
      return End::kFailed;
    }
  }
  why_ = "too many turns" + reasons(process);
  return End::kFailed;
}

// The engine has nothing left to do. Nothing: the process goes on with a retry.
std::optional<World::End> World::ended(Process& process, bool drained) {
  auto& engine = *process.engine;
  progress_ = engine.progress();
  const bool done =
      engine.job().phase == engine::JobPhase::kDone;  // a batch may be left to tidy up
  if (done && progress_.ended() == progress_.items) {
    if (const auto output = disk_.find(output_path());
        output && disk_.durable(output_path()) != output->bytes())
      complain("the job has ended and its output is not durable");
    check_replaced_output(true);
    if (scenario_.retries.at_once && note_retry()) return std::nullopt;
    return End::kDone;
  }
  if (drained || engine.spend_stopped()) return End::kStopped;
  why_ = fmt::format("done with {} of {} items ended, {} batches held, stopped: {}{}",
                     progress_.ended(), progress_.items, progress_.batches_held,
                     engine.stopped() ? engine.stopped()->text() : "no", reasons(process));
  return End::kFailed;
}

std::string World::reasons(const Process& process) const {
  std::string out;
  for (const auto& reason : process.engine->job().reasons) out += "\n  " + reason;
  return out;
}

// The turn has committed what the provider told before it.
void World::learn(Process& process) {
  for (const auto& [operation, id] : std::exchange(process.learning, {})) {
    if (!id.empty() && !told_.insert(id).second) continue;
    --(operation == "upload" ? untold_uploads_ : untold_creates_);
  }
}

// As the driver: ten times a second the journal goes to the disk, and what is settled to the store.
Result<void> World::pulse(Process& process) {
  process.pulse_at = now_;
  if (process.mutation->syncs_journal()) WEIR_CHECK(process.journal->sync());
  unsynced_intents_.clear();
  if (process.engine->unsettled()) return process.engine->flush();
  return {};
}

Result<void> World::pass_time(Process& process, Time until) {
  if (until <= now_) return {};
  if (random_.below(4) == 0) disk_.write_back();
  if (const auto next = process.pulse_at + kPulse; next <= until) {
    now_ = std::max(now_, next);
    WEIR_CHECK(pulse(process));
    process.pulse_at += (until - now_) / kPulse * kPulse;  // nothing happens at those in between
  }
  now_ = until;
  return {};
}

// Goes on to the next event, or to the time the engine wants to be woken.
Result<void> World::step(Process& process, const engine::Turn& turn, bool* stuck) {
  const auto next =
      std::min_element(deliveries_.begin(), deliveries_.end(), [](const auto& a, const auto& b) {
        return std::pair(a.at, a.order) < std::pair(b.at, b.order);
      });
  const auto wake_at =
      turn.wake_at ? std::optional(*turn.wake_at - process.skew) : std::optional<Time>();
  if (next == deliveries_.end() || (wake_at && *wake_at < next->at)) {
    *stuck = !wake_at && !turn.done;
    if (wake_at) return pass_time(process, *wake_at);
    return {};
  }
  auto delivery = std::move(*next);
  deliveries_.erase(next);
  WEIR_CHECK(pass_time(process, delivery.at));
  return deliver(process, std::move(delivery));
}

std::vector<World::Taken> World::heard() const {
  std::vector<Taken> out;
  for (const auto& heard : heard_) out.push_back({heard.attempt, heard.retries});
  return out;
}

// The limit holds at any moment, whatever died in between.
void World::check_spend() {
  if (!spend_max_ || scenario_.rows_vanish) return;
  MoneySum known;
  for (const auto& row : simulator_->bill().rows())
    if (!excused(row.attempt_id)) known += Money{row.pico_usd};
  if (known <= MoneySum{spend_max_->pico}) return;
  complain(fmt::format("the bill of {} passed the spend limit of {}", to_usd(known),
                       to_usd(*spend_max_)));
}

}  // namespace weir::simulation
