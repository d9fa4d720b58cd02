#pragma once
// What every request to Anthropic has: paths and headers.
// Doc: https://platform.claude.com/docs/en/api/overview (checked 2026-11-23)
#include <string>
#include <string_view>

#include "http/plan.h"
#include "http/url.h"
#include "provider/adapter.h"

namespace weir::providers::anthropic {

inline constexpr std::string_view kMessagesPath = "/v1/messages";
inline constexpr std::string_view kBatchesPath = "/v1/messages/batches";
inline constexpr std::string_view kModelsPath = "/v1/models/";

/// A request with our headers and no body. `path` may carry a query. `content-type` only where a
/// JSON body follows.
inline http::RequestPlan plan_of(http::Method method, const provider::Credentials& credentials,
                                 std::string_view path, bool json_body) {
  http::RequestPlan plan;
  plan.method = method;
  plan.target = http::join_path(credentials.base_path, path);
  plan.headers.add("x-api-key", credentials.key);
  plan.headers.add("anthropic-version", "2023-06-01");
  if (json_body) plan.headers.add("content-type", "application/json");
  return plan;
}

}  // namespace weir::providers::anthropic
