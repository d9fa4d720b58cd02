// The adapter: where requests go and what signs them, bodies out, answers and errors in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "providers/bedrock/converse.h"
#include "providers/bedrock/errors.h"
#include "providers/bedrock/testing.h"

namespace weir::providers::bedrock {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string body_of(const llm::Request& request, llm::Route route = llm::Route::kSync) {
  std::string out;
  const auto done = append_body(request, route, out);
  return done ? out : done.error().text();
}

ErrorKind refusal_of(const llm::Request& request) {
  std::string out = "before";
  const auto done = append_body(request, llm::Route::kSync, out);
  EXPECT_FALSE(done);
  EXPECT_EQ(out, "before");
  return done ? ErrorKind::kInternal : done.error().kind;
}

TEST(Bedrock, AConverseRequestIsSignedAndSentToTheRuntime) {
  const auto credentials = aws_credentials();
  auto request = hello();
  const auto plan = adapter().encode_sync(request, {credentials, "attempt-1", kNow}).value();
  EXPECT_EQ(plan.method, http::Method::kPost);
  EXPECT_EQ(plan.target, "/model/anthropic.claude-haiku-4-5-20251001-v1%3A0/converse");
  EXPECT_FALSE(plan.origin);
  EXPECT_EQ(plan.headers.find("x-client-request-id"), "attempt-1");
  EXPECT_EQ(plan.headers.find("x-amz-date"), "20261123T120000Z");
  EXPECT_EQ(plan.headers.find("x-amz-security-token"), "hush-token");
  EXPECT_THAT(std::string(plan.headers.find("authorization").value()),
              StartsWith("AWS4-HMAC-SHA256 "
                         "Credential=AKIDEXAMPLE/20261123/us-east-1/bedrock/aws4_request, "
                         "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;"
                         "x-client-request-id, Signature="));
  for (const auto& [name, value] : plan.headers) EXPECT_EQ(value.find("hush-secret"), value.npos);
  EXPECT_EQ(std::get<std::string>(plan.body.at(0)),
            R"({"messages":[{"role":"user","content":[{"text":"Hello"}]}],)"
            R"("system":[{"text":"Be short."}],"inferenceConfig":{"maxTokens":64}})");
  request.stream = true;
  EXPECT_THAT(adapter().encode_sync(request, {credentials, "a", kNow})->target,
              EndsWith("/converse-stream"));
}

TEST(Bedrock, ABedrockApiKeyIsSentAsItIs) {
  provider::Credentials credentials{.base_path = "/proxy/", .key = "api-key"};
  const auto plan = adapter().encode_sync(hello(), {credentials, "a", kNow}).value();
  EXPECT_THAT(plan.target, StartsWith("/proxy/model/"));
  EXPECT_EQ(plan.headers.find("authorization"), "Bearer api-key");
  EXPECT_EQ(plan.headers.find("x-amz-date"), std::nullopt);
}

TEST(Bedrock, TheProbeRunsNothing) {
  const auto plan = adapter().encode_probe_at(aws_credentials(), "m", kNow);
  EXPECT_EQ(plan.target, "/model/m/converse");
  EXPECT_EQ(std::get<std::string>(plan.body.at(0)), R"({"messages":[]})");
  EXPECT_EQ(plan.headers.find("x-amz-date"), "20261123T120000Z");
  EXPECT_TRUE(adapter().encode_probe(aws_credentials(), "m").headers.find("authorization"));
}

TEST(Bedrock, AllThatARequestCanSay) {
  auto request = hello();
  const llm::CacheMark hour{llm::CacheTtl::k1h}, five{llm::CacheTtl::k5m}, usual{};
  request.tools = {{.name = "read",
                    .description = "Reads.",
                    .parameters_json = R"({"type":"object"})",
                    .mark = hour},
                   {.name = "stop", .description = "", .parameters_json = "{}"}};
  request.tool_choice = {.kind = llm::ToolChoice::Kind::kNamed, .name = "read"};
  request.system = {text("Be short.", five)};
  request.messages = {
      {llm::Role::kUser,
       {{.text = "", .image = llm::Image{"image/jpg", "AAAA", ""}},
        {.text = "", .image = llm::Image{"", "", "s3://b/a.webp"}},
        text("Hello", usual)}},
      {llm::Role::kAssistant,
       {text(""), {.text = "", .tool_call = llm::ToolCall{"t1", "read", R"({"page":1})"}}}},
      {llm::Role::kUser,
       {{.text = "", .tool_result = llm::ToolResult{"t1", "gone", true}}, text("Go on.")}}};
  request.temperature = 0.5;
  request.top_p = 0.9;
  request.stop = {"END"};
  request.format = llm::AnswerFormat{.name = "answer", .schema_json = R"({"type":"object"})"};
  EXPECT_EQ(
      body_of(request),
      R"({"messages":[{"role":"user","content":[{"image":{"format":"jpeg","source":{"bytes":"AAAA"}}},)"
      R"({"image":{"format":"webp","source":{"s3Location":{"uri":"s3://b/a.webp"}}}},{"text":"Hello"},)"
      R"({"cachePoint":{"type":"default"}}]},{"role":"assistant","content":[{"toolUse":{"toolUseId":"t1",)"
      R"("name":"read","input":{"page":1}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"t1",)"
      R"("content":[{"text":"gone"}],"status":"error"}},{"text":"Go on."}]}],"system":[{"text":"Be short."},)"
      R"({"cachePoint":{"type":"default"}}],"inferenceConfig":{"maxTokens":64,"temperature":0.5,"topP":0.9,)"
      R"("stopSequences":["END"]},"toolConfig":{"tools":[{"toolSpec":{"name":"read","description":"Reads.",)"
      R"("inputSchema":{"json":{"type":"object"}}}},{"cachePoint":{"type":"default","ttl":"1h"}},)"
      R"({"toolSpec":{"name":"stop","inputSchema":{"json":{}}}}],"toolChoice":{"tool":{"name":"read"}}},)"
      R"("outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":)"
      R"({"schema":"{\"type\":\"object\"}","name":"answer"}}}}})");
  // A batch has no cache.
  EXPECT_EQ(body_of(request, llm::Route::kBatch).find("cachePoint"), std::string::npos);
}

