#include "sim/result_lines.h"

#include <algorithm>
#include <utility>

#include "sim/draw.h"

namespace weir::sim {
namespace {

constexpr std::size_t kPieceBytes = 256 * 1024;

bool strikes(const FaultRule& rule, std::uint64_t seed, std::uint64_t batch, std::size_t row,
             std::string_view custom_id) {
  if (!rule.custom_id.empty() && rule.custom_id != custom_id) return false;
  if (rule.index && *rule.index != static_cast<std::int64_t>(row)) return false;
  if (rule.fraction >= 1) return true;
  const auto kind = static_cast<std::uint64_t>(rule.kind);
  return draw(seed ^ (kind << 56), "row fate", batch, row).unit() < rule.fraction;
}

}  // namespace

RowFate row_fate(const std::vector<FaultRule>& faults, std::uint64_t seed, std::uint64_t batch,
                 std::size_t row, std::string_view custom_id) {
  RowFate fate;
  for (const auto& rule : faults) {
    const bool of_rows = rule.kind == FaultKind::kMissingRows ||
                         rule.kind == FaultKind::kBilledButUndelivered ||
                         rule.kind == FaultKind::kDuplicateRows ||
                         rule.kind == FaultKind::kMalformedRow || rule.kind == FaultKind::kRowError;
    if (!of_rows || !strikes(rule, seed, batch, row, custom_id)) continue;
    fate.missing |= rule.kind == FaultKind::kMissingRows;
    fate.undelivered |= rule.kind == FaultKind::kBilledButUndelivered;
    fate.doubled |= rule.kind == FaultKind::kDuplicateRows;
    fate.malformed |= rule.kind == FaultKind::kMalformedRow;
    if (rule.kind == FaultKind::kRowError) fate.error = rule.type;
  }
  return fate;
}

std::vector<FaultRule> batch_faults(const Call& call) {
  std::vector<FaultRule> out;
  for (const FaultRule* rule : call.faults)
    if (is_batch_fault(rule->kind)) out.push_back(*rule);
  return out;
}

const FaultRule* find_fault(const std::vector<FaultRule>& faults, FaultKind kind) {
  const auto found = std::find_if(faults.begin(), faults.end(),
                                  [&](const FaultRule& rule) { return rule.kind == kind; });
  return found == faults.end() ? nullptr : &*found;
}

void ResultLines::add(std::string line, Time finished_at, const RowFate& fate,
                      std::optional<std::size_t> bill_row) {
  if (fate.missing || fate.undelivered) return;
  if (fate.malformed) line.resize(line.size() / 2);
  line += '\n';
  bytes_ += line.size() * (fate.doubled ? 2 : 1);
  if (fate.doubled) lines_.push_back({line, finished_at, lines_.size(), bill_row, fate.malformed});
  lines_.push_back({std::move(line), finished_at, lines_.size(), bill_row, fate.malformed});
}

void ResultLines::settle(bool shuffled, std::uint64_t seed, std::uint64_t batch) {
  std::sort(lines_.begin(), lines_.end(), [](const Line& a, const Line& b) {
    return a.finished_at != b.finished_at ? a.finished_at < b.finished_at : a.number < b.number;
  });
  if (!shuffled) return;
  auto random = draw(seed, "shuffle", batch);
  for (std::size_t left = lines_.size(); left > 1; --left) {
    const auto chosen = static_cast<std::size_t>(random.below(left));
    std::swap(lines_[left - 1], lines_[chosen]);
  }
}

void ResultLines::write(Reply& reply, std::vector<Call::Delivery>& deliveries) const {
  std::string piece;
  std::size_t sent = 0;
  for (const auto& line : lines_) {
    piece += line.text;
    sent += line.text.size();
    // Half a row delivers nothing that anybody could use.
    if (line.bill_row && !line.malformed) deliveries.push_back({sent, *line.bill_row});
    if (piece.size() >= kPieceBytes) reply.body.push_back({Duration(0), std::exchange(piece, {})});
  }
  if (!piece.empty()) reply.body.push_back({Duration(0), std::move(piece)});
}

}  // namespace weir::sim
