#pragma once
// The parts of a Messages body that come from provider-neutral values, for append_body() alone. What is written has passed
// check_request(); keys stand in one fixed order. Pure, thread-safe. Docs (not yet checked):
// https://platform.claude.com/docs/en/agents-and-tools/tool-use/implement-tool-use
// https://platform.claude.com/docs/en/build-with-claude/vision
#include <vector>

#include "base/result.h"
#include "json/write.h"
#include "llm/types.h"

namespace weir::provider::anthropic_dialect {

/// @error kInvalidArgument, kUnsupported as append_body says of requests that are no raw bodies.
Result<void> check_request(const llm::Request& request);

/// `"tools":[…],"tool_choice":{…}`; nothing where there are none.
void write_tools(json::Writer& writer, const llm::Request& request);

/// The value of a content: a string when it is one unmarked text, else an array of blocks.
void write_content(json::Writer& writer, const std::vector<llm::Block>& blocks);

}  // namespace weir::provider::anthropic_dialect
