#pragma once
// For tests only: a simulator with the openAI provider, and bodies of requests.
#include <memory>
#include <string>
#include <string_view>

#include "sim/testing.h"

namespace weir::sim::openAI {

std::unique_ptr<Provider> make_provider();

inline testing::Bench make_bench(Options options = {}) {
  return {make_provider(), {{"authorization", "Bearer key-1"}}, std::move(options)};
}

inline const std::string kChat = "/openAI/v1/chat/completions";
inline const std::string kFiles = "/openAI/v1/files";
inline const std::string kBatches = "/openAI/v1/batches";

inline std::string text_part(std::string_view text, bool mark = false) {
  return R"({"type":"text","text":")" + std::string(text) + "\"" +
         (mark ? R"(,"prompt_cache_breakpoint":{"mode":"explicit"})" : "") + "}";
}
/// A body with a static system text and a document.
inline std::string body_of(std::string_view model, std::string_view system,
                           std::string_view document, std::string_view more = "") {
  return R"({"model":")" + std::string(model) + R"(","messages":[{"role":"system","content":")" +
         std::string(system) + R"("},{"role":"user","content":")" + std::string(document) + "\"}]" +
         std::string(more) + "}";
}

struct Usage {
  std::int64_t prompt = 0, cached = 0, written = 0;
  friend bool operator==(const Usage&, const Usage&) = default;
};
inline void PrintTo(const Usage& u, std::ostream* out) {
  *out << "prompt " << u.prompt << " cached " << u.cached << " written " << u.written;
}
inline Usage usage_of(json::Value completion) {
  const json::Value usage = completion["usage"], details = usage["prompt_tokens_details"];
  EXPECT_EQ(usage["total_tokens"].integer_or(-1),
            usage["prompt_tokens"].integer_or(0) + usage["completion_tokens"].integer_or(0));
  return {usage["prompt_tokens"].integer_or(-1), details["cached_tokens"].integer_or(-1),
          details["cache_write_tokens"].integer_or(-1)};
}

/// Uploads a batch file; gives its id.
inline std::string upload(testing::Bench& b, std::string_view content,
                          std::string_view purpose = "batch", std::string_view more = "") {
  const std::string body =
      "--B\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n" + std::string(purpose) +
      "\r\n" + std::string(more) +
      "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"in.jsonl\"\r\n"
      "Content-Type: application/jsonl\r\n\r\n" +
      std::string(content) + "\r\n--B--\r\n";
  const Reply reply = b.post(kFiles, body, {{"content-type", "multipart/form-data; boundary=B"}});
  EXPECT_EQ(reply.head.status, 200) << reply.text();
  return testing::Parsed(reply.text())["id"].string_or("");
}
inline std::string line_of(std::string_view custom_id, std::string_view body) {
  return R"({"custom_id":")" + std::string(custom_id) +
         R"(","method":"POST","url":"/v1/chat/completions","body":)" + std::string(body) + "}\n";
}
inline std::string create_body(std::string_view file, std::string_view more = "") {
  return R"({"input_file_id":")" + std::string(file) +
         R"(","endpoint":"/v1/chat/completions","completion_window":"24h")" + std::string(more) +
         "}";
}
/// Uploads the lines and creates a batch of them; gives its id.
inline std::string create(testing::Bench& b, std::string_view lines, std::string_view more = "") {
  const Reply reply = b.post(kBatches, create_body(upload(b, lines), more));
  EXPECT_EQ(reply.head.status, 200) << reply.text();
  return testing::Parsed(reply.text())["id"].string_or("");
}
inline std::string status(testing::Bench& b, const std::string& id) {
  return testing::Parsed(b.get(kBatches + "/" + id).text())["status"].string_or("");
}
/// Waits until the batch has ended, whichever way.
inline testing::Parsed finish(testing::Bench& b, const std::string& id) {
  for (int i = 0; i < 3000; ++i) {
    const std::string now = status(b, id);
    if (now == "completed" || now == "failed" || now == "expired" || now == "cancelled") break;
    b.wait(std::chrono::minutes(1));
  }
  return testing::Parsed(b.get(kBatches + "/" + id).text());
}
inline std::vector<std::string> file_lines(testing::Bench& b, json::Value id) {
  if (!id.is_string()) return {};
  return testing::lines_of(b.get(kFiles + "/" + id.string_or("") + "/content").text());
}

}  // namespace weir::sim::openAI
