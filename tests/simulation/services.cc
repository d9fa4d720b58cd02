#include "services.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/result.h"
#include "weir_sim_registry.h"

namespace weir::simulation {
namespace {

constexpr std::array<Service, 14> kServices{{
    {.provider = "openAI",
     .model = "gpt-5.4-nano",
     .listing = "/files?limit=1000",
     .closely = true},
    {.provider = "anthropic",
     .model = "claude-sonnet-5",
     .listing = "/v1/messages/batches?limit=100",
     .passing_error = "api_error",
     .closely = true},
    {.provider = "azureOpenAI", .model = "gpt-5.4-mini"},
    {.provider = "bedrock",
     .model = "anthropic.claude-sonnet-5",
     .clock_wrong_max = std::chrono::hours(2),
     .items_min = 100,
     .settings = "region=us-east-1 bucket=s3://jobs/weir role=arn:aws:iam::123456789012:role/batch "
                 "awsAccessKeyId=sk-simulation awsAccessSecretKey=secret-of-sk-simulation"},
    {.provider = "cohere", .model = "command-r7b-12-2024"},
    {.provider = "fireworks",
     .model = "accounts/fireworks/models/gpt-oss-20b",
     .batches_die_whole = true,
     .settings = "accountId=acme"},
    {.provider = "gemini",
     .model = "gemini-2.5-flash",
     .passing_error = "INTERNAL",
     .batches_die_whole = true},
    {.provider = "groq", .model = "openai/gpt-oss-20b"},
    {.provider = "mistral", .model = "mistral-small-2603"},
    {.provider = "ollama", .model = "llama3.2", .batches = false},
    {.provider = "openAICompatible", .model = "deepseek-chat", .batches = false},
    {.provider = "together", .model = "openai/gpt-oss-20b"},
    {.provider = "vertexAI",
     .model = "gemini-2.5-flash",
     .passing_error = "INTERNAL",
     .settings = "project=shop location=us-central1 bucket=gs://pail/weir"},
    {.provider = "xai", .model = "grok-4.3"},
}};

std::string base_path_of(std::string_view provider) {
  for (const auto& simulated : sim::registered())
    if (simulated.name == provider)
      return "/" + std::string(provider).append(simulated.get()->base_path());
  return "";
}

}  // namespace

std::span<const Service> services() { return kServices; }

const Service& service_of(std::string_view provider) {
  const auto found = std::ranges::find(kServices, provider, &Service::provider);
  WEIR_ASSERT(found != kServices.end());
  return *found;
}

provider::Credentials credentials_of(const Service& service) {
  provider::Credentials out{.base_path = base_path_of(service.provider),
                            .key = "sk-simulation",
                            .origin = {.tls = false, .host = std::string(kHost), .port = 80}};
  for (auto left = service.settings; !left.empty();) {
    const auto one = left.substr(0, left.find(' '));
    left.remove_prefix(std::min(one.size() + 1, left.size()));
    out.settings.set(one.substr(0, one.find('=')), one.substr(one.find('=') + 1));
  }
  return out;
}

}  // namespace weir::simulation
