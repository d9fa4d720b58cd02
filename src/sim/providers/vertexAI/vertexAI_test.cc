// The simulated Vertex AI: its quirks, and that it bills what it says.
#include <gmock/gmock.h>

#include "sim/providers/vertexAI/bench_testing.h"

namespace weir::sim::vertexAI {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Parsed;

Options with_faults(std::string faults) {
  Options options;
  options.faults_json = std::move(faults);
  return options;
}
std::string lines(int count) {
  std::string out;
  for (int i = 0; i < count; ++i)
    out += line_of("w-" + std::to_string(i), body_of("Document " + std::to_string(i)));
  return out;
}

TEST(VertexSim, GeneratesAndTellsTheTime) {
  auto b = make_bench();
  const Parsed whole(b.post(path_of("gemini-2.5-flash"), body_of("Hello")).text());
  EXPECT_EQ(whole["createTime"].string(), to_rfc3339(b.now()));
  EXPECT_EQ(whole["usageMetadata"]["trafficType"].string(), "ON_DEMAND");
  EXPECT_EQ(whole["modelVersion"].string(), "gemini-2.5-flash");
  const auto stream =
      b.post(path_of("gemini-2.5-flash", "streamGenerateContent") + "?alt=sse", body_of("Hello"));
  EXPECT_EQ(stream.head.headers.find("content-type"), "text/event-stream");
  EXPECT_EQ(b.bill().size(), 2U);
  const Parsed counted(b.post(path_of("gemini-2.5-flash", "countTokens"), body_of("Hello")).text());
  EXPECT_GT(counted["totalTokens"].integer_or(0), 0);
  EXPECT_EQ(b.bill().size(), 2U);
  const auto none = b.post(path_of("gemini-9"), body_of("Hello"));
  EXPECT_EQ(none.head.status, 404);
  EXPECT_THAT(none.text(), HasSubstr("Publisher Model"));
}

TEST(VertexSim, WantsAToken) {
  auto b = make_bench();
  for (const char* header : {"", "Basic x", "Bearer ", "Bearer invalid", "Bearer ya29.unknown"}) {
    const auto reply =
        b.post(path_of("gemini-2.5-flash"), body_of("Hello"), {{"authorization", header}});
    EXPECT_EQ(reply.head.status, 401) << header;
    EXPECT_THAT(reply.text(), HasSubstr("UNAUTHENTICATED")) << header;
  }
}

// {"alg":"RS256"}, claims by the test, and a signature that nobody checks.
std::string assertion(std::string_view claims) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const auto encoded = [&](std::string_view bytes) {
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
      std::uint32_t bits = 0;
      for (std::size_t j = 0; j < 3; ++j)
        bits = bits << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0U);
      for (std::size_t j = 0; j < 4 && i + j <= bytes.size(); ++j)
        out.push_back(kDigits[bits >> (18 - 6 * j) & 63]);
    }
    return out;
  };
  return "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=" +
         encoded(R"({"alg":"RS256","typ":"JWT"})") + "." + encoded(claims) + "." +
         std::string(342, 'A');
}
std::string claims(Time now, std::string_view iss = "weir@shop", std::int64_t life = 3600) {
  return R"({"iss":")" + std::string(iss) +
         R"(","scope":"https://www.googleapis.com/auth/cloud-platform","aud":"x","iat":)" +
         std::to_string(unix_seconds(now)) + R"(,"exp":)" +
         std::to_string(unix_seconds(now) + life) + "}";
}

