// Cache breakpoints of ready-made Responses bodies: what the blocks are, and how markers get in. Breakpoints stand on
// input_text, input_image and input_file parts, never on tools or instructions. Doc:
// https://developers.openai.com/api/docs/guides/prompt-caching (checked 2026-11-27)
#include <fmt/format.h>

#include "base/hash.h"
#include "json/scan.h"
#include "provider/openai_responses_dialect.h"
#include "provider/raw_listing.h"

namespace weir::provider::openai_responses {
namespace {

constexpr std::string_view kMarker = "prompt_cache_breakpoint";

// What the top level says, apart from the input.
struct Root {
  json::Found input;
  std::uint64_t hash = 0;   // of what keeps prefixes apart
  std::uint64_t bytes = 0;  // of what stands before the input
  bool own_marks = false;
};

// As in chat completions: what is no part of the prompt keeps nothing apart, and what we do not know does.
Root read_root(std::string_view body, json::Span span) {
  Root root;
  json::for_each_member(body, span, [&](std::string_view key, json::Span value) {
    const auto raw = json::raw_at(body, value);
    if (json::spells(key, "input")) {
      if (!root.input.value) {
        root.input.value = value;
        return;
      }
      root.input.repeated = true;
    }
    if (raw == "null" ||
        is_one_of(key, {"model", "max_output_tokens", "max_tool_calls", "temperature", "top_p",
                        "stream", "stream_options", "user", "safety_identifier", "metadata",
                        "store", "include", "top_logprobs", "truncation", "background"}))
      return;
    if (is_one_of(key, {"prompt_cache_options", "prompt_cache_retention"})) {
      root.own_marks = true;
      return;
    }
    if (is_one_of(key, {"tools", "text", "instructions"})) root.bytes += value.length;
    root.hash += member_hash(key, raw);
  });
  return root;
}

bool has_marker(std::string_view body, json::Span input) {
  bool found = false;
  json::for_each_key(body, input, [&](std::string_view key, std::size_t at) {
    found |= json::spells(key, kMarker) && !body.substr(at).starts_with("null");
    return true;
  });
  return found;
}

bool may_mark_part(const RawBlockLook& look) {
  return json::spells(look.type, "input_text") && says_something(look.text);
}

// An item of the input: a message with its content, a function's output, or something that is one block.
struct Item {
  std::string_view content_key;  // empty: none
  bool markable = false;
};
Item item_of(std::string_view body, json::Span span) {
  const auto found =
      json::find_members(body, span, std::array<std::string_view, 2>{"type", "role"});
  const auto token = [&](const json::Found& member) {
    return member.value ? json::raw_at(body, *member.value) : std::string_view();
  };
  const auto type = token(found[0]);
  if (type.empty() || json::spells(type, "message"))
    return {.content_key = "content",
            .markable = is_one_of(token(found[1]), {"system", "developer", "user"})};
  if (json::spells(type, "function_call_output"))
    return {.content_key = "output", .markable = true};
  return {};
}

void list_item(std::string_view body, json::Span span, bool breakpoints, RawLister& lister) {
  const Item item = item_of(body, span);
  if (item.content_key.empty()) return lister.add_plain(span, hash64("item"));
  json::Found content;
  std::uint64_t rest = hash64("item");
  json::for_each_member(body, span, [&](std::string_view key, json::Span value) {
    const auto raw = json::raw_at(body, value);
    if (json::spells(key, item.content_key) && !content.value) {
      content.value = value;
      return;
    }
    content.repeated |= json::spells(key, item.content_key);
    if (raw != "null") rest += member_hash(key, raw);
  });
  const std::size_t before = lister.size();
  lister.mix(rest);  // two items are not one of the same parts
  const bool plain = breakpoints && item.markable && !content.repeated;
  if (content.value && json::raw_at(body, *content.value) != "null")
    lister.add_content(*content.value, rest, plain ? may_mark_part : nullptr);
  if (lister.size() == before) lister.add_plain(span, rest);
}

RawListing list_blocks(const Options& options, std::string_view body, json::Span span) {
  const Root root = read_root(body, span);
  RawLister lister(body, kMarker);
  lister.mix(root.hash);
  if (root.bytes > 0) lister.add_plain({span.offset, 0}, hash64("instructions"), root.bytes);
  if (root.own_marks || (root.input.value && has_marker(body, *root.input.value)))
    lister.own_marks();
  if (root.input.value) {
    const std::size_t before = lister.size();
    json::for_each_element(body, *root.input.value, [&](json::Span item) {
      list_item(body, item, options.breakpoints, lister);
    });
    // One text as the whole input: nothing is shared behind it.
    if (lister.size() == before) lister.add_plain(*root.input.value, hash64("input"));
  }
  return lister.finish(root.input.repeated);
}

Result<RawListing> listing_of(const Options& options, const llm::RawBody& raw) {
  WEIR_CHECK(openai_responses::check_dialect(options, raw));
  WEIR_TRY(const json::Span root, raw_root(raw.bytes));
  return list_blocks(options, raw.bytes, root);
}

}  // namespace

Result<void> check_dialect(const Options& options, const llm::RawBody& raw) {
  if (raw.dialect == llm::Dialect::kOpenAIResponses) return {};
  return fail(ErrorKind::kUnsupported,
              fmt::format("a ready-made body of the {} format cannot go to the Responses API of {}",
                          llm::to_string(raw.dialect), options.provider),
              "send it to an API of that format, or give a prompt template instead");
}

Result<RawBlocks> raw_blocks(const Options& options, const llm::RawBody& raw) {
  WEIR_TRY(RawListing listing, listing_of(options, raw));
  return std::move(listing.listed);
}

Result<void> append_cache_edits(const Options& options, const llm::RawBody& raw,
                                llm::CachePolicy policy, std::vector<json::Edit>& edits) {
  const bool suppressed = policy == llm::CachePolicy::kSuppressed;
  if (raw.marks.empty() && !(suppressed && options.breakpoints)) return {};
  for (const auto& mark : raw.marks) WEIR_CHECK(openai_chat::check_ttl(options, mark.ttl));
  WEIR_TRY(const RawListing listing, listing_of(options, raw));
  if (raw.marks.empty() && listing.listed.own_marks) return {};
  WEIR_TRY(const auto marks, ordered_marks(listing, raw.marks, openai_chat::kBreakpointsMax));
  if (!suppressed)
    for (const auto& mark : marks)
      append_marker(raw.bytes, listing.places[mark.block], kMarker, R"({"mode":"explicit"})", edits,
                    "input_text");
  const auto cache_options = openai_chat::cache_options_json(policy);
  if (cache_options.empty()) return {};
  auto edit = json::set_member(raw.bytes, {}, "prompt_cache_options", cache_options);
  WEIR_ASSERT(edit.has_value());  // listed as an object above
  edits.push_back(*std::move(edit));
  return {};
}

}  // namespace weir::provider::openai_responses
