// Answers with embeddings, of every provider: any bytes give one finite vector an input, all as long, or kBadResponse. The first byte picks
// the provider, the second says how many inputs there are, and how long the vectors are to be.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "provider/embedding.h"
#include "weir_registry.h"

namespace registry = weir::providers;

namespace {
using namespace weir;

const std::vector<const provider::EmbeddingCodec*>& codecs() {
  static const auto kCodecs = [] {
    std::vector<const provider::EmbeddingCodec*> out;
    for (const auto& row : registry::registered())
      if (const auto* codec = row.get().embeddings(); codec != nullptr) out.push_back(codec);
    return out;
  }();
  return kCodecs;
}

void check(const provider::EmbeddingRequest& request, const provider::Embeddings& answer) {
  WEIR_ASSERT(answer.vectors.size() == request.inputs.size());
  const auto length = answer.vectors.front().size();
  WEIR_ASSERT(length > 0);
  WEIR_ASSERT(!request.dimensions || length == *request.dimensions);
  for (const auto& vector : answer.vectors) {
    WEIR_ASSERT(vector.size() == length);
    for (const float number : vector) WEIR_ASSERT(std::isfinite(number));
  }
  WEIR_ASSERT(!answer.usage || answer.usage->input.count >= 0);
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto& codec = *codecs()[data[0] % codecs().size()];
  provider::EmbeddingRequest request{
      .model = data[0] % 2 == 0 ? "amazon.titan-embed-text-v2:0" : "cohere.embed-v4:0",
      .inputs = std::vector<std::string>(1 + data[1] % 4, "text")};
  if (data[1] >= 128) request.dimensions = 1 + data[1] % 3;
  http::Response response{.status = 200, .headers = {}, .body = {}};
  response.body.assign(reinterpret_cast<const char*>(data) + 2, size - 2);
  response.headers.add("x-amzn-bedrock-input-token-count", response.body.substr(0, 8));
  const auto answer = codec.decode_embed(request, response, Time{});
  if (answer) check(request, *answer);
  else WEIR_ASSERT(answer.error().kind == ErrorKind::kBadResponse);
  response.status = 429;
  WEIR_ASSERT(!codec.decode_embed(request, response, Time{}));
  return 0;
}
