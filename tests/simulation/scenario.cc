#include "scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/hash.h"
#include "json/write.h"
#include "services.h"

namespace weir::simulation {
namespace {

struct ModelChoice {
  const char *provider, *model;
};
constexpr std::array<ModelChoice, 4> kModels{{{"openAI", "gpt-5.4-nano"},
                                              {"openAI", "gpt-4.1-mini"},
                                              {"openAI", "gpt-6-luna"},
                                              {"anthropic", "claude-sonnet-5"}}};

/// Collects rules of the simulator's fault schema.
class Rules {
 public:
  explicit Rules(Random& random) : random_(random) {}
  bool maybe(double probability) { return random_.unit() < probability; }
  std::uint64_t between(std::uint64_t low, std::uint64_t high) {
    return low + random_.below(high - low + 1);
  }
  void add(std::string_view match, std::string_view fault) {
    rules_ += fmt::format("{}{{\"match\":{{{}}},\"fault\":{{{}}}}}", rules_.empty() ? "" : ",",
                          match, fault);
  }
  [[nodiscard]] std::string text() const {
    return rules_.empty() ? std::string() : "[" + rules_ + "]";
  }

 private:
  Random& random_;
  std::string rules_;
};

// A failing answer to a request, whatever it asked for.
std::string request_fault(Rules& rules) {
  const std::array<std::string, 12> faults{
      fmt::format(R"("kind":"rate_limited","retry_after":{})", rules.between(0, 30)),
      R"("kind":"rate_limited")",
      R"("kind":"status","code":500)",
      R"("kind":"status","code":503,"retry_after":3)",
      R"("kind":"overloaded")",
      R"("kind":"timeout_before_accept")",
      R"("kind":"timeout_after_accept")",
      R"("kind":"reset")",
      R"("kind":"reset","accepted":true)",
      fmt::format(R"("kind":"cut_body","after_bytes":{})", rules.between(0, 3000)),
      fmt::format(R"("kind":"truncate","after_bytes":{})", rules.between(0, 3000)),
      fmt::format(R"("kind":"delay","seconds":{})", rules.between(1, 400))};
  return faults[rules.between(0, faults.size() - 1)];
}

void sync_faults(Rules& rules, Scenario& s) {
  for (auto count = rules.between(1, 4); count > 0; --count)
    rules.add(fmt::format(R"("operation":"sync","probability":{:.3f})",
                          static_cast<double>(rules.between(1, 25)) / 100.0),
              request_fault(rules));
  s.answers_refused = true;  // four failures in a row end an item
}

void step_faults(Rules& rules) {
  constexpr std::array<std::string_view, 11> kSteps{
      "file_upload",   "batch_create", "batch_create", "batch_get",
      "batch_list",    "batch_cancel", "file_content", "batch_results",
      "batch_results", "file_delete",  "batch_delete"};
  for (auto count = rules.between(1, 5); count > 0; --count)
    rules.add(fmt::format(R"("operation":"{}","probability":{:.2f},"times":{})",
                          kSteps[rules.between(0, kSteps.size() - 1)],
                          static_cast<double>(rules.between(1, 10)) / 10.0, rules.between(1, 3)),
              request_fault(rules));
}

void row_faults(Rules& rules, Scenario& s) {
  const auto fraction = [&] { return static_cast<double>(rules.between(1, 60)) / 100.0; };
  if (rules.maybe(0.3)) {
    const bool passing = rules.maybe(0.7);
    const auto type =
        passing ? service_of(s.provider).passing_error : std::string_view("invalid_request_error");
    rules.add("",
              fmt::format(R"("kind":"row_error","type":"{}","fraction":{:.2f})", type, fraction()));
    if (!passing) s.answers_refused = true;
  }
  if (rules.maybe(0.3))
    rules.add("", fmt::format(R"("kind":"missing_rows","fraction":{:.2f})", fraction()));
  if (rules.maybe(0.3))
    rules.add("", fmt::format(R"("kind":"duplicate_rows","fraction":{:.2f})", fraction()));
  if (rules.maybe(0.5)) rules.add("", R"("kind":"shuffle_rows")");
  if (rules.maybe(0.1)) {
    rules.add(R"("times":2)",
              fmt::format(R"("kind":"billed_but_undelivered","fraction":{:.2f})", fraction()));
    s.rows_vanish = true;
  }
  if (rules.maybe(0.1)) {
    rules.add(R"("times":2)",
              fmt::format(R"("kind":"malformed_row","fraction":{:.2f})", fraction()));
    s.rows_vanish = true;
  }
}

void batch_faults(Rules& rules) {
  const auto part = [&] { return static_cast<double>(rules.between(0, 10)) / 10.0; };
  const auto match = [&] {
    return fmt::format(R"("probability":0.6,"times":{})", rules.between(1, 3));
  };
  if (rules.maybe(0.2))
    rules.add(R"("operation":"batch_create","times":1)", rules.maybe(0.5)
                                                             ? R"("kind":"timeout_after_accept")"
                                                             : R"("kind":"reset","accepted":true)");
  if (rules.maybe(0.25)) rules.add(match(), R"("kind":"batch_refused")");
  if (rules.maybe(0.3))
    rules.add(match(),
              fmt::format(R"("kind":"expire_batch","finished_fraction":{:.1f},"seconds":{})",
                          part(), rules.maybe(0.5) ? rules.between(60, 7200) : 0));
  if (rules.maybe(0.3))
    rules.add(match(), fmt::format(R"("kind":"cancel_batch","finished_fraction":{:.1f})", part()));
  if (rules.maybe(0.3))
    rules.add(match(),
              fmt::format(R"("kind":"slow_batch","seconds":{})", rules.between(60, 100000)));
  if (rules.maybe(0.3))
    rules.add(match(),
              fmt::format(R"("kind":"invisible_batch","seconds":{})", rules.between(1, 500)));
}

// A time at the provider, and other rows than the simulator's faults make.
void wire_faults(Rules& rules, Scenario& s) {
  if (rules.maybe(0.3))
    s.wire.created_skew =
        std::chrono::seconds(static_cast<std::int64_t>(rules.between(0, 90)) - 45);
  if (rules.maybe(0.2)) s.wire.rows_reversed = true;
  if (rules.maybe(0.2)) s.wire.empty_output_null = true;
  const auto share = [&] { return static_cast<double>(rules.between(1, 30)) / 100.0; };
  if (rules.maybe(0.1)) s.wire.mis_keyed = share();
  if (rules.maybe(0.1)) s.wire.cancelled_billed = share();
  if (!service_of(s.provider).closely) s.wire.cancelled_billed = 0;
}

// On the batch route a create in doubt is settled by the clock: it must be right within what the adapters allow (anthropic: a
// minute against the provider's; openAI: create_visibility_max between two processes).
void draw_clock(Rules& rules, Scenario& s) {
  if (!rules.maybe(0.3)) return;
  s.clock_wrong = 0.4;
  if (s.wish == plan::RouteWish::kSync) s.clock_wrong_max = std::chrono::hours(48);
  else if (s.provider == "openAI") s.clock_wrong_max = std::chrono::minutes(4);
  else s.clock_wrong_max = std::chrono::seconds(5);
  if (const auto most = service_of(s.provider).clock_wrong_max)
    s.clock_wrong_max = std::min(s.clock_wrong_max, *most);
}

void draw_job(Random& random, const Service* service, Scenario& s) {
  const auto between = [&](std::uint64_t low, std::uint64_t high) {
    return low + random.below(high - low + 1);
  };
  const auto& model = kModels[random.below(kModels.size())];
  s.provider = model.provider;
  s.model = model.model;
  s.wish = random.below(2) == 0 ? plan::RouteWish::kSync : plan::RouteWish::kBatch;
  if (service != nullptr) {
    s.provider = service->provider;
    s.model = service->model;
    if (!service->batches) s.wish = plan::RouteWish::kSync;
  }
  s.items = between(10, random.below(3) == 0 ? 120 : 40);
  if (service != nullptr && s.wish == plan::RouteWish::kBatch) s.items += service->items_min;
  s.long_prefix = random.below(4) == 0;
  if (random.below(4) == 0) s.rejected = 0.15;
  if (random.below(4) == 0) s.unfit = 0.1;
  s.concurrency = std::array<std::uint64_t, 4>{1, 2, 8, 32}[random.below(4)];
  s.batches_running = between(1, 4);
  s.batch_requests = random.below(2) == 0 ? 50000 : between(10, 40);
  if (random.below(6) == 0) s.deadline = std::chrono::minutes(between(30, 2000));
  if (random.below(6) == 0)
    s.spend_max = Money{static_cast<std::int64_t>(between(1, 400)) * 100'000'000};
  s.hit_rate = random.unit();
}

void draw_policy(Rules& rules, Scenario& s) {
  if (rules.maybe(0.15)) s.repeated = 0.3;
  if (rules.maybe(0.05)) s.cancel_at = rules.between(0, 40);
  if (s.wish == plan::RouteWish::kBatch) {
    if (rules.maybe(0.1)) s.fallback = false;
    if (rules.maybe(0.15)) s.bad = rules.maybe(0.2) ? 1.0 : 0.08;
    if (rules.maybe(0.1)) s.batch_timeout = std::chrono::minutes(rules.between(5, 600));
    if (rules.maybe(0.1)) s.fallback_timeout = std::chrono::seconds(rules.between(1, 1200));
  }
  if (!s.fallback || s.cancel_at) s.answers_refused = true;
}

// From a stream of its own: without its retries, a seed means what it has always meant.
Retries draw_retries(std::uint64_t seed) {
  SeededRandom random(hash64("retries", seed));
  Rules rules(random);
  Retries r;
  if (!rules.maybe(0.5)) return r;
  r.count = rules.between(1, 3);
  if (rules.maybe(0.5)) r.share = 0.5;
  r.at_once = rules.maybe(0.25);
  r.cancels = rules.maybe(0.3);
  if (rules.maybe(0.7)) {
    r.crashes_max = rules.between(1, 4);
    r.crash_span = rules.maybe(0.5) ? rules.between(10, 100) : rules.between(100, 1000);
    r.power_losses = rules.maybe(0.3) ? 0 : 0.7;
  }
  if (rules.maybe(0.2)) r.disk_failures_max = rules.between(1, 2);
  if (rules.maybe(0.4)) r.refused = rules.maybe(0.5) ? 0.3 : 0.8;
  return r;
}

// From a stream of its own as well.
void draw_prompts(Scenario& s) {
  SeededRandom random(hash64("prompts", s.seed));
  Rules rules(random);
  if (rules.maybe(s.long_prefix ? 0.5 : 0.05)) s.tenants = rules.between(2, 5);
  s.ready_made = rules.maybe(0.2) && service_of(s.provider).closely;
  if (rules.maybe(0.1)) s.requests_min = rules.between(2, 12);
  if (rules.maybe(0.1)) s.creates_per_hour = rules.between(1, 4);
  if (rules.maybe(0.1)) s.enqueued_tokens = rules.between(2000, 40000);
}

}  // namespace

Scenario Scenario::draw(std::uint64_t seed, const Service* service) {
  SeededRandom random(hash64("scenario", seed));
  Scenario s{.seed = seed};
  draw_job(random, service, s);
  Rules rules(random);
  draw_policy(rules, s);
  if (rules.maybe(0.6)) {
    if (rules.maybe(0.6)) sync_faults(rules, s);
    if (s.wish == plan::RouteWish::kBatch) {
      if (rules.maybe(0.6)) step_faults(rules);
      if (rules.maybe(0.6)) row_faults(rules, s);
      if (rules.maybe(0.6)) batch_faults(rules);
      wire_faults(rules, s);
    }
    if (rules.maybe(0.3)) s.not_sent = 0.1;
  }
  s.faults_json = rules.text();
  if (rules.maybe(0.7)) {
    s.crashes_max = rules.between(1, 8);
    s.crash_span = rules.maybe(0.5) ? rules.between(20, 200) : rules.between(200, 3000);
    s.power_losses = rules.maybe(0.3) ? 0 : 0.7;
    if (rules.maybe(0.3)) s.long_away = 0.3;
    draw_clock(rules, s);
  }
  if (rules.maybe(0.2)) s.disk_failures_max = rules.between(1, 4);
  if (rules.maybe(0.2)) s.drains_max = rules.between(1, 4);
  s.retries = draw_retries(seed);
  draw_prompts(s);
  // Whatever it cancels or the provider ends: its finished rows are gone, and may be billed.
  if (service_of(s.provider).batches_die_whole) s.rows_vanish = true;
  return s;
}

Scenario Scenario::contents(std::uint64_t seed, const Service& service) {
  auto s = draw(seed, &service);
  SeededRandom random(hash64("contents", seed));
  Rules rules(random);
  s.wish = plan::RouteWish::kSync;
  s.long_prefix = true;
  s.tenants = 0;
  s.items += rules.between(10, 60);
  if (rules.maybe(0.3)) s.concurrency = 1;
  constexpr std::array<std::string_view, 6> kOperations{"content_create", "content_create",
                                                        "content_update", "content_delete",
                                                        "content_delete", "content_list"};
  if (rules.maybe(0.7))
    for (auto count = rules.between(1, 4); count > 0; --count)
      rules.add(fmt::format(R"("operation":"{}","probability":{:.2f},"times":{})",
                            kOperations[rules.between(0, kOperations.size() - 1)],
                            static_cast<double>(rules.between(1, 10)) / 10.0, rules.between(1, 3)),
                request_fault(rules));
  // So slow that it has to be extended, or is gone.
  if (rules.maybe(0.5)) {
    rules.add(R"("operation":"sync","probability":0.2)",
              fmt::format(R"("kind":"delay","seconds":{})", rules.between(30, 500)));
    s.answers_refused = true;
  }
  const auto own = rules.text();
  if (s.faults_json.empty()) s.faults_json = own;
  else if (!own.empty())
    s.faults_json = s.faults_json.substr(0, s.faults_json.size() - 1) + "," + own.substr(1);
  return s;
}

Scenario Scenario::small(std::string provider, std::string model, plan::RouteWish wish,
                         std::uint64_t crash_at, Death death) {
  const auto least = wish == plan::RouteWish::kBatch ? service_of(provider).items_min : 0;
  return {.seed = crash_at,
          .provider = std::move(provider),
          .model = std::move(model),
          .wish = wish,
          .items = 10 + 2 * least,  // some are rejected
          .rejected = 0.1,
          .concurrency = 3,
          .batches_running = 1,
          .batch_requests = 10,
          .crashes_max = 1,
          .crash_at = crash_at,
          .death = death};
}

Scenario Scenario::small_retry(std::string provider, std::string model, plan::RouteWish wish,
                               std::uint64_t crash_at, Death death) {
  auto s = small(std::move(provider), std::move(model), wish, crash_at, death);
  s.seed = 1;  // the first run is the same, wherever the retry dies
  s.crashes_max = 0;
  s.answers_refused = true;
  s.faults_json =
      wish == plan::RouteWish::kSync
          ? R"([{"match":{"operation":"sync","every":3,"times":3},"fault":{"kind":"status","code":400}}])"
          : R"([{"match":{"times":1},)"
            R"("fault":{"kind":"row_error","type":"invalid_request_error","fraction":0.4}}])";
  s.retries = {.count = 1, .crashes_max = 1, .crash_at = crash_at};
  return s;
}

std::string Scenario::text() const {
  const auto* route = wish == plan::RouteWish::kSync ? "sync" : "batch";
  return fmt::format(
      "seed {}: {}/{} {}, {} items{}, prefix {}, {} tenants, batches of {} at least, {} an hour, "
      "{} tokens queued, {} crashes within {} operations, {:.1f} of them "
      "power losses, "
      "{} disk failures, "
      "{} drains, "
      "repeated {:.1f}, bad {:.2f}, fallback {}, batch timeout {}, fallback timeout {}, cancelled "
      "{}, "
      "deadline {}, spend-max {}, batches of {} x {}, concurrency {}, not sent {:.2f}, clock wrong "
      "up to "
      "{}, away for days {:.1f}, created {} off, mis-keyed {:.2f}, told cancelled {:.2f}, retries "
      "{} of {:.1f}{} refused {:.1f} with {} "
      "crashes within {} operations, faults {}",
      seed, provider, model, route, items, ready_made ? " ready-made" : "",
      long_prefix ? "long" : "short", tenants, requests_min, creates_per_hour, enqueued_tokens,
      crashes_max, crash_span, death ? *death == Death::kPowerLoss : power_losses,
      disk_failures_max, drains_max, repeated, bad, fallback,
      batch_timeout ? human_duration(*batch_timeout) : "none",
      fallback_timeout ? human_duration(*fallback_timeout) : "none", cancel_at.has_value(),
      deadline ? human_duration(*deadline) : "none", spend_max ? to_usd(*spend_max) : "none",
      batch_requests, batches_running, concurrency, not_sent, human_duration(clock_wrong_max),
      long_away, wire.created_skew.count(), wire.mis_keyed, wire.cancelled_billed, retries.count,
      retries.share, retries.at_once ? " at once" : "", retries.refused, retries.crashes_max,
      retries.crash_span, faults_json.empty() ? "none" : faults_json);
}

Documents::Documents(const Scenario& scenario) : scenario_(scenario) {
  prefix_ = "Say what the document is about.\n";
  for (int i = 0; scenario.long_prefix && i < 420; ++i)
    prefix_ += fmt::format("Rule {}: be brief.\n", i);
}

std::string Documents::tenant_text(std::uint64_t tenant) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += fmt::format("Tenant {} keeps to custom {}.\n", tenant, i);
  return text;
}

