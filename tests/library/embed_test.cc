// Embeddings through the library: order, limits, money, errors, and the configuration's entry.
#include <gmock/gmock.h>

#include <map>
#include <thread>

#include "support.h"

namespace {

using namespace weir;
using namespace weir_test;
using testing::HasSubstr;

std::vector<std::string> texts_of(std::size_t count) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back("document " + std::to_string(i));
  return out;
}

std::unique_ptr<EmbeddingModel> embedder_of(Engine& engine, const Simulator& simulator,
                                            const std::string& name) {
  auto model = engine.embedding_model(
      name,
      {.api_key = "test-key", .endpoint = simulator.endpoint(name.substr(0, name.find('/')))});
  EXPECT_EQ(why(model), "");
  return model ? std::move(*model) : nullptr;
}

TEST(Embed, MakesAVectorForEachTextAndBooksThem) {
  const Simulator simulator("--time-scale 60");
  const Folder folder;
  const auto engine = engine_on(simulator, folder.path());
  const auto model = embedder_of(*engine, simulator, "openAI/text-embedding-3-small");
  EXPECT_EQ(model->info().model, "text-embedding-3-small");
  const auto texts = texts_of(50);
  const auto out = model->embed(texts, {.dimensions = 256, .workload = "index"});
  ASSERT_EQ(why(out), "");
  ASSERT_EQ(out->vectors.size(), texts.size());
  for (const auto& vector : out->vectors) ASSERT_EQ(vector.size(), 256U);
  EXPECT_EQ(out->requests, 1U);
  EXPECT_EQ(out->attempts, 1U);
  EXPECT_GT(out->usage.input.count, 50);
  EXPECT_EQ(out->usage.output.count, 0);
  EXPECT_EQ(out->cost.pico, out->usage.input.count * 20'000);
  const auto by_workload = engine->metrics().by_workload();
  ASSERT_EQ(why(by_workload), "");
  ASSERT_EQ(by_workload->size(), 2U);  // the model's own ledger, and the workload's
  EXPECT_EQ(by_workload->back().workload, "index");
  EXPECT_EQ(by_workload->back().requests, 1U);
  EXPECT_EQ(engine->metrics().summary()->spent_usd, simulator.bill());
  EXPECT_EQ(to_usd(*cost(out->usage, "openAI", "text-embedding-3-small", Route::kSync,
                         std::chrono::sys_days(std::chrono::year{2026} / 11 / 27))),
            simulator.bill());
}

TEST(Embed, ManyRequestsKeepTheOrder) {
  const Simulator simulator("--time-scale 60");
  const Folder folder;
  const auto engine = engine_on(simulator, folder.path());
  const auto model = embedder_of(*engine, simulator, "openAI/text-embedding-3-small");
  const auto texts = texts_of(5000);
  const auto all = model->embed(texts, {.dimensions = 8, .concurrency_max = 3});
  ASSERT_EQ(why(all), "");
  ASSERT_EQ(all->vectors.size(), texts.size());
  EXPECT_EQ(all->requests, 3U);  // of 2,048
  for (const std::size_t i : {0U, 2047U, 2048U, 4999U}) {
    const auto one = model->embed(std::span(texts).subspan(i, 1), {.dimensions = 8});
    ASSERT_EQ(why(one), "");
    EXPECT_EQ(one->vectors.front(), all->vectors[i]) << i;
  }
  EXPECT_EQ(engine->metrics().summary()->spent_usd, simulator.bill());
  EXPECT_EQ(engine->metrics().summary()->requests, 7U);
}

TEST(Embed, SaysWhatIsWrongBeforeItCosts) {
  const Simulator simulator("--time-scale 60");
  const Folder folder;
  const auto engine = engine_on(simulator, folder.path());
  const ModelOptions key{.api_key = "k"};
  EXPECT_THAT(why(engine->model("openAI/text-embedding-3-small", key)),
              HasSubstr("invalid_argument: openAI/text-embedding-3-small makes embeddings"));
  EXPECT_THAT(why(engine->embedding_model("openAI/gpt-5-mini", key)),
              HasSubstr("invalid_argument: openAI/gpt-5-mini chats"));
  EXPECT_THAT(why(engine->embedding_model("openAI/text-embeding-3-small", key)),
              HasSubstr("did you mean openAI/text-embedding-3-small?"));
  EXPECT_THAT(why(engine->embedding_model("anthropic/claude-sonnet-5", key)),
              HasSubstr("invalid_argument"));
  EXPECT_EQ(engine->embedding_model("anthropic/voyage-3", key).error().kind,
            ErrorKind::kUnsupported);
  EXPECT_EQ(engine->embedding_model().error().kind, ErrorKind::kNotFound);
  const auto model = embedder_of(*engine, simulator, "openAI/text-embedding-3-small");
  EXPECT_TRUE(model->embed({})->vectors.empty());
  auto texts = texts_of(5000);
  texts[4321].clear();
  EXPECT_THAT(why(model->embed(texts)), HasSubstr("invalid_argument: text 4321 is empty"));
  texts.resize(1);
  for (const std::uint32_t dimensions : {0U, 70'000U})
    EXPECT_THAT(why(model->embed(texts, {.dimensions = dimensions})), HasSubstr("out of range"));
  EXPECT_THAT(why(model->embed(texts, {.concurrency_max = 0})), HasSubstr("concurrency_max"));
  EXPECT_EQ(model->embed(texts, {.deadline = std::chrono::microseconds(0)}).error().kind,
            ErrorKind::kDeadlineExceeded);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(model->embed(texts, {}, stop.get_token()).error().kind, ErrorKind::kCancelled);
  EXPECT_EQ(model->embed(texts_of(5000), {}, stop.get_token()).error().kind, ErrorKind::kCancelled);
  // The provider's own word; one of three requests is enough.
  texts = texts_of(4097);
  texts.push_back(long_text(9000));
  EXPECT_THAT(why(model->embed(texts)), HasSubstr("invalid_argument: openAI"));
}

TEST(Embed, IsTriedAgainLikeOtherRequests) {
  const Folder folder;
  const auto faults = folder.path("faults.json");
  std::ofstream(faults)
      << R"([{"match":{"operation":"embeddings","nth":1},"fault":{"kind":"status","code":500}},)"
      << R"({"match":{"operation":"embeddings","nth":2},"fault":"rate_limited"},)"
      << R"({"match":{"operation":"sync","nth":4},"fault":{"kind":"status","code":400}}])";
  const Simulator simulator("--time-scale 600 --faults " + faults);
  const auto engine = engine_on(simulator, folder.path());
  const auto model = embedder_of(*engine, simulator, "openAI/text-embedding-3-large");
  const auto texts = texts_of(3);
  const auto out = model->embed(texts);
  ASSERT_EQ(why(out), "");
  EXPECT_EQ(out->vectors.front().size(), 3072U);
  EXPECT_EQ(out->attempts, 2U);  // a rate limit is no attempt
  EXPECT_EQ(model->embed(texts).error().kind, ErrorKind::kInvalidArgument);
  EXPECT_EQ(engine->metrics().summary()->spent_usd, simulator.bill());
}

TEST(Embed, ManyThreadsAtOnce) {
  const Simulator simulator("--time-scale 600");
  const Folder folder;
  const auto engine = engine_on(simulator, folder.path());
  const auto model = embedder_of(*engine, simulator, "openAI/text-embedding-3-small");
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 10; ++i)
          EXPECT_EQ(why(model->embed(texts_of(20), {.dimensions = 16})), "");
      });
  }
  EXPECT_EQ(engine->metrics().summary()->requests, 40U);
  EXPECT_EQ(engine->metrics().summary()->spent_usd, simulator.bill());
}

