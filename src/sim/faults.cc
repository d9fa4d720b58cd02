#include "sim/faults.h"

#include <array>
#include <utility>

#include "base/hash.h"
#include "http/message.h"
#include "json/value.h"
#include "sim/draw.h"

namespace weir::sim {
namespace {

constexpr std::array<std::pair<std::string_view, FaultKind>, 20> kKinds{{
    {"rate_limited", FaultKind::kRateLimited},
    {"status", FaultKind::kStatus},
    {"overloaded", FaultKind::kOverloaded},
    {"timeout_before_accept", FaultKind::kTimeoutBeforeAccept},
    {"timeout_after_accept", FaultKind::kTimeoutAfterAccept},
    {"reset", FaultKind::kReset},
    {"cut_body", FaultKind::kCutBody},
    {"truncate", FaultKind::kTruncate},
    {"delay", FaultKind::kDelay},
    {"batch_refused", FaultKind::kBatchRefused},
    {"expire_batch", FaultKind::kExpireBatch},
    {"cancel_batch", FaultKind::kCancelBatch},
    {"slow_batch", FaultKind::kSlowBatch},
    {"invisible_batch", FaultKind::kInvisibleBatch},
    {"row_error", FaultKind::kRowError},
    {"missing_rows", FaultKind::kMissingRows},
    {"billed_but_undelivered", FaultKind::kBilledButUndelivered},
    {"duplicate_rows", FaultKind::kDuplicateRows},
    {"malformed_row", FaultKind::kMalformedRow},
    {"shuffle_rows", FaultKind::kShuffleRows},
}};

Duration from_seconds(double value) { return Duration(static_cast<std::int64_t>(value * 1e6)); }

Result<void> read_match(json::Value match, FaultRule& rule) {
  for (const auto member : match.members()) {
    const json::Value value(member.value);
    if (member.key == "provider") rule.provider = value.string_or("");
    else if (member.key == "operation") rule.operation = value.string_or("");
    else if (member.key == "nth") rule.nth = value.integer_or(0);
    else if (member.key == "every") rule.every = value.integer_or(0);
    else if (member.key == "times") rule.times_max = value.integer_or(0);
    else if (member.key == "probability") rule.probability = value.number().value_or(1);
    else if (member.key == "custom_id") rule.custom_id = value.string_or("");
    else if (member.key == "index") rule.index = value.integer();
    else
      return fail(ErrorKind::kInvalidArgument,
                  "match has no field '" + std::string(member.key) + "'");
  }
  return {};
}

Result<void> read_fault(json::Value fault, FaultRule& rule) {
  std::string_view kind = fault.string().value_or("");
  if (fault.is_object()) kind = fault["kind"].string().value_or("");
  const auto* known = kKinds.begin();
  while (known != kKinds.end() && known->first != kind) ++known;
  if (known == kKinds.end())
    return fail(ErrorKind::kInvalidArgument, "there is no fault '" + std::string(kind) + "'");
  rule.kind = known->second;
  if (rule.kind == FaultKind::kExpireBatch || rule.kind == FaultKind::kCancelBatch)
    rule.fraction = 0.5;
  for (const auto member : fault.members()) {
    const json::Value value(member.value);
    if (member.key == "kind") continue;
    if (member.key == "fraction" || member.key == "finished_fraction")
      rule.fraction = value.number().value_or(1);
    else if (member.key == "code") rule.code = value.integer_or(500);
    else if (member.key == "after_bytes") rule.after_bytes = value.integer_or(100);
    else if (member.key == "type") rule.type = value.string_or("");
    else if (member.key == "retry_after")
      rule.retry_after = from_seconds(value.number().value_or(1));
    else if (member.key == "seconds") rule.duration = from_seconds(value.number().value_or(0));
    else if (member.key == "accepted") rule.accepted = value.boolean().value_or(false);
    else
      return fail(ErrorKind::kInvalidArgument,
                  "fault has no field '" + std::string(member.key) + "'");
  }
  return {};
}

}  // namespace

bool is_batch_fault(FaultKind kind) { return kind >= FaultKind::kBatchRefused; }

Result<Faults> Faults::parse(std::string_view text, std::uint64_t seed) {
  Faults faults;
  faults.seed_ = seed;
  if (text.empty()) return faults;
  json::Parser parser;
  WEIR_TRY(const json::Value root, parser.parse(text));
  const json::Value rules = root.is_array() ? root : root["rules"];
  if (!rules.is_array())
    return fail(ErrorKind::kInvalidArgument, "the faults file holds no list of rules",
                "write [{\"match\":{...},\"fault\":{\"kind\":...}}]");
  for (const auto item : rules.items()) {
    FaultRule rule;
    auto done = read_match(json::Value(item)["match"], rule);
    if (done) done = read_fault(json::Value(item)["fault"], rule);
    if (!done)
      return fail(
          ErrorKind::kInvalidArgument,
          "fault rule " + std::to_string(faults.rules_.size() + 1) + ": " + done.error().message);
    // A batch's own faults are decided where it is made, whatever else the rule leaves open.
    if (is_batch_fault(rule.kind) && rule.operation.empty()) rule.operation = "batch_create";
    faults.rules_.push_back(std::move(rule));
  }
  return faults;
}

std::vector<const FaultRule*> Faults::triggered(std::string_view provider,
                                                std::string_view operation, std::string_view alias,
                                                std::uint64_t sequence) {
  std::vector<const FaultRule*> out;
  std::uint64_t place = 0;
  for (auto& rule : rules_) {
    ++place;
    if (!rule.provider.empty() && !http::equal_ignoring_case(rule.provider, provider)) continue;
    if (!rule.operation.empty() && rule.operation != operation && rule.operation != alias) continue;
    ++rule.seen;
    if (rule.nth > 0 && rule.seen != rule.nth) continue;
    if (rule.every > 0 && rule.seen % rule.every != 0) continue;
    if (rule.times_max > 0 && rule.fired >= rule.times_max) continue;
    if (rule.probability < 1 && draw(seed_, "fault", sequence, place).unit() >= rule.probability)
      continue;
    ++rule.fired;
    out.push_back(&rule);
  }
  return out;
}

}  // namespace weir::sim
