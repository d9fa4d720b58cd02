#include "provider/gemini_cached_content.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "http/url.h"
#include "json/write.h"

namespace weir::provider::gemini {
namespace {

constexpr std::string_view kCollection = "cachedContents/";
constexpr std::size_t kPage = 100;
constexpr std::size_t kContentIdMax = 200, kPageTokenMax = 4096;
constexpr std::int64_t kContentTokensMax = std::int64_t{1} << 40;

std::unexpected<Error> no_content(const Options& options, std::string_view what) {
  return std::unexpected(Error{.kind = ErrorKind::kBadResponse,
                               .message = fmt::format("{} {}", options.provider, what),
                               .hint = "if it happens again, report it to the provider",
                               .provider = std::string(options.provider)});
}

// "projects/7/locations/l/cachedContents/ID" -> "cachedContents/ID"; empty where it is no name that we are ready to put into a path.
std::string own_name(std::string_view name) {
  const auto at = name.rfind(kCollection);
  if (at == std::string_view::npos || (at > 0 && name[at - 1] != '/')) return {};
  const auto id = name.substr(at + kCollection.size());
  const bool plain = std::ranges::all_of(id, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
  if (id.empty() || id.size() > kContentIdMax || !plain) return {};
  return std::string(name.substr(at));
}

// Integers of 64 bits come as text in Google's JSON, those of 32 bits as numbers.
Tokens tokens_of(json::Value value) {
  std::int64_t count = value.integer_or(0);
  if (const auto text = value.string())
    if (std::from_chars(text->data(), text->data() + text->size(), count).ec != std::errc())
      count = 0;
  return {std::clamp<std::int64_t>(count, 0, kContentTokensMax)};
}

// {"name":"cachedContents/…","model":"models/…","displayName":"…","createTime":"…","expireTime":"…",
//  "usageMetadata":{"totalTokenCount":7000}}
std::optional<CachedContent> read_content(json::Value value) {
  CachedContent out;
  out.name = own_name(value["name"].string().value_or(""));
  const auto created = value["createTime"].string();
  const auto expires = value["expireTime"].string();
  const auto created_at = created ? parse_rfc3339(*created) : std::nullopt;
  const auto expires_at = expires ? parse_rfc3339(*expires) : std::nullopt;
  if (out.name.empty() || !created_at || !expires_at) return std::nullopt;
  out.display_name = value["displayName"].string_or("");
  out.tokens = tokens_of(value["usageMetadata"]["totalTokenCount"]);
  out.created = *created_at;
  out.expires = *expires_at;
  return out;
}

Result<json::Value> body_of(const Options& options, json::Parser& parser,
                            const http::Response& response, Time now) {
  if (response.status < 200 || response.status > 299)
    return std::unexpected(decode_error(options, response, now));
  const auto body = parser.parse(response.body);
  if (!body || !body->is_object())
    return no_content(options, "answered with something that is no JSON object");
  return *body;
}

}  // namespace

Result<http::RequestPlan> ContentCodec::encode_create(const ContentDraft& draft,
                                                      const Credentials& credentials) const {
  WEIR_TRY(const auto model, model_in_bodies(draft.head.model, credentials));
  WEIR_TRY(auto body, encode_content(options_, draft, model));
  WEIR_TRY(auto request, plan(http::Method::kPost, "cachedContents", true, credentials));
  request.headers.add("x-client-request-id", std::string(draft.attempt_id));
  request.body.emplace_back(std::move(body));
  return request;
}

Result<CachedContent> ContentCodec::decode_content(const http::Response& response, Time now) const {
  json::Parser parser;
  WEIR_TRY(const auto body, body_of(options_, parser, response, now));
  auto content = read_content(body);
  if (!content) return no_content(options_, "answered with something that is no cached content");
  return *std::move(content);
}

// PATCH …?updateMask=ttl {"ttl":"300s"}
Result<http::RequestPlan> ContentCodec::encode_extend(std::string_view name, Duration ttl,
                                                      const Credentials& credentials) const {
  WEIR_TRY(auto request,
           plan(http::Method::kPatch, fmt::format("{}?updateMask=ttl", name), true, credentials));
  json::Writer body;
  body.begin_object().field("ttl", seconds_text(ttl)).end_object();
  request.body.emplace_back(body.take());
  return request;
}

Result<http::RequestPlan> ContentCodec::encode_delete(std::string_view name,
                                                      const Credentials& credentials) const {
  return plan(http::Method::kDelete, name, false, credentials);
}

Result<http::RequestPlan> ContentCodec::encode_list(std::string_view page,
                                                    const Credentials& credentials) const {
  auto rest = fmt::format("cachedContents?pageSize={}", kPage);
  if (!page.empty()) rest += fmt::format("&pageToken={}", http::percent_encode(page));
  return plan(http::Method::kGet, rest, false, credentials);
}

// {"cachedContents":[…],"nextPageToken":"…"}; {} when there is none.
Result<ContentPage> ContentCodec::decode_list(const http::Response& response, Time now) const {
  json::Parser parser;
  WEIR_TRY(const auto body, body_of(options_, parser, response, now));
  const auto list = body["cachedContents"];
  const auto next = body["nextPageToken"].string().value_or(std::string_view());
  bool known = true;  // nothing but a list may say that there is none
  for (const auto member : body.members())
    known = known && (member.key == "cachedContents" || member.key == "nextPageToken");
  if (!known || !(list.is_null() || list.is_array()) || next.size() > kPageTokenMax)
    return no_content(options_, "answered with something that is no list of cached contents");
  ContentPage out;
  for (const auto item : list.items()) {
    auto content = read_content(item);
    // It may be the one that is looked for.
    if (!content) return no_content(options_, "listed something that is no cached content");
    out.contents.push_back(*std::move(content));
  }
  out.next = next;
  return out;
}

Result<http::RequestPlan> ContentCodec::encode_sync(const llm::Request& request,
                                                    std::size_t messages, std::string_view name,
                                                    const SyncCall& call) const {
  WEIR_TRY(const auto named, in_bodies(name, call.credentials));
  WEIR_TRY(auto body, encode_rest(options_, request, messages, named));
  WEIR_TRY(auto out, generate(request, call));
  out.body.emplace_back(std::move(body));
  return out;
}

}  // namespace weir::provider::gemini
