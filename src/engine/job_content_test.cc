// Cached contents of the sync route as scripts of events.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "engine/testing.h"
#include "provider/cached_content.h"

namespace weir::engine {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using Kind = cost::LedgerEntry::Kind;
using Ended = cost::LedgerEntry::Outcome;

// A content in words: "<name> <display name> <tokens> <created> <expires>", times in seconds; a list has one a line.
class WordContents final : public provider::CachedContentCodec {
 public:
  [[nodiscard]] Result<http::RequestPlan> encode_create(
      const provider::ContentDraft& draft, const provider::Credentials&) const override {
    http::RequestPlan plan{.method = http::Method::kPost, .target = "/contents"};
    plan.body.emplace_back(fmt::format("{} {} {}", draft.display_name, draft.head.messages.size(),
                                       draft.head.system.size()));
    return plan;
  }
  [[nodiscard]] Result<provider::CachedContent> decode_content(const http::Response& response,
                                                               Time now) const override {
    if (response.status != 200) return std::unexpected(provider::error_of_status(response, now));
    return read(response.body);
  }
  [[nodiscard]] Result<http::RequestPlan> encode_extend(
      std::string_view name, Duration ttl, const provider::Credentials&) const override {
    return http::RequestPlan{.method = http::Method::kPatch,
                             .target = fmt::format("/{} {}", name, ttl / 1s)};
  }
  [[nodiscard]] Result<http::RequestPlan> encode_delete(
      std::string_view name, const provider::Credentials&) const override {
    return http::RequestPlan{.method = http::Method::kDelete, .target = fmt::format("/{}", name)};
  }
  [[nodiscard]] Result<http::RequestPlan> encode_list(std::string_view page,
                                                      const provider::Credentials&) const override {
    return http::RequestPlan{.target = fmt::format("/contents?{}", page)};
  }
  [[nodiscard]] Result<provider::ContentPage> decode_list(const http::Response& response,
                                                          Time now) const override {
    if (response.status != 200) return std::unexpected(provider::error_of_status(response, now));
    provider::ContentPage out;
    if (response.body.empty()) return out;
    WEIR_TRY(auto content, read(response.body));
    out.contents.push_back(std::move(content));
    return out;
  }
  [[nodiscard]] Result<http::RequestPlan> encode_sync(const llm::Request& request, std::size_t,
                                                      std::string_view name,
                                                      const provider::SyncCall&) const override {
    http::RequestPlan plan{.target = fmt::format("/sync?{}", name)};
    plan.body.emplace_back(request.messages.front().content.front().text);
    return plan;
  }

