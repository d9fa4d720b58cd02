// Files and batches on a virtual clock: life, validation, artefacts, cancel, expiry, cache, faults,
// bill.
#include <algorithm>
#include <map>
#include <set>

#include "sim/providers/openAI/bench_testing.h"

namespace weir::sim::openAI {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::words;

const std::string kBody =
    R"({"model":"gpt-5-mini","max_completion_tokens":9,"messages":[{"role":"user","content":"one two"}]})";

std::string lines_of(std::size_t rows, const std::string& body = kBody) {
  std::string out;
  for (std::size_t i = 0; i < rows; ++i) out += line_of("r" + std::to_string(i), body);
  return out;
}
std::set<std::string> ids_of(const std::vector<std::string>& lines) {
  std::set<std::string> ids;
  for (const auto& line : lines) ids.insert(testing::Parsed(line)["custom_id"].string_or(""));
  return ids;
}

TEST(OpenAiFiles, UploadListGetContentDelete) {
  auto b = make_bench();
  const std::string content = "{\"a\":1}\n\r\n{\"b\":2}";
  const std::string id = upload(
      b, content, "batch",
      "--B\r\nContent-Disposition: form-data; name=\"expires_after[anchor]\"\r\n\r\ncreated_at\r\n"
      "--B\r\nContent-Disposition: form-data; name=\"expires_after[seconds]\"\r\n\r\n3600\r\n");
  const testing::Parsed file(b.get(kFiles + "/" + id).text());
  EXPECT_EQ(file["object"].string(), "file");
  EXPECT_EQ(file["bytes"].integer(), static_cast<std::int64_t>(content.size()));
  EXPECT_EQ(file["filename"].string(), "in.jsonl");
  EXPECT_EQ(file["expires_at"].integer(), unix_seconds(b.now()) + 3600);
  EXPECT_EQ(b.get(kFiles + "/" + id + "/content").text(), content);
  EXPECT_EQ(b.get(kFiles + "/" + id, {{"authorization", "Bearer other"}}).head.status, 404);
  const std::string second = upload(b, "x");
  const testing::Parsed list(b.get(kFiles + "?limit=1").text());
  EXPECT_EQ(list["first_id"].string(), second);  // newest first
  EXPECT_EQ(list["has_more"].boolean(), true);
  EXPECT_EQ(testing::Parsed(b.get(kFiles + "?after=" + second).text())["first_id"].string(), id);
  EXPECT_EQ(testing::Parsed(b.get(kFiles + "?order=asc").text())["first_id"].string(), id);
  EXPECT_EQ(testing::Parsed(b.get(kFiles + "?purpose=vision").text())["data"].size(), 0U);
  const Reply deleted = b.send(http::Method::kDelete, kFiles + "/" + second);
  EXPECT_EQ(testing::Parsed(deleted.text())["deleted"].boolean(), true);
  EXPECT_EQ(b.send(http::Method::kDelete, kFiles + "/" + second).head.status, 404);
  b.wait(hours(1));
  EXPECT_EQ(b.get(kFiles + "/" + id).head.status, 404);  // expired
  EXPECT_EQ(testing::Parsed(b.get("/_sim/state").text())["openAI"]["files"].integer(), 0);
}

// Doc: https://developers.openai.com/api/reference/resources/files/methods/create
// (checked 2026-11-23).
TEST(OpenAiFiles, BatchInputLivesThirtyDays) {
  auto b = make_bench();
  const std::string input = upload(b, "x"), other = upload(b, "x", "user_data");
  const testing::Parsed file(b.get(kFiles + "/" + input).text());
  EXPECT_EQ(file["expires_at"].integer(), unix_seconds(b.now()) + 30 * 86'400);
  EXPECT_TRUE(testing::Parsed(b.get(kFiles + "/" + other).text())["expires_at"].is_null());
  b.wait(hours(24 * 30) - seconds(1));
  EXPECT_EQ(b.get(kFiles + "/" + input).head.status, 200);
  b.wait(seconds(1));
  EXPECT_EQ(b.get(kFiles + "/" + input).head.status, 404);
  EXPECT_EQ(b.get(kFiles + "/" + other).head.status, 200);
}

// What the types of openai 7.57.0 call always present (checked 2026-11-23).
TEST(OpenAiFiles, MembersThatAreAlwaysThere) {
  auto b = make_bench();
  const std::string input = upload(b, lines_of(1));
  testing::expect_members(testing::Parsed(b.get(kFiles + "/" + input).text()).root,
                          {"id", "bytes", "created_at", "filename", "object", "purpose", "status"});
  const testing::Parsed batch(b.post(kBatches, create_body(input)).text());
  testing::expect_members(batch.root, {"id", "completion_window", "created_at", "endpoint",
                                       "input_file_id", "object", "status"});
  testing::expect_members(batch["request_counts"], {"completed", "failed", "total"});
  testing::expect_members(batch["usage"], {"input_tokens", "input_tokens_details", "output_tokens",
                                           "output_tokens_details", "total_tokens"});
}

TEST(OpenAiFiles, Refusals) {
  auto b = make_bench();
  const auto part = [](std::string_view name, std::string_view value) {
    return "--B\r\nContent-Disposition: form-data; name=\"" + std::string(name) + "\"\r\n\r\n" +
           std::string(value) + "\r\n";
  };
  const http::Headers type{{"content-type", "multipart/form-data; boundary=B"}};
  const auto code = [&](const std::string& parts) {
    return b.post(kFiles, parts + "--B--\r\n", type).head.status;
  };
  EXPECT_EQ(b.post(kFiles, "x").head.status, 400);
  EXPECT_EQ(code(part("file", "x")), 400);
  EXPECT_EQ(code(part("purpose", "batch")), 400);
  EXPECT_EQ(code(part("purpose", "strange") + part("file", "x")), 400);
  EXPECT_EQ(
      code(part("purpose", "batch") + part("file", "x") + part("expires_after[seconds]", "3600")),
      400);
  EXPECT_EQ(
      code(part("purpose", "batch") + part("file", "x") +
           part("expires_after[anchor]", "created_at") + part("expires_after[seconds]", "60")),
      400);
  EXPECT_EQ(code(part("purpose", "batch") + part("file", std::string(200'000'001, 'x'))), 413);
}

TEST(OpenAiBatches, LifeOfABatch) {
  auto b = make_bench();
  const std::string input = upload(b, lines_of(20));
  const testing::Parsed made(
      b.post(kBatches, create_body(input, R"(,"metadata":{"client":"weir"})")).text());
  const std::string id = made["id"].string_or("");
  EXPECT_TRUE(id.starts_with("batch_"));
  EXPECT_EQ(made["status"].string(), "validating");
  EXPECT_EQ(made["expires_at"].integer_or(0) - made["created_at"].integer_or(0), 86'400);
  EXPECT_EQ(made["metadata"]["client"].string(), "weir");
  EXPECT_TRUE(made["output_file_id"].is_null());
  std::string seen = "validating";
  for (int i = 0; i < 3000 && !seen.ends_with("completed"); ++i) {
    b.wait(seconds(1));
    const std::string now = status(b, id);
    if (!seen.ends_with(now)) seen += " " + now;
  }
  EXPECT_EQ(seen, "validating in_progress finalizing completed");
  const testing::Parsed batch(b.get(kBatches + "/" + id).text());
  for (const auto* key : {"in_progress_at", "finalizing_at", "completed_at"})
    EXPECT_TRUE(batch[key].integer()) << key;
  for (const auto* key :
       {"failed_at", "expired_at", "cancelling_at", "cancelled_at", "errors", "error_file_id"})
    EXPECT_TRUE(batch[key].is_null()) << key;
  EXPECT_EQ(batch["request_counts"]["total"].integer(), 20);
  EXPECT_EQ(batch["request_counts"]["completed"].integer(), 20);
  const auto lines = file_lines(b, batch["output_file_id"]);
  ASSERT_EQ(lines.size(), 20U);
  std::int64_t prompt = 0;
  std::map<std::string, std::int64_t> billed;
  for (const auto& row : b.bill()) {
    EXPECT_EQ(row.batch_id, id);
    EXPECT_TRUE(row.delivered);
    billed[row.attempt_id] = row.pico_usd;
  }
  for (const auto& line : lines) {
    const testing::Parsed row(line);
    EXPECT_TRUE(row["error"].is_null());
    EXPECT_EQ(row["response"]["status_code"].integer(), 200);
    const json::Value usage = row["response"]["body"]["usage"];
    prompt += usage["prompt_tokens"].integer_or(0);
    EXPECT_EQ(billed.at(row["custom_id"].string_or("")),
              usage["prompt_tokens"].integer_or(0) * 125'000 +
                  usage["completion_tokens"].integer_or(0) * 1'000'000);
  }
  EXPECT_EQ(batch["usage"]["input_tokens"].integer(), prompt);
  const testing::Parsed output(b.get(kFiles + "/" + batch["output_file_id"].string_or("")).text());
  EXPECT_EQ(output["purpose"].string(), "batch_output");
  EXPECT_EQ(output["bytes"].integer(),
            static_cast<std::int64_t>(
                b.get(kFiles + "/" + output["id"].string_or("") + "/content").size()));
  b.wait(hours(24 * 30));
  EXPECT_EQ(b.get(kFiles + "/" + output["id"].string_or("")).head.status, 404);
}

TEST(OpenAiBatches, ValidationStopsAtTheFirstBadLine) {
  const auto failed = [](const std::string& lines, std::string_view code, std::int64_t line) {
    auto b = make_bench();
    const testing::Parsed batch = finish(b, create(b, lines));
    EXPECT_EQ(batch["status"].string(), "failed") << lines.substr(0, 200);
    ASSERT_EQ(batch["errors"]["data"].size(), 1U);
    const json::Value error(batch["errors"]["data"].items().at(0));
    EXPECT_EQ(error["code"].string(), code) << error.text();
    EXPECT_EQ(error["line"].integer_or(0), line);
    EXPECT_TRUE(batch["failed_at"].integer());
    EXPECT_TRUE(batch["output_file_id"].is_null());
    EXPECT_TRUE(batch["error_file_id"].is_null());
    EXPECT_TRUE(b.bill().empty());
  };
  const std::string good = line_of("a", kBody);
  const auto altered = [](std::string_view from, std::string_view to) {
    std::string line = line_of("b", kBody);
    return line.replace(line.find(from), from.size(), to);
  };
  failed("", "empty_file", 0);
  failed(good + "{\"x\":tru}\n" + "{", "invalid_json_line", 2);
  failed(good + "[]\n", "invalid_json_line", 2);
  failed(good + "\n" + good, "invalid_json_line", 2);
  failed(good + line_of("b", kBody) + good, "duplicate_custom_id", 3);
  failed(good + altered("\"custom_id\"", "\"id\""), "missing_required_parameter", 2);
  failed(good + altered("\"method\"", "\"verb\""), "missing_required_parameter", 2);
  failed(good + altered("\"body\"", "\"corps\""), "missing_required_parameter", 2);
  failed(good + altered("/v1/chat/completions", "/v1/responses"), "invalid_url", 2);
  failed(good + altered("POST", "GET"), "invalid_request", 2);
  failed(good + altered("gpt-5-mini", "gpt-5-nano"), "mismatched_model", 2);
  failed(altered("gpt-5-mini", "gpt-none") + good, "model_not_found", 1);
  failed(good + altered("\"max_completion", "\"stream\":true,\"max_completion"),
         "streaming_unsupported", 2);
  failed(good + altered("\"messages\"", "\"mails\""), "invalid_request", 2);
  failed(lines_of(50'001, "1"), "too_many_tasks", 0);
}

TEST(OpenAiBatches, CreateIsRefused) {
  auto b = make_bench();
  const std::string file = upload(b, lines_of(1));
  const auto code = [&](const std::string& body) { return b.post(kBatches, body).head.status; };
  EXPECT_EQ(code("{"), 400);
  EXPECT_EQ(code("{}"), 400);
  EXPECT_EQ(code(create_body("file-none")), 400);
  EXPECT_EQ(code(create_body(upload(b, "x", "vision"))), 400);
  std::string other = create_body(file);
  EXPECT_EQ(code(other.replace(other.find("24h"), 3, "48h")), 400);
  other = create_body(file);
  EXPECT_EQ(code(other.replace(other.find("/v1/chat"), 8, "/v1/none")), 400);
  EXPECT_EQ(code(create_body(file, R"(,"metadata":{"k":1})")), 400);
  EXPECT_EQ(code(create_body(file, R"(,"metadata":{"k":")" + std::string(513, 'v') + "\"}")), 400);
  std::string pairs;
  for (int i = 0; i < 17; ++i) pairs += (i > 0 ? ",\"k" : "\"k") + std::to_string(i) + "\":\"v\"";
  EXPECT_EQ(code(create_body(file, ",\"metadata\":{" + pairs + "}")), 400);
  EXPECT_EQ(
      code(create_body(file, R"(,"output_expires_after":{"anchor":"created_at","seconds":5})")),
      400);
  EXPECT_EQ(b.get(kBatches + "/batch_none").head.status, 404);
  EXPECT_NE(b.get(kBatches + "/batch_none").text().find("No batch found with id"),
            std::string::npos);
  EXPECT_EQ(b.get(kBatches + "?limit=101").head.status, 400);
  for (int i = 0; i < 2000; ++i) ASSERT_EQ(code(create_body(file)), 200);
  EXPECT_EQ(code(create_body(file)), 429);  // 2,000 an hour
  b.wait(hours(1));
  EXPECT_EQ(code(create_body(file)), 200);
}

TEST(OpenAiBatches, RowErrorsGoToTheErrorFile) {
  auto b = make_bench();
  const std::string bad =
      R"({"model":"gpt-5-mini","max_completion_tokens":-1,"messages":[{"role":"user","content":"x"}]})";
  const testing::Parsed batch = finish(b, create(b, line_of("good", kBody) + line_of("bad", bad)));
  EXPECT_EQ(batch["status"].string(), "completed");
  EXPECT_EQ(batch["request_counts"]["failed"].integer(), 1);
  EXPECT_EQ(ids_of(file_lines(b, batch["output_file_id"])), std::set<std::string>{"good"});
  const auto errors = file_lines(b, batch["error_file_id"]);
  ASSERT_EQ(errors.size(), 1U);
  const testing::Parsed row(errors[0]);
  EXPECT_EQ(row["response"]["status_code"].integer(), 400);
  EXPECT_EQ(row["response"]["body"]["error"]["code"].string(), "integer_below_min_value");
  EXPECT_TRUE(row["error"].is_null());
  EXPECT_EQ(b.bill().size(), 1U);
  // All rows bad: completed, without an output file.
  const testing::Parsed none = finish(b, create(b, line_of("bad", bad)));
  EXPECT_EQ(none["status"].string(), "completed");
  EXPECT_TRUE(none["output_file_id"].is_null());
}

TEST(OpenAiBatches, CancelKeepsWhatWasRun) {
  auto b = make_bench();
  const std::string id = create(b, lines_of(200));
  b.wait(seconds(50));
  const testing::Parsed cancelling(b.post(kBatches + "/" + id + "/cancel", "").text());
  EXPECT_EQ(cancelling["status"].string(), "cancelling");
  EXPECT_TRUE(cancelling["cancelling_at"].integer());
  b.wait(minutes(1));
  const testing::Parsed batch(b.get(kBatches + "/" + id).text());
  EXPECT_EQ(batch["status"].string(), "cancelled");
  const auto done = file_lines(b, batch["output_file_id"]),
             rest = file_lines(b, batch["error_file_id"]);
  EXPECT_FALSE(done.empty());
  EXPECT_FALSE(rest.empty());
  EXPECT_EQ(done.size() + rest.size(), 200U);
  EXPECT_EQ(b.bill().size(), done.size());
  const testing::Parsed row(rest[0]);
  EXPECT_TRUE(row["response"].is_null());
  EXPECT_EQ(row["error"]["code"].string(), "batch_cancelled");
  EXPECT_EQ(b.post(kBatches + "/" + id + "/cancel", "").head.status, 409);
}

TEST(OpenAiBatches, CancelledWhileValidatingLeavesNoFiles) {
  auto b = make_bench();
  const std::string id = create(b, lines_of(3));
  b.post(kBatches + "/" + id + "/cancel", "");
  const testing::Parsed batch = finish(b, id);
  EXPECT_EQ(batch["status"].string(), "cancelled");
  EXPECT_TRUE(batch["output_file_id"].is_null());
  EXPECT_TRUE(batch["error_file_id"].is_null());
  EXPECT_TRUE(b.bill().empty());
}

TEST(OpenAiBatches, ExpiryDeliversAndBillsWhatWasFinished) {
  auto b = make_bench(
      {.faults_json =
           R"([{"fault":{"kind":"expire_batch","finished_fraction":0.2,"seconds":3600}}])"});
  const std::string id = create(b, lines_of(10));
  b.wait(minutes(59));
  EXPECT_EQ(status(b, id), "in_progress");
  b.wait(minutes(1));
  const testing::Parsed batch(b.get(kBatches + "/" + id).text());
  EXPECT_EQ(batch["status"].string(), "expired");
  EXPECT_EQ(file_lines(b, batch["output_file_id"]).size(), 2U);
  const auto rest = file_lines(b, batch["error_file_id"]);
  ASSERT_EQ(rest.size(), 8U);
  EXPECT_EQ(testing::Parsed(rest[0])["error"]["code"].string(), "batch_expired");
  EXPECT_EQ(b.bill().size(), 2U);
}

TEST(OpenAiBatches, Lists) {
  auto b = make_bench();
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(create(b, lines_of(1)));
  const testing::Parsed first(b.get(kBatches + "?limit=2").text());
  EXPECT_EQ(first["first_id"].string(), ids[2]);
  EXPECT_EQ(first["last_id"].string(), ids[1]);
  EXPECT_EQ(first["has_more"].boolean(), true);
  const testing::Parsed second(b.get(kBatches + "?after=" + ids[1]).text());
  EXPECT_EQ(second["data"].size(), 1U);
  EXPECT_EQ(second["has_more"].boolean(), false);
  EXPECT_EQ(
      testing::Parsed(b.get(kBatches, {{"authorization", "Bearer other"}}).text())["data"].size(),
      0U);
}

TEST(OpenAiBatches, CacheInBatches) {
  auto b = make_bench({.batch_hit_rate = 1});
  const std::string body = body_of("gpt-5-mini", words(1500), "one");
  b.post(kChat, body);
  b.wait(seconds(2));
  finish(b, create(b, lines_of(1, body)));
  EXPECT_EQ(b.bill().back().tokens.cache_read, 0);  // the sync cache is apart
  finish(b, create(b, lines_of(3, body)));
  EXPECT_EQ(b.bill().back().tokens.cache_read, 1408);
  EXPECT_EQ(b.bill().back().pico_usd,
            104 * 125'000 + 1408 * 12'500 + b.bill().back().tokens.output * 1'000'000);
  // Before GPT-5 there is no cache in a batch.
  const std::string old = body_of("gpt-4.1-mini", words(1500), "one");
  finish(b, create(b, lines_of(1, old)));
  finish(b, create(b, lines_of(1, old)));
  EXPECT_EQ(b.bill().back().tokens.cache_read, 0);
  b.post(kChat, old);
  b.wait(seconds(2));
  b.post(kChat, old);
  EXPECT_EQ(b.bill().back().tokens.cache_read, 1408);
}

TEST(OpenAiBatches, FaultsOfRows) {
  auto b = make_bench({.faults_json = R"([
    {"match":{"custom_id":"r1"},"fault":"missing_rows"},{"match":{"custom_id":"r2"},"fault":"billed_but_undelivered"},
    {"match":{"index":3},"fault":"duplicate_rows"},{"match":{"index":5},"fault":"malformed_row"},
    {"match":{"custom_id":"r4"},"fault":{"kind":"row_error","type":"rate_limit_exceeded"}},{"fault":"shuffle_rows"}])"});
  const testing::Parsed batch = finish(b, create(b, lines_of(30)));
  const auto lines = file_lines(b, batch["output_file_id"]);
  EXPECT_EQ(lines.size(), 28U);  // 30 less r1, r2 and r4, and r3 twice
  json::Parser parser;
  EXPECT_EQ(std::count_if(lines.begin(), lines.end(),
                          [&](const auto& line) { return !parser.parse(line); }),
            1);
  const auto errors = file_lines(b, batch["error_file_id"]);
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(testing::Parsed(errors[0])["response"]["status_code"].integer(), 429);
  std::set<std::string> undelivered;
  for (const auto& row : b.bill())
    if (!row.delivered) undelivered.insert(row.custom_id);
  EXPECT_EQ(b.bill().size(), 28U);
  EXPECT_EQ(undelivered, (std::set<std::string>{"r2", "r5"}));
}

TEST(OpenAiBatches, FaultsOfTheWhole) {
  auto b = make_bench(
      {.faults_json =
           R"([{"match":{"nth":1},"fault":{"kind":"batch_refused","type":"billing_hard_limit_reached"}},
    {"match":{"nth":2},"fault":{"kind":"cancel_batch","finished_fraction":0.5}},
    {"match":{"nth":3},"fault":{"kind":"slow_batch","seconds":108000}},
    {"match":{"operation":"batch_results","nth":1},"fault":{"kind":"truncate","after_bytes":10}}])"});
  const testing::Parsed refused = finish(b, create(b, lines_of(10)));
  EXPECT_EQ(refused["status"].string(), "failed");
  EXPECT_EQ(json::Value(refused["errors"]["data"].items().at(0))["code"].string(),
            "billing_hard_limit_reached");
  const testing::Parsed cancelled = finish(b, create(b, lines_of(10)));
  EXPECT_EQ(cancelled["status"].string(), "cancelled");
  EXPECT_EQ(b.get(kFiles + "/" + cancelled["output_file_id"].string_or("") + "/content").size(),
            10U);
  EXPECT_FALSE(b.bill()[0].delivered);
  EXPECT_EQ(file_lines(b, cancelled["output_file_id"]).size(), 5U);
  EXPECT_TRUE(b.bill()[0].delivered);
  EXPECT_EQ(finish(b, create(b, lines_of(10)))["status"].string(), "expired");
}

TEST(OpenAiBatches, SeedsRepeat) {
  const auto run = [](std::uint64_t seed) {
    auto b = make_bench(
        {.seed = seed, .faults_json = R"([{"fault":{"kind":"missing_rows","fraction":0.3}}])"});
    const testing::Parsed batch = finish(b, create(b, lines_of(50)));
    return b.get(kFiles + "/" + batch["output_file_id"].string_or("") + "/content").text();
  };
  EXPECT_EQ(run(4), run(4));
  EXPECT_NE(run(4), run(5));
}

}  // namespace
}  // namespace weir::sim::openAI
