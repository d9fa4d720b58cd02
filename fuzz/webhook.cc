// Webhooks from anybody: the first line is the signature header, the second the timestamp, the rest the body. Nothing but a good
// signature is ever believed, and what is signed has an outcome.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "provider/webhook.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto line = [&] {
    const auto out = bytes.substr(0, bytes.find('\n'));
    bytes.remove_prefix(std::min(out.size() + 1, bytes.size()));
    return std::string(out);
  };
  const auto signature = line(), time = line();
  if (auto inbox = provider::WebhookInbox::create(signature)) {
    const auto taken = inbox->take(
        {{"webhook-id", "a"}, {"webhook-timestamp", time}, {"webhook-signature", signature}}, bytes,
        from_unix_seconds(1'795'000'000));
    WEIR_ASSERT(!taken);  // who finds one has broken HMAC
    WEIR_ASSERT(taken.error().kind == ErrorKind::kUnauthenticated);
  }
  std::ignore = provider::names_batch(signature, time);
  return 0;
}
