// Tools, images, calls and results as they stand in a chat body, and calls as they come back.
#include "provider/openai_chat_dialect_write.h"

#include <gtest/gtest.h>

namespace weir::provider::openai_chat {
namespace {

using Kind = llm::ToolChoice::Kind;

const Options kWriteOptions{
    .provider = "test", .breakpoints = true, .cache_key = true, .errors = {}};

llm::Request plain() {
  llm::Request out;
  out.model = "gpt-6-sol";
  out.messages = {{.role = llm::Role::kUser, .content = {{.text = "Hi"}}}};
  return out;
}

std::string body(const llm::Request& from, llm::Route route = llm::Route::kSync) {
  const auto out = encode_body(kWriteOptions, from, route);
  EXPECT_TRUE(out) << (out ? "" : out.error().message);
  return out.value_or("");
}

ErrorKind refused(const llm::Request& from) {
  const auto out = encode_body(kWriteOptions, from, llm::Route::kSync);
  EXPECT_FALSE(out);
  EXPECT_FALSE(out.error().hint.empty());
  return out.error().kind;
}

TEST(OpenaiChatWrite, ToolsStandAheadOfTheMessages) {
  auto in = plain();
  in.tools = {{.name = "look",
               .description = "Looks \"it\" up",
               .parameters_json = "{\"type\":\n\"object\"}"},
              {.name = "end", .description = "", .parameters_json = "{}"}};
  const std::string tools =
      R"({"model":"gpt-6-sol","tools":[{"type":"function","function":{"name":"look",)"
      R"("description":"Looks \"it\" up","parameters":{"type": "object"}}},)"
      R"({"type":"function","function":{"name":"end","parameters":{}}}],)";
  const std::string rest = R"("messages":[{"role":"user","content":"Hi"}]})";
  EXPECT_EQ(body(in), tools + rest);
  EXPECT_EQ(body(in, llm::Route::kBatch), tools + rest);
  in.tool_choice = {.kind = Kind::kNone, .name = ""};
  EXPECT_EQ(body(in), tools + R"("tool_choice":"none",)" + rest);
  in.tool_choice = {.kind = Kind::kRequired, .name = ""};
  EXPECT_EQ(body(in), tools + R"("tool_choice":"required",)" + rest);
  in.tool_choice = {.kind = Kind::kNamed, .name = "look"};
  EXPECT_EQ(body(in),
            tools + R"("tool_choice":{"type":"function","function":{"name":"look"}},)" + rest);
  in.tools[0].mark = llm::CacheMark{};
  EXPECT_EQ(refused(in), ErrorKind::kUnsupported);
  in.tools = {{.name = "x", .description = "", .parameters_json = "[]"}};
  EXPECT_EQ(refused(in), ErrorKind::kInvalidArgument);
}

llm::Request conversation() {
  auto in = plain();
  in.messages = {{.role = llm::Role::kUser,
                  .content = {{.text = "", .image = llm::Image{"image/png", "AAAA", ""}},
                              {.text = "", .image = llm::Image{"", "", "https://a.example/b.png"}},
                              {.text = "What is it?"}}},
                 {.role = llm::Role::kAssistant,
                  .content = {{.text = ""},
                              {.text = "", .tool_call = llm::ToolCall{"t1", "look", "{\"a\":\n1}"}},
                              {.text = "", .tool_call = llm::ToolCall{"t2", "look", "{}"}}}},
                 {.role = llm::Role::kUser,
                  .content = {{.text = "", .tool_result = llm::ToolResult{"t1", "a \"cat\""}},
                              {.text = "", .tool_result = llm::ToolResult{"t2", ""}},
                              {.text = "Sure"},
                              {.text = "?"}}},
                 {.role = llm::Role::kAssistant,
                  .content = {{.text = "Once more."},
                              {.text = "", .tool_call = llm::ToolCall{"t3", "look", "{}"}}}},
                 {.role = llm::Role::kUser,
                  .content = {{.text = "", .tool_result = llm::ToolResult{"t3", "yes"}}}}};
  return in;
}

