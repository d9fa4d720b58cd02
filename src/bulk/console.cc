#include "bulk/console.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "bulk/progress.h"
#include "json/write.h"

namespace weir::bulk {
using Clock = std::chrono::steady_clock;

Console::Console(bool json, bool quiet)
    : json_(json), quiet_(quiet), terminal_(::isatty(STDERR_FILENO) == 1) {}
Console::~Console() { clear_line(); }

void Console::clear_line() {
  if (std::exchange(line_open_, false)) std::fputs("\r\033[K", stderr);
}

void Console::note(const std::string& text) {
  if (quiet_) return;
  clear_line();
  fmt::print(stderr, "weir: {}\n", text);
}

void Console::error(const Error& error) {
  clear_line();
  if (json_) {
    json::Writer w;
    w.begin_object()
        .field("event", "error")
        .field("kind", to_string(error.kind))
        .field("message", error.message);
    if (!error.hint.empty()) w.field("hint", error.hint);
    fmt::print("{}\n", w.end_object().take());
    std::fflush(stdout);
  }
  fmt::print(stderr, "weir: {}\n", error.text());
}

void Console::progress(const engine::Progress& progress, Clock::duration elapsed) {
  using namespace std::chrono_literals;
  if (!std::exchange(started_, true)) ended_at_start_ = progress.ended();
  const auto now = Clock::now();
  const auto interval = json_ ? 1000ms : terminal_ ? 200ms : 10000ms;
  if (last_ != Clock::time_point{} && now - last_ < interval) return;
  if (last_ == Clock::time_point{} && !terminal_ && !json_) {
    last_ = now;  // the first plain line comes after an interval: short jobs stay quiet
    return;
  }
  last_ = now;
  const auto seconds = std::chrono::duration<double>(elapsed).count();
  const auto rate =
      seconds > 0.5 ? static_cast<double>(progress.ended() - ended_at_start_) / seconds : 0;
  if (json_) {
    fmt::print("{}\n", progress_event(progress));
    std::fflush(stdout);
  } else if (!quiet_) {
    if (terminal_) std::fputs("\r\033[K", stderr);
    fmt::print(stderr, "{}{}", progress_line(progress, rate), terminal_ ? "" : "\n");
    std::fflush(stderr);
    line_open_ = terminal_;
  }
}

void Console::receipt(const std::string& text, const std::string& json) {
  clear_line();
  if (json_) fmt::print("{{\"event\":\"receipt\",\"receipt\":{}}}\n", json);
  else fmt::print("{}\n", text);
  std::fflush(stdout);
}

}  // namespace weir::bulk
