// The simulated xai: counters, pages, a cancel that is taken back, the bill.
#include <gtest/gtest.h>

#include "sim/testing.h"

namespace weir::sim::xai {

std::unique_ptr<Provider> make_provider();

namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::Bench;
using testing::Parsed;

Bench make_bench(std::string faults = "") {
  Options options;
  options.faults_json = std::move(faults);
  return {make_provider(), {{"authorization", "Bearer key-1"}}, std::move(options)};
}

std::string body(std::string_view model, std::string_view more = "") {
  return R"({"model":")" + std::string(model) + R"(","messages":[{"role":"user","content":")" +
         testing::words(20) + "\"}]" + std::string(more) + "}";
}

std::string line(std::string_view id, std::string_view model = "grok-4.3") {
  return R"({"custom_id":")" + std::string(id) +
         R"(","method":"POST","url":"/v1/chat/completions","body":)" + body(model) + "}\n";
}

std::string lines(int count) {
  std::string out;
  // Not in the order of their ids.
  for (int i = count; i-- > 0;) out += line("w-" + std::to_string(1000 + i));
  return out;
}

Reply upload(Bench& bench, std::string_view content, std::string_view ahead = "",
             std::string_view behind = "") {
  const std::string form =
      std::string(ahead) +
      "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"in.jsonl\"\r\n\r\n" +
      std::string(content) + "\r\n" + std::string(behind) + "--B--\r\n";
  return bench.post("/xai/v1/files", form, {{"content-type", "multipart/form-data; boundary=B"}});
}

std::string create(Bench& bench, std::string_view content) {
  const Parsed file(upload(bench, content).text());
  const auto reply = bench.post(
      "/xai/v1/batches", R"({"name":"tag","input_file_id":")" + file["id"].string_or("") + "\"}");
  EXPECT_EQ(reply.head.status, 200) << reply.text();
  return Parsed(reply.text())["batch_id"].string_or("");
}

struct State {
  std::int64_t requests, pending, success, error, cancelled;
  friend bool operator==(const State&, const State&) = default;
};
void PrintTo(const State& s, std::ostream* out) {
  *out << s.requests << " requests: " << s.pending << " pending, " << s.success << " success, "
       << s.error << " error, " << s.cancelled << " cancelled";
}

Parsed get(Bench& bench, const std::string& id) {
  const auto reply = bench.get("/xai/v1/batches/" + id);
  EXPECT_EQ(reply.head.status, 200) << reply.text();
  return Parsed(reply.text());
}

State state(Bench& bench, const std::string& id) {
  const Parsed batch = get(bench, id);
  const auto at = [&](std::string_view name) { return batch["state"][name].integer_or(-1); };
  return {at("num_requests"), at("num_pending"), at("num_success"), at("num_error"),
          at("num_cancelled")};
}

struct Results {
  std::vector<std::string> ids, errors;
  int pages = 0;
};
Results results(Bench& bench, const std::string& id, int limit) {
  Results out;
  std::string token;
  do {
    const auto reply =
        bench.get("/xai/v1/batches/" + id + "/results?limit=" + std::to_string(limit) +
                  "&pagination_token=" + token);
    EXPECT_EQ(reply.head.status, 200) << reply.text();
    const Parsed page(reply.text());
    for (const auto item : page["results"].items()) {
      const json::Value row(item);
      out.ids.push_back(row["batch_request_id"].string_or(""));
      if (const auto error = row["batch_result"]["error"].string()) out.errors.emplace_back(*error);
    }
    token = page["pagination_token"].string_or("");
    ++out.pages;
  } while (!token.empty() && out.pages < 100);
  return out;
}

TEST(XaiSim, CountsInPlaceOfAStatus) {
  auto bench = make_bench();
  const auto id = create(bench, lines(5));
  EXPECT_EQ(state(bench, id), (State{0, 0, 0, 0, 0}));
  const Parsed fresh = get(bench, id);
  testing::expect_members(fresh.root,
                          {"batch_id", "name", "create_time", "expire_time", "cancel_time",
                           "cancel_by_xai_message", "state", "input_file_id"});
  EXPECT_EQ(fresh["name"].string(), "tag");
  EXPECT_TRUE(fresh["status"].is_null());
  bench.wait(seconds(21));
  EXPECT_EQ(state(bench, id).requests, 5);
  EXPECT_GT(state(bench, id).pending, 0);
  bench.wait(minutes(30));
  EXPECT_EQ(state(bench, id), (State{5, 0, 5, 0, 0}));
}

