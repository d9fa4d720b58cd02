// Batches are planned, and their images written item by item.
#include <fmt/format.h>

#include <algorithm>

#include "base/hash.h"
#include "cost/pricing.h"
#include "engine/job_engine.h"

namespace weir::engine {
namespace {

// Image bytes encoded in one turn: the engine answers events in between.
constexpr std::uint64_t kFillBytesPerTurn = 4U << 20;
constexpr std::uint64_t kImageBuffer = 1U << 20;
// Items that never ran wait for company before they make a batch of their own.
constexpr std::size_t kReplanMin = 1000;

Error no_time() {
  return {.kind = ErrorKind::kDeadlineExceeded,
          .message = "another batch could not end before the deadline"};
}

}  // namespace

std::string JobEngine::image_path(std::uint64_t number) const {
  return fmt::format("{}/batch-{}.image", options_.folder, number);
}

std::vector<PlanEntry> JobEngine::replan_candidates() const {
  std::vector<PlanEntry> out;
  for (const auto& [item, row] : deviating_) {
    if (row.state != ItemRow::State::kReplan) continue;
    out.push_back(
        {.item = static_cast<std::uint32_t>(item), .marks = PackedMarks::from_bits(row.marks)});
    if (out.size() == filled(parts_.provider.batch->requests_max)) break;
  }
  return out;
}

Result<void> JobEngine::plan_batches(Time now) {
  if (filling_) return fill(now);
  if (spend_stopped_ || spend_waits_ || running() >= options_.batches_running_max) return {};
  if (!job_.parts.empty()) return plan_part(now);
  if (stage_under_way()) return {};
  if (job_.next_place < job_.items) {
    auto next = order();
    const auto end = ahead() ? job_.stages[job_.stage].end : job_.items;
    next.first = job_.next_place;
    next.count = end - job_.next_place;
    if (rest_standard_) return {};
    const Time begin = next_batch_at(now);
    rest_standard_ =
        options_.fallback_to_standard && !time_for_a_batch(job_.items - job_.next_place, begin);
    if (rest_standard_) {
      reason(
          "there is no time for another batch before the deadline: the rest goes by the standard "
          "API");
      return {};
    }
    return begin > now ? Result<void>() : start_filling(Filling::From::kOrder, next, now);
  }
  return plan_again(now);
}

// Whether what goes ahead of the rest has been sent and must end first.
bool JobEngine::stage_under_way() {
  while (ahead() && job_.next_place >= job_.stages[job_.stage].end) {
    if (running() > 0) return true;
    if (job_.stages[job_.stage].probe) judge_probe();
    ++job_.stage;
    job_dirty_ = true;
  }
  return false;
}

// What the provider refused, without the line that it named, or in halves.
Result<void> JobEngine::plan_part(Time now) {
  const auto members = job_.parts.back().members;
  const Time begin = next_batch_at(now);
  if (!options_.fallback_to_standard || time_for_a_batch(members.count, begin))
    return begin > now ? Result<void>() : start_filling(Filling::From::kPart, members, now);
  job_.parts.pop_back();
  job_dirty_ = true;
  for (std::uint64_t sequence = 0; sequence < members.count; ++sequence) {
    WEIR_TRY(const auto entry, member(members, sequence));
    WEIR_TRY(const bool open, is_open(entry.item));
    // One that an earlier process sent already, and did not live to commit that, goes its way by itself.
    if (open && !left_batch(entry.item)) WEIR_CHECK(fall_back(entry, no_time(), now));
  }
  return {};
}

// Items that never ran get another batch, where there is time for one.
Result<void> JobEngine::plan_again(Time now) {
  const auto candidates = replan_candidates();
  if (candidates.empty() || (candidates.size() < kReplanMin && running() > 0)) return {};
  const Time begin = next_batch_at(now);
  if (time_for_a_batch(candidates.size(), begin)) {
    if (begin > now) return {};
    const MemberRange range{.planned = true, .first = plan_->entries(), .count = candidates.size()};
    for (const auto& entry : candidates) WEIR_CHECK(plan_->append(entry));
    return start_filling(Filling::From::kReplan, range, now);
  }
  for (const auto& entry : candidates) WEIR_CHECK(fall_back(entry, no_time(), now));
  return {};
}

Result<void> JobEngine::start_filling(Filling::From from, MemberRange range, Time now) {
  Filling filling;
  filling.from = from;
  filling.range = range;
  filling.state.number = ++job_.batches;
  filling.state.id = BatchId::make(now, parts_.random);
  filling.state.planned_at = now;
  filling.state.members = {.planned = range.planned, .first = range.first};
  if (ahead() && from == Filling::From::kOrder)
    filling.state.ahead = job_.stages[job_.stage].probe ? Ahead::kProbe : Ahead::kPriming;
  limit(filling);
  filling.path = image_path(filling.state.number);
  WEIR_TRY(filling.image, parts_.files.open(filling.path));
  WEIR_CHECK(filling.image->truncate(0));
  filling.buffer = parts_.adapter.image_format().head;
  filling_ = std::move(filling);
  return fill(now);
}

Result<void> JobEngine::fill(Time now) {
  auto& filling = *filling_;
  const auto started_at = filling.written;
  for (;;) {
    auto& state = filling.state;
    auto& sequence = state.members.count;
    if (sequence == filling.range.count || state.items >= filling.items_max)
      return finish_filling(now);
    WEIR_TRY(const auto entry, member(filling.range, sequence));
    WEIR_TRY(const auto fit, fill_item(entry, sequence, now));
    if (fit == Fit::kFull) return finish_filling(now);
    ++sequence;
    if (filling.buffer.size() >= kImageBuffer) WEIR_CHECK(flush_image());
    if (filling.written - started_at >= kFillBytesPerTurn) return {};
  }
}

Result<JobEngine::Fit> JobEngine::fill_item(const PlanEntry& entry, std::uint64_t sequence,
                                            Time now) {
  auto& filling = *filling_;
  const auto item = entry.item;
  // Another's answer is its own; or it was rejected, in an image that was begun before; or it goes by the standard API.
  WEIR_TRY(const bool open, is_open(item));
  if (!open || (left_batch(item) && filling.from != Filling::From::kReplan)) return Fit::kSkipped;
  auto source_item = parts_.source.item(item);
  if (!source_item || source_item->rejected) {
    const auto error = source_item ? *source_item->rejected : source_item.error();
    WEIR_CHECK(end_rejected(item, source_item.value_or(Item{}), error));
    return Fit::kSkipped;
  }
  const auto id = source_item->id;
  const auto line = source_item->line;
  bool marked = false;
  const auto request = prepared(std::move(*source_item), entry.marks, job_.plan.cache, &marked);
  auto& buffer = filling.buffer;
  const auto before = buffer.size();  // what does not go into this batch is taken out again
  const auto format = parts_.adapter.image_format();
  if (filling.state.items > 0) buffer += format.separator;
  const auto begin = buffer.size();
  const auto done =
      parts_.adapter.encode_item(custom_id(filling.state.id, sequence), request, buffer);
  const auto bytes = buffer.size() - begin;
  const auto& limits = *parts_.provider.batch;
  if (!done || bytes > limits.line_bytes_max) {
    buffer.resize(before);
    auto error =
        done ? Error{.kind = ErrorKind::kInvalidArgument,
                     .message = fmt::format("the request has {} bytes, the provider takes {} in a "
                                            "batch",
                                            bytes, limits.line_bytes_max),
                     .hint = "shorten the document"}
             : done.error();
    WEIR_CHECK(end_rejected(item, {.id = id, .line = line}, std::move(error)));
    return Fit::kSkipped;
  }
  const auto total = filling.written + buffer.size() + format.tail.size();
  const bool full =
      filling.state.items > 0 &&
      (total > filling.bytes_max ||
       static_cast<std::uint64_t>(cost::estimate_tokens(total).count) > filling.tokens_max);
  const Money ceiling = ceiling_of(request, llm::Route::kBatch, bytes, now);
  if (full || !affordable(ceiling)) {
    buffer.resize(before);
    if (full) return Fit::kFull;
    spend_waits_ = true;  // what runs may yet free its reserve
    spend_stopped_ = flights_.empty() && running() == 0 && filling.state.items == 0;
    return Fit::kFull;
  }
  filling.state.ceiling = filling.state.ceiling + ceiling;
  ++filling.state.items;
  return Fit::kTaken;
}

Result<void> JobEngine::flush_image() {
  auto& filling = *filling_;
  WEIR_CHECK(filling.image->write(filling.written, filling.buffer));
  filling.written += filling.buffer.size();
  filling.digest = content_digest(filling.digest + content_digest(filling.buffer));
  filling.buffer.clear();
  return {};
}

// What the batch took is planned: the cursor of where it came from moves, in the same commit that makes the batch.
void JobEngine::advance() {
  const auto& filling = *filling_;
  const auto taken = filling.state.members.count;
  job_dirty_ = true;
  if (filling.from == Filling::From::kOrder) job_.next_place += taken;
  if (filling.from != Filling::From::kPart) return;
  auto& part = job_.parts.back().members;
  part.first += taken;
  part.count -= taken;
  if (part.count == 0) job_.parts.pop_back();
}

Result<void> JobEngine::drop_filling() {
  const auto path = filling_->path;
  filling_.reset();
  --job_.batches;
  return parts_.files.remove(path);
}

// The image is whole: the batch becomes an aggregate.
Result<void> JobEngine::finish_filling(Time now) {
  auto& filling = *filling_;
  if (filling.state.items > 0 && filling.state.items < parts_.provider.batch->requests_min)
    return too_few(now);
  advance();
  if (filling.state.items == 0)
    return drop_filling();  // every item was rejected, or nothing is affordable: no batch
  filling.buffer += parts_.adapter.image_format().tail;
  WEIR_CHECK(flush_image());
  WEIR_CHECK(filling.image->sync());
  filling.state.image_bytes = filling.written;
  filling.state.image_digest = filling.digest;
  if (filling.from == Filling::From::kReplan) {
    for (std::uint64_t sequence = 0; sequence < filling.state.members.count; ++sequence) {
      WEIR_TRY(const auto entry, member(filling.state.members, sequence));
      const auto row = deviating_.find(entry.item);
      if (row == deviating_.end()) continue;
      row->second.state = ItemRow::State::kInBatch;
      rows_dirty_.push_back(entry.item);
    }
  }
  reserve(filling.state.ceiling);
  account_->batches().created(filling.state.planned_at, now);
  enqueue(filling.state);
  BatchRun run;
  run.state = std::move(filling.state);
  filling_.reset();
  const auto number = run.state.number;
  auto& placed = batches_.emplace(number, std::move(run)).first->second;
  return feed(placed, {.kind = provider::BatchEvent::Kind::kStart}, now);
}

}  // namespace weir::engine
