// Together: chat completions of the OpenAI shape, and batches that are jobs over uploaded files.
#include "provider/openai_adapter.h"
#include "providers/together/errors.h"

namespace weir::providers::together {
namespace {

namespace batch = provider::openai_batch;

// POST /files/upload (purpose=batch-api, file_name, file), lines without method and url, jobs without metadata: a lost create
// is known by its input file. Doc: togethercomputer/openapi 090263a,
// https://docs.together.ai/docs/inference/batch/manage (checked 2026-11-23)
batch::Options options_of_together() {
  return {.chat = {.provider = "together",
                   .output_max_key = "max_tokens",
                   .errors = error_rules(),
                   .stream_options = false},
          .metadata = false,
          .file_expiry = false,
          .purpose = "batch-api",
          .upload_path = "/files/upload",
          .upload_name = true,
          .line_url = false,
          .paging = batch::Paging::kNone,
          .newest_first = false};
}

// A model and texts are all that it is told; that answers have a usage is not documented. Doc:
// https://docs.together.ai/reference/embeddings (checked 2026-11-27)
constexpr provider::openai_embeddings::Options kEmbeddings{
    .dimensions_key = "", .base64 = false, .usage = false};

class Together final : public provider::OpenAIAdapter {
 public:
  Together() : OpenAIAdapter(options_of_together(), kEmbeddings) {}

  // x-ratelimit-limit: 10, x-ratelimit-remaining: 9, x-ratelimit-reset: 1; those of tokens carry x-tokenlimit-. Doc:
  // https://docs.together.ai/docs/serverless/rate-limits (checked 2026-11-23; the tokens' names are uncertain)
  [[nodiscard]] provider::RateLimits rate_limits(const http::Headers& headers,
                                                 Time now) const override {
    return {.requests = provider::rate_window(headers, "x-ratelimit-*", now),
            .tokens = provider::rate_window(headers, "x-tokenlimit-*", now)};
  }

  // GET {base}/models: there is no page of one model.
  [[nodiscard]] http::RequestPlan encode_probe(const provider::Credentials& credentials,
                                               std::string_view /*model*/) const override {
    return get(credentials, "/models");
  }
};

}  // namespace

const provider::Adapter& adapter() {
  static const Together instance;
  return instance;
}

}  // namespace weir::providers::together
