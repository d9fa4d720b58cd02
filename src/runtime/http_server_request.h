#pragma once
// Internal to http_server: parses a request into a http::Request, within the server's limits:
// Beast's basic_parser without its message and body containers. One parser a request; it borrows
// the request, the options and the budget, and gives its share of the budget back when it ends.
#include <algorithm>
#include <boost/beast/core/string_type.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <cstddef>
#include <cstdint>
#include <string>

#include "http/message.h"
#include "runtime/http_io.h"
#include "runtime/http_server.h"

namespace weir::runtime::internal {

// A body's memory grows in doublings from here, whatever length the client promises.
inline constexpr std::uint64_t kBodyStep = 1 << 20;

// Memory for bodies, shared by all connections.
struct BodyBudget {
  std::uint64_t used = 0;
  std::uint64_t max = 0;
};

class RequestParser final : public beast::http::basic_parser<true> {
 public:
  RequestParser(http::Request* request, const HttpServer::Options& options, BodyBudget* budget)
      : request_(request), options_(options), budget_(budget) {
    header_limit(options.header_bytes_max);
    body_limit(boost::none);
  }
  ~RequestParser() override { budget_->used -= reserved_; }

  /// What to answer instead of calling the handler; 0 when all is well.
  [[nodiscard]] int refusal() const { return refusal_; }
  [[nodiscard]] bool expects_continue() const { return expects_continue_; }
  [[nodiscard]] bool http11() const { return version_ == 11; }

 private:
  using Text = beast::string_view;
  void on_request_impl(beast::http::verb, Text method, Text target, int version, Code&) override {
    version_ = version;
    const auto known = http::parse_method({method.data(), method.size()});
    if (known) request_->method = *known;
    else refusal_ = 501;
    request_->target.assign(target.data(), target.size());
  }
  void on_response_impl(int, Text, int, Code&) override {}
  void on_field_impl(beast::http::field field, Text name, Text value, Code& ec) override {
    // Beast applies its limit to what is unparsed, so fields that drip in one by one would pass it.
    header_bytes_ += name.size() + value.size() + 4;
    if (header_bytes_ > options_.header_bytes_max) {
      ec = beast::http::error::header_limit;
      return;
    }
    if (is_header_done()) return;  // a trailer
    if (field == beast::http::field::host) ++hosts_;
    if (field == beast::http::field::transfer_encoding) has_transfer_encoding_ = true;
    if (field == beast::http::field::expect)
      expects_continue_ = http::equal_ignoring_case({value.data(), value.size()}, "100-continue");
    request_->headers.add(std::string(name), std::string(value));
  }
  void on_header_impl(Code&) override {
    if (refusal_ != 0) return;
    if (hosts_ > 1 || (hosts_ == 0 && version_ == 11)) refusal_ = 400;
    // A coding that we cannot undo: where the body ends is unknown.
    else if (has_transfer_encoding_ && (!chunked() || version_ == 10)) refusal_ = 501;
    else if (const auto length = content_length(); length && *length > options_.body_bytes_max)
      refusal_ = 413;
  }
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, Code&) override {
    length_ = length.value_or(0);
  }
  std::size_t on_body_impl(Text bytes, Code& ec) override {
    auto& body = request_->body;
    const auto size = body.size() + bytes.size();
    if (size > options_.body_bytes_max) refusal_ = 413;
    else if (size > reserved_ && !grow(size)) refusal_ = 503;
    if (refusal_ != 0) ec = beast::http::error::body_limit;
    else body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t, Text, Code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, Text bytes, Code& ec) override {
    return on_body_impl(bytes, ec);
  }
  void on_finish_impl(Code&) override {}

  bool grow(std::uint64_t size) {
    auto wanted = std::max({size, reserved_ * 2, kBodyStep});
    if (length_ >= size) wanted = std::min(wanted, length_);
    if (budget_->used - reserved_ + wanted > budget_->max) return false;
    budget_->used += wanted - reserved_;
    reserved_ = wanted;
    request_->body.reserve(wanted);
    return true;
  }

  http::Request* request_;
  const HttpServer::Options& options_;
  BodyBudget* budget_;
  std::uint64_t reserved_ = 0;
  std::uint64_t length_ = 0;
  std::size_t header_bytes_ = 0;
  int version_ = 11;
  int refusal_ = 0;
  int hosts_ = 0;
  bool has_transfer_encoding_ = false;
  bool expects_continue_ = false;
};

}  // namespace weir::runtime::internal
