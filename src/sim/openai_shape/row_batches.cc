#include "sim/openai_shape/row_batches.h"

#include <algorithm>

#include "sim/draw.h"

namespace weir::sim::openai_shape {
namespace {

// Doc: https://developers.openai.com/api/docs/guides/webhooks (checked 2026-11-27)
std::string_view event_of(bool failed, BatchPhase last) {
  if (failed) return "batch.failed";
  if (last == BatchPhase::kExpired) return "batch.expired";
  return last == BatchPhase::kCancelled ? "batch.cancelled" : "batch.completed";
}

ApiError row_error(const Traits& traits, std::string_view type) {
  if (type == "rate_limit_exceeded") return usual_error(traits, 429, "");
  if (type == "invalid_request" || type == "invalid_request_error")
    return usual_error(traits, 400, "");
  return usual_error(traits, 500, "");
}

}  // namespace

RowBatches::Batch& RowBatches::add(Call& call, Upload upload, std::string id_prefix,
                                   const BatchPhases& phases) {
  Batch& batch = batches_.emplace_back();
  batch.number = batches_.size();
  batch.id = make_id(id_prefix, world_.options.seed, batch.number);
  batch.account = call.account;
  batch.upload = std::move(upload);
  batch.lines = index_lines(batch.upload.bytes());
  batch.rows_total = batch.lines.size();
  batch.faults = batch_faults(call);
  batch.clock = BatchClock({.seed = world_.options.seed,
                            .batch = batch.number,
                            .created_at = call.now,
                            .rows = batch.lines.size(),
                            .validation_min = phases.validation_min,
                            .validation_max = phases.validation_max,
                            .finalizing_min = phases.finalizing_min,
                            .finalizing_max = phases.finalizing_max,
                            .life = phases.life},
                           batch.faults);
  batch.visible_at = call.now;
  if (const auto* rule = find_fault(batch.faults, FaultKind::kInvisibleBatch))
    batch.visible_at += rule->duration;
  live_.push_back(&batch);
  return batch;
}

RowBatches::Batch* RowBatches::find(std::string_view account, std::string_view id) {
  const auto found = std::find_if(batches_.begin(), batches_.end(), [&](const Batch& batch) {
    return batch.id == id && batch.account == account;
  });
  return found == batches_.end() ? nullptr : &*found;
}

std::vector<const RowBatches::Batch*> RowBatches::visible(const Call& call) const {
  std::vector<const Batch*> found;
  for (auto batch = batches_.rbegin(); batch != batches_.rend(); ++batch)
    if (batch->account == call.account && batch->visible_at <= call.now) found.push_back(&*batch);
  return found;
}

RowBatches::Row RowBatches::read_row(const Batch& /*batch*/, json::Value line) const {
  return {.custom_id = line["custom_id"].string_or(""), .body = line["body"]};
}

Checked<ChatRequest> RowBatches::read_request(const Batch& batch, json::Value body) const {
  return read_chat(traits(), chat_.prices(), body, batch.model);
}

std::optional<std::string> RowBatches::unrun_row(const Batch& /*batch*/, std::uint64_t /*number*/,
                                                 std::string_view /*custom_id*/,
                                                 bool /*expired*/) const {
  return std::nullopt;
}

std::size_t RowBatches::pending() const {
  return static_cast<std::size_t>(std::ranges::count_if(live_, [](const Batch* batch) {
    return !batch->error && batch->clock.runs(batch->next_row);
  }));
}

void RowBatches::advance(Time now) {
  for (Batch* batch : live_) {
    const auto cancelled = batch->clock.cancel_at();
    const bool reached =
        batch->clock.begins_at() <= now && (!cancelled || batch->clock.begins_at() < *cancelled);
    if (batch->validated || !reached) continue;
    batch->validated = true;
    batch->error = validate(*batch);
  }
  while (true) {
    Batch* first = nullptr;
    for (Batch* batch : live_) {
      if (!batch->validated || batch->error || !batch->clock.runs(batch->next_row)) continue;
      const Time start = batch->clock.row_start(batch->next_row);
      if (start > now) continue;
      if (first == nullptr || start < first->clock.row_start(first->next_row)) first = batch;
    }
    if (first == nullptr) break;
    run_row(*first);
  }
  for (Batch* batch : live_)
    if (batch->error || batch->clock.ended(now)) settle(*batch);
  std::erase_if(live_, [](const Batch* batch) { return batch->settled; });
}

void RowBatches::run_row(Batch& batch) {
  const std::size_t row = batch.next_row++;
  const Time start = batch.clock.row_start(row);
  const std::uint64_t seed = world_.options.seed, number = row_number(batch.number, row);
  const auto line =
      parser_.parse(batch.upload.bytes().substr(batch.lines[row].offset, batch.lines[row].length));
  WEIR_ASSERT(line.has_value());  // the file was validated
  const auto [custom_id, body] = read_row(batch, *line);
  const RowFate fate = row_fate(batch.faults, seed, batch.number, row, custom_id);
  const Time last = std::min(batch.clock.done_at(), batch.clock.expires_at());
  const auto fails = [&](const ApiError& error) {
    ++batch.failed;
    batch.errors.add(failed_row(batch, number, custom_id, error), start, fate, std::nullopt);
  };
  if (fate.missing) return;
  if (fate.error) return fails(row_error(traits(), *fate.error));
  auto request = read_request(batch, body);
  if (!request) return fails(request.error());
  const bool hits = draw(seed, "batch hit", number).unit() < world_.options.batch_hit_rate;
  auto answer = chat_.complete(*request, {.account = batch.account,
                                          .start = start,
                                          .number = number,
                                          .batch = true,
                                          .may_read_cache = hits});
  if (!answer) return fails(answer.error());
  const Time finished_at =
      std::min(last, start + answer->latency.first_byte + answer->latency.rest);
  const std::size_t bill_row = world_.bill.add({.attempt_id = custom_id,
                                                .account = batch.account,
                                                .provider = traits().provider,
                                                .model = answer->row->model,
                                                .route = Route::kBatch,
                                                .batch_id = batch.id,
                                                .custom_id = custom_id,
                                                .at = finished_at,
                                                .tokens = answer->tokens,
                                                .pico_usd = answer->pico_usd});
  ++batch.completed;
  batch.usage.input += answer->tokens.input;
  batch.usage.cache_read += answer->tokens.cache_read;
  batch.usage.cache_write += answer->tokens.cache_write;
  batch.usage.output += answer->tokens.output;
  batch.output.add(answered_row(batch, number, custom_id, *answer), finished_at, fate, bill_row);
}

// Rows that were never run, where the provider names them.
void RowBatches::end_unrun_rows(Batch& batch) {
  const bool expired = batch.clock.last_phase() == BatchPhase::kExpired;
  for (std::size_t row = batch.next_row; row < batch.lines.size(); ++row) {
    const auto line = parser_.parse(
        batch.upload.bytes().substr(batch.lines[row].offset, batch.lines[row].length));
    const std::string custom_id = line ? read_row(batch, *line).custom_id : "";
    const RowFate fate = row_fate(batch.faults, world_.options.seed, batch.number, row, custom_id);
    if (auto text = unrun_row(batch, row_number(batch.number, row), custom_id, expired))
      batch.errors.add(*std::move(text), batch.clock.ends_at(), fate, std::nullopt);
  }
}

void RowBatches::settle(Batch& batch) {
  batch.settled = true;
  if (batch.validated && !batch.error) {
    if (batch.clock.last_phase() != BatchPhase::kCompleted) end_unrun_rows(batch);
    const bool shuffled = find_fault(batch.faults, FaultKind::kShuffleRows) != nullptr;
    for (ResultLines* lines : {&batch.output, &batch.errors})
      lines->settle(shuffled, world_.options.seed, batch.number);
    keep(batch);
  }
  if (world_.options.tells_ended)
    world_.ended.push_back(
        {.provider = traits().provider,
         .id = batch.id,
         .type = std::string(event_of(batch.error.has_value(), batch.clock.last_phase()))});
  // The input is not needed any more; the client may keep its file, the batch does not.
  batch.upload = {};
  std::vector<LineSpan>().swap(batch.lines);
}

}  // namespace weir::sim::openai_shape