 private:
  static Result<provider::CachedContent> read(const std::string& text) {
    std::string name(32, '\0'), display(64, '\0');
    long long tokens = 0, created = 0, expires = 0;
    if (std::sscanf(text.c_str(), "%31s %63s %lld %lld %lld", name.data(), display.data(), &tokens,
                    &created, &expires) != 5)
      return fail(ErrorKind::kBadResponse, "no content");
    return provider::CachedContent{.name = name.c_str(),
                                   .display_name = display.c_str(),
                                   .tokens = {tokens},
                                   .created = from_unix_seconds(created),
                                   .expires = from_unix_seconds(expires)};
  }
};

class JobContent : public testing::Bench, public ::testing::Test {
 public:
  JobContent() {
    adapter.contents = &codec;
    source.items = 40;
    source.prefix_bytes = 4000;
    auto& model = provider.models.front();
    model.cache_prefix_min = Tokens{100};
    auto& row = model.prices.front();
    row.sync = row.batch = {.input = {1000}, .output = {10'000}, .cache_read = Price{100}};
    row.cache_storage_hour = Price{3600};
    provider.cache.sync_hit_rate_expected = 0.5;
    provider.cache.contents = {.create_visibility_max = 120s};
  }
  ContentState content(std::uint64_t number = 1) const {
    return ContentState::decode(store.aggregates.at({AggregateKind::kContent, number}).second)
        .value();
  }
  // As the provider tells it, made now.
  std::string told(Duration life = 300s) const {
    return fmt::format("c1 {} 1100 {} {}", content().display_name(), unix_seconds(now),
                       unix_seconds(now + life));
  }
  http::Headers dated() const { return {{"date", to_http_date(now)}}; }
  void answer_sync() { answer("sync", 200, "7 3 a"); }
  // The target of the oldest sync request under way.
  std::string sync_target() const {
    for (const auto& call : calls)
      if (call.operation == "sync") return call.plan.target;
    return "";
  }
  void finish_items() {
    for (int i = 0; i < 200 && waiting("sync") > 0; ++i) {
      answer_sync();
      turn();
    }
  }
  std::vector<cost::LedgerEntry> entries(Kind kind) const {
    std::vector<cost::LedgerEntry> out;
    for (const auto& entry : ledger())
      if (entry.kind == kind) out.push_back(entry);
    return out;
  }
  WordContents codec;
};

TEST_F(JobContent, IsMadeUsedAndDeleted) {
  open();
  turn();
  EXPECT_EQ(waiting("sync"), 0U);  // they wait for it
  ASSERT_EQ(waiting("content_create"), 1U);
  EXPECT_EQ(content().phase, ContentPhase::kCreating);  // before the request leaves
  answer("content_create", 200, told(), dated());
  turn();
  EXPECT_EQ(content().phase, ContentPhase::kReady);
  EXPECT_EQ(sync_target(), "/sync?c1");
  now += 10s;
  finish_items();
  ASSERT_EQ(waiting("content_delete"), 1U);
  EXPECT_EQ(content().phase, ContentPhase::kDeleting);
  answer("content_delete", 200, "{}", dated());
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(content().phase, ContentPhase::kGone);
  const auto written = entries(Kind::kContentWrite), stored = entries(Kind::kContentStore);
  ASSERT_EQ(written.size(), 1U);
  EXPECT_EQ(written[0].cost.pico, 1100 * 1000);
  EXPECT_EQ(written[0].outcome, Ended::kBilled);
  ASSERT_EQ(stored.size(), 1U);
  EXPECT_EQ(stored[0].cost.pico, 1100 * 10);  // 10 seconds of 3600 an hour
  EXPECT_EQ(entries(Kind::kAnswer).size(), 40U);
  EXPECT_EQ(engine->progress().reserved.pico, 0);
  EXPECT_EQ(store.job().content_reads, 40U);
}

TEST_F(JobContent, IsNotMadeWhereItDoesNotPay) {
  source.items = 2;
  open();
  turn();
  EXPECT_EQ(waiting("content_create"), 0U);
  EXPECT_EQ(sync_target(), "/sync");
  EXPECT_THAT(engine->job().reasons, Contains(HasSubstr("no cached content: 2 reads")));
}

TEST_F(JobContent, IsNotMadeWhereNobodyWantsIt) {
  options.contents = plan::ContentWish::kNever;
  open();
  turn();
  EXPECT_EQ(waiting("content_create"), 0U);
  EXPECT_THAT(engine->job().reasons, Not(Contains(HasSubstr("cached content"))));
}

TEST_F(JobContent, ARefusedCreateCostsNothingAndStopsNothing) {
  open();
  turn();
  answer("content_create", 400, "too small");
  turn();
  EXPECT_EQ(sync_target(), "/sync");
  finish_items();
  EXPECT_TRUE(turn().done);
  EXPECT_TRUE(entries(Kind::kContentWrite).empty());
  EXPECT_EQ(engine->progress().reserved.pico, 0);
}

TEST_F(JobContent, ALostCreateIsFoundByItsNameAndNotSentAgain) {
  open();
  turn();
  const auto made = told();
  lose("content_create", ErrorKind::kDeadlineExceeded);
  turn();
  EXPECT_EQ(sync_target(), "/sync");  // nothing waits for it any more
  ASSERT_EQ(waiting("content_list"), 1U);
  EXPECT_EQ(waiting("content_create"), 0U);
  answer("content_list", 200, made, dated());
  turn();
  EXPECT_EQ(content().phase, ContentPhase::kReady);
  EXPECT_EQ(entries(Kind::kContentWrite).size(), 1U);
}

TEST_F(JobContent, OneThatIsNeverListedWasNotMade) {
  open();
  turn();
  lose("content_create", ErrorKind::kDeadlineExceeded);
  for (int i = 0; i < 40 && content().phase == ContentPhase::kCreating; ++i) {
    turn();
    if (waiting("content_list") > 0) answer("content_list", 200, "");
    now += 20s;
  }
  turn();
  EXPECT_EQ(content().phase, ContentPhase::kGone);
  EXPECT_TRUE(entries(Kind::kContentWrite).empty());
}

// Its listing tells nothing once it would have expired: nobody knows when an earlier process asked for it.
TEST_F(JobContent, OneOfAnEarlierProcessThatIsNeverListedIsExposure) {
  open();
  turn();
  open();
  for (int i = 0; i < 40 && content().phase == ContentPhase::kCreating; ++i) {
    turn();
    if (waiting("content_list") > 0) answer("content_list", 200, "");
    now += 20s;
  }
  turn();
  EXPECT_EQ(content().phase, ContentPhase::kGone);
  ASSERT_EQ(entries(Kind::kContentWrite).size(), 1U);
  EXPECT_EQ(entries(Kind::kContentWrite)[0].outcome, Ended::kUnknown);
}

TEST_F(JobContent, InDoubtAtTheEndOfTheJobItIsExposure) {
  open();
  turn();
  const auto most = content().ceiling;
  lose("content_create", ErrorKind::kDeadlineExceeded);
  turn();
  answer("content_list", 200, "");
  finish_items();
  EXPECT_TRUE(turn().done);
  ASSERT_EQ(entries(Kind::kContentWrite).size(), 1U);
  ASSERT_EQ(entries(Kind::kContentStore).size(), 1U);
  EXPECT_EQ(entries(Kind::kContentWrite)[0].outcome, Ended::kUnknown);
  EXPECT_EQ(engine->progress().exposure.pico, most.pico);
  EXPECT_EQ(engine->progress().reserved.pico, 0);
}

TEST_F(JobContent, AfterADeathItIsLookedForBeforeAnythingIsAskedAgain) {
  open();
  turn();
  const auto made = told();
  open();  // the create was on its way
  turn();
  EXPECT_EQ(waiting("content_create"), 0U);
  ASSERT_EQ(waiting("content_list"), 1U);
  answer("content_list", 200, made, dated());
  turn();
  EXPECT_EQ(content().phase, ContentPhase::kReady);
}

TEST_F(JobContent, AfterADeathItIsUsedOn) {
  open();
  turn();
  answer("content_create", 200, told(), dated());
  turn();
  open();
  turn();
  EXPECT_EQ(waiting("content_create"), 0U);
  EXPECT_EQ(sync_target(), "/sync?c1");
}

TEST_F(JobContent, GoneBeforeItsTimeTheItemIsSentWithoutIt) {
  open();
  turn();
  answer("content_create", 200, told(), dated());
  turn();
  answer("sync", 404, "not found");
  turn();
  EXPECT_EQ(content().phase, ContentPhase::kDeleting);
  EXPECT_EQ(waiting("content_delete"), 0U);  // another request names it still
  answer("sync", 404, "not found");
  turn();
  ASSERT_EQ(waiting("content_delete"), 1U);
  EXPECT_EQ(sync_target(), "/sync");
  answer("content_delete", 404, "not found", dated());
  turn();
  // When it ended is not known: the rest of its life is exposure.
  ASSERT_EQ(entries(Kind::kContentStore).size(), 1U);
  EXPECT_EQ(entries(Kind::kContentStore)[0].outcome, Ended::kUnknown);
  EXPECT_EQ(entries(Kind::kContentStore)[0].cost.pico, 1100 * 301);
  EXPECT_THAT(engine->job().reasons, Contains(HasSubstr("the provider no longer has it")));
}

TEST_F(JobContent, ExpiredItIsPaidToItsEnd) {
  open();
  turn();
  answer("content_create", 200, told(), dated());
  turn();
  now += 400s;  // away
  answer("sync", 404, "");
  answer("sync", 404, "");
  turn();
  ASSERT_EQ(waiting("content_delete"), 1U);
  answer("content_delete", 404, "", dated());
  turn();
  ASSERT_EQ(entries(Kind::kContentStore).size(), 1U);
  EXPECT_EQ(entries(Kind::kContentStore)[0].outcome, Ended::kBilled);
  EXPECT_EQ(entries(Kind::kContentStore)[0].cost.pico, 1100 * 300);
}

TEST_F(JobContent, IsExtendedWhileFurtherReadsPay) {
  source.items = 200;
  open();
  turn();
  answer("content_create", 200, told(), dated());
  turn();
  now += 250s;
  answer_sync();
  turn();
  ASSERT_EQ(waiting("content_extend"), 1U);
  EXPECT_TRUE(content().extended_to);  // committed before it is asked for
  answer("content_extend", 200,
         fmt::format("c1 {} 1100 {} {}", content().display_name(), unix_seconds(now - 250s),
                     unix_seconds(now + content().ttl)),
         dated());
  turn();
  EXPECT_EQ(content().expires, now + content().ttl);
  EXPECT_FALSE(content().extended_to);
  EXPECT_EQ(sync_target(), "/sync?c1");
}

TEST_F(JobContent, ADeleteThatNeverComesThroughLeavesItToItsTtl) {
  open();
  turn();
  answer("content_create", 200, told(), dated());
  turn();
  finish_items();
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(waiting("content_delete"), 1U) << i;
    lose("content_delete", ErrorKind::kDeadlineExceeded);
    turn_after(60s);
  }
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(entries(Kind::kContentStore)[0].outcome, Ended::kUnknown);
  EXPECT_EQ(entries(Kind::kContentStore)[0].cost.pico, 1100 * 301);
}

TEST_F(JobContent, ACancelledJobDeletesIt) {
  open();
  turn();
  answer("content_create", 200, told(), dated());
  turn();
  ASSERT_TRUE(engine->cancel().has_value());
  turn();
  answer_sync();
  answer_sync();
  turn();
  ASSERT_EQ(waiting("content_delete"), 1U);
  answer("content_delete", 200, "", dated());
  turn();
  EXPECT_TRUE(turn().done);
  EXPECT_EQ(content().phase, ContentPhase::kGone);
}

TEST_F(JobContent, TheSpendLimitLeavesNoRoomForOne) {
  options.spend_max = Money{5'000'000};
  open();
  turn();
  EXPECT_EQ(waiting("content_create"), 0U);
  EXPECT_THAT(engine->job().reasons, Contains(HasSubstr("leaves no room")));
}

}  // namespace
}  // namespace weir::engine
