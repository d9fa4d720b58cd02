#pragma once
// For tests only: bodies, files and batches of a simulated provider of the OpenAI shape.
#include <string>
#include <string_view>

#include "sim/testing.h"

namespace weir::sim::openai_shape {

/// A body with a static system text and a document.
inline std::string body_of(std::string_view model, std::string_view system,
                           std::string_view document, std::string_view more = "") {
  return R"({"model":")" + std::string(model) + R"(","messages":[{"role":"system","content":")" +
         std::string(system) + R"("},{"role":"user","content":")" + std::string(document) + "\"}]" +
         std::string(more) + "}";
}

inline std::string line_of(std::string_view custom_id, std::string_view body,
                           std::string_view url = "/v1/chat/completions") {
  return R"({"custom_id":")" + std::string(custom_id) + R"(","method":"POST","url":")" +
         std::string(url) + R"(","body":)" + std::string(body) + "}\n";
}

/// One member of a form, ahead of the file.
inline std::string form_field(std::string_view name, std::string_view value) {
  return "--B\r\nContent-Disposition: form-data; name=\"" + std::string(name) + "\"\r\n\r\n" +
         std::string(value) + "\r\n";
}

/// Uploads a file with these form fields.
inline Reply upload(testing::Bench& b, const std::string& path, std::string_view content,
                    std::string_view fields) {
  const std::string body =
      std::string(fields) +
      "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"in.jsonl\"\r\n"
      "Content-Type: application/jsonl\r\n\r\n" +
      std::string(content) + "\r\n--B--\r\n";
  return b.post(path, body, {{"content-type", "multipart/form-data; boundary=B"}});
}

/// Where a provider has its files and batches, and its words for an end.
struct BenchPaths {
  std::string files, batches;
  std::string upload = files;
  std::string purpose = "batch";
};

/// Uploads the lines and creates a batch of them.
inline Reply create(testing::Bench& b, const BenchPaths& paths, std::string_view lines,
                    std::string_view more = "") {
  const Reply file = upload(b, paths.upload, lines, form_field("purpose", paths.purpose));
  EXPECT_EQ(file.head.status, 200) << file.text();
  return b.post(paths.batches,
                R"({"input_file_id":")" + testing::Parsed(file.text())["id"].string_or("") +
                    R"(","endpoint":"/v1/chat/completions")" + std::string(more) + "}");
}

/// Waits until the batch has ended, whichever way: until it has a time of an end, or files.
inline testing::Parsed finish(testing::Bench& b, const BenchPaths& paths, const std::string& id) {
  for (int i = 0; i < 3000; ++i) {
    const testing::Parsed now(b.get(paths.batches + "/" + id).text());
    for (const std::string_view end : {"completed_at", "failed_at", "expired_at", "cancelled_at"})
      if (!now[end].is_null()) i = 3000;
    b.wait(std::chrono::minutes(1));
  }
  return testing::Parsed(b.get(paths.batches + "/" + id).text());
}

inline std::vector<std::string> file_lines(testing::Bench& b, const BenchPaths& paths,
                                           json::Value id) {
  if (!id.is_string()) return {};
  return testing::lines_of(b.get(paths.files + "/" + id.string_or("") + "/content").text());
}

}  // namespace weir::sim::openai_shape
