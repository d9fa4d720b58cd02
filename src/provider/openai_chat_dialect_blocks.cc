// Cache breakpoints of ready-made chat bodies: what the blocks are, and how markers get in. Doc:
// https://developers.openai.com/api/docs/guides/prompt-caching (checked 2026-11-23)
#include <fmt/format.h>

#include "base/hash.h"
#include "json/scan.h"
#include "provider/openai_chat_dialect.h"
#include "provider/raw_listing.h"

namespace weir::provider::openai_chat {
namespace {

constexpr std::string_view kMarker = "prompt_cache_breakpoint";

// What the top level says, apart from the messages.
struct Root {
  json::Found messages;
  std::uint64_t hash = 0;   // of what keeps prefixes apart
  std::uint64_t bytes = 0;  // of what stands before the messages
  bool own_marks = false;
};

// "tools, tool order, structured output schema, reasoning effort, verbosity, service tier,
// prompt_cache_key" keep prefixes apart, and so may members that we do not know. Sampling, limits
// and bookkeeping are no part of the prompt.
Root read_root(std::string_view body, json::Span span) {
  Root root;
  json::for_each_member(body, span, [&](std::string_view key, json::Span value) {
    const auto raw = json::raw_at(body, value);
    if (json::spells(key, "messages")) {
      if (!root.messages.value) {
        root.messages.value = value;
        return;
      }
      root.messages.repeated = true;
    }
    if (raw == "null" ||
        is_one_of(key, {"model", "max_tokens", "max_completion_tokens", "temperature", "top_p", "n",
                        "stop", "stream", "stream_options", "seed", "user", "safety_identifier",
                        "metadata", "store", "logprobs", "top_logprobs", "logit_bias",
                        "frequency_penalty", "presence_penalty"}))
      return;
    if (is_one_of(key, {"prompt_cache_options", "prompt_cache_retention"})) {
      root.own_marks = true;
      return;
    }
    if (is_one_of(key, {"tools", "functions", "response_format"})) root.bytes += value.length;
    root.hash += member_hash(key, raw);
  });
  return root;
}

bool has_marker(std::string_view body, json::Span messages) {
  bool found = false;
  json::for_each_key(body, messages, [&](std::string_view key, std::size_t at) {
    found |= json::spells(key, kMarker) && !body.substr(at).starts_with("null");
    return true;
  });
  return found;
}

bool may_mark_part(const RawBlockLook& look) {
  return json::spells(look.type, "text") && says_something(look.text);
}

// The format has markers on the parts of an assistant's text too, but the models keep none behind
// their own output; a `function` message takes no parts.
bool may_mark_role(std::string_view role) {
  return is_one_of(role, {"system", "developer", "user", "tool"});
}

void list_message(std::string_view body, json::Span message, bool breakpoints, RawLister& lister) {
  json::Found content;
  std::uint64_t rest = hash64("message"), extra_bytes = 0;
  bool markable_role = false;
  json::for_each_member(body, message, [&](std::string_view key, json::Span value) {
    const auto raw = json::raw_at(body, value);
    if (json::spells(key, "content") && !content.value) {
      content.value = value;
      return;
    }
    content.repeated |= json::spells(key, "content");
    if (raw == "null") return;
    if (json::spells(key, "role")) markable_role = may_mark_role(raw);
    if (!is_one_of(key, {"role", "name", "tool_call_id"})) extra_bytes += value.length;
    rest += member_hash(key, raw);
  });
  const std::size_t before = lister.size();
  lister.mix(rest);  // two messages are not one of the same parts
  const bool plain = breakpoints && markable_role && !content.repeated;
  if (content.value && json::raw_at(body, *content.value) != "null")
    lister.add_content(*content.value, rest, plain ? may_mark_part : nullptr);
  // Tool calls and the like are part of the prompt, behind the content.
  if (extra_bytes > 0 || lister.size() == before)
    lister.add_plain(message, rest, extra_bytes > 0 ? extra_bytes : message.length);
}

RawListing list_blocks(const Options& options, std::string_view body, json::Span span) {
  const Root root = read_root(body, span);
  RawLister lister(body, kMarker);
  lister.mix(root.hash);
  // Tools and the schema of the answer stand before the messages, and cannot be marked.
  if (root.bytes > 0) lister.add_plain({span.offset, 0}, hash64("tools"), root.bytes);
  if (root.own_marks || (root.messages.value && has_marker(body, *root.messages.value)))
    lister.own_marks();
  if (root.messages.value) {
    const std::size_t before = lister.size();
    json::for_each_element(body, *root.messages.value, [&](json::Span message) {
      list_message(body, message, options.breakpoints, lister);
    });
    if (lister.size() == before) lister.add_plain(*root.messages.value, hash64("messages"));
  }
  return lister.finish(root.messages.repeated);
}

Result<RawListing> listing_of(const Options& options, const llm::RawBody& raw) {
  WEIR_CHECK(check_dialect(options, raw));
  WEIR_TRY(const json::Span root, raw_root(raw.bytes));
  return list_blocks(options, raw.bytes, root);
}

}  // namespace

Result<void> check_dialect(const Options& options, const llm::RawBody& raw) {
  if (raw.dialect == llm::Dialect::kOpenAIChat) return {};
  return fail(ErrorKind::kUnsupported,
              fmt::format("a ready-made body of the {} format cannot go to {}",
                          llm::to_string(raw.dialect), options.provider),
              "send it to a provider of that format, or give a prompt template instead");
}

Result<void> check_ttl(const Options& options, llm::CacheTtl ttl) {
  if (!options.breakpoints)
    return fail(ErrorKind::kUnsupported,
                fmt::format("{} has no cache breakpoints in its format", options.provider),
                "leave the marks out: it caches by itself, or not at all");
  if (ttl == llm::CacheTtl::k1h)
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("{} keeps a marked prefix 30 minutes, not 1h", options.provider),
                "use the default TTL");
  return {};
}

