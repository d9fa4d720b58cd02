// Routing, accounts, rate limits, request faults, the bill and the simulator's own pages, with a
// toy provider.
#include "sim/simulator.h"

#include <gtest/gtest.h>

#include "sim/json_reply.h"
#include "sim/testing.h"

namespace weir::sim {
namespace {

// Bills every request one pico-dollar and answers "0123456789".
class Toy final : public Provider {
 public:
  [[nodiscard]] std::string_view name() const override { return "toy"; }
  Result<void> start(World& world) override {
    world_ = &world;
    return {};
  }
  [[nodiscard]] std::optional<std::string_view> key_of(
      const http::Request& request) const override {
    return request.headers.find("key");
  }
  [[nodiscard]] Operation operation(const Call& call) const override {
    return call.path == "/v1/other" ? Operation{"other", ""} : Operation{"work", "sync"};
  }
  void advance(Time) override {}
  Reply handle(Call& call) override {
    const auto row = world_->bill.add({.attempt_id = call.attempt_id,
                                       .account = call.account,
                                       .provider = "toy",
                                       .model = "m",
                                       .at = call.now,
                                       .pico_usd = 1});
    Reply reply = json_reply(200, "0123456789");
    call.deliveries.push_back({reply.size(), row});
    return reply;
  }
  [[nodiscard]] Reply error(const Call&, int status, std::string_view) const override {
    return json_reply(status, "{}");
  }
  void add_headers(const Call& call, const RateState&, http::Headers& headers) const override {
    headers.set("id", call.request_id);
  }
  void write_state(json::Writer& out) const override { out.field("files", std::int64_t{0}); }

 private:
  World* world_ = nullptr;
};

testing::Bench bench(Options options = {}) {
  return {std::make_unique<Toy>(), {{"key", "k1"}}, std::move(options)};
}
testing::Bench faulty(std::string faults) { return bench({.faults_json = std::move(faults)}); }

TEST(Simulator, PrefixPicksTheProviderWithoutRegardToCase) {
  auto b = bench();
  for (const auto* path : {"/toy/v1/x", "/TOY/v1/x", "/Toy/v1/x?a=b"})
    EXPECT_EQ(b.get(path).head.status, 200) << path;
  for (const auto* path : {"/", "/none/v1", "", "toy", "/_sim", "/_sim/nothing"})
    EXPECT_EQ(b.get(path).head.status, 404) << path;
  EXPECT_EQ(b.post("/_sim/bill", "").head.status, 405);
  EXPECT_EQ(b.get("/toy/v1/x").head.headers.find(kSimulatedHeader), kSimulatedValue);
  EXPECT_EQ(b.get("/nowhere").head.headers.find(kSimulatedHeader), kSimulatedValue);
}

TEST(Simulator, AnyKeyButAnInvalidOneIsAnAccount) {
  auto b = bench();
  b.get("/toy/v1/x");
  b.get("/toy/v1/x", {{"key", "k2"}});
  EXPECT_EQ(b.get("/toy/v1/x", {{"key", "invalid-1"}}).head.status, 401);
  EXPECT_EQ(b.get("/toy/v1/x", {{"key", ""}}).head.status, 401);
  ASSERT_EQ(b.bill().size(), 2U);
  EXPECT_NE(b.bill()[0].account, b.bill()[1].account);
  EXPECT_EQ(b.bill()[0].account.find("k1"), std::string::npos);
  testing::Bench without(std::make_unique<Toy>(), {});
  EXPECT_EQ(without.get("/toy/v1/x").head.status, 401);
}

TEST(Simulator, BillCarriesTheAttemptIdAndWhatWasDelivered) {
  auto b = bench();
  b.get("/toy/v1/x", {{"x-client-request-id", "attempt-1"}});
  const testing::Parsed bill(b.get("/_sim/bill").text());
  EXPECT_EQ(bill["total_pico_usd"].integer(), 1);
  const json::Value row(bill["rows"].items().at(0));
  EXPECT_EQ(row["attempt_id"].string(), "attempt-1");
  EXPECT_EQ(row["delivered"].boolean(), true);
  EXPECT_EQ(b.get("/_sim/bill?format=jsonl").head.headers.find("content-type"),
            "application/x-jsonl");
  EXPECT_EQ(testing::lines_of(b.get("/_sim/bill?format=jsonl").text()).size(), 1U);
}

TEST(Simulator, AKeyNarrowsTheBillToItsAccount) {
  auto b = bench();
  b.get("/toy/v1/x");
  b.get("/toy/v1/x", {{"key", "k2"}});
  EXPECT_EQ(testing::Parsed(b.get("/_sim/bill").text())["rows"].size(), 2U);
  const testing::Parsed one(b.get("/_sim/bill", {{"x-api-key", "k2"}}).text());
  EXPECT_EQ(one["rows"].size(), 1U);
  EXPECT_EQ(one["total_pico_usd"].integer(), 1);
  const Reply none = b.get("/_sim/bill?format=jsonl", {{"authorization", "Bearer k3"}});
  EXPECT_EQ(none.size(), 0U);
}

TEST(Simulator, HealthAndState) {
  auto b = bench();
  EXPECT_EQ(testing::Parsed(b.get("/_sim/health").text())["status"].string(), "ok");
  b.get("/toy/v1/x");
  const testing::Parsed state(b.get("/_sim/state").text());
  EXPECT_EQ(state["requests"].integer(), 1);
  EXPECT_EQ(state["toy"]["files"].integer(), 0);
  EXPECT_EQ(state["bill_rows"].integer(), 1);
}

TEST(Simulator, RequestsAboveTheRateAreRefusedUntilTheMinuteIsOver) {
  auto b = bench({.requests_per_minute_max = 2});
  b.get("/toy/v1/x");
  EXPECT_EQ(b.get("/toy/v1/x").head.status, 200);
  const Reply refused = b.get("/toy/v1/x");
  EXPECT_EQ(refused.head.status, 429);
  EXPECT_TRUE(refused.head.headers.find("retry-after"));
  EXPECT_EQ(b.get("/toy/v1/x", {{"key", "k2"}}).head.status, 200);  // another account
  b.wait(std::chrono::minutes(1));
  EXPECT_EQ(b.get("/toy/v1/x").head.status, 200);
  EXPECT_EQ(b.bill().size(), 4U);
}

TEST(Simulator, TimeNeverGoesBack) {
  auto b = bench();
  http::Request request{.target = "/toy/v1/x", .headers = {{"key", "k"}}};
  b.simulator().handle(request, from_unix_seconds(2000));
  b.simulator().handle(request, from_unix_seconds(1000));
  EXPECT_EQ(b.bill()[1].at, from_unix_seconds(2000));
}

TEST(Faults, RefusalsHappenBeforeAnythingIsBilled) {
  auto b = faulty(R"([{"match":{"nth":1},"fault":{"kind":"rate_limited","retry_after":7}},
                      {"match":{"nth":2},"fault":{"kind":"status","code":503}},
                      {"match":{"nth":3},"fault":"overloaded"},
                      {"match":{"nth":4},"fault":"timeout_before_accept"},
                      {"match":{"nth":5},"fault":"reset"}])");
  const Reply limited = b.get("/toy/v1/x");
  EXPECT_EQ(limited.head.status, 429);
  EXPECT_EQ(limited.head.headers.find("retry-after"), "7");
  EXPECT_EQ(b.get("/toy/v1/x").head.status, 503);
  EXPECT_EQ(b.get("/toy/v1/x").head.status, 529);
  EXPECT_EQ(b.get("/toy/v1/x").fate, Reply::Fate::kNoAnswer);
  EXPECT_EQ(b.get("/toy/v1/x").fate, Reply::Fate::kReset);
  EXPECT_TRUE(b.bill().empty());
  EXPECT_EQ(b.get("/toy/v1/x").head.status, 200);
}

TEST(Faults, LostAnswersAreBilledAndNotDelivered) {
  auto b = faulty(R"([{"match":{"nth":1},"fault":"timeout_after_accept"},
                      {"match":{"nth":2},"fault":{"kind":"reset","accepted":true}},
                      {"match":{"nth":3},"fault":{"kind":"cut_body","after_bytes":4}},
                      {"match":{"nth":4},"fault":{"kind":"truncate","after_bytes":4}},
                      {"match":{"nth":5},"fault":{"kind":"delay","seconds":3}},
                      {"match":{"nth":6},"fault":{"kind":"cut_body","after_bytes":400}}])");
  EXPECT_EQ(b.get("/toy/v1/x").fate, Reply::Fate::kNoAnswer);
  EXPECT_EQ(b.get("/toy/v1/x").fate, Reply::Fate::kReset);
  const Reply cut = b.get("/toy/v1/x");
  EXPECT_EQ(cut.fate, Reply::Fate::kCut);
  EXPECT_EQ(cut.text(), "0123");
  EXPECT_EQ(cut.head.headers.find("content-length"), "10");
  const Reply truncated = b.get("/toy/v1/x");
  EXPECT_EQ(truncated.fate, Reply::Fate::kWhole);
  EXPECT_EQ(truncated.text(), "0123");
  EXPECT_EQ(b.get("/toy/v1/x").delay, std::chrono::seconds(3));
  EXPECT_EQ(b.get("/toy/v1/x").fate, Reply::Fate::kWhole);  // shorter than where it would be cut
  ASSERT_EQ(b.bill().size(), 6U);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(b.bill()[i].delivered, i >= 4) << i;
}

