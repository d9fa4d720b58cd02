// The quirks of the simulated fireworks, and its bill.
#include <gtest/gtest.h>

#include <set>

#include "sim/testing.h"

namespace weir::sim::fireworks {

std::unique_ptr<Provider> make_provider();

namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::Parsed;
using testing::words;

const std::string kChat = "/fireworks/inference/v1/chat/completions",
                  kAccount = "/fireworks/v1/accounts/acme",
                  kJobs = kAccount + "/batchInferenceJobs",
                  kModel = "accounts/fireworks/models/gpt-oss-20b";

testing::Bench make_bench(std::string faults = "") {
  return {make_provider(),
          {{"authorization", "Bearer key-1"}, {"host", "127.0.0.1:99"}},
          {.faults_json = std::move(faults)}};
}
std::string body_of(std::string_view content) {
  return R"({"messages":[{"role":"user","content":")" + std::string(content) +
         R"("}],"max_tokens":9})";
}
std::string line_of(std::string_view id, std::string_view body) {
  return R"({"custom_id":")" + std::string(id) + R"(","body":)" + std::string(body) + "}\n";
}
std::string lines_of(int rows) {
  std::string out;
  for (int i = 0; i < rows; ++i) out += line_of("r" + std::to_string(i), body_of("x"));
  return out;
}
int make_dataset(testing::Bench& b, std::string_view id, std::string_view examples = "\"3\"") {
  return b
      .post(kAccount + "/datasets", R"({"datasetId":")" + std::string(id) +
                                        R"(","dataset":{"userUploaded":{},"exampleCount":)" +
                                        std::string(examples) + "}}")
      .head.status;
}
int upload(testing::Bench& b, std::string_view id, std::string_view lines) {
  return b
      .post(kAccount + "/datasets/" + std::string(id) + ":upload",
            "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"in.jsonl\"\r\n\r\n" +
                std::string(lines) + "\r\n--B--\r\n",
            {{"content-type", "multipart/form-data; boundary=B"}})
      .head.status;
}
Reply create(testing::Bench& b, std::string_view dataset, std::string_view job = "job-1") {
  return b.post(kJobs + "?batchInferenceJobId=" + std::string(job),
                R"({"model":")" + kModel + R"(","inputDatasetId":"accounts/acme/datasets/)" +
                    std::string(dataset) + "\"}");
}
// A job over these lines.
void start(testing::Bench& b, std::string_view lines) {
  EXPECT_EQ(make_dataset(b, "in"), 200);
  EXPECT_EQ(upload(b, "in", lines), 200);
  b.wait(seconds(5));
  EXPECT_EQ(create(b, "in").head.status, 200);
}
std::string state(testing::Bench& b) {
  return Parsed(b.get(kJobs + "/job-1").text())["state"].string_or("gone");
}
std::string finish(testing::Bench& b) {
  for (int i = 0; i < 3000; ++i) {
    const auto now = state(b);
    if (now == "gone" || now == "JOB_STATE_COMPLETED" || now == "JOB_STATE_FAILED" ||
        now == "JOB_STATE_EXPIRED" || now == "JOB_STATE_CANCELLED")
      return now;
    b.wait(minutes(1));
  }
  return "";
}
// The links of the job's output, by the last part of the name.
std::map<std::string, std::string> links(testing::Bench& b) {
  const Parsed job(b.get(kJobs + "/job-1").text());
  const auto name = job["outputDatasetId"].string_or("");
  const Parsed answer(b.get("/fireworks/v1/" + name + ":getDownloadEndpoint").text());
  std::map<std::string, std::string> out;
  for (const auto link : answer["filenameToSignedUrls"].members())
    out[std::string(link.key.substr(link.key.rfind('/') + 1))] =
        json::Value(link.value).string_or("");
  return out;
}
// Follows a link as a client without a key does.
Reply follow(testing::Bench& b, const std::string& url, const http::Headers& headers = {}) {
  EXPECT_TRUE(url.starts_with("http://127.0.0.1:99/")) << url;
  http::Request request{.method = http::Method::kGet,
                        .target = url.substr(std::string("http://127.0.0.1:99").size()),
                        .headers = headers,
                        .body = {}};
  return b.simulator().handle(std::move(request), b.now());
}

