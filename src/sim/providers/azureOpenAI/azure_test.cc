// What the simulated azureOpenAI does otherwise than OpenAI. Docs: README.md.
#include <gtest/gtest.h>

#include <memory>

#include "sim/openai_shape/bench_testing.h"

namespace weir::sim::azureOpenAI {

std::unique_ptr<Provider> make_provider();

namespace {

using openai_shape::body_of;
using openai_shape::form_field;
using openai_shape::line_of;
using openai_shape::upload;
using testing::Parsed;

const std::string kChat = "/azureOpenAI/openai/v1/chat/completions";
const openai_shape::BenchPaths kPaths{.files = "/azureOpenAI/openai/v1/files",
                                      .batches = "/azureOpenAI/openai/v1/batches"};
constexpr std::string_view kModel = "gpt-4.1";
constexpr std::string_view kDay = R"(,"completion_window":"24h")";

testing::Bench make_bench(Options options = {}) {
  return {make_provider(), {{"api-key", "key-1"}}, std::move(options)};
}

TEST(AzureChat, AKeyOrAToken) {
  auto b = make_bench();
  EXPECT_EQ(b.post(kChat, body_of(kModel, "a", "b")).head.status, 200);
  testing::Bench token{make_provider(), {{"authorization", "Bearer eyJ.eyJ.x"}}};
  EXPECT_EQ(token.post(kChat, body_of(kModel, "a", "b")).head.status, 200);
  testing::Bench none{make_provider(), {}};
  const auto refused = none.post(kChat, body_of(kModel, "a", "b"));
  EXPECT_EQ(refused.head.status, 401);
  EXPECT_EQ(Parsed(refused.text())["error"]["code"].string(), "401");
}

TEST(AzureChat, PromptsAreFilteredFirst) {
  auto b = make_bench();
  EXPECT_TRUE(
      Parsed(b.post(kChat, body_of(kModel, "a", "b")).text())["prompt_filter_results"].is_array());
  const auto stream = b.post(kChat, body_of(kModel, "a", "b", R"(,"stream":true)")).text();
  EXPECT_TRUE(stream.starts_with(R"(data: {"choices":[],"created":0,"id":"")")) << stream;
}

TEST(AzureChat, HeadersSayWhatIsLeftOnly) {
  auto b = make_bench();
  const auto reply = b.post(kChat, body_of(kModel, "a", "b"));
  EXPECT_TRUE(reply.head.headers.find("x-ratelimit-remaining-requests"));
  EXPECT_FALSE(reply.head.headers.find("x-ratelimit-limit-requests"));
  EXPECT_TRUE(reply.head.headers.find("apim-request-id"));
}

TEST(AzureChat, AContentFilterIsA400WithAnInnerError) {
  auto b = make_bench({.faults_json = R"([{"match":{"nth":1},"fault":{"kind":"status","code":400,)"
                                      R"("type":"content_filter"}}])"});
  const auto reply = b.post(kChat, body_of(kModel, "a", "b"));
  EXPECT_EQ(reply.head.status, 400);
  const Parsed error(reply.text());
  EXPECT_EQ(error["error"]["code"].string(), "content_filter");
  EXPECT_EQ(error["error"]["innererror"]["code"].string(), "ResponsibleAIPolicyViolation");
}

TEST(AzureChat, TheOlderFormNamesTheDeploymentInThePath) {
  auto b = make_bench();
  const std::string path = "/azureOpenAI/openai/deployments/gpt-4.1/chat/completions";
  const std::string body = R"({"messages":[{"role":"user","content":"a"}],"model":"ignored"})";
  EXPECT_EQ(b.post(path, body).head.status, 404);
  const auto reply = b.post(path + "?api-version=2024-10-21", body);
  EXPECT_EQ(reply.head.status, 200) << reply.text();
  EXPECT_EQ(Parsed(reply.text())["model"].string(), "gpt-4.1");
  const auto none = b.post(
      "/azureOpenAI/openai/deployments/nobody/chat/completions?api-version=2024-10-21", body);
  EXPECT_EQ(none.head.status, 404);
  EXPECT_EQ(Parsed(none.text())["error"]["code"].string(), "DeploymentNotFound");
}

TEST(AzureChat, AnOlderModelsCacheLivesTenMinutes) {
  auto b = make_bench();
  const auto body = body_of(kModel, testing::words(1500), "stone");
  const auto cached = [&] {
    return Parsed(b.post(kChat, body).text())["usage"]["prompt_tokens_details"]["cached_tokens"]
        .integer_or(-1);
  };
  EXPECT_EQ(cached(), 0);
  b.wait(std::chrono::minutes(9));
  EXPECT_GT(cached(), 1024);
  b.wait(std::chrono::minutes(11));
  EXPECT_EQ(cached(), 0);
}

TEST(AzureFiles, FormsSayTheExpiryWithDots) {
  auto b = make_bench();
  const auto expires = [&](std::string_view name, std::string_view seconds) {
    const auto reply =
        upload(b, kPaths.files, "x",
               form_field("purpose", "batch") + form_field("expires_after.anchor", "created_at") +
                   form_field(name, seconds));
    const Parsed file(reply.text());
    return reply.head.status == 200
               ? file["expires_at"].integer_or(0) - file["created_at"].integer_or(0)
               : -reply.head.status;
  };
  EXPECT_EQ(expires("expires_after.seconds", "1209600"), 1'209'600);
  EXPECT_EQ(expires("expires_after.seconds", "3600"), -400);
  EXPECT_EQ(expires("expires_after[seconds]", "1209600"), 2'592'000);  // not heard
}

TEST(AzureBatches, ThereIsAnEmptyFileOfErrors) {
  auto b = make_bench();
  const auto reply = create(b, kPaths, line_of("a", body_of(kModel, "s", "d")), kDay);
  ASSERT_EQ(reply.head.status, 200) << reply.text();
  const auto ended = finish(b, kPaths, Parsed(reply.text())["id"].string_or(""));
  EXPECT_EQ(ended["status"].string(), "completed");
  EXPECT_EQ(file_lines(b, kPaths, ended["output_file_id"]).size(), 1U);
  ASSERT_TRUE(ended["error_file_id"].is_string());
  EXPECT_EQ(b.get(kPaths.files + "/" + ended["error_file_id"].string_or("") + "/content").text(),
            "");
}

TEST(AzureBatches, NothingIsCachedAndAllIsHalf) {
  auto b = make_bench({.batch_hit_rate = 1});
  std::string lines;
  for (int i = 0; i < 20; ++i)
    lines += line_of("r" + std::to_string(i), body_of(kModel, testing::words(1500), "stone"));
  finish(b, kPaths, Parsed(create(b, kPaths, lines, kDay).text())["id"].string_or(""));
  ASSERT_EQ(b.bill().size(), 20U);
  for (const auto& row : b.bill()) {
    EXPECT_EQ(row.tokens.cache_read, 0);
    EXPECT_EQ(row.pico_usd, row.tokens.input * 1'000'000 + row.tokens.output * 4'000'000);
  }
}

TEST(AzureBatches, CodesOfItsOwn) {
  auto b = make_bench();
  const auto code = [&](const std::string& lines) {
    const auto ended =
        finish(b, kPaths, Parsed(create(b, kPaths, lines, kDay).text())["id"].string_or(""));
    EXPECT_EQ(ended["status"].string(), "failed");
    return json::Value(ended["errors"]["data"].items().at(0))["code"].string_or("");
  };
  const auto good = line_of("a", body_of(kModel, "s", "d"));
  EXPECT_EQ(code(good + line_of("b", body_of(kModel, "s", "d"), "/v1/responses")), "url_mismatch");
  EXPECT_EQ(code(good + line_of("b", body_of("gpt-4o", "s", "d"))), "model_mismatch");
  EXPECT_EQ(code(good + good), "duplicate_custom_id");
  EXPECT_EQ(code(""), "empty_batch");
}

TEST(AzureBatches, ADayIsATargetOnly) {
  auto b = make_bench({.faults_json = R"([{"fault":{"kind":"slow_batch","seconds":180000}}])"});
  const auto id =
      Parsed(create(b, kPaths, line_of("a", body_of(kModel, "s", "d")), kDay).text())["id"]
          .string_or("");
  b.wait(std::chrono::hours(30));
  const Parsed late(b.get(kPaths.batches + "/" + id).text());
  EXPECT_EQ(late["status"].string(), "in_progress");
  EXPECT_EQ(late["expires_at"].integer_or(0) - late["created_at"].integer_or(0), 86'400);
  EXPECT_EQ(finish(b, kPaths, id)["status"].string(), "completed");
}

TEST(AzureBatches, TheOlderFormTellsThemInOlderWords) {
  auto b = make_bench();
  const auto id =
      Parsed(create(b, kPaths, line_of("a", body_of(kModel, "s", "d")), kDay).text())["id"]
          .string_or("");
  const std::string older = "/azureOpenAI/openai/batches/" + id + "?api-version=2024-10-21";
  const Parsed early(b.get(older).text());
  EXPECT_EQ(early["status"].string(), "Validating");
  EXPECT_TRUE(early["created_at"].is_string());
  EXPECT_TRUE(early["request_counts"]["total"].is_null());
  EXPECT_TRUE(early["completed_at"].is_null());
  finish(b, kPaths, id);
  const Parsed ended(b.get(older).text());
  EXPECT_EQ(ended["status"].string(), "Completed");
  EXPECT_TRUE(ended["completed_at"].is_string());
  EXPECT_EQ(Parsed(b.get(kPaths.batches + "/" + id).text())["status"].string(), "completed");
}

}  // namespace
}  // namespace weir::sim::azureOpenAI