TEST(Bedrock, WhatCannotBeSaidIsRefused) {
  const auto with = [](auto change) {
    auto request = hello();
    change(request);
    return refusal_of(request);
  };
  constexpr auto kUnsupported = ErrorKind::kUnsupported, kInvalid = ErrorKind::kInvalidArgument;
  EXPECT_EQ(with([](auto& r) { r.seed = 1; }), kUnsupported);
  EXPECT_EQ(with([](auto& r) { r.raw = llm::RawBody{.bytes = "{}"}; }), kUnsupported);
  EXPECT_EQ(with([](auto& r) {
              r.tools = {{.name = "t", .description = "", .parameters_json = "{}"}};
              r.tool_choice.kind = llm::ToolChoice::Kind::kNone;
            }),
            kUnsupported);
  const auto image = [&](std::string type, std::string data, std::string url) {
    return with([&](auto& r) {
      r.messages[0].content.push_back({.text = "", .image = llm::Image{type, data, url}});
    });
  };
  EXPECT_EQ(image("image/tiff", "AAAA", ""), kUnsupported);
  EXPECT_EQ(image("", "", "https://a/b.png"), kUnsupported);
  EXPECT_EQ(with([](auto& r) {
              r.messages.push_back({llm::Role::kAssistant,
                                    {{.text = "", .tool_call = llm::ToolCall{"1", "t", "{}"}}}});
            }),
            kInvalid);
  const auto marked = [&](std::vector<llm::CacheTtl> ttls, std::string model) {
    return with([&](auto& r) {
      r.model = model;
      r.system.clear();
      for (const auto ttl : ttls) r.system.push_back(text("x", llm::CacheMark{ttl}));
    });
  };
  using enum llm::CacheTtl;
  EXPECT_EQ(marked({k5m, k1h}, "anthropic.claude-opus-5"), kInvalid);
  EXPECT_EQ(marked({k5m, k5m, k5m, k5m, k5m}, "anthropic.claude-opus-5"), kInvalid);
  EXPECT_EQ(marked({k1h}, "us.amazon.nova-lite-v1:0"), kUnsupported);
  EXPECT_EQ(with([](auto& r) {
              r.model = "amazon.nova-lite-v1:0";
              r.format = llm::AnswerFormat{.name = "a", .schema_json = "{}"};
            }),
            kUnsupported);
  EXPECT_EQ(adapter().raw_blocks({.bytes = "{}"}).error().kind, kUnsupported);
}

