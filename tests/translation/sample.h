#pragma once
// Requests with tools, images, calls and results, and the providers that take them.
#include <string>
#include <string_view>

#include "llm/types.h"
#include "provider/adapter.h"
#include "weir_registry.h"

namespace weir::translation {

/// "openAI:responses" is openAI by its other API.
inline std::string_view provider_of(std::string_view name) {
  return name.substr(0, name.find(':'));
}

inline const provider::Adapter& adapter_of(std::string_view name) {
  provider::Settings settings;
  if (const auto api = name.find(':'); api != std::string_view::npos)
    settings.set("api", name.substr(api + 1));
  for (const auto& row : providers::registered())
    if (row.name == provider_of(name)) return row.get().chosen_by(settings);
  std::abort();
}

/// How a provider is met here: a model of its simulator, where that is, and what it cannot be told.
struct Meeting {
  std::string_view name, model, base_path;
  bool stops = true;
  bool batches = true;
  bool no_tool = true;            // it can be told that no tool may be called
  bool calls_need_tools = false;  // a conversation with calls wants the tools as well
  bool ids = true;                // it tells calls apart by ids, not by their names and order
  std::string_view lives =
      "";  // of marks, in its words: the one of the system's, that of the user's
};

inline const Meeting& meeting_of(std::string_view provider) {
  static constexpr Meeting kMeetings[] = {
      {.name = "anthropic",
       .model = "claude-sonnet-5",
       .base_path = "/anthropic",
       .lives = "1h 5m"},
      {.name = "openAI",
       .model = "gpt-6-sol",
       .base_path = "/openAI/v1",
       .lives = "default default"},
      {.name = "openAI:responses",
       .model = "gpt-6-sol",
       .base_path = "/openAI/v1",
       .stops = false,
       .lives = "default default"},
      {.name = "azureOpenAI:responses",
       .model = "gpt-4.1",
       .base_path = "/azureOpenAI/openai/v1",
       .stops = false},
      {.name = "openAICompatible:responses",
       .model = "qwen3-32b",
       .base_path = "/openAICompatible/v1",
       .stops = false,
       .batches = false},
      {.name = "gemini", .model = "gemini-3.8-flash", .base_path = "/gemini"},
      {.name = "vertexAI", .model = "gemini-3.8-flash", .base_path = "/vertexAI", .ids = false},
      {.name = "groq", .model = "openai/gpt-oss-20b", .base_path = "/groq/openai/v1"},
      {.name = "together", .model = "openai/gpt-oss-20b", .base_path = "/together/v1"},
      {.name = "azureOpenAI", .model = "gpt-4.1", .base_path = "/azureOpenAI/openai/v1"},
      {.name = "ollama", .model = "llama3.2", .base_path = "/ollama", .batches = false},
      {.name = "openAICompatible",
       .model = "qwen3-32b",
       .base_path = "/openAICompatible/v1",
       .batches = false},
      {.name = "xai", .model = "grok-4.3", .base_path = "/xai/v1", .stops = false},
      {.name = "mistral", .model = "mistral-small-2603", .base_path = "/mistral/v1"},
      {.name = "fireworks",
       .model = "accounts/fireworks/models/kimi-k3",
       .base_path = "/fireworks"},
      {.name = "bedrock",
       .model = "anthropic.claude-sonnet-5",
       .base_path = "/bedrock",
       .no_tool = false,
       .calls_need_tools = true,
       .lives = "1h 5m"},
      {.name = "cohere",
       .model = "command-r7b-12-2024",
       .base_path = "/cohere",
       .stops = false},  // rows of batches have none
  };
  for (const auto& meeting : kMeetings)
    if (meeting.name == provider) return meeting;
  std::abort();
}

/// Settings without which nothing can be sent, of whoever has such.
inline provider::Settings settings_of(std::string_view provider) {
  provider::Settings out;
  if (provider == "vertexAI") {
    out.set("project", "shop");
    out.set("location", "us-central1");
  }
  return out;
}

inline std::string model_of(std::string_view provider) {
  return std::string(meeting_of(provider).model);
}

inline llm::Block text(std::string words, bool goes_on = false) {
  return {.text = std::move(words), .goes_on = goes_on};
}
inline llm::Block image(std::string data) {
  return {.text = "", .image = llm::Image{"image/png", std::move(data), ""}};
}
inline llm::Block call(std::string id, std::string arguments = R"({"page":3})") {
  return {.text = "", .tool_call = llm::ToolCall{std::move(id), "read_page", std::move(arguments)}};
}
inline llm::Block result(std::string id, std::string words) {
  return {.text = "", .tool_result = llm::ToolResult{std::move(id), std::move(words)}};
}

/// A question with a picture; the assistant asked for a page, and got it.
inline llm::Request sample(std::string_view provider) {
  llm::Request out;
  out.model = model_of(provider);
  out.output_max = Tokens{64};
  out.tools = {{.name = "read_page",
                .description = "Reads a page of the document.",
                .parameters_json =
                    R"({"type":"object","properties":{"page":{"const":4}},"required":["page"]})"},
               {.name = "give_up", .description = "", .parameters_json = R"({"type":"object"})"}};
  out.system = {text("You answer questions on documents.")};
  out.messages = {{llm::Role::kUser, {image("iVBORw0KGgo="), text("What does page 3 say?")}},
                  {llm::Role::kAssistant, {text("I read it."), call("call_1")}},
                  {llm::Role::kUser, {result("call_1", "Page three."), text("And page 4?")}}};
  return out;
}

}  // namespace weir::translation