TEST(XaiSim, ResultsArePagesSortedById) {
  auto bench = make_bench();
  const auto id = create(bench, lines(5));
  bench.wait(minutes(30));
  EXPECT_EQ(state(bench, id).success, 5);
  EXPECT_FALSE(bench.bill().at(0).delivered);
  const auto all = results(bench, id, 2);
  EXPECT_EQ(all.pages, 3);
  EXPECT_EQ(all.ids, (std::vector<std::string>{"w-1000", "w-1001", "w-1002", "w-1003", "w-1004"}));
  for (const auto& row : bench.bill()) EXPECT_TRUE(row.delivered);
  const std::string path = "/xai/v1/batches/" + id + "/results?";
  EXPECT_EQ(bench.get(path + "limit=1001").head.status, 400);
  EXPECT_EQ(bench.get(path + "pagination_token=x").head.status, 400);
}

TEST(XaiSim, ACancelIsTakenBackForWhatWasRun) {
  auto bench = make_bench();
  const auto id = create(bench, lines(400));
  while (state(bench, id).success < 20) bench.wait(seconds(1));
  const auto reply = bench.post("/xai/v1/batches/" + id + ":cancel", "");
  ASSERT_EQ(reply.head.status, 200) << reply.text();
  EXPECT_TRUE(Parsed(reply.text())["cancel_time"].is_string());
  const State at_once = state(bench, id);
  EXPECT_EQ(at_once.pending, 0);
  EXPECT_EQ(at_once.success + at_once.cancelled, 400);
  EXPECT_EQ(static_cast<std::int64_t>(results(bench, id, 1000).ids.size()), at_once.success);
  bench.wait(minutes(2));
  const State later = state(bench, id);
  EXPECT_GT(later.success, at_once.success);
  EXPECT_EQ(later.success + later.cancelled, 400);
  EXPECT_EQ(static_cast<std::int64_t>(bench.bill().size()), later.success);
  const auto all = results(bench, id, 1000);
  EXPECT_EQ(all.ids.size(), 400U);
  EXPECT_EQ(static_cast<std::int64_t>(all.errors.size()), later.cancelled);
  EXPECT_EQ(all.errors.at(0), "Batch cancelled");
}

TEST(XaiSim, AFileThatIsNoGoodIsCancelledByXai) {
  auto bench = make_bench();
  for (const auto& [content, words] : {std::pair(line("a") + "{\n", "line 2"),
                                       std::pair(line("a", "grok-4.6"), "not supported")}) {
    const auto id = create(bench, content);
    bench.wait(seconds(30));
    const Parsed batch = get(bench, id);
    EXPECT_TRUE(batch["cancel_time"].is_string());
    EXPECT_TRUE(batch["cancel_by_xai_message"].string_or("").contains(words))
        << batch["cancel_by_xai_message"].string_or("");
    EXPECT_EQ(state(bench, id), (State{0, 0, 0, 0, 0}));
  }
  EXPECT_TRUE(bench.bill().empty());
}

TEST(XaiSim, FaultsOfRows) {
  auto bench = make_bench(
      R"([{"match":{"custom_id":"w-1000"},"fault":{"kind":"row_error"}},
          {"match":{"custom_id":"w-1001"},"fault":"malformed_row"},
          {"match":{"custom_id":"w-1002"},"fault":"duplicate_rows"},
          {"match":{"custom_id":"w-1003"},"fault":"missing_rows"}])");
  const auto id = create(bench, lines(5));
  bench.wait(minutes(30));
  const auto all = results(bench, id, 1000);
  EXPECT_EQ(all.ids, (std::vector<std::string>{"w-1000", "w-1001", "w-1002", "w-1002", "w-1004"}));
  EXPECT_EQ(all.errors, std::vector<std::string>{"Internal error"});
  EXPECT_EQ(state(bench, id), (State{5, 0, 3, 1, 0}));
  ASSERT_EQ(bench.bill().size(), 3U);
  for (const auto& row : bench.bill()) EXPECT_EQ(row.delivered, row.custom_id != "w-1001");
}

