#include "cli/sim_webhooks.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "json/write.h"

namespace weir::cli {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds kPulse{20};
constexpr std::string_view kPrefix = "whsec_";

std::string base64(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(length));
  return out;
}

Result<std::string> key_of(std::string_view secret) {
  const auto wrong = [] {
    return fail(ErrorKind::kInvalidArgument, "--webhook-secret is no whsec_ with base64 behind it",
                "such as whsec_c2VjcmV0");
  };
  if (!secret.starts_with(kPrefix)) return wrong();
  const auto text = secret.substr(kPrefix.size());
  if (text.empty() || text.size() % 4 != 0) return wrong();
  std::string out(text.size() / 4 * 3, '\0');
  if (EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(text.data()),
                      static_cast<int>(text.size())) < 0)
    return wrong();
  out.resize(out.size() - (text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0));
  return out;
}

std::string signature_of(std::string_view key, std::string_view text) {
  std::array<unsigned char, 32> digest{};
  unsigned length = 0;
  WEIR_ASSERT(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                   reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(),
                   &length) != nullptr);
  return "v1," + base64({reinterpret_cast<const char*>(digest.data()), length});
}

}  // namespace

SimWebhooks::SimWebhooks(asio::io_context& io, http::Url url, std::string key,
                         runtime::ScaledClock& clock, sim::Simulator& simulator)
    : clock_(clock),
      simulator_(simulator),
      url_(std::move(url)),
      key_(std::move(key)),
      pulse_(io),
      client_(io, {}) {}

Result<std::unique_ptr<SimWebhooks>> SimWebhooks::create(asio::io_context& io,
                                                         const Options& options,
                                                         runtime::ScaledClock& clock,
                                                         sim::Simulator& simulator) {
  WEIR_TRY(auto url, http::parse_url(options.url));
  WEIR_TRY(auto key, key_of(options.secret));
  std::unique_ptr<SimWebhooks> out(
      new SimWebhooks(io, std::move(url), std::move(key), clock, simulator));
  asio::co_spawn(io, out->run(), asio::detached);
  return out;
}

void SimWebhooks::stop() {
  stopping_ = true;
  pulse_.cancel();
  client_.stop();
}

asio::awaitable<void> SimWebhooks::run() {
  boost::system::error_code ignored;
  while (!stopping_) {
    pulse_.expires_after(kPulse);
    co_await pulse_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    if (stopping_) co_return;
    simulator_.advance(clock_.now());
    auto ended = simulator_.take_ended();
    for (auto& batch : ended) co_await tell(std::move(batch));
  }
}

// {"id":"evt_1","object":"event","created_at":…,"type":"batch.completed","data":{"id":"batch_…"}}
asio::awaitable<void> SimWebhooks::tell(sim::EndedBatch ended) {
  const auto seconds = unix_seconds(clock_.now());
  json::Writer event;
  event.begin_object().field("id", fmt::format("evt_{}", ++sent_)).field("object", "event");
  event.field("created_at", seconds).field("type", ended.type);
  event.key("data").begin_object().field("id", ended.id).end_object().end_object();
  const auto id = fmt::format("wh_{}", sent_), time = fmt::format("{}", seconds);
  const auto body = event.take();
  runtime::ClientRequest request{.origin = url_.origin};
  request.plan.method = http::Method::kPost;
  request.plan.target = url_.target;
  request.plan.headers = {
      {"content-type", "application/json"},
      {"webhook-id", id},
      {"webhook-timestamp", time},
      {"webhook-signature", signature_of(key_, fmt::format("{}.{}.{}", id, time, body))}};
  request.plan.body.emplace_back(body);
  request.idle_timeout = request.total_timeout = std::chrono::seconds(5);
  runtime::CollectingSink sink;
  const auto sent = co_await client_.send(std::move(request), &sink);
  if (!sent && !stopping_)
    fmt::print(stderr, "weir sim: a webhook was not delivered: {}\n", sent.error().message);
}

}  // namespace weir::cli
