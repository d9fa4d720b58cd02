// Answers to the batch machine of Bedrock: whatever comes in any state, there is a next step, its state can be read again, and no path
// leaves the bucket's folder or the jobs. Result rows as well.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "provider/adapter.h"

namespace weir::providers::bedrock {
const provider::Adapter& adapter();
}

namespace {
using namespace weir;

constexpr std::array<std::string_view, 7> kStates{
    R"({"v":1,"at":"upload"})",
    R"({"v":1,"at":"create","creates":1})",
    R"({"v":1,"at":"find","creates":1,"unsure":1})",
    R"({"v":1,"at":"poll","job":"abc"})",
    R"({"v":1,"at":"stop","cancel":true,"job":"abc"})",
    R"({"v":1,"at":"list","job":"abc","status":"Completed","folder":"in/weir-w/output/abc/"})",
    R"({"v":1,"at":"remove","job":"abc","objects":["in/weir-w/output/abc/x"]})"};
constexpr std::array kStatuses{200, 200, 200, 204, 301, 400, 403, 404, 409, 429, 500, 503};

void check_plan(const provider::Step& step) {
  const http::RequestPlan* plan = nullptr;
  if (const auto* send = std::get_if<provider::Send>(&step.action)) plan = &send->plan;
  if (const auto* collect = std::get_if<provider::Collect>(&step.action)) plan = &collect->plan;
  if (plan == nullptr) return;
  WEIR_ASSERT(plan->origin_is_known);
  const auto& host = plan->origin->host;
  WEIR_ASSERT(host == "s3.us-east-1.amazonaws.com" || host == "bedrock.us-east-1.amazonaws.com");
  WEIR_ASSERT(plan->target.find("/..") == std::string::npos);
  if (host.starts_with("s3"))
    WEIR_ASSERT(plan->target.starts_with("/jobs/in/weir-w") ||
                plan->target.starts_with("/jobs?list-type=2&"));
  else WEIR_ASSERT(plan->target.starts_with("/model-invocation-job"));
}

void check_row(std::string_view line) {
  if (const auto row = providers::bedrock::adapter().decode_row("x", line, Time{})) {
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
  provider::Credentials credentials{
      .base_path = "", .key = "k", .origin = {.host = "bedrock-runtime.us-east-1.amazonaws.com"}};
  for (const auto& [name, value] :
       {std::pair{"region", "us-east-1"}, std::pair{"bucket", "jobs/in"}, std::pair{"role", "r"},
        std::pair{"awsAccessKeyId", "k"}, std::pair{"awsAccessSecretKey", "s"}})
    credentials.settings.set(name, value);
  const catalogue::BatchLimits limits;
  const provider::BatchContext context{.credentials = credentials,
                                       .limits = limits,
                                       .id = {1, 2},
                                       .items = 100,
                                       .image_bytes = 1,
                                       .model = "m",
                                       .now = from_unix_seconds(1'795'000'000)};
  const auto& adapter = providers::bedrock::adapter();
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
