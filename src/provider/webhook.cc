#include "provider/webhook.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <charconv>

#include "json/value.h"

namespace weir::provider {
namespace {

constexpr std::size_t kSignatureBytes = 32;
constexpr std::size_t kSignaturesMax = 32;  // two while a secret is changed; more is nobody's
constexpr std::size_t kHeaderBytesMax = 256;
constexpr std::string_view kSecretPrefix = "whsec_";

std::unexpected<Error> untrusted(std::string_view why) {
  return fail(ErrorKind::kUnauthenticated, fmt::format("a webhook is refused: {}", why));
}

// Standard base64 with its padding; nothing where it is none.
std::optional<std::string> from_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && text[text.size() - 1 - padding] == '=') ++padding;
  if (text.substr(0, text.size() - padding).contains('=')) return std::nullopt;
  std::string out(text.size() / 4 * 3, '\0');
  const int written = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                      reinterpret_cast<const unsigned char*>(text.data()),
                                      static_cast<int>(text.size()));
  if (written < 0) return std::nullopt;
  out.resize(static_cast<std::size_t>(written) - padding);
  return out;
}

using Digest = std::array<unsigned char, kSignatureBytes>;

Digest signature_of(std::string_view key, std::string_view bytes) {
  Digest out{};
  unsigned length = 0;
  WEIR_ASSERT(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                   reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), out.data(),
                   &length) != nullptr);
  WEIR_ASSERT(length == out.size());
  return out;
}

// "v1,BASE64 v1,BASE64": one of them is enough. Each is compared to its end, whatever differs.
bool is_signed(std::string_view header, const Digest& expected) {
  bool found = false;
  for (std::size_t count = 0; !header.empty() && count < kSignaturesMax; ++count) {
    const auto one = header.substr(0, header.find(' '));
    header.remove_prefix(std::min(one.size() + 1, header.size()));
    if (!one.starts_with("v1,")) continue;
    const auto bytes = from_base64(one.substr(3));
    if (bytes && bytes->size() == expected.size())
      found |= CRYPTO_memcmp(bytes->data(), expected.data(), expected.size()) == 0;
  }
  return found;
}

std::optional<Time> time_of(std::string_view seconds) {
  std::int64_t value = 0;
  const auto [stop, code] = std::from_chars(seconds.begin(), seconds.end(), value);
  constexpr std::int64_t kLast = 253402300799;  // of the year 9999
  if (code != std::errc() || stop != seconds.end() || value < 0 || value > kLast)
    return std::nullopt;
  return from_unix_seconds(value);
}

// {"type":"batch.completed","data":{"id":"batch_…"}}; Gemini says batch.succeeded. Types that we do not know are no errors.
Result<std::optional<std::string>> batch_of(std::string_view body) {
  json::Parser parser;
  const auto event = parser.parse(body);
  const auto type = event ? (*event)["type"].string() : std::nullopt;
  if (!type) return fail(ErrorKind::kInvalidArgument, "a webhook is no event");
  const auto id = (*event)["data"]["id"].string();
  if (!type->starts_with("batch.") || !id || id->empty()) return std::nullopt;
  return std::string(*id);
}

}  // namespace

Result<WebhookInbox> WebhookInbox::create(std::string_view secret) {
  while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r'))
    secret.remove_suffix(1);
  if (secret.empty())
    return fail(ErrorKind::kInvalidArgument, "the secret of the webhook is empty",
                "it is shown once, when the webhook is made: whsec_…");
  if (!secret.starts_with(kSecretPrefix)) return WebhookInbox(std::string(secret));
  auto key = from_base64(secret.substr(kSecretPrefix.size()));
  if (!key || key->empty())
    return fail(ErrorKind::kInvalidArgument, "the secret of the webhook is no base64 behind whsec_",
                "copy it whole, with the = at its end");
  return WebhookInbox(*std::move(key));
}

Result<std::optional<std::string>> WebhookInbox::take(const http::Headers& headers,
                                                      std::string_view body, Time now) {
  const auto id = headers.find("webhook-id"), time = headers.find("webhook-timestamp"),
             signature = headers.find("webhook-signature");
  if (!id || !time || !signature || id->empty()) return untrusted("it is not signed");
  if (id->size() > kHeaderBytesMax || time->size() > kHeaderBytesMax ||
      body.size() > kWebhookBytesMax)
    return untrusted("it is too large");
  const auto sent = time_of(*time);
  if (!sent || *sent > now + kWebhookTolerance || *sent < now - kWebhookTolerance)
    return untrusted("its time is out of tolerance");
  if (!is_signed(*signature, signature_of(key_, fmt::format("{}.{}.{}", *id, *time, body))))
    return untrusted("its signature is not of this secret");
  if (!is_new(*id, now)) return std::nullopt;
  return batch_of(body);
}

bool WebhookInbox::is_new(std::string_view id, Time now) {
  while (!seen_.empty() &&
         (seen_.size() >= kIdsMax || seen_.front().at < now - 2 * kWebhookTolerance)) {
    ids_.erase(seen_.front().id);
    seen_.pop_front();
  }
  if (!ids_.emplace(id).second) return false;
  seen_.push_back({std::string(id), now});
  return true;
}

bool names_batch(std::string_view told, std::string_view ours) {
  const auto last = [](std::string_view name) { return name.substr(name.rfind('/') + 1); };
  return !told.empty() && (told == ours || (!last(told).empty() && last(told) == last(ours)));
}

}  // namespace weir::provider
