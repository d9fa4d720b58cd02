#include "plan/request_head.h"

#include <gtest/gtest.h>

#include <functional>

namespace weir::plan {
namespace {

using llm::Request;
using llm::Role;

Request asking(std::string text) {
  Request out;
  out.tools = {{.name = "find", .description = "finds", .parameters_json = "{}"}};
  out.system = {{.text = "Be "}, {.text = "brief."}};
  out.system.front().goes_on = true;
  out.messages = {{Role::kUser, {{"Read this."}}},
                  {Role::kAssistant, {{"Read."}}},
                  {Role::kUser, {{std::move(text)}}}};
  return out;
}

TEST(RequestHead, WhatAllBeginWith) {
  HeadFinder finder;
  EXPECT_EQ(finder.head().bytes, 0U);
  for (const auto* text : {"a", "b", "c"}) {
    auto request = asking(text);
    finder.add(request);
  }
  const auto head = finder.head();
  EXPECT_EQ(head.messages, 2U);
  EXPECT_EQ(head.bytes, std::string_view("findfinds{}Be brief.Read this.Read.").size());
  auto fresh = asking("d");
  llm::join_pieces(fresh);
  EXPECT_EQ(head_of(fresh, 2), head);
  auto trimmed = fresh;
  trimmed.messages.resize(2);
  EXPECT_TRUE(has_head(fresh, trimmed, 2));
  fresh.messages[1].content[0].text = "No.";
  EXPECT_FALSE(has_head(fresh, trimmed, 2));
  EXPECT_TRUE(has_head(fresh, trimmed, 1) == false);  // the assistant would be the first to speak
}

TEST(RequestHead, IsCutWhereTheUserSpeaks) {
  HeadFinder finder;
  auto first = asking("a"), second = asking("b");
  second.messages[1].content[0].text = "Another answer.";
  finder.add(first);
  finder.add(second);
  EXPECT_EQ(finder.head().messages, 0U);  // not behind the first: what follows is the assistant's
  EXPECT_GT(finder.head().bytes, 0U);
}

TEST(RequestHead, ARequestIsNeverAllHead) {
  HeadFinder finder;
  for (int i = 0; i < 2; ++i) {
    auto same = asking("the same");
    finder.add(same);
  }
  EXPECT_EQ(finder.head().messages, 2U);
}

TEST(RequestHead, NothingIsSharedAcrossSystemsToolsChoicesAndMarks) {
  const auto shares = [](const std::function<void(Request&)>& change) {
    HeadFinder finder;
    auto first = asking("a"), second = asking("b");
    change(second);
    finder.add(first);
    finder.add(second);
    return finder.head().bytes > 0;
  };
  EXPECT_TRUE(shares([](Request&) {}));
  EXPECT_FALSE(shares([](Request& r) { r.system.back().text = "long."; }));
  EXPECT_FALSE(shares([](Request& r) { r.tools.front().description = "seeks"; }));
  EXPECT_FALSE(shares([](Request& r) { r.tool_choice.kind = llm::ToolChoice::Kind::kNone; }));
  EXPECT_FALSE(shares([](Request& r) { r.system.back().mark = llm::CacheMark{}; }));
  EXPECT_FALSE(shares([](Request& r) { r.raw = llm::RawBody{.bytes = "{}"}; }));
}

}  // namespace
}  // namespace weir::plan
