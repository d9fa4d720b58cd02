#include "sim/providers/xai/containers.h"

#include <algorithm>
#include <charconv>
#include <tuple>

#include "http/url.h"
#include "json/write.h"
#include "sim/json_reply.h"

namespace weir::sim::xai {
namespace {

using openai_shape::ApiError;
using openai_shape::BatchError;
using openai_shape::ChatAnswer;
using openai_shape::error_reply;

constexpr Duration kLife = std::chrono::hours(24 * 30);
// A cancel was seen to be taken back for what was on its way, 20 s later.
constexpr Duration kTakenBackAfter = std::chrono::seconds(20);
constexpr std::size_t kPageUsual = 100, kPageMax = 1000;
constexpr std::string_view kBatchModels[] = {"grok-4.3", "grok-4.20-0309-reasoning",
                                             "grok-4.20-0309-non-reasoning",
                                             "grok-4.20-multi-agent-0309"};

// Tokens are opaque to the caller: here the place in the list, behind a letter.
std::string token_at(std::size_t place) { return "p" + std::to_string(place); }

std::optional<std::size_t> place_of(std::string_view target) {
  const auto text = http::query_value(target, "pagination_token");
  if (!text || text->empty()) return 0;
  std::size_t place = 0;
  const auto* begin = text->data() + 1;
  const auto [end, code] = std::from_chars(begin, text->data() + text->size(), place);
  if (text->front() != 'p' || code != std::errc() || end != text->data() + text->size())
    return std::nullopt;
  return place;
}

// Of {"batch_request_id":"…", whatever comes behind.
std::string id_of(std::string_view row) {
  constexpr std::string_view kHead = R"({"batch_request_id":")";
  if (!row.starts_with(kHead)) return "";
  row.remove_prefix(kHead.size());
  return std::string(row.substr(0, row.find('"')));
}

std::string error_row(std::string_view custom_id, std::string_view words) {
  json::Writer out;
  out.begin_object().field("batch_request_id", custom_id).key("batch_result").begin_object();
  return out.field("error", words).end_object().end_object().take();
}

std::string date(Time time) { return to_rfc3339(time).substr(0, 10); }

}  // namespace

Reply Containers::create(Call& call) {
  const auto body = parser_.parse(call.request.body);
  if (!body) return error_reply(traits(), {.message = "Failed to parse the request body as JSON"});
  const auto name = (*body)["name"].string();
  if (!name) return error_reply(traits(), {.message = "missing field `name`"});
  const auto input = (*body)["input_file_id"].string();
  if (!input)
    return error_reply(traits(), {.message = "The simulator makes batches from files only."});
  const auto* file = files_.find(call.account, *input);
  if (file == nullptr)
    return error_reply(traits(),
                       {.status = 404, .message = "File not found: " + std::string(*input)});
  Batch& batch = add(call, file->upload, "batch_", {.life = kLife});
  batch.input = *input;
  batch.name = *name;
  return json_reply(200, batch_json(batch, call.now));
}

std::optional<BatchError> Containers::validate(Batch& batch) {
  if (const auto* rule = find_fault(batch.faults, FaultKind::kBatchRefused))
    return BatchError{.message = rule->type.empty() ? "the file could not be read" : rule->type};
  auto error = validate_batch(traits(), batch.upload.bytes(), batch.lines, "/v1/chat/completions",
                              chat_.prices(), batch.model);
  if (error) return error;
  std::int64_t number = 0;
  for (const auto& span : batch.lines) {
    ++number;
    const auto line = parser_.parse(batch.upload.bytes().substr(span.offset, span.length));
    const std::string model = line ? (*line)["body"]["model"].string_or("") : "";
    if (std::ranges::find(kBatchModels, model) == std::end(kBatchModels))
      return BatchError{.message = "Model " + model + " is not supported for batch processing.",
                        .line = number};
  }
  return std::nullopt;
}

std::string Containers::answered_row(const Batch& /*batch*/, std::uint64_t /*number*/,
                                     std::string_view custom_id, const ChatAnswer& answer) const {
  json::Writer out;
  out.begin_object().field("batch_request_id", custom_id).key("batch_result").begin_object();
  out.key("response").begin_object().key("chat_get_completion");
  out.raw(completion_body(traits(), answer));
  return out.end_object().end_object().end_object().take();
}

std::string Containers::failed_row(const Batch& /*batch*/, std::uint64_t /*number*/,
                                   std::string_view custom_id, const ApiError& error) const {
  return error_row(custom_id, error.message);
}

// What expires is in no result; what is cancelled says so.
std::optional<std::string> Containers::unrun_row(const Batch& /*batch*/, std::uint64_t /*number*/,
                                                 std::string_view custom_id, bool expired) const {
  if (expired) return std::nullopt;
  return error_row(custom_id, "Batch cancelled");
}

// Results stay with the batch: there is no file, and no way to delete them.
void Containers::keep(Batch& batch) { settled_[batch.number] = read_results(batch, Time::max()); }

Containers::Counters Containers::counters(const Batch& batch, Time now) {
  if (!batch.validated || batch.error) return {};
  Counters out{.requests = static_cast<std::int64_t>(batch.rows_total),
               .success = batch.completed,
               .error = batch.failed};
  const auto cancelled = batch.clock.cancel_at();
  const bool ends = batch.clock.last_phase() != BatchPhase::kCompleted;
  // Until it is taken back, the later half of what was run reads as cancelled too.
  if (cancelled && now < *cancelled + kTakenBackAfter) out.success = batch.completed / 2;
  const std::int64_t left = out.requests - out.success - out.error;
  const bool stopped = (cancelled && *cancelled <= now) || (ends && batch.clock.ended(now));
  if (stopped) out.cancelled = left;
  else out.pending = batch.clock.ended(now) ? 0 : left;
  return out;
}

