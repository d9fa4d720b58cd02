// The batch machine as scripts of events. Steps are compared as short texts: "send create", "wait
// 10s", "collect output", "ended".
#include "provider/openai_batch_dialect.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "provider/openai_batch_dialect_state.h"

namespace weir::provider::openai_batch {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using Kind = BatchEvent::Kind;

constexpr openai_chat::ErrorRule kRules[] = {
    {0, "insufficient_quota", ErrorKind::kInvalidArgument, "add credits"}};
const Options kOptions{.chat = {.provider = "test", .errors = kRules}};
const Credentials kCredentials{.base_path = "/openAI/v1", .key = "sk-very-secret"};
const catalogue::BatchLimits kLimits{
    .create_visibility_max = 10min, .poll_min = 10s, .poll_max = 60s};
const BatchId kId{0x0123456789abcdef, 0xfedcba9876543210};
const Time kBegin = from_unix_seconds(1'795'000'000);

std::string tag() { return custom_id_prefix(kId).substr(0, 17); }

std::string batch_json(std::string_view status, std::string_view more = "") {
  return fmt::format(
      R"({{"id":"batch_1","object":"batch","status":"{}","input_file_id":"file-in","created_at":1795000001,)"
      R"("metadata":{{"weir_batch":"{}"}},"novel":[1]{}}})",
      status, tag(), more);
}
std::string completed() {
  return batch_json(
      "completed",
      R"(,"completed_at":1795003600,"output_file_id":"file-out","error_file_id":"file-err")");
}
std::string list_json(std::string_view items, bool more = false) {
  return fmt::format(R"({{"object":"list","data":[{}],"has_more":{}}})", items, more);
}

class Script {
 public:
  explicit Script(const Options& options = kOptions, catalogue::BatchLimits limits = kLimits)
      : options_(options), limits_(limits) {}

  std::string on(BatchEvent event) {
    const BatchContext context{.credentials = kCredentials,
                               .limits = limits_,
                               .id = kId,
                               .items = 2,
                               .image_bytes = 1000,
                               .model = "m",
                               .now = now};
    auto next_step = next(options_, step.state, event, context);
    EXPECT_TRUE(next_step) << next_step.error().text();
    if (!next_step) return "error";
    step = *std::move(next_step);
    const auto read = read_state(step.state);
    EXPECT_TRUE(read);
    if (read) EXPECT_EQ(write_state(*read), step.state);
    EXPECT_EQ(step.state.find("secret"), std::string::npos);
    return told();
  }
  std::string start() { return on({.kind = Kind::kStart}); }
  std::string answer(int status, std::string body = "", http::Headers headers = {}) {
    return on(
        {.kind = Kind::kAnswer,
         .response = {.status = status, .headers = std::move(headers), .body = std::move(body)}});
  }
  std::string lost() { return on({.kind = Kind::kLost, .error = {.message = "reset"}}); }
  std::string not_sent() { return on({.kind = Kind::kNotSent, .error = {.message = "no route"}}); }
  std::string restarted() { return on({.kind = Kind::kRestarted}); }
  std::string cancel() { return on({.kind = Kind::kCancel}); }
  std::string collected() { return on({.kind = Kind::kCollected}); }
  std::string collect_failed() {
    return on({.kind = Kind::kCollectFailed,
               .error = {.kind = ErrorKind::kUnavailable, .message = "cut"}});
  }
  std::string timer() {
    if (const auto* wait = std::get_if<Wait>(&step.action)) now += wait->duration;
    return on({.kind = Kind::kTimer});
  }

  [[nodiscard]] std::string told() const {
    if (const auto* send = std::get_if<Send>(&step.action)) return "send " + send->operation;
    if (const auto* wait = std::get_if<Wait>(&step.action))
      return fmt::format("wait {}s", wait->duration / 1s);
    if (const auto* collect = std::get_if<Collect>(&step.action))
      return "collect " + collect->artefact;
    const auto& end = std::get<Finished>(step.action);
    if (end.outcome == Finished::Outcome::kEnded) return "ended";
    return fmt::format("{} {}", end.outcome == Finished::Outcome::kRefused ? "refused" : "held",
                       to_string(end.error.kind));
  }
  [[nodiscard]] const http::RequestPlan& plan() const {
    if (const auto* collect = std::get_if<Collect>(&step.action)) return collect->plan;
    return std::get<Send>(step.action).plan;
  }
  [[nodiscard]] const Finished& end() const { return std::get<Finished>(step.action); }

  Step step;
  Time now = kBegin;

 private:
  const Options& options_;
  catalogue::BatchLimits limits_;
};

constexpr const char* kFile = R"({"id":"file-in"})";

// Every state that a script can stand in, and how to get there.
Script at(std::string_view state) {
  Script s;
  s.start();
  if (state == "upload") return s;
  if (state == "upload wait") return s.answer(503), s;
  s.answer(200, kFile);
  if (state == "create") return s;
  if (state == "create wait") return s.answer(429), s;
  if (state == "list" || state == "list wait") {
    s.lost();
    if (state == "list wait") s.answer(200, list_json(""));
    return s;
  }
  s.answer(200, batch_json("validating"));
  if (state == "poll wait") return s;
  if (state == "cancel") return s.cancel(), s;
  s.timer();
  if (state == "poll") return s;
  s.answer(200, completed());
  if (state == "output") return s;
  if (state == "output wait") return s.collect_failed(), s;
  s.collected();
  if (state == "errors") return s;
  s.collected();
  if (state == "delete") return s;
  for (int i = 0; i < 3; ++i) s.answer(200, R"({"deleted":true})");
  EXPECT_EQ(state, "done");
  return s;
}

TEST(OpenaiBatchMachine, TheStraightWay) {
  Script s;
  EXPECT_EQ(s.start(), "send upload");
  EXPECT_EQ(s.plan().target, "/openAI/v1/files");
  EXPECT_EQ(s.answer(200, kFile), "send create");
  EXPECT_EQ(s.answer(200, batch_json("validating")), "wait 10s");
  EXPECT_EQ(s.step.view.provider_batch_id, "batch_1");
  EXPECT_EQ(s.step.view.created_at, from_unix_seconds(1795000001));
  EXPECT_EQ(s.timer(), "send poll");
  EXPECT_EQ(s.plan().target, "/openAI/v1/batches/batch_1");
  EXPECT_EQ(s.answer(200, batch_json("in_progress")), "wait 15s");
  EXPECT_EQ(s.timer(), "send poll");
  EXPECT_EQ(s.answer(200, batch_json("novel_status")), "wait 22s");
  EXPECT_EQ(s.step.view.status, "novel_status");
  s.timer();
  EXPECT_EQ(s.answer(200, completed()), "collect output");
  EXPECT_EQ(s.plan().target, "/openAI/v1/files/file-out/content");
  EXPECT_EQ(s.step.view.ended_at, from_unix_seconds(1795003600));
  EXPECT_EQ(s.collected(), "collect errors");
  EXPECT_EQ(s.plan().target, "/openAI/v1/files/file-err/content");
  for (const char* file : {"file-in", "file-out", "file-err"}) {
    EXPECT_EQ(file == std::string("file-in") ? s.collected() : s.answer(200), "send delete");
    EXPECT_EQ(s.plan().method, http::Method::kDelete);
    EXPECT_EQ(s.plan().target, std::string("/openAI/v1/files/") + file);
  }
  EXPECT_EQ(s.answer(200), "ended");
  EXPECT_EQ(s.step.reason, "");
  EXPECT_EQ(s.restarted(), "ended");
}

TEST(OpenaiBatchMachine, TheUploadIsMultipartAroundTheImage) {
  const auto s = at("upload");
  const std::string id = kId.text();
  ASSERT_EQ(s.plan().body.size(), 3U);
  EXPECT_EQ(
      std::get<std::string>(s.plan().body[0]),
      "--weir-" + id + "\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n" +
          "--weir-" + id +
          "\r\nContent-Disposition: form-data; "
          "name=\"expires_after[anchor]\"\r\n\r\ncreated_at\r\n" +
          "--weir-" + id +
          "\r\nContent-Disposition: form-data; name=\"expires_after[seconds]\"\r\n\r\n2592000\r\n" +
          "--weir-" + id + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" +
          tag() + ".jsonl\"\r\nContent-Type: application/jsonl\r\n\r\n");
  EXPECT_EQ(std::get<http::ImageSlice>(s.plan().body[1]), (http::ImageSlice{0, 1000}));
  EXPECT_EQ(std::get<std::string>(s.plan().body[2]), "\r\n--weir-" + id + "--\r\n");
  EXPECT_EQ(s.plan().headers.find("content-type"), "multipart/form-data; boundary=weir-" + id);
  EXPECT_EQ(s.plan().headers.find("authorization"), "Bearer sk-very-secret");
}

TEST(OpenaiBatchMachine, TheCreateCarriesTheRecoveryTag) {
  const auto s = at("create");
  EXPECT_EQ(s.plan().target, "/openAI/v1/batches");
  EXPECT_EQ(
      std::get<std::string>(s.plan().body[0]),
      R"({"input_file_id":"file-in","endpoint":"/v1/chat/completions","completion_window":"24h",)"
      R"("metadata":{"weir_batch":")" +
          tag() + R"(","weir_items":"2"}})");
}

