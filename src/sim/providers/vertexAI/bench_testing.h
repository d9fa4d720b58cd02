#pragma once
// For tests only: a simulator with the vertexAI provider, and bodies of requests.
#include <memory>
#include <string>
#include <string_view>

#include "http/url.h"
#include "sim/testing.h"

namespace weir::sim::vertexAI {

std::unique_ptr<Provider> make_provider();

inline testing::Bench make_bench(Options options = {}) {
  return {make_provider(), {{"authorization", "Bearer key-1"}}, std::move(options)};
}

inline const std::string kBase = "/vertexAI/v1/projects/shop/locations/us-central1";
inline const std::string kJobs = kBase + "/batchPredictionJobs";
inline const std::string kStorage = "/vertexAI/storage/v1/b/pail/o";

inline std::string path_of(std::string_view model, std::string_view method = "generateContent") {
  return kBase + "/publishers/google/models/" + std::string(model) + ":" + std::string(method);
}
inline std::string body_of(std::string_view document, std::string_view more = "") {
  return R"({"contents":[{"role":"user","parts":[{"text":")" + std::string(document) + "\"}]}]" +
         std::string(more) + "}";
}
inline std::string line_of(std::string_view id, std::string_view request) {
  return R"({"custom_id":")" + std::string(id) + R"(","request":)" + std::string(request) + "}\n";
}
inline std::string object(std::string_view name, std::string_view query = "") {
  return kStorage + "/" + http::percent_encode(name) + std::string(query);
}
inline Reply upload(testing::Bench& b, const std::string& content,
                    const std::string& name = "in/a.jsonl", const std::string& bucket = "pail") {
  return b.post("/vertexAI/upload/storage/v1/b/" + bucket +
                    "/o?uploadType=media&name=" + http::percent_encode(name),
                content);
}
inline std::string create_body(std::string_view name = "job",
                               std::string_view model = "gemini-2.5-flash",
                               std::string_view input = "gs://pail/in/a.jsonl") {
  return R"({"displayName":")" + std::string(name) + R"(","model":"publishers/google/models/)" +
         std::string(model) +
         R"(","inputConfig":{"instancesFormat":"jsonl","gcsSource":{"uris":[")" +
         std::string(input) +
         R"("]}},"outputConfig":{"predictionsFormat":"jsonl","gcsDestination":{"outputUriPrefix":"gs://pail/out"}}})";
}
/// Creates a job of the lines; gives its path.
inline std::string create(testing::Bench& b, const std::string& lines,
                          std::string_view name = "job") {
  upload(b, lines);
  const Reply reply = b.post(kJobs, create_body(name));
  EXPECT_EQ(reply.head.status, 200) << reply.text();
  const auto full = testing::Parsed(reply.text())["name"].string_or("");
  return kJobs + full.substr(full.rfind('/'));
}
inline std::string state(testing::Bench& b, const std::string& job) {
  return testing::Parsed(b.get(job).text())["state"].string_or("");
}
/// Waits until the job has ended, whichever way.
inline testing::Parsed finish(testing::Bench& b, const std::string& job) {
  for (int i = 0; i < 6000; ++i) {
    testing::Parsed now(b.get(job).text());
    if (now["endTime"].is_string()) return now;
    b.wait(std::chrono::minutes(1));
  }
  return testing::Parsed(b.get(job).text());
}
/// All rows of all objects of predictions.
inline std::vector<std::string> results(testing::Bench& b, const testing::Parsed& job) {
  std::vector<std::string> out;
  const auto folder = job["outputInfo"]["gcsOutputDirectory"].string_or("");
  if (folder.empty()) return out;
  const auto prefix = folder.substr(std::string("gs://pail/").size()) + "/";
  const testing::Parsed list(b.get(kStorage + "?prefix=" + http::percent_encode(prefix)).text());
  for (const auto item : list["items"].items()) {
    const auto name = json::Value(item)["name"].string_or("");
    for (auto& line : testing::lines_of(b.get(object(name, "?alt=media")).text()))
      out.push_back(std::move(line));
  }
  return out;
}

}  // namespace weir::sim::vertexAI
