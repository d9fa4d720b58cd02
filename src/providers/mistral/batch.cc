#include "providers/mistral/batch.h"

#include <fmt/format.h>

#include <algorithm>

#include "json/write.h"

namespace weir::providers::mistral {
namespace {

namespace batch = provider::openai_batch;
namespace chat = provider::openai_chat;

constexpr std::int64_t kTimeoutHoursMax = 168;  // "less than 7 days"; 168 was accepted

std::optional<Time> unix_time(json::Value value) {
  const auto seconds = value.integer();
  if (!seconds || *seconds <= 0) return std::nullopt;
  return from_unix_seconds(std::min(*seconds, chat::kUnixSecondsMax));
}

// [{"message":"…","count":3}]: what it holds when a job fails as a whole is not documented.
Error failure(const batch::BatchObject& job, json::Value errors) {
  std::string words;
  for (const auto item : errors.items()) {
    const auto message = json::Value(item)["message"].string().value_or(std::string_view());
    if (!words.empty() && !message.empty()) words += "; ";
    words += message;
  }
  return {
      .kind = ErrorKind::kUnavailable,
      .message = fmt::format("mistral: batch {} failed{}{}", job.id,
                             words.empty() ? " without a reason" : ": ", chat::presentable(words)),
      .provider = "mistral"};
}

}  // namespace

std::string create_body(const provider::BatchContext& context, std::string_view input_file) {
  const auto hours = std::chrono::ceil<std::chrono::hours>(context.limits.window).count();
  json::Writer body;
  body.begin_object().key("input_files").begin_array().string(input_file).end_array();
  body.field("endpoint", "/v1/chat/completions").field("model", context.model);
  body.field("timeout_hours", std::clamp<std::int64_t>(hours, 1, kTimeoutHoursMax));
  body.key("metadata").begin_object().field(batch::kTagKey, batch::recovery_tag(context.id));
  body.field("weir_items", fmt::format("{}", context.items)).end_object().end_object();
  return body.take();
}

// {"id":"…","status":"RUNNING","input_files":["…"],"output_file":null,"error_file":null,"metadata":{…},"created_at":1795…,
//  "completed_at":null,"total_requests":3,"completed_requests":1,"succeeded_requests":1,"failed_requests":0,"errors":[]}
std::optional<batch::BatchObject> read_job(json::Value value) {
  const auto id = batch::usable_id(value["id"]);
  const auto status = value["status"].string();
  if (!id || !status) return std::nullopt;
  batch::BatchObject out;
  out.id = *id;
  out.status = chat::presentable(*status);
  if (const auto files = value["input_files"].items(); files.size() > 0)
    out.input_file = batch::usable_id(json::Value(files.at(0))).value_or("");
  out.output_file = batch::usable_id(value["output_file"]).value_or("");
  out.error_file = batch::usable_id(value["error_file"]).value_or("");
  out.tag = value["metadata"][batch::kTagKey].string_or("");
  out.created = unix_time(value["created_at"]);
  // Zeroes until it begins; completed_requests has the failed ones among them.
  if (value["total_requests"].integer_or(0) > 0)
    out.done = static_cast<std::uint64_t>(
        std::max<std::int64_t>(value["completed_requests"].integer_or(0), 0));
  for (const std::string_view end : {"SUCCESS", "FAILED", "TIMEOUT_EXCEEDED", "CANCELLED"})
    out.terminal |= *status == end;
  if (out.terminal) out.ended = unix_time(value["completed_at"]);
  out.cancelling = *status == "CANCELLATION_REQUESTED";
  out.failed = *status == "FAILED";
  if (out.failed) out.error = failure(out, value["errors"]);
  return out;
}

}  // namespace weir::providers::mistral
