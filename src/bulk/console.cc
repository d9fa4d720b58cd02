#include "bulk/console.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "json/write.h"

namespace weir::bulk {
namespace {
using Clock = std::chrono::steady_clock;

std::string line_of(const engine::Progress& p, double per_second) {
  std::string out = fmt::format("{}/{} done", p.ended(), p.items);
  if (p.failed > 0) out += fmt::format(", {} failed", p.failed);
  if (p.in_flight > 0) out += fmt::format(", {} in flight", p.in_flight);
  if (p.in_batches > 0) out += fmt::format(", {} in batches", p.in_batches);
  if (p.retrying > 0) out += fmt::format(", {} to do again", p.retrying);
  out += fmt::format(", {} spent", human_usd(p.spent));
  if (per_second > 0) {
    out += fmt::format(", {:.0f}/s", per_second);
    const auto left = static_cast<double>(p.items - p.ended()) / per_second;
    if (left > 1 && left < 1e7)
      out += ", ends in " + human_duration(Duration(static_cast<std::int64_t>(left * 1e6)));
  }
  if (!p.doing.empty()) out += "; " + p.doing;
  return out;
}

std::string event_of(const engine::Progress& p) {
  json::Writer w;
  const auto count = [&](std::string_view key, std::uint64_t value) {
    w.field(key, static_cast<std::int64_t>(value));
  };
  w.begin_object().field("event", "progress");
  count("items", p.items), count("succeeded", p.succeeded), count("failed", p.failed),
      count("cancelled", p.cancelled);
  count("in_flight", p.in_flight), count("in_batches", p.in_batches), count("retrying", p.retrying);
  count("batches_running", p.batches_running), count("batches_ended", p.batches_ended);
  count("batches_held", p.batches_held);
  w.field("spent_usd", to_usd(p.spent)).field("exposure_usd", to_usd(p.exposure));
  w.field("reserved_usd", to_usd(p.reserved)).field("doing", p.doing).end_object();
  return w.take();
}
}  // namespace

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
    fmt::print("{}\n", event_of(progress));
    std::fflush(stdout);
  } else if (!quiet_) {
    if (terminal_) std::fputs("\r\033[K", stderr);
    fmt::print(stderr, "{}{}", line_of(progress, rate), terminal_ ? "" : "\n");
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