struct Row {
  const char* state;
  const char* event;
  const char* action;
};
// Names the row where a test fails.
void PrintTo(const Row& row, std::ostream* out) { *out << row.state << " + " << row.event; }

std::string deliver(Script& s, std::string_view event) {
  if (event == "lost") return s.lost();
  if (event == "not sent") return s.not_sent();
  if (event == "restarted") return s.restarted();
  if (event == "cancel") return s.cancel();
  if (event == "timer") return s.timer();
  if (event == "collect failed") return s.collect_failed();
  if (event == "429 after 7s") return s.answer(429, "", {{"retry-after", "7"}});
  if (event == "429 quota") return s.answer(429, R"({"error":{"code":"insufficient_quota"}})");
  if (event == "200 garbage") return s.answer(200, "<html>");
  if (event == "200 evil id") return s.answer(200, R"({"id":"../../admin","status":"x"})");
  return s.answer(std::stoi(std::string(event)));
}

class OpenaiBatchTable : public testing::TestWithParam<Row> {};
TEST_P(OpenaiBatchTable, EachEventInEachState) {
  auto s = at(GetParam().state);
  EXPECT_EQ(deliver(s, GetParam().event), GetParam().action)
      << GetParam().state << " + " << GetParam().event << ": " << s.step.reason;
}