TEST(Embed, FollowsTheConfiguration) {
  const Simulator simulator("--time-scale 600");
  const Folder folder;
  const auto write = [&](const std::string& model, const std::string& more) {
    std::ofstream(folder.path("new.yaml"))
        << "embedding:\n  - provider: openAI\n    isDefault: true\n    configuration:\n"
        << "      apiKey: k\n      model: " << model
        << "\n      endpoint: " << simulator.endpoint("openAI") << "\n"
        << more;
    std::filesystem::rename(folder.path("new.yaml"), folder.path("weir.yaml"));
  };
  write("text-embedding-3-small", "      dimensions: 64\n");
  const auto engine = Engine::create({.store = folder.path(),
                                      .config_file = folder.path("weir.yaml"),
                                      .clock = simulator.clock()});
  ASSERT_EQ(why(engine), "");
  const auto model = (*engine)->embedding_model();
  ASSERT_EQ(why(model), "");
  const auto texts = texts_of(2);
  const auto first = (*model)->embed(texts);
  ASSERT_EQ(why(first), "");
  EXPECT_EQ(first->vectors.front().size(), 64U);
  EXPECT_EQ((*model)->embed(texts, {.dimensions = 32})->vectors.front().size(), 32U);
  write("text-embedding-3-large", "      trackCosts: false\n");
  ASSERT_EQ(why((*engine)->reload()), "");
  const auto second = (*model)->embed(texts);
  ASSERT_EQ(why(second), "");
  EXPECT_EQ((*model)->info().model, "text-embedding-3-large");
  EXPECT_EQ(second->vectors.front().size(), 3072U);
  EXPECT_EQ(second->cost.pico, 0);
  // One that cannot be followed leaves things as they were.
  write("no-such-model", "");
  ASSERT_EQ(why((*engine)->reload()), "");
  ASSERT_EQ(why((*model)->embed(texts)), "");
  EXPECT_EQ((*model)->info().model, "text-embedding-3-large");
}

