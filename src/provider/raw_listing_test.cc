// Properties of both dialects: bodies of any shape, any valid marks.
#include "provider/raw_listing.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <string>

#include "json/value.h"
#include "provider/anthropic_dialect.h"
#include "provider/openai_chat_dialect.h"

namespace weir::provider {
namespace {

const openai_chat::Options kChat{.provider = "test", .breakpoints = true};

// Writes a body by choices, so that a failing one shrinks. A space stands before each closing brace
// and before the colon of a null marker, and no array opens with a plain text block: what we add can
// then be told from what was there.
class BodyWriter {
 public:
  BodyWriter(llm::Dialect dialect, const std::vector<std::uint8_t>& choices)
      : dialect_(dialect), choices_(choices) {}

  std::string body() {
    std::string out = pick({"{", " {", "{\n"});
    out += R"("model":"m")";
    if (coin()) out += R"(,"temperature":0.5)";
    if (coin()) out += R"( , "tools":)" + array(&BodyWriter::tool);
    if (coin()) out += R"(,"system":)" + content();
    if (coin()) out += R"(,"thinking":{"type":"adaptive" })";
    out += pick({R"(,"messages":)", R"(,"m\u0065ssages" : )"}) + array(&BodyWriter::message);
    if (coin()) out += R"(,"metadata":{"cache_control":{},"prompt_cache_breakpoint":{} })";
    return out + pick({"}", " }", "\t}\n"});
  }

 private:
  std::size_t number(std::size_t below) {
    return at_ < choices_.size() ? choices_[at_++] % below : 0;
  }
  bool coin() { return number(2) == 1; }
  std::string pick(std::initializer_list<const char*> from) {
    return *(from.begin() + number(from.size()));
  }
  std::string array(std::string (BodyWriter::*element)()) {
    std::string out = pick({"[", "[ ", "[\n"});
    const auto count = number(8);
    for (std::size_t i = 0; i < count; ++i)
      out += (i == 0 ? "" : pick({",", " ,", ", "})) + (this->*element)();
    return out + pick({"]", " ]"});
  }
  std::string text() {
    return pick({R"("a")", R"("")", R"(" \n\t")", R"("q\"\\")", R"("\u0041ü{[")",
                 R"("]}\",\"x\":")", R"("\\\\\"")"});
  }
  std::string null_marker() {
    return dialect_ == llm::Dialect::kOpenAIChat ? R"("prompt_cache_breakpoint" :null)"
                                                 : R"("cache_control" :null)";
  }
  std::string block() {
    switch (number(11)) {
      case 0:
      case 9:
      case 10: return R"({ "type":"text","text":)" + text() + " }";
      case 1:
        return R"({"text":)" + text() + pick({R"(,"type":"text" })", R"( , "type" : "text"  })"});
      case 2: return R"({"text":)" + text() + "," + null_marker() + R"(,"type":"text" })";
      case 3:
        return pick({R"({"type":"thinking","thinking":"t" })", R"({"type":"later" })", "{ }"});
      case 4: return pick({R"({"type":"image" })", R"({"type":"image_url","image_url":{ } })"});
      case 5: return R"({"type":"tool_use","id":"i","input":{"cache_control":{ } } })";
      case 6: return R"({ "type":"text","text":"twice","text":"twice" })";
      case 7: return pick({"7", "null", "[]", "\"a\"", "true"});
      default: return nested();
    }
  }
  std::string nested() {
    if (depth_ == 2) return "{ }";
    ++depth_;
    auto out = R"({"type":"tool_result","tool_use_id":"i","content":)" + content() + " }";
    --depth_;
    return out;
  }
  std::string content() {
    switch (number(6)) {
      case 0: return text();
      case 1: return pick({"null", "{ }", "3"});
      default: return array(&BodyWriter::block);
    }
  }
  std::string tool() {
    return pick({R"({"name":"t","input_schema":{"cache_control":1 } })", R"({"name":"u" })",
                 R"({"name":"v","defer_loading":true })", "{ }", "1"});
  }
  std::string message() {
    const auto role = pick({R"("role":"user")", R"("role":"system")", R"("role":"assistant")",
                            R"("role":"user","name":"n")", R"("role":"tool","tool_call_id":"1")",
                            R"("role":"user" )", R"("role":7)"});
    switch (number(9)) {
      case 0: return "{" + role + " }";
      case 1: return "{" + role + R"(,"content":"a","content":"b" })";
      case 2: return R"({"content" : )" + content() + "," + role + R"(,"tool_calls":[] })";
      default: return "{" + role + R"(,"content":)" + content() + " }";
    }
  }

  llm::Dialect dialect_;
  const std::vector<std::uint8_t>& choices_;
  std::size_t at_ = 0, depth_ = 0;
};

Result<RawBlocks> blocks_of(const llm::RawBody& raw) {
  return raw.dialect == llm::Dialect::kOpenAIChat ? openai_chat::raw_blocks(kChat, raw)
                                                  : anthropic_dialect::raw_blocks(raw);
}

Result<std::string> encoded(llm::RawBody raw) {
  llm::Request in;
  in.model = "m";
  in.cache = llm::CachePolicy::kMarked;
  in.raw = std::move(raw);
  if (in.raw->dialect == llm::Dialect::kOpenAIChat)
    return openai_chat::encode_body(kChat, in, llm::Route::kSync);
  std::string out;
  WEIR_CHECK(anthropic_dialect::append_body(in, out));
  return out;
}

