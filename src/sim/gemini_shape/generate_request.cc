#include "sim/gemini_shape/generate_request.h"

#include <limits>
#include <vector>

namespace weir::sim::gemini_shape {
namespace {

constexpr std::int64_t kOutputDefaultMax = 65'536;  // where the price row does not say
constexpr std::size_t kStopsMax = 5;

std::string place(std::string_view list, std::size_t index) {
  return std::string(list) + "[" + std::to_string(index) + "]";
}

bool is_text(json::Value part) { return part["text"].is_string(); }

// One part: exactly one kind of data. Doc: https://ai.google.dev/api/caching#Part
Checked<void> check_part(json::Value part, const std::string& where) {
  if (!part.is_object()) return refuse("Invalid value at '" + where + "'");
  if (auto done =
          check_names(part, where,
                      {"text", "inlineData", "fileData", "functionCall", "functionResponse",
                       "executableCode", "codeExecutionResult", "thought", "thoughtSignature",
                       "videoMetadata", "mediaResolution", "partMetadata"});
      !done)
    return done;
  int kinds = is_text(part) ? 1 : 0;
  const auto object = [&](std::string_view name) {
    const auto value = member(part, name);
    if (value.is_object()) ++kinds;
    return value;
  };
  const json::Value inline_data = object("inlineData"), file = object("fileData"),
                    call = object("functionCall"), response = object("functionResponse");
  if (kinds == 0)
    return refuse("* " + where +
                  ".data: required oneof field 'data' must have one initialized field");
  if (kinds > 1)
    return refuse("Invalid value at '" + where + "' (oneof), oneof field 'data' is already set.");
  if (is_text(part) && part["text"].string()->empty())
    return refuse("Unable to submit request because it must have a text parameter. (" + where +
                  ")");
  if (inline_data.is_object() && (!member(inline_data, "mimeType").is_string() ||
                                  inline_data["data"].string().value_or("").empty()))
    return refuse("* " + where + ".inline_data: mimeType and data must be set");
  if (file.is_object() && member(file, "fileUri").string().value_or("").empty())
    return refuse("* " + where + ".file_data.file_uri: must be set");
  if (call.is_object() && call["name"].string().value_or("").empty())
    return refuse("* " + where + ".function_call.name: Name cannot be empty.");
  if (response.is_object() && response["name"].string().value_or("").empty())
    return refuse("* " + where + ".function_response.name: Name cannot be empty.");
  if (response.is_object() && !response["response"].is_object())
    return refuse("* " + where + ".function_response.response: must be set");
  return {};
}

// The turns of a conversation: what calls and responses have to do with each other.
class Turns {
 public:
  explicit Turns(bool signatures) : signatures_(signatures) {}

  Checked<void> take(json::Value content, const std::string& where) {
    std::size_t calls = 0, responses = 0, index = 0;
    std::vector<std::string> ids;
    for (const auto item : content["parts"].items()) {
      const json::Value part(item), call = member(part, "functionCall"),
                                    response = member(part, "functionResponse");
      const std::string at = place(where + ".parts", index++);
      if (auto done = check_part(part, at); !done) return done;
      if (response.is_object()) {
        ++responses;
        if (auto done = answers(response); !done) return done;
      }
      if (!call.is_object()) continue;
      if (auto done = check_signature(part, call, at, calls == 0); !done) return done;
      ids.push_back(call["id"].string_or(""));
      ++calls;
    }
    if (responses > 0 && open_.empty())
      return refuse(
          "Please ensure that function response turn comes immediately after a function call "
          "turn.");
    if (responses != open_.size())
      return refuse(
          "Please ensure that the number of function response parts is equal to the number of "
          "function call parts of the function call turn.");
    if (calls > 0 && content["role"].string() != "model")
      return refuse("Please ensure that function call turn comes from the model.");
    open_ = std::move(ids);
    return {};
  }
  [[nodiscard]] Checked<void> end() const {
    if (open_.empty()) return {};
    return refuse(
        "Please ensure that single turn requests end with a user role or the role field is empty.");
  }

