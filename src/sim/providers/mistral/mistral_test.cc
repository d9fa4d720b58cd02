// The quirks of the simulated mistral, and its bill.
#include <gtest/gtest.h>

#include <set>

#include "sim/testing.h"

namespace weir::sim::mistral {

std::unique_ptr<Provider> make_provider();

namespace {

using std::chrono::minutes;
using testing::Parsed;
using testing::words;

const std::string kChat = "/mistral/v1/chat/completions", kFiles = "/mistral/v1/files",
                  kJobs = "/mistral/v1/batch/jobs";

testing::Bench make_bench(std::string faults = "") {
  return {make_provider(), {{"authorization", "Bearer key-1"}}, {.faults_json = std::move(faults)}};
}
std::string body_of(std::string_view content, std::string_view more = "") {
  return R"({"model":"mistral-small-2603","max_tokens":9,"messages":[{"role":"user","content":")" +
         std::string(content) + "\"}]" + std::string(more) + "}";
}
std::string line_of(std::string_view id, std::string_view body) {
  return R"({"custom_id":")" + std::string(id) + R"(","body":)" + std::string(body) + "}\n";
}
Reply upload(testing::Bench& b, std::string_view lines) {
  return b.post(kFiles,
                "--B\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--B\r\n"
                "Content-Disposition: form-data; name=\"file\"; filename=\"in.jsonl\"\r\n\r\n" +
                    std::string(lines) + "\r\n--B--\r\n",
                {{"content-type", "multipart/form-data; boundary=B"}});
}
std::string create(testing::Bench& b, std::string_view lines, std::string_view more = "") {
  const std::string file = Parsed(upload(b, lines).text())["id"].string_or("");
  const Reply reply =
      b.post(kJobs, R"({"input_files":[")" + file +
                        R"("],"endpoint":"/v1/chat/completions","model":"mistral-small-2603")" +
                        std::string(more) + "}");
  EXPECT_EQ(reply.head.status, 200) << reply.text();
  return Parsed(reply.text())["id"].string_or("");
}
Parsed finish(testing::Bench& b, const std::string& id) {
  const std::string path = kJobs + "/" + id;
  for (int i = 0; i < 3000; ++i) {
    const Parsed job(b.get(path).text());
    if (!job["completed_at"].is_null()) break;
    b.wait(minutes(1));
  }
  return Parsed(b.get(path).text());
}
std::vector<std::string> rows(testing::Bench& b, json::Value file) {
  return file.is_string()
             ? testing::lines_of(b.get(kFiles + "/" + file.string_or("") + "/content").text())
             : std::vector<std::string>();
}

TEST(MistralChat, ErrorsHaveTwoShapes) {
  auto b = make_bench();
  const Reply extra = b.post(kChat, body_of("x", R"(,"seed":7)"));
  EXPECT_EQ(extra.head.status, 422);
  EXPECT_EQ(Parsed(extra.text())["detail"].size(), 1U) << extra.text();
  for (const auto* more : {R"(,"max_completion_tokens":9)", R"(,"stream_options":{})",
                           R"(,"temperature":1.6)", R"(,"store":true)"})
    EXPECT_EQ(b.post(kChat, body_of("x", more)).head.status, 422) << more;
  EXPECT_EQ(b.post(kChat, body_of("x", R"(,"random_seed":7,"temperature":1.5)")).head.status, 200);
  const Reply order = b.post(
      kChat, R"({"model":"mistral-small-2603","messages":[{"role":"assistant","content":"x"}]})");
  EXPECT_EQ(order.head.status, 400);
  EXPECT_EQ(Parsed(order.text())["object"].string(), "error");
  EXPECT_EQ(Parsed(order.text())["raw_status_code"].integer(), 400);
  const Reply key = b.post(kChat, body_of("x"), {{"authorization", "Bearer invalid"}});
  EXPECT_EQ(key.head.status, 401);
  EXPECT_TRUE(Parsed(key.text())["detail"].is_string());
}

