// optimize() around a model of the user's own.
#include <gmock/gmock.h>

#include <atomic>
#include <map>
#include <mutex>

#include "support.h"

namespace {

using namespace weir;
using namespace weir_test;
using testing::HasSubstr;

/// Answers everything, and remembers what it was asked.
class FakeModel : public ChatModel {
 public:
  explicit FakeModel(ModelInfo info) : info_(std::move(info)) {}
  Result<Response> invoke(const Request& request, const CallOptions&, std::stop_token) override {
    ++invokes;
    seen.push_back(request);
    if (refuse_hints && !request.system.empty() && request.system.back().cache)
      return fail(ErrorKind::kInvalidArgument, "no cache here");
    return Response{.text = "yes", .usage = {.input = {100}, .output = {10}}};
  }
  std::vector<Result<Response>> batch(std::span<const Request> requests, const CallOptions&,
                                      std::stop_token) override {
    ++batches;
    seen.insert(seen.end(), requests.begin(), requests.end());
    return std::vector<Result<Response>>(
        requests.size(), Response{.text = "yes", .usage = {.input = {100}, .output = {10}}});
  }
  [[nodiscard]] ModelInfo info() const override { return info_; }

  int invokes = 0, batches = 0;
  bool refuse_hints = false;
  std::vector<Request> seen;

 private:
  ModelInfo info_;
};

/// With a batch API that can be told to fail.
class FakeBatchModel final : public FakeModel, public BatchPort {
 public:
  using FakeModel::FakeModel;
  Result<std::string> submit(std::span<const Item> items,
                             const std::string& recovery_key) override {
    ++creates;
    if (create_error) {
      if (made_all_the_same) made_[recovery_key].assign(items.begin(), items.end());
      return std::unexpected(*create_error);
    }
    made_[recovery_key].assign(items.begin(), items.end());
    sizes.push_back(items.size());
    return recovery_key;
  }
  Result<std::optional<std::string>> find(const std::string& recovery_key) override {
    ++finds;
    if (made_.contains(recovery_key)) return recovery_key;
    return std::nullopt;
  }
  Result<Status> poll(const std::string&) override {
    if (poll_error) return std::unexpected(*poll_error);
    return Status{.ended = ++polls % 3 == 0 && !stuck};
  }
  Result<void> collect(const std::string& batch_id, const OnRow& on_row) override {
    if (collect_error || poll_error)
      return std::unexpected(*(collect_error ? collect_error : poll_error));
    auto& items = made_.at(batch_id);
    for (auto item = items.rbegin(); item != items.rend(); ++item) {  // in any order
      if (lose_last && item == items.rbegin()) continue;
      if (last_row_error && item == items.rbegin()) {
        on_row(item->custom_id, std::unexpected(*last_row_error));
        continue;
      }
      on_row(item->custom_id,
             Response{.text = item->custom_id, .usage = {.input = {100}, .output = {10}}});
    }
    on_row("a-stranger", Response{});
    return {};
  }
  Result<void> cancel(const std::string&) override {
    ++cancels;
    stuck = false;
    return {};
  }

  int creates = 0, finds = 0, polls = 0, cancels = 0;
  bool made_all_the_same = false, lose_last = false, stuck = false;
  std::optional<Error> create_error, poll_error, collect_error, last_row_error;
  std::vector<std::size_t> sizes;

 private:
  std::map<std::string, std::vector<Item>> made_;
};

class Base : public testing::Test {
 protected:
  Base() : simulator_("--time-scale 600"), engine_(engine_on(simulator_, folder_.path())) {}

  template <class Model = FakeModel>
  std::pair<std::unique_ptr<OptimizedModel>, Model*> make(const std::string& provider,
                                                          const std::string& model,
                                                          Optimization options) {
    auto base = std::make_unique<Model>(
        ModelInfo{.provider = provider, .model = model, .endpoint = "", .account = ""});
    auto* raw = base.get();
    auto out = optimize(*engine_, std::move(base), std::move(options));
    EXPECT_EQ(why(out), "");
    return {out ? std::move(*out) : nullptr, raw};
  }
  static std::vector<Request> requests(std::size_t count) {
    std::vector<Request> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back(ask(std::to_string(i), long_text(2000)));
    return out;
  }

