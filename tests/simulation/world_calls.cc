// What a process sends, and what it hears of it.
#include <fmt/format.h>

#include <algorithm>

#include "json/value.h"
#include "services.h"
#include "world.h"

namespace weir::simulation {
namespace {

constexpr Duration kRequestTimeout = std::chrono::minutes(10);

bool succeeded(int status) { return status >= 200 && status < 300; }

// The id or name of what an upload or a create has made; empty where the answer has none.
std::string id_in(std::string_view answer) {
  json::Parser parser;
  const auto body = parser.parse(answer);
  if (!body) return "";
  for (const auto* key : {"id", "batch_id", "name"})
    if (const auto id = (*body)[key].string(); id && !id->empty()) return std::string(*id);
  return std::string((*body)["file"]["name"].string_or(""));
}

}  // namespace

Result<http::Request> World::assemble(Process& process, const engine::Call& call) {
  http::Request request{
      .method = call.plan.method, .target = call.plan.target, .headers = call.plan.headers};
  // As the client has them.
  request.headers.set("host", std::string(kHost));
  request.headers.set("user-agent", "weir");
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
  const auto refused = retries_ > 0 ? scenario_.retries.refused : 0;
  if ((call.operation == "create" && image_is_bad(call.image_path)) ||
      (call.kind == engine::Call::Kind::kSync && refused > 0 && random_.unit() < refused)) {
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
    response.body = succeeded(response.status)
                        ? wire_.tell(call.kind == engine::Call::Kind::kRows, reply.text())
                        : reply.text();
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

// The store as it is when the power fails now, and the disk loses all it may; nothing where it cannot be read.
std::vector<engine::LoadedAggregate> World::left_after_power_loss(MemoryDisk& left,
                                                                  std::string_view at) {
  disk_.copy_synced_to(left);
  MemoryVfs vfs(left);
  const auto read = [&]() -> Result<std::vector<engine::LoadedAggregate>> {
    WEIR_TRY(const auto store, runtime::SqliteStore::open(folder() + "/store.sqlite",
                                                          {.vfs = vfs.name(), .exclusive = true}));
    return store->load();
  };
  auto loaded = read();
  if (loaded) return *std::move(loaded);
  complain(fmt::format("at {}: {}", at, loaded.error().text()));
  return {};
}

void World::expect_content_intent(const http::Request& request) {
  const std::string attempt(request.headers.find("x-client-request-id").value_or(""));
  if (!contents_asked_.insert(attempt).second)
    complain(fmt::format("a cached content was asked for twice as {}", attempt));
  SeededRandom random(1);
  CrashPoint nobody(random);
  MemoryDisk left(nobody);
  for (const auto& aggregate : left_after_power_loss(left, "a content's create")) {
    if (aggregate.kind != engine::AggregateKind::kContent) continue;
    const auto content = engine::ContentState::decode(aggregate.state);
    if (content && content->attempt.text() == attempt &&
        content->phase == engine::ContentPhase::kCreating)
      return;
  }
  complain(fmt::format("cached content {} was asked for without an intent in the store", attempt));
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
  if (call.operation == "content_create") return expect_content_intent(request);
  if (call.operation != "create") return;
  SeededRandom random(1);
  CrashPoint nobody(random);
  MemoryDisk left(nobody);
  for (const auto& aggregate : left_after_power_loss(left, "a create")) {
    if (aggregate.kind != engine::AggregateKind::kBatch) continue;
    const auto batch = engine::BatchState::decode(aggregate.state);
    if (!batch || call.image_path != fmt::format("{}/batch-{}.image", folder(), batch->number))
      continue;
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
  if (answer)
    heard_.push_back({std::move(delivery.attempt), now_, processes_, commits, false, retries_});
  return {};
}

// What the engine learns, and what it fails to delete.
void World::watch(Process& process, const Delivery& delivery) {
  const bool whole = delivery.response && !delivery.error;
  const bool ok = whole && succeeded(delivery.response->status);
  if ((delivery.operation == "upload" || delivery.operation == "create") && ok)
    process.learning.emplace_back(delivery.operation, id_in(delivery.response->body));
  if (delivery.operation == "poll" && ok) {
    json::Parser parser;
    const auto body = parser.parse(delivery.response->body);
    for (const auto* key : {"output_file_id", "error_file_id"})
      if (const auto id = body ? (*body)[key].string() : std::nullopt; id && !id->empty())
        if (!read_.contains(std::string(*id))) unread_.emplace(*id);
  }
  if (delivery.operation == "sweep" && !ok) ++unswept_;
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

}  // namespace weir::simulation
