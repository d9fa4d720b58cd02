// Signs requests as Weir does: a JSON object a line on stdin, one on stdout. Only tests use it (signature.test.js).
//   {"method":"PUT","segments":["bucket","a key"],"query":[["prefix","a/b"],["lifecycle",null]],"headers":[["X-A"," b "]],
//    "body":"text" or null: not hashed,"host":"h","port":443,"tls":true,"service":"s3","region":"r","id":"…","secret":"…",
//    "token":"" or a session's,"time":"RFC 3339"}
//   -> {"target":"/bucket/a%20key?prefix=a%2Fb&lifecycle","headers":[["X-A"," b "],["authorization","AWS4-…"]],"canonical":"PUT\n…",
//      "witness":"the signature that weir sim expects of what is sent"}
#include <cstdint>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/time.h"
#include "http/plan.h"
#include "http/url.h"
#include "json/value.h"
#include "json/write.h"
#include "provider/aws_signature.h"
#include "sim/providers/bedrock/signature.h"

namespace weir {
namespace {

struct Pair {
  std::string name;
  std::optional<std::string> value;
};

std::vector<Pair> pairs_of(json::Value list) {
  std::vector<Pair> out;
  for (const auto item : list.items()) {
    std::vector<std::optional<std::string_view>> parts;
    for (const auto part : item.items()) parts.push_back(part.string());
    parts.resize(2);
    out.push_back({std::string(parts[0].value_or("")), std::optional<std::string>(parts[1])});
  }
  return out;
}

// Paths and queries are encoded as the adapters do.
std::string target_of(json::Value request) {
  std::string out;
  for (const auto segment : request["segments"].items())
    out.append("/").append(http::percent_encode(segment.string_or("")));
  char before = '?';
  for (const auto& [name, value] : pairs_of(request["query"])) {
    out.append(1, before).append(http::percent_encode(name));
    if (value) out.append("=").append(http::percent_encode(*value));
    before = '&';
  }
  return out;
}

http::RequestPlan plan_of(json::Value request) {
  http::RequestPlan plan{
      .method = http::parse_method(request["method"].string_or("")).value_or(http::Method::kGet),
      .target = target_of(request),
      .headers = {},
      .body = {}};
  for (auto& [name, value] : pairs_of(request["headers"]))
    plan.headers.add(std::move(name), std::move(value).value_or(""));
  if (const auto body = request["body"].string()) plan.body.emplace_back(std::string(*body));
  else plan.body.emplace_back(http::ImageSlice{0, 1});
  return plan;
}

// By the code of the simulator, which shares none with the signer.
std::string witness_of(const http::RequestPlan& plan, const http::Origin& origin,
                       std::string_view service, std::string_view secret) {
  http::Request request{
      .method = plan.method, .target = plan.target, .headers = plan.headers, .body = {}};
  request.headers.set("host", origin.authority());
  for (const auto& piece : plan.body)
    if (const auto* text = std::get_if<std::string>(&piece)) request.body += *text;
  return sim::bedrock::signature_of(request, service, secret).value_or("");
}

std::string signed_line(json::Value request, Time now) {
  auto plan = plan_of(request);
  const http::Origin origin{.tls = request["tls"].boolean().value_or(true),
                            .host = request["host"].string_or(""),
                            .port = static_cast<std::uint16_t>(request["port"].integer_or(443))};
  const auto id = request["id"].string_or(""), secret = request["secret"].string_or(""),
             token = request["token"].string_or(""), region = request["region"].string_or(""),
             service = request["service"].string_or("");
  provider::sign(plan, origin, {.id = id, .secret = secret, .session_token = token},
                 {.region = region, .service = service}, now);
  json::Writer out;
  out.begin_object().field("target", plan.target).key("headers").begin_array();
  for (const auto& [name, value] : plan.headers)
    out.begin_array().string(name).string(value).end_array();
  out.end_array().field("canonical", provider::canonical_request(plan, origin, service));
  out.field("witness", witness_of(plan, origin, service, secret));
  return out.end_object().take();
}

int run() {
  json::Parser parser;
  std::string line;
  while (std::getline(std::cin, line)) {
    const auto request = parser.parse(line);
    if (!request) {
      std::cerr << "a line is no JSON: " << request.error().message << '\n';
      return 1;
    }
    const auto now = parse_rfc3339((*request)["time"].string_or(""));
    if (!now) {
      std::cerr << "a line has no time: " << line << '\n';
      return 1;
    }
    std::cout << signed_line(*request, *now) << '\n';
  }
  return std::cout.flush() ? 0 : 1;
}

}  // namespace
}  // namespace weir

int main() { return weir::run(); }
