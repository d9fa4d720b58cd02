// Embeddings of every provider that has them: what the adapter writes the simulated provider takes, and what it answers the adapter
// reads; the usage is the bill's, and an answer that is not whole is never taken for one.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "catalogue/catalogue.h"
#include "cost/pricing.h"
#include "provider/embedding.h"
#include "sample.h"
#include "sim/simulator.h"
#include "weir_sim_registry.h"

namespace weir::translation {
namespace {

using provider::EmbeddingPurpose;
using provider::EmbeddingRequest;

const catalogue::Catalogue& all_models() {
  static const auto kCatalogue = catalogue::Catalogue::built_in().value();
  return kCatalogue;
}

class Embedder {
 public:
  explicit Embedder(std::string name)
      : codec(*adapter_of(name).embeddings()),
        credentials{.base_path = std::string(meeting_of(name).base_path),
                    .key = "key-1",
                    .settings = settings_of(name)} {
    const auto& known = *all_models().find(name);
    if (known.embedding_models.empty()) {
      model = known.other_embedding_models.value();
      model.name = "nomic-embed-text";
    } else {
      model = known.embedding_models.front();
    }
    std::vector<std::unique_ptr<sim::Provider>> simulated;
    for (const auto& row : sim::registered())
      if (row.name == name) simulated.push_back(row.get());
    simulator = sim::Simulator::create({}, std::move(simulated)).value();
  }

  http::Response send(const EmbeddingRequest& request) {
    auto plan = codec.encode_embed(request, {credentials, "attempt", now}).value();
    http::Request out{.method = plan.method,
                      .target = std::move(plan.target),
                      .headers = std::move(plan.headers),
                      .body = {}};
    out.headers.set("user-agent", "weir");
    for (auto& piece : plan.body) out.body += std::get<std::string>(piece);
    const auto reply = simulator->handle(std::move(out), now);
    return {.status = reply.head.status, .headers = reply.head.headers, .body = reply.text()};
  }
  Result<provider::Embeddings> ask(const EmbeddingRequest& request) {
    return codec.decode_embed(request, send(request), now);
  }
  [[nodiscard]] EmbeddingRequest request(std::vector<std::string> inputs) const {
    return {.model = model.name, .inputs = std::move(inputs)};
  }

