// Cached contents of Vertex AI: the paths and names that are its own; the rest is the dialect's, as gemini's tests show.
#include <gtest/gtest.h>

#include "provider/cached_content.h"

namespace weir::providers::vertexAI {
const provider::Adapter& adapter();

namespace {

using namespace std::chrono_literals;

const provider::CachedContentCodec& codec() { return *adapter().cached_contents(); }

provider::Credentials in_shop() {
  provider::Credentials out{.base_path = "", .key = "ya29.token"};
  out.settings.set("project", "shop");
  out.settings.set("location", "us-central1");
  return out;
}
llm::Request question() {
  llm::Request out;
  out.model = "gemini-2.5-flash";
  out.system = {{.text = "Be brief."}};
  out.messages = {{llm::Role::kUser, {{"And now?"}}}};
  return out;
}

TEST(VertexContent, Paths) {
  const auto owner = in_shop();
  const auto head = question();
  const auto create = codec().encode_create(
      {.head = head, .display_name = "weir-1", .attempt_id = "01A", .ttl = 300s}, owner);
  ASSERT_TRUE(create);
  EXPECT_EQ(create->target, "/v1/projects/shop/locations/us-central1/cachedContents");
  EXPECT_EQ(
      std::get<std::string>(create->body.at(0)),
      R"({"model":"projects/shop/locations/us-central1/publishers/google/models/gemini-2.5-flash",)"
      R"("displayName":"weir-1","systemInstruction":{"parts":[{"text":"Be brief."}]},"ttl":"300s"})");
  EXPECT_EQ(codec().encode_delete("cachedContents/7", owner)->target,
            "/v1/projects/shop/locations/us-central1/cachedContents/7");
  EXPECT_EQ(codec().encode_extend("cachedContents/7", 300s, owner)->target,
            "/v1/projects/shop/locations/us-central1/cachedContents/7?updateMask=ttl");
}

TEST(VertexContent, NamesCarryTheProjectsNumberAndAreAskedForByItsName) {
  const auto content = codec().decode_content(
      {.status = 200,
       .headers = {},
       .body = R"({"name":"projects/123456789012/locations/us-central1/cachedContents/77",)"
               R"("createTime":"2026-11-23T00:00:00Z","expireTime":"2026-11-23T01:00:00Z",)"
               R"("usageMetadata":{"totalTokenCount":"5000"}})"},
      Time{});
  ASSERT_TRUE(content);
  EXPECT_EQ(content->name, "cachedContents/77");
  EXPECT_EQ(content->tokens.count, 5000);
  const auto owner = in_shop();
  const auto plan = codec().encode_sync(question(), 0, content->name, {owner, "01A"});
  ASSERT_TRUE(plan);
  EXPECT_EQ(std::get<std::string>(plan->body.at(0)),
            R"({"cachedContent":"projects/shop/locations/us-central1/cachedContents/77",)"
            R"("contents":[{"role":"user","parts":[{"text":"And now?"}]}]})");
}

TEST(VertexContent, WithoutAProjectNothingIsSent) {
  EXPECT_EQ(codec().encode_list("", {.base_path = "", .key = "k"}).error().kind,
            ErrorKind::kInvalidArgument);
}

}  // namespace
}  // namespace weir::providers::vertexAI