TEST(XaiSim, ListsGiveTheOldestFirstInPages) {
  auto bench = make_bench();
  std::vector<std::string> made;
  for (int i = 0; i < 3; ++i) made.push_back(create(bench, lines(1)));
  const Parsed first(bench.get("/xai/v1/batches?limit=2").text());
  EXPECT_EQ(json::Value(first["batches"].items().at(0))["batch_id"].string(), made[0]);
  const auto token = first["pagination_token"].string_or("");
  const Parsed second(bench.get("/xai/v1/batches?limit=2&pagination_token=" + token).text());
  EXPECT_EQ(second["batches"].size(), 1U);
  EXPECT_TRUE(second["pagination_token"].is_null());
}

TEST(XaiSim, ABatchHasTwentyPercentOff) {
  auto bench = make_bench();
  ASSERT_EQ(bench.post("/xai/v1/chat/completions", body("grok-4.3")).head.status, 200);
  const auto id = create(bench, line("a"));
  bench.wait(minutes(30));
  EXPECT_EQ(state(bench, id).success, 1);
  ASSERT_EQ(bench.bill().size(), 2U);
  EXPECT_EQ(bench.bill()[0].tokens.output, bench.bill()[1].tokens.output);
  EXPECT_EQ(bench.bill()[0].pico_usd * 4, bench.bill()[1].pico_usd * 5);
}

TEST(XaiSim, UsageLeavesTheReasoningOut) {
  auto bench = make_bench();
  const auto reply = bench.post("/xai/v1/chat/completions", body("grok-4.3"));
  const Parsed answer(reply.text());
  const json::Value usage = answer["usage"];
  const auto said = usage["completion_tokens"].integer_or(0);
  const auto thought = usage["completion_tokens_details"]["reasoning_tokens"].integer_or(0);
  EXPECT_GT(thought, 0);
  EXPECT_EQ(said + thought, bench.bill().at(0).tokens.output);
  EXPECT_EQ(usage["total_tokens"].integer_or(0),
            usage["prompt_tokens"].integer_or(0) + said + thought);
  EXPECT_EQ(usage["cost_in_usd_ticks"].integer_or(0), bench.bill().at(0).pico_usd / 100);
}

TEST(XaiSim, ErrorsAreTexts) {
  Bench refused{make_provider(), {{"authorization", "Bearer invalid"}}};
  const auto key = refused.get("/xai/v1/models");
  EXPECT_EQ(key.head.status, 400);
  EXPECT_TRUE(Parsed(key.text())["error"].string_or("").contains("API key"));
  auto bench = make_bench();
  EXPECT_EQ(
      bench.post("/xai/v1/chat/completions", body("grok-4.3", R"(,"stop":["x"])")).head.status,
      400);
  EXPECT_EQ(bench.get("/xai/v1/batches/none").head.status, 404);
  EXPECT_EQ(bench.post("/xai/v1/batches", R"({"name":"x","input_file_id":"none"})").head.status,
            404);
  const auto id = create(bench, lines(1));
  EXPECT_EQ(bench.post("/xai/v1/batches/" + id + "/requests", "{}").head.status, 412);
  bench.post("/xai/v1/batches/" + id + ":cancel", "");
  EXPECT_EQ(bench.post("/xai/v1/batches/" + id + "/requests", "{}").head.status, 403);
  const std::string life =
      "--B\r\nContent-Disposition: form-data; name=\"expires_after\"\r\n\r\n3600\r\n";
  EXPECT_EQ(upload(bench, lines(1), life).head.status, 200);
  EXPECT_EQ(upload(bench, lines(1), "", life).head.status, 400);
}

}  // namespace
}  // namespace weir::sim::xai
