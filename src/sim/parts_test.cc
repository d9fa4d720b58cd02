// The small parts of the simulator: tokens, definitions, prices, prompt cache, forms, clock of a
// batch, result lines.
#include <gtest/gtest.h>

#include "sim/batch_clock.h"
#include "sim/bill.h"
#include "sim/definitions.h"
#include "sim/draw.h"
#include "sim/multipart.h"
#include "sim/prices.h"
#include "sim/prompt_cache.h"
#include "sim/result_lines.h"
#include "sim/testing.h"
#include "sim/tokenizer.h"

namespace weir::sim {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

const Time kStart = from_unix_seconds(1'795'400'000);

TEST(Tokenizer, CutsWordsNumbersAndSigns) {
  EXPECT_EQ(count_tokens(""), 0);
  EXPECT_EQ(count_tokens("stone"), 1);
  EXPECT_EQ(count_tokens("stone stone"), 2);
  EXPECT_EQ(count_tokens("internationalization"), 4);  // pieces of six letters
  EXPECT_EQ(count_tokens("1234567"), 3);
  EXPECT_EQ(count_tokens("a,b"), 3);
  EXPECT_EQ(count_tokens("----"), 1);
  EXPECT_EQ(count_tokens("one\n\n  two"), 3);
  EXPECT_EQ(count_tokens("é中"), 2);
  EXPECT_EQ(count_tokens(testing::words(1000)), 1000);
}

TEST(Tokenizer, PrefixNeverSplitsACharacter) {
  const std::string text = "中文 text, 1234 é";
  for (std::int64_t tokens = 0; tokens < 12; ++tokens) {
    const std::size_t bytes = token_prefix_bytes(text, tokens);
    EXPECT_TRUE(bytes == text.size() || (static_cast<unsigned char>(text[bytes]) & 0xC0) != 0x80);
    EXPECT_EQ(count_tokens(text.substr(0, bytes)), std::min(tokens, count_tokens(text)));
  }
}

TEST(Tokenizer, RemembersLongTexts) {
  TokenCounter counter;
  const std::string text = testing::words(500);
  EXPECT_EQ(counter.count(text), 500);
  EXPECT_EQ(counter.count(text), 500);
  EXPECT_EQ(counter.count("short"), 1);
}

TEST(Definitions, ItemsGoOnUntilABlankLineOrHeading) {
  const auto lists = parse_definitions(
      "# Title\n\n- plain item\n- **a**: first\n  and more\n- **b**: second\n\nprose\n\n## Other "
      "things\n* **c**: third\n");
  ASSERT_EQ(lists.size(), 2U);
  EXPECT_EQ(lists[0].heading, "title");
  ASSERT_EQ(lists[0].items.size(), 2U);
  EXPECT_EQ(lists[0].items[0].text, "first and more");
  EXPECT_EQ(lists[0].items[1].value, "b");
  EXPECT_EQ(lists[1].heading, "other things");
  EXPECT_EQ(lists[1].items[0].value, "c");
}

TEST(Definitions, ScoresByWordsAndNamePatterns) {
  const Scorer scorer({"games", "libs"},
                      {"puzzle and chess games", "shared library. Names: `lib*`"});
  EXPECT_EQ(scorer.rank(read_document("Name: gnuchess\n\nSummary: plays chess")).front().index, 0U);
  EXPECT_EQ(scorer.rank(read_document("Name: libfoo2\n\nSummary: something")).front().index, 1U);
  EXPECT_EQ(scorer.rank(read_document("nothing fits")).front().index,
            0U);  // the first, when all are equal
}

TEST(Definitions, Globs) {
  EXPECT_TRUE(glob_matches("lib*-dev", "libfoo-bar-dev"));
  EXPECT_FALSE(glob_matches("lib*-dev", "libfoo-dev-common"));
  EXPECT_TRUE(glob_matches("*", ""));
  EXPECT_TRUE(glob_matches("*sdr*", "gqsdrx"));
  EXPECT_FALSE(glob_matches("", "x"));
}

TEST(Prices, DecimalTextBecomesPicoDollars) {
  EXPECT_EQ(pico_from_decimal("3.00"), 3'000'000);
  EXPECT_EQ(pico_from_decimal("0.00875"), 8'750);
  EXPECT_EQ(pico_from_decimal("0.0000005"), 1);  // half up
  EXPECT_EQ(pico_from_decimal("0.00000049"), 0);
  EXPECT_EQ(pico_from_decimal("180"), 180'000'000);
  for (const auto* bad : {"", "null", "-1", "1e3", "."})
    EXPECT_FALSE(pico_from_decimal(bad)) << bad;
}

constexpr std::string_view kRows = R"([
 {"model":"m-1-20250929","input":3.0,"output":15.0,"cache_read":0.3,"cache_write_5m":3.75,"cache_write_1h":6.0,
  "batch_input":1.5,"batch_output":7.5,"batch_cache_read":null,"min_cache_tokens":1024,"cache_batch_stack":"multiply",
  "long_context_threshold":1000,"long_input":6.0,"long_output":22.5},
 {"model":"plain","input":0.0000015,"output":2,"cache_read":null,"min_cache_tokens":null,"cache_batch_stack":"no-cache-in-batch"}])";

TEST(Prices, ColumnsTiersAndTerms) {
  const auto table = PriceTable::parse(kRows);
  ASSERT_TRUE(table.has_value());
  const ModelRow* row = table->find("m-1");
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(table->find("m-1-20250929"), row);
  EXPECT_EQ(table->find("m-1-2025-09-29"), nullptr);  // dates of one form only name one row
  EXPECT_EQ(table->find("unknown"), nullptr);
  EXPECT_NE(table->find("plain-2026-01-01"), nullptr);
  const TokenBuckets tokens{
      .input = 10, .cache_read = 100, .cache_write_5m = 20, .cache_write_1h = 30, .output = 5};
  EXPECT_EQ(cost_pico_usd(*row, tokens, {}),
            10 * 3'000'000 + 100 * 300'000 + 20 * 3'750'000 + 30 * 6'000'000 + 5 * 15'000'000);
  // The batch cache read is not published: half of the sync price.
  EXPECT_EQ(cost_pico_usd(*row, {.cache_read = 2}, {.half = true}), 2 * 150'000);
  EXPECT_EQ(cost_pico_usd(*row, {.input = 1}, {.percent = 110}), 3'300'000);
  // Above the threshold the whole request costs the long prices; a missing one keeps its ratio.
  EXPECT_EQ(cost_pico_usd(*row, {.input = 1000}, {}), 1000 * 3'000'000LL);
  EXPECT_EQ(cost_pico_usd(*row, {.input = 1000, .cache_read = 1, .output = 1}, {}),
            1000 * 6'000'000LL + 600'000 + 22'500'000);
  EXPECT_TRUE(row->cached_in_batch);
  const ModelRow* plain = table->find("plain");
  EXPECT_FALSE(plain->cached);
  EXPECT_EQ(*plain->sync.input, 2);  // 1.5 rounded half up
  EXPECT_EQ(*plain->batch.input,
            1);  // half of the rounded price, rounded once more where it is derived
}

TEST(Prices, RefusesWhatIsNoTable) {
  EXPECT_FALSE(PriceTable::parse("{}"));
  EXPECT_FALSE(PriceTable::parse("[{\"model\":\"x\"}]"));
  EXPECT_FALSE(PriceTable::parse("not json"));
}

TEST(PromptCache, VisibleAfterTheFirstByteAliveFromTheStart) {
  PromptCache cache;
  cache.write(1, kStart, kStart + seconds(1), minutes(5));
  EXPECT_EQ(cache.find(1, kStart), nullptr);
  EXPECT_NE(cache.find(1, kStart + seconds(1)), nullptr);
  EXPECT_EQ(cache.find(1, kStart + minutes(5)), nullptr);
  cache.refresh(1, kStart + minutes(4));
  EXPECT_NE(cache.find(1, kStart + minutes(8)), nullptr);
  EXPECT_EQ(cache.find(1, kStart + minutes(9)), nullptr);
  cache.refresh(1, kStart + minutes(10));  // dead: nothing to refresh
  EXPECT_EQ(cache.find(1, kStart + minutes(10)), nullptr);
  cache.write(1, kStart + minutes(20), kStart + minutes(21), minutes(5));
  EXPECT_EQ(cache.find(1, kStart + minutes(20)), nullptr);  // written anew, so not yet visible
}

TEST(Multipart, PartsAreRangesOfTheBody) {
  const std::string body =
      "--XX\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n"
      "--XX\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a "
      "\\\"b\\\".jsonl\"\r\nContent-Type: text/plain\r\n"
      "\r\n{\"a\":1}\n\r\n--XX--\r\n";
  const auto parts = parse_form("multipart/form-data; boundary=XX", body);
  ASSERT_TRUE(parts.has_value());
  ASSERT_EQ(parts->size(), 2U);
  EXPECT_EQ(body.substr((*parts)[0].offset, (*parts)[0].length), "batch");
  EXPECT_EQ((*parts)[1].filename, "a \"b\".jsonl");
  EXPECT_EQ(body.substr((*parts)[1].offset, (*parts)[1].length), "{\"a\":1}\n");
  EXPECT_TRUE(parse_form("multipart/form-data; boundary=\"XX\"", body));
  EXPECT_FALSE(parse_form("application/json", body));
  EXPECT_FALSE(parse_form("multipart/form-data", body));
  EXPECT_FALSE(parse_form("multipart/form-data; boundary=YY", body));
  EXPECT_FALSE(parse_form("multipart/form-data; boundary=XX", body.substr(0, body.size() - 20)));
  EXPECT_FALSE(parse_form("multipart/form-data; boundary=XX", "--XX\r\n"));
}

TEST(Multipart, SurvivesDamage) {
  const std::string whole =
      "--XX\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n"
      "--XX\r\nContent-Disposition: form-data; name=\"file\"; "
      "filename=\"a\"\r\n\r\nbytes\r\n--XX--\r\n";
  SeededRandom random(3);
  for (int round = 0; round < 20'000; ++round) {
    std::string body = whole;
    for (std::uint64_t edits = 1 + random.below(4); edits > 0; --edits) {
      const auto at = static_cast<std::size_t>(random.below(body.size()));
      if (random.below(2) == 0) body.erase(at, 1 + static_cast<std::size_t>(random.below(4)));
      else body.insert(at, 1, "\r\n-X\":;="[random.below(8)]);
      if (body.empty()) break;
    }
    const auto parts = parse_form("multipart/form-data; boundary=XX", body);
    if (!parts) continue;
    for (const auto& part : *parts) EXPECT_LE(part.offset + part.length, body.size());
  }
}

BatchClock clock_of(std::size_t rows, std::vector<FaultRule> faults = {}) {
  return BatchClock({.seed = 1,
                     .batch = 1,
                     .created_at = kStart,
                     .rows = rows,
                     .validation_min = seconds(5),
                     .validation_max = seconds(20),
                     .finalizing_min = seconds(2),
                     .finalizing_max = seconds(10)},
                    faults);
}

TEST(BatchClock, RunsToItsEndWellWithinADay) {
  for (const std::size_t rows : {1UL, 100UL, 100'000UL}) {
    const BatchClock clock = clock_of(rows);
    EXPECT_EQ(clock.phase(kStart), BatchPhase::kValidating);
    EXPECT_GE(clock.begins_at(), kStart + seconds(5));
    EXPECT_LE(clock.begins_at(), kStart + seconds(20));
    EXPECT_EQ(clock.phase(clock.begins_at()), BatchPhase::kRunning);
    EXPECT_EQ(clock.phase(clock.done_at()), BatchPhase::kFinalizing);
    EXPECT_EQ(clock.phase(clock.ends_at()), BatchPhase::kCompleted);
    EXPECT_LT(clock.ends_at(), kStart + hours(1));
    EXPECT_EQ(clock.rows_run(), rows);
    EXPECT_LT(clock.row_start(rows - 1), clock.done_at());
  }
}

TEST(BatchClock, CancelStopsTheRestOfTheRows) {
  BatchClock clock = clock_of(100);
  EXPECT_FALSE(BatchClock(clock).cancel(clock.ends_at()));
  const Time middle = clock.row_start(50);
  ASSERT_TRUE(clock.cancel(middle));
  EXPECT_EQ(clock.rows_run(), 50U);
  EXPECT_EQ(clock.phase(middle), BatchPhase::kCancelling);
  EXPECT_TRUE(clock.cancel(middle + seconds(1)));  // twice is as once
  EXPECT_EQ(*clock.cancel_at(), middle);
  EXPECT_LE(clock.ends_at(), middle + minutes(1));
  EXPECT_EQ(clock.phase(clock.ends_at()), BatchPhase::kCancelled);
}

TEST(BatchClock, FaultsStretchAndStopIt) {
  const BatchClock slow = clock_of(10, {{.kind = FaultKind::kSlowBatch, .duration = hours(30)}});
  EXPECT_EQ(slow.last_phase(), BatchPhase::kExpired);
  EXPECT_EQ(slow.ends_at(), kStart + hours(24));
  EXPECT_GT(slow.rows_run(), 0U);
  EXPECT_LT(slow.rows_run(), 10U);
  const BatchClock expired =
      clock_of(10, {{.kind = FaultKind::kExpireBatch, .fraction = 0.3, .duration = minutes(30)}});
  EXPECT_EQ(expired.rows_run(), 3U);
  EXPECT_EQ(expired.phase(kStart + minutes(30)), BatchPhase::kExpired);
  const BatchClock cancelled = clock_of(10, {{.kind = FaultKind::kCancelBatch, .fraction = 0.5}});
  EXPECT_EQ(cancelled.last_phase(), BatchPhase::kCancelled);
  EXPECT_EQ(cancelled.rows_run(), 5U);
}

TEST(ResultLines, FaultsOfRows) {
  const std::vector<FaultRule> faults = {
      {.custom_id = "b", .kind = FaultKind::kMissingRows},
      {.index = 2, .kind = FaultKind::kDuplicateRows},
      {.custom_id = "d", .kind = FaultKind::kMalformedRow},
      {.custom_id = "e", .kind = FaultKind::kBilledButUndelivered},
      {.custom_id = "f", .kind = FaultKind::kRowError, .type = "api_error"}};
  ResultLines lines;
  std::size_t row = 0;
  for (const std::string id : {"a", "b", "c", "d", "e"}) {
    lines.add("{\"id\":\"" + id + "\"}", kStart + seconds(9 - static_cast<int>(row)),
              row_fate(faults, 1, 1, row, id), row);
    ++row;
  }
  EXPECT_EQ(row_fate(faults, 1, 1, 5, "f").error, "api_error");
  lines.settle(false, 1, 1);
  Reply reply;
  std::vector<Call::Delivery> deliveries;
  lines.write(reply, deliveries);
  EXPECT_EQ(reply.text(),
            "{\"id\"\n{\"id\":\"c\"}\n{\"id\":\"c\"}\n{\"id\":\"a\"}\n");  // by time of completion
  EXPECT_EQ(lines.bytes(), reply.size());
  ASSERT_EQ(deliveries.size(), 3U);  // the broken row delivers nothing
  EXPECT_EQ(deliveries[0].bill_row, 2U);
}

TEST(ResultLines, FractionsAreDrawnFromTheSeed) {
  const std::vector<FaultRule> faults = {{.kind = FaultKind::kMissingRows, .fraction = 0.25}};
  int missing = 0;
  for (std::size_t row = 0; row < 4000; ++row) {
    const bool once = row_fate(faults, 9, 3, row, "x").missing;
    EXPECT_EQ(once, row_fate(faults, 9, 3, row, "x").missing);
    missing += once ? 1 : 0;
  }
  EXPECT_NEAR(missing, 1000, 100);
}

TEST(Bill, WritesBothForms) {
  Bill bill;
  bill.add({.attempt_id = "a1",
            .account = "acct",
            .provider = "p",
            .model = "m",
            .at = kStart,
            .tokens = {.input = 3},
            .pico_usd = 7});
  bill.add({.attempt_id = "c1",
            .account = "acct",
            .provider = "p",
            .model = "m",
            .route = Route::kBatch,
            .batch_id = "b",
            .custom_id = "c1",
            .at = kStart,
            .pico_usd = 5});
  bill.mark_delivered(1);
  const auto text = [&](bool jsonl) {
    std::string all;
    bill.write(jsonl, "", [&](std::string&& piece) { all += piece; });
    return all;
  };
  const testing::Parsed whole(text(false));
  EXPECT_EQ(whole["total_pico_usd"].integer(), 12);
  EXPECT_EQ(whole["rows"].size(), 2U);
  const auto lines = testing::lines_of(text(true));
  ASSERT_EQ(lines.size(), 2U);
  const testing::Parsed row(lines[1]);
  EXPECT_EQ(row["route"].string(), "batch");
  EXPECT_EQ(row["custom_id"].string(), "c1");
  EXPECT_EQ(row["delivered"].boolean(), true);
  EXPECT_EQ(testing::Parsed(lines[0])["tokens"]["input"].integer(), 3);
  EXPECT_TRUE(testing::Parsed(lines[0])["batch_id"].is_null());
}

}  // namespace
}  // namespace weir::sim
