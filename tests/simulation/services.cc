#include "services.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/result.h"

namespace weir::simulation {
namespace {

constexpr std::array<Service, 11> kServices{{
    {.provider = "openAI",
     .model = "gpt-5.4-nano",
     .base_path = "/openAI/v1",
     .listing = "/files?limit=1000",
     .closely = true},
    {.provider = "anthropic",
     .model = "claude-sonnet-5",
     .base_path = "/anthropic",
     .listing = "/v1/messages/batches?limit=100",
     .passing_error = "api_error",
     .closely = true},
    {.provider = "azureOpenAI", .model = "gpt-5.4-mini", .base_path = "/azureOpenAI/openai/v1"},
    {.provider = "fireworks",
     .model = "accounts/fireworks/models/gpt-oss-20b",
     .base_path = "/fireworks",
     .batches_die_whole = true,
     .setting = "accountId",
     .setting_value = "acme"},
    {.provider = "gemini",
     .model = "gemini-2.5-flash",
     .base_path = "/gemini",
     .passing_error = "INTERNAL",
     .batches_die_whole = true},
    {.provider = "groq", .model = "openai/gpt-oss-20b", .base_path = "/groq/openai/v1"},
    {.provider = "mistral", .model = "mistral-small-2603", .base_path = "/mistral/v1"},
    {.provider = "ollama", .model = "llama3.2", .base_path = "/ollama", .batches = false},
    {.provider = "openAICompatible",
     .model = "deepseek-chat",
     .base_path = "/openAICompatible/deepseek",
     .batches = false},
    {.provider = "together", .model = "openai/gpt-oss-20b", .base_path = "/together/v1"},
    {.provider = "xai", .model = "grok-4.3", .base_path = "/xai/v1"},
}};

}  // namespace

std::span<const Service> services() { return kServices; }

const Service& service_of(std::string_view provider) {
  const auto found = std::ranges::find(kServices, provider, &Service::provider);
  WEIR_ASSERT(found != kServices.end());
  return *found;
}

provider::Credentials credentials_of(const Service& service) {
  provider::Credentials out{.base_path = std::string(service.base_path),
                            .key = "sk-simulation",
                            .origin = {.tls = false, .host = std::string(kHost), .port = 80}};
  if (!service.setting.empty()) out.settings.set(service.setting, service.setting_value);
  return out;
}

}  // namespace weir::simulation
