#include "engine/content_state.h"

#include <array>
#include <cstdlib>

#include "json/value.h"
#include "json/write.h"

namespace weir::engine {
namespace {

constexpr std::int64_t kContentVersion = 1;
constexpr std::array<std::string_view, 4> kContentPhases{"creating", "ready", "deleting", "gone"};

std::unexpected<Error> unreadable() {
  return fail(ErrorKind::kInternal, "the stored cached content cannot be read",
              "it was written by a newer Weir, or the store is damaged; begin again with "
              "--restart");
}

}  // namespace

std::string_view to_string(ContentPhase phase) {
  return kContentPhases.at(static_cast<std::size_t>(phase));
}

std::string ContentState::display_name() const { return "weir-" + attempt.text(); }

std::string ContentState::encode() const {
  json::Writer w;
  const auto count = [&](std::string_view key, std::uint64_t value) {
    w.field(key, static_cast<std::int64_t>(value));
  };
  const auto time = [&](std::string_view key, Time value) { w.field(key, unix_micros(value)); };
  w.begin_object().field("v", kContentVersion);
  count("number", number);
  w.field("phase", to_string(phase)).field("attempt", attempt.text());
  count("create_sequence", create_sequence);
  count("store_sequence", store_sequence);
  count("head_messages", head_messages);
  count("head_bytes", head_bytes);
  // 64 bits do not fit into a JSON integer of everybody's.
  w.field("head_hash", std::to_string(head_hash)).field("ttl_us", ttl.count());
  time("begun_at", begun_at);
  time("lives_until", lives_until);
  w.field("ceiling", ceiling.pico).field("name", name).field("tokens", tokens.count);
  w.field("counted", counted);
  time("created", created);
  time("expires", expires);
  if (extended_to) time("extended_to", *extended_to);
  w.field("delete_sent", delete_sent);
  count("reads", reads);
  w.field("written", written.pico).field("stored", stored.pico).field("reason", reason);
  return w.end_object().take();
}

Result<ContentState> ContentState::decode(std::string_view text) {
  json::Parser parser;
  const auto parsed = parser.parse(text);
  if (!parsed || (*parsed)["v"].integer_or(0) != kContentVersion) return unreadable();
  const auto v = *parsed;
  const auto count = [&](std::string_view key) {
    return static_cast<std::uint64_t>(v[key].integer_or(0));
  };
  const auto time = [&](std::string_view key) { return from_unix_micros(v[key].integer_or(0)); };
  const auto attempt = AttemptId::parse(v["attempt"].string_or(""));
  if (!attempt) return unreadable();
  ContentState out;
  out.number = count("number");
  const auto phase = v["phase"].string_or("");
  for (std::size_t i = 0; i < kContentPhases.size(); ++i)
    if (kContentPhases[i] == phase) out.phase = static_cast<ContentPhase>(i);
  out.attempt = *attempt;
  out.create_sequence = count("create_sequence");
  out.store_sequence = count("store_sequence");
  out.head_messages = static_cast<std::uint32_t>(count("head_messages"));
  out.head_bytes = count("head_bytes");
  out.head_hash = std::strtoull(v["head_hash"].string_or("").c_str(), nullptr, 10);
  out.ttl = Duration(v["ttl_us"].integer_or(0));
  out.begun_at = time("begun_at");
  out.lives_until = time("lives_until");
  out.ceiling = {v["ceiling"].integer_or(0)};
  out.name = v["name"].string_or("");
  out.tokens = {v["tokens"].integer_or(0)};
  out.counted = v["counted"].boolean().value_or(true);
  out.created = time("created");
  out.expires = time("expires");
  if (v.find("extended_to")) out.extended_to = time("extended_to");
  out.delete_sent = v["delete_sent"].boolean().value_or(false);
  out.reads = count("reads");
  out.written = {v["written"].integer_or(0)};
  out.stored = {v["stored"].integer_or(0)};
  out.reason = v["reason"].string_or("");
  return out;
}

}  // namespace weir::engine