llm::Usage usage_of(std::string_view json_text) {
  json::Parser parser;
  return decode_usage(parser.parse(json_text).value());
}

TEST(Bedrock, UsageIsInExclusiveBuckets) {
  EXPECT_EQ(
      usage_of(
          R"({"inputTokens":30,"outputTokens":7,"totalTokens":1337,)"
          R"("cacheReadInputTokens":100,"cacheWriteInputTokens":1200,)"
          R"("cacheDetails":[{"ttl":"1h","inputTokens":200},{"ttl":"5m","inputTokens":1000}]})"),
      (llm::Usage{.input = {30},
                  .cache_read = {100},
                  .cache_write_5m = {1000},
                  .cache_write_1h = {200},
                  .output = {7}}));
  // Without details it is at the default TTL.
  EXPECT_EQ(usage_of(R"({"inputTokens":1,"cacheWriteInputTokens":9})"),
            (llm::Usage{.input = {1}, .cache_write_5m = {9}}));
  EXPECT_EQ(usage_of(R"({"inputTokens":-5,"outputTokens":"many"})"), llm::Usage{});
}

TEST(Bedrock, AnAnswerWithACall) {
  const std::string body =
      R"({"metrics":{"latencyMs":9},"output":{"message":{"content":[{"text":"Let me "},{"text":"look."},)"
      R"({"toolUse":{"input":{"page": 1.50},"name":"read","toolUseId":"tooluse_1"}}],"role":"assistant"}},)"
      R"("stopReason":"tool_use","usage":{"inputTokens":3, "outputTokens":4,"totalTokens":7}})";
  const auto answer =
      adapter()
          .decode_sync({.status = 200, .headers = {{"x-amzn-RequestId", "r-1"}}, .body = body},
                       kNow)
          .value();
  EXPECT_EQ(answer.id, "r-1");
  EXPECT_EQ(answer.text, "Let me look.");
  EXPECT_EQ(answer.finish, llm::FinishReason::kToolUse);
  EXPECT_EQ(answer.usage, (llm::Usage{.input = {3}, .output = {4}}));
  EXPECT_EQ(answer.usage_raw, R"({"inputTokens":3, "outputTokens":4,"totalTokens":7})");
  EXPECT_EQ(adapter().tool_calls(answer).value(),
            (std::vector<llm::ToolCall>{{"tooluse_1", "read", R"({"page": 1.50})"}}));
  for (const std::string_view broken :
       {"", "[]", R"({"usage":{}})", R"({"output":{"message":{"content":[]}}})"}) {
    const auto bad =
        adapter().decode_sync({.status = 200, .headers = {}, .body = std::string(broken)}, kNow);
    EXPECT_EQ(bad.error().kind, ErrorKind::kBadResponse) << broken;
  }
  llm::Response odd;
  for (const auto* calls : {"{}", "[{}]", R"([{"name":"n"}])", "["}) {
    odd.tool_calls_json = calls;
    EXPECT_EQ(adapter().tool_calls(odd).error().kind, ErrorKind::kBadResponse) << calls;
  }
}

