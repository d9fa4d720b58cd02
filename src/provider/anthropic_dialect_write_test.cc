// Tools, images, calls and results as they stand in a Messages body, and calls as they come back.
#include "provider/anthropic_dialect_write.h"

#include <gtest/gtest.h>

#include "provider/anthropic_dialect.h"

namespace weir::provider::anthropic_dialect {
namespace {

using Kind = llm::ToolChoice::Kind;

llm::Request plain() {
  llm::Request out;
  out.model = "claude-sonnet-5";
  out.output_max = Tokens{64};
  out.messages = {{.role = llm::Role::kUser, .content = {{.text = "Hi"}}}};
  return out;
}

std::string written(const llm::Request& from) {
  std::string out;
  const auto done = append_body(from, out);
  EXPECT_TRUE(done) << (done ? "" : done.error().message);
  return out;
}

ErrorKind turned_down(const llm::Request& from) {
  std::string out = "before";
  const auto done = append_body(from, out);
  EXPECT_FALSE(done);
  EXPECT_EQ(out, "before");
  EXPECT_FALSE(done.error().hint.empty());
  return done.error().kind;
}

llm::Tool look(std::optional<llm::CacheMark> mark = std::nullopt) {
  return {.name = "look",
          .description = "Looks \"it\" up",
          .parameters_json = R"({"type":"object"})",
          .mark = mark};
}

TEST(AnthropicWrite, ToolsStandAheadOfTheSystemPrompt) {
  auto in = plain();
  in.system = {{.text = "Be brief."}};
  in.tools = {look(),
              {.name = "end",
               .description = "",
               .parameters_json = "{}",
               .mark = llm::CacheMark{llm::CacheTtl::k1h}}};
  const std::string tools =
      R"({"model":"claude-sonnet-5","max_tokens":64,"tools":[{"name":"look","description":"Looks \"it\" up",)"
      R"("input_schema":{"type":"object"}},{"name":"end","input_schema":{},)"
      R"("cache_control":{"type":"ephemeral","ttl":"1h"}}],)";
  const std::string rest = R"("system":"Be brief.","messages":[{"role":"user","content":"Hi"}]})";
  EXPECT_EQ(written(in), tools + rest);
  in.tool_choice = {.kind = Kind::kNone, .name = ""};
  EXPECT_EQ(written(in), tools + R"("tool_choice":{"type":"none"},)" + rest);
  in.tool_choice = {.kind = Kind::kRequired, .name = ""};
  EXPECT_EQ(written(in), tools + R"("tool_choice":{"type":"any"},)" + rest);
  in.tool_choice = {.kind = Kind::kNamed, .name = "look"};
  EXPECT_EQ(written(in), tools + R"("tool_choice":{"type":"tool","name":"look"},)" + rest);
}

TEST(AnthropicWrite, ImagesCallsAndResults) {
  auto in = plain();
  in.messages = {
      {.role = llm::Role::kUser,
       .content = {{.text = "", .image = llm::Image{"image/png", "AAAA", ""}},
                   {.text = "",
                    .mark = llm::CacheMark{},
                    .image = llm::Image{"", "", "https://a.example/b.png"}},
                   {.text = "What is it?"}}},
      {.role = llm::Role::kAssistant,
       .content = {{.text = ""},
                   {.text = "", .tool_call = llm::ToolCall{"t1", "look", R"({"b":1,"a":2})"}},
                   {.text = "", .tool_call = llm::ToolCall{"t2", "look", "{}"}}}},
      {.role = llm::Role::kUser,
       .content = {
           {.text = "", .tool_result = llm::ToolResult{"t1", "a \"cat\""}},
           {.text = "", .mark = llm::CacheMark{}, .tool_result = llm::ToolResult{"t2", "", true}},
           {.text = "Sure?"}}}};
  EXPECT_EQ(
      written(in),
      R"({"model":"claude-sonnet-5","max_tokens":64,"messages":[{"role":"user","content":[)"
      R"({"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}},)"
      R"({"type":"image","source":{"type":"url","url":"https://a.example/b.png"},)"
      R"("cache_control":{"type":"ephemeral","ttl":"5m"}},{"type":"text","text":"What is it?"}]},)"
      R"({"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"look","input":{"b":1,"a":2}},)"
      R"({"type":"tool_use","id":"t2","name":"look","input":{}}]},{"role":"user","content":[)"
      R"({"type":"tool_result","tool_use_id":"t1","content":"a \"cat\""},)"
      R"({"type":"tool_result","tool_use_id":"t2","is_error":true,)"
      R"("cache_control":{"type":"ephemeral","ttl":"5m"}},{"type":"text","text":"Sure?"}]}]})");
}

TEST(AnthropicWrite, WhatSteersTheAnswer) {
  auto in = plain();
  in.temperature = 0.5;
  in.top_p = 0.25;
  in.stop = {"END", "\n\n"};
  in.stream = true;
  EXPECT_EQ(
      written(in),
      R"({"model":"claude-sonnet-5","max_tokens":64,"messages":[{"role":"user","content":"Hi"}],)"
      R"("temperature":0.5,"top_p":0.25,"stop_sequences":["END","\n\n"],"stream":true})");
  in.seed = 7;
  EXPECT_EQ(turned_down(in), ErrorKind::kUnsupported);
}

TEST(AnthropicWrite, MarksOfToolsCount) {
  auto in = plain();
  in.tools = {look(llm::CacheMark{}), look(llm::CacheMark{})};
  in.system = {{.text = "a", .mark = llm::CacheMark{}}, {.text = "b", .mark = llm::CacheMark{}}};
  written(in);
  in.messages[0].content[0].mark = llm::CacheMark{};
  EXPECT_EQ(turned_down(in), ErrorKind::kInvalidArgument);
  in.messages[0].content[0].mark.reset();
  in.system[1].mark = llm::CacheMark{llm::CacheTtl::k1h};  // behind the tools' 5m
  EXPECT_EQ(turned_down(in), ErrorKind::kInvalidArgument);
}

TEST(AnthropicWrite, RefusesWhatIsNoJsonObject) {
  auto in = plain();
  in.tools = {{.name = "x", .description = "", .parameters_json = "[]"}};
  EXPECT_EQ(turned_down(in), ErrorKind::kInvalidArgument);
}

TEST(AnthropicToolCalls, AreReadAsTheyStand) {
  using Calls = std::vector<llm::ToolCall>;
  EXPECT_EQ(decode_tool_calls("").value(), Calls{});
  EXPECT_EQ(decode_tool_calls(
                R"([{"type":"tool_use","id":"t1","name":"look","input":{"n":1.50, "a":"}"}},)"
                R"({"type":"tool_use","id":"t2","name":"end"},)"
                R"({"type":"tool_use","id":"t3","name":"cut","input":"{\"n\":"}])")
                .value(),
            (Calls{{"t1", "look", R"({"n":1.50, "a":"}"})"},
                   {"t2", "end", "{}"},
                   {"t3", "cut", "{\"n\":"}}));
  for (const auto* bad : {"{}", "[", R"([{"type":"tool_use","name":"x","input":{}}])",
                          R"([{"type":"tool_use","id":"x","input":{}}])", "[1]"})
    EXPECT_EQ(decode_tool_calls(bad).error().kind, ErrorKind::kBadResponse) << bad;
}

}  // namespace
}  // namespace weir::provider::anthropic_dialect