INSTANTIATE_TEST_SUITE_P(Upload, OpenaiBatchTable,
                         testing::ValuesIn(std::vector<Row>{
                             {"upload", "lost", "wait 10s"},
                             {"upload", "not sent", "wait 10s"},
                             {"upload", "500", "wait 10s"},
                             {"upload", "409", "wait 10s"},
                             {"upload", "302", "wait 10s"},
                             {"upload", "429 after 7s", "wait 7s"},
                             {"upload", "429 quota", "refused invalid_argument"},
                             {"upload", "400", "refused invalid_argument"},
                             {"upload", "401", "refused unauthenticated"},
                             {"upload", "404", "refused not_found"},
                             {"upload", "200 garbage", "wait 10s"},
                             {"upload", "200 evil id", "wait 10s"},
                             {"upload", "restarted", "send upload"},
                             {"upload", "cancel", "refused cancelled"},
                             {"upload wait", "timer", "send upload"},
                             {"upload wait", "restarted", "wait 10s"},
                             {"upload wait", "cancel", "refused cancelled"},
                         }));
INSTANTIATE_TEST_SUITE_P(
    Create, OpenaiBatchTable,
    testing::ValuesIn(std::vector<Row>{
        {"create", "lost", "send list"},          {"create", "restarted", "send list"},
        {"create", "cancel", "send list"},        {"create", "500", "send list"},
        {"create", "503", "send list"},           {"create", "408", "send list"},
        {"create", "409", "send list"},           {"create", "302", "send list"},
        {"create", "200 garbage", "send list"},   {"create", "200 evil id", "send list"},
        {"create", "not sent", "wait 10s"},       {"create", "429", "wait 10s"},
        {"create", "429 after 7s", "wait 7s"},    {"create", "429 quota", "send delete"},
        {"create", "400", "send delete"},         {"create", "401", "send delete"},
        {"create", "404", "send delete"},         {"create wait", "timer", "send create"},
        {"create wait", "restarted", "wait 10s"}, {"create wait", "cancel", "send delete"},
    }));
