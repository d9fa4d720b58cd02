#include "sim/gemini_shape/row_batches.h"

#include <algorithm>

#include "sim/draw.h"

namespace weir::sim::gemini_shape {
namespace {

// Doc: https://ai.google.dev/gemini-api/docs/webhooks (checked 2026-11-27)
std::string_view event_of(bool failed, BatchPhase last) {
  if (failed) return "batch.failed";
  if (last == BatchPhase::kExpired) return "batch.expired";
  return last == BatchPhase::kCancelled ? "batch.cancelled" : "batch.succeeded";
}

// What chance is drawn for: no row of any batch shares it with another.
std::uint64_t row_number(std::uint64_t batch, std::size_t row) {
  return (batch << 32) + static_cast<std::uint64_t>(row) + (std::uint64_t{1} << 56);
}

ApiError row_error(std::string_view type) {
  if (type == "RESOURCE_EXHAUSTED" || type == "rate_limit_exceeded") return usual_error(429, "");
  if (type == "INVALID_ARGUMENT" || type == "invalid_request" || type == "invalid_request_error")
    return usual_error(400, "");
  return usual_error(500, "");
}

}  // namespace

std::vector<LineSpan> index_lines(std::string_view file) {
  std::vector<LineSpan> lines;
  for (std::size_t at = 0; at < file.size();) {
    auto end = file.find('\n', at);
    if (end == std::string_view::npos) end = file.size();
    std::size_t length = end - at;
    if (length > 0 && file[end - 1] == '\r') --length;
    if (length > 0) lines.push_back({at, static_cast<std::uint32_t>(length)});
    at = end + 1;
  }
  return lines;
}

RowBatches::Batch& RowBatches::add(Call& call, std::string id,
                                   std::shared_ptr<const std::string> bytes,
                                   std::vector<LineSpan> lines, const BatchPhases& phases) {
  Batch& batch = batches_.emplace_back();
  batch.number = ++made_;
  batch.id = std::move(id);
  batch.account = call.account;
  batch.bytes = std::move(bytes);
  batch.lines = std::move(lines);
  batch.rows_total = batch.lines.size();
  batch.faults = batch_faults(call);
  batch.clock = BatchClock({.seed = world_.options.seed,
                            .batch = batch.number,
                            .created_at = call.now,
                            .rows = batch.rows_total,
                            .validation_min = phases.begin_min,
                            .validation_max = phases.begin_max,
                            .finalizing_min = phases.finish_min,
                            .finalizing_max = phases.finish_max,
                            .life = phases.life},
                           batch.faults);
  batch.visible_at = call.now;
  if (const auto* rule = find_fault(batch.faults, FaultKind::kInvisibleBatch))
    batch.visible_at += rule->duration;
  live_.push_back(&batch);
  return batch;
}

RowBatches::Batch* RowBatches::find(std::string_view account, std::string_view id) {
  const auto found = std::ranges::find_if(
      batches_, [&](const Batch& batch) { return batch.id == id && batch.account == account; });
  return found == batches_.end() ? nullptr : &*found;
}

std::size_t RowBatches::size() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(batches_, [](const Batch& batch) { return !batch.id.empty(); }));
}

std::vector<const RowBatches::Batch*> RowBatches::visible(const Call& call) const {
  std::vector<const Batch*> found;
  for (auto batch = batches_.rbegin(); batch != batches_.rend(); ++batch)
    if (batch->account == call.account && batch->visible_at <= call.now) found.push_back(&*batch);
  return found;
}

void RowBatches::erase(std::string_view account, std::string_view id) {
  Batch* batch = find(account, id);
  if (batch == nullptr) return;
  std::erase(live_, batch);
  // References to the others stay: a deque would move them, so the place stays, without a name.
  *batch = Batch{};
  batch->settled = true;
}

bool RowBatches::begun(const Batch& batch, Time now) const {
  const auto cancelled = batch.clock.cancel_at();
  return batch.clock.begins_at() <= now && (!cancelled || batch.clock.begins_at() < *cancelled);
}