TEST(VertexSim, ExchangesTokensThatLiveForAnHour) {
  auto b = make_bench();
  const auto exchange = [&](const std::string& form) { return b.post("/vertexAI/token", form); };
  const Parsed answer(exchange(assertion(claims(b.now()))).text());
  EXPECT_EQ(answer["expires_in"].integer(), 3599);
  const auto bearer = "Bearer " + answer["access_token"].string_or("");
  EXPECT_THAT(bearer, HasSubstr("ya29."));
  const auto asked = [&] {
    return b.post(path_of("gemini-2.5-flash"), body_of("Hello"), {{"authorization", bearer}})
        .head.status;
  };
  EXPECT_EQ(asked(), 200);
  const auto account = b.bill().at(0).account;
  b.wait(std::chrono::minutes(59));
  EXPECT_EQ(asked(), 200);
  // Another token of the same service account is the same account.
  const Parsed second(exchange(assertion(claims(b.now()))).text());
  b.post(path_of("gemini-2.5-flash"), body_of("Hello"),
         {{"authorization", "Bearer " + second["access_token"].string_or("")}});
  EXPECT_EQ(b.bill().at(2).account, account);
  b.wait(std::chrono::minutes(1));
  EXPECT_EQ(asked(), 401);
  for (const auto& form :
       {std::string("grant_type=password"), assertion("{}"), assertion("{"),
        assertion(claims(b.now(), "")), assertion(claims(b.now(), "invalid@shop")),
        assertion(claims(b.now(), "weir@shop", 7200)),
        assertion(claims(b.now() - std::chrono::hours(3))),
        assertion(claims(b.now() + std::chrono::hours(3)))}) {
    const auto refused = exchange(form);
    EXPECT_EQ(refused.head.status, 400) << form;
    EXPECT_TRUE(Parsed(refused.text())["error"].is_string()) << refused.text();
  }
}

TEST(VertexSim, KeepsObjects) {
  auto b = make_bench();
  for (const char* name : {"in/b.jsonl", "in/a.jsonl", "other"})
    EXPECT_EQ(upload(b, "text", name).head.status, 200);
  EXPECT_EQ(upload(b, "new text").head.status, 200);  // replaces
  EXPECT_EQ(b.get(object("in/a.jsonl", "?alt=media")).text(), "new text");
  EXPECT_EQ(Parsed(b.get(object("in/a.jsonl")).text())["size"].string(), "8");
  const auto names = [&](const std::string& query) {
    std::vector<std::string> out;
    const Parsed list(b.get(kStorage + query).text());
    for (const auto item : list["items"].items())
      out.push_back(json::Value(item)["name"].string_or(""));
    if (list["nextPageToken"].is_string()) out.push_back("+");
    return out;
  };
  EXPECT_THAT(names("?prefix=in%2F"), ElementsAre("in/a.jsonl", "in/b.jsonl"));
  EXPECT_THAT(names("?prefix=in%2F&startOffset=in%2Fb"), ElementsAre("in/b.jsonl"));
  EXPECT_THAT(names("?maxResults=2"), ElementsAre("in/a.jsonl", "in/b.jsonl", "+"));
  EXPECT_THAT(names("?maxResults=2&pageToken=other"), ElementsAre("other"));
  EXPECT_THAT(names("?prefix=none"), ElementsAre());
  const auto removed = [&] { return b.send(http::Method::kDelete, object("other")).head.status; };
  EXPECT_EQ(removed(), 204);
  EXPECT_EQ(removed(), 404);
  EXPECT_EQ(b.get(object("other", "?alt=media")).head.status, 404);
  EXPECT_EQ(upload(b, "x", "a", "missing-pail").head.status, 404);
  // Another account does not see them.
  EXPECT_EQ(
      b.get(object("in/a.jsonl", "?alt=media"), {{"authorization", "Bearer key-2"}}).head.status,
      404);
}

TEST(VertexSim, RunsJobsOutOfOrderAndInShards) {
  auto b = make_bench();
  const auto job = create(b, lines(200));
  EXPECT_EQ(state(b, job), "JOB_STATE_QUEUED");
  const auto done = finish(b, job);
  EXPECT_EQ(done["state"].string(), "JOB_STATE_SUCCEEDED");
  EXPECT_EQ(done["completionStats"]["successfulCount"].string(), "200");
  EXPECT_EQ(done["completionStats"]["incompleteCount"].string(), "-1");
  const auto rows = results(b, done);
  ASSERT_EQ(rows.size(), 200U);
  std::vector<std::string> ids;
  for (const auto& row : rows) ids.push_back(Parsed(row)["custom_id"].string_or(""));
  auto sorted = ids;
  std::ranges::sort(sorted);
  EXPECT_EQ(std::ranges::adjacent_find(sorted), sorted.end());
  std::vector<std::string> asked;
  for (int i = 0; i < 200; ++i) asked.push_back("w-" + std::to_string(i));
  EXPECT_NE(ids, asked);
  EXPECT_EQ(b.bill().size(), 200U);
  for (const auto& row : b.bill()) EXPECT_TRUE(row.delivered);
}

