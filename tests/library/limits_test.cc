// What a provider tells one user of an account holds for all of the engine's: jobs and single requests.
#include <gmock/gmock.h>

#include <thread>

#include "support.h"

namespace {

using namespace weir;
using namespace weir_test;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class Limits : public testing::Test {
 protected:
  void begin(const std::string& options) {
    simulator_ = std::make_unique<Simulator>(options);
    engine_ = engine_on(*simulator_, folder_.path());
    single_ = model_of(*engine_, *simulator_);
    // Not by a batch: requests of a job, one by one.
    auto model = optimize(*engine_, model_of(*engine_, *simulator_),
                          {.cache = {.enabled = true}, .strategy = Strategy::kCacheOnly});
    ASSERT_EQ(why(model), "");
    model_ = std::move(*model);
  }
  Job submit(int count) {
    std::vector<Request> requests;
    for (int i = 0; i < count; ++i) requests.push_back(ask("document " + std::to_string(i)));
    auto job = model_->submit(std::move(requests));
    EXPECT_EQ(why(job), "");
    return *job;
  }
  Folder folder_;
  std::unique_ptr<Simulator> simulator_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<ChatModel> single_;
  std::unique_ptr<OptimizedModel> model_;
};

constexpr const char* kRefused = "the provider limited the rate";

TEST_F(Limits, AJobKnowsOfTheWindowThatSingleRequestsUsedUp) {
  begin("--time-scale 60 --requests-per-minute 1");
  EXPECT_EQ(why(single_->invoke(ask("?"))), "");
  const auto job = submit(1);
  ASSERT_EQ(why(job.wait(std::chrono::seconds(60))), "");
  EXPECT_EQ(job.status().succeeded, 1);
  EXPECT_THAT(job.status().reasons, Not(Contains(HasSubstr(kRefused))));
}

TEST_F(Limits, ASingleRequestWaitsWhereAJobWasRefused) {
  const auto faults = folder_.path("faults.json");
  std::ofstream(faults) << R"([{"match": {"operation": "sync", "nth": 1},
                               "fault": {"kind": "rate_limited", "retry_after": 120}}])";
  begin("--time-scale 60 --faults " + faults);
  const auto job = submit(1);
  const auto refused = [&] {
    return std::ranges::any_of(job.status().reasons,
                               [](const auto& reason) { return reason.contains(kRefused); });
  };
  const auto begun = std::chrono::steady_clock::now();
  while (!refused() && std::chrono::steady_clock::now() - begun < std::chrono::seconds(60))
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ASSERT_THAT(job.status().reasons, Contains(HasSubstr(kRefused)));
  // Two seconds of ours from when it was refused; the job tells so five times a second.
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(why(single_->invoke(ask("?"))), "");
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(500));
  ASSERT_EQ(why(job.wait(std::chrono::seconds(60))), "");
}

}  // namespace
