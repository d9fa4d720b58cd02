#include "runtime/thread_priority.h"

#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <tuple>

namespace weir::runtime {
namespace {

constexpr std::size_t kNameMax = 15;  // of the kernel
// A thread that wakes is let in at once where its turns are shorter than those of the one that runs; else it may wait for the timer's
// next tick, up to 4 ms. By default turns are 0.7 to 2.8 ms long, by the number of processors.
constexpr std::chrono::nanoseconds kShortTurn = std::chrono::microseconds(100);
constexpr std::chrono::nanoseconds kLongTurn = std::chrono::milliseconds(10);
// The least that there is: a seventieth of the weight of a thread at 0. With more, a thread that has just worked would wait for its
// turn though the one that runs is of no hurry.
constexpr int kBackgroundNiceness = 19;

// struct sched_attr as it was first; the header that has it defines again what <sched.h> does.
struct SchedulingAttributes {
  std::uint32_t size, policy;
  std::uint64_t flags;
  std::int32_t niceness;
  std::uint32_t priority;
  std::uint64_t runtime, deadline, period;  // in nanoseconds; runtime is the length of a turn
};
static_assert(sizeof(SchedulingAttributes) == 48);

}  // namespace

void begin_thread(const std::string& name, ThreadPriority priority) {
  std::ignore = ::pthread_setname_np(::pthread_self(), name.substr(0, kNameMax).c_str());
  if (priority == ThreadPriority::kNormal) return;
  SchedulingAttributes attributes{};
  if (::syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return;
  if (attributes.policy != SCHED_OTHER && attributes.policy != SCHED_BATCH) return;
  attributes.size = sizeof attributes;
  attributes.flags = 0;
  attributes.runtime = (priority == ThreadPriority::kPrompt ? kShortTurn : kLongTurn).count();
  if (priority == ThreadPriority::kIdle) attributes.policy = SCHED_IDLE;
  if (priority == ThreadPriority::kBackground) {
    attributes.policy = SCHED_BATCH;
    attributes.niceness = kBackgroundNiceness;
  }
  // Where it may not, all are equal.
  std::ignore = ::syscall(SYS_sched_setattr, 0, &attributes, 0);
}

}  // namespace weir::runtime
