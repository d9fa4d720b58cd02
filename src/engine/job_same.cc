// Items whose request stands earlier in the input: sent once, answered many times. They are never members of anything; each
// is ended when the output reaches it, for the item that it repeats stands before it.
#include "engine/job_engine.h"
#include "json/patch.h"
#include "json/write.h"

namespace weir::engine {
namespace {

// Ended in one go: bounds what a crash makes us do again.
constexpr std::uint64_t kSamePerCall = 5000;
// What an answer's line says of the answer, not of the attempt that brought it.
constexpr std::string_view kShared[] = {"answer",     "repaired",      "error", "answer_text",
                                        "tool_calls", "finish_reason", "usage", "route"};

std::string same_line(std::string_view first, const Item& item, bool simulated) {
  json::Writer w;
  w.begin_object();
  if (item.id.empty()) w.key("id").null();
  else w.field("id", item.id);
  if (item.line != 0) w.field("line", static_cast<std::int64_t>(item.line));
  for (const auto key : kShared)
    if (const auto span = json::locate(first, {key})) w.key(key).raw(json::raw_at(first, *span));
  w.field("cost_usd", "0").field("cache", "none").field("attempts", std::int64_t{0}).key("same_as");
  if (const auto id = json::locate(first, {"id"})) w.raw(json::raw_at(first, *id));
  else w.null();
  if (simulated) w.field("simulated", true);
  w.end_object();
  return w.take();
}

}  // namespace

// Whether the item is still to be sent, or was and has no end: not ended, and no other's answer is its own.
Result<bool> JobEngine::is_open(std::uint64_t item) {
  WEIR_TRY(const auto end, log_->end_of(item));
  if (end != ItemEnd::kNone || !parts_.source.has_same()) return end == ItemEnd::kNone;
  WEIR_TRY(const auto first, parts_.source.same_as(item));
  return !first.has_value();
}

Result<void> JobEngine::answer_same(std::uint64_t item, std::uint64_t first) {
  WEIR_TRY(const auto source_item, parts_.source.item(item));
  if (source_item.rejected)
    return end_rejected(item, source_item, *source_item.rejected);  // it changed since
  WEIR_TRY(auto record, log_->record_of(first));
  // A failure is shared as well; a retry may yet bring the answer, and what that costs is not known before.
  if (record.end == ItemEnd::kSucceeded) {
    json::Parser parser;
    if (const auto line = parser.parse(record.line))
      if (const auto cost = parse_usd((*line)["cost_usd"].string_or("")))
        job_.same_cost += MoneySum{cost->pico};
    ++job_.same;
  }
  WEIR_CHECK(log_->append({.item = item,
                           .end = record.end,
                           .line = same_line(record.line, source_item, job_.simulated)}));
  if (deviating_.erase(item) != 0) rows_ended_.push_back(item);
  counts_.add(record.end);
  job_dirty_ = true;
  return {};
}

// Ends the repeated items that the output reaches next.
Result<void> JobEngine::answer_repeats() {
  if (!parts_.source.has_same()) return {};
  std::uint64_t done = 0;
  for (auto item = log_->output().items; item < job_.items && done < kSamePerCall; ++item) {
    WEIR_TRY(const auto end, log_->end_of(item));
    if (end != ItemEnd::kNone) continue;
    WEIR_TRY(const auto first, parts_.source.same_as(item));
    if (!first) return {};
    WEIR_TRY(const auto first_end, log_->end_of(*first));
    if (first_end == ItemEnd::kNone) return {};
    WEIR_CHECK(answer_same(item, *first));
    ++done;
  }
  return {};
}

}  // namespace weir::engine
