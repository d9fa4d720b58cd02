#pragma once
// For tests only: a simulator with the bedrock provider, signed requests, and bodies of them.
#include <memory>
#include <string>
#include <string_view>

#include "sim/providers/bedrock/signature.h"
#include "sim/testing.h"

namespace weir::sim::bedrock {

std::unique_ptr<Provider> make_provider();

/// Speaks with a Bedrock API key.
inline testing::Bench make_bench(Options options = {}) {
  return {make_provider(), {{"authorization", "Bearer key-1"}}, std::move(options)};
}

/// "20261123T020000Z"
inline std::string basic(Time time) {
  std::string out;
  for (const char c : to_rfc3339(std::chrono::floor<std::chrono::seconds>(time)))
    if (c != '-' && c != ':') out.push_back(c);
  return out;
}

/// Signs as a client would that has read the documents.
inline http::Request signed_request(http::Method method, std::string target, std::string body,
                                    Time now, std::string_view service,
                                    std::string_view id = "key-1",
                                    std::string_view secret = "secret-of-key-1") {
  http::Request request{.method = method,
                        .target = std::move(target),
                        .headers = {{"host", "sim.test"}, {"x-amz-date", basic(now)}},
                        .body = std::move(body)};
  std::string names = "host;x-amz-date";
  if (service == "s3") {
    request.headers.set("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    names = "host;x-amz-content-sha256;x-amz-date";
  }
  const std::string start = "AWS4-HMAC-SHA256 Credential=" + std::string(id) + "/" +
                            basic(now).substr(0, 8) + "/us-east-1/" + std::string(service) +
                            "/aws4_request, SignedHeaders=" + names + ", Signature=";
  request.headers.set("authorization", start);
  request.headers.set("authorization", start + signature_of(request, service, secret).value_or(""));
  return request;
}

inline Reply storage(testing::Bench& b, http::Method method, std::string target,
                     std::string body = {}) {
  return b.simulator().handle(
      signed_request(method, "/bedrock" + target, std::move(body), b.now(), "s3"), b.now());
}
inline Reply control(testing::Bench& b, http::Method method, std::string target,
                     std::string body = {}) {
  return b.simulator().handle(
      signed_request(method, "/bedrock" + target, std::move(body), b.now(), "bedrock"), b.now());
}

inline const std::string kModel = "anthropic.claude-sonnet-5";
inline std::string converse_path(std::string_view model = kModel, bool stream = false) {
  return "/bedrock/model/" + std::string(model) + (stream ? "/converse-stream" : "/converse");
}
inline std::string body_of(std::string_view system, std::string_view document,
                           std::string_view more = "") {
  return R"({"messages":[{"role":"user","content":[{"text":")" + std::string(document) +
         R"("}]}],"system":[{"text":")" + std::string(system) + "\"}" + std::string(more) + "]}";
}

inline std::string lines(int count, std::string_view more = "") {
  std::string out;
  for (int i = 0; i < count; ++i)
    out += R"({"recordId":"r-)" + std::to_string(i) + R"(","modelInput":)" +
           body_of("Say something.", "Document " + std::to_string(i), more) + "}\n";
  return out;
}
inline std::string create_body(std::string_view name, std::string_view token,
                               std::string_view model = kModel) {
  return R"({"jobName":")" + std::string(name) + R"(","clientRequestToken":")" +
         std::string(token) + R"(","roleArn":"arn:aws:iam::123456789012:role/r","modelId":")" +
         std::string(model) +
         R"(","modelInvocationType":"Converse","inputDataConfig":{"s3InputDataConfig":{"s3Uri":"s3://jobs/in/a.jsonl"}},)"
         R"("outputDataConfig":{"s3OutputDataConfig":{"s3Uri":"s3://jobs/out/"}},"timeoutDurationInHours":24})";
}
/// Puts the lines and creates a job of them; gives its id.
inline std::string create(testing::Bench& b, std::string input, std::string_view model = kModel) {
  EXPECT_EQ(storage(b, http::Method::kPut, "/jobs/in/a.jsonl", std::move(input)).head.status, 200);
  const Reply reply = control(b, http::Method::kPost, "/model-invocation-job",
                              create_body("job-one", "token-1", model));
  EXPECT_EQ(reply.head.status, 200) << reply.text();
  const auto arn = testing::Parsed(reply.text())["jobArn"].string_or("");
  return arn.substr(arn.rfind('/') + 1);
}
inline testing::Parsed get(testing::Bench& b, const std::string& id) {
  return testing::Parsed(control(b, http::Method::kGet, "/model-invocation-job/" + id).text());
}
inline std::string status(testing::Bench& b, const std::string& id) {
  return get(b, id)["status"].string_or("");
}
/// Waits until the job has ended, whichever way.
inline testing::Parsed finish(testing::Bench& b, const std::string& id) {
  for (int i = 0; i < 3000; ++i) {
    auto now = get(b, id);
    if (!now["endTime"].is_null()) return now;
    b.wait(std::chrono::minutes(1));
  }
  return get(b, id);
}
inline std::vector<std::string> rows(testing::Bench& b, const std::string& id) {
  const auto reply = storage(b, http::Method::kGet, "/jobs/out/" + id + "/a.jsonl.out");
  return reply.head.status == 200 ? testing::lines_of(reply.text()) : std::vector<std::string>();
}

}  // namespace weir::sim::bedrock