std::string Containers::batch_json(const Batch& batch, Time now) const {
  const Counters n = counters(batch, now);
  const auto cancelled =
      batch.error ? std::optional(batch.clock.begins_at()) : batch.clock.cancel_at();
  json::Writer out;
  out.begin_object().field("batch_id", batch.id).field("name", batch.name);
  out.field("create_time", to_rfc3339(batch.clock.created_at()));
  out.field("expire_time", date(batch.clock.created_at() + kLife));
  out.field("create_api_key_id", "key_" + batch.account).key("cancel_time");
  if (cancelled && *cancelled <= now) out.string(to_rfc3339(*cancelled));
  else out.null();
  out.key("cancel_by_xai_message");
  if (batch.error) {
    const std::string line =
        batch.error->line > 0 ? "line " + std::to_string(batch.error->line) + ": " : "";
    out.string("JSONL file validation failed: " + line + batch.error->message);
  } else {
    out.null();
  }
  out.key("state").begin_object().field("num_requests", n.requests);
  out.field("num_pending", n.pending).field("num_success", n.success);
  out.field("num_error", n.error).field("num_cancelled", n.cancelled).end_object();
  return out.field("input_file_id", batch.input).end_object().take();
}

Reply Containers::not_found(std::string_view id) const {
  return error_reply(traits(), {.status = 404, .message = "Batch not found: " + std::string(id)});
}

Reply Containers::get(const Call& call, std::string_view id) {
  const Batch* batch = find(call.account, id);
  return batch == nullptr ? not_found(id) : json_reply(200, batch_json(*batch, call.now));
}

// Oldest first: the order is not documented, so nobody may rely on another.
Reply Containers::list(const Call& call) const {
  const auto limit = openai_shape::list_limit(call.request.target, kPageUsual, kPageMax);
  const auto place = place_of(call.request.target);
  if (!limit || !place)
    return error_reply(traits(), {.message = "Invalid limit or pagination_token"});
  std::vector<const Batch*> found = visible(call);
  std::ranges::reverse(found);
  const std::size_t end = std::min(found.size(), *place + *limit);
  json::Writer out;
  out.begin_object().key("batches").begin_array();
  for (std::size_t i = *place; i < end; ++i) out.raw(batch_json(*found[i], call.now));
  out.end_array().key("pagination_token");
  if (end < found.size()) out.string(token_at(end));
  else out.null();
  return json_reply(200, out.end_object().take());
}

// At once, and more than once; what has ended stays as it is.
Reply Containers::cancel(const Call& call, std::string_view id) {
  Batch* batch = find(call.account, id);
  if (batch == nullptr) return not_found(id);
  if (!batch->settled) std::ignore = batch->clock.cancel(call.now);
  return json_reply(200, batch_json(*batch, call.now));
}

Reply Containers::add_requests(const Call& call, std::string_view id) {
  const Batch* batch = find(call.account, id);
  if (batch == nullptr) return not_found(id);
  if (batch->clock.cancel_at())
    return error_reply(traits(), {.status = 403, .message = "The batch was cancelled"});
  return error_reply(
      traits(), {.status = 412, .message = "Cannot add inline requests to a file-based batch"});
}

// Half a row is no JSON, and a page has to be: it keeps the id alone.
std::vector<Containers::Line> Containers::read_results(const Batch& batch, Time now) {
  std::vector<Line> out;
  for (const ResultLines* lines : {&batch.output, &batch.errors}) {
    for (std::size_t i = 0; i < lines->lines(); ++i) {
      const auto row = lines->row(i);
      Line result{.id = id_of(row.text), .text = std::string(row.text), .bill_row = row.bill_row};
      if (lines->malformed(i)) {
        json::Writer cut;
        result.text = cut.begin_object().field("batch_request_id", result.id).end_object().take();
      }
      out.push_back(std::move(result));
    }
  }
  // While a cancel may be taken back, only the earlier half can be read.
  const auto cancelled = batch.clock.cancel_at();
  if (cancelled && now < *cancelled + kTakenBackAfter)
    out.resize(std::min(out.size(), static_cast<std::size_t>(batch.completed / 2)));
  if (find_fault(batch.faults, FaultKind::kShuffleRows) == nullptr)
    std::ranges::sort(out, {}, &Line::id);
  return out;
}

const std::vector<Containers::Line>& Containers::results_of(const Batch& batch, Time now) {
  const auto cancelled = batch.clock.cancel_at();
  const bool lasts = !cancelled || now >= *cancelled + kTakenBackAfter;
  if (const auto found = settled_.find(batch.number); lasts && found != settled_.end())
    return found->second;
  running_ = read_results(batch, now);
  return running_;
}

// {"results":[…],"pagination_token":"…"}: sorted by id, also while the batch still runs.
Reply Containers::results(Call& call, std::string_view id) {
  const Batch* batch = find(call.account, id);
  if (batch == nullptr) return not_found(id);
  const auto limit = openai_shape::list_limit(call.request.target, kPageUsual, kPageMax);
  const auto place = place_of(call.request.target);
  if (!limit || !place)
    return error_reply(traits(), {.message = "Invalid limit or pagination_token"});
  const auto& all = results_of(*batch, call.now);
  const std::size_t end = std::min(all.size(), *place + *limit);
  std::string text = R"({"results":[)";
  for (std::size_t i = *place; i < end; ++i) {
    if (i > *place) text += ',';
    text += all[i].text;
    if (all[i].bill_row) call.deliveries.push_back({text.size(), *all[i].bill_row});
  }
  text += R"(],"pagination_token":)";
  text += end < all.size() ? '"' + token_at(end) + '"' : "null";
  return json_reply(200, text + "}");
}

}  // namespace weir::sim::xai
