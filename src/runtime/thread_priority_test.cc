#include "runtime/thread_priority.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <thread>

namespace weir::runtime {
namespace {

struct SeenThread {
  int policy = -1, niceness = 0;
  std::string name;
};

SeenThread seen() {
  std::array<char, 32> name{};
  ::pthread_getname_np(::pthread_self(), name.data(), name.size());
  return {.policy = ::sched_getscheduler(0),
          .niceness = ::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid())),
          .name = name.data()};
}

// What a thread of this priority, begun from one that `prepare`s itself, sees.
template <class Prepare>
SeenThread of(ThreadPriority priority, Prepare prepare) {
  SeenThread out;
  std::jthread([&] {
    prepare();
    begin_thread("weir-of-a-long-name", priority);
    out = seen();
  }).join();
  return out;
}

// Whether the thread is like any now: the tests may run as SCHED_IDLE, which not everybody may leave.
bool as_any() {
  const sched_param none{};
  return ::sched_setscheduler(0, SCHED_OTHER, &none) == 0;
}

bool may_be_any() {
  bool out = false;
  std::jthread([&] { out = as_any(); }).join();
  return out;
}

TEST(ThreadPriority, NamesTheThread) {
  EXPECT_EQ(of(ThreadPriority::kNormal, [] {}).name, "weir-of-a-long-");
}

TEST(ThreadPriority, NormalAndPromptKeepPolicyAndNiceness) {
  if (!may_be_any()) GTEST_SKIP() << "SCHED_IDLE, and may not leave it";
  const auto before = of(ThreadPriority::kNormal, as_any);
  const auto prompt = of(ThreadPriority::kPrompt, as_any);
  EXPECT_EQ(before.policy, SCHED_OTHER);
  EXPECT_EQ(prompt.policy, SCHED_OTHER);
  EXPECT_EQ(prompt.niceness, before.niceness);
}

TEST(ThreadPriority, TheBackgroundStepsBackForTheThreadAlone) {
  if (!may_be_any()) GTEST_SKIP() << "SCHED_IDLE, and may not leave it";
  const auto own = seen();
  const auto background = of(ThreadPriority::kBackground, as_any);
  EXPECT_EQ(background.policy, SCHED_BATCH);
  EXPECT_EQ(background.niceness, 19);
  const auto idle = of(ThreadPriority::kIdle, as_any);
  EXPECT_EQ(idle.policy, SCHED_IDLE);
  EXPECT_EQ(seen().policy, own.policy);
  EXPECT_EQ(seen().niceness, own.niceness);
}

TEST(ThreadPriority, AProgramThatIsIdleItselfStaysSo) {
  const auto idle = of(ThreadPriority::kBackground, [] {
    const sched_param none{};
    ASSERT_EQ(::sched_setscheduler(0, SCHED_IDLE, &none), 0);
  });
  EXPECT_EQ(idle.policy, SCHED_IDLE);
}

}  // namespace
}  // namespace weir::runtime
