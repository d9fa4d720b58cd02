#include "llm/check.h"

#include <fmt/format.h>

#include "json/value.h"

namespace weir::llm {
namespace {

bool is_object(json::Parser& parser, std::string_view text) {
  const auto value = parser.parse(text);
  return value && value->is_object();
}

std::unexpected<Error> wrong(std::size_t message, std::string_view what, std::string hint) {
  return fail(ErrorKind::kInvalidArgument, fmt::format("message {}: {}", message + 1, what),
              std::move(hint));
}

Result<void> check_image(const Image& image, std::size_t message) {
  const bool whole = !image.data.empty() && !image.media_type.empty();
  const bool none = image.data.empty() && image.media_type.empty();
  if (image.url.empty() ? whole : none) return {};
  return wrong(message, "an image has neither its data nor a URL, or both",
               "give base64 data with its media type, or a URL");
}

Result<void> check_block(const Block& block, Role role, std::size_t message, json::Parser& parser) {
  const int things = (block.text.empty() ? 0 : 1) + (block.image ? 1 : 0) +
                     (block.tool_call ? 1 : 0) + (block.tool_result ? 1 : 0);
  if (things > 1)
    return wrong(message, "a block is several things at once", "make a block of each");
  if (block.tool_call) {
    if (role != Role::kAssistant)
      return wrong(message, "a tool call stands in a message of the user",
                   "tool calls are the assistant's");
    if (!is_object(parser, block.tool_call->arguments_json))
      return wrong(message, "the arguments of a tool call are no JSON object",
                   "of a call without arguments they are {}");
  }
  if ((block.image || block.tool_result) && role != Role::kUser)
    return wrong(message, "an image or a tool result stands in a message of the assistant",
                 "images and tool results are the user's");
  return block.image ? check_image(*block.image, message) : Result<void>();
}

Result<void> check_message(const Message& from, std::size_t message, json::Parser& parser) {
  bool other = false;
  for (const auto& block : from.content) {
    WEIR_CHECK(check_block(block, from.role, message, parser));
    if (block.tool_result && other)
      return wrong(message, "a tool result stands behind another part",
                   "put the tool results first");
    other |= !block.tool_result;
  }
  return {};
}

}  // namespace

Result<void> check_parts(const Request& request) {
  if (request.raw) return {};
  json::Parser parser;
  for (std::size_t i = 0; i < request.tools.size(); ++i)
    if (!is_object(parser, request.tools[i].parameters_json))
      return fail(ErrorKind::kInvalidArgument,
                  fmt::format("the parameters of tool {} are no JSON object", i + 1),
                  "of a tool without parameters they are {\"type\":\"object\",\"properties\":{}}");
  for (const auto& block : request.system)
    if (!block.is_text())
      return fail(ErrorKind::kInvalidArgument, "the system prompt holds something that is no text",
                  "put images, tool calls and tool results into messages");
  for (std::size_t i = 0; i < request.messages.size(); ++i)
    WEIR_CHECK(check_message(request.messages[i], i, parser));
  return {};
}

}  // namespace weir::llm
