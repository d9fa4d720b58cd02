#include "checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "json/value.h"
#include "report/receipt.h"
#include "services.h"

namespace weir::simulation {
namespace {

using cost::LedgerEntry;

constexpr std::int64_t kOutputsMax = 2;  // files that a batch makes

struct Check {
  const Scenario& scenario;
  World& world;
  std::vector<std::string>& findings;
  engine::JobState job;
  std::map<std::uint64_t, engine::BatchState> batches;
  std::map<std::string, LedgerEntry> ledger;  // by attempt id
  cost::LedgerTotals totals;
  std::map<std::string, std::int64_t> answered;  // attempt id in the output -> its cost
  std::map<std::uint64_t, std::int64_t> costs;   // item -> cost of the line that answers it
  std::int64_t contents_in_doubt = 0;  // cached contents of which it is not known when they end
  std::uint64_t same = 0;              // answers of identical requests…
  std::int64_t same_cost = 0;          // …and what sending them had cost

  template <class... Args>
  void find(fmt::format_string<Args...> text, Args&&... args) {
    findings.push_back(fmt::format(text, std::forward<Args>(args)...));
  }
};

Result<void> read_store(Check& c) {
  WEIR_TRY(auto store, runtime::SqliteStore::open(c.world.folder() + "/store.sqlite",
                                                  {.vfs = c.world.vfs(), .exclusive = true}));
  WEIR_TRY(const auto aggregates, store->load());
  for (const auto& aggregate : aggregates) {
    if (aggregate.kind == engine::AggregateKind::kJob) {
      WEIR_TRY(c.job, engine::JobState::decode(aggregate.state));
    } else if (aggregate.kind == engine::AggregateKind::kContent) {
      WEIR_TRY(const auto content, engine::ContentState::decode(aggregate.state));
      if (content.phase != engine::ContentPhase::kGone)
        c.find("cached content {} is {} in the store", content.number,
               engine::to_string(content.phase));
      if (content.ceiling.pico != 0)
        c.find("{} are reserved for cached content {}, which is gone", to_usd(content.ceiling),
               content.number);
    } else {
      WEIR_TRY(auto batch, engine::BatchState::decode(aggregate.state));
      c.batches.emplace(batch.number, std::move(batch));
    }
  }
  WEIR_TRY(const auto rows, store->load_items());
  if (!rows.empty())
    c.find("{} item rows are left, the first of item {}", rows.size(), rows.front().item);
  return store->visit_ledger([&](const LedgerEntry& entry) {
    c.totals.add(entry);
    std::string id = entry.attempt.text();
    if (entry.kind == LedgerEntry::Kind::kContentStore) id += "-storage";  // as the bill has it
    const bool in_doubt = entry.outcome == LedgerEntry::Outcome::kUnknown;
    c.contents_in_doubt += entry.kind == LedgerEntry::Kind::kContentStore && in_doubt;
    if (entry.batch != 0) {
      const auto batch = c.batches.find(entry.batch);
      if (batch == c.batches.end())
        c.find("a ledger entry names batch {}, which is not stored", entry.batch);
      else id = custom_id(batch->second.id, entry.sequence);
    }
    if (!c.ledger.emplace(id, entry).second) c.find("two ledger entries of attempt {}", id);
    return true;
  });
}

void check_line(Check& c, std::uint64_t item, json::Value line) {
  const auto id = line["id"].string_or("");
  if (id != fmt::format("doc-{}", item)) c.find("line {} of the output is {}", item + 1, id);
  const bool succeeded = line.find("answer").has_value();
  const bool failed = line.find("error").has_value();
  if (succeeded == failed) c.find("item {} has both or neither of answer and error", item);
  if (failed && !c.world.documents().rejected(item) && !c.scenario.answers_refused &&
      !line.find("answer_text") && c.scenario.crashes_max == 0 &&
      c.scenario.retries.crashes_max == 0 && c.scenario.retries.refused == 0 &&
      c.scenario.not_sent == 0 && c.scenario.faults_json.empty())
    c.find("item {} failed though nothing refused it: {}", item,
           line["error"]["message"].string_or(""));
  if (c.world.documents().rejected(item) && !failed)
    c.find("item {} was rejected and has an answer", item);
  const auto attempt = line["attempt_id"].string_or("");
  const bool repeats = line.find("same_as").has_value();
  const auto same = c.world.documents().same_as(item).value_or(std::nullopt);
  if (repeats && !same) c.find("item {} repeats nothing and was not sent", item);
  if (!repeats && same && !failed) c.find("item {} repeats {} and was sent", item, *same);
  // The simulated model tells what it has read: an answer is its own document's.
  if (succeeded && line["answer"].string_or("").find(fmt::format(
                       "Document {} tells", same.value_or(item))) == std::string_view::npos)
    c.find("item {} has the answer of another: {}", item, line["answer"].string_or(""));
  if (succeeded && attempt.empty() && !repeats)
    c.find("item {} has an answer without an attempt", item);
  if (succeeded && repeats) {
    ++c.same;
    c.same_cost += same ? c.costs[*same] : 0;
  }
  if (attempt.empty()) return;
  const auto cost = parse_usd(line["cost_usd"].string_or(""));
  if (!c.answered.emplace(attempt, cost ? cost->pico : -1).second)
    c.find("attempt {} answers two items", attempt);
  c.costs[item] = cost ? cost->pico : -1;
}

void check_output(Check& c) {
  const auto file = c.world.disk().find(c.world.output_path());
  if (!file) return c.find("there is no output");
  std::string_view output = file->bytes();
  if (!output.empty() && !output.ends_with('\n')) c.find("the output ends inside a line");
  std::uint64_t item = 0;
  json::Parser parser;
  for (; !output.empty(); ++item) {
    const auto text = output.substr(0, output.find('\n'));
    output.remove_prefix(std::min(output.size(), text.size() + 1));
    const auto line = parser.parse(text);
    if (!line) c.find("line {} of the output is no JSON", item + 1);
    else check_line(c, item, *line);
  }
  if (item != c.scenario.items)
    c.find("the output has {} lines for {} items", item, c.scenario.items);
  const auto& p = c.world.progress();
  if (p.ended() != c.scenario.items) c.find("{} of {} items ended", p.ended(), c.scenario.items);
}

// design.md 4.4.
void check_bill(Check& c) {
  std::map<std::string, std::int64_t> bill;
  for (const auto& row : c.world.simulator().bill().rows()) {
    if (!bill.emplace(row.attempt_id, row.pico_usd).second)
      c.find("attempt {} was billed twice", row.attempt_id);
    const auto entry = c.ledger.find(row.attempt_id);
    if (entry == c.ledger.end()) {
      const bool vanished =
          c.scenario.rows_vanish && row.route == sim::Route::kBatch && !row.delivered;
      if (!vanished && !c.world.excused(row.attempt_id))
        c.find("attempt {} was billed and has no ledger entry (delivered {})", row.attempt_id,
               row.delivered);
      continue;
    }
    const auto& e = entry->second;
    if (e.outcome == LedgerEntry::Outcome::kBilled ? e.cost.pico != row.pico_usd
                                                   : e.cost.pico < row.pico_usd)
      c.find("attempt {} ({}): ledger {}, bill {}", row.attempt_id,
             e.outcome == LedgerEntry::Outcome::kBilled ? "billed" : "unknown", e.cost.pico,
             row.pico_usd);
  }
  for (const auto& [id, e] : c.ledger) {
    if (e.outcome == LedgerEntry::Outcome::kBilled && !bill.contains(id))
      c.find("attempt {} is booked and was not billed", id);
    if (e.outcome == LedgerEntry::Outcome::kUnknown && e.batch != 0 && !c.scenario.rows_vanish)
      c.find("batch attempt {} stays unknown", id);
    const auto answer = c.answered.find(id);
    if (e.answered != (answer != c.answered.end()))
      c.find("attempt {}: answered {} in the ledger, not so in the output", id, e.answered);
    if (answer != c.answered.end() && answer->second != e.cost.pico)
      c.find("attempt {}: another cost in the output", id);
  }
  for (const auto& [id, cost] : c.answered)
    if (!c.ledger.contains(id)) c.find("the output's attempt {} is not in the ledger", id);
}

void check_attempts(Check& c) {
  std::map<std::uint64_t, std::uint64_t> unknown;
  for (const auto& [id, e] : c.ledger) {
    if (e.kind != LedgerEntry::Kind::kAnswer) continue;
    const auto max = engine::kAttemptsMax * (1 + c.world.opened_by(e.item).size());
    if (e.outcome == LedgerEntry::Outcome::kUnknown && ++unknown[e.item] > max)
      c.find("item {} has {} attempts of unknown outcome", e.item, unknown[e.item]);
  }
}

// What the engine has heard survives any death that comes after; it is the item's answer until a retry opens the item again.
void check_heard(Check& c) {
  for (const auto& [attempt, retries] : c.world.heard()) {
    const auto entry = c.ledger.find(attempt);
    const bool booked = entry != c.ledger.end();
    const auto& opened = c.world.opened_by(booked ? entry->second.item : ~std::uint64_t{0});
    const bool opened_since = !opened.empty() && *opened.rbegin() > retries;
    if (!booked || (!entry->second.answered && !opened_since))
      c.find("the answer to attempt {} was heard and then lost", attempt);
  }
}

// The ids that a listing at the provider shows; a fault may strike it, so it is asked again.
std::vector<std::string> listed(Check& c, std::string_view path) {
  std::vector<std::string> ids;
  auto now = c.world.now();
  for (int tries = 0; tries < 30; ++tries, now += std::chrono::minutes(1)) {
    const auto reply = c.world.simulator().handle(c.world.request(http::Method::kGet, path), now);
    json::Parser parser;
    const auto text = reply.text();
    const auto body = parser.parse(text);
    if (reply.fate != sim::Reply::Fate::kWhole || reply.head.status != 200 || !body) continue;
    if ((*body)["has_more"].boolean().value_or(false)) c.find("{} has more than a page", path);
    for (const auto item : (*body)["data"].items())
      ids.emplace_back(json::Value(item)["id"].string_or(""));
    return ids;
  }
  c.find("{} cannot be read", path);
  return ids;
}

// Nothing runs at the provider. What is stored there is what it did not delete when asked, and what it made and told nobody.
void check_provider(Check& c) {
  const auto reply = c.world.simulator().handle({.target = "/_sim/state"}, c.world.now());
  json::Parser parser;
  const auto body = reply.text();
  const auto state = parser.parse(body);
  if (!state) return c.find("the simulator's state is no JSON");
  const Service& service = service_of(c.scenario.provider);
  // What is left is left to its TTL, and told as exposure.
  const auto contents = (*state)[service.provider]["cached_contents"].integer_or(0);
  if (contents > c.contents_in_doubt)
    c.find("{} cached contents are left at the provider, {} explained", contents,
           c.contents_in_doubt);
  if (!service.batches) return;
  const auto stored = (*state)[service.provider];
  const auto running = stored["batches_running"].integer_or(-1);
  if (running != 0) c.find("{} batches run at the provider", running);
  if (service.listing.empty()) {
    const auto left = stored["files"].integer_or(-1);
    const auto explained = static_cast<std::int64_t>(c.world.undeletable()) +
                           static_cast<std::int64_t>(c.world.untold_uploads()) +
                           kOutputsMax * static_cast<std::int64_t>(c.world.untold_creates()) +
                           (1 + kOutputsMax) * static_cast<std::int64_t>(c.world.unswept());
    if (left < 0 || left > explained)
      c.find("{} files are left at the provider, {} explained", left, explained);
    return;
  }
  const auto ids = listed(c, service.listing);
  std::uint64_t untold = 0;
  for (const auto& id : ids) {
    if (c.world.may_stay(id)) continue;
    if (c.world.told(id)) c.find("{} is left at the provider", id);
    else ++untold;
  }
  const auto may =
      service.provider == "openAI" ? c.world.untold_uploads() : c.world.untold_creates();
  if (untold > may)
    c.find("{} that nobody was told of are left at the provider, {} explained", untold, may);
}

void check_left_over(Check& c) {
  for (const auto& [number, batch] : c.batches)
    if (batch.phase == engine::BatchPhase::kRunning || batch.phase == engine::BatchPhase::kHeld)
      c.find("batch {} is {} in the store", number,
             batch.phase == engine::BatchPhase::kHeld ? "held" : "running");
  for (const auto& name : c.world.disk().names())
    if (name.ends_with(".image") || name.ends_with("/output.new")) c.find("{} is left", name);
  if (const auto journal = c.world.disk().find(c.world.folder() + "/usage.journal")) {
    auto memory = map_journal(c.world.disk(), c.world.folder() + "/usage.journal", 1);
    const auto opened = runtime::MappedJournal::open(std::move(memory).value(), "the journal");
    if (!opened) c.find("{}", opened.error().text());
    else if (const auto left = (*opened)->entries().size(); left != 0)
      c.find("{} entries are left in the usage journal", left);
  }
  check_provider(c);
  // design.md 4.1: every artefact is read.
  for (const auto& id : c.world.unread()) c.find("result file {} was not read", id);
}

void check_sums(Check& c) {
  const auto& p = c.world.progress();
  if (!(p.spent == c.totals.spent))
    c.find("the engine counts {} spent, the ledger {}", to_usd(p.spent), to_usd(c.totals.spent));
  if (!(p.exposure == c.totals.exposure))
    c.find("the engine counts {} exposed, the ledger {}", to_usd(p.exposure),
           to_usd(c.totals.exposure));
  if (p.reserved.pico != 0) c.find("{} are reserved at the end", to_usd(p.reserved));
  if (c.job.same != c.same || !(c.job.same_cost == MoneySum{c.same_cost}))
    c.find("the job counts {} identical requests that would have cost {}, the output {} and {}",
           c.job.same, to_usd(c.job.same_cost), c.same, to_usd(MoneySum{c.same_cost}));
  if (c.totals.answers != c.answered.size())
    c.find("{} answers in the ledger, {} in the output", c.totals.answers, c.answered.size());
  MemoryFiles files(c.world.disk());
  const auto counts = engine::count_ends(files, c.world.folder(), c.job.items, c.job.segment_bytes);
  if (!counts) return c.find("{}", counts.error().text());
  if (counts->succeeded != p.succeeded || counts->ended() != c.scenario.items)
    c.find("{} succeeded by the engine, {} by the slots", p.succeeded, counts->succeeded);
  const auto receipt =
      report::make_receipt({c.job, *counts, c.totals, c.world.provider(), c.world.model(), {}, {}});
  if (receipt.lower_bound > receipt.spent)
    c.find("lower bound {} above {} spent", to_usd(receipt.lower_bound), to_usd(receipt.spent));
  if (!receipt.finished) c.find("the receipt says it is not finished");
}

}  // namespace

std::vector<std::string> check(const Scenario& scenario, World& world) {
  std::vector<std::string> findings = world.complaints();
  world.disk().crash().disarm();
  Check c{scenario, world, findings, {}, {}, {}, {}, {}, {}, 0};
  if (auto read = read_store(c); !read) {
    c.find("the store cannot be read: {}", read.error().text());
    return findings;
  }
  check_output(c);
  check_bill(c);
  check_attempts(c);
  check_heard(c);
  check_left_over(c);
  check_sums(c);
  if (!findings.empty())
    for (const auto& reason : c.job.reasons) c.find("decision: {}", reason);
  return findings;
}

std::vector<std::string> run_and_check(const Scenario& scenario, World& world) {
  for (;;) {
    if (!world.run()) return {world.why()};
    auto findings = check(scenario, world);
    if (!findings.empty() || !world.begin_retry()) return findings;
  }
}

}  // namespace weir::simulation
