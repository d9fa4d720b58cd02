#include "provider/follow.h"

#include <fmt/format.h>

#include <algorithm>

namespace weir::provider {
namespace {

constexpr std::uint16_t kHttpsPort = 443;

bool is_allowed(const http::Origin& to, const BatchContext& context) {
  if (to == context.credentials.origin) return true;
  return to.tls && to.port == kHttpsPort &&
         std::ranges::find(context.limits.result_hosts, to.host) !=
             context.limits.result_hosts.end();
}

}  // namespace

Result<http::RequestPlan> follow_plan(std::string_view url, const BatchContext& context) {
  auto to = http::parse_url(url);
  if (!to)
    return fail(ErrorKind::kBadResponse, "the answer names something that is no http or https URL");
  if (!is_allowed(to->origin, context))
    return fail(
        ErrorKind::kBadResponse,
        fmt::format("the answer leads to {}, which is neither the configured endpoint nor a "
                    "host that the catalogue names",
                    to->origin.text()),
        "if the provider has moved its results, a newer catalogue names the new host");
  http::RequestPlan plan{
      .method = http::Method::kGet, .target = std::move(to->target), .headers = {}, .body = {}};
  if (to->origin != context.credentials.origin) plan.origin = std::move(to->origin);
  return plan;
}

}  // namespace weir::provider