TEST(FireworksChat, KeysErrorsAndLimits) {
  auto b = make_bench();
  const std::string body = R"({"model":")" + kModel + R"(",)" + body_of("x").substr(1);
  const Reply key = b.post(kChat, body, {{"authorization", "Bearer invalid"}});
  EXPECT_EQ(key.head.status, 403);  // not 401
  EXPECT_EQ(Parsed(key.text())["error"]["code"].string(), "UNAUTHORIZED");
  // An output limit beyond the model's is lowered.
  EXPECT_EQ(
      b.post(kChat, R"({"model":")" + kModel +
                        R"(","messages":[{"role":"user","content":"x"}],"max_tokens":900000})")
          .head.status,
      200);
  const Reply none = b.get("/fireworks/v1/accounts/fireworks/models/nothing");
  EXPECT_EQ(none.head.status, 404);
  EXPECT_EQ(Parsed(none.text())["code"].integer(), 5);  // gRPC's
  EXPECT_EQ(b.get("/fireworks/v1/" + kModel).head.status, 200);
  const std::string stream =
      b.post(kChat, body.substr(0, body.size() - 1) + R"(,"stream":true})").text();
  EXPECT_NE(stream.find(R"("usage":{"prompt_tokens":)"), std::string::npos);
}

TEST(FireworksChat, TheCacheIsAutomatic) {
  auto b = make_bench();
  const auto cached = [&](const http::Headers& more) {
    const Parsed answer(
        b.post(kChat, R"({"model":")" + kModel + R"(",)" + body_of(words(200)).substr(1), more)
            .text());
    b.wait(minutes(1));
    return answer["usage"]["prompt_tokens_details"]["cached_tokens"].integer_or(-1);
  };
  EXPECT_EQ(cached({}), 0);
  EXPECT_EQ(cached({}), 192);
  EXPECT_EQ(cached({{"x-session-affinity", "other"}}), 0);
  const auto& row = b.bill()[1];
  EXPECT_EQ(row.pico_usd, row.tokens.input * 70'000 + 192 * 35'000 + row.tokens.output * 300'000);
}

TEST(FireworksDatasets, AreMadeFilledAndReady) {
  auto b = make_bench();
  EXPECT_EQ(make_dataset(b, "in", "null"), 400);  // example_count is required
  EXPECT_EQ(make_dataset(b, "In"), 400);
  EXPECT_EQ(make_dataset(b, "in", "\"1\""), 200);
  EXPECT_EQ(make_dataset(b, "in"), 409);
  EXPECT_EQ(upload(b, "other", "x"), 404);
  EXPECT_EQ(upload(b, "in", lines_of(3)), 200);
  EXPECT_EQ(upload(b, "in", lines_of(3)), 400);
  const std::string path = kAccount + "/datasets/in";
  EXPECT_EQ(Parsed(b.get(path).text())["state"].string(), "UPLOADING");
  EXPECT_EQ(create(b, "in").head.status, 400);
  b.wait(seconds(5));
  EXPECT_EQ(Parsed(b.get(path).text())["state"].string(), "READY");
  EXPECT_EQ(b.get(path, {{"authorization", "Bearer other"}}).head.status, 404);
  EXPECT_EQ(create(b, "in").head.status, 200);
  EXPECT_EQ(create(b, "in").head.status, 409);  // the id is the caller's
  EXPECT_EQ(finish(b), "JOB_STATE_COMPLETED");  // nobody counts the examples
  const Parsed job(b.get(kJobs + "/job-1").text());
  EXPECT_EQ(job["jobProgress"]["totalProcessedRequests"].integer(), 3);
  EXPECT_EQ(b.send(http::Method::kDelete, path).head.status, 200);
  EXPECT_EQ(b.get(path).head.status, 404);
}

TEST(FireworksJobs, LifeAndLinks) {
  auto b = make_bench();
  start(b, lines_of(40));
  std::set<std::string> seen;
  for (int i = 0; i < 3000 && !seen.contains("JOB_STATE_COMPLETED"); ++i) {
    seen.insert(state(b));
    b.wait(seconds(1));
  }
  EXPECT_EQ(seen,
            (std::set<std::string>{"JOB_STATE_VALIDATING", "JOB_STATE_PENDING", "JOB_STATE_RUNNING",
                                   "JOB_STATE_WRITING_RESULTS", "JOB_STATE_COMPLETED"}));
  const auto found = links(b);
  ASSERT_EQ(found.size(), 2U);
  const Reply output = follow(b, found.at("BIJOutputSet.jsonl"));
  EXPECT_EQ(output.head.status, 200);
  const auto rows = testing::lines_of(output.text());
  EXPECT_EQ(rows.size(), 40U);
  EXPECT_EQ(Parsed(rows[0])["response"]["object"].string(), "chat.completion");  // no wrapper
  EXPECT_EQ(follow(b, found.at("error-data")).text(), "");
  // With a key beside the signature, with a wrong one, or late.
  const auto& link = found.at("error-data");
  EXPECT_EQ(follow(b, link, {{"authorization", "Bearer key-1"}}).head.status, 400);
  EXPECT_EQ(follow(b, link + "x").head.status, 403);
  b.wait(seconds(600));
  EXPECT_EQ(follow(b, link).head.status, 400);
  const auto output_path = "/fireworks/v1/" +
                           Parsed(b.get(kJobs + "/job-1").text())["outputDatasetId"].string_or("") +
                           ":getDownloadEndpoint";
  EXPECT_EQ(b.send(http::Method::kGet, output_path, "{}").head.status, 400);
  // Half the price, and a cached token half of that.
  for (const auto& row : b.bill())
    EXPECT_EQ(row.pico_usd, row.tokens.input * 35'000 + row.tokens.cache_read * 17'500 +
                                row.tokens.output * 150'000);
}

TEST(FireworksJobs, OneBadRowFailsTheWholeJob) {
  for (const std::string& bad :
       {std::string("{\n"), line_of("", body_of("x")), line_of("r0", body_of("x")),
        line_of("b", R"({"messages":[{"role":"bananas","content":"x"}]})"),
        line_of("b", R"({"model":"m","messages":[{"role":"user","content":"x"}]})")}) {
    auto b = make_bench();
    start(b, lines_of(3) + bad);
    EXPECT_EQ(finish(b), "JOB_STATE_FAILED") << bad;
    const Parsed job(b.get(kJobs + "/job-1").text());
    EXPECT_EQ(job["status"]["code"].string(), "INVALID_ARGUMENT");
    EXPECT_TRUE(b.bill().empty());
    EXPECT_TRUE(links(b).empty());  // its output dataset was never made
  }
}

TEST(FireworksJobs, DeleteStopsAndDestroys) {
  auto b = make_bench();
  start(b, lines_of(40));
  b.wait(minutes(3));
  ASSERT_EQ(state(b), "JOB_STATE_RUNNING");
  const auto output = Parsed(b.get(kJobs + "/job-1").text())["outputDatasetId"].string_or("");
  EXPECT_EQ(b.send(http::Method::kDelete, kJobs + "/job-1").head.status, 200);
  EXPECT_EQ(state(b), "JOB_STATE_DELETING_CLEANING_UP");
  const auto done = b.bill().size();
  EXPECT_GT(done, 0U);
  b.wait(minutes(2));
  EXPECT_EQ(state(b), "gone");
  EXPECT_EQ(b.bill().size(), done);  // billed, and nobody will ever read it
  EXPECT_EQ(b.get("/fireworks/v1/" + output + ":getDownloadEndpoint").head.status, 404);
  for (const auto& row : b.bill()) EXPECT_FALSE(row.delivered);
  EXPECT_EQ(Parsed(b.get(kJobs).text())["totalSize"].integer(), 0);
}

TEST(FireworksJobs, AnExpiredJobKeepsWhatWasDone) {
  auto b = make_bench(R"([{"fault":{"kind":"expire_batch","finished_fraction":0.5}}])");
  start(b, lines_of(40));
  EXPECT_EQ(finish(b), "JOB_STATE_EXPIRED");
  EXPECT_EQ(testing::lines_of(follow(b, links(b).at("BIJOutputSet.jsonl")).text()).size(), 20U);
  EXPECT_EQ(b.bill().size(), 20U);
}

TEST(FireworksJobs, ListsComeInPages) {
  auto b = make_bench();
  start(b, lines_of(1));
  for (const auto* id : {"job-2", "job-3"}) EXPECT_EQ(create(b, "in", id).head.status, 200);
  const Parsed first(b.get(kJobs + "?pageSize=2").text());
  EXPECT_EQ(first["batchInferenceJobs"].size(), 2U);
  EXPECT_EQ(first["totalSize"].integer(), 3);
  const auto token = first["nextPageToken"].string_or("");
  const Parsed second(b.get(kJobs + "?pageSize=2&pageToken=" + token).text());
  EXPECT_EQ(second["batchInferenceJobs"].size(), 1U);
  EXPECT_EQ(second["nextPageToken"].string(), "");
}

}  // namespace
}  // namespace weir::sim::fireworks
