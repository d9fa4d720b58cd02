#include "world.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/hash.h"
#include "json/value.h"
#include "weir_registry.h"
#include "weir_sim_registry.h"

namespace weir::simulation {
namespace {

constexpr std::uint64_t kTurnsMax =
    200'000;  // of one process; a job of 120 items needs some thousand
constexpr std::uint64_t kIdleTurnsMax = 1000;  // at one moment, without an event: a busy loop
constexpr std::uint64_t kProcessesMax = 60;
constexpr Duration kRequestTimeout = std::chrono::minutes(10);
constexpr Duration kPulse = std::chrono::milliseconds(100);  // the driver's
// The kernel writes back by itself what was dirty for so long.
constexpr Duration kWrittenBackAfter = std::chrono::seconds(35);
constexpr std::uint32_t kJournalSlots = 256;

const catalogue::Catalogue& built_in_catalogue() {
  static const catalogue::Catalogue catalogue = [] {
    auto loaded = catalogue::Catalogue::built_in();
    WEIR_ASSERT(loaded.has_value());
    return std::move(*loaded);
  }();
  return catalogue;
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

bool is_create(const http::Request& request) {
  return request.method == http::Method::kPost && request.target.ends_with("/batches");
}

bool succeeded(int status) { return status >= 200 && status < 300; }

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
  provider_ = *built_in_catalogue().find(scenario.provider);
  // The limit is the provider's, ninety per cent of it are used.
  provider_.batch->requests_max = std::min(provider_.batch->requests_max, scenario.batch_requests);
  adapter_ = find_adapter(scenario.provider);
  WEIR_ASSERT(adapter_ != nullptr);
  credentials_ = {.base_path = scenario.provider == "openAI" ? "/openAI/v1" : "/anthropic",
                  .key = "sk-simulation"};
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
    const Duration away_max = random_.unit() < scenario_.long_away
                                  ? Duration(std::chrono::hours(72))
                              : random_.below(4) == 0 ? Duration(std::chrono::seconds(20))
                                                      : Duration(std::chrono::hours(2));
    const Duration away(
        static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(away_max.count()))));
    now_ += away;
    if (away < kWrittenBackAfter) continue;
    disk_.write_back_all();
    unsynced_intents_.clear();
    for (auto& heard : heard_) heard.durable = true;
  }
}

