// The planner's blocks of a provider-neutral request, and where its marks land.
#include <gtest/gtest.h>

#include "plan/request_blocks.h"
#include "sample.h"

namespace weir::translation {
namespace {

using Keys = std::vector<plan::BlockKey>;

Keys keys_of(std::string_view provider, const llm::Request& request) {
  plan::RequestBlocks blocks(adapter_of(provider));
  const auto keys = blocks.of(request, 0);
  return {keys.begin(), keys.end()};
}

// How many blocks the two share from the front.
std::size_t shared(const Keys& a, const Keys& b) {
  std::size_t n = 0;
  while (n < a.size() && n < b.size() && a[n].hash == b[n].hash) ++n;
  return n;
}

std::string encoded(std::string_view provider, const llm::Request& request) {
  std::string out;
  EXPECT_TRUE(adapter_of(provider).encode_item("id", request, out));
  return out;
}

// What stands ahead of the provider's markers, once for each.
std::vector<std::string> ahead_of_markers(std::string_view provider,
                                          const std::vector<std::uint32_t>& places) {
  auto request = sample(provider);
  const auto set =
      plan::apply_marks(request, places, llm::CacheTtl::kDefault, adapter_of(provider));
  request.cache = llm::CachePolicy::kMarked;
  const auto text = encoded(provider, request);
  const std::string_view marker =
      provider == "anthropic" ? R"(,"cache_control")" : R"(,"prompt_cache_breakpoint")";
  std::vector<std::string> out;
  for (auto at = text.find(marker); at != std::string::npos; at = text.find(marker, at + 1))
    out.push_back(text.substr(0, at));
  EXPECT_EQ(out.size(), set);
  return out;
}

TEST(Blocks, ToolsStandFirst) {
  // Two tools, the system prompt, image, text, text, call, result, text.
  EXPECT_EQ(keys_of("anthropic", sample("anthropic")).size(), 9U);
  // The tools go with the system prompt; the assistant's message with the result behind it.
  EXPECT_EQ(keys_of("openAI", sample("openAI")).size(), 5U);
}

TEST(Blocks, TokensAreThoseOfTheWhole) {
  for (const std::string_view provider : {"anthropic", "openAI"}) {
    plan::RequestBlocks blocks(adapter_of(provider));
    std::uint64_t sum = 0;
    for (const auto& key : blocks.of(sample(provider), 0)) sum += key.tokens;
    EXPECT_EQ(sum, blocks.tokens());
    EXPECT_GT(sum, 1600U);  // the image
    EXPECT_LT(sum, 1800U);
  }
}

TEST(Blocks, EveryPartTellsPrefixesApart) {
  struct Case {
    void (*change)(llm::Request&);
    std::size_t anthropic, openai;  // blocks that stay shared
  };
  const Case cases[] = {
      {[](auto& r) { r.tools[0].name = "x"; }, 0, 0},
      {[](auto& r) { r.tools[1].description = "x"; }, 1, 0},
      {[](auto& r) { r.tools[1].parameters_json = "{}"; }, 1, 0},
      {[](auto& r) { r.tools.pop_back(); }, 1, 0},
      {[](auto& r) { r.system[0].text = "x"; }, 2, 0},
      {[](auto& r) { r.tool_choice.kind = llm::ToolChoice::Kind::kRequired; }, 3, 0},
      {[](auto& r) { r.messages[0].content.erase(r.messages[0].content.begin()); }, 3, 1},
      {[](auto& r) { r.messages[0].content[0].image->data = "AAAA"; }, 3, 1},
      {[](auto& r) { r.messages[1].content[1].tool_call->id = "x"; }, 6, 3},
      {[](auto& r) { r.messages[1].content[1].tool_call->arguments_json = "{}"; }, 6, 3},
      {[](auto& r) { r.messages[2].content[0].tool_result->text = "x"; }, 7, 3},
      {[](auto& r) { r.messages[2].content[0].tool_result->is_error = true; }, 7, 3},
  };
  for (std::size_t i = 0; i < std::size(cases); ++i)
    for (const std::string_view provider : {"anthropic", "openAI"}) {
      auto changed = sample(provider);
      cases[i].change(changed);
      EXPECT_EQ(shared(keys_of(provider, sample(provider)), keys_of(provider, changed)),
                provider == "anthropic" ? cases[i].anthropic : cases[i].openai)
          << "case " << i << ", " << provider;
    }
}

TEST(Marks, LandOnTheBlocksThatWereCounted) {
  struct Provider {
    std::string_view name;
    std::vector<std::string_view> ends;  // of the blocks that can be marked, in order
  };
  const Provider all[] = {{"anthropic",
                           {R"("required":["page"]})", R"("input_schema":{"type":"object"})",
                            R"("You answer questions on documents.")", R"("data":"iVBORw0KGgo="})",
                            R"("What does page 3 say?")", R"("I read it.")",
                            R"("input":{"page":3})", R"("Page three.")", R"("And page 4?")"}},
                          {"openAI",
                           {R"("You answer questions on documents.")", R"(base64,iVBORw0KGgo="})",
                            R"("What does page 3 say?")", R"("Page three.")", R"("And page 4?")"}}};
  for (const auto& [provider, ends] : all) {
    ASSERT_EQ(keys_of(provider, sample(provider)).size(), ends.size());
    for (std::uint32_t place = 0; place < ends.size(); ++place) {
      const auto ahead = ahead_of_markers(provider, {place});
      ASSERT_EQ(ahead.size(), 1U) << provider << place;
      EXPECT_TRUE(ahead[0].ends_with(ends[place])) << provider << place << ahead[0];
    }
    EXPECT_TRUE(ahead_of_markers(provider, {static_cast<std::uint32_t>(ends.size())}).empty());
    EXPECT_EQ(ahead_of_markers(provider, {0, 1, 3, 4}).size(), 4U);
  }
}

// A tail that cannot be marked is a block, but no place.
TEST(Marks, AreLeftOutBehindTheLastPlace) {
  auto request = sample("openAI");
  request.messages.pop_back();
  EXPECT_EQ(keys_of("openAI", request).size(), 4U);
  EXPECT_EQ(plan::apply_marks(request, std::vector<std::uint32_t>{3}, llm::CacheTtl::kDefault,
                              adapter_of("openAI")),
            0U);
}

}  // namespace
}  // namespace weir::translation
