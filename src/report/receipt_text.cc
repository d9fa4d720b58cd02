#include <fmt/format.h>

#include "json/write.h"
#include "report/receipt.h"

namespace weir::report {
namespace {

double percent(MoneySum part, MoneySum whole) {
  return whole.pico == 0 ? 0
                         : 100.0 * static_cast<double>(part.pico) / static_cast<double>(whole.pico);
}

std::string thousands(std::int64_t value) {
  std::string text = std::to_string(value);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > (value < 0 ? 1 : 0); at -= 3)
    text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

std::string seconds(double value) {
  return human_duration(Duration(static_cast<std::int64_t>(value * 1e6)));
}

void line(std::string& out, std::string_view label, std::string_view value) {
  out += fmt::format("  {:<22} {}\n", label, value);
}

void money_lines(std::string& out, const Receipt& r) {
  line(out, "spent", human_usd(r.spent));
  line(out, "baseline",
       fmt::format("{}   the same work, sync and uncached", human_usd(r.baseline)));
  line(out, "automatic baseline",
       fmt::format("≈ {}   sync, with the provider's automatic cache",
                   human_usd(r.automatic_baseline)));
  line(out, "saved",
       fmt::format("{}   {:.1f} % of the baseline", human_usd(r.saved),
                   percent(r.saved, r.baseline)));
  line(out, "  by batch", human_usd(r.saved_by_batch));
  line(out, "  by cache", human_usd(r.saved_by_cache));
  if (r.lost_to_repeats.pico > 0)
    line(out, "  lost to repeats",
         fmt::format("{}   {} billed attempts that gave no answer", human_usd(r.lost_to_repeats),
                     r.repeats));
  if (r.saved_by_cache.pico < 0)
    line(out, "misses cost",
         fmt::format(
             "{}   against {} without caching: {:.0f} % of requests hit, break-even is {:.0f} %",
             human_usd(MoneySum{-r.saved_by_cache.pico}), llm::to_string(r.route),
             r.request_hit_rate * 100, r.hit_rate_break_even * 100));
  else if (r.miss_premium.pico > 0)
    line(out, "misses cost",
         fmt::format("≈ {}   in writes, against {} without caching (in \"by cache\")",
                     human_usd(r.miss_premium), llm::to_string(r.route)));
  line(out, "lower bound",
       fmt::format("≈ {}   spent is {:.2f}x of it", human_usd(r.lower_bound),
                   r.lower_bound.pico == 0 ? 0 : percent(r.spent, r.lower_bound) / 100));
  for (const auto& loss : r.losses)
    line(out, "  lost to", fmt::format("≈ {}   {}", human_usd(loss.amount), loss.to));
  if (r.unknown_attempts > 0 || r.exposure.pico > 0)
    line(out, "exposure",
         fmt::format("at most {}   {} attempts whose outcome was never seen", human_usd(r.exposure),
                     r.unknown_attempts));
  if (r.provider_bill) {
    const bool equal = *r.provider_bill == r.spent;
    const bool covered = *r.provider_bill > r.spent && *r.provider_bill <= r.spent + r.exposure;
    line(out, "provider's bill",
         fmt::format("{}   {}", human_usd(*r.provider_bill),
                     equal     ? "equal to the ledger, to the pico-dollar"
                     : covered ? "the ledger and its exposure cover it"
                               : "NOT equal to the ledger"));
  }
}

}  // namespace

std::string to_text(const Receipt& r) {
  std::string out = fmt::format("Savings receipt: {}/{}{}\n", r.provider, r.model,
                                r.finished ? "" : " (not finished: the same command goes on)");
  if (r.simulated)
    out +=
        "  The answers are a keyword classifier's, from the provider simulator: no language model "
        "was asked.\n";
  line(out, "items",
       fmt::format("{}: {} succeeded, {} failed{}", thousands(static_cast<std::int64_t>(r.total)),
                   thousands(static_cast<std::int64_t>(r.succeeded)),
                   thousands(static_cast<std::int64_t>(r.failed)),
                   r.cancelled > 0 ? fmt::format(", {} cancelled", r.cancelled) : ""));
  line(out, "answered by",
       fmt::format("batch {}, sync {}", thousands(static_cast<std::int64_t>(r.batch_answers)),
                   thousands(static_cast<std::int64_t>(r.sync_answers))));
  if (r.same > 0)
    line(out, "identical requests",
         fmt::format(
             "{}: sent once, answered with the one answer; {} not spent, counted nowhere below",
             thousands(static_cast<std::int64_t>(r.same)), human_usd(r.same_cost)));
  money_lines(out, r);
  line(out, "cache hit rate",
       fmt::format("{:.1f} % of requests, {:.1f} % of prompt tokens", r.request_hit_rate * 100,
                   r.token_hit_rate * 100));
  if (r.contents.made > 0)
    line(out, "cached contents",
         fmt::format("{} made for {}, kept for {}; {} reads cost {} less than uncached ones",
                     r.contents.made, human_usd(r.contents.written), human_usd(r.contents.stored),
                     thousands(static_cast<std::int64_t>(r.contents.reads)),
                     human_usd(r.contents.saved)));
  line(out, "tokens",
       fmt::format("{} uncached, {} cache read, {} cache written, {} output",
                   thousands(r.usage.input.count), thousands(r.usage.cache_read.count),
                   thousands(r.usage.written().count), thousands(r.usage.output.count)));
  if (r.accuracy && r.accuracy->total > 0)
    line(out, "accuracy",
         fmt::format("{:.1f} %   {} of {} answers have the true {}",
                     100.0 * static_cast<double>(r.accuracy->right) /
                         static_cast<double>(r.accuracy->total),
                     thousands(static_cast<std::int64_t>(r.accuracy->right)),
                     thousands(static_cast<std::int64_t>(r.accuracy->total)), r.accuracy->field));
  line(out, "time",
       fmt::format("{} here, {} by the provider's clock", seconds(r.wall_s), seconds(r.virtual_s)));
  line(out, "prices", r.price_source);
  if (!r.reasons.empty()) out += "  decisions\n";
  for (const auto& reason : r.reasons) out += fmt::format("    - {}\n", reason);
  out.pop_back();
  return out;
}

std::string to_json(const Receipt& r) {
  json::Writer w;
  const auto count = [&](std::string_view key, std::uint64_t value) {
    w.field(key, static_cast<std::int64_t>(value));
  };
  const auto usd = [&](std::string_view key, MoneySum value) { w.field(key, to_usd(value)); };
  w.begin_object().field("provider", r.provider).field("model", r.model);
  w.field("finished", r.finished)
      .field("simulated", r.simulated)
      .field("route", llm::to_string(r.route));
  w.key("items").begin_object();
  count("total", r.total), count("succeeded", r.succeeded), count("failed", r.failed),
      count("cancelled", r.cancelled);
  w.end_object().key("deduplicated").begin_object();
  count("items", r.same), usd("usd", r.same_cost);
  w.end_object().key("cost").begin_object();
  usd("spent_usd", r.spent), usd("baseline_usd", r.baseline),
      usd("automatic_baseline_usd", r.automatic_baseline);
  usd("saved_usd", r.saved);
  w.key("saved_percentage").raw(fmt::format("{:.2f}", percent(r.saved, r.baseline)));
  usd("saved_by_batch_usd", r.saved_by_batch), usd("saved_by_cache_usd", r.saved_by_cache);
  usd("lost_to_repeats_usd", r.lost_to_repeats), usd("miss_premium_usd", r.miss_premium);
  usd("lower_bound_usd", r.lower_bound), usd("exposure_usd", r.exposure);
  if (r.provider_bill) usd("provider_bill_usd", *r.provider_bill);
  else w.key("provider_bill_usd").null();
  w.key("losses").begin_array();
  for (const auto& loss : r.losses)
    w.begin_object().field("to", loss.to).field("usd", to_usd(loss.amount)).end_object();
  w.end_array().end_object().key("cache").begin_object();
  w.key("request_hit_rate").raw(fmt::format("{:.4f}", r.request_hit_rate));
  w.key("token_hit_rate").raw(fmt::format("{:.4f}", r.token_hit_rate));
  w.key("break_even_hit_rate").raw(fmt::format("{:.4f}", r.hit_rate_break_even));
  w.key("contents").begin_object();
  count("made", r.contents.made), count("reads", r.contents.reads);
  usd("write_usd", r.contents.written), usd("storage_usd", r.contents.stored);
  usd("reads_saved_usd", r.contents.saved);
  w.end_object();
  w.end_object().key("tokens").begin_object();
  w.field("input", r.usage.input.count).field("output", r.usage.output.count);
  w.field("cache_read", r.usage.cache_read.count)
      .field("cache_write", r.usage.written().count)
      .end_object();
  w.key("attempts").begin_object();
  count("unknown", r.unknown_attempts), count("repeated", r.repeats);
  count("batch_answers", r.batch_answers), count("sync_answers", r.sync_answers);
  w.end_object().key("accuracy");
  if (r.accuracy && r.accuracy->total > 0)
    w.raw(fmt::format(
        "{:.4f}", static_cast<double>(r.accuracy->right) / static_cast<double>(r.accuracy->total)));
  else w.null();
  w.key("wall_s")
      .raw(fmt::format("{:.3f}", r.wall_s))
      .key("virtual_s")
      .raw(fmt::format("{:.3f}", r.virtual_s));
  w.field("price_source", r.price_source).key("reasons").begin_array();
  for (const auto& reason : r.reasons) w.string(reason);
  w.end_array().end_object();
  return w.take();
}

}  // namespace weir::report