INSTANTIATE_TEST_SUITE_P(List, OpenaiBatchTable,
                         testing::ValuesIn(std::vector<Row>{
                             {"list", "lost", "wait 10s"},
                             {"list", "not sent", "wait 10s"},
                             {"list", "500", "wait 10s"},
                             {"list", "429 after 7s", "wait 7s"},
                             {"list", "429 quota", "wait 10s"},
                             {"list", "200 garbage", "wait 10s"},
                             {"list", "401", "held unauthenticated"},
                             {"list", "403", "held unauthenticated"},
                             {"list", "404", "held not_found"},
                             {"list", "400", "held invalid_argument"},
                             {"list", "restarted", "send list"},
                             {"list", "cancel", "send list"},
                             {"list wait", "timer", "send list"},
                             {"list wait", "restarted", "wait 10s"},
                             {"list wait", "cancel", "send list"},
                         }));
INSTANTIATE_TEST_SUITE_P(Poll, OpenaiBatchTable,
                         testing::ValuesIn(std::vector<Row>{
                             {"poll", "lost", "wait 15s"},
                             {"poll", "not sent", "wait 15s"},
                             {"poll", "500", "wait 15s"},
                             {"poll", "409", "wait 15s"},
                             {"poll", "429", "wait 15s"},
                             {"poll", "429 after 7s", "wait 7s"},
                             {"poll", "429 quota", "wait 15s"},
                             {"poll", "200 garbage", "wait 15s"},
                             {"poll", "200 evil id", "wait 15s"},
                             {"poll", "401", "held unauthenticated"},
                             {"poll", "403", "held unauthenticated"},
                             {"poll", "404", "held not_found"},
                             {"poll", "400", "held invalid_argument"},
                             {"poll", "restarted", "send poll"},
                             {"poll", "cancel", "send cancel"},
                             {"poll wait", "timer", "send poll"},
                             {"poll wait", "restarted", "wait 10s"},
                             {"poll wait", "cancel", "send cancel"},
                         }));
INSTANTIATE_TEST_SUITE_P(Cancel, OpenaiBatchTable,
                         testing::ValuesIn(std::vector<Row>{
                             {"cancel", "lost", "wait 10s"},
                             {"cancel", "not sent", "wait 10s"},
                             {"cancel", "500", "wait 10s"},
                             {"cancel", "400", "wait 10s"},
                             {"cancel", "404", "wait 10s"},
                             {"cancel", "409", "wait 10s"},
                             {"cancel", "429 after 7s", "wait 7s"},
                             {"cancel", "200 garbage", "wait 10s"},
                             {"cancel", "401", "held unauthenticated"},
                             {"cancel", "restarted", "send cancel"},
                             {"cancel", "cancel", "send cancel"},
                         }));
INSTANTIATE_TEST_SUITE_P(Collect, OpenaiBatchTable,
                         testing::ValuesIn(std::vector<Row>{
                             {"output", "collect failed", "wait 10s"},
                             {"output", "restarted", "collect output"},
                             {"output", "cancel", "collect output"},
                             {"output wait", "timer", "collect output"},
                             {"output wait", "restarted", "wait 10s"},
                             {"output wait", "cancel", "wait 10s"},
                             {"errors", "collect failed", "wait 10s"},
                             {"errors", "restarted", "collect errors"},
                             {"errors", "cancel", "collect errors"},
                             {"delete", "lost", "send delete"},
                             {"delete", "not sent", "send delete"},
                             {"delete", "500", "send delete"},
                             {"delete", "404", "send delete"},
                             {"delete", "401", "send delete"},
                             {"delete", "restarted", "send delete"},
                             {"delete", "cancel", "send delete"},
                             {"done", "restarted", "ended"},
                             {"done", "cancel", "ended"},
                         }));