TEST(Bedrock, FinishReasons) {
  using llm::FinishReason;
  EXPECT_EQ(finish_of("end_turn"), FinishReason::kStop);
  EXPECT_EQ(finish_of("stop_sequence"), FinishReason::kStop);
  EXPECT_EQ(finish_of("max_tokens"), FinishReason::kLength);
  EXPECT_EQ(finish_of("model_context_window_exceeded"), FinishReason::kLength);
  EXPECT_EQ(finish_of("guardrail_intervened"), FinishReason::kRefusal);
  EXPECT_EQ(finish_of("content_filtered"), FinishReason::kRefusal);
  EXPECT_EQ(finish_of("malformed_tool_use"), FinishReason::kOther);
}

// --- Streams --------------------------------------------------------------------------------------------------------

constexpr std::string_view kUsage = R"({"usage":{"inputTokens":3,"outputTokens":4}})";

TEST(BedrockStream, TextAndACallInAnyChunks) {
  const std::string all =
      event("messageStart", R"({"role":"assistant"})") +
      event("contentBlockDelta", R"({"contentBlockIndex":0,"delta":{"text":"Hel"}})") +
      event("contentBlockDelta", R"({"contentBlockIndex":0,"delta":{"text":"lo"},"p":"abc"})") +
      event("contentBlockStop", R"({"contentBlockIndex":0})") +
      event("contentBlockDelta",
            R"({"contentBlockIndex":1,"delta":{"reasoningContent":{"text":"hm"}}})") +
      event("contentBlockStart",
            R"({"contentBlockIndex":2,"start":{"toolUse":{"toolUseId":"t","name":"read"}}})") +
      event("contentBlockDelta",
            R"({"contentBlockIndex":2,"delta":{"toolUse":{"input":"{\"a\""}}})") +
      event("contentBlockDelta",
            R"({"contentBlockIndex":2,"delta":{"toolUse":{"input":": 1}"}}})") +
      event("somethingNew", "{}") + event("messageStop", R"({"stopReason":"tool_use"})") +
      event("metadata", kUsage);
  for (const std::size_t chunk : {std::size_t{1}, std::size_t{100}, all.size()}) {
    const auto decoder = adapter().stream_decoder();
    std::string words;
    for (std::size_t at = 0; at < all.size(); at += chunk)
      ASSERT_TRUE(decoder->feed(std::string_view(all).substr(at, chunk), words));
    EXPECT_EQ(words, "Hello");
    const auto answer = decoder->finish().value();
    EXPECT_EQ(answer.text, "Hello");
    EXPECT_EQ(answer.finish, llm::FinishReason::kToolUse);
    EXPECT_EQ(answer.usage, (llm::Usage{.input = {3}, .output = {4}}));
    EXPECT_EQ(adapter().tool_calls(answer).value(),
              (std::vector<llm::ToolCall>{{"t", "read", R"({"a": 1})"}}));
  }
}

Result<llm::Response> decoded(const std::string& bytes) {
  const auto decoder = adapter().stream_decoder();
  std::string words;
  std::ignore = decoder->feed(bytes, words);
  return decoder->finish();
}

TEST(BedrockStream, ACallThatTheLimitCutStaysWhatItIs) {
  const auto answer =
      decoded(
          event("messageStart", "{}") +
          event("contentBlockStart",
                R"({"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"t","name":"read"}}})") +
          event("contentBlockDelta",
                R"({"contentBlockIndex":0,"delta":{"toolUse":{"input":"{\"a\":"}}})") +
          event("messageStop", R"({"stopReason":"max_tokens"})") + event("metadata", kUsage))
          .value();
  EXPECT_EQ(adapter().tool_calls(answer)->at(0).arguments_json, R"({"a":)");
}

TEST(BedrockStream, WhatEndsTooEarlyIsUnknown) {
  const std::string start = event("messageStart", "{}"),
                    stop = event("messageStop", R"({"stopReason":"end_turn"})");
  EXPECT_EQ(decoded("").error().kind, ErrorKind::kDeadlineExceeded);
  EXPECT_EQ(decoded(start).error().kind, ErrorKind::kDeadlineExceeded);
  EXPECT_EQ(decoded(start + stop).error().kind, ErrorKind::kDeadlineExceeded);
  EXPECT_TRUE(decoded(start + stop + event("metadata", kUsage)));
  EXPECT_EQ(decoded(start + stop + event("metadata", "{}")).error().kind, ErrorKind::kBadResponse);
  EXPECT_EQ(decoded(start + event("messageStop", "[")).error().kind, ErrorKind::kBadResponse);
  EXPECT_EQ(decoded("plainly no stream of events").error().kind, ErrorKind::kBadResponse);
}

