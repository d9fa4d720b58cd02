// Answers to Gemini's batch machine: whatever comes in any state, as body or as header, there is a next step, its state can be
// read again, and no path leaves the endpoint's own.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "provider/adapter.h"

namespace weir::providers::gemini {
const provider::Adapter& adapter();
}

namespace {
using namespace weir;

constexpr std::array<std::string_view, 9> kStates{
    R"({"v":1,"at":"start"})",
    R"({"v":1,"at":"upload","session":"u=1"})",
    R"({"v":1,"at":"query","session":"u=1"})",
    R"({"v":1,"at":"create","creates":1,"intent":1,"file":"files/f"})",
    R"({"v":1,"at":"list","creates":1,"intent":1,"unknown_since":1,"file":"files/f"})",
    R"({"v":1,"at":"poll","file":"files/f","batch":"batches/b"})",
    R"({"v":1,"at":"cancel","cancel":true,"file":"files/f","batch":"batches/b"})",
    R"({"v":1,"at":"delete_file","file":"files/f","output":"files/o","batch":"batches/b"})",
    R"({"v":1,"at":"delete_batch","file":"files/f","output":"files/o","batch":"batches/b"})"};
constexpr std::array kStatuses{200, 200, 200, 201, 400, 401, 403, 404, 410, 429, 500, 302};
constexpr std::array<std::string_view, 4> kPaths{"/v1beta/files/", "/v1beta/batches",
                                                 "/v1beta/models/m:", "/upload/v1beta/files"};

void check(const provider::Step& step) {
  const http::RequestPlan* plan = nullptr;
  if (const auto* send = std::get_if<provider::Send>(&step.action)) plan = &send->plan;
  if (const auto* collect = std::get_if<provider::Collect>(&step.action)) plan = &collect->plan;
  if (plan == nullptr) return;
  bool ours = plan->target.starts_with("/download/v1beta/files/");
  for (const auto path : kPaths) ours = ours || plan->target.starts_with(path);
  WEIR_ASSERT(ours);
  WEIR_ASSERT(plan->target.find("/..") == std::string::npos);
  WEIR_ASSERT(plan->target.find_first_of(" \r\n") == std::string::npos);
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const provider::Credentials credentials{.base_path = "", .key = "k"};
  const catalogue::BatchLimits limits;
  const provider::BatchContext context{.credentials = credentials,
                                       .limits = limits,
                                       .id = {1, 2},
                                       .items = 1,
                                       .image_bytes = 100,
                                       .model = "m",
                                       .now = from_unix_seconds(1'795'000'000)};
  const std::string bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const provider::BatchEvent answer{
      .kind = provider::BatchEvent::Kind::kAnswer,
      .response = {.status = kStatuses[data[1] % kStatuses.size()],
                   .headers = {{"x-goog-upload-url", bytes},
                               {"x-goog-upload-status", data[1] % 2 == 0 ? "active" : "final"},
                               {"x-goog-upload-size-received", bytes}},
                   .body = bytes}};
  const auto& adapter = providers::gemini::adapter();
  const auto step = adapter.next(kStates[data[0] % kStates.size()], answer, context);
  WEIR_ASSERT(step.has_value());
  check(*step);
  const auto again =
      adapter.next(step->state, {.kind = provider::BatchEvent::Kind::kRestarted}, context);
  WEIR_ASSERT(again.has_value());
  check(*again);
  return 0;
}
