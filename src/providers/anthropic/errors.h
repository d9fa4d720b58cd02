#pragma once
// Anthropic's errors as Weir's: one table from the type on the wire (else the status) to what the
// caller can do. Pure. Doc: https://platform.claude.com/docs/en/api/errors (checked 2026-11-23)
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "http/message.h"
#include "provider/anthropic_dialect.h"

namespace weir::providers::anthropic {

/// The kind of an error type; nothing for a type that is not in the table.
std::optional<ErrorKind> kind_of_type(std::string_view type);

/// The error of an answer that is not 2xx: kind by its type, else by its status; code, request id,
/// retry_after. `x-should-retry` overrules both: `true` makes it kUnavailable unless it can be
/// tried again anyhow, `false` makes it kInvalidArgument, which nothing tries again. An exhausted
/// spend limit (429) is kInvalidArgument too: waiting does not help.
Error error_of_response(const http::Response& response, Time now);

/// The error of a stream event or a result row, which have no status. An unknown type is
/// kUnavailable: not billed, so it may be tried again within the engine's bounds.
Error error_of_event(const provider::anthropic_dialect::WireError& wire);

}  // namespace weir::providers::anthropic
