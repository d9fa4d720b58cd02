// Answers to Vertex AI's batch machine and rows of its objects: whatever comes in any state there is a next step, its state can be
// read again, and no path leaves the project's jobs and the bucket's objects; a row is a value or kBadResponse.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "provider/adapter.h"

namespace weir::providers::vertexAI {
const provider::Adapter& adapter();
}

namespace {
using namespace weir;

constexpr std::array<std::string_view, 8> kStates{
    R"({"v":1,"at":"upload"})",
    R"({"v":1,"at":"create","creates":1,"intent":1})",
    R"({"v":1,"at":"list","creates":1,"intent":1,"unknown_since":1})",
    R"({"v":1,"at":"poll","job":"1"})",
    R"({"v":1,"at":"cancel","cancel":true,"job":"1"})",
    R"({"v":1,"at":"files","job":"1","status":"JOB_STATE_SUCCEEDED","output":"weir/w/output/"})",
    R"({"v":1,"at":"sweep","job":"1","output":"weir/w/output/"})",
    R"({"v":1,"at":"remove","job":"1","output":"weir/w/output/","file":"weir/w/input.jsonl"})"};
constexpr std::array kStatuses{200, 200, 200, 204, 400, 401, 403, 404, 410, 429, 500, 302};
constexpr std::array<std::string_view, 3> kPaths{
    "/v1/projects/shop/locations/l/batchPredictionJobs", "/storage/v1/b/pail/o",
    "/upload/storage/v1/b/pail/o?uploadType=media&name="};

void check(const provider::Step& step) {
  const http::RequestPlan* plan = nullptr;
  if (const auto* send = std::get_if<provider::Send>(&step.action)) plan = &send->plan;
  if (const auto* collect = std::get_if<provider::Collect>(&step.action)) plan = &collect->plan;
  if (plan == nullptr) return;
  bool ours = false;
  for (const auto path : kPaths) ours = ours || plan->target.starts_with(path);
  WEIR_ASSERT(ours);
  WEIR_ASSERT(plan->target.find("/..") == std::string::npos);
  WEIR_ASSERT(plan->target.find_first_of(" \r\n") == std::string::npos);
}

void check_row(std::string_view bytes) {
  const auto row = providers::vertexAI::adapter().decode_row("predictions.jsonl", bytes, Time{});
  WEIR_ASSERT(row || row.error().kind == ErrorKind::kBadResponse);
  if (!row) return;
  WEIR_ASSERT(!row->custom_id.empty());
  WEIR_ASSERT(row->response.usage.input.count >= 0);
}

void check_token(std::string_view bytes) {
  const auto token = providers::vertexAI::adapter().decode_token(
      {.status = 200, .headers = {}, .body = std::string(bytes)}, Time{});
  if (!token) return;
  WEIR_ASSERT(!token->value.empty());
  WEIR_ASSERT(token->value.find_first_of(" \r\n") == std::string::npos);
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  provider::Credentials credentials{.base_path = "", .key = "k"};
  credentials.settings.set("project", "shop");
  credentials.settings.set("location", "l");
  credentials.settings.set("bucket", "gs://pail/weir");
  const catalogue::BatchLimits limits;
  const provider::BatchContext context{.credentials = credentials,
                                       .limits = limits,
                                       .id = {1, 2},
                                       .items = 1,
                                       .image_bytes = 100,
                                       .model = "m",
                                       .now = from_unix_seconds(1'795'000'000)};
  const std::string bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  check_row(bytes);
  check_token(bytes);
  const provider::BatchEvent answer{.kind = provider::BatchEvent::Kind::kAnswer,
                                    .response = {.status = kStatuses[data[1] % kStatuses.size()],
                                                 .headers = {{"retry-after", bytes}},
                                                 .body = bytes}};
  const auto& adapter = providers::vertexAI::adapter();
  const auto step = adapter.next(kStates[data[0] % kStates.size()], answer, context);
  WEIR_ASSERT(step.has_value());
  check(*step);
  const auto again =
      adapter.next(step->state, {.kind = provider::BatchEvent::Kind::kRestarted}, context);
  WEIR_ASSERT(again.has_value());
  check(*again);
  return 0;
}