TEST(BedrockStream, ExceptionsBeforeAndAfterTheBeginning) {
  const auto throttled =
      frame("exception", "throttlingException", R"({"message":"Too many tokens"})");
  EXPECT_EQ(decoded(throttled).error().kind, ErrorKind::kRateLimited);
  EXPECT_THAT(decoded(throttled).error().message, HasSubstr("Too many tokens"));
  EXPECT_EQ(decoded(event("messageStart", "{}") + throttled).error().kind,
            ErrorKind::kDeadlineExceeded);
  const auto invalid = frame("exception", "validationException", R"({"message":"no"})");
  EXPECT_EQ(decoded(event("messageStart", "{}") + invalid).error().kind,
            ErrorKind::kInvalidArgument);
}

// --- Errors ---------------------------------------------------------------------------------------------------------

TEST(BedrockErrors, RowByRow) {
  struct Row {
    int status;
    std::string name;
    ErrorKind kind;
  };
  const Row rows[] = {{400, "ValidationException", ErrorKind::kInvalidArgument},
                      {403, "AccessDeniedException", ErrorKind::kUnauthenticated},
                      {403, "UnrecognizedClientException", ErrorKind::kUnauthenticated},
                      {403, "InvalidSignatureException", ErrorKind::kUnauthenticated},
                      {403, "ExpiredTokenException", ErrorKind::kUnauthenticated},
                      {404, "ResourceNotFoundException", ErrorKind::kNotFound},
                      {408, "ModelTimeoutException", ErrorKind::kUnavailable},
                      {424, "ModelErrorException", ErrorKind::kInvalidArgument},
                      {429, "ThrottlingException", ErrorKind::kRateLimited},
                      {429, "ModelNotReadyException", ErrorKind::kUnavailable},
                      {400, "ServiceQuotaExceededException", ErrorKind::kRateLimited},
                      {500, "InternalServerException", ErrorKind::kUnavailable},
                      {503, "ServiceUnavailableException", ErrorKind::kUnavailable},
                      {418, "TeapotException", ErrorKind::kInvalidArgument}};
  for (const auto& [status, name, kind] : rows) {
    const http::Response told{.status = status,
                              .headers = {{"x-amzn-ErrorType", name + ":http://internal/coral"},
                                          {"x-amzn-RequestId", "r-1"}},
                              .body = R"({"message":"why"})"};
    const auto error = error_of_response(told, kNow);
    EXPECT_EQ(error.kind, kind) << name;
    EXPECT_EQ(error.provider_code, name);
    EXPECT_EQ(error.http_status, status);
    EXPECT_EQ(error.request_id, "r-1");
    EXPECT_THAT(error.message, HasSubstr("why"));
  }
  const auto in_body = error_of_response(
      {.status = 400,
       .headers = {},
       .body = R"({"__type":"com.amazon.coral.service#ThrottlingException","Message":"slow"})"},
      kNow);
  EXPECT_EQ(in_body.kind, ErrorKind::kRateLimited);
  const auto passes = error_of_response({.status = 424,
                                         .headers = {{"x-amzn-errortype", "ModelErrorException"}},
                                         .body = R"({"message":"m","originalStatusCode":503})"},
                                        kNow);
  EXPECT_EQ(passes.kind, ErrorKind::kUnavailable);
}

TEST(BedrockErrors, OfStorage) {
  const auto kind_of = [](int status, const std::string& code) {
    const auto error = error_of_response({.status = status,
                                          .headers = {},
                                          .body = "<?xml version=\"1.0\"?>\n<Error><Code>" + code +
                                                  "</Code><Message>a &lt;b&gt;</Message></Error>"},
                                         kNow);
    EXPECT_EQ(error.provider_code, code);
    EXPECT_THAT(error.message, HasSubstr("a <b>"));
    return error.kind;
  };
  EXPECT_EQ(kind_of(403, "SignatureDoesNotMatch"), ErrorKind::kUnauthenticated);
  EXPECT_EQ(kind_of(403, "AccessDenied"), ErrorKind::kUnauthenticated);
  EXPECT_EQ(kind_of(404, "NoSuchBucket"), ErrorKind::kNotFound);
  EXPECT_EQ(kind_of(503, "SlowDown"), ErrorKind::kRateLimited);
  EXPECT_EQ(kind_of(400, "RequestTimeout"), ErrorKind::kUnavailable);
  EXPECT_EQ(kind_of(301, "PermanentRedirect"), ErrorKind::kInvalidArgument);
  const auto nothing = error_of_response({.status = 502, .headers = {}, .body = "<html>"}, kNow);
  EXPECT_EQ(nothing.kind, ErrorKind::kUnavailable);
}

// --- Rows -----------------------------------------------------------------------------------------------------------

TEST(BedrockRows, InAndOut) {
  std::string item;
  ASSERT_TRUE(adapter().encode_item("w1-0", hello(), item));
  EXPECT_THAT(item, StartsWith(R"({"recordId":"w1-0","modelInput":{"messages":[)"));
  auto streamed = hello();
  streamed.stream = true;
  EXPECT_EQ(adapter().encode_item("w1-0", streamed, item).error().kind,
            ErrorKind::kInvalidArgument);

  const auto row_of = [](std::string_view rest) {
    return adapter().decode_row("input.jsonl.out",
                                R"({"recordId":"w1-0","modelInput":{},)" + std::string(rest) + "}",
                                kNow);
  };
  using Outcome = provider::Row::Outcome;
  const auto good = row_of(
      R"("modelOutput":{"output":{"message":{"content":[{"text":"Hi"}]}},"stopReason":"end_turn","usage":{"inputTokens":2,"outputTokens":1}})");
  EXPECT_EQ(good->outcome, Outcome::kSucceeded);
  EXPECT_EQ(good->response.text, "Hi");
  EXPECT_EQ(good->response.usage, (llm::Usage{.input = {2}, .output = {1}}));
  // It ran, so what it cost is kept though nobody can read it.
  const auto odd = row_of(R"("modelOutput":{"usage":{"inputTokens":2}})");
  EXPECT_EQ(odd->outcome, Outcome::kErrored);
  EXPECT_EQ(odd->response.usage.input.count, 2);
  EXPECT_EQ(row_of(R"("error":{"errorCode":408,"errorMessage":"late","expired":true})")->outcome,
            Outcome::kExpired);
  const auto kind_of = [&](std::string_view error) {
    return row_of(R"("error":)" + std::string(error))->error.kind;
  };
  EXPECT_EQ(kind_of(R"({"errorCode":400,"errorMessage":"bad"})"), ErrorKind::kInvalidArgument);
  EXPECT_EQ(kind_of(R"({"errorCode":400,"errorMessage":"bad","retryable":true})"),
            ErrorKind::kUnavailable);
  EXPECT_EQ(kind_of(R"({"errorCode":429,"errorMessage":"slow"})"), ErrorKind::kRateLimited);
  EXPECT_EQ(kind_of(R"({"errorCode":500,"errorMessage":"x","retryable":false})"),
            ErrorKind::kInvalidArgument);
  EXPECT_EQ(row_of(R"("other":1)")->error.kind, ErrorKind::kBadResponse);
  for (const std::string_view line : {"", "[]", "{}", R"({"recordId":""})", R"({"recordId":"a")"})
    EXPECT_EQ(adapter().decode_row("x", line, kNow).error().kind, ErrorKind::kBadResponse) << line;
}

}  // namespace
}  // namespace weir::providers::bedrock