bool Documents::rejected(std::uint64_t index) const {
  return SeededRandom(hash64("rejected", scenario_.seed + index)).unit() < scenario_.rejected;
}

bool Documents::wanted(std::uint64_t index, std::uint64_t retry) const {
  return SeededRandom(hash64("wanted", (scenario_.seed + index) * 16 + retry)).unit() <
         scenario_.retries.share;
}

Result<std::optional<std::uint64_t>> Documents::same_as(std::uint64_t index) {
  const auto repeats = [&](std::uint64_t item) {
    return item > 0 && !rejected(item) &&
           SeededRandom(hash64("repeats", scenario_.seed + item)).unit() < scenario_.repeated;
  };
  if (!repeats(index)) return std::nullopt;
  const auto first = hash64("first", scenario_.seed + index) % index;
  return rejected(first) || repeats(first) ? std::nullopt : std::optional(first);
}

Result<engine::Item> Documents::item(std::uint64_t index) {
  engine::Item item{.id = fmt::format("doc-{}", index), .line = index + 1};
  if (rejected(index)) {
    item.rejected = Error{.kind = ErrorKind::kInvalidArgument, .message = "it is no good"};
    return item;
  }
  WEIR_TRY(const auto same, same_as(index));
  const auto first = same.value_or(index);
  SeededRandom random(hash64("document", scenario_.seed * 1000 + first));
  std::string text = fmt::format("Document {} tells of", first);
  if (SeededRandom(hash64("bad", scenario_.seed + first)).unit() < scenario_.bad)
    text += fmt::format(" {}", kBad);
  for (auto words = 3 + random.below(20); words > 0; --words)
    text += fmt::format(" stone{}", random.below(100));
  std::vector<std::string> pieces;
  if (scenario_.tenants > 0) pieces.push_back(tenant_text(first % scenario_.tenants));
  pieces.push_back(std::move(text));
  if (scenario_.ready_made) item.request.raw = body_of(pieces);
  else item.request.system.push_back({.text = prefix_});
  if (scenario_.ready_made) return item;
  auto& content = item.request.messages.emplace_back().content;
  for (auto& piece : pieces) content.push_back({.text = std::move(piece), .goes_on = true});
  content.back().goes_on = false;
  return item;
}

