// Answers about cached contents: whatever comes, what is taken for a name leads nowhere else than to cached contents.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "provider/cached_content.h"

namespace weir::providers::gemini {
const provider::Adapter& adapter();
}

namespace {
using namespace weir;

constexpr std::array kStatuses{200, 200, 400, 403, 404, 429, 500};

void check(const provider::CachedContentCodec& codec, const provider::CachedContent& content) {
  const provider::Credentials credentials{.base_path = "", .key = "k"};
  WEIR_ASSERT(content.tokens.count >= 0);
  const auto plan = codec.encode_delete(content.name, credentials);
  WEIR_ASSERT(plan.has_value());
  constexpr std::string_view kPath = "/v1beta/cachedContents/";
  WEIR_ASSERT(plan->target.starts_with(kPath));
  WEIR_ASSERT(plan->target.find_first_of("/?#% \r\n", kPath.size()) == std::string::npos);
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const auto& codec = *providers::gemini::adapter().cached_contents();
  const http::Response response{
      .status = kStatuses[data[0] % kStatuses.size()],
      .headers = {},
      .body = std::string(reinterpret_cast<const char*>(data) + 1, size - 1)};
  const Time now = from_unix_seconds(1'795'000'000);
  if (const auto content = codec.decode_content(response, now)) check(codec, *content);
  if (const auto page = codec.decode_list(response, now))
    for (const auto& content : page->contents) check(codec, content);
  return 0;
}
