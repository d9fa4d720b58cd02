#include "sim/gemini_shape/cached_contents.h"

#include <algorithm>
#include <charconv>

#include "http/url.h"
#include "json/write.h"
#include "sim/json_reply.h"

namespace weir::sim::gemini_shape {
namespace {

using std::chrono::seconds;

// Doc: the default of an hour, https://ai.google.dev/gemini-api/docs/caching
constexpr seconds kLifeUsual{3600};
constexpr std::size_t kContentsPage = 50, kContentsPageMax = 1000;
constexpr std::size_t kDisplayNameMax = 128;

// "300s", "3.5s"
std::optional<Duration> duration_of(std::string_view text) {
  if (!text.ends_with('s')) return std::nullopt;
  text.remove_suffix(1);
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || code != std::errc() || end != text.data() + text.size() || !(value > 0) ||
      value > 1e9)
    return std::nullopt;
  return Duration(static_cast<std::int64_t>(value * 1e6));
}

// What stands behind the last "models/" or "cachedContents/".
std::string_view behind(std::string_view name, std::string_view collection) {
  const auto at = name.rfind(collection);
  return at == std::string_view::npos ? std::string_view() : name.substr(at + collection.size());
}

std::size_t number_in(std::string_view text, std::size_t otherwise) {
  std::size_t out = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), out);
  return text.empty() || code != std::errc() || end != text.data() + text.size() ? otherwise : out;
}

std::string entry_json(const CachedContents::Entry& entry, std::string_view model_parent) {
  json::Writer out;
  out.begin_object().field("name", entry.parent + "cachedContents/" + entry.id);
  out.field("model", std::string(model_parent) + entry.model);
  if (!entry.display_name.empty()) out.field("displayName", entry.display_name);
  out.field("createTime", to_rfc3339(entry.created));
  out.field("updateTime", to_rfc3339(entry.updated));
  out.field("expireTime", to_rfc3339(entry.expires));
  out.key("usageMetadata").begin_object().field("totalTokenCount", entry.tokens).end_object();
  return out.end_object().take();
}

std::string model_parent(const CachedContents::Entry& entry) {
  return entry.parent.empty() ? "models/" : entry.parent + "publishers/google/models/";
}

// tokens × whole seconds × price of an hour, rounded half up.
std::int64_t storage_pico(std::int64_t tokens, std::int64_t kept, std::int64_t hour) {
  const __int128 product = static_cast<__int128>(tokens) * kept * hour;
  return static_cast<std::int64_t>((2 * product + 3600) / 7200);
}

}  // namespace

// Exactly one of ttl and expireTime, or neither.
Checked<void> CachedContents::read_life(json::Value body, Time now, Time& expires) const {
  const auto ttl = member(body, "ttl"), until = member(body, "expireTime");
  if (!ttl.is_null() && !until.is_null())
    return refuse("Invalid value (oneof), oneof field 'expiration' is already set.");
  if (!ttl.is_null()) {
    const auto life = duration_of(ttl.string().value_or(""));
    if (!life) return refuse("Invalid value at 'cached_content.ttl' (Duration)");
    expires = now + *life;
  } else if (!until.is_null()) {
    const auto time = parse_rfc3339(until.string().value_or(""));
    if (!time || *time <= now) return refuse("* CachedContent.expire_time: must be in the future");
    expires = *time;
  }
  return {};
}

Reply CachedContents::create(Call& call, std::string_view parent) {
  Entry made{.account = call.account, .attempt_id = call.attempt_id, .parent = std::string(parent)};
  made.text = std::move(call.request.body);
  made.parser = std::make_unique<json::Parser>();
  const auto body = made.parser->parse(made.text);
  if (!body || !body->is_object())
    return error_reply({.message = "Invalid JSON payload received.", .word = {}});
  made.body = *body;
  made.model = behind(member(*body, "model").string().value_or(""), "models/");
  const auto row = generator_.find_model(made.model, "createCachedContent");
  if (!row) return error_reply(row.error());
  made.row = *row;
  if (!made.row->storage_hour)
    return error_reply({.status = 400,
                        .message = "Model " + made.model + " does not support cached contents.",
                        .word = {}});
  made.display_name = member(*body, "displayName").string_or("");
  if (made.display_name.size() > kDisplayNameMax)
    return error_reply({.message = "* CachedContent.display_name: too long", .word = {}});
  const auto content = read_content(*made.row, made.model, *body);
  if (!content) return error_reply(content.error());
  made.created = made.updated = call.now;
  made.expires = call.now + kLifeUsual;
  if (auto done = read_life(*body, call.now, made.expires); !done) return error_reply(done.error());
  made.tokens = generator_.count(*content);
  if (const auto least = made.row->cache_tokens_min; made.tokens < least)
    return error_reply({.message = "Cached content is too small. total_token_count=" +
                                   std::to_string(made.tokens) +
                                   ", min_total_token_count=" + std::to_string(least),
                        .word = {}});
  const auto number = ++made_;
  const auto seed = world_.options.seed ^ 0xCAC4E;
  made.id = traits_.content_numbers
                ? std::to_string(1'000'000'000'000'000'000 + static_cast<std::int64_t>(number))
                : make_id("", seed, number, 40);
  const TokenBuckets tokens{.input = made.tokens};
  const auto& price = generator_.prices().in_force(*made.row, call.now);
  const auto bill_row = world_.bill.add({.attempt_id = call.attempt_id,
                                         .account = call.account,
                                         .provider = traits_.provider,
                                         .model = made.row->model,
                                         .at = call.now,
                                         .tokens = tokens,
                                         .pico_usd = cost_pico_usd(price, tokens, {})});
  entries_.push_back(std::move(made));
  auto reply = json_reply(200, entry_json(entries_.back(), model_parent(entries_.back())));
  call.deliveries.push_back({reply.size(), bill_row});
  return reply;
}