TEST(Faults, Matching) {
  auto b = faulty(
      R"({"rules":[{"match":{"provider":"TOY","operation":"other","every":2,"times":2},"fault":"overloaded"},
                               {"match":{"provider":"elsewhere"},"fault":"overloaded"}]})");
  std::string seen;
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(b.get("/toy/v1/x").head.status, 200);
    seen += b.get("/toy/v1/other").head.status == 200 ? '.' : 'x';
  }
  EXPECT_EQ(seen, ".x.x....");
}

TEST(Faults, ProbabilityIsDrawnFromTheSeed) {
  const auto run = [](std::uint64_t seed) {
    auto b =
        bench({.seed = seed,
               .faults_json =
                   R"([{"match":{"operation":"sync","probability":0.3},"fault":"overloaded"}])"});
    std::string seen;
    for (int i = 0; i < 200; ++i) seen += b.get("/toy/v1/x").head.status == 200 ? '.' : 'x';
    return seen;
  };
  EXPECT_EQ(run(5), run(5));
  EXPECT_NE(run(5), run(6));
  const std::string seen = run(5);
  EXPECT_NEAR(static_cast<double>(std::count(seen.begin(), seen.end(), 'x')), 60.0, 25.0);
}

TEST(Simulator, RefusesBadOptions) {
  const auto made = [](Options options) {
    return Simulator::create(std::move(options), {}).has_value();
  };
  EXPECT_TRUE(made({}));
  EXPECT_FALSE(made({.batch_hit_rate = 1.5}));
  EXPECT_FALSE(made({.requests_per_minute_max = 0}));
  for (const auto* faults :
       {"{", "{}", R"([{"match":{"colour":1},"fault":"status"}])", R"([{"fault":"strange"}])",
        R"([{"fault":{"kind":"status","colour":1}}])"})
    EXPECT_FALSE(made({.faults_json = faults})) << faults;
}

}  // namespace
}  // namespace weir::sim
