// Cached contents: their life, what may stand beside them, and what they cost.
#include "sim/providers/gemini/bench_testing.h"

namespace weir::sim::gemini {
namespace {

using std::chrono::seconds;
using testing::Parsed;
using testing::words;

const std::string kContents = "/gemini/v1beta/cachedContents";
constexpr std::string_view kModel = "gemini-2.5-flash";

std::string draft(std::string_view more = R"(,"ttl":"300s")", std::size_t length = 3000) {
  return R"({"model":"models/gemini-2.5-flash","displayName":"mine","systemInstruction":{"parts":[{"text":")" +
         words(length) + R"("}]})" + std::string(more) + "}";
}
std::string naming(const std::string& name, std::string_view more = "") {
  return R"({"cachedContent":")" + name +
         R"(","contents":[{"role":"user","parts":[{"text":"one two"}]}])" + std::string(more) + "}";
}
std::string make(testing::Bench& b, std::string_view more = R"(,"ttl":"300s")") {
  const Reply reply = b.post(kContents, draft(more));
  EXPECT_EQ(reply.head.status, 200) << reply.text();
  return Parsed(reply.text())["name"].string_or("");
}
std::string message(const Reply& reply) {
  return Parsed(reply.text())["error"]["message"].string_or("");
}
TEST(GeminiContents, AreReadAtTheCachePriceAndBilledForTheirTime) {
  auto b = make_bench();
  const auto name = make(b);
  const auto tokens = b.bill().at(0).tokens.input;
  EXPECT_GT(tokens, 2048);
  EXPECT_EQ(b.bill()[0].pico_usd, tokens * 300'000);
  const Parsed answer(b.post(path_of(kModel), naming(name)).text());
  const auto usage = answer["usageMetadata"];
  EXPECT_EQ(count(usage, "cachedContentTokenCount"), tokens);
  EXPECT_GT(count(usage, "promptTokenCount"), tokens);
  EXPECT_EQ(b.bill()[1].tokens.cache_read, tokens);
  b.wait(seconds(100));
  EXPECT_EQ(b.send(http::Method::kDelete, "/gemini/v1beta/" + name).head.status, 200);
  ASSERT_EQ(b.bill().size(), 3U);
  EXPECT_EQ(b.bill()[2].attempt_id, b.bill()[0].attempt_id + "-storage");
  EXPECT_EQ(b.bill()[2].pico_usd, (tokens * 100 * 1'000'000 * 2 + 3600) / 7200);
  EXPECT_EQ(b.send(http::Method::kDelete, "/gemini/v1beta/" + name).head.status, 403);
}

TEST(GeminiContents, ExpireByThemselves) {
  auto b = make_bench();
  const auto name = make(b);
  b.wait(seconds(299));
  EXPECT_EQ(b.post(path_of(kModel), naming(name)).head.status, 200);
  // Its life is reckoned anew from now on.
  const auto changed = b.send(http::Method::kPatch, "/gemini/v1beta/" + name + "?updateMask=ttl",
                              R"({"ttl":"60s"})");
  EXPECT_EQ(changed.head.status, 200);
  b.wait(seconds(61));
  const Reply gone = b.post(path_of(kModel), naming(name));
  EXPECT_EQ(gone.head.status, 403);
  EXPECT_EQ(message(gone), "CachedContent not found (or permission denied)");
  EXPECT_EQ(b.bill().back().pico_usd,
            (b.bill()[0].tokens.input * 359 * 1'000'000 * 2 + 3600) / 7200);
}

TEST(GeminiContents, AreListedByPages) {
  auto b = make_bench();
  for (int i = 0; i < 3; ++i) make(b);
  const Parsed first(b.get(kContents + "?pageSize=2").text());
  EXPECT_EQ(first["cachedContents"].size(), 2U);
  EXPECT_EQ(json::Value(first["cachedContents"].items().at(0))["displayName"].string(), "mine");
  const Parsed second(
      b.get(kContents + "?pageSize=2&pageToken=" + first["nextPageToken"].string_or("")).text());
  EXPECT_EQ(second["cachedContents"].size(), 1U);
  EXPECT_TRUE(second["nextPageToken"].is_null());
}

TEST(GeminiContents, WhatIsRefused) {
  auto b = make_bench();
  EXPECT_NE(message(b.post(kContents, draft("", 20))).find("too small"), std::string::npos);
  EXPECT_EQ(
      b.post(kContents, draft(R"(,"ttl":"300s","expireTime":"2027-01-01T00:00:00Z")")).head.status,
      400);
  EXPECT_EQ(b.post(kContents, draft(R"(,"ttl":"-5s")")).head.status, 400);
  EXPECT_EQ(b.post(kContents, draft(R"(,"thinking":1)")).head.status, 400);
  EXPECT_TRUE(b.bill().empty());
  const auto name = make(b);
  for (const auto* more : {R"(,"systemInstruction":{"parts":[{"text":"x"}]})", R"(,"tools":[])",
                           R"(,"toolConfig":{})"})
    EXPECT_NE(message(b.post(path_of(kModel), naming(name, more))).find("can not be used with"),
              std::string::npos)
        << more;
  EXPECT_NE(message(b.post(path_of("gemini-2.5-pro"), naming(name))).find("has to be the same"),
            std::string::npos);
  EXPECT_EQ(b.post(path_of(kModel, "batchGenerateContent"),
                   create_body(upload(b, line_of("r", naming(name)))))
                .head.status,
            400);
}

}  // namespace
}  // namespace weir::sim::gemini
