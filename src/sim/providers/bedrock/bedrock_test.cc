// The simulated Bedrock: signatures, Converse, cache points, streams, jobs over S3, bill.
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <set>

#include "http/event_stream.h"
#include "sim/providers/bedrock/bench_testing.h"
#include "sim/providers/bedrock/sha256.h"

namespace weir::sim::bedrock {
namespace {

using http::Method;
using ::testing::HasSubstr;
using testing::Parsed;
using testing::words;

// --- Signatures -----------------------------------------------------------------------------------------------------

TEST(BedrockSignature, HashesOfTheStandards) {
  EXPECT_EQ(hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(sha256(std::string(1'000'000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  // RFC 4231, cases 2 and 6
  EXPECT_EQ(hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hex(hmac_sha256(std::string(131, '\xaa'),
                            "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

// The examples that S3 publishes for GET of a range and for a list (checked 2026-11-27).
TEST(BedrockSignature, TheExamplesOfS3) {
  const auto start = [](std::string target, std::string names) {
    http::Request out{
        .method = Method::kGet, .target = std::move(target), .headers = {}, .body = {}};
    out.headers.set("host", "examplebucket.s3.amazonaws.com");
    out.headers.set("x-amz-content-sha256", hex(sha256("")));
    out.headers.set("x-amz-date", "20130524T000000Z");
    out.headers.set("authorization",
                    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/"
                    "aws4_request,SignedHeaders=" +
                        names + ",Signature=x");
    return out;
  };
  const std::string secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
  auto ranged = start("/test.txt", "host;range;x-amz-content-sha256;x-amz-date");
  ranged.headers.set("Range", "bytes=0-9");
  EXPECT_EQ(signature_of(ranged, "s3", secret),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  EXPECT_EQ(signature_of(start("/?max-keys=2&prefix=J", "host;x-amz-content-sha256;x-amz-date"),
                         "s3", secret),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(BedrockSignature, WhatIsWrongIs403) {
  auto b = make_bench();
  const std::string path = converse_path(), body = body_of("s", "d");
  const auto send = [&](http::Request request) {
    return b.simulator().handle(std::move(request), b.now());
  };
  const auto name_of = [](const Reply& reply) {
    return std::string(reply.head.headers.find("x-amzn-errortype").value_or("")).substr(0, 25);
  };
  const auto good = signed_request(Method::kPost, path, body, b.now(), "bedrock");
  EXPECT_EQ(send(good).head.status, 200);
  auto reply =
      send(signed_request(Method::kPost, path, body, b.now(), "bedrock", "key-1", "guess"));
  EXPECT_EQ(reply.head.status, 403);
  EXPECT_EQ(name_of(reply), "InvalidSignatureException");
  EXPECT_EQ(send(signed_request(Method::kPost, path, body, b.now(), "s3")).head.status, 403);
  EXPECT_EQ(
      send(signed_request(Method::kPost, path, body, b.now() - std::chrono::hours(7), "bedrock"))
          .head.status,
      403);
  auto changed = good;
  changed.body = body_of("s", "another");
  EXPECT_EQ(send(changed).head.status, 403);
  changed = good;
  changed.target = converse_path("anthropic.claude-opus-5");
  EXPECT_EQ(send(changed).head.status, 403);
  changed = good;
  changed.headers.set("x-amz-security-token", "not signed");
  EXPECT_EQ(send(changed).head.status, 403);
  changed = good;
  changed.headers.set("host", "bedrock-runtime.eu-west-1.amazonaws.com");
  EXPECT_EQ(send(changed).head.status, 403);
  EXPECT_EQ(b.bill().size(), 1U);
  // No key at all, and one that is refused.
  EXPECT_EQ(
      b.simulator()
          .handle({.method = Method::kPost, .target = path, .headers = {}, .body = body}, b.now())
          .head.status,
      403);
  EXPECT_EQ(b.post(path, body, {{"authorization", "Bearer invalid-key"}}).head.status, 403);
  // S3 takes no Bedrock API key, and speaks XML.
  reply = b.send(Method::kPut, "/bedrock/jobs/a", "x");
  EXPECT_EQ(reply.head.status, 400);
  EXPECT_THAT(reply.text(), HasSubstr("<Code>InvalidArgument</Code>"));
  auto put = signed_request(Method::kPut, "/bedrock/jobs/a", "x", b.now(), "s3", "key-1", "guess");
  reply = send(put);
  EXPECT_EQ(reply.head.status, 403);
  EXPECT_THAT(reply.text(), HasSubstr("<Code>SignatureDoesNotMatch</Code>"));
}

// --- Converse -------------------------------------------------------------------------------------------------------

TEST(BedrockConverse, AnAnswerAndItsBill) {
  auto b = make_bench();
  const auto reply =
      b.post(converse_path(), body_of(words(10), words(5)), {{"x-client-request-id", "a-1"}});
  ASSERT_EQ(reply.head.status, 200) << reply.text();
  EXPECT_TRUE(reply.head.headers.find("x-amzn-requestid"));
  const Parsed answer(reply.text());
  EXPECT_EQ(answer["output"]["message"]["role"].string(), "assistant");
  EXPECT_EQ(answer["stopReason"].string(), "end_turn");
  const auto usage = answer["usage"];
  const auto input = usage["inputTokens"].integer_or(0),
             output = usage["outputTokens"].integer_or(0);
  EXPECT_EQ(input, 10 + 5 + 4);
  EXPECT_EQ(usage["totalTokens"].integer(), input + output);
  ASSERT_EQ(b.bill().size(), 1U);
  EXPECT_EQ(b.bill()[0].attempt_id, "a-1");
  // What stays in a region or an area costs a tenth more than what may go anywhere.
  EXPECT_EQ(b.bill()[0].pico_usd, input * 2'200'000 + output * 11'000'000);
  b.post(converse_path("eu." + kModel), body_of(words(10), words(5)));
  EXPECT_EQ(b.bill()[1].pico_usd, b.bill()[0].pico_usd);
  b.post(converse_path("global." + kModel), body_of(words(10), words(5)));
  EXPECT_EQ(b.bill()[2].pico_usd, input * 2'000'000 + output * 10'000'000);
}

std::string refusal(const std::string& body, const std::string& model = kModel) {
  auto b = make_bench();
  const auto reply = b.post(converse_path(model), body);
  EXPECT_EQ(reply.head.status, 400) << body << reply.text();
  EXPECT_TRUE(b.bill().empty());
  EXPECT_TRUE(reply.head.headers.find("x-amzn-errortype")->starts_with("ValidationException:"));
  return Parsed(reply.text())["message"].string_or("");
}
std::string with(std::string_view members) {
  return R"({"messages":[{"role":"user","content":[{"text":"Hello"}]}],)" + std::string(members) +
         "}";
}
std::string talk(std::string_view messages) {
  return R"({"messages":[)" + std::string(messages) +
         R"(],"toolConfig":{"tools":[{"toolSpec":{"name":"t","inputSchema":{"json":{}}}}]}})";
}

TEST(BedrockConverse, WhatItRefuses) {
  const std::string hello = R"({"role":"user","content":[{"text":"Hello"}]})";
  const std::string call =
      R"({"role":"assistant","content":[{"toolUse":{"toolUseId":"1","name":"t","input":{}}}]})";
  const auto result = [](std::string_view id) {
    return R"({"role":"user","content":[{"toolResult":{"toolUseId":")" + std::string(id) +
           R"(","content":[{"text":"r"}]}}]})";
  };
  EXPECT_THAT(refusal(R"({"messages":[]})"), HasSubstr("must start with a user message"));
  EXPECT_THAT(refusal(talk(call)), HasSubstr("must start with a user message"));
  EXPECT_THAT(refusal(talk(hello + "," + hello)), HasSubstr("alternate"));
  EXPECT_THAT(refusal(talk(hello + "," + call + "," + hello)), HasSubstr("Expected toolResult"));
  EXPECT_THAT(refusal(talk(hello + "," + call + "," + result("2"))), HasSubstr("following Ids: 1"));
  EXPECT_THAT(refusal(talk(result("1"))), HasSubstr("exceeds the number of toolUse"));
  EXPECT_THAT(refusal(R"({"messages":[)" + hello + "," + call + "," + result("1") + "]}"),
              HasSubstr("toolConfig field must be defined"));
  EXPECT_THAT(refusal(R"({"messages":[{"role":"user","content":[{"text":" "}]}]})"),
              HasSubstr("blank"));
  EXPECT_THAT(refusal(with(R"("max_tokens":5)")), HasSubstr("extraneous key [max_tokens]"));
  EXPECT_THAT(refusal(with(R"("inferenceConfig":{"maxTokens":0})")), HasSubstr("greater than"));
  EXPECT_THAT(refusal(with(R"("inferenceConfig":{"maxTokens":999999})")), HasSubstr("model limit"));
  EXPECT_THAT(refusal(with(R"("inferenceConfig":{"seed":1})")), HasSubstr("seed"));
  EXPECT_THAT(refusal(with(R"("toolConfig":{"tools":[]})")), HasSubstr("length"));
  EXPECT_THAT(refusal(with(R"("outputConfig":{"textFormat":{"type":"json"}})")),
              HasSubstr("json_schema"));
  EXPECT_THAT(refusal(with(R"("outputConfig":{"textFormat":{"type":"json_schema"}})"),
                      "amazon.nova-lite-v1%3A0"),
              HasSubstr("structured outputs"));
  EXPECT_THAT(refusal(body_of("s", "d"), "anthropic.claude-nobody"),
              HasSubstr("model identifier is invalid"));
  const auto points = [](std::string_view more) {
    return with(R"("system":[{"text":"a"},)" + std::string(more) + "]");
  };
  const std::string point = R"({"cachePoint":{"type":"default"}})",
                    hour = R"({"cachePoint":{"type":"default","ttl":"1h"}})";
  EXPECT_THAT(refusal(points(R"({"cachePoint":{"type":"other"}})")), HasSubstr("cachePoint.type"));
  EXPECT_THAT(refusal(points(point + "," + hour)), HasSubstr("must not come after"));
  EXPECT_THAT(refusal(points(point + "," + point + "," + point + "," + point + "," + point)),
              HasSubstr("more than 4 cache points"));
  EXPECT_THAT(refusal(points(hour), "amazon.nova-lite-v1%3A0"), HasSubstr("1h"));
}

TEST(BedrockConverse, FaultsInItsOwnShape) {
  auto b = make_bench(
      {.faults_json =
           R"([{"match":{"operation":"sync","nth":1},"fault":{"kind":"rate_limited","retry_after":9}},
    {"match":{"operation":"sync","nth":2},"fault":"overloaded"},
    {"match":{"operation":"file_upload","nth":1},"fault":{"kind":"rate_limited"}}])"});
  auto reply = b.post(converse_path(), body_of("s", "d"));
  EXPECT_EQ(reply.head.status, 429);
  EXPECT_TRUE(reply.head.headers.find("x-amzn-errortype")->starts_with("ThrottlingException"));
  EXPECT_FALSE(reply.head.headers.find("retry-after"));
  EXPECT_EQ(b.post(converse_path(), body_of("s", "d")).head.status, 503);
  reply = storage(b, Method::kPut, "/jobs/a", "x");
  EXPECT_EQ(reply.head.status, 503);
  EXPECT_THAT(reply.text(), HasSubstr("<Code>SlowDown</Code>"));
}

TEST(BedrockConverse, CachePoints) {
  auto b = make_bench();
  const std::string point = R"(,{"cachePoint":{"type":"default"}})",
                    hour = R"(,{"cachePoint":{"type":"default","ttl":"1h"}})";
  const auto usage = [&](std::string_view system, std::string_view more) {
    const auto reply = b.post(converse_path(), body_of(system, "stone", more));
    b.wait(std::chrono::seconds(30));
    const Parsed answer(reply.text());
    const auto u = answer["usage"];
    return std::array{u["inputTokens"].integer_or(-1), u["cacheReadInputTokens"].integer_or(-1),
                      u["cacheWriteInputTokens"].integer_or(-1),
                      static_cast<std::int64_t>(u["cacheDetails"].size())};
  };
  const auto shorter = words(500), longer = words(1500), other = words(1500, "brick");
  EXPECT_EQ(usage(shorter, point),
            (std::array<std::int64_t, 4>{505, 0, 0, 0}));  // below the minimum
  EXPECT_EQ(usage(longer, point), (std::array<std::int64_t, 4>{5, 0, 1500, 1}));
  EXPECT_EQ(usage(longer, point), (std::array<std::int64_t, 4>{5, 1500, 0, 0}));
  EXPECT_EQ(usage(longer, ""),
            (std::array<std::int64_t, 4>{1505, 0, 0, 0}));  // nobody asked for it
  EXPECT_EQ(usage(other, hour), (std::array<std::int64_t, 4>{5, 0, 1500, 1}));
  EXPECT_EQ(b.bill().back().tokens.cache_write_1h, 1500);
  b.wait(std::chrono::minutes(10));
  EXPECT_EQ(usage(longer, point)[1], 0);   // five minutes are over
  EXPECT_EQ(usage(other, hour)[1], 1500);  // an hour is not
}

TEST(BedrockConverse, AStreamOfFrames) {
  auto b = make_bench();
  const auto body = body_of("s", "d");
  const Parsed whole(b.post(converse_path(), body).text());
  const auto reply = b.post(converse_path(kModel, true), body);
  EXPECT_EQ(reply.head.headers.find("content-type"), "application/vnd.amazon.eventstream");
  http::EventStreamParser frames(1 << 20);
  std::string words_of_it;
  std::vector<std::string> types;
  ASSERT_TRUE(frames.feed(reply.text(), [&](http::EventMessage&& message) {
    const auto type = std::string(message.find(":event-type").value_or(""));
    if (types.empty() || types.back() != type) types.push_back(type);
    EXPECT_EQ(message.find(":message-type"), "event");
    words_of_it += Parsed(message.payload)["delta"]["text"].string_or("");
  }));
  EXPECT_EQ(types, (std::vector<std::string>{"messageStart", "contentBlockDelta",
                                             "contentBlockStop", "messageStop", "metadata"}));
  EXPECT_EQ(words_of_it, whole["output"]["message"]["content"].items().at(0)["text"].string());
  EXPECT_EQ(b.bill().size(), 2U);
}

// --- Jobs -----------------------------------------------------------------------------------------------------------

TEST(BedrockJobs, FromOneFileOfS3ToAnother) {
  auto b = make_bench();
  const auto id = create(b, lines(120));
  EXPECT_EQ(status(b, id), "Submitted");
  std::vector<std::string> seen;
  for (int i = 0; i < 200 && (seen.empty() || seen.back() != "Completed"); ++i) {
    if (auto now = status(b, id); seen.empty() || seen.back() != now) seen.push_back(now);
    b.wait(std::chrono::seconds(10));
  }
  EXPECT_EQ(seen.back(), "Completed");
  EXPECT_THAT(seen, ::testing::Contains("InProgress"));
  const auto read = rows(b, id);
  ASSERT_EQ(read.size(), 120U);
  std::set<std::string> ids;
  for (const auto& row : read) {
    const Parsed line(row);
    ids.insert(line["recordId"].string_or(""));
    EXPECT_TRUE(line["modelInput"]["messages"].is_array());
    EXPECT_EQ(line["modelOutput"]["stopReason"].string(), "end_turn");
  }
  EXPECT_EQ(ids.size(), 120U);
  ASSERT_EQ(b.bill().size(), 120U);
  EXPECT_TRUE(std::ranges::all_of(b.bill(), &BillRow::delivered));
  const auto& bill = b.bill()[0];
  EXPECT_EQ(bill.pico_usd, bill.tokens.input * 1'100'000 + bill.tokens.output * 5'500'000);
  const auto listed = storage(b, Method::kGet, "/jobs?list-type=2&prefix=out%2F").text();
  EXPECT_THAT(listed, HasSubstr("<Key>out/" + id + "/a.jsonl.out</Key>"));
  EXPECT_THAT(listed, HasSubstr("<Key>out/" + id + "/manifest.json.out</Key>"));
  EXPECT_THAT(listed, HasSubstr("<KeyCount>2</KeyCount>"));
  const Parsed manifest(storage(b, Method::kGet, "/jobs/out/" + id + "/manifest.json.out").text());
  EXPECT_EQ(manifest["successRecordCount"].integer(), 120);
  for (const auto* key : {"a.jsonl.out", "manifest.json.out"})
    EXPECT_EQ(storage(b, Method::kDelete, "/jobs/out/" + id + "/" + key).head.status, 204);
  EXPECT_EQ(storage(b, Method::kGet, "/jobs/out/" + id + "/a.jsonl.out").head.status, 404);
}

TEST(BedrockJobs, TooFewOrOddRecordsFailTheWhole) {
  for (const auto& [input, why] :
       {std::pair{lines(99), "contains less records (99) than the required minimum of: 100"},
        std::pair{lines(100) + "{\n", "Line 101 of the input is malformed"}}) {
    auto b = make_bench();
    const auto id = create(b, input);
    const auto end = finish(b, id);
    EXPECT_EQ(end["status"].string(), "Failed");
    EXPECT_THAT(end["message"].string_or(""), HasSubstr(why));
    EXPECT_TRUE(rows(b, id).empty());
    EXPECT_TRUE(b.bill().empty());
  }
}

TEST(BedrockJobs, ATokenMakesOneJobAndANameAsWell) {
  auto b = make_bench();
  const auto id = create(b, lines(100));
  const auto again = [&](std::string_view name, std::string_view token) {
    return control(b, Method::kPost, "/model-invocation-job", create_body(name, token));
  };
  EXPECT_THAT(again("job-one", "token-1").text(), HasSubstr(id));
  const auto conflict = again("job-one", "token-2");
  EXPECT_EQ(conflict.head.status, 400);
  EXPECT_TRUE(conflict.head.headers.find("x-amzn-errortype")->starts_with("ConflictException"));
  EXPECT_EQ(again("job-two", "token-2").head.status, 200);
  const Parsed listed(control(b, Method::kGet, "/model-invocation-jobs?nameContains=one").text());
  ASSERT_EQ(listed["invocationJobSummaries"].size(), 1U);
  EXPECT_EQ(listed["invocationJobSummaries"].items().at(0)["jobName"].string(), "job-one");
  for (int i = 3; i <= 20; ++i)
    EXPECT_EQ(again("job-" + std::to_string(i), "token-" + std::to_string(i)).head.status, 200);
  const auto full = again("job-21", "token-21");
  EXPECT_EQ(full.head.status, 400);
  EXPECT_TRUE(full.head.headers.find("x-amzn-errortype")->starts_with("ServiceQuotaExceeded"));
}

TEST(BedrockJobs, ABodyThatIsWrongIsAnErrorRow) {
  auto b = make_bench();
  const auto id = create(b, lines(100, R"(,{"cachePoint":{"type":"default"}})") +
                                R"({"modelInput":{"messages":[]}})"
                                "\n" +
                                lines(1));
  EXPECT_EQ(finish(b, id)["errorRecordCount"].integer(), 101);
  const auto read = rows(b, id);
  ASSERT_EQ(read.size(), 102U);
  int cached = 0;
  bool made_an_id = false;
  for (const auto& row : read) {
    const Parsed line(row);
    const auto error = line["error"];
    if (error.is_null()) continue;
    EXPECT_EQ(error["errorCode"].integer(), 400);
    EXPECT_EQ(error["retryable"].boolean(), false);
    cached += error["errorMessage"].string_or("").find("caching") != std::string::npos ? 1 : 0;
    made_an_id |= line["recordId"].string() == "CALL0000101";
  }
  EXPECT_EQ(cached, 100);
  EXPECT_TRUE(made_an_id);
  EXPECT_EQ(b.bill().size(), 1U);
}

TEST(BedrockJobs, WhatATimeoutLeavesOutIsTold) {
  auto b = make_bench(
      {.faults_json = R"([{"match":{"operation":"batch_create"},"fault":{"kind":"expire_batch",
    "finished_fraction":0.5,"seconds":3600}}])"});
  const auto id = create(b, lines(100));
  EXPECT_EQ(finish(b, id)["status"].string(), "PartiallyCompleted");
  int expired = 0;
  for (const auto& row : rows(b, id))
    expired += Parsed(row)["error"]["expired"].boolean().value_or(false) ? 1 : 0;
  EXPECT_EQ(expired, 50);
  EXPECT_EQ(b.bill().size(), 50U);
}

TEST(BedrockJobs, AStoppedOneKeepsWhatItHadDone) {
  auto b = make_bench();
  const auto id = create(b, lines(100));
  while (status(b, id) != "InProgress") b.wait(std::chrono::seconds(5));
  b.wait(std::chrono::seconds(30));
  EXPECT_EQ(control(b, Method::kPost, "/model-invocation-job/" + id + "/stop").head.status, 200);
  EXPECT_EQ(status(b, id), "Stopping");
  EXPECT_EQ(finish(b, id)["status"].string(), "Stopped");
  const auto read = rows(b, id);
  EXPECT_GT(read.size(), 0U);
  EXPECT_LT(read.size(), 100U);
  EXPECT_EQ(b.bill().size(), read.size());
  const auto late = control(b, Method::kPost, "/model-invocation-job/" + id + "/stop");
  EXPECT_EQ(late.head.status, 400);
  EXPECT_EQ(control(b, Method::kGet, "/model-invocation-job/nobody").head.status, 404);
}

}  // namespace
}  // namespace weir::sim::bedrock
