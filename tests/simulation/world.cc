#include "world.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/hash.h"
#include "weir_registry.h"
#include "weir_sim_registry.h"

namespace weir::simulation {
namespace {

constexpr std::uint64_t kTurnsMax =
    200'000;  // of one process; a job of 120 items needs some thousand
constexpr std::uint64_t kIdleTurnsMax = 1000;  // at one moment, without an event: a busy loop
constexpr std::uint64_t kProcessesMax = 60;
constexpr Duration kRequestTimeout = std::chrono::minutes(10);
constexpr std::uint32_t kJournalSlots = 256;

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

Folder::Folder() {
  const bool memory = ::access("/dev/shm", W_OK) == 0;
  path_ = (memory ? std::string("/dev/shm") : std::filesystem::temp_directory_path().string()) +
          "/weir-simulation-XXXXXX";
  WEIR_ASSERT(::mkdtemp(path_.data()) != nullptr);
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

World::World(const Scenario& scenario)
    : scenario_(scenario),
      documents_(scenario),
      random_(hash64("world", scenario.seed)),
      crash_(random_),
      simulator_(make_simulator(scenario)),
      now_(from_unix_seconds(1'795'400'000)),
      spend_max_(scenario.spend_max) {
  auto loaded = catalogue::Catalogue::built_in();
  WEIR_ASSERT(loaded.has_value());
  catalogue_ = std::move(*loaded);
  provider_ = *catalogue_.find(scenario.provider);
  // The limit is the provider's, ninety per cent of it are used.
  provider_.batch->requests_max = std::min(provider_.batch->requests_max, scenario.batch_requests);
  adapter_ = find_adapter(scenario.provider);
  WEIR_ASSERT(adapter_ != nullptr);
  credentials_ = {.base_path = scenario.provider == "openAI" ? "/openAI/v1" : "/anthropic",
                  .key = "sk-simulation"};
  if (scenario.deadline) deadline_ = now_ + *scenario.deadline;
}

Result<void> World::open(Process& process) {
  WEIR_TRY(process.store, runtime::SqliteStore::open(folder() + "/store.sqlite"));
  WEIR_TRY(process.journal,
           runtime::MappedJournal::open(folder() + "/usage.journal", kJournalSlots));
  process.faulty_store = std::make_unique<FaultyStore>(*process.store, crash_);
  process.faulty_journal = std::make_unique<FaultyJournal>(*process.journal, crash_);
  process.faulty_files = std::make_unique<FaultyFiles>(process.files, crash_);
  engine::JobOptions options{
      .identity = {.provider = scenario_.provider, .model = scenario_.model, .account = "default"},
      .wish = scenario_.wish,
      .deadline = deadline_,
      .spend_max = spend_max_,
      .concurrency_max = scenario_.concurrency,
      .batches_running_max = scenario_.batches_running,
      .folder = folder(),
      .output_path = output_path(),
      .output_max = Tokens{200},
      .prefix_bytes = documents_.prefix_bytes(),
      .variable_bytes_mean = 150};
  WEIR_TRY(process.engine,
           engine::JobEngine::create(
               std::move(options),
               {*adapter_, provider_, model(), credentials_, documents_, *process.faulty_store,
                *process.faulty_files, *process.faulty_journal, random_},
               now_));
  return {};
}

bool World::run() {
  for (;;) {
    if (++processes_ > kProcessesMax) {
      why_ = fmt::format("not done after {} processes", kProcessesMax);
      return false;
    }
    const auto end = live();
    deliveries_.clear();  // what was under way has nobody to hear it
    check_spend();
    if (end == End::kFailed) return false;
    if (end == End::kDone) return true;
    if (end == End::kStopped) spend_max_.reset();
    now_ += Duration(static_cast<std::int64_t>(random_.below(7'200'000'000)));
  }
}

// Draws when this process dies, and when its disk is full.
void World::arm() {
  crash_.disarm();
  if (crashes_ < scenario_.crashes_max)
    crash_.arm(scenario_.crash_at ? *scenario_.crash_at : random_.below(scenario_.crash_span));
  if (disk_failures_ < scenario_.disk_failures_max) crash_.fail_at(random_.below(150));
}

World::End World::live() {
  Process process;
  arm();
  try {
    if (auto opened = open(process); !opened) {
      ++disk_failures_;
      if (opened.error().message.find("drawn") != std::string::npos) return End::kBroken;
      why_ = "open: " + opened.error().text();
      return End::kFailed;
    }
    return turns(process);
  } catch (const Crash&) {
    ++crashes_;
    return End::kCrashed;
  }
}

World::End World::turns(Process& process) {
  std::uint64_t idle = 0;
  const bool drains = drains_ < scenario_.drains_max;
  const auto drain_at = drains ? random_.below(60) : kTurnsMax;
  auto& engine = *process.engine;
  const auto broke = [&](const Error& error) {
    if (error.message.find("drawn") == std::string::npos) {
      why_ = error.text();
      for (const auto& reason : engine.job().reasons) why_ += "\n  " + reason;
      return End::kFailed;
    }
    ++disk_failures_;
    return End::kBroken;
  };
  for (std::uint64_t count = 0; count < kTurnsMax; ++count) {
    if (count == drain_at) {
      engine.drain();
      ++drains_;
    }
    auto turn = engine.turn(now_);
    if (!turn) return broke(turn.error());
    crash_.pass();
    for (auto& call : turn->calls) {
      deliveries_.push_back(perform(process, std::move(call)));
      crash_.pass();
    }
    if (turn->done && deliveries_.empty()) {
      progress_ = engine.progress();
      if (progress_.ended() == progress_.items) return End::kDone;
      if (count >= drain_at || engine.spend_stopped()) return End::kStopped;
      why_ = fmt::format("done with {} of {} items ended, {} batches held, stopped: {}",
                         progress_.ended(), progress_.items, progress_.batches_held,
                         engine.stopped() ? engine.stopped()->text() : "no");
      for (const auto& reason : engine.job().reasons) why_ += "\n  " + reason;
      return End::kFailed;
    }
    bool stuck = false;
    const Time before = now_;
    const auto waiting = deliveries_.size();
    if (auto stepped = step(process, *turn, &stuck); !stepped) return broke(stepped.error());
    idle = now_ == before && deliveries_.size() == waiting ? idle + 1 : 0;
    if (stuck || idle > kIdleTurnsMax) {
      why_ = fmt::format("{} with {} of {} items ended",
                         stuck ? "stuck: nothing to wait for" : "a busy loop",
                         engine.progress().ended(), engine.progress().items);
      for (const auto& reason : engine.job().reasons) why_ += "\n  " + reason;
      return End::kFailed;
    }
  }
  why_ = "too many turns";
  return End::kFailed;
}

// Goes on to the next event, or to the time the engine wants to be woken.
Result<void> World::step(Process& process, const engine::Turn& turn, bool* stuck) {
  const auto next =
      std::min_element(deliveries_.begin(), deliveries_.end(), [](const auto& a, const auto& b) {
        return std::pair(a.at, a.order) < std::pair(b.at, b.order);
      });
  // The driver settles ten times a second; here at random.
  if (process.engine->unsettled() && random_.below(4) == 0) WEIR_CHECK(process.engine->flush());
  if (next == deliveries_.end() || (turn.wake_at && *turn.wake_at < next->at)) {
    *stuck = !turn.wake_at && !turn.done;
    if (turn.wake_at) now_ = std::max(now_, *turn.wake_at);
    return {};
  }
  auto delivery = std::move(*next);
  deliveries_.erase(next);
  now_ = std::max(now_, delivery.at);
  return deliver(process, std::move(delivery));
}

Result<http::Request> World::assemble(Process& process, const engine::Call& call) {
  http::Request request{
      .method = call.plan.method, .target = call.plan.target, .headers = call.plan.headers};
  for (const auto& piece : call.plan.body) {
    if (const auto* text = std::get_if<std::string>(&piece)) {
      request.body += *text;
      continue;
    }
    const auto& slice = std::get<http::ImageSlice>(piece);
    WEIR_TRY(const auto image, process.files.open(call.image_path));
    std::string bytes(slice.length, '\0');
    WEIR_TRY(const auto got, image->read(slice.offset, bytes));
    if (got != slice.length)
      return fail(ErrorKind::kInternal, fmt::format("the image {} ends at {} of {} bytes",
                                                    call.image_path, got, slice.length));
    request.body += bytes;
  }
  return request;
}

World::Delivery World::perform(Process& process, engine::Call call) {
  Delivery delivery{.at = now_, .order = ++order_, .kind = call.kind, .call = call.id};
  if (call.kind == engine::Call::Kind::kSync)
    delivery.attempt = call.plan.headers.find("x-client-request-id").value_or("");
  if (random_.unit() < scenario_.not_sent) {
    delivery.error =
        Error{.kind = ErrorKind::kUnavailable, .message = "the address cannot be reached"};
    return delivery;
  }
  auto request = assemble(process, call);
  if (!request) {
    complain(request.error().text());
    delivery.error = Error{.kind = ErrorKind::kUnavailable, .message = request.error().message};
    return delivery;
  }
  using Fate = sim::Reply::Fate;
  const auto reply = simulator_->handle(std::move(*request), now_);
  const Duration took = reply.duration() + std::chrono::milliseconds(1);
  const bool answered = reply.fate == Fate::kWhole || reply.fate == Fate::kCut;
  delivery.at += answered                     ? std::min(took, kRequestTimeout)
                 : reply.fate == Fate::kReset ? Duration(1000)
                                              : kRequestTimeout;
  if (reply.fate == Fate::kWhole && took <= kRequestTimeout) {
    delivery.response = reply.head;
    delivery.response->body = reply.text();
    return delivery;
  }
  delivery.error =
      Error{.kind = ErrorKind::kDeadlineExceeded, .message = "the connection broke or timed out"};
  if (reply.fate == Fate::kCut && reply.head.status == 200) {
    delivery.response = reply.head;
    delivery.response->body = reply.text();
  }
  return delivery;
}

Result<void> World::deliver(Process& process, Delivery delivery) {
  auto& engine = *process.engine;
  if (delivery.kind == engine::Call::Kind::kRows && delivery.response &&
      delivery.response->status == 200)
    return deliver_rows(process, delivery);
  if (delivery.error) return engine.on_failure(delivery.call, *delivery.error, now_);
  const bool answer = !delivery.attempt.empty() && adapter_->decode_sync(*delivery.response, now_);
  WEIR_CHECK(engine.on_answer(delivery.call, std::move(*delivery.response), now_));
  if (answer) heard_.push_back(std::move(delivery.attempt));
  return {};
}

Result<void> World::deliver_rows(Process& process, Delivery& delivery) {
  auto& engine = *process.engine;
  std::string_view bytes = delivery.response->body;
  while (!bytes.empty()) {
    const auto chunk =
        std::min<std::size_t>(bytes.size(), 1 + random_.below(random_.below(3) == 0 ? 64 : 4096));
    WEIR_TRY(const bool go_on, engine.on_rows(delivery.call, bytes.substr(0, chunk), now_));
    if (!go_on) return {};
    bytes.remove_prefix(chunk);
    crash_.pass();
    if (engine.unsettled() && random_.below(8) == 0) WEIR_CHECK(engine.flush());
  }
  if (delivery.error) return engine.on_failure(delivery.call, *delivery.error, now_);
  return engine.on_rows_end(delivery.call, now_);
}

// The limit holds at any moment, whatever died in between.
void World::check_spend() {
  if (!spend_max_ || scenario_.rows_vanish) return;
  if (simulator_->bill().total_pico_usd() > spend_max_->pico)
    complain(fmt::format("the bill of {} passed the spend limit of {}",
                         to_usd(MoneySum{simulator_->bill().total_pico_usd()}),
                         to_usd(*spend_max_)));
}

}  // namespace weir::simulation