// Up to four of the markable blocks; longer lifetimes first.
std::vector<llm::RawMark> any_marks(const RawBlocks& listed, llm::Dialect dialect) {
  std::vector<llm::RawMark> out;
  std::size_t long_ones = *rc::gen::inRange<std::size_t>(0, 4);
  if (dialect == llm::Dialect::kOpenAIChat) long_ones = 0;
  for (std::uint32_t i = 0; i < listed.blocks.size() && out.size() < 4; ++i) {
    if (!listed.blocks[i].markable || *rc::gen::inRange(0, 3) == 0) continue;
    out.push_back({i, out.size() < long_ones ? llm::CacheTtl::k1h : llm::CacheTtl::kDefault});
  }
  if (*rc::gen::arbitrary<bool>()) std::ranges::reverse(out);
  return out;
}

void replace_all(std::string& in, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = in.find(from, at)) != std::string::npos; at += to.size())
    in.replace(at, from.size(), to);
}

std::string without_markers(std::string patched) {
  for (const std::string marker : {R"("cache_control"@{"type":"ephemeral","ttl":"5m"})",
                                   R"("cache_control"@{"type":"ephemeral","ttl":"1h"})",
                                   R"("prompt_cache_breakpoint"@{"mode":"explicit"})"}) {
    const auto at = marker.find('@');
    const auto key = marker.substr(0, at), value = marker.substr(at + 1);
    replace_all(patched, fmt::format("{} :{}", key, value), fmt::format("{} :null", key));
    replace_all(patched, fmt::format(",{}:{}}}]", key, value), "");
    replace_all(patched, fmt::format(",{}:{}", key, value), "");
  }
  replace_all(patched, R"([{"type":"text","text":)", "");
  replace_all(patched, R"(,"prompt_cache_options":{"mode":"explicit","ttl":"30m"})", "");
  return patched;
}

std::size_t count(std::string_view in, std::string_view what) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = in.find(what, at)) != std::string_view::npos; ++at) ++found;
  return found;
}

// The markers that a reader of the prompt finds; of repeated members, the first counts.
std::size_t markers(json::Value value) {
  std::size_t found = 0;
  for (const auto item : value.items()) found += markers(json::Value(item));
  for (const auto member : value.members()) {
    const json::Value inner(member.value);
    if (member.key == "input" || member.key == "input_schema" || member.key == "metadata") continue;
    const bool is_marker = member.key == "cache_control" || member.key == "prompt_cache_breakpoint";
    found += is_marker && inner.is_object() ? 1 : markers(inner);
  }
  return found;
}

void check_marks(llm::Dialect dialect, const std::vector<std::uint8_t>& choices) {
  llm::RawBody raw{dialect, BodyWriter(dialect, choices).body()};
  json::Parser parser;
  RC_ASSERT(parser.parse(raw.bytes).has_value());
  const auto listed = blocks_of(raw);
  RC_ASSERT(listed.has_value());
  RC_ASSERT(!listed->own_marks);
  raw.marks = any_marks(*listed, dialect);
  RC_TAG(raw.marks.size());
  const auto patched = encoded(raw);
  RC_ASSERT(patched.has_value());
  const auto read = parser.parse(*patched);
  RC_ASSERT(read.has_value());
  RC_ASSERT(markers(*read) == raw.marks.size());
  RC_ASSERT(without_markers(*patched) == raw.bytes);
  const auto again = blocks_of({dialect, *patched});
  RC_ASSERT(again.has_value());
  RC_ASSERT(again->own_marks == !raw.marks.empty());
  RC_ASSERT(again->blocks.size() == listed->blocks.size());
}

// Enough choices for bodies of some ten blocks; those that matter not shrink to 0.
std::vector<std::uint8_t> any_choices() {
  constexpr std::size_t kChoices = 150;
  return *rc::gen::resize(rc::kNominalSize, rc::gen::container<std::vector<std::uint8_t>>(
                                                kChoices, rc::gen::inRange<std::uint8_t>(0, 255)));
}

RC_GTEST_PROP(RawMarks, AnthropicBodiesKeepAllElse, ()) {
  check_marks(llm::Dialect::kAnthropicMessages, any_choices());
}

RC_GTEST_PROP(RawMarks, ChatBodiesKeepAllElse, ()) {
  check_marks(llm::Dialect::kOpenAIChat, any_choices());
}

TEST(RawListing, BlankTextsSayNothing) {
  for (const auto* blank : {R"("")", R"("  ")", R"(" \n\t\r ")", "", "7", "null", "[]"})
    EXPECT_FALSE(says_something(blank)) << blank;
  for (const auto* text : {R"("a")", R"(" \\")", R"("\u0020")", R"(" \" ")"})
    EXPECT_TRUE(says_something(text)) << text;
  EXPECT_TRUE(has_elements("[ 1]"));
  EXPECT_FALSE(has_elements("[ \n]"));
  EXPECT_FALSE(has_elements("{}"));
}

TEST(RawListing, AMegabyteOfBlocksTakesNoTime) {
  // Quadratic work would take minutes here: 20,000 blocks, and the marks at their end.
  std::string bytes = R"({"model":"m","messages":[{"role":"user","content":[)";
  constexpr std::uint32_t kBlocks = 20'000;
  for (std::uint32_t i = 0; i < kBlocks; ++i)
    bytes += (i == 0 ? "" : ",") + std::string(R"({"type":"text","text":")") +
             std::string(40, 'x') + "\"}";
  llm::RawBody raw{llm::Dialect::kAnthropicMessages, bytes + "]}]}"};
  for (std::uint32_t i = 0; i < 4; ++i) raw.marks.push_back({kBlocks - 1 - i});
  const auto patched = encoded(raw);
  ASSERT_TRUE(patched);
  EXPECT_EQ(count(*patched, "cache_control"), 4U);
}

}  // namespace
}  // namespace weir::provider
