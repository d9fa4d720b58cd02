#include "library/cost_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "config/calendar.h"
#include "json/write.h"
#include "library/host.h"
#include "runtime/posix_files.h"

namespace weir::library {
namespace {

constexpr std::chrono::minutes kAgain{1};

std::optional<Time> read_until(const std::string& file) {
  const auto text = runtime::read_whole_file(file, 4096);
  if (!text) return std::nullopt;
  json::Parser parser;
  const auto told = parser.parse(*text);
  const auto until = told ? (*told)["until_us"].integer() : std::nullopt;
  return until ? std::optional(from_unix_micros(*until)) : std::nullopt;
}

// Losing it costs a report or repeats one; the ledger has all of it.
void keep_until(const std::string& file, Time until) {
  json::Writer w;
  w.begin_object().field("version", std::int64_t{1}).field("until_us", unix_micros(until));
  w.end_object();
  std::ignore = runtime::write_whole_file(file, w.take());
}

std::string figures(const Sums& sums, bool savings) {
  const auto& totals = sums.totals;
  auto out = "spent " + human_usd(totals.spent);
  if (savings) {
    const auto saved = totals.baseline - totals.spent;
    out += fmt::format(", baseline {}, saved {}", human_usd(totals.baseline), human_usd(saved));
    if (totals.baseline.pico > 0)
      out += fmt::format(" ({:.0f} %)", 100 * static_cast<double>(saved.pico) /
                                            static_cast<double>(totals.baseline.pico));
    if (sums.would_have_saved.pico != 0)
      out += fmt::format(", auto would have saved {}", human_usd(sums.would_have_saved));
  }
  out += fmt::format(", {} requests", totals.answers);
  if (totals.unknown > 0)
    out += fmt::format(", {} of unknown outcome: {} at most", totals.unknown,
                       human_usd(totals.exposure));
  return out;
}

bool has_any(const Sums& sums) {
  return sums.tracked &&
         (sums.totals.answers > 0 || sums.totals.billed > 0 || sums.totals.unknown > 0);
}

}  // namespace

std::vector<std::string> report_lines(const std::map<LedgerKey, Sums>& sums, Span span,
                                      bool savings) {
  const auto head =
      fmt::format("costs from {} to {}", to_rfc3339(span.from), to_rfc3339(span.until));
  Sums all;
  std::vector<std::string> out{""};
  for (const auto& [key, sum] : sums) {
    if (!has_any(sum)) continue;
    all.totals.spent += sum.totals.spent;
    all.totals.baseline += sum.totals.baseline;
    all.totals.exposure += sum.totals.exposure;
    all.totals.answers += sum.totals.answers;
    all.totals.unknown += sum.totals.unknown;
    all.would_have_saved += sum.would_have_saved;
    out.push_back(
        fmt::format("{}: {}/{}: {}", head, key.provider, key.model, figures(sum, savings)));
  }
  out.front() = fmt::format("{}: {}", head, figures(all, savings));
  return out;
}

CostReport::CostReport(std::string file, Time now) : file_(std::move(file)) {
  const auto until = read_until(file_);
  reported_until_ = until.value_or(now);
  if (!until) keep_until(file_, now);
}

Time CostReport::run(Host& host) {
  const auto config = host.settings().current();
  const auto& wanted = config->optimization;
  const auto now = host.clock().now();
  const auto end = config::begin_of(wanted.cost_reporting_interval, now);
  const auto next = config::end_of(wanted.cost_reporting_interval, now);
  if (reported_until_ >= end) return next;
  if (now < again_at_) return again_at_;
  const Span span{.from = reported_until_, .until = end};
  const bool any_tracked =
      config->llm.empty() || std::ranges::any_of(config->llm, &config::ModelEntry::track_costs);
  if (wanted.metrics_enabled && any_tracked) {
    const auto sums = sum_ledgers(host, span, Apart::kByModel);
    // A job that just begins can make its ledger look damaged.
    if (!sums) {
      host.log(LogLevel::kWarning, "the cost report has to wait: " + sums.error().text());
      return again_at_ = now + kAgain;
    }
    for (const auto& line : report_lines(*sums, span, wanted.track_cost_savings))
      host.log(LogLevel::kInfo, line);
  }
  reported_until_ = end;
  keep_until(file_, end);
  return next;
}

}  // namespace weir::library
