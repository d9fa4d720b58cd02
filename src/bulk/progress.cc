#include "bulk/progress.h"

#include <fmt/format.h>

#include "json/value.h"
#include "json/write.h"

namespace weir::bulk {

std::string progress_line(const engine::Progress& p, double per_second) {
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

std::string progress_event(const engine::Progress& p) {
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

Result<engine::Progress> read_progress(std::string_view text) {
  json::Parser parser;
  const auto v = parser.parse(text);
  if (!v || (*v)["event"].string() != "progress")
    return fail(ErrorKind::kBadResponse, "the job's owner told no progress that can be read");
  const auto count = [&](std::string_view key) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>((*v)[key].integer_or(0), 0));
  };
  const auto money = [&](std::string_view key) {
    const auto amount = parse_usd((*v)[key].string().value_or("0"));
    return amount ? MoneySum{amount->pico} : MoneySum{};
  };
  return engine::Progress{.items = count("items"),
                          .succeeded = count("succeeded"),
                          .failed = count("failed"),
                          .cancelled = count("cancelled"),
                          .in_flight = count("in_flight"),
                          .in_batches = count("in_batches"),
                          .retrying = count("retrying"),
                          .batches_running = count("batches_running"),
                          .batches_ended = count("batches_ended"),
                          .batches_held = count("batches_held"),
                          .spent = money("spent_usd"),
                          .exposure = money("exposure_usd"),
                          .reserved = money("reserved_usd"),
                          .doing = (*v)["doing"].string_or("")};
}

}  // namespace weir::bulk
