// What the simulated together does otherwise than OpenAI. Docs: README.md.
#include <gtest/gtest.h>

#include <memory>

#include "sim/openai_shape/bench_testing.h"

namespace weir::sim::together {

std::unique_ptr<Provider> make_provider();

namespace {

using openai_shape::body_of;
using testing::Parsed;

const std::string kChat = "/together/v1/chat/completions";
const openai_shape::BenchPaths kPaths{.files = "/together/v1/files",
                                      .batches = "/together/v1/batches",
                                      .upload = "/together/v1/files/upload",
                                      .purpose = "batch-api"};
constexpr std::string_view kModel = "openai/gpt-oss-20b";
constexpr std::string_view kDiscounted = "meta-llama/Llama-3.3-70B-Instruct-Turbo";

testing::Bench make_bench(Options options = {}) {
  return {make_provider(),
          {{"authorization", "Bearer key-1"}, {"user-agent", "test"}},
          std::move(options)};
}

std::string line(std::string_view custom_id, std::string_view model, std::string_view more = "") {
  return R"({"custom_id":")" + std::string(custom_id) + R"(","body":)" +
         body_of(model, "s", "d", more) + "}\n";
}

std::string job_of(const Reply& reply) {
  EXPECT_EQ(reply.head.status, 201) << reply.text();
  return Parsed(reply.text())["job"]["id"].string_or("");
}

TEST(TogetherChat, WhoDoesNotSayWhatItIsIsNotLetThrough) {
  testing::Bench b{make_provider(), {{"authorization", "Bearer key-1"}}};
  const auto reply = b.post(kChat, body_of(kModel, "a", "b"));
  EXPECT_EQ(reply.head.status, 403);
  EXPECT_TRUE(reply.text().contains("1010"));
  EXPECT_EQ(b.bill().size(), 0U);
}

TEST(TogetherChat, UsageIsFlatAndComesUnasked) {
  auto b = make_bench();
  const Parsed whole(b.post(kChat, body_of(kModel, "a", "b", R"(,"max_tokens":9)")).text());
  testing::expect_members(whole["usage"], {"prompt_tokens", "completion_tokens", "cached_tokens"});
  EXPECT_TRUE(whole["usage"]["prompt_tokens_details"].is_null());
  EXPECT_TRUE(whole["prompt"].is_array());
  const auto stream = b.post(kChat, body_of(kModel, "a", "b", R"(,"stream":true)")).text();
  EXPECT_TRUE(stream.contains(R"("finish_reason":"stop"}],"usage":{"prompt_tokens")")) << stream;
  EXPECT_EQ(b.post(kChat, body_of(kModel, "a", "b", R"(,"max_completion_tokens":9)")).head.status,
            422);
}

TEST(TogetherChat, ModelsAreABareArray) {
  auto b = make_bench();
  EXPECT_TRUE(Parsed(b.get("/together/v1/models").text()).root.is_array());
}

TEST(TogetherBatches, JobsFromCreateToRows) {
  auto b = make_bench();
  const auto id = job_of(create(b, kPaths, line("a", kModel) + line("b", kModel)));
  const Parsed early(b.get(kPaths.batches + "/" + id).text());
  EXPECT_EQ(early["status"].string(), "VALIDATING");
  EXPECT_TRUE(early["created_at"].is_string());
  EXPECT_TRUE(early["request_counts"].is_null());
  EXPECT_TRUE(Parsed(b.get(kPaths.batches).text()).root.is_array());
  const auto ended = finish(b, kPaths, id);
  EXPECT_EQ(ended["status"].string(), "COMPLETED");
  EXPECT_TRUE(ended.root.find("error_file_id") == std::nullopt);
  const auto rows = file_lines(b, kPaths, ended["output_file_id"]);
  ASSERT_EQ(rows.size(), 2U);
  const Parsed row(rows[0]);
  EXPECT_EQ(row["response"]["status_code"].integer(), 200);
  EXPECT_TRUE(row["response"]["body"]["choices"].is_array());
}

TEST(TogetherBatches, ADiscountForFewModelsOnly) {
  auto b = make_bench();
  finish(b, kPaths, job_of(create(b, kPaths, line("a", kModel))));
  finish(b, kPaths, job_of(create(b, kPaths, line("b", kDiscounted))));
  ASSERT_EQ(b.bill().size(), 2U);
  const auto& plain = b.bill()[0];
  EXPECT_EQ(plain.pico_usd, plain.tokens.prompt() * 50'000 + plain.tokens.output * 200'000);
  const auto& half = b.bill()[1];
  EXPECT_EQ(half.pico_usd, (half.tokens.prompt() + half.tokens.output) * 440'000);
}

TEST(TogetherBatches, NothingIsCheckedBeforeTheJobRuns) {
  auto b = make_bench();
  const auto failed = [&](const std::string& id) {
    const auto ended = finish(b, kPaths, id);
    EXPECT_EQ(ended["status"].string(), "FAILED");
    EXPECT_TRUE(ended.root.find("output_file_id") == std::nullopt);
    return ended["error"].string_or("");
  };
  EXPECT_TRUE(failed(job_of(create(b, kPaths, line("a", kModel) + "{not json\n")))
                  .contains("Line 2 (within chunk): Invalid JSON format"));
  EXPECT_TRUE(failed(job_of(create(b, kPaths, line("a", "nobody/knows"))))
                  .contains("non-serverless model nobody/knows"));
  const auto reply =
      b.post(kPaths.batches, R"({"input_file_id":"file-none","endpoint":"/v1/chat/completions"})");
  EXPECT_TRUE(failed(job_of(reply)).contains("404"));
  EXPECT_EQ(b.bill().size(), 0U);
}

TEST(TogetherBatches, BadLinesAreRowsOfTheErrorFile) {
  auto b = make_bench();
  const auto ended = finish(
      b, kPaths,
      job_of(create(b, kPaths,
                    line("a", kModel) + line("b", "nobody/knows") +
                        R"({"custom_id":"c","body":{"messages":[{"role":"user","content":"x"}]}})" +
                        "\n" + line("d", kModel, R"(,"stop":["1","2","3","4","5"])"))));
  EXPECT_EQ(ended["status"].string(), "COMPLETED");
  EXPECT_EQ(file_lines(b, kPaths, ended["output_file_id"]).size(), 1U);
  const auto errors = file_lines(b, kPaths, ended["error_file_id"]);
  ASSERT_EQ(errors.size(), 3U);
  for (const auto& text : errors)
    EXPECT_EQ(Parsed(text)["error"]["code"].string(), "batch_client_error") << text;
  EXPECT_EQ(b.bill().size(), 1U);
}

TEST(TogetherBatches, CancellingHasOneL) {
  auto b = make_bench();
  std::string lines;
  for (int i = 0; i < 200; ++i) lines += line("r" + std::to_string(i), kModel);
  const auto id = job_of(create(b, kPaths, lines));
  b.wait(std::chrono::seconds(40));
  const Parsed asked(b.post(kPaths.batches + "/" + id + "/cancel", "").text());
  EXPECT_EQ(asked["status"].string(), "CANCELING");
  const auto ended = finish(b, kPaths, id);
  EXPECT_EQ(ended["status"].string(), "CANCELLED");
  // What was run is paid and can be read; what was not is named nowhere.
  const auto rows = file_lines(b, kPaths, ended["output_file_id"]).size();
  EXPECT_EQ(rows, b.bill().size());
  EXPECT_LT(rows, 200U);
  EXPECT_TRUE(ended.root.find("error_file_id") == std::nullopt);
  const auto late = b.post(kPaths.batches + "/" + id + "/cancel", "");
  EXPECT_EQ(late.head.status, 409);
  EXPECT_TRUE(late.text().contains("already in terminal state: CANCELLED"));
}

TEST(TogetherErrors, SomeAreOneText) {
  auto b = make_bench();
  const auto reply = b.get(kPaths.batches + "/nope");
  EXPECT_EQ(reply.head.status, 404);
  EXPECT_EQ(Parsed(reply.text())["error"].string(), "Job not found");
  EXPECT_TRUE(Parsed(b.get(kPaths.files + "/nope").text())["error"]["message"].is_string());
}

TEST(TogetherFiles, AnAddressTakesTheBytesWithoutAKey) {
  auto b = make_bench();
  const auto start = [&](std::string_view query) {
    return b.post(kPaths.files + "?" + std::string(query), "", {{"host", "sim.test:1"}});
  };
  const auto opened = start("file_name=job.jsonl&file_type=jsonl&purpose=batch-api");
  ASSERT_EQ(opened.head.status, 302);
  const std::string id(opened.head.headers.find("x-together-file-id").value_or(""));
  const std::string url(opened.head.headers.find("location").value_or(""));
  ASSERT_TRUE(url.starts_with("http://sim.test:1/together/signed-upload/" + id + "?")) << url;
  const auto file = [&] { return Parsed(b.get(kPaths.files + "/" + id).text()); };
  EXPECT_EQ(file()["Processed"].boolean(), false);
  EXPECT_EQ(b.get(kPaths.files + "/" + id + "/content").text(), "");

  const auto put = [&](std::string target, std::string bytes) {
    return b.simulator().handle({.method = http::Method::kPut,
                                 .target = std::move(target),
                                 .headers = {},
                                 .body = std::move(bytes)},
                                b.now());
  };
  const auto target = url.substr(url.find("/together"));
  EXPECT_EQ(
      put("/together/signed-upload/file-other" + target.substr(target.find('?')), "x").head.status,
      403);
  EXPECT_NE(put(target + "x", "x").head.status, 200);
  EXPECT_EQ(put(target, "hello").head.status, 200);
  EXPECT_EQ(file()["Processed"].boolean(), true);
  EXPECT_EQ(file()["FileType"].string(), "jsonl");
  EXPECT_EQ(file()["bytes"].integer(), 5);
  EXPECT_EQ(b.get(kPaths.files + "/" + id + "/content").text(), "hello");
  b.wait(std::chrono::hours(2));
  EXPECT_EQ(put(target, "later").head.status, 403);

  for (const auto* wrong : {"file_type=jsonl&purpose=x", "file_name=a&purpose=x&file_type=txt",
                            "file_name=a&file_type=csv"})
    EXPECT_EQ(start(wrong).head.status, 400) << wrong;
}

}  // namespace
}  // namespace weir::sim::together
