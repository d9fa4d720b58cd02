// How an item ends: exactly once, with a record in the result log and its output line.
#include <fmt/format.h>

#include <algorithm>

#include "cost/pricing.h"
#include "engine/job_engine.h"
#include "json/write.h"

namespace weir::engine {
namespace {

constexpr std::size_t kRowReasonsMax = 12;

std::vector<std::string> reasons_of(std::string_view json_array) {
  json::Parser parser;
  std::vector<std::string> out;
  const auto parsed = parser.parse(json_array);
  if (!parsed) return out;
  for (const auto reason : parsed->items()) out.push_back(json::Value(reason).string_or(""));
  return out;
}

void write_usage(json::Writer& w, const llm::Usage& usage) {
  w.key("usage").begin_object();
  w.field("input", usage.input.count).field("cache_read", usage.cache_read.count);
  w.field("cache_write_5m", usage.cache_write_5m.count);
  w.field("cache_write_1h", usage.cache_write_1h.count);
  w.field("cache_write", usage.cache_write.count).field("output", usage.output.count).end_object();
}

void write_error(json::Writer& w, const Error& error) {
  w.key("error")
      .begin_object()
      .field("kind", to_string(error.kind))
      .field("message", error.message);
  if (!error.hint.empty()) w.field("hint", error.hint);
  if (error.http_status != 0) w.field("http_status", static_cast<std::int64_t>(error.http_status));
  if (!error.provider_code.empty()) w.field("code", error.provider_code);
  if (!error.request_id.empty()) w.field("request_id", error.request_id);
  w.end_object();
}

// What the cache did for this request.
std::string_view cache_outcome(const llm::Usage& usage, bool marked) {
  if (usage.cache_read.count > 0) return "hit";
  if (usage.written().count > 0) return "write";
  return marked ? "miss" : "none";
}

}  // namespace

llm::Usage usage_of_line(json::Value line) {
  const auto usage = line["usage"];
  const auto tokens = [&](std::string_view key) { return Tokens{usage[key].integer_or(0)}; };
  return {tokens("input"),          tokens("cache_read"),  tokens("cache_write_5m"),
          tokens("cache_write_1h"), tokens("cache_write"), tokens("output")};
}

std::string JobEngine::output_line(const Ending& e) const {
  json::Writer w;
  w.begin_object();
  if (e.id.empty()) w.key("id").null();
  else w.field("id", e.id);
  if (e.line != 0) w.field("line", static_cast<std::int64_t>(e.line));
  if (e.end == ItemEnd::kSucceeded) {
    w.key("answer").raw(e.answer_json);
    if (!e.repaired.empty()) w.field("repaired", e.repaired);
  }
  if (e.error) write_error(w, *e.error);
  if (e.response) {
    // A paid answer that failed its check is still the user's.
    if (e.end != ItemEnd::kSucceeded) w.field("answer_text", e.response->text);
    if (!e.response->tool_calls_json.empty()) w.key("tool_calls").raw(e.response->tool_calls_json);
    w.field("finish_reason", llm::to_string(e.response->finish));
    write_usage(w, e.response->usage);
    w.field("cost_usd", to_usd(e.cost)).field("route", llm::to_string(e.route));
    w.field("cache", cache_outcome(e.response->usage, e.marked));
    w.field("attempt_id", e.attempt_id);
  }
  w.field("attempts", static_cast<std::int64_t>(e.attempts));
  if (!e.reasons.empty()) {
    w.key("reasons").begin_array();
    for (const auto& reason : e.reasons) w.string(reason);
    w.end_array();
  }
  if (job_.simulated) w.field("simulated", true);
  w.end_object();
  return w.take();
}

Result<void> JobEngine::end_item(Ending ending) {
  const auto row = deviating_.find(ending.item);
  if (row != deviating_.end()) {
    ending.reasons = reasons_of(row->second.reasons);
    ending.attempts += row->second.attempts;
  }
  ResultLog::Record record{
      .item = ending.item, .batch = ending.batch, .sequence = ending.sequence, .end = ending.end};
  record.line = output_line(ending);
  if (ending.response) record.usage_raw = ending.response->usage_raw;
  WEIR_CHECK(log_->append(record));
  if (row != deviating_.end()) {
    deviating_.erase(row);
    rows_ended_.push_back(ending.item);
  }
  retry_due_.erase(ending.item);
  rate_limited_.erase(ending.item);
  counts_.add(ending.end);
  job_dirty_ = true;
  idle_ = false;  // though nothing of it is waited for: items that are not sent end within a turn
  return {};
}

// An item that is not sent: it was no good at accept, or cannot be said to this provider.
Result<void> JobEngine::end_rejected(std::uint64_t item, const Item& source_item, Error error) {
  return end_item({.item = item,
                   .end = ItemEnd::kFailed,
                   .id = source_item.id,
                   .line = source_item.line,
                   .error = std::move(error)});
}

// An item whose tries are over. `sequence` is its last sync attempt's.
Result<void> JobEngine::end_failed(std::uint64_t item, std::uint64_t sequence, Error error,
                                   ItemEnd end) {
  Item known;
  if (auto source_item = parts_.source.item(item)) known = std::move(*source_item);
  return end_item({.item = item,
                   .sequence = sequence,
                   .end = end,
                   .id = known.id,
                   .line = known.line,
                   .error = std::move(error)});
}

cost::LedgerEntry JobEngine::billed_entry(cost::LedgerEntry entry, llm::Route route) const {
  const auto& row = parts_.model.price_at(entry.priced_at);
  entry.cost = cost::cost_of(entry.usage, row, route);
  entry.baseline = cost::baseline_of(entry.usage, row);
  entry.uncached = cost::uncached_cost_of(entry.usage, row, route);
  return entry;
}

void JobEngine::book(const cost::LedgerEntry& entry) {
  ledger_pending_.push_back(entry);
  totals_.add(entry);
}

// A billed answer: booked, checked, written. `entry` names the attempt; its money is filled in here.
Result<void> JobEngine::end_answered(llm::Response response, llm::Route route,
                                     cost::LedgerEntry entry, std::string attempt_id, bool marked) {
  Ending ending{.item = entry.item,
                .batch = entry.batch,
                .sequence = entry.sequence,
                .attempt_id = std::move(attempt_id),
                .route = route,
                .marked = marked,
                .attempts = 1};
  entry.usage = response.usage;
  entry = billed_entry(entry, route);
  WEIR_TRY(const auto end, log_->end_of(entry.item));
  if (end != ItemEnd::kNone) {  // another attempt was faster: paid, not needed
    book(entry);
    return {};
  }
  entry.answered = true;
  ending.cost = entry.cost;
  auto source_item = parts_.source.item(entry.item);
  if (source_item) {
    ending.id = source_item->id;
    ending.line = source_item->line;
  }
  auto checked = parts_.source.check(entry.item, response);
  ending.end = checked ? ItemEnd::kSucceeded : ItemEnd::kFailed;
  if (checked) {
    ending.answer_json = std::move(checked->json);
    ending.repaired = std::move(checked->repaired);
  } else {
    ending.error = std::move(checked).error();
    if (response.finish == llm::FinishReason::kLength)
      ending.error->hint = "the answer was cut at the output limit: raise --max-tokens";
  }
  ending.response = std::move(response);
  WEIR_CHECK(end_item(std::move(ending)));
  book(entry);
  return {};
}

ItemRow& JobEngine::deviate(const PlanEntry& entry, ItemRow::State state, std::string why) {
  const auto [found, fresh] = deviating_.try_emplace(entry.item);
  auto& row = found->second;
  if (fresh) row.marks = entry.marks.bits();
  row.item = entry.item;
  row.state = state;
  auto reasons = reasons_of(row.reasons);
  if (reasons.size() < kRowReasonsMax && (reasons.empty() || reasons.back() != why))
    reasons.push_back(std::move(why));
  json::Writer w;
  w.begin_array();
  for (const auto& reason : reasons) w.string(reason);
  w.end_array();
  row.reasons = w.take();
  rows_dirty_.push_back(entry.item);
  return row;
}

}  // namespace weir::engine
