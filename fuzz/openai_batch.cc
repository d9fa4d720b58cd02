// Answers to the batch machine: whatever the provider sends in any state, there is a next step, its
// state can be read again, and no path leaves the endpoint's own.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "provider/adapter.h"

namespace weir::providers {
namespace openAI {
const provider::Adapter& adapter();
}
namespace groq {
const provider::Adapter& adapter();
}
namespace together {
const provider::Adapter& adapter();
}
namespace azureOpenAI {
const provider::Adapter& adapter();
}
namespace xai {
const provider::Adapter& adapter();
}
namespace mistral {
const provider::Adapter& adapter();
}
}  // namespace weir::providers

namespace {
using namespace weir;

constexpr std::array<std::string_view, 6> kStates{
    R"({"v":1,"at":"upload"})",
    R"({"v":1,"at":"create","creates":1,"intent":1,"files":{"input":"f"}})",
    R"({"v":1,"at":"list","creates":1,"intent":1,"unknown_since":1,"files":{"input":"f"}})",
    R"({"v":1,"at":"poll","files":{"input":"f"},"batch":"b"})",
    R"({"v":1,"at":"cancel","cancel":true,"files":{"input":"f"},"batch":"b"})",
    R"({"v":1,"at":"delete","files":{"input":"f","output":"o"},"batch":"b"})"};
constexpr std::array kStatuses{200, 200, 200, 201, 400, 401, 404, 429, 500, 302};

void check(const provider::Step& step) {
  const http::RequestPlan* plan = nullptr;
  if (const auto* send = std::get_if<provider::Send>(&step.action)) plan = &send->plan;
  if (const auto* collect = std::get_if<provider::Collect>(&step.action)) plan = &collect->plan;
  if (plan == nullptr) return;
  WEIR_ASSERT(plan->target.starts_with("/v1/files") || plan->target.starts_with("/v1/batch"));
  WEIR_ASSERT(plan->target.find("/..") == std::string::npos);
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const provider::Credentials credentials{.base_path = "/v1", .key = "k"};
  const catalogue::BatchLimits limits;
  const provider::BatchContext context{.credentials = credentials,
                                       .limits = limits,
                                       .id = {1, 2},
                                       .items = 1,
                                       .image_bytes = 1,
                                       .model = "m",
                                       .now = from_unix_seconds(1'795'000'000)};
  const provider::BatchEvent answer{
      .kind = provider::BatchEvent::Kind::kAnswer,
      .response = {.status = kStatuses[data[1] % kStatuses.size()],
                   .headers = {},
                   .body = std::string(reinterpret_cast<const char*>(data) + 2, size - 2)}};
  // Who pages, names and words things otherwise.
  const std::array<const provider::Adapter*, 6> adapters{
      &providers::openAI::adapter(),   &providers::groq::adapter(),
      &providers::together::adapter(), &providers::azureOpenAI::adapter(),
      &providers::xai::adapter(),      &providers::mistral::adapter()};
  const auto& adapter = *adapters[data[0] / kStates.size() % adapters.size()];
  const auto step = adapter.next(kStates[data[0] % kStates.size()], answer, context);
  WEIR_ASSERT(step.has_value());
  check(*step);
  const auto again =
      adapter.next(step->state, {.kind = provider::BatchEvent::Kind::kRestarted}, context);
  WEIR_ASSERT(again.has_value());
  check(*again);
  return 0;
}
