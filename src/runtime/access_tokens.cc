#include "runtime/access_tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace weir::runtime {
namespace {

constexpr std::uint64_t kTokenAnswerBytesMax = 64U << 10;
constexpr std::chrono::seconds kTokenTimeout{30};
// A request is on its way for a while before the provider looks at its token.
constexpr Duration kTokenMarginMax = std::chrono::minutes(5);

// Keeps a refused token to itself, passes everything else on.
class Withholding final : public ResponseSink {
 public:
  explicit Withholding(ResponseSink& sink) : sink_(sink) {}
  void on_head(const http::Response& head) override {
    constexpr int kUnauthorized = 401;
    refused_ = head.status == kUnauthorized;
    if (!refused_) sink_.on_head(head);
  }
  [[nodiscard]] bool on_body(std::string_view bytes) override {
    return refused_ || sink_.on_body(bytes);
  }
  [[nodiscard]] bool refused() const { return refused_; }

 private:
  ResponseSink& sink_;
  bool refused_ = false;
};

std::string header_of(const provider::AccessToken& token) { return "Bearer " + token.value; }

}  // namespace

void set_origin(ClientRequest& request, const http::Origin& home) {
  request.origin = home;
  if (!request.plan.origin || *request.plan.origin == home) return;
  request.origin = *request.plan.origin;
  if (request.plan.origin_is_known) return;
  // To where an answer led: the adapter has looked whether it may, and has put no key in.
  for (const auto* name : {"authorization", "x-api-key", "api-key", "x-goog-api-key"})
    WEIR_ASSERT(!request.plan.headers.find(name).has_value());
  WEIR_ASSERT(!request.plan.access_token);
  request.public_addresses_only = true;
}

AccessTokens::AccessTokens(asio::io_context& io, Parts parts)
    : parts_(std::move(parts)), fetched_(io, asio::steady_timer::time_point::max()) {}

bool AccessTokens::fresh() { return token_ && parts_.clock.now() + margin_ < token_->until; }

asio::awaitable<Result<void>> AccessTokens::authorize(http::RequestPlan* plan) {
  while (!fresh()) {
    auto fetched = co_await fetch();
    if (!fetched) co_return fetched;
  }
  plan->headers.set("authorization", header_of(*token_));
  co_return Result<void>();
}

asio::awaitable<Result<void>> AccessTokens::send(ClientRequest request, ResponseSink* sink) {
  ClientRequest first = request;
  auto authorized = co_await authorize(&first.plan);
  if (!authorized) co_return authorized;
  const std::string used(first.plan.headers.find("authorization").value_or(""));
  Withholding withholding(*sink);
  auto sent = co_await parts_.client.send(std::move(first), &withholding);
  if (!sent || !withholding.refused()) co_return sent;
  // Another request may have fetched the next one by now.
  if (token_ && used == header_of(*token_)) token_.reset();
  authorized = co_await authorize(&request.plan);
  if (!authorized) co_return authorized;
  sent = co_await parts_.client.send(std::move(request), sink);
  co_return sent;
}

// By this caller, or by the one that is at it already.
asio::awaitable<Result<void>> AccessTokens::fetch() {
  if (fetching_) {
    const auto before = fetches_;
    boost::system::error_code ignored;
    co_await fetched_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    co_return before == fetches_ ? Result<void>() : outcome_;
  }
  fetching_ = true;
  auto outcome = co_await exchange();
  fetching_ = false;
  ++fetches_;
  outcome_ = outcome;
  fetched_.cancel();
  co_return outcome;
}

asio::awaitable<Result<void>> AccessTokens::exchange() {
  const auto asked = parts_.clock.now();
  auto plan = parts_.adapter.encode_token(parts_.credentials, asked);
  if (!plan) co_return std::unexpected(std::move(plan).error());
  ClientRequest request{.origin = parts_.origin, .plan = std::move(*plan)};
  set_origin(request, parts_.origin);
  request.response_bytes_max = kTokenAnswerBytesMax;
  request.idle_timeout = request.total_timeout = kTokenTimeout;
  const auto host = request.origin.host;
  CollectingSink sink;
  auto sent = co_await parts_.client.send(std::move(request), &sink);
  if (!sent)
    co_return fail(ErrorKind::kUnavailable,
                   fmt::format("no access token from {}: {}", host, sent.error().message));
  const auto now = parts_.clock.now();
  auto token = parts_.adapter.decode_token(sink.response, now);
  if (!token) {
    auto error = std::move(token).error();
    // Whatever else it was: the request itself was not sent, and may be later.
    if (error.kind != ErrorKind::kUnauthenticated) error.kind = ErrorKind::kUnavailable;
    error.http_status = 0;
    co_return std::unexpected(std::move(error));
  }
  margin_ = std::min<Duration>(kTokenMarginMax, std::max(token->until - now, Duration::zero()) / 4);
  token_ = std::move(*token);
  if (!fresh()) co_return fail(ErrorKind::kUnavailable, "an access token that has ended already");
  co_return Result<void>();
}

}  // namespace weir::runtime
