#include "sim/providers/anthropic/batches.h"

#include <algorithm>
#include <utility>

#include "http/url.h"
#include "json/write.h"
#include "sim/draw.h"
#include "sim/json_reply.h"
#include "sim/providers/anthropic/page.h"

namespace weir::sim::anthropic {
namespace {

using std::chrono::hours;

constexpr std::size_t kBatchBytesMax = 256'000'000;  // "256 MB"
constexpr Duration kResultsLife = hours(24 * 29);    // from creation
constexpr std::string_view kRetryAfter = "10";       // on polling a batch that has not ended

std::uint64_t row_number(std::uint64_t batch, std::size_t row) {
  return (std::uint64_t{1} << 63) | (batch << 24) | static_cast<std::uint64_t>(row);
}

// {"custom_id":..,"result":R}
std::string row_json(std::string_view custom_id, std::string_view type, std::string_view key,
                     std::string_view value) {
  json::Writer out;
  out.begin_object().field("custom_id", custom_id).key("result").begin_object().field("type", type);
  if (!key.empty()) out.key(key).raw(value);
  return out.end_object().end_object().take();
}

// The URL that the client came by, so that results_url leads back to this server.
std::string origin_of(const http::Request& request) {
  const auto host = request.headers.find("host").value_or("localhost");
  const auto scheme = request.headers.find("x-forwarded-proto").value_or("http");
  const auto path = http::path_of(request.target);
  const auto version = path.find("/v1/");
  return std::string(scheme) + "://" + std::string(host) + std::string(path.substr(0, version));
}

}  // namespace

Reply Batches::no_batch(const Call& call, std::string_view id) {
  return error_reply(usual_error(404, "Message batch not found: " + std::string(id)),
                     call.request_id);
}

Reply Batches::create(Call& call, Version version) {
  if (call.request.body.size() > kBatchBytesMax)
    return error_reply(usual_error(413, ""), call.request_id);
  auto rows = split_requests(call.request.body);
  if (!rows) return error_reply(rows.error(), call.request_id);
  const auto faults = batch_faults(call);
  if (const auto* rule = find_fault(faults, FaultKind::kBatchRefused))
    return error_reply(rule->type.empty() ? usual_error(400, "") : typed_error(rule->type),
                       call.request_id);
  Batch& batch = batches_.emplace_back();
  batch.number = batches_.size();
  batch.id = make_id("msgbatch_", world_.options.seed, batch.number);
  batch.account = call.account;
  batch.version = version;
  batch.rows = std::move(*rows);
  batch.rows_total = batch.rows.size();
  batch.results_url = origin_of(call.request) + "/v1/messages/batches/" + batch.id + "/results";
  batch.body = std::move(call.request.body);
  batch.faults = faults;
  batch.clock = BatchClock({.seed = world_.options.seed,
                            .batch = batch.number + 1'000'000,
                            .created_at = call.now,
                            .rows = batch.rows_total,
                            .validation_min = std::chrono::seconds(1),
                            .validation_max = std::chrono::seconds(5)},
                           batch.faults);
  batch.visible_at = call.now;
  if (const auto* rule = find_fault(batch.faults, FaultKind::kInvisibleBatch))
    batch.visible_at += rule->duration;
  live_.push_back(&batch);
  return json_reply(200, batch_json(batch, call.now));
}

void Batches::advance(Time now) {
  while (true) {
    Batch* first = nullptr;
    for (Batch* batch : live_) {
      if (!batch->clock.runs(batch->next_row)) continue;
      const Time start = batch->clock.row_start(batch->next_row);
      if (start > now) continue;
      if (first == nullptr || start < first->clock.row_start(first->next_row)) first = batch;
    }
    if (first == nullptr) break;
    run_row(*first);
  }
  for (Batch* batch : live_)
    if (batch->clock.ended(now)) settle(*batch);
  std::erase_if(live_, [](const Batch* batch) { return batch->settled; });
  drop_old_results(now);
}

void Batches::run_row(Batch& batch) {
  const std::size_t row = batch.next_row++;
  const Time start = batch.clock.row_start(row);
  const std::uint64_t seed = world_.options.seed, number = row_number(batch.number, row);
  const auto item = parser_.parse(
      std::string_view(batch.body).substr(batch.rows[row].offset, batch.rows[row].length));
  WEIR_ASSERT(item.has_value());  // the create was validated
  const std::string custom_id = (*item)["custom_id"].string_or("");
  const RowFate fate = row_fate(batch.faults, seed, batch.number, row, custom_id);
  const auto errored = [&](const ApiError& error, std::string_view request_id) {
    ++batch.counts.errored;
    batch.lines.add(row_json(custom_id, "errored", "error", error_body(error, request_id)), start,
                    fate, std::nullopt);
  };
  if (fate.missing) {  // in no file, but the counts always add up to the total
    ++batch.counts.errored;
    return;
  }
  if (fate.error) return errored(typed_error(*fate.error), make_id("workerreq_", seed, number));
  const auto request =
      read_message(messages_.prices(), (*item)["params"], {Purpose::kBatchRow, batch.version});
  if (!request) return errored(request.error(), "");
  const bool hits = draw(seed, "batch hit", number).unit() < world_.options.batch_hit_rate;
  const auto answer = messages_.complete(*request, {.account = batch.account,
                                                    .start = start,
                                                    .number = number,
                                                    .batch = true,
                                                    .may_read_cache = hits});
  if (!answer) return errored(answer.error(), "");
  const Time last = std::min(batch.clock.done_at(), batch.clock.expires_at());
  const Time finished_at =
      std::min(last, start + answer->latency.first_byte + answer->latency.rest);
  const std::size_t bill_row = world_.bill.add({.attempt_id = custom_id,
                                                .account = batch.account,
                                                .provider = "anthropic",
                                                .model = answer->row->model,
                                                .route = Route::kBatch,
                                                .batch_id = batch.id,
                                                .custom_id = custom_id,
                                                .at = finished_at,
                                                .tokens = answer->tokens,
                                                .pico_usd = answer->pico_usd});
  ++batch.counts.succeeded;
  batch.lines.add(row_json(custom_id, "succeeded", "message", message_body(*answer)), finished_at,
                  fate, bill_row);
}

void Batches::end_unrun_rows(Batch& batch) {
  const bool expired = batch.clock.last_phase() == BatchPhase::kExpired;
  for (std::size_t row = batch.next_row; row < batch.rows_total; ++row) {
    const auto item = parser_.parse(
        std::string_view(batch.body).substr(batch.rows[row].offset, batch.rows[row].length));
    const std::string custom_id = item ? (*item)["custom_id"].string_or("") : "";
    const RowFate fate = row_fate(batch.faults, world_.options.seed, batch.number, row, custom_id);
    ++(expired ? batch.counts.expired : batch.counts.canceled);
    batch.lines.add(row_json(custom_id, expired ? "expired" : "canceled", "", ""),
                    batch.clock.ends_at(), fate, std::nullopt);
  }
}

void Batches::settle(Batch& batch) {
  batch.settled = true;
  if (batch.clock.last_phase() != BatchPhase::kCompleted) end_unrun_rows(batch);
  const bool shuffled = find_fault(batch.faults, FaultKind::kShuffleRows) != nullptr;
  batch.lines.settle(shuffled, world_.options.seed, batch.number);
  std::string().swap(batch.body);
  std::vector<RequestSpan>().swap(batch.rows);
}

void Batches::drop_old_results(Time now) {
  for (Batch& batch : batches_) {
    if (batch.clock.created_at() + kResultsLife > now) break;
    if (batch.settled) batch.lines = {};
  }
}

std::string Batches::batch_json(const Batch& batch, Time now) const {
  const bool ended = batch.settled;
  const bool archived = now >= batch.clock.created_at() + kResultsLife;
  const auto cancel_at = batch.clock.cancel_at();
  const bool cancels =
      cancel_at && *cancel_at <= now && batch.clock.last_phase() == BatchPhase::kCancelled;
  json::Writer out;
  const auto time = [&](std::string_view key, bool happens, Time at) {
    out.key(key);
    if (happens) out.string(to_rfc3339(at));
    else out.null();
  };
  out.begin_object().field("id", batch.id).field("type", "message_batch");
  out.field("processing_status", ended ? "ended" : cancels ? "canceling" : "in_progress");
  // Until the batch has ended, everything counts as processing.
  out.key("request_counts").begin_object();
  out.field("processing", ended ? 0 : static_cast<std::int64_t>(batch.rows_total))
      .field("succeeded", ended ? batch.counts.succeeded : 0)
      .field("errored", ended ? batch.counts.errored : 0)
      .field("canceled", ended ? batch.counts.canceled : 0)
      .field("expired", ended ? batch.counts.expired : 0)
      .end_object();
  time("ended_at", ended, batch.clock.ends_at());
  out.field("created_at", to_rfc3339(batch.clock.created_at()))
      .field("expires_at", to_rfc3339(batch.clock.expires_at()));
  time("archived_at", archived, batch.clock.created_at() + kResultsLife);
  time("cancel_initiated_at", cancels, cancel_at.value_or(now));
  out.key("results_url");
  if (ended && !archived) out.string(batch.results_url);
  else out.null();
  return out.end_object().take();
}

Batches::Batch* Batches::find(std::string_view account, std::string_view id) {
  const auto found = std::find_if(batches_.begin(), batches_.end(), [&](const Batch& batch) {
    return batch.id == id && batch.account == account && !batch.deleted;
  });
  return found == batches_.end() ? nullptr : &*found;
}

Reply Batches::get(const Call& call, std::string_view id) {
  const Batch* batch = find(call.account, id);
  if (batch == nullptr) return no_batch(call, id);
  Reply reply = json_reply(200, batch_json(*batch, call.now));
  if (!batch->settled) reply.head.headers.set("retry-after", std::string(kRetryAfter));
  return reply;
}

Reply Batches::list(const Call& call) const {
  std::vector<const Batch*> found;
  std::vector<std::string_view> ids;
  for (auto batch = batches_.rbegin(); batch != batches_.rend(); ++batch) {
    if (batch->account != call.account || batch->deleted || batch->visible_at > call.now) continue;
    found.push_back(&*batch);
    ids.push_back(batch->id);
  }
  const auto page = page_json(
      call.request.target, ids, [&](std::size_t i) { return batch_json(*found[i], call.now); },
      "Message batch not found: ");
  return page ? json_reply(200, *page) : error_reply(page.error(), call.request_id);
}

Reply Batches::cancel(const Call& call, std::string_view id) {
  Batch* batch = find(call.account, id);
  if (batch == nullptr) return no_batch(call, id);
  if (batch->settled || !batch->clock.cancel(call.now))
    return error_reply(usual_error(400, "The batch has ended and cannot be canceled"),
                       call.request_id);
  return json_reply(200, batch_json(*batch, call.now));
}

Reply Batches::results(Call& call, std::string_view id) {
  const Batch* batch = find(call.account, id);
  if (batch == nullptr) return no_batch(call, id);
  const bool archived = call.now >= batch->clock.created_at() + kResultsLife;
  if (!batch->settled || archived)
    return error_reply(usual_error(404, "The results of this batch are not available"),
                       call.request_id);
  Reply reply;
  reply.head.status = 200;
  reply.head.headers = {{"content-type", "application/x-jsonl"}};
  batch->lines.write(reply, call.deliveries);
  return reply;
}

Reply Batches::remove(const Call& call, std::string_view id) {
  Batch* batch = find(call.account, id);
  if (batch == nullptr) return no_batch(call, id);
  if (!batch->settled)
    return error_reply(usual_error(400, "Only a batch that has ended can be deleted"),
                       call.request_id);
  batch->deleted = true;
  batch->lines = {};
  ++deleted_;
  json::Writer out;
  out.begin_object().field("id", id).field("type", "message_batch_deleted").end_object();
  return json_reply(200, out.take());
}

}  // namespace weir::sim::anthropic
