#include "sim/providers/bedrock/wire.h"

#include <array>

#include "base/ids.h"
#include "http/url.h"
#include "sim/draw.h"
#include "sim/json_reply.h"

namespace weir::sim::bedrock {
namespace {

struct Usual {
  int status = 0;
  std::string_view name, text, storage_name, storage_text;
};
constexpr std::array<Usual, 9> kUsual{{
    {400, "ValidationException", "Input validation failed.", "InvalidRequest", "Invalid request."},
    {401, "MissingAuthenticationTokenException", "Missing Authentication Token", "AccessDenied",
     "Access Denied"},
    {403, "AccessDeniedException",
     "You don't have access to the model with the specified model ID.", "AccessDenied",
     "Access Denied"},
    {404, "ResourceNotFoundException", "The resource was not found.", "NoSuchKey",
     "The specified key does not exist."},
    {408, "ModelTimeoutException", "The request took too long to process.", "RequestTimeout",
     "Your socket connection to the server was not read from or written to in time."},
    {424, "ModelErrorException", "The request failed due to an error while processing the model.",
     "InternalError", "We encountered an internal error. Please try again."},
    {429, "ThrottlingException", "Too many requests, please wait before trying again.", "SlowDown",
     "Please reduce your request rate."},
    {500, "InternalServerException",
     "The system encountered an unexpected error during processing. Try your request again.",
     "InternalError", "We encountered an internal error. Please try again."},
    {503, "ServiceUnavailableException", "The service isn't currently available. Try again later.",
     "ServiceUnavailable", "Please reduce your request rate."},
}};

// "{model}/converse" behind "/model/".
Route model_route(std::string_view rest) {
  const auto slash = rest.rfind('/');
  if (slash == std::string_view::npos || slash == 0) return {};
  const auto verb = rest.substr(slash + 1);
  Route out{.name = http::percent_decode(rest.substr(0, slash)), .object = {}};
  if (verb == "converse") out.kind = Route::Kind::kConverse;
  if (verb == "invoke") out.kind = Route::Kind::kInvoke;
  if (verb == "converse-stream") out.kind = Route::Kind::kConverseStream;
  return out;
}

Route job_route(std::string_view rest) {
  constexpr std::string_view kStop = "/stop";
  const bool stops = rest.ends_with(kStop);
  if (stops) rest.remove_suffix(kStop.size());
  auto id = http::percent_decode(rest);
  if (const auto slash = id.rfind('/'); slash != std::string::npos) id.erase(0, slash + 1);
  return {
      .kind = stops ? Route::Kind::kStop : Route::Kind::kJob, .name = std::move(id), .object = {}};
}

}  // namespace

Reply error_reply(const ApiError& error) {
  json::Writer out;
  out.begin_object().field("message", error.message).end_object();
  Reply reply = json_reply(error.status, out.take());
  reply.head.headers.set("x-amzn-errortype",
                         error.name + ":http://internal.amazon.com/coral/com.amazon.bedrock/");
  return reply;
}

Reply storage_error(const ApiError& error) {
  Reply reply;
  reply.head.status = error.status;
  reply.head.headers = {{"content-type", "application/xml"}};
  reply.body.push_back({Duration(0), "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>" +
                                         error.name + "</Code><Message>" +
                                         xml_escaped(error.message) + "</Message></Error>"});
  return reply;
}

ApiError usual_error(int status, std::string_view message, bool storage) {
  if (status == 529) status = 503;  // AWS knows no 529
  const Usual* found = &kUsual[status < 500 ? 0 : 7];
  for (const auto& row : kUsual)
    if (row.status == status) found = &row;
  if (status == 401) status = 403;  // nor a 401
  if (storage && status == 429) status = 503;
  ApiError out{.status = status,
               .name = std::string(storage ? found->storage_name : found->name),
               .message = std::string(message)};
  if (message.empty()) out.message = storage ? found->storage_text : found->text;
  return out;
}

ApiError unknown_key(bool storage) {
  if (storage)
    return {.status = 403,
            .name = "InvalidAccessKeyId",
            .message = "The AWS Access Key Id you provided does not exist in our records."};
  return {.status = 403,
          .name = "UnrecognizedClientException",
          .message = "The security token included in the request is invalid."};
}

std::string xml_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else out.push_back(c);
  }
  return out;
}

std::string http_date(Time time) {
  using namespace std::chrono;
  static constexpr std::string_view kDays = "SunMonTueWedThuFriSat",
                                    kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const std::string text = to_rfc3339(floor<seconds>(time));  // 2026-11-27T17:19:39Z
  std::string out(kDays.substr(weekday(day).c_encoding() * std::size_t{3}, 3));
  out.append(", ").append(text, 8, 2).append(" ");
  out.append(kMonths.substr((unsigned{date.month()} - 1) * std::size_t{3}, 3)).append(" ");
  out.append(text, 0, 4).append(" ").append(text, 11, 8).append(" GMT");
  return out;
}

std::string make_id(std::string_view prefix, std::uint64_t seed, std::uint64_t number,
                    std::size_t length) {
  auto random = draw(seed, prefix, number);
  std::string out(prefix);
  while (out.size() < prefix.size() + length) out += base36(random.next());
  out.resize(prefix.size() + length);
  return out;
}

Route route_of(std::string_view path) {
  constexpr std::string_view kModel = "/model/", kJob = "/model-invocation-job/";
  if (path == "/model-invocation-job")
    return {.kind = Route::Kind::kCreate, .name = {}, .object = {}};
  if (path == "/model-invocation-jobs")
    return {.kind = Route::Kind::kJobs, .name = {}, .object = {}};
  if (path.starts_with(kModel)) return model_route(path.substr(kModel.size()));
  if (path.starts_with(kJob)) return job_route(path.substr(kJob.size()));
  if (path.size() < 2) return {};
  const auto slash = path.find('/', 1);
  Route out{.kind = Route::Kind::kBucket,
            .name = http::percent_decode(path.substr(1, slash - 1)),
            .object = {}};
  if (slash == std::string_view::npos || slash + 1 == path.size()) return out;
  out.kind = Route::Kind::kObject;
  out.object = http::percent_decode(path.substr(slash + 1));
  return out;
}

}  // namespace weir::sim::bedrock
