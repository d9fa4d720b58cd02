// What an adapter writes, the simulated provider of its format takes, counts and answers.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "json/value.h"
#include "meant.h"
#include "sample.h"
#include "sim/simulator.h"
#include "weir_sim_registry.h"

namespace weir::translation {
namespace {

using Kind = llm::ToolChoice::Kind;
const Time kNow = from_unix_seconds(1'795'400'000);

class Provider {
 public:
  explicit Provider(std::string name) : name_(std::move(name)), adapter_(adapter_of(name_)) {
    std::vector<std::unique_ptr<sim::Provider>> simulated;
    for (const auto& row : sim::registered())
      if (row.name == provider_of(name_)) simulated.push_back(row.get());
    simulator_ = sim::Simulator::create({}, std::move(simulated)).value();
    simulator_->listen();
  }
  [[nodiscard]] const provider::Adapter& adapter() const { return adapter_; }

  sim::Reply send(const llm::Request& request) {
    const provider::Credentials credentials{.base_path = std::string(meeting_of(name_).base_path),
                                            .key = "key-1",
                                            .settings = settings_of(name_)};
    auto plan = adapter_.encode_sync(request, {credentials, "attempt"}).value();
    http::Request out{.method = plan.method,
                      .target = std::move(plan.target),
                      .headers = std::move(plan.headers),
                      .body = {}};
    out.headers.set("user-agent", "weir");  // as the client does
    for (auto& piece : plan.body) out.body += std::get<std::string>(piece);
    return simulator_->handle(std::move(out), kNow);
  }
  [[nodiscard]] const std::vector<sim::Heard>& heard() const { return simulator_->heard(); }
  llm::Response answer(const llm::Request& request) {
    const auto reply = send(request);
    EXPECT_EQ(reply.head.status, 200) << reply.text();
    if (!request.stream)
      return adapter_
          .decode_sync({.status = reply.head.status, .headers = {}, .body = reply.text()}, kNow)
          .value();
    const auto decoder = adapter_.stream_decoder();
    std::string words;
    EXPECT_TRUE(decoder->feed(reply.text(), words));
    return decoder->finish().value();
  }

 private:
  std::string name_;
  const provider::Adapter& adapter_;
  std::unique_ptr<sim::Simulator> simulator_;
};

// An object that every provider's own rules of schemas take.
constexpr std::string_view kSchema =
    R"({"type":"object","properties":{"domain":{"type":"string","description":"of the document"},)"
    R"("count":{"type":"integer"}},"required":["domain","count"],"additionalProperties":false})";

class RoundTrip : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Providers, RoundTrip,
                         ::testing::Values("anthropic", "openAI", "gemini", "vertexAI", "groq",
                                           "together", "azureOpenAI", "ollama", "openAICompatible",
                                           "xai", "mistral", "fireworks", "bedrock", "cohere",
                                           "openAI:responses", "azureOpenAI:responses",
                                           "openAICompatible:responses"));
// Of providers that can be told which tool to call, and that check what calls and results belong together.
class Calls : public RoundTrip {};
INSTANTIATE_TEST_SUITE_P(Providers, Calls,
                         ::testing::Values("anthropic", "openAI", "gemini", "vertexAI", "groq",
                                           "together", "azureOpenAI", "openAICompatible", "xai",
                                           "mistral", "fireworks", "bedrock", "openAI:responses",
                                           "azureOpenAI:responses", "openAICompatible:responses"));

TEST_P(RoundTrip, AConversationWithToolsIsAnswered) {
  Provider provider(GetParam());
  const auto request = sample(GetParam());
  const auto response = provider.answer(request);
  EXPECT_EQ(response.finish, llm::FinishReason::kStop);
  EXPECT_FALSE(response.text.empty());
  EXPECT_EQ(provider.adapter().tool_calls(response).value(), std::vector<llm::ToolCall>{});
}

// The schema of the answer, beside all else that a request without tools can say.
TEST_P(RoundTrip, ASchemaIsHeardAsItWasMeant) {
  Provider provider(GetParam());
  auto request = sample(GetParam());
  request.tools.clear();
  request.messages.resize(1);
  request.messages[0].content.erase(request.messages[0].content.begin());
  request.format = llm::AnswerFormat{.name = "answer", .schema_json = std::string(kSchema)};
  EXPECT_TRUE(provider.answer(request).text.starts_with("{"));
  EXPECT_EQ(told(meant_by(request, ""), true), told(provider.heard(), true));
}

TEST_P(RoundTrip, EveryPartCountsAsPrompt) {
  Provider provider(GetParam());
  const auto whole = sample(GetParam());
  const auto tokens = [&](const llm::Request& request) {
    return provider.answer(request).usage.prompt();
  };
  auto less = whole;
  less.tools.pop_back();
  EXPECT_LT(tokens(less), tokens(whole));
  less = whole;
  less.messages[0].content.erase(less.messages[0].content.begin());
  EXPECT_LT(tokens(less), tokens(whole));
  less = whole;
  less.messages[2].content[0].tool_result->text = "Page";
  EXPECT_LT(tokens(less), tokens(whole));
  less = whole;
  less.messages[1].content[1].tool_call->arguments_json = "{}";
  EXPECT_LT(tokens(less), tokens(whole));
}

TEST_P(Calls, ComeBackTheSameWholeAndStreamed) {
  Provider provider(GetParam());
  auto request = sample(GetParam());
  request.tool_choice = {.kind = Kind::kNamed, .name = "read_page"};
  for (const bool stream : {false, true}) {
    request.stream = stream;
    const auto response = provider.answer(request);
    EXPECT_EQ(response.finish, llm::FinishReason::kToolUse);
    const auto calls = provider.adapter().tool_calls(response).value();
    ASSERT_EQ(calls.size(), 1U) << response.tool_calls_json;
    EXPECT_EQ(calls[0].name, "read_page");
    EXPECT_EQ(calls[0].arguments_json, R"({"page":4})");
    // The conversation goes on with it.
    auto next = request;
    next.stream = false;
    next.tool_choice = {};
    next.messages.push_back({llm::Role::kAssistant, {{.text = "", .tool_call = calls[0]}}});
    next.messages.push_back({llm::Role::kUser, {result(calls[0].id, "Page four.")}});
    EXPECT_EQ(provider.answer(next).finish, llm::FinishReason::kStop);
  }
}

TEST_P(Calls, OfToolsThatMustBeCalledAndThatMustNot) {
  Provider provider(GetParam());
  auto request = sample(GetParam());
  request.tool_choice.kind = Kind::kRequired;
  EXPECT_EQ(provider.answer(request).finish, llm::FinishReason::kToolUse);
  request.tool_choice.kind = Kind::kNone;
  if (!meeting_of(GetParam()).no_tool) {  // what cannot be said is not sent
    std::string out;
    EXPECT_EQ(provider.adapter().encode_item("id", request, out).error().kind,
              ErrorKind::kUnsupported);
    return;
  }
  EXPECT_EQ(provider.answer(request).finish, llm::FinishReason::kStop);
}

TEST_P(Calls, TheSimulatorSeesABrokenConversation) {
  Provider provider(GetParam());
  auto request = sample(GetParam());
  request.messages[2].content[0].tool_result->tool_call_id = "call_2";
  // Gemini's format needs the name that belongs to the id: nothing is sent at all.
  const std::string_view name = GetParam();
  if (name == "gemini" || name == "vertexAI") {
    std::string out;
    EXPECT_EQ(provider.adapter().encode_item("id", request, out).error().kind,
              ErrorKind::kInvalidArgument);
  } else {
    EXPECT_EQ(provider.send(request).head.status, 400);
  }
  request = sample(GetParam());
  request.messages[2].content.erase(request.messages[2].content.begin());
  EXPECT_EQ(provider.send(request).head.status, 400);
}

llm::CacheTtl ttl_of(std::string_view life) {
  if (life == "5m") return llm::CacheTtl::k5m;
  return life == "1h" ? llm::CacheTtl::k1h : llm::CacheTtl::kDefault;
}

// Up to two in the system's texts, and up to two in the user's: what lives longer stands first.
void mark_some(llm::Request& request, std::string_view lives) {
  if (lives.empty()) return;
  const auto mark = [left = 2](llm::Block& block, std::string_view life) mutable {
    if (!block.is_text() || left == 0 || *rc::gen::inRange(0, 2) == 0) return;
    block.mark = llm::CacheMark{ttl_of(life)};
    --left;
  };
  auto in_system = mark, in_messages = mark;
  for (auto& block : request.system) in_system(block, lives.substr(0, lives.find(' ')));
  for (auto& message : request.messages)
    if (message.role == llm::Role::kUser)
      for (auto& block : message.content) in_messages(block, lives.substr(lives.find(' ') + 1));
  if (llm::has_marks(request)) request.cache = llm::CachePolicy::kMarked;
}

// Ready-made bodies of either API through one adapter: the body chooses, and the answer tells what it is.
TEST(ReadyMade, ChoosesItsApi) {
  for (const char* name : {"openAI", "openAI:responses"}) {
    Provider provider(name);
    const std::pair<llm::Dialect, std::string> bodies[] = {
        {llm::Dialect::kOpenAIResponses, R"({"input":"Hello","stream":STREAM,"store":false})"},
        {llm::Dialect::kOpenAIChat,
         R"({"messages":[{"role":"user","content":"Hello"}],"stream":STREAM)"
         R"(,"stream_options":{"include_usage":true}})"}};
    for (const auto& [dialect, text] : bodies) {
      for (const bool stream : {false, true}) {
        auto body = text;
        body.replace(body.find("STREAM"), 6, stream ? "true" : "false");
        if (const auto options = body.find(",\"stream_options"); !stream && options != body.npos)
          body.replace(options, body.size() - options, "}");
        llm::Request request;
        request.model = model_of(name);
        request.stream = stream;
        request.raw = llm::RawBody{dialect, body};
        const auto response = provider.answer(request);
        EXPECT_EQ(response.finish, llm::FinishReason::kStop);
        EXPECT_EQ(response.id.starts_with("resp_"), dialect == llm::Dialect::kOpenAIResponses);
      }
    }
  }
}

// …but a batch has one endpoint.
TEST(ReadyMade, InABatchIsOfItsApi) {
  for (const std::string_view name : {"openAI", "openAI:responses"}) {
    llm::Request request;
    request.model = model_of(name);
    std::string out;
    const bool responses = name.contains(':');
    request.raw =
        llm::RawBody{responses ? llm::Dialect::kOpenAIChat : llm::Dialect::kOpenAIResponses, "{}"};
    EXPECT_EQ(adapter_of(name).encode_item("id", request, out).error().kind,
              ErrorKind::kUnsupported);
    request.raw->dialect = responses ? llm::Dialect::kOpenAIResponses : llm::Dialect::kOpenAIChat;
    ASSERT_TRUE(adapter_of(name).encode_item("id", request, out));
    EXPECT_TRUE(
        out.contains(responses ? R"("url":"/v1/responses")" : R"("url":"/v1/chat/completions")"));
  }
}

// A conversation of any shape that the providers take.
llm::Request any_request(std::string_view provider) {
  const auto words = [] { return "x" + *rc::gen::string<std::string>(); };
  const auto some = [](int most) { return *rc::gen::inRange(0, most + 1); };
  llm::Request out;
  out.model = model_of(provider);
  out.output_max = Tokens{32};
  for (int i = some(3); i > 0; --i)
    out.tools.push_back({.name = "tool_" + std::to_string(i),
                         .description = some(1) == 1 ? words() : "",
                         .parameters_json = R"({"type":"object"})"});
  for (int i = some(2); i > 0; --i) out.system.push_back(text(words(), some(1) == 1));
  for (int turn = 0, turns = some(3); turn <= turns; ++turn) {
    llm::Message user;
    if (turn > 0) {
      llm::Message assistant{llm::Role::kAssistant, {}};
      for (int i = some(1); i > 0; --i) assistant.content.push_back(text(words()));
      for (int i = some(2); i > 0; --i) {
        const std::string id = "call_" + std::to_string(turn) + "_" + std::to_string(i);
        assistant.content.push_back(call(id));
        user.content.push_back(result(id, some(3) == 0 ? "" : words()));
      }
      if (assistant.content.empty()) assistant.content.push_back(text("Yes?"));
      out.messages.push_back(std::move(assistant));
    }
    for (int i = some(1); i > 0; --i) user.content.push_back(image("iVBORw0KGgo="));
    for (int i = some(2); i > 0; --i) user.content.push_back(text(words(), some(1) == 1));
    if (user.content.empty()) user.content.push_back(text("Go on."));
    out.messages.push_back(std::move(user));
  }
  if (some(1) == 1 && meeting_of(provider).stops) out.stop = {words()};
  mark_some(out, meeting_of(provider).lives);
  if (out.tools.empty() && meeting_of(provider).calls_need_tools)
    out.tools.push_back({.name = "tool", .description = "", .parameters_json = "{}"});
  return out;
}

// A row of a batch, or where there are none, a body.
std::string written(const provider::Adapter& adapter, const llm::Request& request, bool row) {
  std::string out;
  if (row) {
    RC_ASSERT(adapter.encode_item("id", request, out).has_value());
    return out;
  }
  const provider::Credentials none;
  const auto plan = adapter.encode_sync(request, {none, "attempt"});
  RC_ASSERT(plan.has_value());
  return std::get<std::string>(plan->body.at(0));
}

void any_request_is_taken(std::string name) {
  static std::map<std::string, Provider> providers;
  auto& provider = providers.try_emplace(name, name).first->second;
  const auto request = any_request(name);
  const std::string once = written(provider.adapter(), request, meeting_of(name).batches);
  const std::string twice = written(provider.adapter(), request, meeting_of(name).batches);
  RC_ASSERT(once == twice);
  RC_ASSERT(once.find('\n') == std::string::npos);
  json::Parser parser;
  RC_ASSERT(parser.parse(once).has_value());
  const auto reply = provider.send(request);
  if (reply.head.status != 200) RC_FAIL(reply.text() + " " + once);
  const auto& meeting = meeting_of(name);
  const auto meant = told(meant_by(request, meeting.lives), meeting.ids),
             heard = told(provider.heard(), meeting.ids);
  if (meant != heard) RC_FAIL("meant:\n" + meant + "heard:\n" + heard + once);
}
RC_GTEST_PROP(AnyRequest, IsTakenByAnthropic, ()) { any_request_is_taken("anthropic"); }
RC_GTEST_PROP(AnyRequest, IsTakenByOpenai, ()) { any_request_is_taken("openAI"); }
RC_GTEST_PROP(AnyRequest, IsTakenByResponses, ()) { any_request_is_taken("openAI:responses"); }
RC_GTEST_PROP(AnyRequest, IsTakenByAzureResponses, ()) {
  any_request_is_taken("azureOpenAI:responses");
}
RC_GTEST_PROP(AnyRequest, IsTakenByCompatibleResponses, ()) {
  any_request_is_taken("openAICompatible:responses");
}
RC_GTEST_PROP(AnyRequest, IsTakenByGemini, ()) { any_request_is_taken("gemini"); }
RC_GTEST_PROP(AnyRequest, IsTakenByVertex, ()) { any_request_is_taken("vertexAI"); }
RC_GTEST_PROP(AnyRequest, IsTakenByGroq, ()) { any_request_is_taken("groq"); }
RC_GTEST_PROP(AnyRequest, IsTakenByTogether, ()) { any_request_is_taken("together"); }
RC_GTEST_PROP(AnyRequest, IsTakenByAzure, ()) { any_request_is_taken("azureOpenAI"); }
RC_GTEST_PROP(AnyRequest, IsTakenByOllama, ()) { any_request_is_taken("ollama"); }
RC_GTEST_PROP(AnyRequest, IsTakenByCompatible, ()) { any_request_is_taken("openAICompatible"); }
RC_GTEST_PROP(AnyRequest, IsTakenByXai, ()) { any_request_is_taken("xai"); }
RC_GTEST_PROP(AnyRequest, IsTakenByMistral, ()) { any_request_is_taken("mistral"); }
RC_GTEST_PROP(AnyRequest, IsTakenByFireworks, ()) { any_request_is_taken("fireworks"); }
RC_GTEST_PROP(AnyRequest, IsTakenByBedrock, ()) { any_request_is_taken("bedrock"); }
RC_GTEST_PROP(AnyRequest, IsTakenByCohere, ()) { any_request_is_taken("cohere"); }

}  // namespace
}  // namespace weir::translation