bool RowBatches::has_ended(const Batch& batch, Time now) const {
  return batch.settled || batch.clock.ended(now) || (batch.failure && begun(batch, now));
}

void RowBatches::advance(Time now) {
  while (true) {
    Batch* first = nullptr;
    for (Batch* batch : live_) {
      if (batch->failure || !begun(*batch, now) || !batch->clock.runs(batch->next_row)) continue;
      const Time start = batch->clock.row_start(batch->next_row);
      if (start > now) continue;
      if (first == nullptr || start < first->clock.row_start(first->next_row)) first = batch;
    }
    if (first == nullptr) break;
    run_row(*first);
  }
  for (Batch* batch : live_)
    if (has_ended(*batch, now)) settle(*batch);
  std::erase_if(live_, [](const Batch* batch) { return batch->settled; });
}

void RowBatches::run_row(Batch& batch) {
  const std::size_t row = batch.next_row++;
  const Time start = batch.clock.row_start(row);
  const std::uint64_t seed = world_.options.seed, number = row_number(batch.number, row);
  const auto line = parser_.parse(
      std::string_view(*batch.bytes).substr(batch.lines[row].offset, batch.lines[row].length));
  WEIR_ASSERT(line.has_value());  // all lines were read when it was made
  const Row asked = read_row(*line);
  const auto& key = asked.key;
  const RowFate fate = row_fate(batch.faults, seed, batch.number, row, key);
  const auto fails = [&](const ApiError& error) {
    ++batch.failed;
    batch.ran.push_back({failed_row(asked, error), start, fate, std::nullopt});
  };
  if (fate.missing) return;
  if (fate.error) return fails(row_error(*fate.error));
  const auto request = read_generate(*batch.row, batch.model, asked.request);
  if (!request) return fails(request.error());
  const bool hits = draw(seed, "batch hit", number).unit() < world_.options.batch_hit_rate;
  const auto content = generator_.generate(*request, {.account = batch.account,
                                                      .start = start,
                                                      .priced_at = batch.clock.created_at(),
                                                      .number = number,
                                                      .batch = true,
                                                      .may_read_cache = hits});
  if (!content) return fails(content.error());
  const Time last = std::min(batch.clock.done_at(), batch.clock.expires_at());
  const Time finished_at =
      std::min(last, start + content->latency.first_byte + content->latency.rest);
  ++batch.succeeded;
  batch.ran.push_back({answered_row(asked, *content), finished_at, fate,
                       BillRow{.attempt_id = key,
                               .account = batch.account,
                               .provider = traits().provider,
                               .model = content->row->model,
                               .route = Route::kBatch,
                               .batch_id = batch.id,
                               .custom_id = key,
                               .at = finished_at,
                               .tokens = content->tokens,
                               .pico_usd = content->pico_usd}});
}

void RowBatches::settle(Batch& batch) {
  batch.settled = true;
  const bool completed = batch.clock.last_phase() == BatchPhase::kCompleted;
  if (!batch.failure && (completed || traits().partial_results)) {
    for (auto& ran : batch.ran) {
      std::optional<std::size_t> bill_row;
      if (ran.bill) bill_row = world_.bill.add(*std::move(ran.bill));
      // Lines of the same time keep the order in which they were added, the input's.
      const Time place = traits().ordered_results ? batch.clock.created_at() : ran.finished_at;
      batch.output.add(std::move(ran.line), place, ran.fate, bill_row);
    }
    const bool shuffled = find_fault(batch.faults, FaultKind::kShuffleRows) != nullptr;
    batch.output.settle(shuffled, world_.options.seed, batch.number);
    keep(batch);
  }
  if (world_.options.tells_ended)
    world_.ended.push_back(
        {.provider = traits().provider,
         .id = batch.id,
         .type = std::string(event_of(batch.failure.has_value(), batch.clock.last_phase()))});
  // The input is not needed any more; the client may keep its file, the batch does not.
  batch.bytes.reset();
  std::vector<LineSpan>().swap(batch.lines);
  std::vector<RanRow>().swap(batch.ran);
}

}  // namespace weir::sim::gemini_shape
