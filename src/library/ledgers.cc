#include "library/ledgers.h"

#include <algorithm>
#include <filesystem>

#include "base/units.h"
#include "library/host.h"
#include "provider/settings.h"
#include "runtime/posix_files.h"

namespace weir::library {
namespace {

// Of the folders of calls and records, and of jobs.
constexpr const char* kDescriptions[] = {"target.json", "job.json"};

std::string endpoint_of(const config::ModelEntry& entry, const catalogue::Catalogue& catalogue) {
  const auto* provider = catalogue.find(entry.provider);
  provider::Settings settings;
  for (const auto& [name, value] : entry.extra) settings.set(name, value);
  const auto filled =
      provider != nullptr
          ? provider::endpoint_of(*provider, entry.endpoint.value_or(""), settings).value_or("")
          : entry.endpoint.value_or("");
  const auto url = http::parse_url(filled);
  return url ? url->origin.text() + url->target : std::string();
}

LedgerKey key_of(const LedgerFolder& ledger, Apart apart) {
  switch (apart) {
    case Apart::kNot: return {};
    case Apart::kByModel: return {.provider = ledger.provider, .model = ledger.model};
    case Apart::kByWorkload: return {.workload = ledger.workload};
  }
  return {};
}

cost::LedgerEntry without_money(cost::LedgerEntry entry) {
  entry.cost = entry.baseline = entry.uncached = {};
  return entry;
}

}  // namespace

Result<std::vector<LedgerFolder>> ledgers_in(const std::string& folder) {
  std::vector<LedgerFolder> out;
  json::Parser parser;
  std::error_code code;
  for (const auto& entry : std::filesystem::directory_iterator(folder, code))
    for (const auto* description : kDescriptions) {
      const auto text =
          runtime::read_whole_file((entry.path() / description).string(), std::size_t{1} << 20U);
      if (!text) continue;
      WEIR_TRY(const auto told, parser.parse(*text));
      out.push_back({.path = entry.path().string(),
                     .provider = told["provider"].string_or(""),
                     .model = told["model"].string_or(""),
                     .endpoint = told["endpoint"].string_or(""),
                     .workload = told["workload"].string_or("")});
    }
  return out;
}

Result<void> visit_entries(const LedgerFolder& ledger,
                           const std::function<void(const cost::LedgerEntry&)>& visit) {
  auto store = runtime::SqliteStore::open_read_only(ledger.path + "/store.sqlite");
  if (!store)
    return store.error().kind == ErrorKind::kNotFound ? Result<void>()
                                                      : std::unexpected(store.error());
  return (*store)->visit_ledger([&](const cost::LedgerEntry& entry) {
    visit(entry);
    return true;
  });
}

bool is_tracked(const config::Config& config, const catalogue::Catalogue& catalogue,
                const LedgerFolder& ledger) {
  const auto is_silent = [&](const config::ModelEntry& entry) {
    return !entry.track_costs && entry.provider == ledger.provider &&
           std::ranges::find(entry.models, ledger.model) != entry.models.end() &&
           endpoint_of(entry, catalogue) == ledger.endpoint;
  };
  return std::ranges::none_of(config.llm, is_silent) &&
         std::ranges::none_of(config.embedding, is_silent);
}

Result<std::map<LedgerKey, Sums>> sum_ledgers(Host& host, Span span, Apart apart) {
  host.calls().settle();
  const auto config = host.settings().current();
  std::map<LedgerKey, Sums> sums;
  const auto within = [&](const cost::LedgerEntry& entry) {
    return entry.priced_at >= span.from && entry.priced_at < span.until;
  };
  for (const auto* part : {"/calls", "/jobs", "/observed"}) {
    const bool observed = std::string_view(part) == "/observed";
    WEIR_TRY(const auto ledgers, ledgers_in(host.folder() + part));
    for (const auto& ledger : ledgers) {
      auto& sum = sums[key_of(ledger, apart)];
      const bool tracked = is_tracked(*config, host.catalogue(), ledger);
      sum.tracked |= tracked;
      WEIR_CHECK(visit_entries(ledger, [&](const cost::LedgerEntry& entry) {
        if (!within(entry)) return;
        if (!observed) return sum.totals.add(tracked ? entry : without_money(entry));
        if (!tracked) return;
        sum.would_have_saved += entry.baseline;
        sum.would_have_saved -= entry.cost;
      }));
    }
  }
  return sums;
}

MetricsSummary summary_of(const LedgerKey& key, const Sums& sums, bool savings) {
  const auto& totals = sums.totals;
  MetricsSummary out{.provider = key.provider, .model = key.model, .workload = key.workload};
  out.requests = totals.answers;
  out.batch_requests = totals.batch_answers;
  out.cache_hits = totals.cache_hits;
  out.unknown = totals.unknown;
  out.usage = totals.usage;
  out.spent_usd = to_usd(totals.spent);
  out.exposure_usd = to_usd(totals.exposure);
  if (totals.billed > 0)
    out.cache_hit_rate =
        static_cast<double>(totals.cache_hits) / static_cast<double>(totals.billed);
  if (!savings) return out;
  out.baseline_usd = to_usd(totals.baseline);
  const auto saved = totals.baseline - totals.spent;
  out.saved_usd = to_usd(saved);
  out.would_have_saved_usd = to_usd(sums.would_have_saved);
  if (totals.baseline.pico > 0)
    out.saved_percentage =
        100 * static_cast<double>(saved.pico) / static_cast<double>(totals.baseline.pico);
  return out;
}

}  // namespace weir::library
