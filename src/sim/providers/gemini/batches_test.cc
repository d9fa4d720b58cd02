// Files and batches on a virtual clock: uploads, life, order, cancel, expiry, cache, faults, bill.
#include <algorithm>

#include "sim/providers/gemini/bench_testing.h"

namespace weir::sim::gemini {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::Parsed;
using testing::words;

const std::string kRequest = R"({"contents":[{"parts":[{"text":"one two"}]}]})";

std::string lines(std::size_t rows, const std::string& request = kRequest) {
  std::string out;
  for (std::size_t i = 0; i < rows; ++i) out += line_of("r" + std::to_string(i), request);
  return out;
}
Options with_fault(std::string fault, std::string_view match = R"({"operation":"batch_create"})") {
  return {.faults_json =
              R"([{"match":)" + std::string(match) + R"(,"fault":)" + std::move(fault) + "}]"};
}

TEST(GeminiFiles, ResumableUpload) {
  auto b = make_bench();
  const std::string target = open_upload(b, 10);
  EXPECT_EQ(send_bytes(b, target, "0123", 0, "upload").head.status, 200);
  const Reply status = send_bytes(b, target, "", 0, "query");
  EXPECT_EQ(status.head.headers.find("x-goog-upload-status"), "active");
  EXPECT_EQ(status.head.headers.find("x-goog-upload-size-received"), "4");
  EXPECT_EQ(send_bytes(b, target, "456789", 3).head.status, 400);  // another offset
  EXPECT_EQ(send_bytes(b, target, "45", 4).head.status, 400);      // too short
  const Reply done = send_bytes(b, target, "6789", 6);
  const Parsed file(done.text());
  EXPECT_EQ(file["file"]["sizeBytes"].string(), "10");
  EXPECT_EQ(file["file"]["state"].string(), "ACTIVE");
  EXPECT_EQ(file["file"]["displayName"].string(), "in");
  EXPECT_EQ(done.head.headers.find("x-goog-upload-status"), "final");
  EXPECT_EQ(send_bytes(b, target, "x", 10).head.status, 400);
  const Reply again = send_bytes(b, target, "", 0, "query");
  EXPECT_EQ(Parsed(again.text())["file"]["name"].string(), file["file"]["name"].string());
  EXPECT_EQ(send_bytes(b, kUpload + "?upload_id=none", "x").head.status, 404);
  EXPECT_EQ(b.post(kUpload, "x").head.status, 400);
}

TEST(GeminiFiles, LifeOfAFile) {
  auto b = make_bench();
  const std::string name = upload(b, "x"), second = upload(b, "y");
  EXPECT_EQ(get(b, name)["name"].string(), name);
  EXPECT_EQ(get(b, name)["expirationTime"].string(), to_rfc3339(b.now() + hours(48)));
  const Parsed page(b.get(kFiles + "?pageSize=1").text());
  EXPECT_EQ(page["files"].size(), 1U);
  const std::string token = page["nextPageToken"].string_or("");
  const Parsed rest(b.get(kFiles + "?pageSize=1&pageToken=" + token).text());
  EXPECT_EQ(rest["files"].size(), 1U);
  EXPECT_TRUE(rest["nextPageToken"].is_null());
  EXPECT_EQ(b.get("/gemini/v1beta/" + name, {{"x-goog-api-key", "other"}}).head.status, 403);
  EXPECT_EQ(b.send(http::Method::kDelete, "/gemini/v1beta/" + name).text(), "{}");
  EXPECT_EQ(b.send(http::Method::kDelete, "/gemini/v1beta/" + name).head.status, 403);
  b.wait(hours(48));
  EXPECT_EQ(b.get("/gemini/v1beta/" + second).head.status, 403);
}

TEST(GeminiBatches, LifeOfABatch) {
  auto b = make_bench();
  const std::string name = create(b, lines(20));
  EXPECT_TRUE(name.starts_with("batches/"));
  EXPECT_EQ(state(b, name), "BATCH_STATE_PENDING");
  b.wait(minutes(1));
  EXPECT_EQ(state(b, name), "BATCH_STATE_RUNNING");
  EXPECT_TRUE(b.bill().empty());  // nothing is out yet
  const Parsed done = finish(b, name);
  const auto metadata = done["metadata"];
  EXPECT_EQ(metadata["state"].string(), "BATCH_STATE_SUCCEEDED");
  EXPECT_EQ(metadata["batchStats"]["requestCount"].string(), "20");
  EXPECT_EQ(metadata["batchStats"]["successfulRequestCount"].string(), "20");
  EXPECT_TRUE(metadata["batchStats"]["pendingRequestCount"].is_null());
  EXPECT_EQ(metadata["displayName"].string(), "job");
  const auto file = metadata["output"]["responsesFile"].string_or("");
  EXPECT_EQ(done["response"]["responsesFile"].string(), file);
  const auto rows = results(b, done);
  ASSERT_EQ(rows.size(), 20U);
  for (std::size_t i = 0; i < rows.size(); ++i) {  // in the order of the input
    const Parsed row(rows[i]);
    EXPECT_EQ(row["key"].string(), "r" + std::to_string(i));
    EXPECT_TRUE(row["response"]["usageMetadata"].is_object());
  }
  ASSERT_EQ(b.bill().size(), 20U);
  EXPECT_TRUE(std::ranges::all_of(b.bill(), &BillRow::delivered));
  const auto& row = b.bill()[0];
  EXPECT_EQ(row.attempt_id, "r0");
  EXPECT_EQ(row.pico_usd, row.tokens.input * 150'000 + row.tokens.output * 1'250'000);
  // The responses are the batch's: they cannot be deleted, and go with it.
  EXPECT_EQ(b.send(http::Method::kDelete, "/gemini/v1beta/" + file).head.status, 400);
  EXPECT_EQ(b.send(http::Method::kDelete, "/gemini/v1beta/" + name).head.status, 200);
  EXPECT_EQ(b.send(http::Method::kDelete, "/gemini/v1beta/" + name).head.status, 404);
  EXPECT_TRUE(results(b, done).size() == 1 && results(b, done)[0].find("403") != std::string::npos);
}

TEST(GeminiBatches, TheStableVersionServesThemAlike) {
  auto b = make_bench();
  const Reply opened = b.post("/gemini/upload/v1/files", "{}",
                              {{"x-goog-upload-protocol", "resumable"},
                               {"x-goog-upload-command", "start"},
                               {"x-goog-upload-header-content-length", "1"},
                               {"host", "sim.test"}});
  const auto url = opened.head.headers.find("x-goog-upload-url").value_or("");
  EXPECT_TRUE(url.starts_with("http://sim.test/gemini/upload/v1/files?upload_id=")) << url;
  const std::string name = create(b, lines(20));
  EXPECT_EQ(b.get("/gemini/v1/" + name).text(), b.get("/gemini/v1beta/" + name).text());
  EXPECT_EQ(Parsed(b.get("/gemini/v1/batches").text())["operations"].size(), 1U);
  EXPECT_EQ(b.get("/gemini/v1/models").text(), b.get(kModels).text());
  EXPECT_EQ(b.get("/gemini/v2/models").head.status, 404);
  const auto unknown = b.get("/gemini/v1/models/none").text();
  EXPECT_NE(unknown.find("for API version v1,"), std::string::npos) << unknown;
}

TEST(GeminiBatches, CachedTokensAreNotHalved) {
  auto b = make_bench({.batch_hit_rate = 1});
  const std::string request = body_of(words(3000), "d");
  finish(b, create(b, lines(30, request)));
  ASSERT_EQ(b.bill().size(), 30U);
  const auto& row = b.bill()[29];
  EXPECT_EQ(row.tokens.cache_read, 2944);
  EXPECT_EQ(row.pico_usd,
            row.tokens.input * 150'000 + 2944 * 30'000 + row.tokens.output * 1'250'000);
}

TEST(GeminiBatches, LongPromptsKeepTheRuleOfTheCache) {
  auto b = make_bench({.batch_hit_rate = 1});
  const std::string request = body_of(words(200'100), "d");
  finish(b, create(b, lines(2, request), "gemini-2.5-pro"));
  ASSERT_EQ(b.bill().size(), 2U);
  const auto& row = b.bill()[1];
  ASSERT_GT(row.tokens.cache_read, 200'000);
  EXPECT_EQ(row.pico_usd, row.tokens.input * 1'250'000 + row.tokens.cache_read * 250'000 +
                              row.tokens.output * 7'500'000);
}

TEST(GeminiBatches, ABadLineRefusesTheCreate) {
  auto b = make_bench();
  const auto message = [&](const std::string& bad) {
    const Reply reply = b.post(path_of("gemini-2.5-flash", "batchGenerateContent"),
                               create_body(upload(b, lines(1) + bad + "\n")));
    EXPECT_EQ(reply.head.status, 400) << bad;
    return Parsed(reply.text())["error"]["message"].string_or("");
  };
  EXPECT_EQ(message("tru"), "Line 2: invalid JSON");
  EXPECT_EQ(message(R"({"key":"a"})"), "Line 2: request is not set");
  EXPECT_EQ(
      message(R"({"custom_id":"a","request":{}})"),
      R"(Line 2: Invalid JSON payload received. Unknown name "custom_id" at 'line': Cannot find field.)");
  EXPECT_EQ(message(R"({"key":"a","request":{}})"),
            "Line 2: * GenerateContentRequest.contents: contents is not specified");
  EXPECT_EQ(message(R"({"key":"a","request":{"model":"models/gemini-2.5-pro","contents":[]}})"),
            "Line 2: all requests must name the batch's model");
  EXPECT_EQ(Parsed(b.get("/_sim/state").text())["gemini"]["batches"].integer(), 0);
}

TEST(GeminiBatches, CreatesThatAreRefused) {
  auto b = make_bench();
  const std::string target = path_of("gemini-2.5-flash", "batchGenerateContent");
  const auto code = [&](const std::string& body) { return b.post(target, body).head.status; };
  EXPECT_EQ(code("{"), 400);
  EXPECT_EQ(code("{}"), 400);
  EXPECT_EQ(code(create_body("files/none")), 403);
  EXPECT_EQ(code(create_body("x")), 400);
  EXPECT_EQ(code(create_body(upload(b, "\n"))), 400);
  EXPECT_EQ(code(create_body(upload(b, lines(1)), "")), 400);
  EXPECT_EQ(b.post(path_of("none", "batchGenerateContent"), create_body("files/x")).head.status,
            404);
  auto limited = make_bench(with_fault(R"({"kind":"batch_refused","type":"RESOURCE_EXHAUSTED"})"));
  EXPECT_EQ(limited.post(target, create_body(upload(limited, lines(1)))).head.status, 429);
  const std::string input = upload(b, lines(1));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(code(create_body(input)), 200);
  EXPECT_EQ(code(create_body(input)), 429);  // so many run already
}

TEST(GeminiBatches, FailingAsAWhole) {
  auto b = make_bench(with_fault(R"({"kind":"batch_refused","type":"failed"})"));
  const Parsed done = finish(b, create(b, lines(3)));
  EXPECT_EQ(done["metadata"]["state"].string(), "BATCH_STATE_FAILED");
  EXPECT_EQ(done["error"]["code"].integer(), 13);
  EXPECT_TRUE(done["metadata"]["output"].is_null());
  EXPECT_TRUE(b.bill().empty());
}

TEST(GeminiBatches, ACancelledBatchHasNoResults) {
  auto b = make_bench();
  const std::string name = create(b, lines(50));
  b.wait(minutes(1));
  EXPECT_EQ(b.send(http::Method::kDelete, "/gemini/v1beta/" + name).head.status, 400);
  EXPECT_EQ(b.post("/gemini/v1beta/" + name + ":cancel", "{}").text(), "{}");
  EXPECT_EQ(state(b, name), "BATCH_STATE_RUNNING");
  const Parsed done = finish(b, name);
  EXPECT_EQ(done["metadata"]["state"].string(), "BATCH_STATE_CANCELLED");
  EXPECT_EQ(done["error"]["code"].integer(), 13);
  EXPECT_TRUE(results(b, done).empty());
  EXPECT_TRUE(b.bill().empty());
  EXPECT_EQ(b.post("/gemini/v1beta/" + name + ":cancel", "{}").head.status, 400);
  EXPECT_EQ(b.post(kBatches + "/none:cancel", "{}").head.status, 404);
}

TEST(GeminiBatches, AnExpiredBatchHasNoResults) {
  auto b = make_bench(with_fault(R"({"kind":"expire_batch","finished_fraction":0.5})"));
  const std::string name = create(b, lines(10));
  b.wait(hours(48) - minutes(1));
  EXPECT_EQ(state(b, name), "BATCH_STATE_RUNNING");
  b.wait(minutes(1));
  EXPECT_EQ(state(b, name), "BATCH_STATE_EXPIRED");
  EXPECT_TRUE(b.bill().empty());
}

TEST(GeminiBatches, Lists) {
  auto b = make_bench(with_fault(R"({"kind":"invisible_batch","seconds":60})",
                                 R"({"operation":"batch_create","nth":2})"));
  EXPECT_EQ(b.get(kBatches).text(), "{}");
  const std::string first = create(b, lines(1)), second = create(b, lines(1));
  EXPECT_EQ(Parsed(b.get(kBatches).text())["operations"].size(), 1U);
  b.wait(minutes(1));
  const Parsed page(b.get(kBatches + "?pageSize=1").text());
  const json::Value newest(page["operations"].items().at(0));
  EXPECT_EQ(newest["name"].string(), second);
  const Parsed rest(
      b.get(kBatches + "?pageSize=1&pageToken=" + page["nextPageToken"].string_or("")).text());
  EXPECT_EQ(rest["operations"].items().at(0)["name"].string(), first);
  EXPECT_TRUE(rest["nextPageToken"].is_null());
  EXPECT_EQ(b.get(kBatches + "?pageToken=x").head.status, 400);
  EXPECT_EQ(b.get(kBatches, {{"x-goog-api-key", "other"}}).text(), "{}");
}

TEST(GeminiBatches, FaultsOfRows) {
  const auto rows_under = [](std::string fault, std::size_t& billed) {
    auto b = make_bench(with_fault(std::move(fault)));
    auto rows = results(b, finish(b, create(b, lines(4))));
    billed = b.bill().size();
    return rows;
  };
  std::size_t billed = 0;
  EXPECT_EQ(rows_under(R"("missing_rows")", billed).size(), 0U);
  EXPECT_EQ(billed, 0U);
  EXPECT_EQ(rows_under(R"("billed_but_undelivered")", billed).size(), 0U);
  EXPECT_EQ(billed, 4U);
  EXPECT_EQ(rows_under(R"("duplicate_rows")", billed).size(), 8U);
  EXPECT_EQ(billed, 4U);
  const auto failed = rows_under(R"({"kind":"row_error","type":"RESOURCE_EXHAUSTED"})", billed);
  ASSERT_EQ(failed.size(), 4U);
  EXPECT_EQ(billed, 0U);
  EXPECT_EQ(Parsed(failed[0])["error"]["code"].integer(), 8);
  EXPECT_EQ(Parsed(failed[0])["key"].string(), "r0");
  const auto shuffled = rows_under(R"("shuffle_rows")", billed);
  EXPECT_EQ(shuffled.size(), 4U);
}

}  // namespace
}  // namespace weir::sim::gemini