 private:
  Checked<void> answers(json::Value response) const {
    const auto id = response["id"].string_or("");
    if (id.empty() || open_.empty()) return {};
    for (const auto& open : open_)
      if (open == id || open.empty()) return {};
    return refuse("The function response id " + id +
                  " matches no function call of the turn before.");
  }
  // Of parallel calls only the first has one.
  [[nodiscard]] Checked<void> check_signature(json::Value part, json::Value call,
                                              const std::string& where, bool first) const {
    const auto signature = member(part, "thoughtSignature").string();
    if (signature && !is_signature(*signature)) return refuse("Corrupted thought signature.");
    if (!signatures_ || signature || !first) return {};
    return refuse("Function call is missing a thought_signature in functionCall parts. (" + where +
                  ", function call `" + call["name"].string_or("") + "`)");
  }

  bool signatures_;
  std::vector<std::string> open_;  // ids of the calls of the turn before
};

// Signatures are checked in the turn that is under way: behind the last thing that the user said.
std::size_t current_turn(json::Value contents) {
  std::size_t index = 0, last = 0;
  for (const auto content : contents.items()) {
    ++index;
    if (content["role"].string() == "model") continue;
    for (const auto part : content["parts"].items())
      if (is_text(part)) last = index;
  }
  return last;
}

Checked<void> check_contents(json::Value body, std::string_view model) {
  const json::Value contents = body["contents"];
  if (contents.size() == 0 || !contents.is_array())
    return refuse("* GenerateContentRequest.contents: contents is not specified");
  const std::size_t current = current_turn(contents);
  Turns before(false), now(is_gemini_3(model));
  std::size_t index = 0;
  for (const auto content : contents.items()) {
    const std::string where = place("contents", index);
    if (auto done = check_names(content, where, {"role", "parts"}); !done) return done;
    const auto role = content["role"].string().value_or("user");
    if (role != "user" && role != "model") return refuse("Please use a valid role: user, model.");
    if (content["parts"].size() == 0)
      return refuse("* GenerateContentRequest." + where +
                    ".parts: contents.parts must not be empty.");
    Turns& turns = index < current ? before : now;
    if (auto done = turns.take(content, where); !done) return done;
    ++index;
  }
  if (auto done = before.end(); !done && current == index) return done;
  return now.end();
}

Checked<void> check_system(json::Value body) {
  const json::Value system = member(body, "systemInstruction");
  if (system.is_null()) return {};
  if (auto done = check_names(system, "system_instruction", {"role", "parts"}); !done) return done;
  if (system["parts"].size() == 0)
    return refuse("* GenerateContentRequest.system_instruction.parts: must not be empty");
  std::size_t index = 0;
  for (const auto item : system["parts"].items()) {
    const std::string where = place("system_instruction.parts", index++);
    if (!is_text(item)) return refuse("* " + where + ": only texts are supported");
    if (auto done = check_part(item, where); !done) return done;
  }
  return {};
}

// All functions of all tools.
std::vector<json::Value> functions_of(json::Value body) {
  std::vector<json::Value> out;
  for (const auto tool : body["tools"].items())
    for (const auto item : member(tool, "functionDeclarations").items()) out.emplace_back(item);
  return out;
}

json::Value parameters_of(json::Value function) {
  const auto schema = member(function, "parametersJsonSchema");
  return schema.is_null() ? function["parameters"] : schema;
}

Checked<void> check_tools(json::Value body) {
  for (const auto function : functions_of(body)) {
    if (auto done = check_names(function, "tools.function_declarations",
                                {"name", "description", "parameters", "parametersJsonSchema",
                                 "response", "responseJsonSchema", "behavior"});
        !done)
      return done;
    if (function["name"].string().value_or("").empty())
      return refuse(
          "* GenerateContentRequest.tools.function_declarations.name: Invalid function name.");
    const auto parameters = parameters_of(function);
    if (!parameters.is_null() && !parameters.is_object())
      return refuse("Invalid value at 'tools.function_declarations.parameters'");
  }
  return {};
}

// The function that must be called, with the schema of its arguments.
Checked<void> read_choice(GenerateRequest& request) {
  const json::Value front = request.cached.is_null() ? request.body : request.cached;
  const json::Value config = member(member(front, "toolConfig"), "functionCallingConfig");
  if (config.is_null()) return {};
  const auto functions = functions_of(front);
  const auto mode = config["mode"].string().value_or("AUTO");
  const auto allowed = member(config, "allowedFunctionNames");
  if (mode != "AUTO" && mode != "ANY" && mode != "NONE" && mode != "VALIDATED")
    return refuse("Invalid value at 'tool_config.function_calling_config.mode': \"" +
                  std::string(mode) + "\"");
  if (functions.empty())
    return refuse("Function calling config is set without function_declarations.");
  if (allowed.size() > 0 && mode != "ANY" && mode != "VALIDATED")
    return refuse("Allowed function names can only be set when the mode is ANY.");
  if (mode != "ANY") return {};
  const auto named = [&]() -> std::string {
    if (allowed.size() == 0) return functions.front()["name"].string_or("");
    return allowed.items().at(0).string_or("");
  }();
  for (const auto function : functions) {
    if (function["name"].string() != named) continue;
    request.tool = named;
    request.schema = parameters_of(function);
    return {};
  }
  return refuse("allowed_function_names: '" + named + "' is not in function_declarations.");
}

Checked<void> read_limits(json::Value config, GenerateRequest& request) {
  const std::int64_t most =
      request.row->output_tokens_max > 0 ? request.row->output_tokens_max : kOutputDefaultMax;
  request.output_max = most;
  const auto limit = member(config, "maxOutputTokens");
  if (!limit.is_null()) {
    const auto given = limit.integer();
    if (!given || *given < 1)
      return refuse(
          "* GenerateContentRequest.generation_config.max_output_tokens: "
          "max_output_tokens must be positive.");
    request.output_max = std::min(*given, most);
  }
  const auto within = [&](std::string_view name, double high) {
    const auto value = member(config, name);
    return value.is_null() || (value.number() && *value.number() >= 0 && *value.number() <= high);
  };
  if (!within("temperature", 2))
    return refuse(
        "* GenerateContentRequest.generation_config.temperature: must be in the range [0.0, 2.0].");
  if (!within("topP", 1))
    return refuse(
        "* GenerateContentRequest.generation_config.top_p: top_p must be in the range [0.0, 1.0].");
  if (member(config, "stopSequences").size() > kStopsMax)
    return refuse(
        "* GenerateContentRequest.generation_config.stop_sequences: "
        "the number of stop_sequences must be at most 5.");
  if (const auto seed = member(config, "seed"); !seed.is_null()) {
    using Range = std::numeric_limits<std::int32_t>;
    if (!seed.integer() || *seed.integer() < Range::min() || *seed.integer() > Range::max())
      return refuse("Invalid value at 'generation_config.seed' (TYPE_INT32)");
  }
  return {};
}

Checked<void> read_config(GenerateRequest& request) {
  const json::Value config = member(request.body, "generationConfig");
  if (auto done =
          check_names(config, "generation_config",
                      {"temperature", "topP", "topK", "maxOutputTokens", "stopSequences", "seed",
                       "candidateCount", "responseMimeType", "responseSchema", "responseJsonSchema",
                       "thinkingConfig", "presencePenalty", "frequencyPenalty",
                       "responseModalities", "responseLogprobs", "logprobs", "mediaResolution"});
      !done)
    return done;
  if (auto done = read_limits(config, request); !done) return done;
  if (member(config, "candidateCount").integer_or(1) != 1)
    return refuse("Only one candidate can be specified");
  const auto mime = member(config, "responseMimeType").string().value_or("text/plain");
  if (mime != "text/plain" && mime != "application/json" && mime != "text/x.enum")
    return refuse(
        "* GenerateContentRequest.generation_config.response_mime_type: allowed mimetypes "
        "are `text/plain`, `application/json` and `text/x.enum`.");
  request.json = mime == "application/json";
  const auto schema = member(config, "responseSchema"),
             json_schema = member(config, "responseJsonSchema");
  if (!schema.is_null() && !json_schema.is_null())
    return refuse("Only one of response_schema and response_json_schema may be set.");
  const auto wanted = json_schema.is_null() ? schema : json_schema;
  if (!wanted.is_null() && mime == "text/plain")
    return refuse(
        "Function calling, or response_schema, with a response mime type: 'text/plain' is "
        "unsupported");
  const json::Value front = request.cached.is_null() ? request.body : request.cached;
  if (request.json && !functions_of(front).empty() && !is_gemini_3(request.model))
    return refuse("Function calling with a response mime type: 'application/json' is unsupported");
  if (request.tool.empty() && wanted.is_object()) request.schema = wanted;
  const auto budget = member(member(config, "thinkingConfig"), "thinkingBudget");
  request.thinks = request.model.find("flash-lite") == std::string::npos && budget.integer() != 0;
  return {};
}

}  // namespace

bool is_gemini_3(std::string_view model) {
  return !model.starts_with("gemini-1.") && !model.starts_with("gemini-2.");
}

bool is_signature(std::string_view text) {
  return text.starts_with(kSignaturePrefix) || text == "skip_thought_signature_validator" ||
         text == "context_engineering_is_the_way_to_go";
}

Checked<GenerateRequest> read_content(const ModelRow& row, std::string_view model,
                                      json::Value body) {
  GenerateRequest request{.body = body,
                          .cached = {},
                          .row = &row,
                          .model = std::string(model),
                          .tool = {},
                          .schema = {}};
  if (auto done = check_names(body, "cached_content",
                              {"model", "displayName", "contents", "systemInstruction", "tools",
                               "toolConfig", "ttl", "expireTime", "kmsKeyName", "encryptionSpec"});
      !done)
    return std::unexpected(std::move(done).error());
  if (body["contents"].size() == 0 && member(body, "systemInstruction").is_null())
    return refuse("* CachedContent: contents or system_instruction must be set");
  const auto contents =
      body["contents"].size() == 0 ? Checked<void>() : check_contents(body, model);
  for (const auto& check : {check_system(body), contents, check_tools(body)})
    if (!check) return std::unexpected(check.error());
  if (auto done = read_choice(request); !done) return std::unexpected(std::move(done).error());
  return request;
}

Checked<GenerateRequest> read_generate(const ModelRow& row, std::string_view model,
                                       json::Value body, json::Value cached) {
  if (!body.is_object()) return refuse("Invalid JSON payload received. Expected an object.");
  GenerateRequest request{.body = body,
                          .cached = cached,
                          .row = &row,
                          .model = std::string(model),
                          .tool = {},
                          .schema = {}};
  if (auto done = check_names(
          body, "request",
          {"model", "contents", "systemInstruction", "tools", "toolConfig", "safetySettings",
           "generationConfig", "cachedContent", "serviceTier", "labels", "store"});
      !done)
    return std::unexpected(std::move(done).error());
  if (!member(body, "cachedContent").is_null()) {
    // Of batches this text was seen; that the fields may not stand beside each other is documented.
    if (cached.is_null())
      return refuse("Model " + std::string(model) +
                    " does not support cached content with batch prediction.");
    for (const auto* name : {"systemInstruction", "tools", "toolConfig"})
      if (!member(body, name).is_null())
        return refuse(
            "CachedContent can not be used with GenerateContent request setting "
            "system_instruction, tools or tool_config. Proposed fix: move those values to "
            "CachedContent from GenerateContent request.");
  }
  for (auto check : {check_system(body), check_contents(body, model), check_tools(body)})
    if (!check) return std::unexpected(std::move(check).error());
  if (auto done = read_choice(request); !done) return std::unexpected(std::move(done).error());
  if (auto done = read_config(request); !done) return std::unexpected(std::move(done).error());
  return request;
}

}  // namespace weir::sim::gemini_shape
