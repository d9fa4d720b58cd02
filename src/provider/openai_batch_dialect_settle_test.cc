// Held batches that a human settles, as scripts of events.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "provider/openai_batch_dialect.h"

namespace weir::provider::openai_batch {
namespace {

using namespace std::chrono_literals;
using Kind = BatchEvent::Kind;
using How = Settlement::How;

const Options kSettleOptions{.chat = {.provider = "test"}};
const Credentials kSettleCredentials{.base_path = "/v1", .key = "sk-very-secret"};
const catalogue::BatchLimits kSettleLimits{
    .create_visibility_max = 10min, .poll_min = 10s, .poll_max = 60s};
const BatchId kSettleId{1, 2};

std::string batch(std::string_view id, std::string_view tag, std::string_view status,
                  std::string_view more = "") {
  return fmt::format(R"({{"id":"{}","status":"{}","metadata":{{"weir_batch":"{}"}}{}}})", id,
                     status, tag, more);
}
std::string our_tag() { return custom_id_prefix(kSettleId).substr(0, 17); }

class SettleScript {
 public:
  std::string on(BatchEvent event) {
    const BatchContext context{.credentials = kSettleCredentials,
                               .limits = kSettleLimits,
                               .id = kSettleId,
                               .items = 2,
                               .image_bytes = 9,
                               .model = "m",
                               .now = from_unix_seconds(1'795'000'000)};
    auto done = next(kSettleOptions, step.state, event, context);
    EXPECT_TRUE(done.has_value());
    if (done) step = *std::move(done);
    if (const auto* send = std::get_if<Send>(&step.action)) return "send " + send->operation;
    if (std::holds_alternative<Wait>(step.action)) return "wait";
    if (const auto* collect = std::get_if<Collect>(&step.action))
      return "collect " + collect->artefact;
    const auto& end = std::get<Finished>(step.action);
    return end.outcome == Finished::Outcome::kEnded ? "ended"
           : end.outcome == Finished::Outcome::kHeld
               ? fmt::format("held {}", to_string(end.error.kind))
               : fmt::format("refused {}", to_string(end.error.kind));
  }
  std::string answer(int status, std::string body = "{}") {
    return on({.kind = Kind::kAnswer, .response = {.status = status, .body = std::move(body)}});
  }
  std::string settle(How how, std::string id = "") {
    return on({.kind = Kind::kSettle, .settlement = {how, std::move(id)}});
  }
  // The create is lost, and the list is refused.
  std::string hold() {
    on({.kind = Kind::kStart});
    answer(200, R"({"id":"file-in"})");
    on({.kind = Kind::kLost});
    return answer(403);
  }
  Step step;
};

TEST(OpenaiBatchSettle, ABatchNamedByAHumanIsReadAndTidiedUp) {
  SettleScript s;
  ASSERT_EQ(s.hold(), "held unauthenticated");
  EXPECT_EQ(s.settle(How::kAdopt, "batch_9"), "send poll");
  EXPECT_EQ(std::get<Send>(s.step.action).plan.target, "/v1/batches/batch_9");
  EXPECT_EQ(s.on({.kind = Kind::kRestarted}), "send poll");
  EXPECT_EQ(s.answer(200, batch("batch_9", our_tag(), "completed", R"(,"output_file_id":"f")")),
            "collect output");
  EXPECT_EQ(s.step.view.provider_batch_id, "batch_9");
  EXPECT_EQ(s.on({.kind = Kind::kCollected}), "send delete");
  EXPECT_EQ(s.answer(200), "send delete");
  EXPECT_EQ(s.answer(200), "ended");
}

TEST(OpenaiBatchSettle, AnotherJobsBatchIsHeldAgain) {
  SettleScript s;
  s.hold();
  s.settle(How::kAdopt, "batch_9");
  EXPECT_EQ(s.answer(200, batch("batch_9", "w0123456789abcdef", "in_progress")),
            "held invalid_argument");
  s.settle(How::kAdopt, "batch_8");
  EXPECT_EQ(s.answer(200, batch("batch_8", "", "completed", R"(,"output_file_id":"f")")),
            "collect output");
  EXPECT_EQ(s.on({.kind = Kind::kCollectFailed,
                  .error = {.kind = ErrorKind::kNotFound, .message = "its rows are not ours"}}),
            "held invalid_argument");
  s.settle(How::kAdopt, "batch_7");
  EXPECT_EQ(s.answer(404), "held not_found");
}

TEST(OpenaiBatchSettle, NotMadeDeletesTheUploadAndLostReadsNothing) {
  SettleScript s;
  s.hold();
  EXPECT_EQ(s.settle(How::kNotMade), "send delete");
  EXPECT_EQ(s.answer(200), "refused cancelled");
  SettleScript t;
  t.hold();
  EXPECT_EQ(t.settle(How::kLost), "ended");
  EXPECT_EQ(t.on({.kind = Kind::kRestarted}), "ended");
}

TEST(OpenaiBatchSettle, ItMayComeInAnyState) {
  for (const auto how : {How::kAdopt, How::kNotMade, How::kLost}) {
    const std::string expected = how == How::kAdopt     ? "send poll"
                                 : how == How::kNotMade ? "refused cancelled"
                                                        : "ended";
    SettleScript fresh;
    EXPECT_EQ(fresh.settle(how, "b"), expected);
    SettleScript uploading;
    uploading.on({.kind = Kind::kStart});
    EXPECT_EQ(uploading.settle(how, "b"), expected);
  }
}

}  // namespace
}  // namespace weir::provider::openai_batch
