// Ready-made bodies of any shape: listing their blocks never fails for an object, what is called
// markable can be marked, the marked body is JSON, says so when it is listed again, and has the
// same blocks.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "json/value.h"
#include "provider/anthropic_dialect.h"
#include "provider/openai_chat_dialect.h"
#include "provider/openai_responses_dialect.h"

namespace {
using namespace weir;

constexpr provider::openai_chat::Options kChat{
    .provider = "fuzz", .breakpoints = true, .errors = {}};

void must(bool held) {
  if (!held) std::abort();
}

Result<provider::RawBlocks> blocks_of(const llm::RawBody& raw) {
  if (raw.dialect == llm::Dialect::kOpenAIResponses)
    return provider::openai_responses::raw_blocks(kChat, raw);
  return raw.dialect == llm::Dialect::kOpenAIChat ? provider::openai_chat::raw_blocks(kChat, raw)
                                                  : provider::anthropic_dialect::raw_blocks(raw);
}

Result<std::string> encoded(const llm::RawBody& raw) {
  llm::Request in;
  in.model = "m";
  in.cache = llm::CachePolicy::kMarked;
  in.raw = raw;
  if (raw.dialect == llm::Dialect::kOpenAIChat)
    return provider::openai_chat::encode_body(kChat, in, llm::Route::kSync);
  if (raw.dialect == llm::Dialect::kOpenAIResponses)
    return provider::openai_responses::encode_body(kChat, in, llm::Route::kSync);
  std::string out;
  WEIR_CHECK(provider::anthropic_dialect::append_body(in, out));
  return out;
}

void check(llm::RawBody raw, json::Value root) {
  const auto listed = blocks_of(raw);
  must(listed.has_value() == root.is_object());
  if (!listed || listed->own_marks) return;
  for (std::uint32_t i = 0; i < listed->blocks.size() && raw.marks.size() < 4; ++i)
    if (listed->blocks[i].markable) raw.marks.push_back({i});
  const auto patched = encoded(raw);
  // A chat body (or a Responses body) that repeats a key, or that streams, is refused in any case.
  if (!patched) return must(raw.dialect != llm::Dialect::kAnthropicMessages);
  json::Parser parser;
  must(parser.parse(*patched).has_value());
  const auto again = blocks_of({raw.dialect, *patched});
  must(again.has_value());
  must(raw.marks.empty() || again->own_marks);
  must(again->blocks.size() == listed->blocks.size());
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  json::Parser parser;
  const auto root = parser.parse(bytes);
  for (const auto dialect : {llm::Dialect::kAnthropicMessages, llm::Dialect::kOpenAIChat,
                             llm::Dialect::kOpenAIResponses}) {
    if (root) check({dialect, bytes}, *root);
    else (void)blocks_of({dialect, bytes});  // never reads past the end, even of what is no JSON
  }
  return 0;
}
