// `weir sim`: the simulator behind a real HTTP server, with its own virtual clock.
#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <charconv>

#include "cli/commands.h"
#include "cli/sim_webhooks.h"
#include "runtime/clock.h"
#include "runtime/http_server.h"
#include "runtime/listen_address.h"
#include "runtime/posix_files.h"
#include "sim/simulator.h"
#include "weir_sim_registry.h"

namespace weir::cli {
namespace {

namespace asio = boost::asio;
// A batch file of 256 MB and then some.
constexpr std::uint64_t kBodyBytesMax = std::uint64_t{1} << 30;
constexpr std::size_t kFaultsBytesMax = 1U << 20;

struct SimFlags {
  std::string listen = "127.0.0.1:8080", faults_path, epoch, webhook, webhook_secret;
  std::uint64_t seed = 1;
  double scale = 1, batch_hit_rate = 0.9, implicit_hit_rate = 1;
  std::int64_t requests_per_minute = 1'000'000;
};

struct Serving {
  runtime::ScaledClock& clock;
  sim::Simulator& simulator;
};

asio::awaitable<void> send_reply(runtime::Exchange* exchange, Serving* serving, sim::Reply reply) {
  using Fate = sim::Reply::Fate;
  const auto pause = [&](Duration virtual_time) {
    return exchange->sleep(serving->clock.to_real(virtual_time));
  };
  if (reply.fate == Fate::kNoAnswer) {
    co_await exchange->sleep(std::chrono::hours(24));
    exchange->abort();
    co_return;
  }
  if (reply.delay > Duration(0)) co_await pause(reply.delay);
  if (reply.fate == Fate::kReset) {
    exchange->abort();
    co_return;
  }
  const auto type = reply.head.headers.find("content-type").value_or("");
  const bool stream = type.starts_with("text/event-stream") ||
                      type.starts_with("application/vnd.amazon.eventstream");
  std::optional<std::uint64_t> length;
  if (const auto declared = reply.head.headers.find("content-length")) {
    std::uint64_t value = 0;
    std::from_chars(declared->data(), declared->data() + declared->size(), value);
    length = value;
  } else if (!stream) {
    length = reply.size() + (reply.fate == Fate::kCut ? 1 : 0);
  }
  if (!co_await exchange->send_head(std::move(reply.head), length)) co_return;
  for (auto& piece : reply.body) {
    if (piece.delay > Duration(0)) co_await pause(piece.delay);
    if (!co_await exchange->send_body(std::move(piece.bytes))) co_return;
  }
  if (reply.fate == Fate::kCut) exchange->abort();
  else co_await exchange->finish();
}

asio::awaitable<void> serve(runtime::Exchange* exchange, Serving* serving) {
  const auto& request = exchange->request();
  if (http::path_of(request.target) == "/_sim/clock") {
    http::Response response{.status = 200, .headers = {{"content-type", "application/json"}}};
    response.body = serving->clock.reading_json();
    co_await exchange->respond(std::move(response));
    co_return;
  }
  auto reply = serving->simulator.handle(request, serving->clock.now());
  co_await send_reply(exchange, serving, std::move(reply));
}

Result<void> run_sim(const SimFlags& flags) {
  sim::Options options{.seed = flags.seed,
                       .batch_hit_rate = flags.batch_hit_rate,
                       .implicit_hit_rate = flags.implicit_hit_rate};
  options.requests_per_minute_max = flags.requests_per_minute;
  options.tells_ended = !flags.webhook.empty();
  if (!flags.faults_path.empty()) {
    WEIR_TRY(options.faults_json, runtime::read_whole_file(flags.faults_path, kFaultsBytesMax));
  }
  if (!(flags.scale > 0 && flags.scale <= 600))
    return fail(ErrorKind::kInvalidArgument, "--time-scale is out of range",
                "more than 0, at most 600");
  runtime::SystemClock system;
  Time epoch = system.now();
  if (!flags.epoch.empty()) {
    const auto parsed = parse_rfc3339(flags.epoch);
    if (!parsed)
      return fail(ErrorKind::kInvalidArgument, "--epoch is no RFC 3339 time",
                  "such as 2026-11-23T00:00:00Z");
    epoch = *parsed;
  }
  options.epoch = epoch;
  std::vector<std::unique_ptr<sim::Provider>> providers;
  for (const auto& known : sim::registered()) providers.push_back(known.get());
  std::vector<std::string> base_paths;
  for (const auto& provider : providers)
    base_paths.push_back(fmt::format("/{}{}", provider->name(), provider->base_path()));
  WEIR_TRY(auto simulator, sim::Simulator::create(std::move(options), std::move(providers)));
  WEIR_TRY(const auto address, runtime::parse_listen(flags.listen, "--listen"));
  asio::io_context io;
  runtime::ScaledClock clock(epoch, flags.scale);
  std::unique_ptr<SimWebhooks> webhooks;
  if (!flags.webhook.empty()) {
    WEIR_TRY(webhooks,
             SimWebhooks::create(io, {.url = flags.webhook, .secret = flags.webhook_secret}, clock,
                                 *simulator));
  }
  Serving serving{clock, *simulator};
  runtime::HttpServer::Options server_options{
      .host = address.host, .port = address.port, .body_bytes_max = kBodyBytesMax};
  WEIR_TRY(auto server,
           runtime::HttpServer::create(io, server_options, [&serving](runtime::Exchange* exchange) {
             return serve(exchange, &serving);
           }));
  fmt::print(
      "weir sim listens on {} (time scale {}, seed {}). Its answers are a keyword classifier's, no "
      "language model's.\n",
      server->url(), flags.scale, flags.seed);
  for (const auto& path : base_paths) fmt::print("  {}{}\n", server->url(), path);
  std::fflush(stdout);
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](const boost::system::error_code& code, int) {
    if (!code) asio::co_spawn(io, server->stop(std::chrono::milliseconds(200)), asio::detached);
    if (!code && webhooks) webhooks->stop();
  });
  io.run();
  return {};
}

}  // namespace

