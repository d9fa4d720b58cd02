#pragma once
// For tests of the simulator only: one simulator with a virtual clock, and short ways to send
// requests.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "json/value.h"
#include "sim/simulator.h"

namespace weir::sim::testing {

/// A parsed reply; the values live as long as it does.
struct Parsed {
  std::unique_ptr<json::Parser> parser = std::make_unique<json::Parser>();
  json::Value root;
  explicit Parsed(std::string_view text) {
    auto value = parser->parse(text);
    EXPECT_TRUE(value.has_value()) << text;
    if (value) root = *value;
  }
  json::Value operator[](std::string_view key) const { return root[key]; }
};

/// Expects that an object has all these members, whatever they hold.
inline void expect_members(json::Value object, std::initializer_list<std::string_view> keys) {
  for (const auto key : keys) {
    bool found = false;
    for (const auto member : object.members()) found = found || member.key == key;
    EXPECT_TRUE(found) << key << " in " << object.text();
  }
}

inline std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

class Bench {
 public:
  Bench(std::unique_ptr<Provider> provider, http::Headers headers, Options options = {})
      : headers_(std::move(headers)) {
    std::vector<std::unique_ptr<Provider>> providers;
    providers.push_back(std::move(provider));
    auto made = Simulator::create(std::move(options), std::move(providers));
    EXPECT_TRUE(made.has_value()) << (made ? "" : made.error().text());
    if (made) simulator_ = std::move(*made);
  }

  Reply send(http::Method method, std::string target, std::string body = {},
             const http::Headers& more = {}) {
    http::Request request{.method = method,
                          .target = std::move(target),
                          .headers = headers_,
                          .body = std::move(body)};
    for (const auto& [name, value] : more) request.headers.set(name, value);
    return simulator_->handle(std::move(request), now_);
  }
  Reply get(std::string target, const http::Headers& more = {}) {
    return send(http::Method::kGet, std::move(target), {}, more);
  }
  Reply post(std::string target, std::string body, const http::Headers& more = {}) {
    return send(http::Method::kPost, std::move(target), std::move(body), more);
  }
  void wait(Duration time) { now_ += time; }
  [[nodiscard]] Time now() const { return now_; }
  [[nodiscard]] const std::vector<BillRow>& bill() const { return simulator_->bill().rows(); }
  Simulator& simulator() { return *simulator_; }

 private:
  http::Headers headers_;
  std::unique_ptr<Simulator> simulator_;
  Time now_ = from_unix_seconds(1'795'400'000);
};

/// So many words, one token each: a text of a known size.
inline std::string words(std::size_t tokens, std::string_view word = "stone") {
  std::string out;
  for (std::size_t i = 0; i < tokens; ++i) {
    if (i > 0) out += ' ';
    out += word;
  }
  return out;
}

}  // namespace weir::sim::testing