// As a caller would write it: the shape that both providers take.
llm::RawBody Documents::body_of(const std::vector<std::string>& pieces) const {
  json::Writer w;
  const auto block = [&](std::string_view text) {
    w.begin_object().field("type", "text").field("text", text).end_object();
  };
  w.begin_object().field("model", scenario_.model);
  const bool openai = scenario_.provider == "openAI";
  w.field(openai ? "max_completion_tokens" : "max_tokens", std::int64_t{200});
  if (!openai) w.field("system", prefix_);
  w.key("messages").begin_array();
  if (openai) w.begin_object().field("role", "developer").field("content", prefix_).end_object();
  w.begin_object().field("role", "user").key("content").begin_array();
  for (const auto& piece : pieces) block(piece);
  return {.dialect = openai ? llm::Dialect::kOpenAIChat : llm::Dialect::kAnthropicMessages,
          .bytes = w.end_array().end_object().end_array().end_object().take()};
}

Result<engine::CheckedText> Documents::check(std::uint64_t /*index*/,
                                             const llm::Response& response) {
  if (SeededRandom(hash64(response.text, scenario_.seed)).unit() < scenario_.unfit)
    return fail(ErrorKind::kBadResponse, "the answer does not follow the schema");
  engine::CheckedText out;
  json::append_string(out.json, response.text);
  return out;
}

}  // namespace weir::simulation