TEST(VertexSim, HalvesAllButCachedTokens) {
  auto b = make_bench({.batch_hit_rate = 1});
  const auto prefix = testing::words(3000);
  std::string all;
  for (int i = 0; i < 3; ++i)
    all += line_of("w-" + std::to_string(i),
                   R"({"systemInstruction":{"parts":[{"text":")" + prefix +
                       R"("}]},"contents":[{"role":"user","parts":[{"text":"Go on."}]}]})");
  finish(b, create(b, all));
  ASSERT_EQ(b.bill().size(), 3U);
  std::int64_t read = 0;
  for (const auto& row :
       b.bill()) {  // 0.30, 0.03 and 2.50 dollars a million; half of input and output
    read += row.tokens.cache_read;
    EXPECT_EQ(row.pico_usd, row.tokens.input * 150'000 + row.tokens.cache_read * 30'000 +
                                row.tokens.output * 1'250'000);
  }
  EXPECT_GT(read, 2000);
}

TEST(VertexSim, EchoesTheRequestInOtherBytesAndCoercesKeys) {
  auto b = make_bench();
  const auto rows = results(
      b, finish(b, create(b, R"({"custom_id":"w-1","order":"000000","request":{"generationConfig":)"
                             R"({"temperature":0.0,"maxOutputTokens":9},"contents":)"
                             R"([{"role":"user","parts":[{"text":"Hi"}]}]}})"
                             "\n")));
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_THAT(
      rows[0],
      HasSubstr(
          R"("custom_id":"w-1","order":0,"request":{"contents":[{"parts":[{"text":"Hi"}],"role":"user"}],)"
          R"("generationConfig":{"maxOutputTokens":9,"temperature":0}},"response":{)"));
  EXPECT_THAT(rows[0], HasSubstr(R"({"status":"","processed_time":")"));
}

TEST(VertexSim, RowsThatFailAreNotBilled) {
  auto b = make_bench();
  const auto done = finish(
      b, create(b, lines(2) + line_of("w-bad",
                                      R"({"contents":[{"role":"user","parts":[{"text":""}]}]})")));
  EXPECT_EQ(done["state"].string(), "JOB_STATE_PARTIALLY_SUCCEEDED");
  EXPECT_EQ(done["completionStats"]["failedCount"].string(), "1");
  int failed = 0;
  for (const auto& line : results(b, done)) {
    const Parsed row(line);
    if (row["response"].is_object()) continue;
    ++failed;
    EXPECT_EQ(row["custom_id"].string(), "w-bad");
    EXPECT_THAT(row["status"].string_or(""), ::testing::StartsWith("Bad Request: {\"error\""));
  }
  EXPECT_EQ(failed, 1);
  EXPECT_EQ(b.bill().size(), 2U);
}

TEST(VertexSim, TheImportFailsAWholeJob) {
  std::string deep = "1";
  for (int i = 0; i < 14; ++i) deep = std::string(R"({"a":)").append(deep).append("}");
  const auto with = [](const std::string& schema) {
    return body_of("Hi", R"(,"generationConfig":{"responseJsonSchema":)" + schema + "}");
  };
  for (const auto& [what, all] :
       {std::pair("nested", line_of("w-1", with(deep))),
        std::pair("$defs", line_of("w-1", with(R"({"$defs":1})"))),
        std::pair("without fields", line_of("w-1", with("{}"))),
        std::pair("different types", line_of("w-1", with(R"({"const":"a"})")) +
                                         line_of("w-2", with(R"({"const":1})"))),
        std::pair("JSON", std::string("{\n")),
        std::pair("no request", std::string("{\"a\":1}\n"))}) {
    auto b = make_bench();
    const auto job = create(b, all);
    EXPECT_EQ(state(b, job), "JOB_STATE_QUEUED") << what;
    const auto done = finish(b, job);
    EXPECT_EQ(done["state"].string(), "JOB_STATE_FAILED") << what;
    EXPECT_EQ(done["error"]["code"].integer(), 3) << what;
    EXPECT_THAT(done["error"]["message"].string_or(""), HasSubstr(what));
    EXPECT_TRUE(b.bill().empty());
  }
}

TEST(VertexSim, FailsLateWithoutItsInput) {
  auto b = make_bench();
  const Parsed made(b.post(kJobs, create_body()).text());
  const auto name = made["name"].string_or("");
  const auto done = finish(b, kJobs + name.substr(name.rfind('/')));
  EXPECT_EQ(done["state"].string(), "JOB_STATE_FAILED");
  EXPECT_THAT(done["error"]["message"].string_or(""), HasSubstr("Not found"));
}

TEST(VertexSim, CreatesThatAreRefused) {
  auto b = make_bench();
  upload(b, lines(1));
  for (const auto& body : {std::string("{"), std::string("{}"), create_body(""),
                           create_body("job", "gemini-2.5-flash", "s3://x"),
                           std::string(R"({"displayName":"a","novel":1})")})
    EXPECT_EQ(b.post(kJobs, body).head.status, 400) << body;
  EXPECT_EQ(b.post(kJobs, create_body("job", "gemini-9")).head.status, 404);
}

TEST(VertexSim, CancelledJobsKeepAndBillWhatRan) {
  auto b = make_bench(with_faults(R"([{"fault":{"kind":"slow_batch","seconds":36000}}])"));
  const auto job = create(b, lines(100));
  b.wait(std::chrono::hours(4));
  EXPECT_EQ(state(b, job), "JOB_STATE_RUNNING");
  EXPECT_EQ(b.post(job + ":cancel", "{}").text(), "{}");
  EXPECT_EQ(state(b, job), "JOB_STATE_CANCELLING");
  const auto done = finish(b, job);
  EXPECT_EQ(done["state"].string(), "JOB_STATE_CANCELLED");
  EXPECT_EQ(done["error"]["code"].integer(), 1);
  const auto rows = results(b, done);
  EXPECT_GT(rows.size(), 0U);
  EXPECT_LT(rows.size(), 100U);
  EXPECT_EQ(b.bill().size(), rows.size());
  EXPECT_EQ(b.post(job + ":cancel", "{}").head.status, 400);
}

TEST(VertexSim, Lists) {
  auto b = make_bench();
  for (const char* name : {"one", "two", "three"}) create(b, lines(1), name);
  const auto list = [&](const std::string& query, const http::Headers& more = {}) {
    const Parsed page(b.get(kJobs + query, more).text());
    std::vector<std::string> out;
    for (const auto item : page["batchPredictionJobs"].items())
      out.push_back(json::Value(item)["displayName"].string_or(""));
    if (page["nextPageToken"].is_string()) out.push_back(page["nextPageToken"].string_or(""));
    return out;
  };
  EXPECT_THAT(list(""), ElementsAre("three", "two", "one"));
  EXPECT_THAT(list("?pageSize=2"), ElementsAre("three", "two", "2"));
  EXPECT_THAT(list("?pageSize=2&pageToken=2"), ElementsAre("one"));
  EXPECT_THAT(list("", {{"authorization", "Bearer key-2"}}), ElementsAre());
  const Parsed elsewhere(
      b.get("/vertexAI/v1/projects/shop/locations/global/batchPredictionJobs").text());
  EXPECT_EQ(elsewhere.root.size(), 0U);
}

TEST(VertexSim, JobsAreRemovedOnceTheyEnded) {
  auto b = make_bench();
  const auto job = create(b, lines(1));
  EXPECT_EQ(b.send(http::Method::kDelete, job).head.status, 400);
  finish(b, job);
  EXPECT_EQ(b.send(http::Method::kDelete, job).head.status, 200);
  EXPECT_EQ(b.get(job).head.status, 404);
}

}  // namespace
}  // namespace weir::sim::vertexAI
