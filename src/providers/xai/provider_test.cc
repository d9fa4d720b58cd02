#include <gtest/gtest.h>

#include "provider/adapter.h"

namespace weir::providers::xai {

const provider::Adapter& adapter();

namespace {

const provider::Credentials kCredentials{.base_path = "/v1", .key = "k"};

llm::Request request(std::string model = "grok-4.3") {
  llm::Request out;
  out.model = std::move(model);
  out.messages = {{.role = llm::Role::kUser, .content = {{.text = "Hi"}}}};
  return out;
}

TEST(XaiProvider, SyncAndRow) {
  auto in = request();
  in.output_max = Tokens{9};
  in.cache_key = "weir-1";
  const auto plan = adapter().encode_sync(in, {kCredentials, "01A"}).value();
  EXPECT_EQ(plan.target, "/v1/chat/completions");
  EXPECT_EQ(plan.headers.find("authorization"), "Bearer k");
  EXPECT_EQ(plan.headers.find("x-client-request-id"), "01A");
  EXPECT_EQ(plan.headers.find("x-grok-conv-id"), "weir-1");
  const std::string body =
      R"({"model":"grok-4.3","messages":[{"role":"user","content":"Hi"}],"max_completion_tokens":9})";
  EXPECT_EQ(std::get<std::string>(plan.body.at(0)), body);
  std::string out;
  ASSERT_TRUE(adapter().encode_item("w1-0", in, out));
  EXPECT_EQ(out, R"({"custom_id":"w1-0","method":"POST","url":"/v1/chat/completions","body":)" +
                     body + "}");
  EXPECT_EQ(adapter().image_format().separator, "\n");
  EXPECT_EQ(adapter().encode_probe(kCredentials, "grok-4.3").target, "/v1/models/grok-4.3");
  EXPECT_EQ(adapter().name(), "xai");
}

TEST(XaiProvider, StopsAreRefusedWhereTheModelReasons) {
  auto in = request();
  in.stop = {"END"};
  const auto sync = adapter().encode_sync(in, {kCredentials, "01A"});
  ASSERT_FALSE(sync);
  EXPECT_EQ(sync.error().kind, ErrorKind::kUnsupported);
  EXPECT_FALSE(sync.error().hint.empty());
  std::string out;
  EXPECT_EQ(adapter().encode_item("w1-0", in, out).error().kind, ErrorKind::kUnsupported);
  EXPECT_TRUE(out.empty());
  in.model = "grok-4.20-0309-non-reasoning";
  EXPECT_TRUE(adapter().encode_sync(in, {kCredentials, "01A"}));
}

TEST(XaiProvider, Errors) {
  const struct {
    int status;
    std::string_view body;
    ErrorKind kind;
    std::string_view words;
  } rows[] = {
      {400,
       R"({"code":"Client specified an invalid argument","error":"Incorrect API key provided: xai-12"})",
       ErrorKind::kUnauthenticated, "check the key"},
      {400,
       R"({"code":"Client specified an invalid argument","error":"Model grok-4.6 is not supported for batch processing."})",
       ErrorKind::kUnsupported, "--route sync"},
      {400, R"({"code":"x","error":"This model's maximum prompt length is 9"})",
       ErrorKind::kInvalidArgument, "larger context"},
      {400, R"({"code":"x","error":"temperature is odd"})", ErrorKind::kInvalidArgument,
       "temperature is odd"},
      {401, "{}", ErrorKind::kUnauthenticated, "key"},
      {403, R"({"error":"not allowed"})", ErrorKind::kUnauthenticated, "permissions"},
      {403, R"({"error":"Your team has used all available credits"})", ErrorKind::kInvalidArgument,
       "add credits"},
      {404, R"({"code":"x","error":"The model does not exist"})", ErrorKind::kNotFound, "name"},
      {412, R"({"error":"content differs"})", ErrorKind::kInvalidArgument, "content differs"},
      {413, "", ErrorKind::kInvalidArgument, "shorten"},
      {429, R"({"error":"Too many requests"})", ErrorKind::kRateLimited, "concurrency"},
      {500, "", ErrorKind::kUnavailable, "500"},
      {503, "<html>", ErrorKind::kUnavailable, "503"},
  };
  for (const auto& row : rows) {
    const auto error =
        adapter()
            .decode_sync({.status = row.status, .headers = {}, .body = std::string(row.body)},
                         Time{})
            .error();
    EXPECT_EQ(error.kind, row.kind) << row.status << row.body;
    EXPECT_TRUE(error.text().contains(row.words)) << error.text();
    EXPECT_FALSE(error.text().contains("xai-12"));
  }
}

TEST(XaiProvider, AStreamedAnswerCountsItsReasoning) {
  const auto decoder = adapter().stream_decoder();
  std::string text;
  ASSERT_TRUE(decoder->feed(
      "data: "
      "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}\n\n"
      "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,"
      "\"total_tokens\":22,\"completion_tokens_details\":{\"reasoning_tokens\":7}}}\n\n"
      "data: [DONE]\n\n",
      text));
  EXPECT_EQ(decoder->finish().value().usage, (llm::Usage{.input = {10}, .output = {12}}));
}

}  // namespace
}  // namespace weir::providers::xai