// The only lifetime the format knows (checked 2026-11-23) is 30m: a written prefix lives 30 minutes
// after its last use. kSuppressed: explicit mode without a marker is how the provider's own
// (charged) writes are switched off.
std::string_view cache_options_json(llm::CachePolicy policy) {
  switch (policy) {
    case llm::CachePolicy::kUntouched: return {};
    case llm::CachePolicy::kMarked: return R"({"mode":"explicit","ttl":"30m"})";
    case llm::CachePolicy::kSuppressed: return R"({"mode":"explicit"})";
  }
  return {};
}

Result<RawBlocks> raw_blocks(const Options& options, const llm::RawBody& raw) {
  WEIR_TRY(RawListing listing, listing_of(options, raw));
  return std::move(listing.listed);
}

// "prompt_cache_breakpoint":{"mode":"explicit"} on the part, "prompt_cache_options" at the top.
Result<void> append_cache_edits(const Options& options, const llm::RawBody& raw,
                                llm::CachePolicy policy, std::vector<json::Edit>& edits) {
  const bool suppressed = policy == llm::CachePolicy::kSuppressed;
  if (raw.marks.empty() && !(suppressed && options.breakpoints)) return {};
  for (const auto& mark : raw.marks) WEIR_CHECK(check_ttl(options, mark.ttl));
  WEIR_TRY(const RawListing listing, listing_of(options, raw));
  if (raw.marks.empty() && listing.listed.own_marks) return {};
  WEIR_TRY(const auto marks, ordered_marks(listing, raw.marks, kBreakpointsMax));
  if (!suppressed)
    for (const auto& mark : marks)
      append_marker(raw.bytes, listing.places[mark.block], kMarker, R"({"mode":"explicit"})",
                    edits);
  const auto cache_options = cache_options_json(policy);
  if (cache_options.empty()) return {};
  auto edit = json::set_member(raw.bytes, {}, "prompt_cache_options", cache_options);
  WEIR_ASSERT(edit.has_value());  // listed as an object above
  edits.push_back(*std::move(edit));
  return {};
}

}  // namespace weir::provider::openai_chat
