#include "sim/bill.h"

#include <algorithm>
#include <utility>

namespace weir::sim {
namespace {

constexpr std::size_t kBillPieceBytes = 256 * 1024;

std::string decimal(__int128 value) {
  std::string digits;
  do {
    digits.push_back(static_cast<char>('0' + static_cast<int>(value % 10)));
    value /= 10;
  } while (value > 0);
  std::reverse(digits.begin(), digits.end());
  return digits;
}

std::string row_json(const BillRow& row) {
  json::Writer out;
  out.begin_object()
      .field("attempt_id", row.attempt_id)
      .field("account", row.account)
      .field("provider", row.provider)
      .field("model", row.model)
      .field("route", row.route == Route::kSync ? "sync" : "batch");
  if (row.route == Route::kBatch) {
    out.field("batch_id", row.batch_id).field("custom_id", row.custom_id);
  } else {
    out.key("batch_id").null().key("custom_id").null();
  }
  out.field("at", to_rfc3339(row.at)).key("tokens").begin_object();
  out.field("input", row.tokens.input)
      .field("cache_read", row.tokens.cache_read)
      .field("cache_write_5m", row.tokens.cache_write_5m)
      .field("cache_write_1h", row.tokens.cache_write_1h)
      .field("cache_write", row.tokens.cache_write)
      .field("output", row.tokens.output)
      .end_object();
  out.field("pico_usd", row.pico_usd).field("delivered", row.delivered).end_object();
  return out.take();
}

}  // namespace

void Bill::write(bool jsonl, std::string_view account,
                 const std::function<void(std::string&&)>& emit) const {
  std::string piece = jsonl ? "" : "{\"rows\":[";
  bool first = true;
  __int128 total = 0;
  for (const auto& row : rows_) {
    if (!account.empty() && row.account != account) continue;
    total += row.pico_usd;
    if (!jsonl && !first) piece += ',';
    first = false;
    piece += row_json(row);
    if (jsonl) piece += '\n';
    if (piece.size() >= kBillPieceBytes) emit(std::exchange(piece, {}));
  }
  if (!jsonl) piece += "],\"total_pico_usd\":" + decimal(total) + "}";
  if (!piece.empty()) emit(std::move(piece));
}

}  // namespace weir::sim