TEST(MistralChat, IdsOfToolCallsAreNineLetters) {
  auto b = make_bench();
  const auto conversation = [](std::string_view id) {
    return R"({"model":"mistral-small-2603","messages":[{"role":"user","content":"x"},{"role":"assistant","content":"","tool_calls":[{"id":")" +
           std::string(id) +
           R"(","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":")" +
           std::string(id) + R"(","content":"r"}]})";
  };
  EXPECT_EQ(b.post(kChat, conversation("abcDEF123")).head.status, 200);
  const Reply refused = b.post(kChat, conversation("call_1"));
  EXPECT_EQ(refused.head.status, 400);
  EXPECT_EQ(Parsed(refused.text())["code"].string(), "3280");
  const Parsed called(
      b.post(
           kChat,
           body_of(
               "x",
               R"(,"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],"tool_choice":"required")"))
          .text());
  const json::Value choice(called["choices"].items().at(0));
  const json::Value call(choice["message"]["tool_calls"].items().at(0));
  EXPECT_EQ(call["id"].string_or("").size(), 9U);
}

TEST(MistralChat, TheCacheNeedsAKeyAndGoesInStepsOf64) {
  auto b = make_bench();
  const auto cached = [&](std::string_view more) {
    const Parsed answer(b.post(kChat, body_of(words(200), more)).text());
    b.wait(minutes(1));
    return answer["usage"]["prompt_tokens_details"]["cached_tokens"].integer_or(0);
  };
  EXPECT_EQ(cached(""), 0);
  EXPECT_EQ(cached(""), 0);
  EXPECT_EQ(cached(R"(,"prompt_cache_key":"k")"), 0);
  EXPECT_EQ(cached(R"(,"prompt_cache_key":"k")"), 192);
  EXPECT_EQ(cached(R"(,"prompt_cache_key":"other")"), 0);
  // 207 tokens of prompt: 15 at 0.15 dollars and 192 at 0.015, and what was answered.
  const auto& row = b.bill()[3];
  EXPECT_EQ(row.tokens.input, 15);
  EXPECT_EQ(row.pico_usd, 15 * 150'000 + 192 * 15'000 + row.tokens.output * 600'000);
}

TEST(MistralChat, AStreamTellsItsUsageUnasked) {
  auto b = make_bench();
  const std::string text = b.post(kChat, body_of("x", R"(,"stream":true)")).text();
  EXPECT_NE(text.find(R"("usage":{"prompt_tokens":)"), std::string::npos);
  EXPECT_TRUE(text.ends_with("data: [DONE]\n\n"));
}

TEST(MistralJobs, AnUploadIsCheckedLineByLine) {
  auto b = make_bench();
  EXPECT_EQ(upload(b, line_of("a", body_of("x"))).head.status, 200);
  // No model in the line, an id twice, none at all: all is taken.
  EXPECT_EQ(upload(b, line_of("a", R"({"messages":[{"role":"user","content":"x"}]})") +
                          line_of("a", body_of("x")) + R"({"body":)" + body_of("x") + "}")
                .head.status,
            200);
  for (const std::string& bad :
       {std::string("tru\n"), line_of("b", "3"), line_of("b", R"({"model":"m"})"),
        line_of("b", body_of("x", R"(,"temperature":2)")),
        line_of("b", R"({"messages":[{"role":"bananas","content":"x"}]})")}) {
    const Reply refused = upload(b, line_of("a", body_of("x")) + bad);
    EXPECT_EQ(refused.head.status, 422) << bad;
    EXPECT_EQ(Parsed(refused.text())["detail"].string(), "Invalid file format.");
  }
  EXPECT_EQ(Parsed(b.get("/_sim/state").text())["mistral"]["files"].integer(), 2);
}

TEST(MistralJobs, LifeAndBothFiles) {
  auto b = make_bench();
  const std::string id =
      create(b,
             line_of("a", body_of("x")) +
                 line_of("b", R"({"messages":[{"role":"assistant","content":"x"}]})") +
                 line_of("c", body_of("y")),
             R"(,"metadata":{"k":"v"})");
  const Parsed made(b.get(kJobs + "/" + id).text());
  EXPECT_EQ(made["status"].string(), "QUEUED");
  EXPECT_EQ(made["total_requests"].integer(), 0);
  EXPECT_EQ(made["metadata"]["k"].string(), "v");
  const Parsed job = finish(b, id);
  EXPECT_EQ(job["status"].string(), "SUCCESS");
  EXPECT_EQ(job["total_requests"].integer(), 3);
  EXPECT_EQ(job["completed_requests"].integer(), 3);  // the failed one among them
  EXPECT_EQ(job["failed_requests"].integer(), 1);
  EXPECT_EQ(rows(b, job["output_file"]).size(), 2U);
  const auto errors = rows(b, job["error_file"]);
  ASSERT_EQ(errors.size(), 1U);
  const Parsed row(errors[0]);
  EXPECT_EQ(row["custom_id"].string(), "b");
  EXPECT_EQ(row["response"]["status_code"].integer(), 400);
  ASSERT_TRUE(row["response"]["body"].is_string());  // not an object
  EXPECT_EQ(Parsed(*row["response"]["body"].string())["object"].string(), "error");
  EXPECT_TRUE(row["error"].is_null());
  // Two rows at half the price, none of them cached.
  ASSERT_EQ(b.bill().size(), 2U);
  for (const auto& billed : b.bill())
    EXPECT_EQ(billed.pico_usd, billed.tokens.input * 75'000 + billed.tokens.output * 300'000);
}

TEST(MistralJobs, ListsComeInPages) {
  auto b = make_bench();
  std::vector<std::string> made;
  for (int i = 0; i < 3; ++i) made.push_back(create(b, line_of("a", body_of("x"))));
  const auto ids = [&](std::string_view query) {
    std::vector<std::string> out;
    const Parsed list(b.get(kJobs + std::string(query)).text());
    EXPECT_EQ(list["total"].integer(), 3);
    for (const auto item : list["data"].items())
      out.push_back(json::Value(item)["id"].string_or(""));
    return out;
  };
  EXPECT_EQ(ids("?page=0&page_size=2&order_by=-created"),
            (std::vector<std::string>{made[2], made[1]}));
  EXPECT_EQ(ids("?page=1&page_size=2&order_by=-created"), (std::vector<std::string>{made[0]}));
  EXPECT_TRUE(ids("?page=2&page_size=2").empty());
}

TEST(MistralJobs, CancelledAndExpiredKeepWhatWasDone) {
  std::string lines;
  for (int i = 0; i < 40; ++i) lines += line_of("r" + std::to_string(i), body_of("x"));
  auto b = make_bench();
  const std::string id = create(b, lines);
  b.wait(minutes(1));
  EXPECT_EQ(Parsed(b.post(kJobs + "/" + id + "/cancel", "").text())["status"].string(),
            "CANCELLATION_REQUESTED");
  const Parsed job = finish(b, id);
  EXPECT_EQ(job["status"].string(), "CANCELLED");
  const auto done = rows(b, job["output_file"]).size();
  EXPECT_GT(done, 0U);
  EXPECT_LT(done, 40U);
  EXPECT_EQ(b.bill().size(), done);  // rows that were not run are in no file, and free
  auto late = make_bench(R"([{"fault":{"kind":"expire_batch","finished_fraction":0.5}}])");
  const Parsed expired = finish(late, create(late, lines, R"(,"timeout_hours":1)"));
  EXPECT_EQ(expired["status"].string(), "TIMEOUT_EXCEEDED");
  EXPECT_EQ(rows(late, expired["output_file"]).size(), 20U);
  auto broken = make_bench(R"([{"fault":"batch_refused"}])");
  const Parsed failed = finish(broken, create(broken, lines));
  EXPECT_EQ(failed["status"].string(), "FAILED");
  EXPECT_EQ(failed["errors"].size(), 1U);
  EXPECT_TRUE(broken.bill().empty());
}

TEST(MistralJobs, CreatesAreChecked) {
  auto b = make_bench();
  const std::string file = Parsed(upload(b, line_of("a", body_of("x"))).text())["id"].string_or("");
  const auto status = [&](std::string_view id, std::string_view endpoint, std::string_view model,
                          std::string_view hours) {
    return b
        .post(kJobs, R"({"input_files":[")" + std::string(id) + R"("],"endpoint":")" +
                         std::string(endpoint) + R"(","model":")" + std::string(model) +
                         R"(","timeout_hours":)" + std::string(hours) + "}")
        .head.status;
  };
  EXPECT_EQ(status(file, "/v1/chat/completions", "mistral-small-2603", "168"), 200);
  EXPECT_EQ(status(file, "/v1/chat/completions", "mistral-small-2603", "0"), 422);
  EXPECT_EQ(status(file, "/v1/responses", "mistral-small-2603", "24"), 422);
  EXPECT_EQ(status(file, "/v1/chat/completions", "gpt-5", "24"), 422);
  EXPECT_EQ(status("nothing", "/v1/chat/completions", "mistral-small-2603", "24"), 404);
}

}  // namespace
}  // namespace weir::sim::mistral