// The whole way through each provider, its limits and its bill.
TEST(Embed, WorksWithEveryProviderThatHasEmbeddings) {
  struct Where {
    std::string name, path;
    std::map<std::string, std::string> settings;
    std::uint32_t requests;  // for 100 texts
  };
  const std::vector<Where> everybody{
      {"openAI/text-embedding-3-large", "/openAI/v1", {}, 1},
      {"azureOpenAI/text-embedding-3-small", "/azureOpenAI", {}, 1},
      {"azureOpenAI/text-embedding-3-small", "/azureOpenAI/openai", {}, 1},
      {"mistral/mistral-embed", "/mistral/v1", {}, 1},
      {"together/BAAI/bge-base-en-v1.5", "/together/v1", {}, 1},
      {"fireworks/nomic-ai/nomic-embed-text-v1.5", "/fireworks", {}, 13},
      {"openAICompatible/nomic-embed-text", "/openAICompatible/v1", {}, 4},
      {"ollama/nomic-embed-text", "/ollama", {}, 2},
      {"gemini/gemini-embedding-001", "/gemini", {}, 1},
      {"vertexAI/gemini-embedding-001",
       "/vertexAI",
       {{"project", "shop"}, {"location", "us-central1"}},
       100},
      {"cohere/embed-v4.0", "/cohere", {}, 2},
      {"bedrock/amazon.titan-embed-text-v2:0", "/bedrock", {{"region", "us-east-1"}}, 100},
      {"bedrock/cohere.embed-v4:0", "/bedrock", {{"region", "us-east-1"}}, 2}};
  const Simulator simulator("--time-scale 600");
  const Folder folder;
  const auto engine = engine_on(simulator, folder.path());
  const auto texts = texts_of(100);
  for (const auto& where : everybody) {
    auto model = engine->embedding_model(where.name, {.api_key = "test-key",
                                                      .endpoint = simulator.url() + where.path,
                                                      .settings = where.settings});
    ASSERT_EQ(why(model), "") << where.name;
    const auto out = (*model)->embed(texts);
    ASSERT_EQ(why(out), "") << where.name;
    ASSERT_EQ(out->vectors.size(), texts.size());
    EXPECT_EQ(out->requests, where.requests) << where.name;
    EXPECT_TRUE(out->metered) << where.name;
    const auto one = (*model)->embed(std::span(texts).last(1));
    ASSERT_EQ(why(one), "") << where.name;
    EXPECT_EQ(one->vectors.front(), out->vectors.back()) << where.name;
  }
  EXPECT_EQ(engine->metrics().summary()->spent_usd, simulator.bill());
  EXPECT_EQ(engine->metrics().summary()->unknown, 0U);
}

}  // namespace
