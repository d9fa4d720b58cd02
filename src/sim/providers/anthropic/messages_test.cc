// Messages, streaming, counting, models: wire shapes, checks and headers.
#include <set>

#include "http/sse.h"
#include "sim/providers/anthropic/bench_testing.h"

namespace weir::sim::anthropic {
namespace {

constexpr std::string_view kSimple =
    R"({"model":"claude-sonnet-5","max_tokens":100,"messages":[{"role":"user","content":"Name: gnuchess\n\nIt plays chess."}]})";

std::string changed(std::string_view from, std::string_view to, std::string_view body = kSimple) {
  std::string out(body);
  const auto at = out.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return out.replace(at, from.size(), to);
}

TEST(AnthropicMessages, AnswersInItsShape) {
  auto b = make_bench();
  const Reply reply = b.post("/Anthropic/v1/messages", std::string(kSimple));
  ASSERT_EQ(reply.head.status, 200) << reply.text();
  const testing::Parsed message(reply.text());
  EXPECT_TRUE(message["id"].string()->starts_with("msg_"));
  EXPECT_EQ(message["type"].string(), "message");
  EXPECT_EQ(message["role"].string(), "assistant");
  EXPECT_EQ(message["model"].string(), "claude-sonnet-5");
  EXPECT_EQ(message["stop_reason"].string(), "end_turn");
  EXPECT_EQ(message["usage"]["service_tier"].string(), "standard");
  const json::Value block(message["content"].items().at(0));
  EXPECT_EQ(block["type"].string(), "text");
  EXPECT_TRUE(reply.head.headers.find("request-id")->starts_with("req_"));
  EXPECT_TRUE(reply.head.headers.find("anthropic-ratelimit-requests-remaining"));
  EXPECT_GE(reply.delay, std::chrono::milliseconds(300 + 8));
  EXPECT_LE(reply.delay, std::chrono::milliseconds(900 + 8 * 100));
}

TEST(AnthropicMessages, CountsAsItBills) {
  auto b = make_bench();
  const std::string body = body_of("You sort things.", "", "one two three");
  const Reply count = b.post("/anthropic/v1/messages/count_tokens", body);
  const Reply answer = b.post(std::string(kMessagesPath), body);
  EXPECT_EQ(testing::Parsed(count.text())["input_tokens"].integer(),
            usage_of(testing::Parsed(answer.text()).root).input);
  EXPECT_EQ(b.bill().size(), 1U);
  EXPECT_EQ(
      b.post("/anthropic/v1/messages/count_tokens", R"({"model":"claude-sonnet-5"})").head.status,
      400);
}

TEST(AnthropicMessages, TheOutputLimitCuts) {
  auto b = make_bench();
  const testing::Parsed message(
      b.post(std::string(kMessagesPath), changed("\"max_tokens\":100", "\"max_tokens\":3")).text());
  EXPECT_EQ(message["stop_reason"].string(), "max_tokens");
  EXPECT_EQ(usage_of(message.root).output, 3);
  EXPECT_EQ(b.bill()[0].tokens.output, 3);
}

TEST(AnthropicMessages, StreamsNamedEvents) {
  auto b = make_bench();
  const std::string whole = b.post(std::string(kMessagesPath), std::string(kSimple)).text();
  const Reply reply = b.post(std::string(kMessagesPath),
                             changed("\"max_tokens\"", "\"stream\":true,\"max_tokens\""));
  EXPECT_TRUE(reply.head.headers.find("content-type")->starts_with("text/event-stream"));
  http::SseParser sse(1 << 20);
  std::string text, order;
  std::int64_t output = 0;
  ASSERT_TRUE(sse.feed(reply.text(), [&](http::SseEvent&& event) {
    const testing::Parsed data(event.data);
    EXPECT_EQ(data["type"].string(), event.name);
    if (event.name == "content_block_delta") text += data["delta"]["text"].string_or("");
    if (event.name == "message_delta") output = data["usage"]["output_tokens"].integer_or(-1);
    if (event.name == "message_start") {
      EXPECT_TRUE(data["message"]["usage"]["cache_read_input_tokens"].integer());
    }
    if (!order.ends_with(event.name)) order += " " + event.name;
  }));
  EXPECT_EQ(order,
            " message_start content_block_start ping content_block_delta content_block_stop "
            "message_delta message_stop");
  const testing::Parsed message(whole);
  EXPECT_EQ(text, json::Value(message["content"].items().at(0))["text"].string());
  EXPECT_EQ(output, b.bill()[1].tokens.output);
  EXPECT_EQ(b.bill()[0].pico_usd, b.bill()[1].pico_usd);
  EXPECT_TRUE(b.bill()[1].delivered);
}

TEST(AnthropicMessages, StructuredAnswersAndTools) {
  auto b = make_bench();
  const std::string format =
      R"("output_config":{"format":{"type":"json_schema","schema":{"type":"object","properties":{"kind":{"enum":["a","b"]}}}}},)";
  const testing::Parsed formed(
      b.post(std::string(kMessagesPath), changed("\"max_tokens\"", format + "\"max_tokens\""))
          .text());
  EXPECT_EQ(json::Value(formed["content"].items().at(0))["text"].string(), R"({"kind":"a"})");
  const std::string tools =
      R"("tools":[{"name":"x","input_schema":{"type":"object","properties":{"n":{"const":1}}}}],"tool_choice":{"type":"tool","name":"x"},)";
  const testing::Parsed called(
      b.post(std::string(kMessagesPath), changed("\"max_tokens\"", tools + "\"max_tokens\""))
          .text());
  const json::Value block(called["content"].items().at(0));
  EXPECT_EQ(block["type"].string(), "tool_use");
  EXPECT_EQ(block["input"]["n"].integer(), 1);
  EXPECT_EQ(called["stop_reason"].string(), "tool_use");
}

TEST(AnthropicMessages, ToolsImagesAndResultsAreChecked) {
  auto b = make_bench();
  const auto status = [&](const std::string& messages, const std::string& more = "") {
    return b
        .post(std::string(kMessagesPath),
              R"({"model":"claude-sonnet-5","max_tokens":9,"messages":[)" + messages + "]" + more +
                  "}")
        .head.status;
  };
  const auto user = [](const std::string& blocks) {
    return R"({"role":"user","content":[)" + blocks + "]}";
  };
  const std::string ask = R"({"role":"user","content":"x"})", text = text_block("y");
  const std::string calls =
      R"(,{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"n","input":{}}]},)";
  const std::string result = R"({"type":"tool_result","tool_use_id":"t","content":"z"})";
  const auto image = [](const std::string& source) {
    return R"({"type":"image","source":{)" + source + "}}";
  };
  EXPECT_EQ(status(ask + calls + user(result + "," + text)), 200);
  EXPECT_EQ(status(ask + calls + user(text + "," + result)), 400);
  EXPECT_EQ(status(ask + calls + user(text)), 400);
  EXPECT_EQ(status(user(result)), 400);
  EXPECT_EQ(status(ask +
                   R"(,{"role":"assistant","content":[{"type":"tool_use","id":"t",)"
                   R"("name":"n","input":"{}"}]},)" +
                   user(result)),
            400);
  EXPECT_EQ(status(user(image(R"("type":"url","url":"https://a.example")"))), 200);
  EXPECT_EQ(status(user(image(R"("type":"base64","media_type":"image/png","data":"AA")"))), 200);
  EXPECT_EQ(status(user(image(R"("type":"base64","media_type":"image/bmp","data":"AA")"))), 400);
  EXPECT_EQ(status(user(image(R"("type":"base64","media_type":"image/png","data":"")"))), 400);
  EXPECT_EQ(status(user(image(R"("url":"https://a.example")"))), 400);
  EXPECT_EQ(status(ask, R"(,"stop_sequences":["END"])"), 200);
  EXPECT_EQ(status(ask, R"(,"stop_sequences":[" "])"), 400);
  EXPECT_EQ(status(ask, R"(,"stop_sequences":"END")"), 400);
  EXPECT_EQ(status(ask, R"(,"seed":1)"), 400);
  EXPECT_EQ(status(ask, R"(,"tool_choice":{"type":"required"})"), 400);
}

TEST(AnthropicMessages, RegionalPriceIsATenthMore) {
  auto b = make_bench();
  b.post(std::string(kMessagesPath), std::string(kSimple));
  b.post(std::string(kMessagesPath),
         changed("\"max_tokens\"", "\"inference_geo\":\"us\",\"max_tokens\""));
  EXPECT_EQ(b.bill()[0].pico_usd * 11, b.bill()[1].pico_usd * 10);
}

TEST(AnthropicMessages, Refusals) {
  auto b = make_bench();
  const auto refused = [&](int status, std::string_view type, std::string_view why,
                           std::string body, const http::Headers& more = {}) {
    const Reply reply = b.post(std::string(kMessagesPath), body, more);
    EXPECT_EQ(reply.head.status, status) << body;
    const testing::Parsed error(reply.text());
    EXPECT_EQ(error["type"].string(), "error");
    EXPECT_EQ(error["error"]["type"].string(), type);
    EXPECT_NE(error["error"]["message"].string_or("").find(why), std::string::npos) << reply.text();
    EXPECT_EQ(error["request_id"].string(), reply.head.headers.find("request-id"));
  };
  const auto* bad = "invalid_request_error";
  refused(400, bad, "JSON", "{");
  refused(400, bad, "model", R"({"max_tokens":1})");
  refused(404, "not_found_error", "claude-none", changed("claude-sonnet-5", "claude-none"));
  refused(400, bad, "max_tokens", changed("\"max_tokens\":100,", ""));
  refused(400, bad, "maximum", changed("100", "100000000"));
  refused(400, bad, "max_tokens", changed("100", "-1"));
  refused(400, bad, "messages", R"({"model":"claude-sonnet-5","max_tokens":1})");
  refused(400, bad, "at least one", R"({"model":"claude-sonnet-5","max_tokens":1,"messages":[]})");
  refused(400, bad, "first message", changed("\"user\"", "\"assistant\""));
  refused(400, bad, "role", changed("\"user\"", "\"robot\""));
  refused(400, bad, "prefill", changed("}]}", R"(},{"role":"assistant","content":"{"}]})"));
  refused(400, bad, "system",
          changed("}]}", R"(},{"role":"system","content":"x"},{"role":"user","content":"y"}]})"));
  refused(400, bad, "temperature", changed("\"max_tokens\"", "\"temperature\":0.5,\"max_tokens\""));
  refused(400, bad, "top_k", changed("\"max_tokens\"", "\"top_k\":5,\"max_tokens\""));
  refused(400, bad, "stream", changed("\"max_tokens\":100", "\"stream\":true,\"max_tokens\":0"));
  refused(
      400, bad, "structured",
      changed("\"max_tokens\":100",
              R"("max_tokens":0,"output_config":{"format":{"type":"json_schema","schema":{}}})"));
  refused(400, bad, "tool_choice",
          changed("\"max_tokens\":100", R"("max_tokens":0,"tool_choice":{"type":"any"})"));
  refused(401, "authentication_error", "", std::string(kSimple), {{"x-api-key", "invalid"}});
  refused(413, "request_too_large", "", std::string(32'000'001, ' '));
  testing::Bench without(make_provider(), {{"x-api-key", "k"}});
  EXPECT_NE(without.post(std::string(kMessagesPath), std::string(kSimple))
                .text()
                .find("anthropic-version"),
            std::string::npos);
  EXPECT_TRUE(b.bill().empty());
}

TEST(AnthropicMessages, OlderModelsAllowMore) {
  auto b = make_bench();
  const std::string old = changed("claude-sonnet-5", "claude-sonnet-4-5");
  EXPECT_EQ(b.post(std::string(kMessagesPath),
                   changed("\"max_tokens\"", "\"temperature\":0.5,\"max_tokens\"", old))
                .head.status,
            200);
  EXPECT_EQ(b.post(std::string(kMessagesPath),
                   changed("}]}", R"(},{"role":"assistant","content":"{"}]})", old))
                .head.status,
            200);
  const std::string opus = changed("claude-sonnet-5", "claude-opus-5");
  EXPECT_EQ(b.post(std::string(kMessagesPath),
                   changed("}]}", R"(},{"role":"system","content":"x"}]})", opus))
                .head.status,
            200);
}

TEST(AnthropicMessages, BearerKeysWork) {
  testing::Bench b(make_provider(),
                   {{"authorization", "Bearer k"}, {"anthropic-version", "2023-06-01"}});
  EXPECT_EQ(b.post(std::string(kMessagesPath), std::string(kSimple)).head.status, 200);
}

TEST(AnthropicMessages, Models) {
  auto b = make_bench();
  const testing::Parsed list(b.get("/anthropic/v1/models").text());
  EXPECT_GT(list["data"].size(), 10U);
  const testing::Parsed model(b.get("/anthropic/v1/models/claude-sonnet-5").text());
  EXPECT_EQ(model["max_input_tokens"].integer(), 1'000'000);
  EXPECT_EQ(b.get("/anthropic/v1/models/none").head.status, 404);
  EXPECT_EQ(b.get("/anthropic/v1/nothing").head.status, 404);
}

// What the types of @anthropic-ai/sdk 1.12.0 call always present (checked 2026-11-23).
// Doc: https://platform.claude.com/docs/en/api/messages/create,
// https://platform.claude.com/docs/en/api/models/retrieve
void expect_usage(json::Value usage) {
  testing::expect_members(
      usage, {"cache_creation", "cache_creation_input_tokens", "cache_read_input_tokens",
              "inference_geo", "input_tokens", "output_tokens", "output_tokens_details",
              "server_tool_use", "service_tier", "speed"});
  EXPECT_EQ(usage["output_tokens_details"]["thinking_tokens"].integer(), 0);
}
void expect_message(json::Value message) {
  testing::expect_members(
      message, {"id", "container", "content", "diagnostics", "model", "role", "stop_details",
                "stop_reason", "stop_sequence", "type", "usage"});
  expect_usage(message["usage"]);
  for (const auto item : message["content"].items()) {
    const json::Value block(item);
    if (block["type"].string() == "text") testing::expect_members(block, {"citations", "text"});
    else testing::expect_members(block, {"id", "caller", "input", "name"});
  }
}

TEST(AnthropicMessages, MembersThatAreAlwaysThere) {
  auto b = make_bench();
  const std::string forced = changed(
      "\"max_tokens\"",
      R"("tools":[{"name":"x","input_schema":{"type":"object"}}],"tool_choice":{"type":"any"},"max_tokens")");
  for (const std::string& body : {std::string(kSimple), forced}) {
    expect_message(testing::Parsed(b.post(std::string(kMessagesPath), body).text()).root);
    const Reply stream = b.post(std::string(kMessagesPath),
                                changed("\"max_tokens\"", "\"stream\":true,\"max_tokens\"", body));
    http::SseParser sse(1 << 20);
    ASSERT_TRUE(sse.feed(stream.text(), [&](http::SseEvent&& event) {
      const testing::Parsed data(event.data);
      if (event.name == "message_start") expect_message(data["message"]);
      if (event.name == "content_block_start")
        testing::expect_members(data["content_block"], {body == kSimple ? "citations" : "caller"});
      if (event.name != "message_delta") return;
      testing::expect_members(data["delta"],
                              {"container", "stop_details", "stop_reason", "stop_sequence"});
      expect_usage(data["usage"]);
    }));
  }
  const testing::Parsed model(b.get("/anthropic/v1/models/claude-sonnet-5").text());
  testing::expect_members(
      model.root, {"id", "capabilities", "created_at", "deprecated_at", "display_name", "lifecycle",
                   "line", "max_input_tokens", "max_tokens", "retires_at", "type"});
  EXPECT_EQ(model["line"].string(), "sonnet");
  EXPECT_EQ(model["lifecycle"].string(), "active");
  testing::expect_members(
      model["capabilities"],
      {"batch", "citations", "code_execution", "context_management", "effort", "image_input",
       "pdf_input", "server_tools", "structured_outputs", "thinking"});
  EXPECT_EQ(model["capabilities"]["batch"]["supported"].boolean(), true);
}

TEST(AnthropicMessages, ModelsByPages) {
  auto b = make_bench();
  const std::string path = "/anthropic/v1/models";
  const auto ids = [&](std::string_view query) {
    std::vector<std::string> out;
    const testing::Parsed page(b.get(path + std::string(query)).text());
    for (const auto item : page["data"].items())
      out.push_back(json::Value(item)["id"].string_or(""));
    EXPECT_EQ(page["first_id"].string_or(""), out.empty() ? "" : out.front());
    EXPECT_EQ(page["last_id"].string_or(""), out.empty() ? "" : out.back());
    return out;
  };
  const auto more = [&](std::string_view query) {
    return testing::Parsed(b.get(path + std::string(query)).text())["has_more"].boolean();
  };
  const auto all = ids("?limit=1000");
  ASSERT_GT(all.size(), 10U);
  EXPECT_EQ(more("?limit=1000"), false);
  std::vector<std::string> walked;
  for (std::string query = "?limit=4"; !query.empty();) {
    const auto page = ids(query);
    walked.insert(walked.end(), page.begin(), page.end());
    query = more(query) == true ? "?limit=4&after_id=" + page.back() : "";
  }
  EXPECT_EQ(walked, all);
  EXPECT_EQ(ids("?limit=2&before_id=" + all[5]), (std::vector<std::string>{all[3], all[4]}));
  EXPECT_EQ(more("?limit=2&before_id=" + all[5]), true);
  EXPECT_EQ(more("?limit=5&before_id=" + all[5]), false);
  EXPECT_TRUE(ids("?after_id=" + all.back()).empty());
  EXPECT_TRUE(ids("?before_id=" + all.front()).empty());
  for (const auto* bad : {"?limit=0", "?limit=1001", "?limit=x", "?after_id=a&before_id=b"})
    EXPECT_EQ(b.get(path + bad).head.status, 400) << bad;
  EXPECT_EQ(b.get(path + "?after_id=none").head.status, 404);
}

// Doc: https://platform.claude.com/docs/en/api/versioning and .../api/migration-2026-10-21
// (checked 2026-11-23).
TEST(AnthropicMessages, Versions) {
  auto b = make_bench();
  const auto answer = [&](std::string_view version, const std::string& body,
                          const std::string& path = std::string(kMessagesPath)) {
    return b.post(path, body, {{"anthropic-version", std::string(version)}});
  };
  EXPECT_EQ(answer("2023-06-01", std::string(kSimple)).head.status, 200);
  EXPECT_EQ(answer("2026-10-21", std::string(kSimple)).head.status, 200);
  for (const auto* version : {"", "2023-01-01", "2026-10-22", "2026-10-21 ", "latest"}) {
    const testing::Parsed error(answer(version, std::string(kSimple)).text());
    EXPECT_EQ(error["error"]["type"].string(), "invalid_request_error") << version;
    EXPECT_EQ(b.get("/anthropic/v1/models", {{"anthropic-version", version}}).head.status, 400);
  }
  const std::string older = changed("claude-sonnet-5", "claude-sonnet-4-5");
  for (const auto* given : {"\"temperature\":1", "\"top_p\":1", "\"top_k\":5"}) {
    const std::string body =
        changed("\"max_tokens\"", std::string(given) + ",\"max_tokens\"", older);
    EXPECT_EQ(answer("2023-06-01", body).head.status, 200) << given;
    for (const auto& path :
         {std::string(kMessagesPath), std::string(kMessagesPath) + "/count_tokens"}) {
      const Reply refused = answer("2026-10-21", body, path);
      EXPECT_EQ(refused.head.status, 400) << given;
      EXPECT_NE(refused.text().find("Extra inputs are not permitted"), std::string::npos);
    }
  }
}

TEST(AnthropicMessages, FaultsInItsShape) {
  auto b = make_bench(
      {.faults_json = R"([{"match":{"operation":"messages","nth":1},"fault":"overloaded"},
    {"match":{"operation":"messages","nth":2},"fault":{"kind":"status","code":429,"type":"enforced_spend_limit_reached"}}])"});
  const Reply overloaded = b.post(std::string(kMessagesPath), std::string(kSimple));
  EXPECT_EQ(overloaded.head.status, 529);
  EXPECT_NE(overloaded.text().find("overloaded_error"), std::string::npos);
  const Reply spent = b.post(std::string(kMessagesPath), std::string(kSimple));
  EXPECT_EQ(spent.head.status, 429);
  EXPECT_FALSE(spent.head.headers.find("retry-after"));
  EXPECT_EQ(testing::Parsed(spent.text())["error"]["details"]["error_code"].string(),
            "enforced_spend_limit_reached");
}

}  // namespace
}  // namespace weir::sim::anthropic