TEST(OpenaiBatchMachine, EventsThatDoNotFitAreOurBug) {
  const auto kind = [](std::string_view state, Kind event) {
    const auto s = at(state);
    const BatchContext context{
        .credentials = kCredentials, .limits = kLimits, .id = kId, .model = "m", .now = s.now};
    const auto step = next(kOptions, s.step.state, {.kind = event}, context);
    return step ? "none" : std::string(to_string(step.error().kind));
  };
  for (const auto* state : {"upload", "create", "list", "poll", "cancel", "output", "delete"}) {
    EXPECT_EQ(kind(state, Kind::kStart), "internal") << state;
    EXPECT_EQ(kind(state, Kind::kTimer), "internal") << state;
  }
  for (const auto* state :
       {"upload wait", "create wait", "list wait", "poll wait", "output wait"}) {
    EXPECT_EQ(kind(state, Kind::kAnswer), "internal") << state;
    EXPECT_EQ(kind(state, Kind::kCollected), "internal") << state;
  }
  EXPECT_EQ(kind("output", Kind::kLost), "internal");
  const BatchContext context{
      .credentials = kCredentials, .limits = kLimits, .id = kId, .model = "m", .now = kBegin};
  for (const char* state : {"{", "[]", R"({"v":2,"at":"poll"})", R"({"v":1,"at":"nowhere"})"})
    EXPECT_EQ(next(kOptions, state, {.kind = Kind::kRestarted}, context).error().kind,
              ErrorKind::kInternal);
  EXPECT_EQ(next(kOptions, "", {.kind = Kind::kTimer}, context).error().kind, ErrorKind::kInternal);
}

TEST(OpenaiBatchMachine, BeforeTheFirstStep) {
  EXPECT_EQ(Script().restarted(), "send upload");
  EXPECT_EQ(Script().cancel(), "refused cancelled");
}

// --- The create is never sent blindly again
// ---------------------------------------------------------------------------

TEST(OpenaiBatchMachine, AnUnknownCreateIsFoundAndAdopted) {
  for (const bool restarted : {false, true}) {
    auto s = at("create");
    EXPECT_EQ(restarted ? s.restarted() : s.lost(), "send list");
    EXPECT_EQ(s.plan().target, "/openAI/v1/batches?limit=100");
    EXPECT_EQ(
        s.answer(200, list_json(R"({"id":"other","status":"completed","created_at":1795000009},)" +
                                batch_json("in_progress"))),
        "send poll");
    EXPECT_THAT(s.step.reason, HasSubstr("adopted batch_1"));
    EXPECT_EQ(s.step.view.provider_batch_id, "batch_1");
    EXPECT_EQ(s.answer(200, completed()), "collect output");
  }
}

TEST(OpenaiBatchMachine, AnUnknownCreateIsSentAgainOnlyWhenItSurelyWasNotMade) {
  auto s = at("create");
  s.now += 2min;  // it hung before it was lost
  EXPECT_EQ(s.lost(), "send list");
  const Time lost = s.now;
  std::string action = s.answer(200, list_json(""));
  int rounds = 0;
  while (action.starts_with("wait") && ++rounds < 100) {
    EXPECT_EQ(s.timer(), "send list");
    EXPECT_LE(s.now, lost + 10min);
    action = s.answer(200, list_json(""));
  }
  EXPECT_EQ(action, "send create");
  EXPECT_EQ(s.now, lost + 10min);
  EXPECT_THAT(s.step.reason, HasSubstr("sent again"));
  // The second one is unknown too, and is there: adopted, although the first round began long ago.
  EXPECT_EQ(s.answer(502), "send list");
  EXPECT_EQ(s.answer(200, list_json(batch_json("in_progress"))), "send poll");
}

TEST(OpenaiBatchMachine, AListingThatBeganTooEarlyProvesNothing) {
  auto s = at("create");
  s.lost();
  s.now += 11min;  // the answer to the list took that long
  EXPECT_EQ(s.answer(200, list_json("")), "wait 1s");
  EXPECT_EQ(s.timer(), "send list");
  EXPECT_EQ(s.answer(200, list_json("")), "send create");
}

TEST(OpenaiBatchMachine, AfterALongDowntimeOneListingIsEnough) {
  auto s = at("create");
  s.now += 24h;
  EXPECT_EQ(s.restarted(), "send list");
  EXPECT_EQ(s.answer(200, list_json("")), "send create");
}

// The create was noted two days ahead of the provider's clock: every page is looked at, and not for two days.
TEST(OpenaiBatchMachine, AClockThatWentBackHidesNoBatch) {
  auto s = at("create");
  s.now -= 48h;
  const Time restarted = s.now;
  EXPECT_EQ(s.restarted(), "send list");
  EXPECT_EQ(
      s.answer(200,
               list_json(R"({"id":"other","status":"completed","created_at":1794800000})", true)),
      "send list");
  std::string action = s.answer(200, list_json(""));
  for (int i = 0; i < 100 && action.starts_with("wait"); ++i) {
    s.timer();
    action = s.answer(200, list_json(""));
  }
  EXPECT_EQ(action, "send create");
  EXPECT_EQ(s.now, restarted + 10min);
}

