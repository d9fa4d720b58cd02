// Cache breakpoints of ready-made Messages bodies: what the blocks are, and how markers get in.
// What invalidates which part of a prefix, and what may be marked, is the provider's table:
// https://platform.claude.com/docs/en/build-with-claude/prompt-caching (checked 2026-11-23)
#include <fmt/format.h>

#include <array>

#include "base/hash.h"
#include "json/scan.h"
#include "provider/anthropic_dialect.h"
#include "provider/raw_listing.h"

namespace weir::provider::anthropic_dialect {
namespace {

constexpr std::string_view kMarker = "cache_control";

// What the top level says, apart from the blocks.
struct Root {
  json::Found tools, system, messages;
  std::uint64_t all = 0;           // hash of what starts the cache over
  std::uint64_t message_part = 0;  // of what invalidates the message part only
  bool own_marks = false;
  bool odd = false;  // a part stands twice
};

// Facts that are found anywhere in the blocks, but change the prefix from further ahead.
struct Facts {
  bool own_marks = false;
  bool citations = false;  // "Enabling/disabling citations modifies the system prompt"
  bool images = false;     // "Adding/removing images anywhere in the prompt affects message blocks"
};

// Changing thinking or effort starts the cache over on models that render them ahead of the tools,
// and so may members that we do not know; tool_choice affects messages only. Sampling, limits and
// bookkeeping are no part of the prompt.
Root read_root(std::string_view body, json::Span span) {
  Root root;
  const auto part = [&](json::Found& found, std::string_view key, json::Span value) {
    if (!found.value) {
      found.value = value;
      return;
    }
    root.odd = true;
    root.all += member_hash(key, json::raw_at(body, value));
  };
  json::for_each_member(body, span, [&](std::string_view key, json::Span value) {
    const auto raw = json::raw_at(body, value);
    if (json::spells(key, "tools")) return part(root.tools, key, value);
    if (json::spells(key, "system")) return part(root.system, key, value);
    if (json::spells(key, "messages")) return part(root.messages, key, value);
    if (raw == "null" || is_one_of(key, {"model", "max_tokens", "temperature", "top_p", "top_k",
                                         "stop_sequences", "stream", "metadata", "service_tier"}))
      return;
    if (json::spells(key, kMarker)) root.own_marks = true;
    else if (json::spells(key, "tool_choice")) root.message_part += member_hash(key, raw);
    else root.all += member_hash(key, raw);
  });
  return root;
}

// Schemas and the inputs of tools are the caller's own data: a key of theirs is no marker.
void read_facts(std::string_view body, json::Span part, Facts& facts) {
  bool in_citations = false;
  json::for_each_key(body, part, [&](std::string_view key, std::size_t at) {
    const auto value = body.substr(at);
    if (json::spells(key, kMarker) && !value.starts_with("null")) facts.own_marks = true;
    // {"type":"document", …, "citations":{"enabled":true}}
    if (in_citations && json::spells(key, "enabled") && value.starts_with("true"))
      facts.citations = true;
    in_citations = json::spells(key, "citations") && value.starts_with('{');
    if (json::spells(key, "type") && value.starts_with('"') &&
        json::spells(json::Scanner(body, at).string(), "image"))
      facts.images = true;
    return !is_one_of(key, {"input", "input_schema", "input_examples"});
  });
}

// Tools that are not in the prefix cannot end it. What has no name is a set of tools, whose own
// settings say which of them are in it: it stays unmarked.
bool may_mark_tool(const RawBlockLook& look) {
  return says_something(look.name) && (look.defer_loading.empty() || look.defer_loading == "false");
}

bool may_mark_text(const RawBlockLook& look) {
  return json::spells(look.type, "text") && says_something(look.text);
}

// Thinking blocks cannot be marked; of kinds that we do not know, nothing is known.
bool may_mark_content(const RawBlockLook& look) {
  if (json::spells(look.type, "text")) return says_something(look.text);
  if (json::spells(look.type, "tool_result"))
    return says_something(look.content) || has_elements(look.content);
  return is_one_of(look.type, {"image", "document", "search_result", "tool_use"});
}

void list_messages(std::string_view body, json::Span messages, RawLister& lister) {
  json::for_each_element(body, messages, [&](json::Span message) {
    json::Found content;
    std::uint64_t rest = hash64("message");
    bool known_role = false;
    json::for_each_member(body, message, [&](std::string_view key, json::Span value) {
      const auto raw = json::raw_at(body, value);
      if (json::spells(key, "content") && !content.value) {
        content.value = value;
        return;
      }
      content.repeated |= json::spells(key, "content");
      if (json::spells(key, "role")) known_role = is_one_of(raw, {"user", "assistant", "system"});
      rest += member_hash(key, raw);
    });
    const bool plain = known_role && !content.repeated;
    const std::size_t before = lister.size();
    lister.mix(rest);  // two messages are not one of the same blocks
    if (content.value) lister.add_content(*content.value, rest, plain ? may_mark_content : nullptr);
    if (lister.size() == before) lister.add_plain(message, rest);
  });
}

RawListing list_blocks(std::string_view body, json::Span span) {
  const Root root = read_root(body, span);
  Facts facts{.own_marks = root.own_marks};
  for (const auto& part : {root.tools, root.system, root.messages})
    if (part.value) read_facts(body, *part.value, facts);
  RawLister lister(body, kMarker);
  if (facts.own_marks) lister.own_marks();
  lister.mix(root.all);
  if (root.tools.value) {
    const std::uint64_t seed = hash64("tool");
    json::for_each_element(body, *root.tools.value,
                           [&](json::Span tool) { lister.add_block(tool, seed, may_mark_tool); });
    if (!json::raw_at(body, *root.tools.value).starts_with('['))
      lister.add_plain(*root.tools.value, seed);
  }
  lister.mix(facts.citations ? 1 : 0);
  if (root.system.value) lister.add_content(*root.system.value, hash64("system"), may_mark_text);
  lister.mix(mixed(root.message_part, facts.images ? 1 : 0));
  if (root.messages.value) {
    const std::size_t before = lister.size();
    list_messages(body, *root.messages.value, lister);
    if (lister.size() == before) lister.add_plain(*root.messages.value, hash64("messages"));
  }
  return lister.finish(root.odd);
}

Result<RawListing> listing_of(const llm::RawBody& raw) {
  WEIR_CHECK(check_dialect(raw));
  WEIR_TRY(const json::Span root, raw_root(raw.bytes));
  return list_blocks(raw.bytes, root);
}

}  // namespace

Result<RawBlocks> raw_blocks(const llm::RawBody& raw) {
  WEIR_TRY(RawListing listing, listing_of(raw));
  return std::move(listing.listed);
}

// "cache_control":{"type":"ephemeral","ttl":"1h"}
Result<void> append_mark_edits(const llm::RawBody& raw, std::vector<json::Edit>& edits) {
  WEIR_TRY(const RawListing listing, listing_of(raw));
  WEIR_TRY(const auto marks, ordered_marks(listing, raw.marks, kBreakpointsMax));
  bool short_seen = false;
  for (const auto& mark : marks) {
    const auto ttl = written_ttl(mark.ttl);
    if (short_seen && ttl == llm::CacheTtl::k1h)
      return fail(ErrorKind::kInvalidArgument, "a 1h cache breakpoint stands after a 5m one",
                  "put the longer TTL first, or use one TTL");
    short_seen |= ttl == llm::CacheTtl::k5m;
    append_marker(raw.bytes, listing.places[mark.block], kMarker,
                  fmt::format(R"({{"type":"ephemeral","ttl":"{}"}})", llm::to_string(ttl)), edits);
  }
  return {};
}

}  // namespace weir::provider::anthropic_dialect