TEST(OpenaiChatWrite, ImagesCallsAndResults) {
  const std::string expected =
      R"({"model":"gpt-6-sol","messages":[{"role":"user","content":[)"
      R"({"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},)"
      R"({"type":"image_url","image_url":{"url":"https://a.example/b.png"}},)"
      R"({"type":"text","text":"What is it?"}]},{"role":"assistant","content":null,"tool_calls":[)"
      R"({"id":"t1","type":"function","function":{"name":"look","arguments":"{\"a\":\n1}"}},)"
      R"({"id":"t2","type":"function","function":{"name":"look","arguments":"{}"}}]},)"
      R"({"role":"tool","tool_call_id":"t1","content":"a \"cat\""},)"
      R"({"role":"tool","tool_call_id":"t2","content":""},{"role":"user","content":"Sure?"},)"
      R"({"role":"assistant","content":"Once more.","tool_calls":[)"
      R"({"id":"t3","type":"function","function":{"name":"look","arguments":"{}"}}]},)"
      R"({"role":"tool","tool_call_id":"t3","content":"yes"}]})";
  EXPECT_EQ(body(conversation()), expected);
  EXPECT_EQ(body(conversation(), llm::Route::kBatch), expected);
}

TEST(OpenaiChatWrite, MarksOfImagesAndResults) {
  auto in = conversation();
  in.cache = llm::CachePolicy::kMarked;
  in.messages[0].content[1].mark = llm::CacheMark{};
  in.messages[2].content[0].mark = llm::CacheMark{};
  const auto text = body(in);
  EXPECT_NE(text.find(R"({"type":"image_url","image_url":{"url":"https://a.example/b.png"},)"
                      R"("prompt_cache_breakpoint":{"mode":"explicit"}})"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(R"({"role":"tool","tool_call_id":"t1","content":[{"type":"text",)"
                      R"("text":"a \"cat\"","prompt_cache_breakpoint":{"mode":"explicit"}}]},)"
                      R"({"role":"tool","tool_call_id":"t2","content":""})"),
            std::string::npos)
      << text;
  in.messages[1].content[1].mark = llm::CacheMark{};
  EXPECT_EQ(refused(in), ErrorKind::kUnsupported);
}

TEST(OpenaiChatWrite, AFailedToolCannotBeTold) {
  auto in = conversation();
  in.messages[2].content[1].tool_result->is_error = true;
  EXPECT_EQ(refused(in), ErrorKind::kUnsupported);
}

TEST(OpenaiChatWrite, WhatSteersTheAnswer) {
  auto in = plain();
  in.output_max = Tokens{9};
  in.temperature = 0.5;
  in.top_p = 0.25;
  in.seed = -7;
  in.stop = {"END", "\n\n"};
  EXPECT_EQ(body(in), R"({"model":"gpt-6-sol","messages":[{"role":"user","content":"Hi"}],)"
                      R"("max_completion_tokens":9,"temperature":0.5,"top_p":0.25,"seed":-7,)"
                      R"("stop":["END","\n\n"]})");
}

TEST(OpenaiChatToolCalls, AreReadAsTheyStand) {
  using Calls = std::vector<llm::ToolCall>;
  EXPECT_EQ(decode_tool_calls(kWriteOptions, "").value(), Calls{});
  EXPECT_EQ(
      decode_tool_calls(
          kWriteOptions,
          R"([{"id":"t1","type":"function","function":{"name":"look","arguments":"{\"n\": 1.50}"}},)"
          R"({"id":"t2","type":"custom","custom":{"name":"free","input":"text"}},)"
          R"({"id":"t3","function":{"name":"end","arguments":""}}])")
          .value(),
      (Calls{{"t1", "look", "{\"n\": 1.50}"}, {"t3", "end", "{}"}}));
  for (const auto* bad :
       {"{}", "[", R"([{"type":"function","function":{"name":"x","arguments":"{}"}}])",
        R"([{"id":"x","type":"function","function":{"arguments":"{}"}}])", "[1]"})
    EXPECT_EQ(decode_tool_calls(kWriteOptions, bad).error().kind, ErrorKind::kBadResponse) << bad;
}

}  // namespace
}  // namespace weir::provider::openai_chat
