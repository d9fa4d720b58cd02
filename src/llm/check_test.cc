#include "llm/check.h"

#include <gtest/gtest.h>

namespace weir::llm {
namespace {

Request request_of(Role role, std::vector<Block> blocks) {
  Request out;
  out.messages = {{.role = Role::kUser, .content = {{.text = "Hi"}}},
                  {.role = role, .content = std::move(blocks)}};
  return out;
}

void expect_refused(const Request& request, std::string_view why) {
  const auto done = check_parts(request);
  ASSERT_FALSE(done) << why;
  EXPECT_EQ(done.error().kind, ErrorKind::kInvalidArgument);
  EXPECT_NE(done.error().message.find(why), std::string::npos) << done.error().message;
  EXPECT_FALSE(done.error().hint.empty()) << why;
}

Block image(std::string media_type, std::string data, std::string url) {
  return {.text = "", .image = Image{std::move(media_type), std::move(data), std::move(url)}};
}
Block call(std::string arguments) {
  return {.text = "", .tool_call = ToolCall{"c1", "look", std::move(arguments)}};
}
Block result() { return {.text = "", .tool_result = ToolResult{"c1", "found"}}; }

TEST(CheckParts, TakesWhatBelongsWhereItStands) {
  EXPECT_TRUE(check_parts(Request{}));
  EXPECT_TRUE(check_parts(request_of(Role::kUser, {result(), result(), {.text = "And?"}})));
  EXPECT_TRUE(check_parts(request_of(Role::kUser, {image("image/png", "AAAA", "")})));
  EXPECT_TRUE(check_parts(request_of(Role::kUser, {image("", "", "https://a.example/b.png")})));
  EXPECT_TRUE(check_parts(request_of(Role::kAssistant, {{.text = "I look."}, call("{}")})));
}

TEST(CheckParts, RefusesWhatCannotBeSaid) {
  for (const auto* no_object : {"", "[]", "1", "{", "{}{}", "\"{}\"", "null"}) {
    expect_refused(request_of(Role::kAssistant, {call(no_object)}), "message 2: the arguments");
    Request tools;
    tools.tools = {{.name = "a", .description = "", .parameters_json = "{}"},
                   {.name = "b", .description = "", .parameters_json = no_object}};
    expect_refused(tools, "the parameters of tool 2");
  }
  expect_refused(request_of(Role::kUser, {call("{}")}), "a tool call stands");
  expect_refused(request_of(Role::kAssistant, {result()}), "an image or a tool result stands");
  expect_refused(request_of(Role::kAssistant, {image("", "", "https://a.example")}),
                 "an image or a tool result stands");
  expect_refused(request_of(Role::kUser, {{.text = "And?"}, result()}), "behind another part");
  expect_refused(request_of(Role::kUser, {image("", "AAAA", "")}), "an image has");
  expect_refused(request_of(Role::kUser, {image("image/png", "", "")}), "an image has");
  expect_refused(request_of(Role::kUser, {image("image/png", "AAAA", "https://a.example")}),
                 "an image has");
  auto both = result();
  both.text = "text";
  expect_refused(request_of(Role::kUser, {both}), "several things");
  Request system;
  system.system = {result()};
  expect_refused(system, "system prompt");
}

TEST(CheckParts, LeavesReadyMadeBodiesAlone) {
  Request request;
  request.tools = {{.name = "a", .description = "", .parameters_json = "no JSON"}};
  request.raw = RawBody{Dialect::kOpenAIChat, "{}"};
  EXPECT_TRUE(check_parts(request));
}

TEST(JoinPieces, EndsAtWhatIsNoText) {
  auto request = request_of(Role::kUser, {{.text = "a", .goes_on = true},
                                          {.text = "b", .goes_on = true},
                                          image("", "", "https://a.example"),
                                          {.text = "c", .goes_on = true},
                                          {.text = "d"}});
  join_pieces(request);
  const auto& content = request.messages[1].content;
  ASSERT_EQ(content.size(), 3U);
  EXPECT_EQ(content[0].text, "ab");
  EXPECT_TRUE(content[1].image);
  EXPECT_EQ(content[2].text, "cd");
}

}  // namespace
}  // namespace weir::llm
