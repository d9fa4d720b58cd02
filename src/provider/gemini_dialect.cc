// Encoding. Key order is fixed and part of the contract: the same request must give the same bytes,
// or no prefix is ever found in a cache and no retry is the same request.
#include "provider/gemini_dialect.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "json/write.h"
#include "llm/check.h"

namespace weir::provider::gemini {

std::string seconds_text(Duration duration) {
  return fmt::format("{}s", std::chrono::ceil<std::chrono::seconds>(duration).count());
}

namespace {

// The documented signature of calls that no Gemini model made. Doc:
// https://ai.google.dev/gemini-api/docs/thought-signatures (checked 2026-11-23)
constexpr std::string_view kForeignSignature = "skip_thought_signature_validator";

// Models before Gemini 3 take no answer format beside tools, and want no signatures.
bool before_gemini_3(std::string_view model) {
  return model.starts_with("gemini-1.") || model.starts_with("gemini-2.");
}

// JSON on one line: a line end between tokens would cut a JSONL line in two.
std::string one_line(std::string_view json) {
  std::string out(json);
  std::ranges::replace_if(out, [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return out;
}

// "https://host/a.PNG?size=1" -> "image/png"; empty where the path does not end as an image does.
std::string_view type_by_ending(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  std::string ending(url.substr(std::min(url.rfind('.'), url.size())));
  std::ranges::transform(ending, ending.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kTypes{
      {{".png", "image/png"},
       {".jpg", "image/jpeg"},
       {".jpeg", "image/jpeg"},
       {".webp", "image/webp"},
       {".heic", "image/heic"},
       {".heif", "image/heif"}}};
  for (const auto& [end, type] : kTypes)
    if (ending == end) return type;
  return {};
}

struct CallId {
  std::string_view id, signature;
};
CallId split_id(std::string_view id) {
  const auto mark = id.find(kSignatureMark);
  if (mark == std::string_view::npos) return {id, {}};
  return {id.substr(0, mark), id.substr(mark + 1)};
}

// The format asks for the name of the function that a result is of; we have its call's id.
struct KnownCall {
  std::string_view id, name;
};

class BodyWriter {
 public:
  BodyWriter(const Options& options, const llm::Request& request)
      : options_(options), request_(request) {}

  Result<std::string> write() {
    out_.begin_object();
    write_system();
    write_tools();
    WEIR_CHECK(write_contents(0, request_.messages.size()));
    write_config();
    out_.end_object();
    return out_.take();
  }

  Result<std::string> write_rest(std::size_t messages, std::string_view content) {
    out_.begin_object().field("cachedContent", content);
    WEIR_CHECK(write_contents(messages, request_.messages.size()));
    write_config();
    out_.end_object();
    return out_.take();
  }

  // {"model":"models/…","displayName":"…","systemInstruction":{…},"tools":[…],"contents":[…],
  // "ttl":"300s"}
  Result<std::string> write_content(const ContentDraft& draft, std::string_view model) {
    out_.begin_object().field("model", model).field("displayName", draft.display_name);
    write_system();
    write_tools();
    if (draft.messages > 0) WEIR_CHECK(write_contents(0, draft.messages));
    out_.field("ttl", seconds_text(draft.ttl)).end_object();
    return out_.take();
  }

 private:
  // "systemInstruction":{"parts":[{"text":"…"}]}
  void write_system() {
    if (request_.system.empty()) return;
    out_.key("systemInstruction").begin_object().key("parts").begin_array();
    write_texts(request_.system);
    out_.end_array().end_object();
  }

  // "tools":[{"functionDeclarations":[{"name":"…","description":"…","parametersJsonSchema":{…}}]}],
  // "toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["…"]}}
  // Doc: https://ai.google.dev/gemini-api/docs/function-calling (checked 2026-11-23)
  void write_tools() {
    if (request_.tools.empty()) return;
    out_.key("tools").begin_array().begin_object().key("functionDeclarations").begin_array();
    for (const auto& tool : request_.tools) {
      out_.begin_object().field("name", tool.name);
      if (!tool.description.empty()) out_.field("description", tool.description);
      out_.key("parametersJsonSchema").raw(one_line(tool.parameters_json)).end_object();
    }
    out_.end_array().end_object().end_array();
    using Kind = llm::ToolChoice::Kind;
    const auto& choice = request_.tool_choice;
    if (choice.kind == Kind::kAuto) return;
    out_.key("toolConfig").begin_object().key("functionCallingConfig").begin_object();
    out_.field("mode", choice.kind == Kind::kNone ? "NONE" : "ANY");
    if (choice.kind == Kind::kNamed)
      out_.key("allowedFunctionNames").begin_array().string(choice.name).end_array();
    out_.end_object().end_object();
  }

  // "contents":[{"role":"user","parts":[…]},{"role":"model","parts":[…]}]
  Result<void> write_contents(std::size_t first, std::size_t end) {
    out_.key("contents").begin_array();
    for (std::size_t i = first; i < end; ++i) {
      const auto& message = request_.messages[i];
      out_.begin_object().field("role", message.role == llm::Role::kUser ? "user" : "model");
      out_.key("parts").begin_array();
      WEIR_CHECK(write_parts(message.content, i + 1));
      out_.end_array().end_object();
    }
    out_.end_array();
    return {};
  }

  Result<void> write_parts(const std::vector<llm::Block>& blocks, std::size_t message) {
    const bool only_texts =
        std::ranges::all_of(blocks, [](const auto& block) { return block.is_text(); });
    if (only_texts) {
      write_texts(blocks);
      return {};
    }
    bool called = false;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      const auto& block = blocks[i];
      if (block.image) {
        WEIR_CHECK(write_image(*block.image));
      } else if (block.tool_call) {
        write_call(*block.tool_call, !called);
        called = true;
      } else if (block.tool_result) {
        WEIR_CHECK(write_result(*block.tool_result, message));
      } else {
        const std::size_t first = i;
        while (i + 1 < blocks.size() && blocks[i].goes_on && blocks[i + 1].is_text()) ++i;
        write_text(blocks, first, i + 1, false);
      }
    }
    return {};
  }

  // Pieces of one text are joined again; an empty part says nothing, and the provider refuses it.
  void write_texts(const std::vector<llm::Block>& blocks) {
    bool any = false;
    for (std::size_t first = 0; first < blocks.size();) {
      std::size_t end = first + 1;
      while (end < blocks.size() && blocks[end - 1].goes_on) ++end;
      any |= write_text(blocks, first, end, !any && end == blocks.size());
      first = end;
    }
  }
  bool write_text(const std::vector<llm::Block>& blocks, std::size_t first, std::size_t end,
                  bool even_empty) {
    std::string text;
    for (std::size_t i = first; i < end; ++i) text += blocks[i].text;
    if (text.empty() && !even_empty) return false;
    out_.begin_object().field("text", text).end_object();
    return true;
  }

  // {"inlineData":{"mimeType":"image/png","data":"…"}}, or {"fileData":{"fileUri":"https://…"}}
  // Doc: https://ai.google.dev/gemini-api/docs/file-input-methods (checked 2026-11-28)
  Result<void> write_image(const llm::Image& image) {
    const auto type = options_.file_types ? type_by_ending(image.url) : std::string_view();
    if (options_.file_types && !image.url.empty() && type.empty())
      return fail(
          ErrorKind::kUnsupported,
          fmt::format("{} wants the type of an image, and its address does not tell it",
                      options_.provider),
          "use an address that ends as .png, .jpg, .jpeg, .webp, .heic or .heif, or give the "
          "image itself");
    out_.begin_object();
    if (image.url.empty()) {
      out_.key("inlineData").begin_object().field("mimeType", image.media_type);
      out_.field("data", image.data).end_object();
    } else {
      out_.key("fileData").begin_object();
      if (!type.empty()) out_.field("mimeType", type);
      out_.field("fileUri", image.url).end_object();
    }
    out_.end_object();
    return {};
  }

  // {"functionCall":{"id":"…","name":"…","args":{…}},"thoughtSignature":"…"}. Of parallel calls only
  // the first has a signature.
  void write_call(const llm::ToolCall& call, bool first) {
    const auto [id, signature] = split_id(call.id);
    calls_.push_back({call.id, call.name});
    out_.begin_object().key("functionCall").begin_object();
    if (options_.call_ids && !id.empty()) out_.field("id", id);
    out_.field("name", call.name).key("args").raw(one_line(call.arguments_json)).end_object();
    if (!signature.empty()) out_.field("thoughtSignature", signature);
    else if (first && !before_gemini_3(request_.model))
      out_.field("thoughtSignature", kForeignSignature);
    out_.end_object();
  }

  // {"functionResponse":{"id":"…","name":"…","response":{"output":"…"}}}; "error" for a failed call.
  Result<void> write_result(const llm::ToolResult& result, std::size_t message) {
    // The latest call of that id: a conversation may use one again.
    const auto call = std::ranges::find(calls_.rbegin(), calls_.rend(), result.tool_call_id,
                                        [](const KnownCall& known) { return known.id; });
    if (call == calls_.rend())
      return fail(ErrorKind::kInvalidArgument,
                  fmt::format("message {}: a tool result answers no call ahead of it", message),
                  fmt::format("{} needs the name of the function: keep the assistant's message "
                              "with the call in the conversation",
                              options_.provider));
    const auto id = split_id(result.tool_call_id).id;
    out_.begin_object().key("functionResponse").begin_object();
    if (options_.call_ids && !id.empty()) out_.field("id", id);
    out_.field("name", call->name).key("response").begin_object();
    out_.field(result.is_error ? "error" : "output", result.text);
    out_.end_object().end_object().end_object();
    return {};
  }

  // "generationConfig":{"temperature":0,"topP":1,"maxOutputTokens":9,"stopSequences":["…"],
  // "seed":7,"responseMimeType":"application/json","responseJsonSchema":{…}}
  // Doc: https://ai.google.dev/gemini-api/docs/structured-output (checked 2026-11-23)
  void write_config() {
    const auto& r = request_;
    if (!r.temperature && !r.top_p && !r.output_max && r.stop.empty() && !r.seed && !r.format)
      return;
    out_.key("generationConfig").begin_object();
    if (r.temperature) out_.key("temperature").number(*r.temperature);
    if (r.top_p) out_.key("topP").number(*r.top_p);
    if (r.output_max) out_.field("maxOutputTokens", r.output_max->count);
    if (!r.stop.empty()) {
      out_.key("stopSequences").begin_array();
      for (const auto& stop : r.stop) out_.string(stop);
      out_.end_array();
    }
    if (r.seed) out_.field("seed", *r.seed);
    if (r.format) {
      out_.field("responseMimeType", "application/json");
      out_.key("responseJsonSchema").raw(one_line(r.format->schema_json));
    }
    out_.end_object();
  }

  const Options& options_;
  const llm::Request& request_;
  json::Writer out_;
  std::vector<KnownCall> calls_;
};

Result<void> check_request(const Options& options, const llm::Request& request) {
  const auto none = [&](std::string_view what, std::string hint) {
    return fail(ErrorKind::kUnsupported, fmt::format("{} {}", options.provider, what),
                std::move(hint));
  };
  if (request.model.empty()) return fail(ErrorKind::kInvalidArgument, "the request names no model");
  if (request.raw)
    return none(
        fmt::format("does not take ready-made bodies of {}", llm::to_string(request.raw->dialect)),
        "give the request as messages");
  WEIR_CHECK(llm::check_parts(request));
  if (llm::has_marks(request))
    return none("has no cache breakpoints", "leave the marks out: it caches by itself");
  if (request.stop.size() > kStopsMax)
    return none(fmt::format("takes at most {} stop sequences", kStopsMax), "leave some out");
  using Seed = std::numeric_limits<std::int32_t>;
  if (request.seed && (*request.seed < Seed::min() || *request.seed > Seed::max()))
    return none("takes a seed of 32 bits", "use a smaller seed");
  if (request.tools.empty() && request.tool_choice.kind != llm::ToolChoice::Kind::kAuto)
    return fail(ErrorKind::kInvalidArgument, "the request chooses a tool, but has none",
                "give the tools, or leave the choice out");
  if (!request.tools.empty() && request.format && before_gemini_3(request.model))
    return none(fmt::format("model {} takes no answer format beside tools", request.model),
                "use a model of Gemini 3 or later, or leave one of them out");
  return {};
}

}  // namespace

Result<std::string> encode_body(const Options& options, const llm::Request& request) {
  WEIR_CHECK(check_request(options, request));
  return BodyWriter(options, request).write();
}

Result<std::string> encode_rest(const Options& options, const llm::Request& request,
                                std::size_t messages, std::string_view content) {
  WEIR_CHECK(check_request(options, request));
  return BodyWriter(options, request).write_rest(messages, content);
}

Result<std::string> encode_content(const Options& options, const ContentDraft& draft,
                                   std::string_view model) {
  return BodyWriter(options, draft.head).write_content(draft, model);
}

}  // namespace weir::provider::gemini