void add_sim(CLI::App& app, int& code) {
  auto flags = std::make_shared<SimFlags>();
  auto* sim = app.add_subcommand(
      "sim",
      "simulates the providers: wire formats, batches, caches, prices, faults; no key needed");
  sim->add_option("--listen", flags->listen, "HOST:PORT; port 0 takes any free one and prints it")
      ->capture_default_str();
  sim->add_option("--seed", flags->seed, "same seed and requests, same answers and bill")
      ->capture_default_str();
  sim->add_option("--time-scale", flags->scale, "virtual seconds in a real one, at most 600")
      ->capture_default_str();
  sim->add_option("--batch-hit-rate", flags->batch_hit_rate,
                  "probability that a batch row which could read a cache does")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  sim->add_option("--implicit-hit-rate", flags->implicit_hit_rate,
                  "the same of a sync request, at providers that cache unasked and promise nothing "
                  "(gemini, vertexAI)")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  sim->add_option("--faults", flags->faults_path, "JSON file of faults to play");
  sim->add_option("--epoch", flags->epoch, "virtual time at the start, RFC 3339 (default: now)");
  auto* webhook =
      sim->add_option("--webhook", flags->webhook,
                      "URL that is told when a batch of openAI's shape or gemini's ends, as those "
                      "providers do");
  sim->add_option("--webhook-secret", flags->webhook_secret,
                  "whsec_… that these are signed with; nobody else's secret")
      ->needs(webhook);
  webhook->needs("--webhook-secret");
  sim->add_option("--requests-per-minute", flags->requests_per_minute,
                  "of an account at one provider before it gets 429")
      ->capture_default_str();
  sim->footer(
      "\nBase URLs: http://HOST:PORT/openAI/v1 and http://HOST:PORT/anthropic. Any key is an "
      "account; one that begins with\n"
      "`invalid` is refused. GET /_sim/bill lists every billed row, /_sim/state what is stored, "
      "/_sim/clock the time.");
  sim->callback([flags, &code] {
    const auto done = run_sim(*flags);
    if (done) return;
    fmt::print(stderr, "weir: {}\n", done.error().text());
    code = 2;
  });
}

}  // namespace weir::cli
