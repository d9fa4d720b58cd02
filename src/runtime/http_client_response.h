#pragma once
// Internal to http_client: parses a response and feeds the sink straight from the read buffer:
// Beast's basic_parser without its message and body containers. One parser a response; the sink is
// borrowed and outlives it.
#include <boost/beast/core/string_type.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <cstddef>
#include <cstdint>
#include <string>

#include "http/message.h"
#include "runtime/http_client.h"
#include "runtime/http_io.h"

namespace weir::runtime::internal {

class ResponseParser final : public beast::http::basic_parser<false> {
 public:
  ResponseParser(ResponseSink* sink, std::uint64_t body_max, std::uint32_t header_max, bool no_body)
      : sink_(sink), body_max_(body_max), header_max_(header_max) {
    header_limit(header_max);
    body_limit(boost::none);
    eager(true);
    if (no_body) skip(true);
  }
  [[nodiscard]] int status() const { return head_.status; }
  [[nodiscard]] bool sink_stopped() const { return sink_stopped_; }
  [[nodiscard]] std::uint64_t body_bytes() const { return body_bytes_; }

 private:
  using Text = beast::string_view;
  void on_request_impl(beast::http::verb, Text, Text, int, Code&) override {}
  void on_response_impl(int code, Text, int, Code&) override { head_.status = code; }
  void on_field_impl(beast::http::field, Text name, Text value, Code& ec) override {
    // Beast applies its limit to what is unparsed, so fields that drip in one by one would pass it.
    header_bytes_ += name.size() + value.size() + 4;
    if (header_bytes_ > header_max_) ec = beast::http::error::header_limit;
    else head_.headers.add(std::string(name), std::string(value));
  }
  void on_header_impl(Code&) override {
    if (head_.status >= 200) sink_->on_head(head_);
  }
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, Code& ec) override {
    if (length && *length > body_max_) ec = beast::http::error::body_limit;
  }
  std::size_t on_body_impl(Text bytes, Code& ec) override {
    body_bytes_ += bytes.size();
    if (body_bytes_ > body_max_) {
      ec = beast::http::error::body_limit;
    } else if (!bytes.empty() && !sink_->on_body({bytes.data(), bytes.size()})) {
      sink_stopped_ = true;
      ec = asio::error::operation_aborted;
    }
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t, Text, Code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, Text bytes, Code& ec) override {
    return on_body_impl(bytes, ec);
  }
  void on_finish_impl(Code&) override {}

  ResponseSink* sink_;
  std::uint64_t body_max_;
  std::uint64_t body_bytes_ = 0;
  std::size_t header_max_;
  std::size_t header_bytes_ = 0;
  bool sink_stopped_ = false;
  http::Response head_;
};

}  // namespace weir::runtime::internal