// Draws when and how this process dies, when its disk is full, and what its clock says.
void World::arm() {
  crash_.disarm();
  if (crashes_ < scenario_.crashes_max) {
    const bool power = scenario_.death ? *scenario_.death == Death::kPowerLoss
                                       : random_.unit() < scenario_.power_losses;
    crash_.arm(scenario_.crash_at ? *scenario_.crash_at : random_.below(scenario_.crash_span),
               power ? Death::kPowerLoss : Death::kKill);
  }
  if (disk_failures_ < scenario_.disk_failures_max) crash_.fail_at(random_.below(400));
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
  if (!crashed || crash_.death() != Death::kPowerLoss) return;
  ++power_losses_;
  disk_.lose_power();
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
  const bool drains = drains_ < scenario_.drains_max;
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
  for (std::uint64_t count = 0; count < kTurnsMax; ++count) {
    if (count == drain_at) {
      engine.drain();
      ++drains_;
    }
    if (count == scenario_.cancel_at)
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
      progress_ = engine.progress();
      if (progress_.ended() == progress_.items) return End::kDone;
      if (count >= drain_at || engine.spend_stopped()) return End::kStopped;
      why_ = fmt::format("done with {} of {} items ended, {} batches held, stopped: {}{}",
                         progress_.ended(), progress_.items, progress_.batches_held,
                         engine.stopped() ? engine.stopped()->text() : "no", reasons(process));
      return End::kFailed;
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

std::string World::reasons(const Process& process) const {
  std::string out;
  for (const auto& reason : process.engine->job().reasons) out += "\n  " + reason;
  return out;
}

// The turn has committed what the provider told before it.
void World::learn(Process& process) {
  for (const auto& [operation, id] : std::exchange(process.learning, {})) {
    if (!told_.insert(id).second) continue;
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

Result<http::Request> World::assemble(Process& process, const engine::Call& call) {
  http::Request request{
      .method = call.plan.method, .target = call.plan.target, .headers = call.plan.headers};
  for (const auto& piece : call.plan.body) {
    if (const auto* text = std::get_if<std::string>(&piece)) {
      if (call.kind == engine::Call::Kind::kBatchStep)
        inline_bytes_max_ = std::max(inline_bytes_max_, text->size());
      request.body += *text;
      continue;
    }
    const auto& slice = std::get<http::ImageSlice>(piece);
    WEIR_TRY(const auto image, process.files->open(call.image_path));
    std::string bytes(slice.length, '\0');
    WEIR_TRY(const auto got, image->read(slice.offset, bytes));
    if (got != slice.length)
      return fail(ErrorKind::kInternal, fmt::format("the image {} ends at {} of {} bytes",
                                                    call.image_path, got, slice.length));
    request.body += bytes;
  }
  return request;
}

http::Request World::request(http::Method method, std::string_view path) const {
  http::Request request{.method = method, .target = credentials_.base_path + std::string(path)};
  if (scenario_.provider == "openAI")
    request.headers = {{"authorization", "Bearer " + credentials_.key}};
  else request.headers = {{"x-api-key", credentials_.key}, {"anthropic-version", "2023-06-01"}};
  return request;
}

bool World::image_is_bad(const std::string& path) const {
  const auto image = disk_.find(path);
  return image && image->bytes().find(Documents::kBad) != std::string::npos;
}

World::Delivery World::perform(Process& process, engine::Call call) {
  Delivery delivery{.at = now_,
                    .order = ++order_,
                    .kind = call.kind,
                    .call = call.id,
                    .operation = call.operation,
                    .target = call.plan.target};
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
  expect_intent(process, call, *request);
  if (call.operation == "create" && image_is_bad(call.image_path)) {
    delivery.response = {.status = 400, .headers = {}, .body = "{}"};
    return delivery;
  }
  using Fate = sim::Reply::Fate;
  const auto reply = simulator_->handle(std::move(*request), now_);
  if (succeeded(reply.head.status)) {  // it happened, whether or not anybody hears so
    if (call.operation == "upload") ++untold_uploads_;
    if (call.operation == "create") {
      ++untold_creates_;
      ++creates_;
    }
  }
  const Duration took = reply.duration() + std::chrono::milliseconds(1);
  const bool answered = reply.fate == Fate::kWhole || reply.fate == Fate::kCut;
  delivery.at += answered                     ? std::min(took, kRequestTimeout)
                 : reply.fate == Fate::kReset ? Duration(1000)
                                              : kRequestTimeout;
  const auto told = [&] {
    auto response = reply.head;
    response.body =
        succeeded(response.status) ? wire_.tell(call.plan.target, reply.text()) : reply.text();
    return response;
  };
  if (reply.fate == Fate::kWhole && took <= kRequestTimeout) {
    delivery.response = told();
    return delivery;
  }
  delivery.error =
      Error{.kind = ErrorKind::kDeadlineExceeded, .message = "the connection broke or timed out"};
  if (reply.fate == Fate::kCut && reply.head.status == 200) delivery.response = told();
  return delivery;
}

// design.md 4.2: no create and no sync request without an intent that survives what it must survive.
void World::expect_intent(Process& process, const engine::Call& call,
                          const http::Request& request) {
  if (call.kind == engine::Call::Kind::kSync) {
    const auto attempt = request.headers.find("x-client-request-id").value_or("");
    const auto entries = process.journal->entries();
    if (std::none_of(entries.begin(), entries.end(),
                     [&](const auto& entry) { return entry.attempt.text() == attempt; }))
      complain(fmt::format("attempt {} was sent without an intent in the journal", attempt));
    return;
  }
  if (!is_create(request)) return;
  // Were the power to fail now, and the disk to lose all it may.
  SeededRandom random(1);
  CrashPoint nobody(random);
  MemoryDisk left(nobody);
  disk_.copy_synced_to(left);
  MemoryVfs vfs(left);
  auto store = runtime::SqliteStore::open(folder() + "/store.sqlite",
                                          {.vfs = vfs.name(), .exclusive = true});
  if (!store) return complain("at a create: " + store.error().text());
  const auto loaded = (*store)->load();
  if (!loaded) return complain("at a create: " + loaded.error().text());
  for (const auto& aggregate : *loaded) {
    if (aggregate.kind != engine::AggregateKind::kBatch) continue;
    const auto batch = engine::BatchState::decode(aggregate.state);
    const auto tag = batch ? custom_id_prefix(batch->id) : std::string();
    if (!batch || request.body.find(tag.substr(0, tag.size() - 1)) == std::string::npos) continue;
    const auto image = left.find(call.image_path);
    if (!image || image->size() != batch->image_bytes)
      complain(fmt::format("batch {} was created and its image is not durable", batch->number));
    const auto step =
        adapter_->next(batch->adapter_state, {.kind = provider::BatchEvent::Kind::kRestarted},
                       {.credentials = credentials_,
                        .limits = *provider_.batch,
                        .id = batch->id,
                        .items = batch->items,
                        .image_bytes = batch->image_bytes,
                        .model = scenario_.model,
                        .now = clock(process)});
    const auto* send = step ? std::get_if<provider::Send>(&step->action) : nullptr;
    if (!step || (send != nullptr && send->operation == "create"))
      complain(
          fmt::format("after a power loss batch {} would be created again blindly", batch->number));
    return;
  }
  complain("a batch was created without an intent in the store");
}

Result<void> World::deliver(Process& process, Delivery delivery) {
  auto& engine = *process.engine;
  watch(process, delivery);
  if (delivery.kind == engine::Call::Kind::kRows && delivery.response &&
      delivery.response->status == 200)
    return deliver_rows(process, delivery);
  if (delivery.error) return engine.on_failure(delivery.call, *delivery.error, clock(process));
  const bool answer =
      !delivery.attempt.empty() && adapter_->decode_sync(*delivery.response, now_).has_value();
  const auto commits = process.faulty_store->commits();
  WEIR_CHECK(engine.on_answer(delivery.call, std::move(*delivery.response), clock(process)));
  if (answer) heard_.push_back({std::move(delivery.attempt), now_, processes_, commits});
  return {};
}

// What the engine learns, and what it fails to delete.
void World::watch(Process& process, const Delivery& delivery) {
  const bool whole = delivery.response && !delivery.error;
  const bool ok = whole && succeeded(delivery.response->status);
  if ((delivery.operation == "upload" || delivery.operation == "create") && ok) {
    json::Parser parser;
    const auto body = parser.parse(delivery.response->body);
    const std::string id(body ? (*body)["id"].string_or("") : "");
    if (!id.empty()) process.learning.emplace_back(delivery.operation, id);
  }
  if (delivery.operation == "poll" && ok) {
    json::Parser parser;
    const auto body = parser.parse(delivery.response->body);
    for (const auto* key : {"output_file_id", "error_file_id"})
      if (const auto id = body ? (*body)[key].string() : std::nullopt; id && !id->empty())
        if (!read_.contains(std::string(*id))) unread_.emplace(*id);
  }
  if (delivery.operation == "delete" && !ok && !(whole && delivery.response->status == 404))
    undeletable_.insert(delivery.target.substr(delivery.target.rfind('/') + 1));
}

Result<void> World::deliver_rows(Process& process, Delivery& delivery) {
  auto& engine = *process.engine;
  std::string_view bytes = delivery.response->body;
  while (!bytes.empty()) {
    const auto chunk =
        std::min<std::size_t>(bytes.size(), 1 + random_.below(random_.below(3) == 0 ? 64 : 4096));
    WEIR_TRY(const bool go_on,
             engine.on_rows(delivery.call, bytes.substr(0, chunk), clock(process)));
    if (!go_on) return {};
    bytes.remove_prefix(chunk);
    crash_.pass_or_die();
    if (engine.unsettled() && random_.below(8) == 0) WEIR_CHECK(pulse(process));
  }
  if (delivery.error) return engine.on_failure(delivery.call, *delivery.error, clock(process));
  // /files/<id>/content
  const auto path = std::string_view(delivery.target);
  const auto id = path.substr(0, path.rfind('/'));
  read_.emplace(id.substr(id.rfind('/') + 1));
  unread_.erase(*read_.find(std::string(id.substr(id.rfind('/') + 1))));
  return engine.on_rows_end(delivery.call, clock(process));
}

std::vector<std::string> World::heard() const {
  std::vector<std::string> out;
  for (const auto& heard : heard_) out.push_back(heard.attempt);
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
