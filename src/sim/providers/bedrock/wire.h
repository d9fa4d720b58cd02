#pragma once
// What everything of the simulated Bedrock shares: errors of its JSON services and of S3, ids, paths.
// Docs (checked 2026-11-23, reference snapshot): https://docs.aws.amazon.com/bedrock/latest/APIReference/,
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
#include <expected>
#include <string>
#include <string_view>

#include "sim/provider.h"

namespace weir::sim::bedrock {

struct ApiError {
  int status = 400;
  std::string name;  // "ValidationException"
  std::string message;
};

template <class T>
using Checked = std::expected<T, ApiError>;

inline std::unexpected<ApiError> refuse(std::string message,
                                        std::string name = "ValidationException",
                                        int status = 400) {
  return std::unexpected(
      ApiError{.status = status, .name = std::move(name), .message = std::move(message)});
}

/// {"message":"…"} with the header x-amzn-errortype.
Reply error_reply(const ApiError& error);
/// <Error><Code>…</Code><Message>…</Message></Error>
Reply storage_error(const ApiError& error);
/// The usual error of a status, of the JSON services or of S3 ("" for the message: the usual text).
ApiError usual_error(int status, std::string_view message, bool storage);
/// 403: of a key that nobody has.
ApiError unknown_key(bool storage);

/// Text as it stands in an XML element.
std::string xml_escaped(std::string_view text);

/// As a header has it: "Fri, 27 Nov 2026 17:19:39 GMT".
std::string http_date(Time time);

/// prefix + so many letters and digits drawn from the seed.
std::string make_id(std::string_view prefix, std::uint64_t seed, std::uint64_t number,
                    std::size_t length);

/// Which of the three services a path belongs to, and what it names.
struct Route {
  enum class Kind : std::uint8_t {
    kConverse,
    kConverseStream,
    kInvoke,  // POST /model/M/invoke
    kCreate,  // POST /model-invocation-job
    kJobs,    // GET /model-invocation-jobs
    kJob,
    kStop,
    kBucket,
    kObject,
    kNone
  };
  Kind kind = Kind::kNone;
  std::string name;    // model, job or bucket; decoded
  std::string object;  // its key
  [[nodiscard]] bool storage() const { return kind == Kind::kBucket || kind == Kind::kObject; }
};
Route route_of(std::string_view path);

}  // namespace weir::sim::bedrock
