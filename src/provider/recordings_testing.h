#pragma once
// For tests only: the recordings of a provider's folder, testdata/<operation>.<case>.{request,response}.json. In a request
// `body` is compared byte for byte; a body that is not JSON is a string.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "http/message.h"
#include "http/plan.h"
#include "json/patch.h"
#include "json/value.h"

namespace weir::provider {

class Recordings {
 public:
  explicit Recordings(std::string folder) : folder_(std::move(folder)) {}

  [[nodiscard]] http::Response response(const std::string& name) const {
    const std::string text = file(name + ".response.json");
    json::Parser parser;
    const auto read = parser.parse(text).value_or(json::Value());
    http::Response out;
    out.status = static_cast<int>(read["status"].integer_or(0));
    for (const auto header : read["headers"].members())
      out.headers.add(std::string(header.key), json::Value(header.value).string_or(""));
    const auto body = json::locate(text, {"body"}).value_or(json::Span{});
    out.body = read["body"].is_string() ? read["body"].string_or("")
                                        : std::string(json::raw_at(text, body));
    return out;
  }

  void expect_sends(const http::RequestPlan& plan, const std::string& name) const {
    const std::string text = file(name + ".request.json");
    json::Parser parser;
    const auto want = parser.parse(text).value_or(json::Value());
    EXPECT_EQ(to_string(plan.method), want["method"].string_or(""));
    EXPECT_EQ(plan.target, want["target"].string_or(""));
    EXPECT_EQ(plan.headers.size(), want["headers"].size()) << name;
    for (const auto header : want["headers"].members())
      EXPECT_EQ(plan.headers.find(header.key), json::Value(header.value).string()) << header.key;
    const auto body = json::locate(text, {"body"});
    ASSERT_EQ(plan.body.size(), body ? 1U : 0U);
    if (body) EXPECT_EQ(std::get<std::string>(plan.body[0]), json::raw_at(text, *body));
  }

 private:
  [[nodiscard]] std::string file(const std::string& name) const {
    std::ifstream in(folder_ + "/testdata/" + name, std::ios::binary);
    std::stringstream out;
    out << in.rdbuf();
    EXPECT_FALSE(out.str().empty()) << name;
    return out.str();
  }

  std::string folder_;
};

}  // namespace weir::provider
