// A create whose outcome is unknown, as scripts of events.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "providers/anthropic/batch_script.h"

namespace weir::providers::anthropic {
namespace {

TEST(AnthropicBatchSettle, TheListIsReadToTheIntent) {
  Script script = in_doubt();
  EXPECT_EQ(script.plan().target, "/anthropic/v1/messages/batches?limit=100");
  EXPECT_FALSE(script.last.reason.empty());
  script.answer(200, list(object("new", "ended", kStart + seconds(3), 9), "true"));
  EXPECT_EQ(script.plan().target, "/anthropic/v1/messages/batches?limit=100&after_id=the%20last");
  // Older than the intent less a minute: nothing of ours can follow.
  script.answer(200, list(object("old", "ended", kStart - seconds(61)), "true"));
  EXPECT_EQ(script.said(), "wait list_wait");
}

TEST(AnthropicBatchSettle, OnlyCountAndTimeMakeACandidate) {
  const std::pair<std::string, bool> kRows[] = {
      {object("a", "ended", kStart - seconds(59)), true},
      {object("a", "ended", kStart - seconds(61)), false},
      {object("a", "ended", kStart + minutes(11)), true},
      {object("a", "ended", kStart + minutes(12)), false},
      {object("a", "ended", kStart, 4), false},
      {object("..", "ended", kStart), false},
      {R"({"id":"a","request_counts":{"processing":3}})", false},
      {R"({"created_at":"2026-11-23T12:00:00Z","request_counts":{"processing":3}})", false},
      {R"({"id":"a","created_at":"2026-11-23T12:00:00Z","request_counts":{"processing":-1,"x":4}})",
       false},
      {"17", false}};
  for (const auto& [row, is_one] : kRows) {
    Script script = in_doubt();
    script.answer(200, list(row));
    EXPECT_EQ(script.said(), is_one ? "collect results" : "wait list_wait") << row;
  }
}

TEST(AnthropicBatchSettle, NothingListedForTenMinutesSendsTheSameCreateAgain) {
  Script script = in_doubt();
  int lists = 0;
  while (script.said() == "list" && lists < 100) {
    ++lists;
    script.answer(200, list(""));
    if (script.said() != "wait list_wait") break;
    EXPECT_LT(script.now, kStart + minutes(10));
    script.timer();
  }
  EXPECT_EQ(script.said(), "create");
  EXPECT_EQ(script.now, kStart + minutes(10));
  EXPECT_EQ(std::get<http::ImageSlice>(script.plan().body[0]), (http::ImageSlice{0, 777}));
  EXPECT_FALSE(script.last.reason.empty());
  script.answer(200, testdata("create.accepted.response.json"));
  EXPECT_EQ(script.said(), "wait poll_wait");
}

// It was noted two days ahead of the provider's clock: the batch is found all the same, and waited for no longer than any other.
TEST(AnthropicBatchSettle, AClockThatWentBackHidesNoBatch) {
  Script script = in_doubt();
  script.now = kStart - hours(48);
  script.on(Kind::kRestarted);
  script.answer(200, list(""));
  EXPECT_EQ(script.said(), "wait list_wait");
  script.timer();
  script.answer(200, list(object("ours", "ended", kStart - hours(49))));
  EXPECT_EQ(script.said(), "collect results");
  Script none = in_doubt();
  none.now = kStart - hours(48);
  none.on(Kind::kRestarted);
  for (int i = 0; i < 100 && none.said() != "create"; ++i)
    if (none.said() == "list") none.answer(200, list(""));
    else none.timer();
  EXPECT_EQ(none.now, kStart - hours(48) + minutes(10));
}

// Found by simulation: another batch of the job, of as many items, had adopted it for the time being; and sending again made a second.
TEST(AnthropicBatchSettle, WhatAnotherBatchHoldsProvisionallyIsWaitedFor) {
  Script script = in_doubt();
  script.claimed = {"msgbatch_x"};
  for (int i = 0; i < 100; ++i) {  // far beyond the time after which an unlisted batch was not made
    script.answer(200, list(object("msgbatch_x", "in_progress", kStart)));
    ASSERT_EQ(script.said(), "wait list_wait");
    script.timer();
    ASSERT_EQ(script.said(), "list");
  }
  EXPECT_FALSE(script.last.view.provisional);
  script.claimed.clear();
  script.answer(200, list(object("msgbatch_x", "ended", kStart)));
  EXPECT_EQ(script.said(), "collect results");
  EXPECT_TRUE(script.last.view.provisional);
}

TEST(AnthropicBatchSettle, ACancelWaitsForWhatAnotherBatchHoldsProvisionally) {
  Script script = in_doubt();
  script.claimed = {"msgbatch_x"};
  script.now += hours(1);
  script.answer(200, list(object("msgbatch_x", "ended", kStart)));
  script.on(Kind::kCancel);
  EXPECT_EQ(script.said(), "list");
  script.answer(200, list(object("msgbatch_x", "ended", kStart)));
  EXPECT_EQ(script.said(), "wait list_wait");
}

TEST(AnthropicBatchSettle, CreatesAreBoundedHere) {
  Script script;
  script.start();
  int creates = 0;
  for (int i = 0; i < 10'000 && script.said().find(' ') != 7; ++i) {
    if (script.said() == "create") ++creates, script.lost();
    else if (script.said() == "list") script.answer(200, list(""));
    else script.timer();
  }
  EXPECT_EQ(creates, 20);
  EXPECT_EQ(script.said(), "refused unavailable");
}

TEST(AnthropicBatchSettle, OneCandidateIsAdoptedAndConfirmedByItsRows) {
  Script script = adopted();
  EXPECT_EQ(script.said(), "poll");
  EXPECT_NE(script.last.reason.find("adopted msgbatch_x"), std::string::npos);
  EXPECT_EQ(script.last.view.provider_batch_id, "msgbatch_x");
  script.answer(200, object("msgbatch_x", "ended", kStart));
  EXPECT_EQ(script.said(), "collect results");
  // Read to its end means that the rows were ours. What was only found is not deleted.
  script.on(Kind::kCollected);
  EXPECT_EQ(script.said(), "ended");
  EXPECT_EQ(script.last.view.provider_batch_id, "msgbatch_x");
}

TEST(AnthropicBatchSettle, ARejectedBatchIsNotLookedAtAgain) {
  Script script = adopted("ended");
  script.wrong_rows();
  EXPECT_EQ(script.said(), "list");
  EXPECT_EQ(script.last.view.provider_batch_id, "");
  EXPECT_NE(script.last.reason.find("msgbatch_x is not ours"), std::string::npos);
  script.answer(200, list(object("msgbatch_x", "ended", kStart)));
  EXPECT_EQ(script.said(), "wait list_wait");
  // Ours appears later; its rows are another artefact, so that no offset of the first is applied to
  // it.
  script.timer().answer(200, list(object("msgbatch_y", "ended", kStart) + "," +
                                  object("msgbatch_x", "ended", kStart)));
  EXPECT_EQ(script.said(), "collect results.2");
  EXPECT_EQ(script.plan().target, "/anthropic/v1/messages/batches/msgbatch_y/results");
  script.on(Kind::kRestarted);
  EXPECT_EQ(script.said(), "collect results.2");
  script.on(Kind::kCollected);
  EXPECT_EQ(script.said(), "ended");
}

// Found by simulation: its owner, another batch of the same job and size, read it and deleted it before we did.
TEST(AnthropicBatchSettle, AnAdoptedBatchWhoseResultsAreGoneIsAskedForAgain) {
  Script script = adopted("ended");
  for (int i = 0; i < 3; ++i) {
    script.on(Kind::kCollectFailed, {.kind = ErrorKind::kNotFound, .http_status = 404});
    EXPECT_EQ(script.said(), "wait collect_wait");
    script.timer();
  }
  script.on(Kind::kCollectFailed, {.kind = ErrorKind::kNotFound, .http_status = 404});
  EXPECT_EQ(script.said(), "poll");
  script.answer(404, "{}");
  EXPECT_EQ(script.said(), "list");
}

TEST(AnthropicBatchSettle, RejectedAndNothingElseMeansNotMade) {
  Script script = adopted("ended");
  script.now += hours(1);
  script.wrong_rows().answer(200, list(object("msgbatch_x", "ended", kStart)));
  EXPECT_EQ(script.said(), "create");
}

TEST(AnthropicBatchSettle, OfSeveralTheEndedOnesAreCheckedFirst) {
  Script script = in_doubt();
  const auto both = [](std::string_view a, std::string_view b) {
    return list(object("msgbatch_a", a, kStart + seconds(9)) + "," +
                object("msgbatch_b", b, kStart));
  };
  script.answer(200, both("in_progress", "in_progress"));
  EXPECT_EQ(script.said(), "wait list_wait");
  EXPECT_FALSE(script.last.reason.empty());
  script.timer().answer(200, both("ended", "in_progress"));
  EXPECT_EQ(script.said(), "collect results");
  EXPECT_EQ(script.last.view.provider_batch_id, "msgbatch_a");
  script.wrong_rows().answer(200, both("ended", "in_progress"));
  EXPECT_EQ(script.said(), "poll");
  EXPECT_EQ(script.last.view.provider_batch_id, "msgbatch_b");
}

TEST(AnthropicBatchSettle, AfterOneCreateTheFirstConfirmedBatchIsTheOnlyOne) {
  Script script = in_doubt();
  script.answer(200, list(object("a", "ended", kStart) + "," + object("b", "ended", kStart)));
  EXPECT_EQ(script.last.view.provider_batch_id, "b");
  script.on(Kind::kCollected);
  EXPECT_EQ(script.said(), "ended");
}

// Lost, not listed in time, sent again, lost again: now two may exist.
Script twice_in_doubt() {
  Script script = in_doubt();
  script.now += minutes(11);
  script.answer(200, list("")).timer();
  while (script.said() == "list") script.answer(200, list("")).timer();
  EXPECT_EQ(script.said(), "error");  // the timer after the create's Send
  script.on(Kind::kLost);
  return script;
}

TEST(AnthropicBatchSettle, TwoBatchesWithOurRowsAreHeld) {
  Script script = twice_in_doubt();
  const auto both = list(object("a", "ended", script.now) + "," + object("b", "ended", kStart));
  script.answer(200, both);
  EXPECT_EQ(script.said(), "collect results");
  script.on(Kind::kCollected);
  EXPECT_EQ(script.said(), "list");
  script.answer(200, both);
  EXPECT_EQ(script.said(), "collect results.2");
  EXPECT_EQ(script.last.view.provider_batch_id, "a");
  script.on(Kind::kCollected);
  EXPECT_EQ(script.said(), "held deadline_exceeded");
  EXPECT_NE(std::get<provider::Finished>(script.last.action).error.message.find("b and a"),
            std::string::npos);
}

TEST(AnthropicBatchSettle, ASecondBatchThatIsNotOursEndsWell) {
  Script script = twice_in_doubt();
  const auto both = list(object("a", "ended", script.now) + "," + object("b", "ended", kStart));
  script.answer(200, both).on(Kind::kCollected).answer(200, both).wrong_rows();
  EXPECT_EQ(script.said(), "list");
  script.answer(200, both);
  EXPECT_EQ(script.said(), "ended");
  EXPECT_EQ(script.last.view.provider_batch_id, "b");
}

TEST(AnthropicBatchSettle, TooManyCandidatesAreHeld) {
  std::string objects;
  for (int i = 0; i < 65; ++i)
    objects += (i ? "," : "") + object(fmt::format("b{}", i), "in_progress", kStart);
  Script script = in_doubt();
  script.answer(200, list(objects));
  EXPECT_EQ(script.said(), "held deadline_exceeded");
}

TEST(AnthropicBatchSettle, AListWithoutEndIsHeld) {
  Script script = in_doubt();
  for (int i = 0; i < 2000 && script.said() == "list"; ++i)
    script.answer(200, list(object("a", "ended", kStart, 5), "true"));
  EXPECT_EQ(script.said(), "held bad_response");
}

provider::BatchEvent settled(provider::Settlement::How how, std::string id = "") {
  return {.kind = Kind::kSettle, .settlement = {.how = how, .provider_batch_id = std::move(id)}};
}

Script held() {
  Script script = in_doubt();
  script.answer(403, "{}");
  EXPECT_EQ(script.said(), "held unauthenticated");
  return script;
}

TEST(AnthropicBatchSettle, ABatchNamedByAHumanIsReadAndLeftThere) {
  Script script = held();
  script.event(settled(provider::Settlement::How::kAdopt, "msgbatch_y"));
  EXPECT_EQ(script.said(), "poll");
  EXPECT_EQ(script.plan().target, "/anthropic/v1/messages/batches/msgbatch_y");
  EXPECT_EQ(script.last.view.provider_batch_id, "msgbatch_y");
  script.on(Kind::kRestarted).answer(200, object("msgbatch_y", "ended", kStart));
  EXPECT_EQ(script.said(), "collect results");
  script.on(Kind::kCollected);
  EXPECT_EQ(script.said(), "ended");  // not deleted: our create did not name it
}

TEST(AnthropicBatchSettle, AWrongNameIsHeldAgainAndNothingIsCreated) {
  Script script = held();
  script.event(settled(provider::Settlement::How::kAdopt, "msgbatch_y"));
  script.answer(200, object("msgbatch_y", "ended", kStart)).wrong_rows();
  EXPECT_EQ(script.said(), "held invalid_argument");
  script.event(settled(provider::Settlement::How::kAdopt, "msgbatch_z")).answer(404, "{}");
  EXPECT_EQ(script.said(), "held not_found");
}

TEST(AnthropicBatchSettle, NotMadeAndLostEndInEveryState) {
  for (const auto* phase :
       {"new", "create", "create_wait", "list", "list_wait", "poll_wait", "poll", "cancel",
        "collect", "collect_wait", "delete", "adopted_poll", "adopted_collect", "done"}) {
    Script script = at(phase);
    script.event(settled(provider::Settlement::How::kNotMade));
    EXPECT_EQ(script.said(), "refused cancelled") << phase;
    script = at(phase);
    script.event(settled(provider::Settlement::How::kLost));
    EXPECT_EQ(script.said(), "ended") << phase;
    script.on(Kind::kRestarted);
    EXPECT_EQ(script.said(), "ended") << phase;
    script = at(phase);
    script.event(settled(provider::Settlement::How::kAdopt, "msgbatch_y"));
    EXPECT_EQ(script.said(), "poll") << phase;
  }
}

}  // namespace
}  // namespace weir::providers::anthropic