TEST(OpenaiBatchMachine, TwoCandidatesAreHeld) {
  auto s = at("list");
  std::string second = batch_json("validating");
  second.replace(second.find("batch_1"), 7, "batch_2");
  EXPECT_EQ(s.answer(200, list_json(batch_json("in_progress") + "," + second)),
            "held bad_response");
  EXPECT_THAT(s.end().error.message, HasSubstr("batch_1, batch_2"));
  EXPECT_THAT(s.step.reason, HasSubstr("held"));
  EXPECT_EQ(s.restarted(), "held bad_response");
}

TEST(OpenaiBatchMachine, ListPagesAreFollowedUntilOlderThanTheCreate) {
  const auto other = [](int id, std::int64_t created) {
    return fmt::format(R"({{"id":"b{}","status":"completed","created_at":{}}})", id, created);
  };
  auto s = at("list");
  EXPECT_EQ(s.answer(200, list_json(other(1, 1'795'000'010), true)), "send list");
  EXPECT_EQ(s.plan().target, "/openAI/v1/batches?limit=100&after=b1");
  EXPECT_EQ(s.lost(), "wait 10s");
  EXPECT_EQ(s.timer(), "send list");  // the same page
  EXPECT_EQ(s.plan().target, "/openAI/v1/batches?limit=100&after=b1");
  EXPECT_EQ(
      s.answer(200, list_json(batch_json("in_progress") + "," + other(2, 1'794'999'000), true)),
      "send list");
  EXPECT_EQ(s.plan().target, "/openAI/v1/batches?limit=100&after=b2");
  EXPECT_EQ(s.answer(200, list_json(other(3, 1'794'990'000), true)), "send poll");
  EXPECT_EQ(s.step.view.provider_batch_id, "batch_1");
}

TEST(OpenaiBatchMachine, AListWithoutEndIsHeld) {
  auto s = at("list");
  std::string action = "send list";
  for (int i = 0; action == "send list"; ++i) {
    ASSERT_LE(i, static_cast<int>(kListPagesMax));
    action = s.answer(200, list_json(fmt::format(R"({{"id":"b{}","status":"x"}})", i), true));
  }
  EXPECT_EQ(action, "held bad_response");
}

TEST(OpenaiBatchMachine, WithoutMetadataTheInputFileIsTheKey) {
  Options options = kOptions;
  options.metadata = false;
  options.file_expiry = false;
  Script s(options);
  s.start();
  EXPECT_EQ(std::get<std::string>(s.plan().body[0]).find("expires_after"), std::string::npos);
  s.answer(200, kFile);
  EXPECT_EQ(std::get<std::string>(s.plan().body[0]).find("metadata"), std::string::npos);
  s.lost();
  EXPECT_EQ(s.answer(200, R"({"data":[{"id":"b9","status":"x","input_file_id":"file-in"}]})"),
            "send poll");
  EXPECT_EQ(s.step.view.provider_batch_id, "b9");
}

TEST(OpenaiBatchMachine, WithoutLimitsTheDefaultsHold) {
  Script s(kOptions, {});
  s.start();
  s.answer(200, kFile);
  s.lost();
  EXPECT_EQ(s.answer(200, list_json("")), "wait 10s");
}

// --- Bounds
// -----------------------------------------------------------------------------------------------------------

TEST(OpenaiBatchMachine, TriesAreBounded) {
  const auto tries = [](std::string_view state, const std::function<std::string(Script&)>& event,
                        std::string_view operation) {
    auto s = at(state);
    std::uint64_t count = 1;
    while (event(s).starts_with("wait") && s.timer() == operation && count < 1000) ++count;
    return fmt::format("{} then {}", count, s.told());
  };
  EXPECT_EQ(tries(
                "upload", [](Script& s) { return s.lost(); }, "send upload"),
            "8 then refused deadline_exceeded");
  EXPECT_EQ(tries(
                "upload", [](Script& s) { return s.answer(500); }, "send upload"),
            "8 then refused unavailable");
  EXPECT_EQ(tries(
                "create", [](Script& s) { return s.answer(429); }, "send create"),
            "20 then send delete");
  EXPECT_EQ(tries(
                "create", [](Script& s) { return s.not_sent(); }, "send create"),
            "20 then send delete");
  EXPECT_EQ(tries(
                "output", [](Script& s) { return s.collect_failed(); }, "collect output"),
            "20 then held unavailable");
  EXPECT_EQ(tries("poll", [](Script& s) { return s.lost(); }, "send poll"), "1000 then send poll");
}

TEST(OpenaiBatchMachine, UnknownCreatesAreBounded) {
  auto s = at("create");
  std::uint64_t creates = 1;
  std::string action = s.lost();
  while (!action.starts_with("send delete") && creates < 1000) {
    action = s.answer(200, list_json(""));
    if (action.starts_with("wait")) action = s.timer();
    if (action == "send create") ++creates, action = s.lost();
  }
  EXPECT_EQ(creates, kCreateTriesMax);
  EXPECT_EQ(s.answer(200), "refused unavailable");
}

TEST(OpenaiBatchMachine, WaitsGrowToTheLimitAndAreNeverZero) {
  auto s = at("poll wait");
  std::vector<std::string> waits;
  for (int i = 0; i < 7; ++i) {
    s.timer();
    waits.push_back(s.answer(200, batch_json("in_progress")));
  }
  EXPECT_THAT(waits, testing::ElementsAre("wait 15s", "wait 22s", "wait 33s", "wait 50s",
                                          "wait 60s", "wait 60s", "wait 60s"));
  s.timer();
  EXPECT_EQ(s.answer(200, batch_json("in_progress"), {{"retry-after", "5"}}), "wait 5s");
  s.timer();
  EXPECT_EQ(s.answer(429, "", {{"retry-after", "0"}}), "wait 1s");
}

TEST(OpenaiBatchMachine, ARestartDoesNotShortenAWait) {
  auto s = at("create");
  EXPECT_EQ(s.answer(429, "", {{"retry-after", "100"}}), "wait 100s");
  s.now += 40s;
  EXPECT_EQ(s.restarted(), "wait 60s");
  s.now += 60s;
  EXPECT_EQ(s.restarted(), "send create");
}

TEST(OpenaiBatchMachine, RestartsAreNotTries) {
  auto s = at("upload");
  for (int i = 0; i < 100; ++i) EXPECT_EQ(s.restarted(), "send upload");
  EXPECT_EQ(s.lost(), "wait 10s");
}

// --- Ends
// -------------------------------------------------------------------------------------------------------------

TEST(OpenaiBatchMachine, WhatFilesThereAreIsRead) {
  const auto after_poll = [](std::string_view status, std::string_view files) {
    auto s = at("poll");
    std::string actions = s.answer(200, batch_json(status, files));
    while (std::holds_alternative<Collect>(s.step.action)) actions += ", " + s.collected();
    int deletes = 0;
    while (std::holds_alternative<Send>(s.step.action)) ++deletes, s.answer(200);
    return fmt::format("{} x{}, {}", actions, deletes, s.told());
  };
  const char* output = R"(,"output_file_id":"o","error_file_id":null)";
  const char* errors = R"(,"error_file_id":"e")";
  const char* both = R"(,"output_file_id":"o","error_file_id":"e")";
  for (const auto* status : {"completed", "expired", "cancelled"}) {
    EXPECT_EQ(after_poll(status, output), "collect output, send delete x2, ended");
    EXPECT_EQ(after_poll(status, errors), "collect errors, send delete x2, ended");
    EXPECT_EQ(after_poll(status, both), "collect output, collect errors, send delete x3, ended");
    EXPECT_EQ(after_poll(status, ""), "send delete x1, ended");
  }
  EXPECT_EQ(after_poll("failed", both), "collect output, collect errors, send delete x3, ended");
  EXPECT_EQ(after_poll("failed", ""), "send delete x1, refused unavailable");
}

TEST(OpenaiBatchMachine, FailedValidationNamesTheLine) {
  auto s = at("create");
  EXPECT_EQ(s.answer(200, batch_json(
                              "failed",
                              R"(,"errors":{"object":"list","data":[{"code":"duplicate_custom_id",)"
                              R"("message":"Twice","param":null,"line":3},{"line":4}]})")),
            "send delete");
  EXPECT_EQ(s.restarted(), "send delete");
  EXPECT_EQ(s.answer(200), "refused invalid_argument");
  EXPECT_EQ(s.end().line, 3U);
  EXPECT_EQ(s.end().error.provider_code, "duplicate_custom_id");
  EXPECT_EQ(s.end().error.message, "test: the batch failed, duplicate_custom_id in line 3: Twice");
  EXPECT_EQ(s.step.view.status, "failed");
}

TEST(OpenaiBatchMachine, AFileThatCannotBeDeletedIsOnlyTold) {
  auto s = at("delete");
  EXPECT_EQ(s.answer(404), "send delete");
  EXPECT_EQ(s.step.reason, "");
  EXPECT_EQ(s.answer(500), "send delete");
  EXPECT_THAT(s.step.reason, HasSubstr("file-out could not be deleted"));
  EXPECT_EQ(s.lost(), "ended");
  EXPECT_THAT(s.step.reason, HasSubstr("file-err could not be deleted"));
}

TEST(OpenaiBatchMachine, TheErrorSurvivesTheDeletion) {
  auto s = at("create");
  EXPECT_EQ(s.answer(429, R"({"error":{"code":"insufficient_quota","message":"No money"}})",
                     {{"x-request-id", "r1"}}),
            "send delete");
  EXPECT_EQ(s.answer(200), "refused invalid_argument");
  EXPECT_EQ(s.end().error.hint, "add credits");
  EXPECT_EQ(s.end().error.http_status, 429);
  EXPECT_EQ(s.end().error.request_id, "r1");
  EXPECT_EQ(s.end().error.provider, "test");
}

// --- Cancel
// -----------------------------------------------------------------------------------------------------------

TEST(OpenaiBatchMachine, CancelWaitsUntilStableThenCollects) {
  auto s = at("poll wait");
  EXPECT_EQ(s.cancel(), "send cancel");
  EXPECT_EQ(s.plan().target, "/openAI/v1/batches/batch_1/cancel");
  EXPECT_EQ(s.plan().method, http::Method::kPost);
  EXPECT_EQ(s.answer(200, batch_json("cancelling")), "wait 10s");
  EXPECT_EQ(s.timer(), "send poll");
  EXPECT_EQ(s.cancel(), "send poll");  // asked once is enough
  EXPECT_EQ(
      s.answer(200, batch_json("cancelled", R"(,"error_file_id":"e","cancelled_at":1795000050)")),
      "collect errors");
  EXPECT_EQ(s.step.view.ended_at, from_unix_seconds(1795000050));
}

TEST(OpenaiBatchMachine, ACancelThatFailedIsAskedAgain) {
  auto s = at("cancel");
  EXPECT_EQ(s.lost(), "wait 10s");
  EXPECT_EQ(s.timer(), "send poll");
  EXPECT_EQ(s.answer(200, batch_json("in_progress")), "send cancel");
  EXPECT_EQ(s.answer(409), "wait 10s");
  EXPECT_EQ(s.timer(), "send poll");
  EXPECT_EQ(s.answer(200, completed()), "collect output");  // it had just ended
}

TEST(OpenaiBatchMachine, CancelOfAnUnknownCreateSettlesItFirst) {
  auto made = at("create");
  EXPECT_EQ(made.cancel(), "send list");
  EXPECT_EQ(made.answer(200, list_json(batch_json("in_progress"))), "send poll");
  EXPECT_EQ(made.answer(200, batch_json("in_progress")), "send cancel");
  auto not_made = at("list wait");
  EXPECT_EQ(not_made.cancel(), "send list");
  not_made.now += 10min;
  EXPECT_EQ(not_made.answer(200, list_json("")), "wait 1s");
  EXPECT_EQ(not_made.timer(), "send list");
  EXPECT_EQ(not_made.answer(200, list_json("")), "send delete");
  EXPECT_EQ(not_made.answer(200), "refused cancelled");
}

TEST(OpenaiBatchMachine, CancelBeforeTheCreateDeletesTheFile) {
  auto s = at("create wait");
  EXPECT_EQ(s.cancel(), "send delete");
  EXPECT_EQ(s.plan().target, "/openAI/v1/files/file-in");
  EXPECT_EQ(s.answer(200), "refused cancelled");
}

}  // namespace
}  // namespace weir::provider::openai_batch
