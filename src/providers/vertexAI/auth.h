#pragma once
// How requests to Google Cloud are authorised: by a ready access token, or by a service account's key, which signs a JWT that is
// exchanged for one. Pure: the time comes along, and RS256 needs no randomness. Doc:
// https://developers.google.com/identity/protocols/oauth2/service-account (checked 2026-11-27)
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/plan.h"
#include "provider/adapter.h"

namespace weir::providers::vertexAI {

/// Whether the credentials hold a service account's key (a JSON document), not an access token.
[[nodiscard]] bool is_service_account(const provider::Credentials& credentials);

/// Whether requests go to Google itself. Any other endpoint (a gateway, a simulator) stands for all of Google's hosts, and nothing
/// leaves it.
[[nodiscard]] bool is_google(const http::Origin& origin);

/// The access token as a header, or the wish for one.
void authorize(http::RequestPlan& plan, const provider::Credentials& credentials);

/// The exchange, as Adapter::encode_token says. The JWT is good for an hour from `now`.
/// @error kUnauthenticated no service account's key, one without its members, whose private_key is no RSA key, or whose token_uri is
/// another host's; the message never holds a piece of it. kUnsupported the credentials hold a ready token.
[[nodiscard]] Result<http::RequestPlan> token_plan(const provider::Credentials& credentials,
                                                   Time now);
/// @error as Adapter::decode_token.
[[nodiscard]] Result<provider::AccessToken> read_token(const http::Response& response, Time now);

}  // namespace weir::providers::vertexAI
