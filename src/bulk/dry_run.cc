#include <fmt/format.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>

#include "bulk/console.h"
#include "bulk/run_setup.h"
#include "bulk/tell_rejected.h"
#include "cost/pricing.h"
#include "json/write.h"

namespace weir::bulk {
namespace {

// A private folder that goes away again.
class TemporaryFolder {
 public:
  static Result<std::unique_ptr<TemporaryFolder>> create() {
    std::error_code code;
    auto base = std::filesystem::temp_directory_path(code);
    std::string pattern = (code ? std::string("/tmp") : base.string()) + "/weir-dry-run-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr)
      return fail(ErrorKind::kUnavailable,
                  fmt::format("cannot create a temporary folder like {}", pattern),
                  "set TMPDIR to a folder that can be written");
    return std::unique_ptr<TemporaryFolder>(new TemporaryFolder(pattern));
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// Sums over what would be sent.
struct Sums {
  std::uint64_t items = 0, prompt_tokens = 0, image_bytes = 0;
  MoneySum ceiling;
};

std::uint64_t bytes_of(const llm::Request& request) {
  if (request.raw) return request.raw->bytes.size();
  std::uint64_t bytes = 0;
  for (const auto& block : request.system) bytes += block.text.size();
  for (const auto& message : request.messages)
    for (const auto& block : message.content) bytes += block.text.size();
  return bytes;
}

std::uint64_t batches_of(const Sums& sums, const catalogue::BatchLimits& limits) {
  const auto ceil = [](std::uint64_t a, std::uint64_t b) { return b == 0 ? 0 : (a + b - 1) / b; };
  return std::max(ceil(sums.items, limits.requests_max / 10 * 9),
                  ceil(sums.image_bytes, limits.bytes_max / 10 * 9));
}

std::string plan_json(const InputManifest& manifest, const Sums& sums, const plan::JobPlan& plan,
                      std::uint64_t batches, double seconds, std::uint64_t input_bytes) {
  json::Writer w;
  const auto count = [&](std::string_view key, std::uint64_t v) {
    w.field(key, static_cast<std::int64_t>(v));
  };
  w.begin_object().field("event", "dry_run");
  count("items", manifest.count), count("rejected", manifest.rejected), count("batches", batches);
  count("input_bytes", input_bytes), count("request_bytes", sums.image_bytes);
  w.field("route", llm::to_string(plan.route))
      .field("route_reason", plan.reason)
      .field("cache_reason", plan.cache.reason);
  w.field("expected_usd", to_usd(plan.expected))
      .field("expected_baseline_usd", to_usd(plan.expected_baseline));
  w.field("ceiling_usd", to_usd(sums.ceiling));
  w.key("seconds").raw(fmt::format("{:.3f}", seconds));
  w.key("items_per_second")
      .raw(fmt::format("{:.0f}", static_cast<double>(manifest.count) / std::max(seconds, 1e-9)));
  w.key("mb_per_second")
      .raw(fmt::format("{:.1f}", static_cast<double>(input_bytes) / 1e6 / std::max(seconds, 1e-9)));
  return w.end_object().take();
}

void print_plan(const InputManifest& manifest, const Sums& sums, const plan::JobPlan& plan,
                std::uint64_t batches, double seconds, std::uint64_t input_bytes) {
  fmt::print(
      "Dry run: nothing was sent\n"
      "  items        {} ({} rejected{})\n  route        {}{}: {}\n  cache        {}\n"
      "  expected     ≈ {}   (tokens estimated at four bytes each)\n  baseline     ≈ {}   sync and "
      "uncached\n"
      "  at most      {}   what --spend-max would reserve on the sync route\n"
      "  read in      {}: {:.0f} items/s, {:.1f} MB/s\n",
      manifest.count, manifest.rejected,
      manifest.same > 0 ? fmt::format(", {} answered with another's answer", manifest.same) : "",
      llm::to_string(plan.route), batches > 0 ? fmt::format(" ({} batches)", batches) : "",
      plan.reason, plan.cache.reason, human_usd(plan.expected), human_usd(plan.expected_baseline),
      human_usd(sums.ceiling), human_duration(Duration(static_cast<std::int64_t>(seconds * 1e6))),
      static_cast<double>(manifest.count) / std::max(seconds, 1e-9),
      static_cast<double>(input_bytes) / 1e6 / std::max(seconds, 1e-9));
}

// Where lines may move, the records are read once more: the order is known only when all were read.
Result<std::string> feed_moved(const RunOptions& options, const RunSetup& setup,
                               const AcceptedInput& input, const std::string& dir, Time now,
                               plan::PrefixTrie& trie) {
  if (options.reorder.empty()) return std::string();
  const auto shape = setup.shape(options);
  WEIR_CHECK(decide_field_order(input, shape, order_settings(options, setup, input.count(), now),
                                dir, false));
  WEIR_TRY(auto order, FieldOrder::open(dir));
  auto reason = order->reason();
  JobSource source(input, shape, std::move(order));
  plan::RequestBlocks blocks(*setup.adapter);
  for (std::uint64_t i = 0; i < std::min(input.count(), plan::kPlannedAtOnce); ++i) {
    WEIR_TRY(const auto item, source.item(i));
    if (!item.rejected) trie.add(blocks.of(item.request, i));
  }
  return reason;
}

}  // namespace

ExitCode dry_run(const RunOptions& options, RunSetup& setup) {
  Console console(options.json, options.quiet);
  const auto started = std::chrono::steady_clock::now();
  const auto stop = [&](const Error& error, ExitCode code) {
    console.error(error);
    return code;
  };
  if (const auto connected = connect_clock(options, setup); !connected)
    return stop(connected.error(), ExitCode::kUsage);
  auto folder = TemporaryFolder::create();
  if (!folder) return stop(folder.error(), ExitCode::kFailure);
  const Time now = setup.clock->now();
  const auto& row = setup.model.model->price_at(now);
  const Tokens output_max{options.output_max.value_or(1024)};
  Sums sums;
  plan::PrefixTrie trie;
  plan::RequestBlocks blocks(*setup.adapter);
  std::uint64_t input_bytes = 0;
  auto accept = accept_options(options, setup, (*folder)->path(), [&](const llm::Request& request) {
    const auto bytes = bytes_of(request);
    const auto keys = blocks.of(request, sums.items);
    if (options.reorder.empty() && sums.items < plan::kPlannedAtOnce) trie.add(keys);
    ++sums.items;
    sums.prompt_tokens += blocks.tokens();
    sums.image_bytes += bytes + 200;  // the request around the texts
    sums.ceiling += cost::ceiling_of(bytes, output_max, row, llm::Route::kSync);
  });
  accept.progress = [&](std::uint64_t bytes, std::uint64_t, std::uint64_t) {
    input_bytes = bytes;
    return true;
  };
  const auto manifest = bulk::accept(accept);
  if (!manifest) return stop(manifest.error(), ExitCode::kUsage);
  if (manifest->identity.size > 0) input_bytes = manifest->identity.size;
  const auto input = AcceptedInput::open((*folder)->path());
  if (!input) return stop(input.error(), ExitCode::kFailure);
  choose_api(setup, manifest->format);
  if (const auto fits = check_prompt_fits(options, setup, manifest->format); !fits)
    return stop(fits.error(), ExitCode::kUsage);
  if (const auto told = tell_rejected(**input, options.strict, console); !told)
    return stop(told.error(), ExitCode::kUsage);
  const auto moved = feed_moved(options, setup, **input, (*folder)->path(), now, trie);
  if (!moved) return stop(moved.error(), ExitCode::kFailure);
  if (!moved->empty()) console.note(*moved);
  auto planned = plan::plan_job(
      {.provider = *setup.model.provider,
       .model = *setup.model.model,
       .wish = options.route,
       .shape = {.items = sums.items, .prompt_tokens = sums.prompt_tokens},
       .now = now,
       .deadline = options.deadline ? std::optional(now + *options.deadline) : std::nullopt,
       .sync_time = engine::sync_time_expected(sums.items, options.concurrency),
       .caching = options.caching,
       .batch_needs = provider::batch_needs(*setup.model.provider, options.settings),
       .answer_format = setup.schema != nullptr},
      trie.finish());
  if (!planned) return stop(planned.error(), ExitCode::kUsage);
  const auto* plan = &planned->job;
  const auto batches =
      plan->route == llm::Route::kBatch ? batches_of(sums, *setup.model.provider->batch) : 0;
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  if (options.json) {
    fmt::print("{}\n", plan_json(*manifest, sums, *plan, batches, seconds, input_bytes));
    return ExitCode::kDone;
  }
  print_plan(*manifest, sums, *plan, batches, seconds, input_bytes);
  return ExitCode::kDone;
}

}  // namespace weir::bulk
