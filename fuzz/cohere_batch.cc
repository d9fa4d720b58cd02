// Answers to the batch machine of Cohere: whatever comes in any state, there is a next step, its state can be read again, no path
// leaves the API, and a link that leads away takes no key along. Result rows as well.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "provider/adapter.h"

namespace weir::providers::cohere {
const provider::Adapter& adapter();
}

namespace {
using namespace weir;

constexpr std::string_view kHost = "storage.googleapis.com";
constexpr std::array<std::string_view, 8> kStates{
    R"({"v":1,"at":"upload","uploads":1})",
    R"({"v":1,"at":"ready","dataset":"d"})",
    R"({"v":1,"at":"create","creates":1,"dataset":"d"})",
    R"({"v":1,"at":"list","creates":1,"dataset":"d","unknown":1795000000000000})",
    R"({"v":1,"at":"poll","batch":"b","dataset":"d"})",
    R"({"v":1,"at":"cancel","cancel":true,"batch":"b"})",
    R"({"v":1,"at":"locate","batch":"b","output":"o"})",
    R"({"v":1,"at":"remove","batch":"b","dataset":"d","output":"o"})"};
constexpr std::array kStatuses{200, 200, 200, 201, 400, 401, 404, 409, 429, 500};

void check_plan(const provider::Step& step) {
  const http::RequestPlan* plan = nullptr;
  if (const auto* send = std::get_if<provider::Send>(&step.action)) plan = &send->plan;
  if (const auto* collect = std::get_if<provider::Collect>(&step.action)) {
    WEIR_ASSERT(collect->plan.headers.find("authorization") == std::nullopt);
    WEIR_ASSERT(!collect->plan.origin || collect->plan.origin->host == kHost);
    return;
  }
  if (plan == nullptr) return;
  WEIR_ASSERT(!plan->origin);
  WEIR_ASSERT(plan->target.starts_with("/v1/datasets") || plan->target.starts_with("/v2/batches"));
  WEIR_ASSERT(plan->target.find("/..") == std::string::npos);
}

void check_row(std::string_view line) {
  if (const auto row = providers::cohere::adapter().decode_row("x", line, Time{})) {
    WEIR_ASSERT(!row->custom_id.empty());
    WEIR_ASSERT(row->response.usage.prompt().count >= 0);
    WEIR_ASSERT(row->response.usage.output.count >= 0);
  } else {
    WEIR_ASSERT(row.error().kind == ErrorKind::kBadResponse);
  }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string body(reinterpret_cast<const char*>(data) + 2, size - 2);
  check_row(body);
  const provider::Credentials credentials{
      .base_path = "", .key = "k", .origin = {.host = "api.cohere.com"}};
  catalogue::BatchLimits limits;
  limits.result_hosts = {std::string(kHost)};
  const provider::BatchContext context{.credentials = credentials,
                                       .limits = limits,
                                       .id = {1, 2},
                                       .items = 1,
                                       .image_bytes = 1,
                                       .model = "m",
                                       .now = from_unix_seconds(1'795'000'000)};
  const auto& adapter = providers::cohere::adapter();
  const auto step = adapter.next(
      kStates[data[0] % kStates.size()],
      {.kind = provider::BatchEvent::Kind::kAnswer,
       .response = {.status = kStatuses[data[1] % kStatuses.size()], .headers = {}, .body = body}},
      context);
  WEIR_ASSERT(step.has_value());
  check_plan(*step);
  const auto again =
      adapter.next(step->state, {.kind = provider::BatchEvent::Kind::kRestarted}, context);
  WEIR_ASSERT(again.has_value());
  check_plan(*again);
  return 0;
}
