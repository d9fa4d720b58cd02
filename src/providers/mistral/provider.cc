// Mistral: chat completions and batch jobs over uploaded files, of the OpenAI shape but for what stands here.
// Docs: https://docs.mistral.ai/api/ and https://docs.mistral.ai/capabilities/batch/ (reference of 2026-11-23)
#include "provider/openai_adapter.h"
#include "providers/mistral/batch.h"
#include "providers/mistral/errors.h"

namespace weir::providers::mistral {
namespace {

namespace batch = provider::openai_batch;

constexpr Duration kRateWindow = std::chrono::minutes(1);  // the limits are by the minute

batch::Options options_of_mistral() {
  return {.chat = {.provider = "mistral",
                   .output_max_key = "max_tokens",
                   .cache_key = true,
                   .errors = error_rules(),
                   .seed_key = "random_seed",
                   .temperature_max = 1.5,
                   .nine_letter_ids = true,
                   .stream_options = false},
          .batches_path = "/batch/jobs",
          .file_expiry = false,
          .line_url = false,
          .paging = batch::Paging::kNumber,
          .create_body = create_body,
          .read_batch = read_job};
}

// The reference lists base64 as well, but not of what bytes. Doc: https://docs.mistral.ai/api/endpoint/embeddings (checked 2026-11-27)
constexpr provider::openai_embeddings::Options kEmbeddings{.dimensions_key = "output_dimension",
                                                           .base64 = false};

class Mistral final : public provider::OpenAIAdapter {
 public:
  Mistral() : OpenAIAdapter(options_of_mistral(), kEmbeddings) {}

  [[nodiscard]] Result<llm::Response> decode_sync(const http::Response& response,
                                                  Time now) const override {
    auto decoded = OpenAIAdapter::decode_sync(response, now);
    // A key whose plan allows nothing is answered 429 too, but no wait helps (seen 2026-09-29).
    if (response.status == 429 && response.headers.find("x-ratelimit-limit-req-minute") == "0") {
      decoded.error().kind = ErrorKind::kInvalidArgument;
      decoded.error().hint = "the key's workspace has no allowance for this model: choose a plan";
    }
    return decoded;
  }

  // x-ratelimit-remaining-req-minute: 59, x-ratelimit-limit-req-minute: 60, and the same of tokens; no reset (captures of third
  // parties, 2026-06 to 2026-09).
  [[nodiscard]] provider::RateLimits rate_limits(const http::Headers& headers,
                                                 Time now) const override {
    return {
        .requests = provider::rate_window(headers, "x-ratelimit-*-req-minute", now, kRateWindow),
        .tokens = provider::rate_window(headers, "x-ratelimit-*-tokens-minute", now, kRateWindow)};
  }
};

}  // namespace

const provider::Adapter& adapter() {
  static const Mistral kInstance;
  return kInstance;
}

}  // namespace weir::providers::mistral
