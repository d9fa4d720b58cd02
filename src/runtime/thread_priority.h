#pragma once
// How the kernel lets the calling thread share the processors with others. Needs no privilege: a thread only steps back, or asks for
// other turns. Where the kernel refuses (a sandbox, say) or the program runs in a class of its own (SCHED_IDLE, real time), all stays
// as it was. Man page: sched_setattr(2) and kernel/sched/fair.c of Linux 6.12 to 6.18 (checked 2026-11-28).
#include <cstdint>
#include <string>

namespace weir::runtime {

enum class ThreadPriority : std::uint8_t {
  kPrompt,  // works for moments, and others wait for them: short turns, so it is let in at once (Linux 6.12; before, as kNormal)
  kNormal,  // as the program's own
  kBackground,  // the others first, a seventieth of a processor stays; long turns, so that whoever wakes is let in at once (Linux 6.12)
  kIdle         // only what nobody else wants
};

/// Names the calling thread (15 characters are kept), for a debugger or `top -H`, and sets its priority.
void begin_thread(const std::string& name, ThreadPriority priority);

}  // namespace weir::runtime