Reply CachedContents::list(const Call& call) const {
  std::vector<const Entry*> found;
  for (auto e = entries_.rbegin(); e != entries_.rend(); ++e)
    if (!e->gone && e->account == call.account) found.push_back(&*e);
  const auto token = http::query_value(call.request.target, "pageToken").value_or("");
  const auto start = number_in(behind(token, "page-"), 0);
  const auto size = std::clamp<std::size_t>(
      number_in(http::query_value(call.request.target, "pageSize").value_or(""), kContentsPage), 1,
      kContentsPageMax);
  const auto end = std::min(found.size(), start + size);
  json::Writer out;
  out.begin_object();
  if (start < end) {
    out.key("cachedContents").begin_array();
    for (auto i = start; i < end; ++i) out.raw(entry_json(*found[i], model_parent(*found[i])));
    out.end_array();
  }
  if (end < found.size()) out.field("nextPageToken", "page-" + std::to_string(end));
  return json_reply(200, out.end_object().take());
}

const CachedContents::Entry* CachedContents::entry(std::string_view account,
                                                   std::string_view id) const {
  const auto found = std::ranges::find_if(
      entries_, [&](const Entry& e) { return !e.gone && e.id == id && e.account == account; });
  return found == entries_.end() ? nullptr : &*found;
}

CachedContents::Entry* CachedContents::entry(std::string_view account, std::string_view id) {
  const auto found = std::ranges::find_if(
      entries_, [&](const Entry& e) { return !e.gone && e.id == id && e.account == account; });
  return found == entries_.end() ? nullptr : &*found;
}

ApiError CachedContents::missing(std::string_view id) const {
  if (traits_.content_numbers)
    return {.status = 404,
            .message = "Not found: cached content metadata for " + std::string(id) + ".",
            .word = {}};
  return {.status = 403, .message = "CachedContent not found (or permission denied)", .word = {}};
}

Reply CachedContents::get(const Call& call, std::string_view id) const {
  const auto* found = entry(call.account, id);
  if (found == nullptr) return error_reply(missing(id));
  return json_reply(200, entry_json(*found, model_parent(*found)));
}

// Only the life of one can be changed.
Reply CachedContents::update(Call& call, std::string_view id) {
  const auto mask = http::query_value(call.request.target, "updateMask").value_or("");
  if (!mask.empty() && mask != "ttl" && mask != "expireTime" && mask != "expire_time")
    return error_reply(
        {.message = "Only the expiration of a CachedContent can be updated: " + mask, .word = {}});
  auto* changed = entry(call.account, id);
  if (changed == nullptr) return error_reply(missing(id));
  json::Parser parser;
  const auto body = parser.parse(call.request.body);
  if (!body || !body->is_object())
    return error_reply({.message = "Invalid JSON payload received.", .word = {}});
  if (auto done = check_names(*body, "cached_content", {"ttl", "expireTime", "name"}); !done)
    return error_reply(done.error());
  if (auto done = read_life(*body, call.now, changed->expires); !done)
    return error_reply(done.error());
  changed->updated = call.now;
  return json_reply(200, entry_json(*changed, model_parent(*changed)));
}

Reply CachedContents::remove(Call& call, std::string_view id) {
  auto* found = entry(call.account, id);
  if (found == nullptr) return error_reply(missing(id));
  end(*found, call.now);
  return json_reply(200, "{}");
}

void CachedContents::advance(Time now) {
  for (auto& e : entries_)
    if (!e.gone && e.expires <= now) end(e, e.expires);
}

// What it was kept for is billed now.
void CachedContents::end(Entry& entry, Time at) {
  entry.gone = true;
  const auto kept = unix_seconds(at) - unix_seconds(entry.created);
  const auto& price = generator_.prices().in_force(*entry.row, entry.created);
  const auto row = world_.bill.add(
      {.attempt_id = entry.attempt_id + "-storage",
       .account = entry.account,
       .provider = traits_.provider,
       .model = entry.row->model,
       .at = at,
       .tokens = {},
       .pico_usd = storage_pico(entry.tokens, kept, price.storage_hour.value_or(0))});
  world_.bill.mark_delivered(row);
  entry.text.clear();
  entry.body = {};
  entry.parser.reset();
}

Checked<const CachedContents::Entry*> CachedContents::find(std::string_view account,
                                                           std::string_view name,
                                                           std::string_view model) const {
  const auto id = behind(name, "cachedContents/");
  const auto* found = entry(account, id);
  if (found == nullptr) return std::unexpected(missing(id));
  if (found->model != model)
    return refuse("Model used by GenerateContent request (models/" + std::string(model) +
                  ") and CachedContent (models/" + found->model + ") has to be the same.");
  return found;
}

std::size_t CachedContents::size() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(entries_, [](const Entry& e) { return !e.gone; }));
}

}  // namespace weir::sim::gemini_shape
