// The batch machine against a small provider that loses answers, and a program that dies: whatever
// happens, at most one batch is made, its rows are read, and nobody else's batch is touched.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"
#include "providers/anthropic/batch_script.h"

namespace weir::providers::anthropic {
namespace {

class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {}

  void run() {
    script_.start();
    for (int i = 0; i < 20'000; ++i) {
      ASSERT_TRUE(script_.result) << script_.result.error().message;
      if (std::holds_alternative<provider::Finished>(script_.last.action)) return check_end();
      if (chance(2)) make(false);
      if (chance(may_cancel_ ? 1 : 0)) cancelled_ = true, script_.on(Kind::kCancel);
      else perform();
    }
    FAIL() << "no end: " << script_.last.state;
  }

 private:
  struct Made {
    std::string id;
    bool ours;
    Time created, visible, ends;
  };

  bool chance(std::uint64_t percent) { return random_.below(100) < percent; }
  Duration up_to(Duration longest) {
    return Duration(
        static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(longest.count()) + 1)));
  }
  void make(bool ours) {
    const Time now = script_.now;
    made_.insert(made_.begin(), {.id = fmt::format("msgbatch_{}", made_.size()),
                                 .ours = ours,
                                 .created = now + up_to(seconds(60)) - seconds(30),
                                 .visible = now + up_to(minutes(9)),
                                 .ends = now + up_to(hours(2))});
  }
  [[nodiscard]] std::string text_of(const Made& batch) const {
    return object(batch.id, batch.ends <= script_.now ? "ended" : "in_progress", batch.created);
  }
  Made* named(std::string_view target) {
    for (auto& batch : made_)
      if (target.find(batch.id + "/") != std::string_view::npos || target.ends_with(batch.id))
        return &batch;
    return nullptr;
  }

  // Performs the action, unless the program dies before or after it, or its answer is lost.
  void perform() {
    if (std::holds_alternative<provider::Wait>(script_.last.action)) {
      if (chance(5)) script_.on(Kind::kRestarted);
      else script_.timer();
      return;
    }
    const auto plan = script_.plan();
    const auto doing = script_.said();
    if (chance(5)) return restart();
    if (!doing.starts_with("collect") && chance(5))
      return void(script_.on(Kind::kNotSent, {.kind = ErrorKind::kUnavailable}));
    script_.now += up_to(seconds(40));
    if (doing == "create") return create();
    if (chance(5)) return restart();
    if (doing == "list") return answer(list(listed()));
    Made* batch = named(plan.target);
    ASSERT_NE(batch, nullptr) << plan.target;
    if (doing.starts_with("collect")) return collect(*batch);
    if (doing != "poll") {
      EXPECT_TRUE(batch->ours) << doing << " of a batch of someone else";
      if (doing == "cancel") batch->ends = std::min(batch->ends, script_.now);
    }
    answer(text_of(*batch));
  }
  void create() {
    if (chance(15)) return void(script_.answer(429, "", {{"retry-after", "3"}}));
    const bool makes = chance(50);
    if (makes) make(true);
    const auto what = random_.below(makes ? 4 : 3);
    if (what == 0) script_.lost();
    else if (what == 1) script_.answer(529, "");
    else if (what == 2) restart();
    else script_.answer(200, text_of(made_.front()));
  }
  void restart() {
    script_.now += up_to(hours(1));
    script_.on(Kind::kRestarted);
  }
  void answer(std::string body) {
    if (chance(5)) script_.lost();
    else if (chance(5)) script_.answer(500, "");
    else script_.answer(200, std::move(body));
  }
  std::string listed() {
    std::vector<Made> sorted(made_);
    std::ranges::sort(sorted, std::greater(), &Made::created);
    std::string out;
    for (const auto& batch : sorted)
      if (batch.visible <= script_.now) out += (out.empty() ? "" : ",") + text_of(batch);
    return out;
  }
  void collect(const Made& batch) {
    ASSERT_LE(batch.ends, script_.now);
    if (!batch.ours) return void(script_.wrong_rows());
    if (chance(20))
      return void(script_.on(Kind::kCollectFailed, {.kind = ErrorKind::kUnavailable}));
    rows_read_ = true;
    script_.on(Kind::kCollected);
  }

  void check_end() {
    const auto& finished = std::get<provider::Finished>(script_.last.action);
    const auto ours = std::ranges::count(made_, true, &Made::ours);
    ASSERT_LE(ours, 1) << "paid twice";
    ASSERT_NE(finished.outcome, Outcome::kHeld) << finished.error.message;
    ASSERT_EQ(finished.outcome == Outcome::kEnded, ours == 1) << script_.last.reason;
    ASSERT_EQ(rows_read_, ours == 1);
    if (ours == 0) ASSERT_TRUE(cancelled_ || script_.last.reason.find("gave up") == 0);
  }

  SeededRandom random_;
  Script script_;
  std::vector<Made> made_;  // latest first
  bool may_cancel_ = random_.below(2) == 0;
  bool cancelled_ = false, rows_read_ = false;
};

TEST(AnthropicBatchLife, AtMostOneBatchAndAllItsRows) {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    SCOPED_TRACE(seed);
    World(seed).run();
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace weir::providers::anthropic
