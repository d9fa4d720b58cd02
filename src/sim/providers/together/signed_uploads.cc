#include "sim/providers/together/signed_uploads.h"

#include <algorithm>
#include <array>
#include <memory>

#include "http/url.h"
#include "sim/openai_shape/service.h"

namespace weir::sim::together {
namespace {

constexpr std::chrono::hours kLinkLife{1};
constexpr std::string_view kSignature = "X-Amz-Signature";
constexpr std::array<std::string_view, 3> kTypes{"jsonl", "csv", "parquet"};

Reply storage_refusal(std::string_view code) {
  Reply reply;
  reply.head.status = 403;
  reply.head.headers = {{"content-type", "application/xml"}};
  reply.body.push_back({Duration(0), "<Error><Code>" + std::string(code) + "</Code></Error>"});
  return reply;
}

}  // namespace

Reply SignedUploads::start(Call& call) {
  const auto query = [&](std::string_view name) {
    return http::query_value(call.request.target, name).value_or("");
  };
  const auto refusal = [&](std::string message, std::string param) {
    return openai_shape::error_reply(
        traits_, {.status = 400, .message = std::move(message), .param = std::move(param)});
  };
  const auto name = query("file_name"), purpose = query("purpose");
  if (name.empty()) return refusal("file_name is required", "file_name");
  if (purpose.empty()) return refusal("purpose is required", "purpose");
  if (std::ranges::find(kTypes, query("file_type")) == kTypes.end())
    return refusal("file_type must be one of: jsonl, csv, parquet", "file_type");
  const auto id = files_.keep({.account = call.account,
                               .filename = name,
                               .purpose = purpose,
                               .created_at = call.now,
                               .upload = {.body = std::make_shared<const std::string>()}});
  const auto signature = openai_shape::make_id("sig", world_.options.seed, call.sequence);
  links_[signature] = {.key = std::string(openai_shape::bearer_key(call.request).value_or("")),
                       .file = id,
                       .until = call.now + kLinkLife};
  std::string url = "http://";
  url.append(call.request.headers.find("host").value_or("sim.invalid")).append("/together");
  url.append(kSignedPath).append(id).append("?X-Amz-Expires=3600&");
  url.append(kSignature).append("=").append(signature);
  Reply reply;
  reply.head.status = 302;
  reply.head.headers = {{"location", std::move(url)}, {"x-together-file-id", id}};
  return reply;
}

Reply SignedUploads::put(Call& call) {
  const auto link = links_.find(http::query_value(call.request.target, kSignature).value_or(""));
  if (link == links_.end() || call.path != std::string(kSignedPath) + link->second.file)
    return storage_refusal("SignatureDoesNotMatch");
  if (call.now > link->second.until) return storage_refusal("AccessDenied");
  auto body = std::make_shared<const std::string>(std::move(call.request.body));
  const auto length = body->size();
  if (!files_.fill(call.account, link->second.file, {.body = std::move(body), .length = length}))
    return storage_refusal("AccessDenied");
  Reply reply;
  reply.head.status = 200;
  return reply;
}

std::optional<std::string_view> SignedUploads::key_of_link(std::string_view target) const {
  const auto signature = http::query_value(target, kSignature);
  if (!signature) return std::nullopt;
  const auto found = links_.find(*signature);
  if (found == links_.end()) return std::nullopt;
  return found->second.key;
}

}  // namespace weir::sim::together
