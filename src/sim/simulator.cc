#include "sim/simulator.h"

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "base/ids.h"
#include "http/url.h"
#include "json/write.h"
#include "sim/draw.h"
#include "sim/json_reply.h"

namespace weir::sim {
namespace {

constexpr char kHex[] = "0123456789abcdef";
constexpr std::string_view kBearer = "Bearer ";

// 48 bits of a hash: enough to tell accounts apart in a bill, too little to give a key back.
std::string account_of(std::string_view key) {
  std::uint64_t bits = hash64(key, 0x5EED);
  std::string out = "acct_";
  for (int i = 0; i < 12; ++i, bits >>= 4) out.push_back(kHex[bits & 15]);
  return out;
}

// The account whose key is in the request; empty without one.
std::string account_asked(const http::Request& request) {
  if (const auto key = request.headers.find("x-api-key")) return account_of(*key);
  const auto authorization = request.headers.find("authorization").value_or("");
  return authorization.starts_with(kBearer) ? account_of(authorization.substr(kBearer.size()))
                                            : std::string();
}

std::string request_id_of(std::uint64_t seed, std::uint64_t sequence) {
  auto random = draw(seed, "request id", sequence);
  std::string out = "req_";
  while (out.size() < 24) out += base36(random.next());
  return out.substr(0, 24);
}

Reply own_error(int status, std::string_view message) {
  json::Writer out;
  out.begin_object()
      .key("error")
      .begin_object()
      .field("message", message)
      .end_object()
      .end_object();
  return json_reply(status, out.take());
}

// The first bytes of the body only; the rest is as if never written.
void keep_bytes(Reply& reply, std::size_t bytes) {
  std::size_t left = bytes;
  for (auto piece = reply.body.begin(); piece != reply.body.end(); ++piece) {
    if (piece->bytes.size() > left) {
      piece->bytes.resize(left);
      reply.body.erase(piece + 1, reply.body.end());
      return;
    }
    left -= piece->bytes.size();
  }
}

bool is_stream(const Reply& reply) {
  const auto type = reply.head.headers.find("content-type");
  return type && (type->starts_with("text/event-stream") ||
                  type->starts_with("application/vnd.amazon.eventstream"));
}

void apply(const FaultRule& rule, Reply& reply) {
  switch (rule.kind) {
    case FaultKind::kTimeoutAfterAccept: reply.fate = Reply::Fate::kNoAnswer; break;
    case FaultKind::kReset: reply.fate = Reply::Fate::kReset; break;
    case FaultKind::kCutBody:
    case FaultKind::kTruncate: {
      const std::size_t whole = reply.size();
      const auto after = static_cast<std::size_t>(std::max<std::int64_t>(rule.after_bytes, 0));
      if (after >= whole) break;  // nothing to cut off
      keep_bytes(reply, after);
      if (rule.kind == FaultKind::kTruncate) break;
      if (!is_stream(reply)) reply.head.headers.set("content-length", std::to_string(whole));
      reply.fate = Reply::Fate::kCut;
      break;
    }
    case FaultKind::kDelay: reply.delay += rule.duration; break;
    default: break;
  }
}

}  // namespace

Result<std::unique_ptr<Simulator>> Simulator::create(
    Options options, std::vector<std::unique_ptr<Provider>> providers) {
  if (!(options.batch_hit_rate >= 0 && options.batch_hit_rate <= 1))
    return fail(ErrorKind::kInvalidArgument, "the batch hit rate is not between 0 and 1");
  if (!(options.implicit_hit_rate >= 0 && options.implicit_hit_rate <= 1))
    return fail(ErrorKind::kInvalidArgument, "the implicit hit rate is not between 0 and 1");
  if (options.requests_per_minute_max < 1)
    return fail(ErrorKind::kInvalidArgument, "the limit of requests a minute is below 1");
  WEIR_TRY(auto faults, Faults::parse(options.faults_json, options.seed));
  std::unique_ptr<Simulator> simulator(new Simulator);
  simulator->world_.options = std::move(options);
  simulator->world_.faults = std::move(faults);
  simulator->providers_ = std::move(providers);
  for (auto& provider : simulator->providers_) WEIR_CHECK(provider->start(simulator->world_));
  return simulator;
}

void Simulator::advance(Time now) {
  now_ = std::max(now_, now);
  for (auto& provider : providers_) provider->advance(now_);
}

Reply Simulator::handle(http::Request request, Time now) {
  advance(now);
  const std::string path(http::path_of(request.target));
  Reply reply;
  const auto slash = path.find('/', 1);
  const std::string_view first = std::string_view(path).substr(0, slash);
  const std::string_view rest =
      slash == std::string::npos ? "/" : std::string_view(path).substr(slash);
  const auto served = std::find_if(providers_.begin(), providers_.end(), [&](const auto& provider) {
    return first.starts_with('/') && http::equal_ignoring_case(first.substr(1), provider->name());
  });
  if (first == "/_sim") {
    reply = own(rest, request);
  } else if (served == providers_.end()) {
    reply = own_error(404, "no simulated provider answers at this path");
  } else {
    ++sequence_;
    Call call{.request = request, .path = rest, .now = now_, .sequence = sequence_};
    call.request_id = request_id_of(world_.options.seed, sequence_);
    call.attempt_id = request.headers.find("x-client-request-id").value_or(call.request_id);
    reply = serve(**served, call);
  }
  reply.head.headers.set(std::string(kSimulatedHeader), std::string(kSimulatedValue));
  return reply;
}

Reply Simulator::serve(Provider& provider, Call& call) {
  const auto key = provider.key_of(call.request);
  RateState rate{.limit = world_.options.requests_per_minute_max};
  if (key) {
    call.account = account_of(*key);
    rate = count(provider, call);
    const Operation operation = provider.operation(call);
    call.faults =
        world_.faults.triggered(provider.name(), operation.name, operation.alias, call.sequence);
  }
  Reply reply;
  if (!key || key->empty() || key->starts_with("invalid")) {
    reply = provider.error(call, 401, "");
  } else if (auto refused = refusal(provider, call, rate)) {
    reply = std::move(*refused);
  } else {
    reply = provider.handle(call);
  }
  finish(provider, call, reply, rate);
  return reply;
}

Reply Provider::rate_limited(const Call& call, Duration wait) const {
  Reply reply = error(call, 429, "");
  const auto whole = std::chrono::ceil<std::chrono::seconds>(wait).count();
  reply.head.headers.set("retry-after", std::to_string(whole));
  return reply;
}

// What stops a request before the provider does anything with it.
std::optional<Reply> Simulator::refusal(const Provider& provider, const Call& call,
                                        const RateState& rate) const {
  for (const FaultRule* rule : call.faults) {
    if (rule->kind == FaultKind::kRateLimited)
      return provider.rate_limited(call, rule->retry_after.value_or(std::chrono::seconds(1)));
    if (rule->kind == FaultKind::kStatus || rule->kind == FaultKind::kOverloaded) {
      Reply reply = provider.error(
          call, rule->kind == FaultKind::kOverloaded ? 529 : static_cast<int>(rule->code),
          rule->type);
      if (rule->retry_after)
        reply.head.headers.set(
            "retry-after",
            std::to_string(std::chrono::ceil<std::chrono::seconds>(*rule->retry_after).count()));
      return reply;
    }
    if (rule->kind == FaultKind::kTimeoutBeforeAccept) return Reply{.fate = Reply::Fate::kNoAnswer};
    if (rule->kind == FaultKind::kReset && !rule->accepted)
      return Reply{.fate = Reply::Fate::kReset};
  }
  if (rate.remaining < 0) return provider.rate_limited(call, rate.reset);
  return std::nullopt;
}

// Requests of an account are counted in calendar minutes: simple, and enough to meet the limit.
RateState Simulator::count(const Provider& provider, const Call& call) {
  const std::int64_t limit = world_.options.requests_per_minute_max;
  Window& window = windows_[std::string(provider.name()) + ' ' + call.account];
  const std::int64_t second = unix_seconds(call.now);
  if (window.minute != second / 60) window = {.minute = second / 60};
  ++window.requests;
  const Time next_minute = from_unix_seconds((second / 60 + 1) * 60);
  return {.limit = limit, .remaining = limit - window.requests, .reset = next_minute - call.now};
}

void Simulator::finish(const Provider& provider, Call& call, Reply& reply, const RateState& rate) {
  for (const FaultRule* rule : call.faults)
    if (!is_batch_fault(rule->kind)) apply(*rule, reply);
  const bool sent = reply.fate == Reply::Fate::kWhole || reply.fate == Reply::Fate::kCut;
  const std::size_t bytes = sent ? reply.size() : 0;
  for (const auto& delivery : call.deliveries)
    if (sent && delivery.bytes <= bytes) world_.bill.mark_delivered(delivery.bill_row);
  if (reply.head.status != 0) provider.add_headers(call, rate, reply.head.headers);
}

Reply Simulator::own(std::string_view path, const http::Request& request) {
  if (request.method != http::Method::kGet) return own_error(405, "only GET");
  if (path == "/health") {
    json::Writer out;
    out.begin_object().field("status", "ok").key("providers").begin_array();
    for (const auto& provider : providers_) out.string(provider->name());
    out.end_array().key("base_paths").begin_object();
    for (const auto& provider : providers_)
      out.field(provider->name(),
                "/" + std::string(provider->name()).append(provider->base_path()));
    out.end_object().field("model", kSimulatedValue).end_object();
    return json_reply(200, out.take());
  }
  if (path == "/state") {
    json::Writer out;
    out.begin_object();
    for (const auto& provider : providers_) {
      out.key(provider->name()).begin_object();
      provider->write_state(out);
      out.end_object();
    }
    out.field("requests", static_cast<std::int64_t>(sequence_))
        .field("cache_entries", static_cast<std::int64_t>(world_.cache.size()))
        .field("bill_rows", static_cast<std::int64_t>(world_.bill.rows().size()))
        .field("now", to_rfc3339(now_))
        .end_object();
    return json_reply(200, out.take());
  }
  if (path == "/bill") {
    const bool jsonl = http::query_value(request.target, "format") == "jsonl";
    Reply reply;
    reply.head.status = 200;
    reply.head.headers = {{"content-type", jsonl ? "application/x-jsonl" : "application/json"}};
    world_.bill.write(jsonl, account_asked(request), [&](std::string&& bytes) {
      reply.body.push_back({Duration(0), std::move(bytes)});
    });
    return reply;
  }
  return own_error(404, "there is no such page of the simulator");
}

}  // namespace weir::sim
