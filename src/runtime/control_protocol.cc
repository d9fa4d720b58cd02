#include "runtime/control_protocol.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "json/value.h"
#include "json/write.h"

namespace weir::runtime {
namespace {

constexpr std::int64_t kVersion = 1;
constexpr std::array<std::string_view, 3> kCommands{"progress", "cancel", "settle"};
constexpr std::array<std::string_view, 3> kHows{"adopt", "not_made", "lost"};
constexpr std::size_t kIdBytesMax = 256;

template <std::size_t N>
std::optional<std::size_t> index_of(const std::array<std::string_view, N>& names,
                                    json::Value value) {
  const auto* found = std::ranges::find(names, value.string().value_or("?"));
  if (found == names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names.begin());
}

std::unexpected<Error> bad(std::string_view what) {
  return fail(ErrorKind::kInvalidArgument, fmt::format("the request {}", what));
}

}  // namespace

Result<ControlRequest> parse_control(std::string_view line) {
  if (line.size() > kControlLineBytesMax) return bad("is too long");
  json::Parser parser;
  const auto parsed = parser.parse(line);
  if (!parsed || !parsed->is_object()) return bad("is no JSON object");
  WEIR_CHECK(json::check_unique_keys(*parsed));
  const auto& v = *parsed;
  if (v["v"].integer() != kVersion)
    return fail(ErrorKind::kUnsupported, "the request is of another version of Weir",
                "use the program that runs the job");
  const auto command = index_of(kCommands, v["command"]);
  if (!command) return bad("names no command");
  ControlRequest request{.command = static_cast<ControlRequest::Command>(*command)};
  if (request.command != ControlRequest::Command::kSettle) return request;
  const auto batch = v["batch"].integer();
  const auto how = index_of(kHows, v["how"]);
  if (!batch || *batch < 1 || !how) return bad("does not say which batch, or how");
  request.batch = static_cast<std::uint64_t>(*batch);
  request.settlement.how = static_cast<provider::Settlement::How>(*how);
  if (request.settlement.how != provider::Settlement::How::kAdopt) return request;
  request.settlement.provider_batch_id = v["provider_batch_id"].string_or("");
  const auto bytes = request.settlement.provider_batch_id.size();
  if (bytes == 0 || bytes > kIdBytesMax) return bad("has no batch id of a provider");
  return request;
}

std::string write_control(const ControlRequest& request) {
  json::Writer w;
  w.begin_object().field("v", kVersion);
  w.field("command", kCommands[static_cast<std::size_t>(request.command)]);
  if (request.command == ControlRequest::Command::kSettle) {
    w.field("batch", static_cast<std::int64_t>(request.batch));
    w.field("how", kHows[static_cast<std::size_t>(request.settlement.how)]);
    if (request.settlement.how == provider::Settlement::How::kAdopt)
      w.field("provider_batch_id", request.settlement.provider_batch_id);
  }
  return w.end_object().take();
}

std::string control_reply(const Result<std::string>& result) {
  json::Writer w;
  w.begin_object().field("v", kVersion).field("ok", result.has_value());
  if (result) {
    w.key("result").raw(*result);
  } else {
    w.key("error").begin_object().field("kind", to_string(result.error().kind));
    w.field("message", result.error().message).field("hint", result.error().hint).end_object();
  }
  return w.end_object().take();
}

Result<std::string> read_control_reply(std::string_view line) {
  json::Parser parser;
  const auto parsed = parser.parse(line);
  if (!parsed || (*parsed)["v"].integer() != kVersion || !(*parsed)["ok"].boolean())
    return fail(ErrorKind::kBadResponse, "the job's owner gave no answer that can be read",
                "use the program that runs the job");
  if (*(*parsed)["ok"].boolean()) return (*parsed)["result"].text();
  const auto error = (*parsed)["error"];
  Error out{.message = error["message"].string_or("?"), .hint = error["hint"].string_or("")};
  const auto kind = error["kind"].string().value_or("");
  for (int i = 0; i <= static_cast<int>(ErrorKind::kInternal); ++i)
    if (to_string(static_cast<ErrorKind>(i)) == kind) out.kind = static_cast<ErrorKind>(i);
  return std::unexpected(std::move(out));
}

}  // namespace weir::runtime
