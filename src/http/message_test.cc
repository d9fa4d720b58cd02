#include "http/message.h"

#include <gtest/gtest.h>

#include "http/plan.h"

namespace weir::http {
namespace {

TEST(Headers, NamesCompareWithoutCaseAndKeepTheirOrder) {
  Headers headers{{"Content-Type", "a"}, {"X-One", "1"}};
  EXPECT_EQ(headers.find("content-type"), "a");
  EXPECT_EQ(headers.find("x-two"), std::nullopt);
  headers.set("CONTENT-TYPE", "b");
  headers.set("X-Two", "2");
  headers.add("x-one", "again");
  EXPECT_EQ(headers.size(), 4U);
  EXPECT_EQ(headers.find("Content-Type"), "b");
  EXPECT_EQ(headers.find("X-One"), "1");
  EXPECT_EQ(headers.begin()->first, "Content-Type");
}

TEST(Method, TextBothWays) {
  for (const auto method : {Method::kGet, Method::kPost, Method::kPut, Method::kPatch,
                            Method::kDelete, Method::kHead, Method::kOptions})
    EXPECT_EQ(parse_method(to_string(method)), method);
  EXPECT_EQ(parse_method("get"), std::nullopt);
  EXPECT_EQ(parse_method(""), std::nullopt);
}

TEST(Status, ReasonPhrases) {
  EXPECT_EQ(reason_phrase(200), "OK");
  EXPECT_EQ(reason_phrase(404), "Not Found");
  EXPECT_EQ(reason_phrase(529), "Overloaded");
  EXPECT_EQ(reason_phrase(299), "Unknown");
}

TEST(RequestPlan, LengthIsKnownBeforeTheSend) {
  RequestPlan plan;
  EXPECT_EQ(plan.content_length(), 0U);
  plan.body = {std::string("head"), ImageSlice{10, 1'000'000}, std::string("tail!")};
  EXPECT_EQ(plan.content_length(), 1'000'009U);
}

}  // namespace
}  // namespace weir::http
