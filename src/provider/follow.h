#pragma once
// URLs that stood in an answer: results behind a signed link, parts of a dataset. They may lead away from the configured origin only
// where the catalogue says so, and never take a key along. Pure.
#include <string_view>

#include "base/result.h"
#include "http/plan.h"
#include "provider/adapter.h"

namespace weir::provider {

/// A GET of `url`, without a key: what is signed needs none. It leads to the configured origin, or over https to a host that
/// BatchLimits::result_hosts names. Whoever sends it follows no redirect, and away from the origin connects to public addresses only.
/// @error kBadResponse it is no URL, or leads elsewhere; the message names the host, never the URL: a signature is a secret.
[[nodiscard]] Result<http::RequestPlan> follow_plan(std::string_view url,
                                                    const BatchContext& context);

}  // namespace weir::provider
