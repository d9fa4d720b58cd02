// Requests byte for byte, and answers as OpenAI's reference shows them.
#include "provider/openai_embeddings.h"

#include <gtest/gtest.h>

namespace weir::provider::openai_embeddings {
namespace {

const Credentials kAccount{.base_path = "/v1", .key = "sk-test"};

Codec codec(const Options& options = {}) { return {{.provider = "p"}, options}; }

EmbeddingRequest asked(std::vector<std::string> inputs,
                       std::optional<std::uint64_t> dimensions = std::nullopt) {
  return {.model = "text-embedding-3-small",
          .inputs = std::move(inputs),
          .dimensions = dimensions,
          .purpose = EmbeddingPurpose::kQuery};
}

std::string body_of(const http::RequestPlan& plan) {
  return std::get<std::string>(plan.body.at(0));
}

TEST(OpenAIEmbeddings, SendsAllInputsInOneRequest) {
  const auto plan = codec().encode_embed(asked({"a \"b\"", "ü\n"}, 256), {kAccount, "01ATTEMPT"});
  ASSERT_TRUE(plan) << plan.error().text();
  EXPECT_EQ(plan->target, "/v1/embeddings");
  EXPECT_EQ(plan->method, http::Method::kPost);
  EXPECT_EQ(plan->headers.find("authorization"), "Bearer sk-test");
  EXPECT_EQ(plan->headers.find("x-client-request-id"), "01ATTEMPT");
  EXPECT_EQ(body_of(*plan), R"({"model":"text-embedding-3-small","input":["a \"b\"","ü\n"],)"
                            R"("encoding_format":"base64","dimensions":256})");
}

TEST(OpenAIEmbeddings, SaysWhatTheProviderKnows) {
  const auto other = codec({.dimensions_key = "output_dimension", .base64 = false})
                         .encode_embed(asked({"a"}, 64), {kAccount, "1"});
  ASSERT_TRUE(other);
  EXPECT_EQ(body_of(*other),
            R"({"model":"text-embedding-3-small","input":["a"],"output_dimension":64})");
  const auto none = codec({.dimensions_key = ""});
  EXPECT_EQ(none.encode_embed(asked({"a"}, 64), {kAccount, "1"}).error().kind,
            ErrorKind::kUnsupported);
  EXPECT_TRUE(none.encode_embed(asked({"a"}), {kAccount, "1"}));
  EXPECT_EQ(none.encode_embed(asked({}), {kAccount, "1"}).error().kind,
            ErrorKind::kInvalidArgument);
}

Result<Embeddings> read(const std::string& body, std::size_t inputs, int status = 200) {
  return codec().decode_embed(asked(std::vector<std::string>(inputs, "x")),
                              {.status = status, .headers = {}, .body = body}, Time{});
}

TEST(OpenAIEmbeddings, ReadsAnAnswer) {
  const auto out = read(
      R"({"object":"list","data":[{"object":"embedding","index":1,"embedding":"AAAAPwAAAMA="},)"
      R"({"object":"embedding","embedding":[0.0023064255,-0.009327292],"index":0}],)"
      R"("model":"text-embedding-ada-002","usage":{"prompt_tokens":8,"total_tokens":8}})",
      2);
  ASSERT_TRUE(out) << out.error().text();
  EXPECT_EQ(out->vectors,
            (std::vector<std::vector<float>>{{0.0023064255F, -0.009327292F}, {0.5F, -2.0F}}));
  EXPECT_EQ(out->usage, (llm::Usage{.input = {8}}));
  EXPECT_EQ(out->usage_raw, R"({"prompt_tokens":8,"total_tokens":8})");
  EXPECT_EQ(out->model, "text-embedding-ada-002");
}

TEST(OpenAIEmbeddings, RefusesWhatIsNoAnswer) {
  const std::string usage = R"("usage":{"prompt_tokens":1,"total_tokens":1})";
  for (const auto& body :
       {std::string("not json"), std::string("[]"), std::string("{}"),
        R"({"data":[{"index":0,"embedding":[1]}]})" + std::string(),
        R"({"data":[{"index":0,"embedding":[1]}],"usage":{}})" + std::string(),
        "{\"data\":[]," + usage + "}", "{\"data\":{}," + usage + "}",
        "{\"data\":[{\"embedding\":[1]}]," + usage + "}",
        "{\"data\":[{\"index\":0.5,\"embedding\":[1]}]," + usage + "}",
        "{\"data\":[{\"index\":0,\"embedding\":[1]},{\"index\":1,\"embedding\":[1]}]," + usage +
            "}"}) {
    const auto out = read(body, 1);
    ASSERT_FALSE(out) << body;
    EXPECT_EQ(out.error().kind, ErrorKind::kBadResponse) << body;
  }
  const auto limited = read(R"({"error":{"message":"slow","type":"requests"}})", 1, 429);
  EXPECT_EQ(limited.error().kind, ErrorKind::kRateLimited);
  // A count that no answer has is cut, never negative.
  const auto most =
      read(R"({"data":[{"index":0,"embedding":[1]}],"usage":{"prompt_tokens":-5}})", 1);
  ASSERT_TRUE(most);
  EXPECT_EQ(most->usage, llm::Usage{});
  // Where the provider need not tell, nobody knows.
  const auto untold =
      codec({.usage = false})
          .decode_embed(
              asked({"x"}),
              {.status = 200, .headers = {}, .body = R"({"data":[{"index":0,"embedding":[1]}]})"},
              Time{});
  ASSERT_TRUE(untold);
  EXPECT_EQ(untold->usage, std::nullopt);
}

}  // namespace
}  // namespace weir::provider::openai_embeddings