  const provider::EmbeddingCodec& codec;
  provider::Credentials credentials;
  catalogue::Model model;
  std::unique_ptr<sim::Simulator> simulator;
  Time now = from_unix_seconds(1'795'400'000);
};

constexpr std::array kNames{"openAI",           "azureOpenAI", "mistral", "together",
                            "fireworks",        "ollama",      "gemini",  "vertexAI",
                            "openAICompatible", "cohere",      "bedrock"};

class Embedding : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Providers, Embedding, ::testing::ValuesIn(kNames));

TEST(EmbeddingCodecs, AreOfTheProvidersThatTheCatalogueSays) {
  for (const auto& known : all_models().providers()) {
    const bool listed = !known.embedding_models.empty() || known.other_embedding_models;
    EXPECT_EQ(adapter_of(known.name).embeddings() != nullptr, listed) << known.name;
    EXPECT_EQ(std::ranges::find(kNames, known.name) != kNames.end(), listed) << known.name;
  }
}

TEST_P(Embedding, ComeBackForEachModelInOrderAndCostWhatTheCatalogueSays) {
  Embedder embedder(GetParam());
  auto models = all_models().find(GetParam())->embedding_models;
  if (models.empty()) models.push_back(embedder.model);
  std::int64_t cost = 0;
  for (const auto& model : models) {
    embedder.model = model;
    std::vector<std::string> texts{"a first document", "ü \"quoted\" \\ and\nmore", "a third"};
    texts.resize(std::min<std::size_t>(texts.size(), model.embedding->inputs_max));
    const auto out = embedder.ask(embedder.request(texts));
    ASSERT_TRUE(out) << model.name << ": " << out.error().text();
    ASSERT_EQ(out->vectors.size(), texts.size());
    if (model.embedding->dimensions > 0)
      EXPECT_EQ(out->vectors[0].size(), model.embedding->dimensions) << model.name;
    // Each is the vector of its own text.
    for (std::size_t i = 0; i < texts.size(); ++i)
      EXPECT_EQ(embedder.ask(embedder.request({texts[i]}))->vectors.front(), out->vectors[i]);
    double sum = 0;
    for (const auto number : out->vectors[0]) sum += static_cast<double>(number) * number;
    EXPECT_NEAR(sum, 1, 1e-5);
    ASSERT_TRUE(out->usage);
    const auto& rows = embedder.simulator->bill().rows();
    const auto& row = rows[rows.size() - texts.size() - 1];
    EXPECT_EQ(row.model, model.name);
    EXPECT_EQ(row.tokens.input, out->usage->input.count);
    EXPECT_GT(row.tokens.input, 0);
    EXPECT_EQ(row.pico_usd,
              cost::cost_of(*out->usage, model.price_at(embedder.now), llm::Route::kSync).pico);
    cost += row.pico_usd;
  }
  EXPECT_EQ(cost > 0, models.front().prices.front().sync.input.pico_per_token > 0);
}

TEST_P(Embedding, AreAsLongAsAskedFor) {
  Embedder embedder(GetParam());
  auto request = embedder.request({"one text"});
  request.dimensions = 256;
  const auto plan = embedder.codec.encode_embed(request, {embedder.credentials, "attempt"});
  if (!plan) {  // it cannot be told, and is not asked
    EXPECT_EQ(plan.error().kind, ErrorKind::kUnsupported);
    EXPECT_FALSE(embedder.model.embedding->dimensions_selectable);
    return;
  }
  const auto out = embedder.ask(request);
  EXPECT_EQ(out.has_value(), embedder.model.embedding->dimensions_selectable);
  if (out) EXPECT_EQ(out->vectors.front().size(), 256U);
  else EXPECT_EQ(out.error().kind, ErrorKind::kInvalidArgument);
}

TEST_P(Embedding, DifferByPurposeWhereTheProviderDoes) {
  Embedder embedder(GetParam());
  auto request = embedder.request({"one text"});
  const auto document = embedder.ask(request).value();
  request.purpose = EmbeddingPurpose::kQuery;
  const auto query = embedder.ask(request).value();
  const std::string_view name = GetParam();
  const bool differs = name == "gemini" || name == "vertexAI" || name == "cohere";
  EXPECT_EQ(document.vectors != query.vectors, differs);
}

TEST_P(Embedding, ThatAreTooManyOrTooLongOrOfNobodyAreRefused) {
  Embedder embedder(GetParam());
  const auto kind_of = [&](const EmbeddingRequest& request) {
    const auto out = embedder.ask(request);
    return out ? std::string("none") : std::string(to_string(out.error().kind));
  };
  std::string words;
  for (int i = 0; i < 150'000; ++i) words += "word ";
  EXPECT_EQ(kind_of(embedder.request({words})), "invalid_argument");
  auto unknown = embedder.request({"a"});
  unknown.model = std::string(GetParam()) == "bedrock" ? "cohere.embed-none" : "no-such-model";
  EXPECT_EQ(kind_of(unknown),
            std::string(GetParam()) == "bedrock" ? "invalid_argument" : "not_found");
  EXPECT_TRUE(embedder.simulator->bill().rows().empty());
  embedder.credentials.key = "invalid-key";
  if (std::string(GetParam()) != "ollama" && std::string(GetParam()) != "openAICompatible")
    EXPECT_EQ(kind_of(embedder.request({"a"})), "unauthenticated");
}

// Whatever is cut or changed: one whole finite vector an input, or kBadResponse.
TEST_P(Embedding, AnAnswerThatIsNotWholeIsBad) {
  Embedder embedder(GetParam());
  auto request = embedder.request({"one text", "another"});
  if (embedder.model.embedding->inputs_max < 2) request.inputs.pop_back();
  if (embedder.model.embedding->dimensions_selectable) request.dimensions = 8;
  const auto whole = embedder.send(request);
  ASSERT_EQ(whole.status, 200);
  std::size_t bad = 0;
  const auto look = [&](std::string body) {
    auto answer = whole;
    answer.body = std::move(body);
    const auto out = embedder.codec.decode_embed(request, answer, embedder.now);
    if (!out) {
      ++bad;
      ASSERT_EQ(out.error().kind, ErrorKind::kBadResponse) << answer.body.substr(0, 200);
      return;
    }
    ASSERT_EQ(out->vectors.size(), request.inputs.size());
    for (const auto& vector : out->vectors) {
      ASSERT_EQ(vector.size(), out->vectors[0].size());
      ASSERT_TRUE(std::ranges::all_of(vector, [](float number) { return std::isfinite(number); }));
    }
  };
  const auto step = std::max<std::size_t>(whole.body.size() / 200, 1);
  for (std::size_t at = 0; at < whole.body.size(); at += step) {
    look(whole.body.substr(0, at));
    auto changed = whole.body;
    changed[at] = changed[at] == '9' ? ']' : '9';
    look(std::move(changed));
  }
  EXPECT_GT(bad, 200U);
  // An answer to somebody else's request.
  auto more = request;
  more.inputs.emplace_back("a third");
  EXPECT_EQ(embedder.codec.decode_embed(more, whole, embedder.now).error().kind,
            ErrorKind::kBadResponse);
  request.dimensions = 9;
  EXPECT_EQ(embedder.codec.decode_embed(request, whole, embedder.now).error().kind,
            ErrorKind::kBadResponse);
}

RC_GTEST_PROP(AnyEmbedding, IsTakenByEachProvider, ()) {
  static std::map<std::string, Embedder> embedders;
  const std::string name = kNames[*rc::gen::inRange(std::size_t{0}, kNames.size())];
  auto& embedder = embedders.try_emplace(name, name).first->second;
  const auto count = *rc::gen::inRange(
      std::size_t{1}, std::min<std::size_t>(embedder.model.embedding->inputs_max, 5) + 1);
  auto request = embedder.request({});
  for (std::size_t i = 0; i < count; ++i)
    request.inputs.push_back("x" + *rc::gen::string<std::string>());
  const auto out = embedder.ask(request);
  if (!out) RC_FAIL(name + ": " + out.error().text());
  RC_ASSERT(out->vectors.size() == count);
  RC_ASSERT(out->usage->input.count == embedder.simulator->bill().rows().back().tokens.input);
}

}  // namespace
}  // namespace weir::translation
