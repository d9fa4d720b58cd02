#pragma once
// Signature Version 4 of AWS: a request is signed with a key that never leaves, over what is sent and the time. Pure: the time is an
// argument. Doc: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html (checked 2026-11-27)
#include <string>
#include <string_view>

#include "base/time.h"
#include "http/plan.h"

namespace weir::provider {

/// Borrowed for one call.
struct AwsKey {
  std::string_view id, secret;
  std::string_view session_token = {};  // of temporary credentials
};

/// What a signature is good for, such as "us-east-1" and "bedrock".
struct AwsScope {
  std::string_view region, service;
};

/// Adds the headers x-amz-date, x-amz-security-token (with a session token), x-amz-content-sha256 (for S3) and authorization. All headers that
/// the plan has are signed, and the host of `origin`. The path is signed as it stands for S3; for the others without dots and empty segments,
/// and encoded once more. Queries must be percent-encoded already. A body with slices of the image is not hashed, which S3 alone allows
/// ("UNSIGNED-PAYLOAD"): for others it is our bug. Checked against the signer of AWS's SDK: tests/sdk/signature.test.js.
void sign(http::RequestPlan& plan, const http::Origin& origin, const AwsKey& key,
          const AwsScope& scope, Time now);

/// What sign() signs of a plan that it has added its headers to: for tests and messages. It has the session token, but no key.
std::string canonical_request(const http::RequestPlan& plan, const http::Origin& origin,
                              std::string_view service);

}  // namespace weir::provider