  Simulator simulator_;
  Folder folder_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(Base, WithBothOffGetsExactlyOneBatchCall) {
  const auto [model, base] = make("anthropic", "claude-sonnet-5", {});
  const auto asked = requests(5);
  EXPECT_EQ(model->batch(asked).size(), 5);
  EXPECT_EQ(base->batches, 1);
  EXPECT_EQ(base->invokes, 0);
  EXPECT_EQ(base->seen, asked);
  EXPECT_EQ(why(model->invoke(asked[0])), "");
  EXPECT_EQ(base->seen.back(), asked[0]);
}

TEST_F(Base, GetsAHintOnTheLastSystemTextAndTheLastTool) {
  const auto [model, base] = make("anthropic", "claude-sonnet-5", {.cache = {.enabled = true}});
  auto request = ask("?", long_text(2000));
  request.system.push_back({.text = "And be brief."});
  request.tools.push_back({.name = "one", .description = "the first", .parameters = "{}"});
  request.tools.push_back({.name = "two", .description = long_text(2000), .parameters = "{}"});
  EXPECT_EQ(why(model->invoke(request)), "");
  const auto& seen = base->seen.back();
  EXPECT_FALSE(seen.system.front().cache);
  EXPECT_TRUE(seen.system.back().cache);
  EXPECT_FALSE(seen.tools.front().cache);
  EXPECT_TRUE(seen.tools.back().cache);
  EXPECT_EQ(seen.messages, request.messages);
  request.system.front().cache = CacheHint{};  // the caller's own: nothing is added
  EXPECT_EQ(why(model->invoke(request)), "");
  EXPECT_EQ(base->seen.back(), request);
}

TEST_F(Base, OfAProviderWithoutACacheGetsTheIdenticalRequest) {
  for (const auto* provider : {"ollama", "nobody-knows-it"}) {
    const auto [model, base] =
        make(provider, "llama3.2", {.batch = {.enabled = true}, .cache = {.enabled = true}});
    EXPECT_FALSE(model->can_batch());
    EXPECT_FALSE(model->can_cache());
    EXPECT_EQ(model->cache_strategy(), CacheStrategy::kNone);
    const auto asked = requests(2);
    EXPECT_EQ(why(model->invoke(asked[0])), "");
    EXPECT_EQ(base->seen.back(), asked[0]);
    EXPECT_EQ(model->batch(asked).size(), 2);
    EXPECT_EQ(base->batches, 1);
  }
}

TEST_F(Base, IsAskedAgainWithoutHintsWhenItRefusesThem) {
  auto [model, base] = make("anthropic", "claude-sonnet-5", {.cache = {.enabled = true}});
  base->refuse_hints = true;
  const auto response = model->invoke(ask("?", long_text(2000)));
  ASSERT_EQ(why(response), "");
  EXPECT_THAT(response->fallback_reason, HasSubstr("no cache here"));
  auto [strict, other] = make("anthropic", "claude-sonnet-5",
                              {.cache = {.enabled = true}, .fallback_to_standard = false});
  other->refuse_hints = true;
  EXPECT_EQ(strict->invoke(ask("?", long_text(2000))).error().kind, ErrorKind::kInvalidArgument);
}

TEST_F(Base, WithABatchPortIsSplitAndReadInAnyOrder) {
  const auto [model, base] =
      make<FakeBatchModel>("acme", "m", {.batch = {.enabled = true, .max_batch_size = 4}});
  EXPECT_TRUE(model->can_batch());
  const auto answers = model->batch(requests(10));
  ASSERT_EQ(answers.size(), 10);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    ASSERT_EQ(why(answers[i]), "");
    EXPECT_EQ(answers[i]->route, Route::kBatch);
    EXPECT_TRUE(answers[i]->text.ends_with("-" + std::to_string(i % 4))) << answers[i]->text;
  }
  EXPECT_EQ(base->sizes, (std::vector<std::size_t>{4, 4, 2}));
  EXPECT_EQ(base->batches, 0);
}

TEST_F(Base, WhoseCreateIsOfUnknownOutcomeIsLookedForAndNotMadeTwice) {
  auto [model, base] = make<FakeBatchModel>("acme", "m", {.batch = {.enabled = true}});
  base->create_error = Error{.kind = ErrorKind::kDeadlineExceeded, .message = "no answer"};
  base->made_all_the_same = true;
  for (const auto& answer : model->batch(requests(3))) EXPECT_EQ(answer->route, Route::kBatch);
  EXPECT_EQ(base->creates, 1);
  EXPECT_EQ(base->finds, 1);
}

TEST_F(Base, WhoseBatchFailsTakesTheStandardPathWithTheReason) {
  auto [model, base] = make<FakeBatchModel>("acme", "m", {.batch = {.enabled = true}});
  base->create_error = Error{.kind = ErrorKind::kUnavailable, .message = "closed on Sundays"};
  for (const auto& answer : model->batch(requests(3))) {
    ASSERT_EQ(why(answer), "");
    EXPECT_EQ(answer->route, Route::kSync);
    EXPECT_THAT(answer->fallback_reason, HasSubstr("closed on Sundays"));
  }
  EXPECT_EQ(base->batches, 1);
  auto [strict, other] = make<FakeBatchModel>(
      "acme", "m", {.batch = {.enabled = true}, .fallback_to_standard = false});
  other->create_error = base->create_error;
  for (const auto& answer : strict->batch(requests(3)))
    EXPECT_THAT(why(answer), HasSubstr("closed on Sundays"));
  EXPECT_EQ(other->batches, 0);
}

// Whatever a step of the batch fails with: the standard path answers, and the reason is there.
TEST_F(Base, WhoseBatchFailsInAnyWayTakesTheStandardPath) {
  for (int number = 0; number <= static_cast<int>(ErrorKind::kInternal); ++number) {
    const Error error{.kind = static_cast<ErrorKind>(number), .message = "closed on Sundays"};
    for (const auto step : {&FakeBatchModel::create_error, &FakeBatchModel::poll_error,
                            &FakeBatchModel::collect_error}) {
      SCOPED_TRACE(to_string(error.kind));
      auto [model, base] = make<FakeBatchModel>(
          "acme", "m",
          {.batch = {.enabled = true, .poll_interval_max = std::chrono::seconds(120)}});
      base->*step = error;
      for (const auto& answer : model->batch(requests(2))) {
        ASSERT_EQ(why(answer), "");
        EXPECT_EQ(answer->route, Route::kSync);
        EXPECT_THAT(answer->fallback_reason, HasSubstr("closed on Sundays"));
      }
      EXPECT_EQ(base->batches, 1);
    }
  }
}

TEST_F(Base, RowsThatFailGoOnUnlessTheRequestIsAtFault) {
  for (int number = 0; number <= static_cast<int>(ErrorKind::kInternal); ++number) {
    const Error error{.kind = static_cast<ErrorKind>(number), .message = "this row is torn"};
    SCOPED_TRACE(to_string(error.kind));
    const bool final =
        error.kind == ErrorKind::kInvalidArgument || error.kind == ErrorKind::kUnsupported ||
        error.kind == ErrorKind::kNotFound || error.kind == ErrorKind::kUnauthenticated;
    auto [model, base] = make<FakeBatchModel>("acme", "m", {.batch = {.enabled = true}});
    base->last_row_error = error;
    const auto answers = model->batch(requests(3));
    EXPECT_EQ(answers[0]->route, Route::kBatch);
    if (final) {
      EXPECT_EQ(answers[2].error().kind, error.kind);
      EXPECT_EQ(base->batches, 0);
      continue;
    }
    ASSERT_EQ(why(answers[2]), "");
    EXPECT_EQ(answers[2]->route, Route::kSync);
    EXPECT_THAT(answers[2]->fallback_reason, HasSubstr("this row is torn"));
    EXPECT_EQ(base->seen.size(), 1);
    auto [strict, other] = make<FakeBatchModel>(
        "acme", "m", {.batch = {.enabled = true}, .fallback_to_standard = false});
    other->last_row_error = error;
    EXPECT_EQ(strict->batch(requests(3))[2].error().kind, error.kind);
    EXPECT_EQ(other->batches, 0);
  }
}

TEST_F(Base, WhoseCallerHasLeftGetsNothingMore) {
  auto [model, base] = make<FakeBatchModel>("acme", "m", {.batch = {.enabled = true}});
  base->stuck = true;
  for (const auto& answer : model->batch(requests(2), {.deadline = std::chrono::seconds(30)}))
    EXPECT_EQ(why(answer), "");  // the cancelled batch had them
  base->stuck = base->lose_last = true;
  const auto late = model->batch(requests(2), {.deadline = std::chrono::seconds(30)});
  EXPECT_EQ(why(late[0]), "");
  EXPECT_EQ(late[1].error().kind, ErrorKind::kDeadlineExceeded);
  std::stop_source source;
  source.request_stop();
  base->stuck = true;
  const auto left = model->batch(requests(2), {}, source.get_token());
  EXPECT_EQ(left[1].error().kind, ErrorKind::kCancelled);
  EXPECT_EQ(base->batches, 0);
}

TEST_F(Base, GetsOnlyWhatItsBatchLeftOpen) {
  auto [model, base] = make<FakeBatchModel>("acme", "m", {.batch = {.enabled = true}});
  base->lose_last = true;
  const auto answers = model->batch(requests(3));
  EXPECT_EQ(answers[0]->route, Route::kBatch);
  EXPECT_EQ(answers[2]->route, Route::kSync);
  EXPECT_EQ(base->seen.size(), 1);
}

TEST_F(Base, WhoseBatchIsStuckIsCancelledAndReadBeforeTheRestGoesOn) {
  auto [model, base] =
      make<FakeBatchModel>("acme", "m",
                           {.batch = {.enabled = true,
                                      .timeout = std::chrono::seconds(60),
                                      .poll_interval_max = std::chrono::seconds(10)}});
  base->stuck = true;
  for (const auto& answer : model->batch(requests(3))) EXPECT_EQ(why(answer), "");
  EXPECT_EQ(base->cancels, 1);
}

TEST_F(Base, AnswersStandInTheMetrics) {
  const auto [model, base] = make("acme", "m", {.cache = {.enabled = true}});
  EXPECT_EQ(why(model->invoke(ask("?"))), "");
  EXPECT_EQ(model->batch(requests(3)).size(), 3);
  const auto summary = engine_->metrics().by_provider();
  ASSERT_EQ(why(summary), "");
  ASSERT_EQ(summary->size(), 1);
  EXPECT_EQ(summary->front().provider, "acme");
  EXPECT_EQ(summary->front().requests, 4);
  EXPECT_EQ(summary->front().usage.input.count, 400);
}

TEST_F(Base, IsNotOptimizedTwiceNorWithNonsense) {
  auto [model, base] = make("anthropic", "claude-sonnet-5", {});
  EXPECT_THAT(why(optimize(*engine_, std::move(model), {})),
              HasSubstr("invalid_argument: the base model is optimised already"));
  EXPECT_THAT(why(optimize(*engine_, nullptr, {})), HasSubstr("needs a base"));
  const auto fake = [] {
    return std::make_unique<FakeModel>(
        ModelInfo{.provider = "anthropic", .model = "claude-sonnet-5"});
  };
  EXPECT_THAT(why(optimize(*engine_, fake(), {.batch = {.max_batch_size = 0}})),
              HasSubstr("max_batch_size"));
  EXPECT_THAT(
      why(optimize(*engine_, fake(), {.batch = {.enabled = true, .max_batch_size = 10'000'000}})),
      HasSubstr("limit of"));
  EXPECT_THAT(why(optimize(*engine_, fake(), {.batch = {.timeout = std::chrono::seconds(0)}})),
              HasSubstr("timeout"));
  EXPECT_THAT(
      why(optimize(*engine_, fake(), {.batch = {.poll_interval_max = std::chrono::seconds(0)}})),
      HasSubstr("poll_interval_max"));
  EXPECT_THAT(why(optimize(*engine_, fake(), {.cache = {.ttl = std::chrono::seconds(0)}})),
              HasSubstr("ttl"));
  EXPECT_THAT(why(optimize(*engine_, fake(), {.cache = {.min_tokens = {-1}}})),
              HasSubstr("min_tokens"));
}

/// The default batch(): invoke() with a bound on what is in flight.
class SlowModel final : public ChatModel {
 public:
  Result<Response> invoke(const Request& request, const CallOptions&, std::stop_token) override {
    const int now = ++running_;
    for (int most = most_; now > most && !most_.compare_exchange_weak(most, now);) {
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    --running_;
    return Response{.text = std::get<Text>(request.messages.front().parts.front()).text};
  }
  [[nodiscard]] ModelInfo info() const override { return {.provider = "acme", .model = "slow"}; }
  std::atomic<int> running_ = 0, most_ = 0;
};

TEST(ChatModel, BatchIsInvokeWithSoManyInFlightAndInOrder) {
  SlowModel model;
  EXPECT_TRUE(model.batch({}).empty());
  std::vector<Request> requests;
  for (int i = 0; i < 100; ++i) requests.push_back(ask(std::to_string(i)));
  const auto answers = model.batch(requests, {.concurrency_max = 5});
  for (std::size_t i = 0; i < answers.size(); ++i) EXPECT_EQ(answers[i]->text, std::to_string(i));
  EXPECT_LE(model.most_, 5);
  EXPECT_GE(model.most_, 2);
  for (const auto& answer : model.batch(requests, {.concurrency_max = 0}))
    EXPECT_THAT(why(answer), HasSubstr("concurrency_max"));
}

}  // namespace
