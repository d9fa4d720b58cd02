// Cached contents: what is sent byte for byte, and what is read of the answers.
#include <gmock/gmock.h>

#include "provider/cached_content.h"

namespace weir::providers::gemini {
const provider::Adapter& adapter();

namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

const provider::Credentials kOwner{.base_path = "", .key = "AIza-test"};

const provider::CachedContentCodec& codec() { return *adapter().cached_contents(); }

llm::Request conversation() {
  llm::Request out;
  out.model = "gemini-3.8-flash";
  out.system = {{.text = "Be brief."}};
  out.tools = {{.name = "find", .description = "finds", .parameters_json = R"({"type":"object"})"}};
  out.messages = {{llm::Role::kUser, {{"Read."}}},
                  {llm::Role::kAssistant, {{"Read it."}}},
                  {llm::Role::kUser, {{"And now?"}}}};
  out.output_max = Tokens{9};
  return out;
}
http::Response reply(int status, std::string body) {
  return {.status = status, .headers = {}, .body = std::move(body)};
}
constexpr std::string_view kContent =
    R"({"name":"cachedContents/abc","model":"models/gemini-3.8-flash","displayName":"weir-1",)"
    R"("createTime":"2026-11-23T00:00:00.5Z","updateTime":"2026-11-23T00:00:00.5Z",)"
    R"("expireTime":"2026-11-23T00:05:00.5Z","usageMetadata":{"totalTokenCount":7000}})";

TEST(GeminiContent, Create) {
  const auto head = conversation();
  const auto plan = codec().encode_create({.head = head,
                                           .messages = 2,
                                           .display_name = "weir-1",
                                           .attempt_id = "01ATTEMPT",
                                           .ttl = 299'500ms},
                                          kOwner);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->method, http::Method::kPost);
  EXPECT_EQ(plan->target, "/v1beta/cachedContents");
  EXPECT_EQ(plan->headers.find("x-goog-api-key"), "AIza-test");
  EXPECT_EQ(plan->headers.find("x-client-request-id"), "01ATTEMPT");
  EXPECT_EQ(
      std::get<std::string>(plan->body.at(0)),
      R"({"model":"models/gemini-3.8-flash","displayName":"weir-1",)"
      R"("systemInstruction":{"parts":[{"text":"Be brief."}]},)"
      R"("tools":[{"functionDeclarations":[{"name":"find","description":"finds","parametersJsonSchema":{"type":"object"}}]}],)"
      R"("contents":[{"role":"user","parts":[{"text":"Read."}]},{"role":"model","parts":[{"text":"Read it."}]}],)"
      R"("ttl":"300s"})");
}

TEST(GeminiContent, ARequestThatNamesOneLeavesOutWhatItHolds) {
  const auto plan =
      codec().encode_sync(conversation(), 2, "cachedContents/abc", {kOwner, "01ATTEMPT"});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->target, "/v1beta/models/gemini-3.8-flash:generateContent");
  EXPECT_EQ(plan->headers.find("x-client-request-id"), "01ATTEMPT");
  EXPECT_EQ(std::get<std::string>(plan->body.at(0)),
            R"({"cachedContent":"cachedContents/abc",)"
            R"("contents":[{"role":"user","parts":[{"text":"And now?"}]}],)"
            R"("generationConfig":{"maxOutputTokens":9}})");
}

TEST(GeminiContent, ExtendDeleteAndList) {
  const auto extend = codec().encode_extend("cachedContents/abc", 10min, kOwner);
  EXPECT_EQ(extend->method, http::Method::kPatch);
  EXPECT_EQ(extend->target, "/v1beta/cachedContents/abc?updateMask=ttl");
  EXPECT_EQ(std::get<std::string>(extend->body.at(0)), R"({"ttl":"600s"})");
  const auto drop = codec().encode_delete("cachedContents/abc", kOwner);
  EXPECT_EQ(drop->method, http::Method::kDelete);
  EXPECT_EQ(drop->target, "/v1beta/cachedContents/abc");
  EXPECT_EQ(codec().encode_list("", kOwner)->target, "/v1beta/cachedContents?pageSize=100");
  EXPECT_EQ(codec().encode_list("a b", kOwner)->target,
            "/v1beta/cachedContents?pageSize=100&pageToken=a%20b");
}

TEST(GeminiContent, Answers) {
  const auto content = codec().decode_content(reply(200, std::string(kContent)), Time{});
  ASSERT_TRUE(content);
  EXPECT_EQ(content->name, "cachedContents/abc");
  EXPECT_EQ(content->display_name, "weir-1");
  EXPECT_EQ(content->tokens.count, 7000);
  EXPECT_EQ(content->expires - content->created, 5min);
  const auto page = codec().decode_list(
      reply(200, R"({"cachedContents":[)" + std::string(kContent) + R"(],"nextPageToken":"n"})"),
      Time{});
  ASSERT_TRUE(page);
  EXPECT_EQ(page->contents.size(), 1U);
  EXPECT_EQ(page->next, "n");
  EXPECT_TRUE(codec().decode_list(reply(200, "{}"), Time{})->contents.empty());
}

TEST(GeminiContent, AnswersThatTellNothing) {
  for (const auto* body : {"", "[]", "{}", R"({"name":"cachedContents/../files/x"})",
                           R"({"name":"files/abc","createTime":"2026-11-23T00:00:00Z"})"})
    EXPECT_EQ(codec().decode_content(reply(200, body), Time{}).error().kind,
              ErrorKind::kBadResponse)
        << body;
  // Nothing but a list may say that there is none.
  for (const auto* body : {"", "[]", R"({"error":{}})", R"({"cachedContents":[{"name":"x"}]})"})
    EXPECT_EQ(codec().decode_list(reply(200, body), Time{}).error().kind, ErrorKind::kBadResponse)
        << body;
}

TEST(GeminiContent, OneThatIsGoneIsNotTheKeysFault) {
  const auto* body =
      R"x({"error":{"code":403,"message":"CachedContent not found (or permission denied)","status":"PERMISSION_DENIED"}})x";
  const auto error = adapter().decode_sync(reply(403, body), Time{}).error();
  EXPECT_EQ(error.kind, ErrorKind::kNotFound);
  EXPECT_THAT(error.hint, HasSubstr("TTL"));
}

}  // namespace
}  // namespace weir::providers::gemini
