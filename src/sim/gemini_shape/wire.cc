#include "sim/gemini_shape/wire.h"

#include <algorithm>
#include <array>

#include "base/ids.h"
#include "sim/draw.h"
#include "sim/json_reply.h"

namespace weir::sim::gemini_shape {
namespace {

struct Word {
  int status = 0, grpc = 0;
  std::string_view word, text;
};
constexpr std::array<Word, 12> kWords{
    {{400, 3, "INVALID_ARGUMENT", "Request contains an invalid argument."},
     {400, 9, "FAILED_PRECONDITION", "Precondition check failed."},
     {401, 16, "UNAUTHENTICATED", "Request had invalid authentication credentials."},
     {403, 7, "PERMISSION_DENIED", "The caller does not have permission"},
     {404, 5, "NOT_FOUND", "Requested entity was not found."},
     {409, 10, "ABORTED", "The operation was aborted."},
     {429, 8, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."},
     {499, 1, "CANCELLED", "The operation was cancelled."},
     {500, 13, "INTERNAL", "An internal error has occurred. Please retry."},
     {501, 12, "UNIMPLEMENTED", "Operation is not implemented."},
     {503, 14, "UNAVAILABLE", "The model is overloaded. Please try again later."},
     {504, 4, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."}}};

const Word& word_of(const ApiError& error) {
  for (const auto& row : kWords)
    if (!error.word.empty() ? row.word == error.word : row.status == error.status) return row;
  return *std::ranges::find(kWords, error.status < 500 ? 400 : 500, &Word::status);
}

void write_details(const ApiError& error, json::Writer& out) {
  if (error.reason.empty() && !error.retry_after) return;
  out.key("details").begin_array();
  if (!error.reason.empty()) {
    out.begin_object().field("@type", "type.googleapis.com/google.rpc.ErrorInfo");
    out.field("reason", error.reason).field("domain", "googleapis.com");
    out.key("metadata").begin_object();
    out.field("service", "generativelanguage.googleapis.com").end_object().end_object();
  }
  if (error.retry_after) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*error.retry_after).count();
    out.begin_object().field("@type", "type.googleapis.com/google.rpc.RetryInfo");
    out.field("retryDelay", std::to_string(seconds) + "s").end_object();
  }
  out.end_array();
}

}  // namespace

Reply error_reply(const ApiError& error) {
  json::Writer out;
  out.begin_object().key("error").begin_object();
  out.field("code", std::int64_t{error.status}).field("message", error.message);
  out.field("status", word_of(error).word);
  write_details(error, out);
  out.end_object().end_object();
  return json_reply(error.status, out.take());
}

std::string status_json(const ApiError& error) {
  json::Writer out;
  out.begin_object().field("code", std::int64_t{word_of(error).grpc});
  out.field("message", error.message).end_object();
  return out.take();
}

ApiError usual_error(int status, std::string_view message) {
  if (status == 529) status = 503;  // this provider knows no 529
  ApiError error{.status = status, .message = std::string(message), .word = {}};
  if (message.empty()) error.message = word_of(error).text;
  return error;
}

std::string_view version_of(std::string_view target) {
  return target.substr(0, target.find('?')).find("/v1/") != std::string_view::npos ? "v1"
                                                                                   : "v1beta";
}

std::string make_id(std::string_view prefix, std::uint64_t seed, std::uint64_t number,
                    std::size_t length) {
  auto random = draw(seed, prefix, number);
  std::string out(prefix);
  while (out.size() < prefix.size() + length) out += base36(random.next());
  out.resize(prefix.size() + length);
  return out;
}

std::string camel_case(std::string_view name) {
  std::string out;
  bool upper = false;
  for (const char c : name) {
    if (c == '_') {
      upper = true;
      continue;
    }
    out.push_back(upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
    upper = false;
  }
  return out;
}

json::Value member(json::Value object, std::string_view name) {
  if (const auto found = object.find(name)) return *found;
  for (const auto item : object.members())
    if (item.key.find('_') != std::string_view::npos && camel_case(item.key) == name)
      return item.value;
  return {};
}

Checked<void> check_names(json::Value object, std::string_view where,
                          std::initializer_list<std::string_view> names) {
  for (const auto item : object.members()) {
    const std::string name = camel_case(item.key);
    if (std::ranges::find(names, name) != names.end()) continue;
    return refuse("Invalid JSON payload received. Unknown name \"" + std::string(item.key) +
                  "\" at '" + std::string(where) + "': Cannot find field.");
  }
  return {};
}

}  // namespace weir::sim::gemini_shape
