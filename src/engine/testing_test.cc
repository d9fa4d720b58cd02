// The fake provider and the bench of testing.h.
#include "engine/testing.h"

#include <sstream>

namespace weir::engine::testing {
namespace {

using provider::BatchEvent;
using provider::Finished;
using provider::Send;
using provider::Step;
using provider::Wait;
using namespace std::chrono_literals;

std::vector<std::string> words_of(std::string_view line) {
  std::istringstream in{std::string(line)};
  std::vector<std::string> out;
  for (std::string word; in >> word;) out.push_back(word);
  return out;
}

Tokens tokens(const std::string& word) { return {std::stoll(word)}; }

Step step(std::string state, decltype(Step::action) action) {
  const bool made = state != "create" && state != "list" && state != "again";
  return {.state = std::move(state),
          .view = {.provider_batch_id = made ? "b" : "", .status = "s"},
          .action = std::move(action)};
}

Step finished(Finished::Outcome outcome, Error error = {}, std::optional<std::uint64_t> line = {}) {
  return step("done", Finished{.outcome = outcome, .error = std::move(error), .line = line});
}

Step send(std::string_view operation) {
  return step(std::string(operation), Send{.operation = std::string(operation)});
}

Step created(const http::Response& response, Time now) {
  if (response.status == 200) return step("wait", Wait{10s});
  if (response.status == 503) return step("again", Wait{10s});
  auto error = provider::error_of_status(response, now);
  if (response.status == 403) {
    auto held = finished(Finished::Outcome::kHeld, error);
    held.view.provider_batch_id.clear();
    return held;
  }
  std::optional<std::uint64_t> line;
  if (response.body.starts_with("line ")) line = std::stoull(response.body.substr(5));
  return finished(Finished::Outcome::kRefused, error, line);
}

}  // namespace

Result<http::RequestPlan> WordAdapter::encode_sync(const llm::Request& request,
                                                   const provider::SyncCall& call) const {
  http::RequestPlan plan{.target = "/sync"};
  plan.headers.add("attempt", std::string(call.attempt_id));
  plan.body.emplace_back(request.messages.front().content.front().text);
  return plan;
}

Result<llm::Response> WordAdapter::decode_sync(const http::Response& response, Time now) const {
  if (response.status != 200) return std::unexpected(provider::error_of_status(response, now));
  const auto words = words_of(response.body);
  if (words.size() < 3) return fail(ErrorKind::kBadResponse, "an answer without its words");
  return llm::Response{.text = words[2],
                       .finish = llm::FinishReason::kStop,
                       .usage = {.input = tokens(words[0]), .output = tokens(words[1])}};
}

Result<void> WordAdapter::encode_item(std::string_view id, const llm::Request& request,
                                      std::string& out) const {
  const bool marked = !request.system.empty() && request.system.front().mark;
  out +=
      fmt::format("{}{} {}", id, marked ? "+" : "", request.messages.front().content.front().text);
  return {};
}

Result<Step> WordAdapter::next(std::string_view state, const BatchEvent& event,
                               const provider::BatchContext& context) const {
  using Kind = BatchEvent::Kind;
  const auto collect = [&](std::uint64_t before) {
    return step("collect", provider::Collect{.artefact = "results",
                                             .plan = {},
                                             .rows_member = rows_member,
                                             .rows_before = before,
                                             .avro = avro});
  };
  if (event.kind == Kind::kSettle) {
    using How = provider::Settlement::How;
    if (event.settlement.how == How::kLost) return finished(Finished::Outcome::kEnded);
    if (event.settlement.how == How::kNotMade) return finished(Finished::Outcome::kRefused);
    auto poll = send("poll");
    poll.view.provider_batch_id = event.settlement.provider_batch_id;
    return poll;
  }
  if (state.empty()) return send("create");
  if (event.kind == Kind::kCancel && state == "again")
    return finished(Finished::Outcome::kRefused, {.kind = ErrorKind::kCancelled});
  if (event.kind == Kind::kCancel) return send("cancel");
  if (event.kind == Kind::kRestarted) {
    if (state == "create") return send("list");
    if (state == "collect") return collect(0);
    return state == "wait" ? step("wait", Wait{10s}) : send(state);
  }
  if (state == "create")
    return event.kind == Kind::kAnswer ? created(event.response, context.now) : send("list");
  if (state == "list")
    return event.response.body == "found" ? step("wait", Wait{10s}) : send("create");
  if (state == "again") return send("create");
  if (state == "wait") return send("poll");
  if (state == "cancel") return step("wait", Wait{10s});
  if (state == "poll") {
    if (event.response.body == "ended") return collect(0);
    auto running = step("wait", Wait{10s});
    if (event.response.body.starts_with("running "))
      running.view.done = std::stoull(event.response.body.substr(8));
    return running;
  }
  if (state == "collect")
    return event.kind != Kind::kCollected         ? step("wait", Wait{10s})
           : event.response.body.contains("more") ? collect(event.rows)
                                                  : send("delete");
  if (state == "delete") return finished(Finished::Outcome::kEnded);
  return fail(ErrorKind::kInternal, fmt::format("no such state: {}", state));
}

Result<provider::Row> WordAdapter::decode_row(std::string_view, std::string_view line, Time) const {
  if (line.starts_with('"') && line.ends_with('"')) line = line.substr(1, line.size() - 2);
  const auto words = words_of(line);
  if (words.size() < 2) return fail(ErrorKind::kBadResponse, "no row");
  provider::Row row{.custom_id = words[0]};
  using Outcome = provider::Row::Outcome;
  if (words[1] == "ok" && words.size() == 5) {
    row.outcome = Outcome::kSucceeded;
    row.response = {
        .text = "answer",
        .finish = llm::FinishReason::kStop,
        .usage = {
            .input = tokens(words[2]), .cache_read = tokens(words[3]), .output = tokens(words[4])}};
  } else if (words[1] == "expired") {
    row.outcome = Outcome::kExpired;
  } else if (words[1] == "unreadable" && words.size() == 3) {
    row.error = {.kind = ErrorKind::kBadResponse, .message = "unreadable"};
    row.response.usage.input = tokens(words[2]);
  } else if (words[1] == "error" && words.size() == 3) {
    row.error = {
        .kind = words[2] == "passing" ? ErrorKind::kUnavailable : ErrorKind::kInvalidArgument,
        .message = words[2]};
  } else {
    return fail(ErrorKind::kBadResponse, "no row");
  }
  return row;
}

Result<Item> Words::item(std::uint64_t index) {
  Item item{.id = fmt::format("id-{}", index), .line = index + 1};
  if (rejected.contains(index)) {
    item.rejected = Error{.kind = ErrorKind::kInvalidArgument, .message = "no good"};
    return item;
  }
  std::string text = fmt::format("text {}", index);
  if (text.size() < bytes) text.resize(bytes, '.');
  std::string prefix = "static";
  if (prefix.size() < prefix_bytes) prefix.resize(prefix_bytes, '.');
  item.request.system.push_back({.text = std::move(prefix)});
  item.request.messages.push_back({.content = {{.text = std::move(text)}}});
  return item;
}

Result<CheckedText> Words::check(std::uint64_t /*index*/, const llm::Response& response) {
  if (response.text == "unfit") return fail(ErrorKind::kBadResponse, "not of the schema");
  return CheckedText{.json = fmt::format("\"{}\"", response.text)};
}

Bench::Bench() {
  const catalogue::Rates rates{.input = {1}, .output = {10}};
  provider = {
      .name = "word",
      .batch = catalogue::BatchLimits{.requests_max = 1000,
                                      .bytes_max = 100'000'000,
                                      .line_bytes_max = 1'000'000,
                                      .window = 24h},
      .cache = {.breakpoints_max = 4, .sync_ttl = 5min, .batch_ttl = 1h},
      .models = {{.name = "m", .batch = true, .prices = {{.sync = rates, .batch = rates}}}}};
  options = {.identity = {.provider = "word", .model = "m"},
             .wish = plan::RouteWish::kSync,
             .concurrency_max = 2,
             .folder = "store",
             .output_path = "out",
             .output_max = {100}};
}

Result<void> Bench::try_open() {
  calls.clear();
  engine.reset();
  WEIR_TRY(engine,
           JobEngine::create(options,
                             {adapter, provider, provider.models.front(), credentials, source,
                              store, files, journal, random, account, known_hits, new_hits},
                             now));
  return {};
}

void Bench::open() {
  const auto opened = try_open();
  ASSERT_TRUE(opened.has_value()) << opened.error().text();
}

Turn Bench::turn() {
  auto turn = engine->turn(now);
  if (!turn) {
    ADD_FAILURE() << turn.error().text();
    return {};
  }
  if (turn->wake_at) EXPECT_GE(*turn->wake_at, now) << "it wants to be woken in the past";
  for (auto& call : turn->calls) calls.push_back(call);
  return *turn;
}

std::uint64_t Bench::take(std::string_view operation) {
  const auto found = std::find_if(calls.begin(), calls.end(),
                                  [&](const auto& call) { return call.operation == operation; });
  if (found == calls.end()) {
    ADD_FAILURE() << "no call " << operation << " is waiting";
    return 0;
  }
  const auto id = found->id;
  calls.erase(found);
  return id;
}

std::size_t Bench::waiting(std::string_view operation) const {
  return static_cast<std::size_t>(std::count_if(
      calls.begin(), calls.end(), [&](const auto& call) { return call.operation == operation; }));
}

void Bench::answer(std::string_view operation, int status, std::string body,
                   http::Headers headers) {
  const auto done =
      engine->on_answer(take(operation), {status, std::move(headers), std::move(body)}, now);
  EXPECT_TRUE(done.has_value()) << done.error().text();
}

void Bench::lose(std::string_view operation, ErrorKind kind) {
  const auto done = engine->on_failure(take(operation), {.kind = kind, .message = "lost"}, now);
  EXPECT_TRUE(done.has_value()) << done.error().text();
}

void Bench::rows(const std::string& text) {
  const auto call = take("collect results");
  const auto go_on = engine->on_rows(call, text, now);
  ASSERT_TRUE(go_on.has_value()) << go_on.error().text();
  if (!*go_on) return;
  const auto done = engine->on_rows_end(call, now);
  EXPECT_TRUE(done.has_value()) << done.error().text();
}

void Bench::run_batch_to_collect() {
  options.wish = plan::RouteWish::kBatch;
  open();
  turn();
  answer("create", 200);
  turn();
  turn_after(10s);
  answer("poll", 200, "ended");
  turn();
}

std::vector<std::string> Bench::output() {
  std::istringstream in(files.bytes("out"));
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

std::vector<cost::LedgerEntry> Bench::ledger() const {
  std::vector<cost::LedgerEntry> out;
  for (const auto& [key, entry] : store.ledger) out.push_back(entry);
  return out;
}

}  // namespace weir::engine::testing
