#include "sim/gemini_shape/generator.h"

#include <algorithm>

#include "base/hash.h"
#include "json/write.h"
#include "sim/draw.h"
#include "sim/gemini_shape/heard.h"

namespace weir::sim::gemini_shape {
namespace {

constexpr std::int64_t kChunkTokens = 8;
constexpr std::uint64_t kThoughtsMax = 24;

// Thoughts count against the output limit; here they never take more than a quarter of it.
std::int64_t think(const GenerateRequest& request, std::uint64_t seed, std::uint64_t number) {
  if (!request.thinks) return 0;
  auto random = draw(seed, "thoughts", number);
  const auto wanted = static_cast<std::int64_t>(1 + random.below(kThoughtsMax));
  return std::min(wanted, request.output_max / 4);
}

// Fields that are zero are left out, as protobuf's JSON does.
void write_count(json::Writer& out, std::string_view name, std::int64_t count) {
  if (count != 0) out.field(name, count);
}

void write_modalities(json::Writer& out, std::string_view name, std::int64_t text,
                      std::int64_t image) {
  out.key(name).begin_array();
  const auto write = [&](std::string_view modality, std::int64_t count) {
    if (count == 0) return;
    out.begin_object().field("modality", modality).field("tokenCount", count).end_object();
  };
  write("TEXT", text);
  write("IMAGE", image);
  out.end_array();
}

void write_usage(json::Writer& out, const Content& content, bool whole) {
  const auto& tokens = content.tokens;
  const std::int64_t output = whole ? content.generated.tokens : 0;
  out.key("usageMetadata").begin_object();
  write_count(out, "promptTokenCount", tokens.prompt());
  write_count(out, "candidatesTokenCount", output);
  write_count(out, "totalTokenCount", tokens.prompt() + output + content.thoughts);
  write_count(out, "cachedContentTokenCount", tokens.cache_read);
  write_modalities(out, "promptTokensDetails", tokens.prompt() - content.image_tokens,
                   content.image_tokens);
  if (tokens.cache_read > 0) write_modalities(out, "cacheTokensDetails", tokens.cache_read, 0);
  write_count(out, "thoughtsTokenCount", content.thoughts);
  if (content.created) out.field("trafficType", "ON_DEMAND");
  out.end_object();
}

void write_call(json::Writer& out, const Content& content) {
  // A call that the output limit cut is none: the model's reason is MALFORMED_FUNCTION_CALL.
  out.begin_object().key("functionCall").begin_object();
  out.field("name", content.tool).key("args").raw(content.generated.text);
  out.field("id", content.call_id).end_object();
  if (content.signs) out.field("thoughtSignature", std::string(kSignaturePrefix) + content.call_id);
  out.end_object();
}

// @param text of this chunk. @param reason empty: not the last
std::string chunk(const Content& content, std::string_view text, bool call,
                  std::string_view reason) {
  json::Writer out;
  out.begin_object().key("candidates").begin_array().begin_object();
  out.key("content").begin_object();
  if (!text.empty() || call) {
    out.key("parts").begin_array();
    if (call) write_call(out, content);
    else out.begin_object().field("text", text).end_object();
    out.end_array();
  }
  out.field("role", "model").end_object();
  if (!reason.empty()) out.field("finishReason", reason);
  out.field("index", std::int64_t{0}).end_object().end_array();
  write_usage(out, content, !reason.empty());
  out.field("modelVersion", content.model).field("responseId", content.id);
  if (content.created) out.field("createTime", to_rfc3339(*content.created));
  return out.end_object().take();
}

std::string_view reason_of(const Content& content) {
  if (!content.generated.cut) return "STOP";
  return content.tool.empty() ? "MAX_TOKENS" : "MALFORMED_FUNCTION_CALL";
}

bool calls(const Content& content) { return !content.tool.empty() && !content.generated.cut; }

}  // namespace

Checked<const ModelRow*> Generator::find_model(std::string_view model, std::string_view method,
                                               std::string_view version) const {
  if (const ModelRow* row = prices_.find(model)) return row;
  if (traits_.no_model != nullptr) return refuse(traits_.no_model(model), 404);
  return refuse("models/" + std::string(model) + " is not found for API version " +
                    std::string(version) + ", or is not supported for " + std::string(method) +
                    ". Call ListModels to see the list of available models and their supported "
                    "methods.",
                404);
}

// Automatic, free to write, read in whole steps; no hit is promised.
void Generator::use_cache(const ModelRow& row, const Context& context, const Prompt& prompt,
                          Time first_byte, TokenBuckets& tokens) {
  if (!row.cached) return;
  if (context.may_read_cache) {
    const auto hit = std::find_if(prompt.places.rbegin(), prompt.places.rend(), [&](const auto& p) {
      return world_.cache.find(p.key, context.start) != nullptr;
    });
    if (hit != prompt.places.rend()) tokens.cache_read = hit->tokens;
  }
  for (const auto& place : prompt.places) {
    if (place.tokens <= tokens.cache_read) world_.cache.refresh(place.key, context.start);
    else world_.cache.write(place.key, context.start, first_byte, traits_.cache_life);
  }
}

std::int64_t Generator::count(const GenerateRequest& request) {
  return read_prompt(walker_, request, 0).tokens;
}

Checked<Content> Generator::generate(const GenerateRequest& request, const Context& context) {
  const ModelRow& row = *request.row;
  const std::uint64_t seed = world_.options.seed;
  const std::uint64_t root =
      hash64(row.model, hash64(context.account, context.batch ? 0x6E01 : 0x6E00));
  const Prompt prompt = read_prompt(walker_, request, root);
  if (world_.listener.listening()) hear_request(request, world_.listener);
  if (row.input_tokens_max > 0 && prompt.tokens > row.input_tokens_max)
    return refuse("The input token count (" + std::to_string(prompt.tokens) +
                  ") exceeds the maximum number of tokens allowed (" +
                  std::to_string(row.input_tokens_max) + ").");
  Content content{.model = request.model, .tool = request.tool, .row = &row};
  content.id = make_id("", seed, context.number, 23);
  content.call_id = make_id("", seed ^ 0xCA11, context.number, 8);
  content.signs = is_gemini_3(request.model);
  if (traits_.tells_times) content.created = context.start;
  content.image_tokens = prompt.image_tokens;
  content.thoughts = think(request, seed, context.number);
  content.generated = sim::generate(
      world_, {.prompt = prompt.texts, .document = prompt.document, .schema = request.schema},
      request.output_max - content.thoughts);
  if (request.json && !request.schema && !content.generated.cut) {
    json::Writer wrapped;
    wrapped.begin_object().field("answer", content.generated.text).end_object();
    content.generated.text = wrapped.take();
    content.generated.tokens = count_tokens(content.generated.text);
  }
  content.latency = latency_of(seed, context.number, content.generated.tokens + content.thoughts);
  if (request.cached.is_null())
    use_cache(row, context, prompt, context.start + content.latency.first_byte, content.tokens);
  else content.tokens.cache_read = prompt.held;
  content.tokens.input = prompt.tokens - content.tokens.cache_read;
  content.tokens.output = content.generated.tokens + content.thoughts;
  content.pico_usd = cost_pico_usd(prices_.in_force(row, context.priced_at), content.tokens,
                                   {.half = context.batch});
  return content;
}

std::string response_body(const Content& content) {
  const bool call = calls(content);
  const bool says = content.tool.empty();
  return chunk(content, says ? std::string_view(content.generated.text) : "", call,
               reason_of(content));
}

std::vector<Piece> response_chunks(const Content& content) {
  if (!content.tool.empty()) return {{Duration(0), response_body(content)}};
  std::vector<Piece> out;
  for (const auto text : stream_chunks(content.generated.text, kChunkTokens))
    out.push_back({kTokenTime * kChunkTokens, chunk(content, text, false, "")});
  out.push_back({Duration(0), chunk(content, "", false, reason_of(content))});
  return out;
}

}  // namespace weir::sim::gemini_shape
