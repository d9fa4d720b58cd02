#pragma once
// For tests only: a simulator with the gemini provider, and bodies of requests.
#include <memory>
#include <string>
#include <string_view>

#include "sim/testing.h"

namespace weir::sim::gemini {

std::unique_ptr<Provider> make_provider();

inline testing::Bench make_bench(Options options = {}) {
  return {make_provider(), {{"x-goog-api-key", "key-1"}}, std::move(options)};
}

inline const std::string kModels = "/gemini/v1beta/models";
inline const std::string kFiles = "/gemini/v1beta/files";
inline const std::string kBatches = "/gemini/v1beta/batches";
inline const std::string kUpload = "/gemini/upload/v1beta/files";

inline std::string path_of(std::string_view model, std::string_view method = "generateContent") {
  return kModels + "/" + std::string(model) + ":" + std::string(method);
}
/// A body with a static system text and a document.
inline std::string body_of(std::string_view system, std::string_view document,
                           std::string_view more = "") {
  return R"({"systemInstruction":{"parts":[{"text":")" + std::string(system) +
         R"("}]},"contents":[{"role":"user","parts":[{"text":")" + std::string(document) +
         "\"}]}]" + std::string(more) + "}";
}
inline json::Value first_part(const testing::Parsed& response) {
  return response["candidates"].items().at(0)["content"]["parts"].items().at(0);
}
inline std::int64_t count(json::Value usage, std::string_view name) {
  return usage[name].integer_or(0);
}

/// Opens an upload; gives the target to send its bytes to.
inline std::string open_upload(testing::Bench& b, std::size_t length) {
  const Reply reply = b.post(kUpload, R"({"file":{"displayName":"in"}})",
                             {{"x-goog-upload-protocol", "resumable"},
                              {"x-goog-upload-command", "start"},
                              {"x-goog-upload-header-content-length", std::to_string(length)},
                              {"x-goog-upload-header-content-type", "application/jsonl"},
                              {"host", "sim.test:80"}});
  EXPECT_EQ(reply.head.status, 200) << reply.text();
  const auto url = reply.head.headers.find("x-goog-upload-url").value_or("");
  EXPECT_TRUE(url.starts_with("http://sim.test:80/gemini/upload/v1beta/files?upload_id=")) << url;
  return std::string(url.substr(url.find("/gemini")));
}
inline Reply send_bytes(testing::Bench& b, const std::string& target, std::string bytes,
                        std::size_t offset = 0, std::string command = "upload, finalize") {
  return b.post(target, std::move(bytes),
                {{"x-goog-upload-command", std::move(command)},
                 {"x-goog-upload-offset", std::to_string(offset)}});
}
/// Uploads a file; gives its name.
inline std::string upload(testing::Bench& b, const std::string& content) {
  const Reply reply = send_bytes(b, open_upload(b, content.size()), content);
  EXPECT_EQ(reply.head.status, 200) << reply.text();
  return testing::Parsed(reply.text())["file"]["name"].string_or("");
}

inline std::string line_of(std::string_view key, std::string_view request) {
  return R"({"key":")" + std::string(key) + R"(","request":)" + std::string(request) + "}\n";
}
inline std::string create_body(std::string_view file, std::string_view name = "job") {
  return R"({"batch":{"displayName":")" + std::string(name) + R"(","inputConfig":{"fileName":")" +
         std::string(file) + R"("}}})";
}
/// Uploads the lines and creates a batch of them; gives its name.
inline std::string create(testing::Bench& b, const std::string& lines,
                          std::string_view model = "gemini-2.5-flash") {
  const Reply reply = b.post(path_of(model, "batchGenerateContent"), create_body(upload(b, lines)));
  EXPECT_EQ(reply.head.status, 200) << reply.text();
  return testing::Parsed(reply.text())["name"].string_or("");
}
inline testing::Parsed get(testing::Bench& b, const std::string& name) {
  return testing::Parsed(b.get("/gemini/v1beta/" + name).text());
}
inline std::string state(testing::Bench& b, const std::string& batch) {
  return get(b, batch)["metadata"]["state"].string_or("");
}
/// Waits until the batch has ended, whichever way.
inline testing::Parsed finish(testing::Bench& b, const std::string& batch) {
  for (int i = 0; i < 3000; ++i) {
    testing::Parsed now = get(b, batch);
    if (now["done"].boolean().value_or(false)) return now;
    b.wait(std::chrono::minutes(1));
  }
  return get(b, batch);
}
inline std::vector<std::string> results(testing::Bench& b, const testing::Parsed& operation) {
  const auto file = operation["metadata"]["output"]["responsesFile"].string_or("");
  if (file.empty()) return {};
  return testing::lines_of(b.get("/gemini/download/v1beta/" + file + ":download?alt=media").text());
}

}  // namespace weir::sim::gemini
