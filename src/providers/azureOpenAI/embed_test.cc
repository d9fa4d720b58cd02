// Where embeddings go in both URL forms.
#include <gtest/gtest.h>

#include "provider/embedding.h"

namespace weir::providers::azureOpenAI {
const provider::Adapter& adapter();

namespace {

TEST(AzureEmbeddings, GoWhereChatsGo) {
  const auto target_of = [](std::string base) {
    const provider::Credentials account{.base_path = std::move(base), .key = "key"};
    const auto plan = adapter().embeddings()->encode_embed(
        {.model = "my embeddings", .inputs = {"a"}, .dimensions = 256}, {account, "1"});
    EXPECT_EQ(plan->headers.find("api-key"), "key");
    EXPECT_EQ(std::get<std::string>(plan->body.at(0)),
              R"({"model":"my embeddings","input":["a"],"encoding_format":"base64",)"
              R"("dimensions":256})");
    return plan->target;
  };
  EXPECT_EQ(target_of(""), "/openai/v1/embeddings");
  EXPECT_EQ(target_of("/openai/v1"), "/openai/v1/embeddings");
  EXPECT_EQ(target_of("/openai"),
            "/openai/deployments/my%20embeddings/embeddings?api-version=2024-10-21");
}

}  // namespace
}  // namespace weir::providers::azureOpenAI
