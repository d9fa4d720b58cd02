#include "bulk/run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <filesystem>

#include "base/hash.h"
#include "bulk/console.h"
#include "bulk/field_order.h"
#include "bulk/finish.h"
#include "bulk/hits_file.h"
#include "bulk/owner.h"
#include "bulk/run_setup.h"
#include "bulk/tell_rejected.h"
#include "engine/job_engine.h"
#include "runtime/http_client.h"
#include "runtime/job_driver.h"
#include "runtime/mapped_journal.h"
#include "runtime/posix_files.h"
#include "runtime/random.h"
#include "runtime/secrets.h"
#include "runtime/sqlite_store.h"
#include "runtime/store_lock.h"
#include "runtime/webhook_server.h"

namespace weir::bulk {
namespace {

namespace asio = boost::asio;
constexpr std::int64_t kOutputMaxDefault = 1024;

/// The parts of a run that live as long as it does, in the order in which they need each other.
struct Run {
  const RunOptions& options;
  RunSetup& setup;
  const OwnerTask& task;
  Console console;
  provider::Credentials credentials;
  std::unique_ptr<runtime::StoreLock> lock;
  std::optional<engine::JobState> earlier;  // the job that this run goes on with
  std::unique_ptr<AcceptedInput> input;
  std::unique_ptr<JobSource> source;
  plan::PrefixStats new_hits;
  std::vector<std::string> first_reasons;  // of what was decided before the job began
  std::unique_ptr<runtime::SqliteStore> store;
  std::unique_ptr<runtime::MappedJournal> journal;
  runtime::PosixFiles files;
  runtime::SystemRandom random;
  asio::io_context io;
  runtime::HttpClient client{io, {.connections_max = 256}};
  std::unique_ptr<engine::JobEngine> engine;
  std::unique_ptr<runtime::AccessTokens> tokens;
  std::unique_ptr<runtime::JobDriver> driver;
  std::unique_ptr<runtime::ControlServer> control;
  std::unique_ptr<runtime::WebhookServer> webhooks;
  bool interrupted = false;

  Run(const RunOptions& run_options, RunSetup& run_setup, const OwnerTask& owner_task)
      : options(run_options),
        setup(run_setup),
        task(owner_task),
        console(run_options.json, run_options.quiet) {}
};

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }
bool is_empty(const std::string& path) {
  std::error_code code;
  return std::filesystem::is_regular_file(path, code) &&
         std::filesystem::file_size(path, code) == 0;
}

// The job that stands behind the output; nothing where none has begun.
Result<std::optional<engine::JobState>> stored_job(const std::string& folder) {
  const auto path = folder + "/store.sqlite";
  if (!exists(path)) return std::nullopt;
  WEIR_TRY(const auto store, runtime::SqliteStore::open(path));
  WEIR_TRY(const auto aggregates, store->load());
  for (const auto& aggregate : aggregates)
    if (aggregate.kind == engine::AggregateKind::kJob)
      return engine::JobState::decode(aggregate.state);
  return std::nullopt;
}

std::unexpected<Error> not_ours(const std::string& output) {
  return fail(ErrorKind::kInvalidArgument,
              fmt::format("{} is there already, and not from a job of Weir", output),
              "choose another output, or overwrite it with --restart");
}

// Forgets the job behind the output. The lock stays: it is held.
Result<void> empty_folder(Run& run) {
  std::error_code code;
  for (const auto& entry : std::filesystem::directory_iterator(run.setup.folder, code))
    if (entry.path().filename() != "lock") std::filesystem::remove_all(entry.path(), code);
  if (code)
    return fail(ErrorKind::kUnavailable,
                fmt::format("cannot empty {}: {}", run.setup.folder, code.message()));
  return run.files.remove(run.options.output);
}

Result<void> prepare_folder(Run& run) {
  const auto& output = run.options.output;
  const bool fresh = !exists(run.setup.folder + "/store.sqlite");
  if (fresh && exists(output) && !run.options.restart) return not_ours(output);
  if (exists(output) && ::access(output.c_str(), W_OK) != 0)
    return fail(ErrorKind::kInvalidArgument, fmt::format("{} cannot be written", output),
                "check who may write it");
  if (auto made = runtime::make_private_folder(run.setup.folder); !made)
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("the output cannot be written: {}", made.error().message),
                "choose an output in a folder that exists and can be written");
  WEIR_TRY(run.lock, runtime::StoreLock::acquire(run.setup.folder, runtime::SystemClock().now()));
  if (run.options.restart) return empty_folder(run);
  WEIR_TRY(run.earlier, stored_job(run.setup.folder));
  if (!run.earlier && run.task.kind != OwnerTask::Kind::kRun)
    return fail(ErrorKind::kInvalidArgument, fmt::format("the job of {} has not begun", output),
                "run it first: weir job resume, or the same weir run command");
  // A process that died before its first commit leaves a store without a job and the output it had created, empty.
  return !run.earlier && exists(output) && !is_empty(output) ? not_ours(output) : Result<void>();
}

Result<void> take_key(Run& run) {
  const auto& variable = run.setup.model.provider->key_variable;
  const auto& file = run.options.key_file;
  const bool optional = run.setup.model.provider->key_optional;
  const auto set = provider::key_of(*run.setup.model.provider, run.options.settings);
  auto key = set                            ? Result<std::string>(std::string(*set))
             : !file.empty()                ? runtime::key_from_file(file)
             : !run.options.api_key.empty() ? Result<std::string>(run.options.api_key)
                                            : runtime::key_from_environment(variable, optional);
  if (!key) {
    auto error = std::move(key).error();
    if (error.hint.empty())
      error.hint = file.empty() ? fmt::format("export {}=…, or give --key-file FILE", variable)
                                : "check --key-file";
    return std::unexpected(std::move(error));
  }
  run.credentials = {.base_path = run.setup.endpoint.target,
                     .key = std::move(*key),
                     .settings = run.options.settings,
                     .origin = run.setup.endpoint.origin};
  return {};
}

Result<void> accept_input(Run& run) {
  // Until the job has begun, the input may still be mended: it is read anew.
  if (!run.earlier || !exists(run.setup.folder + "/input.json")) {
    WEIR_CHECK(forget_field_order(run.setup.folder));
    auto manifest = accept(accept_options(run.options, run.setup, run.setup.folder, {}));
    if (!manifest) return std::unexpected(std::move(manifest).error());
  }
  WEIR_TRY(run.input, AcceptedInput::open(run.setup.folder));
  choose_api(run.setup, run.input->manifest().format);
  WEIR_CHECK(check_prompt_fits(run.options, run.setup, run.input->manifest().format));
  if (!run.options.command.empty())
    WEIR_CHECK(keep_for_later({.folder = run.setup.folder, .options = run.options.command},
                              run.setup, !run.earlier));
  return tell_rejected(*run.input, run.options.strict, run.console);
}

// Where lines may move, their order is decided before anything is planned, and stays.
Result<void> make_source(Run& run) {
  const auto& options = run.options;
  const auto& folder = run.setup.folder;
  const auto shape = run.setup.shape(options);
  std::unique_ptr<FieldOrder> order;
  if (!options.reorder.empty()) {
    if (!run.earlier && !exists(folder + "/items.order"))
      WEIR_CHECK(decide_field_order(
          *run.input, shape,
          order_settings(options, run.setup, run.input->count(), run.setup.clock->now()), folder,
          true));
    WEIR_TRY(order, FieldOrder::open(folder));
    if (order->lines() != options.reorder.size() || order->items() != run.input->count())
      return fail(ErrorKind::kInvalidArgument,
                  "--reorder names other fields than when the job began",
                  "name the same ones, or begin again with --restart");
    run.first_reasons.push_back(order->reason());
  }
  run.source = std::make_unique<JobSource>(*run.input, shape, std::move(order));
  return {};
}

engine::JobIdentity identity_of(const Run& run) {
  const auto digest = [](const std::string& text) {
    return text.empty() ? std::string() : content_digest(text);
  };
  const auto& options = run.options;
  const auto settings = options.settings.text();
  const auto option = [](std::string_view name, const auto& value) {
    return value ? fmt::format(" {}={}", name, *value) : std::string();
  };
  return {
      .provider = run.setup.model.provider->name,
      .model = run.setup.model.model->name,
      .account = "default",
      .endpoint = run.setup.endpoint.origin.text() + run.setup.endpoint.target,
      .key_digest = runtime::key_digest(run.credentials.key),
      .template_digest = digest(run.setup.prompt_text),
      .schema_digest = run.setup.schema ? digest(run.setup.schema->text()) : "",
      .input =
          run.setup.input_path + (options.limit ? fmt::format(" (first {})", options.limit) : ""),
      .options =
          fmt::format("id-field={}{}{}{}", options.id_field.value_or("id"),
                      option("max-tokens", options.output_max),
                      option("temperature", options.temperature), options.dedup ? " dedup" : "") +
          (options.reorder.empty() ? ""
                                   : fmt::format(" reorder={}", fmt::join(options.reorder, ","))) +
          (settings.empty() ? "" : " " + settings)};
}

// A job that was done before needs neither clock nor network: its receipt is all there is to do.
std::optional<ExitCode> show_finished(Run& run) {
  if (run.task.kind != OwnerTask::Kind::kRun) return std::nullopt;
  if (!run.earlier || run.earlier->phase != engine::JobPhase::kDone || !exists(run.options.output))
    return std::nullopt;
  if (!engine::difference(run.earlier->identity, identity_of(run)).empty()) return std::nullopt;
  finish_job({run.options, run.setup, *run.input, run.credentials.key, run.console});
  return show_receipt(run.options.output, run.console);
}

Result<void> make_engine(Run& run) {
  const auto& options = run.options;
  WEIR_TRY(run.store, runtime::SqliteStore::open(run.setup.folder + "/store.sqlite"));
  const auto slots =
      static_cast<std::uint32_t>(std::max<std::uint64_t>(1024, options.concurrency * 4));
  WEIR_TRY(run.journal, runtime::MappedJournal::open(run.setup.folder + "/usage.journal", slots));
  const Time now = run.setup.clock->now();
  engine::JobOptions job{
      .identity = identity_of(run),
      .wish = options.route,
      .deadline = options.deadline ? std::optional(now + *options.deadline) : std::nullopt,
      .caching = options.caching,
      .contents = options.contents,
      .spend_max = options.spend_max,
      .concurrency_max = options.concurrency,
      .fallback_to_standard = options.fallback,
      .batch_timeout = options.batch_timeout,
      .folder = run.setup.folder,
      .output_path = options.output,
      .output_max = {options.output_max.value_or(kOutputMaxDefault)},
      .reasons = run.first_reasons};
  if (options.fallback_timeout) job.fallback_timeout = *options.fallback_timeout;
  if (options.retries_max) job.attempts_max = static_cast<std::uint32_t>(*options.retries_max) + 1;
  WEIR_TRY(run.engine, engine::JobEngine::create(
                           std::move(job),
                           {.adapter = *run.setup.adapter,
                            .provider = *run.setup.model.provider,
                            .model = *run.setup.model.model,
                            .credentials = run.credentials,
                            .source = *run.source,
                            .store = *run.store,
                            .files = run.files,
                            .journal = *run.journal,
                            .random = run.random,
                            .known_hits = options.hits_path.empty() ? nullptr : &run.setup.hits,
                            .new_hits = options.hits_path.empty() ? nullptr : &run.new_hits},
                           now));
  return {};
}

std::string where_the_key_is(const Run& run) {
  if (!run.options.key_file.empty()) return "check " + run.options.key_file;
  if (!run.options.key_place.empty()) return "check " + run.options.key_place;
  const auto& variable = run.setup.model.provider->key_variable;
  return variable.empty() ? "give --key-file FILE" : "check " + variable;
}

// Not every provider has a status of its own for it.
bool means_wrong_key(const Run& run, const http::Response& response) {
  if (response.status < 400) return false;
  const auto read = run.setup.adapter->decode_sync(response, run.setup.clock->now());
  return !read && read.error().kind == ErrorKind::kUnauthenticated;
}

// A wrong key or address is told before anything is sent that could cost.
asio::awaitable<Result<void>> probe(Run* run) {
  runtime::CollectingSink sink;
  runtime::ClientRequest request{
      .origin = run->setup.endpoint.origin,
      .plan = run->setup.adapter->encode_probe_at(run->credentials, run->setup.model.model->name,
                                                  run->setup.clock->now())};
  request.idle_timeout = request.total_timeout = std::chrono::seconds(30);
  run->tokens = std::make_unique<runtime::AccessTokens>(
      run->io, runtime::AccessTokens::Parts{.adapter = *run->setup.adapter,
                                            .credentials = run->credentials,
                                            .client = run->client,
                                            .clock = *run->setup.clock,
                                            .origin = run->setup.endpoint.origin});
  Result<void> sent;
  if (request.plan.access_token) {
    sent = co_await run->tokens->send(std::move(request), &sink);
  } else {
    sent = co_await run->client.send(std::move(request), &sink);
  }
  const auto where = run->setup.endpoint.origin.text();
  if (!sent && sent.error().kind == ErrorKind::kUnauthenticated) co_return sent;
  if (!sent)
    co_return fail(ErrorKind::kUnavailable,
                   fmt::format("{} does not answer: {}", where, sent.error().message),
                   "check --endpoint and the network; nothing was sent");
  const int status = sink.response.status;
  if (status == 401 || status == 403 || means_wrong_key(*run, sink.response))
    co_return fail(
        ErrorKind::kUnauthenticated,
        fmt::format("{} refused the key ({} {})", where, status, http::reason_phrase(status)),
        where_the_key_is(*run));
  if (status == 404)
    run->console.note(fmt::format("{} does not list {}; going on, it may know it all the same",
                                  where, run->setup.model.model->name));
  co_return Result<void>();
}

asio::awaitable<Result<void>> drive(Run* run) {
  const auto started = std::chrono::steady_clock::now();
  run->driver = std::make_unique<runtime::JobDriver>(
      run->io, run->client, *run->setup.clock, *run->engine, *run->journal,
      runtime::JobDriver::Options{.origin = run->setup.endpoint.origin,
                                  .request_timeout = run->options.request_timeout,
                                  .tokens = run->tokens.get(),
                                  .on_progress = [run, started] {
                                    run->console.progress(
                                        run->engine->progress(),
                                        std::chrono::steady_clock::now() - started);
                                  }});
  auto driven = co_await run->driver->run();
  co_return driven;
}

// Commands come over the socket from now on. Without one the job works all the same.
void listen(Run* run) {
  auto control = runtime::ControlServer::listen(
      run->io, run->setup.folder, [run](const runtime::ControlRequest& request) {
        auto answer = answer_command(request, *run->engine, run->setup.clock->now());
        if (run->driver) run->driver->wake();
        return answer;
      });
  if (control) run->control = std::move(*control);
  else run->console.note("weir job cannot reach this process: " + control.error().text());
}

// A signed event makes the poll of its batch due; without one, polls come as they would.
Result<void> take_webhooks(Run* run) {
  const auto& options = run->options;
  if (options.webhook_listen.empty()) return {};
  auto secret = options.webhook_secret_file.empty()
                    ? runtime::key_from_environment("WEIR_WEBHOOK_SECRET")
                    : runtime::key_from_file(options.webhook_secret_file);
  if (!secret) {
    auto error = std::move(secret).error();
    error.hint =
        "webhooks are taken signed or not at all: give --webhook-secret-file FILE, or "
        "export WEIR_WEBHOOK_SECRET=whsec_…";
    return std::unexpected(std::move(error));
  }
  WEIR_TRY(run->webhooks, runtime::WebhookServer::create(
                              run->io, {.listen = options.webhook_listen, .secret = *secret},
                              *run->setup.clock, [run](std::string_view batch) {
                                run->engine->hear(batch, run->setup.clock->now());
                                if (run->driver) run->driver->wake();
                              }));
  run->console.note(fmt::format("webhooks are taken at {}", run->webhooks->url()));
  return {};
}

// What was asked for, and has nothing here that it could change.
void tell_of_no_effect(Run& run) {
  const auto& [provider, model] = run.setup.model;
  if (run.webhooks && !(provider->batch && provider->batch->webhooks))
    run.console.note(
        fmt::format("--webhook-listen has no effect: {} sends no webhooks that Weir knows; its "
                    "batches are polled",
                    provider->name));
  if (run.options.contents == plan::ContentWish::kPrefer &&
      model->cache == catalogue::CacheMode::kAutomatic &&
      run.setup.adapter->cached_contents() == nullptr)
    run.console.note(fmt::format(
        "--cache-strategy explicit has no effect: {} has an automatic cache only", model->name));
}

Result<bool> again(Run* run) {
  if (run->interrupted || run->engine->job().phase != engine::JobPhase::kDone) return false;
  WEIR_TRY(const auto count, retry_items(run->task, *run->engine, *run->input, run->console,
                                         run->setup.clock->now()));
  if (count == 0) return false;
  WEIR_CHECK(forget_extras(run->setup.folder));
  return true;
}

asio::awaitable<Result<void>> own(Run* run) {
  using Kind = OwnerTask::Kind;
  if (auto made = make_engine(*run); !made) co_return std::unexpected(std::move(made).error());
  listen(run);
  if (auto taken = take_webhooks(run); !taken) co_return taken;
  tell_of_no_effect(*run);
  const Time now = run->setup.clock->now();
  Result<void> begun;
  if (run->task.kind == Kind::kCancel) begun = run->engine->cancel();
  if (run->task.kind == Kind::kSettle) {
    begun = run->engine->settle(run->task.batch, run->task.settlement, now);
    if (begun) begun = forget_extras(run->setup.folder);
  }
  if (!begun) co_return begun;
  auto driven = co_await drive(run);
  if (!driven || run->task.kind != Kind::kRetry) co_return driven;
  auto more = again(run);
  if (!more) co_return std::unexpected(std::move(more).error());
  if (*more) driven = co_await drive(run);
  co_return driven;
}

asio::awaitable<void> work(Run* run, Result<void>* outcome) {
  *outcome = co_await probe(run);
  if (*outcome) *outcome = co_await own(run);
  if (run->control) run->control->stop();
  if (run->webhooks) co_await run->webhooks->stop();
  run->client.stop();
}

// Runs the loop until the job is through, or the user interrupts it.
void run_loop(Run& run, Result<void>& outcome) {
  asio::signal_set signals(run.io, SIGINT, SIGTERM);
  std::function<void()> listen = [&] {
    signals.async_wait([&](const boost::system::error_code& code, int) {
      if (code) return;
      if (!std::exchange(run.interrupted, true)) {
        run.console.note("stopping: awaiting what is in flight (again to give it up)");
        if (run.driver) run.driver->drain();
        else run.client.stop();
      } else if (run.driver) {
        run.driver->abandon();
      }
      listen();
    });
  };
  listen();
  asio::co_spawn(
      run.io,
      [](Run* r, Result<void>* o, asio::signal_set* s) -> asio::awaitable<void> {
        co_await work(r, o);
        s->cancel();
      }(&run, &outcome, &signals),
      asio::detached);
  run.io.run();
}

// They are advice: without them the next job plans by the catalogue.
void keep_hits(Run& run) {
  if (run.new_hits.size() == 0) return;
  if (const auto kept = add_hits(run.options.hits_path, run.new_hits); !kept)
    run.console.note("the cache hits seen are not kept: " + kept.error().text());
}

ExitCode conclude(Run& run, const Result<void>& outcome) {
  const bool interrupted = run.interrupted;
  if (!outcome && interrupted && !run.driver) {
    run.console.note("interrupted before anything was sent");
    return ExitCode::kInterrupted;
  }
  if (!outcome) {
    run.console.error(outcome.error());
    if (interrupted) return ExitCode::kInterrupted;
    const auto kind = outcome.error().kind;
    const bool usage =
        !run.driver && (kind == ErrorKind::kInvalidArgument ||
                        kind == ErrorKind::kUnauthenticated || kind == ErrorKind::kUnsupported ||
                        kind == ErrorKind::kNotFound || kind == ErrorKind::kUnavailable);
    const bool wrong_wish = run.task.kind == OwnerTask::Kind::kRetry &&
                            (kind == ErrorKind::kInvalidArgument || kind == ErrorKind::kNotFound);
    return usage || wrong_wish ? ExitCode::kUsage : ExitCode::kFailure;
  }
  const auto progress = run.engine->progress();
  const bool done = progress.ended() == progress.items;
  if (done) finish_job({run.options, run.setup, *run.input, run.credentials.key, run.console});
  const auto code = show_receipt(run.options.output, run.console);
  if (done && run.engine->job().cancel_wanted) run.console.note(cancelled_note(progress));
  if (done) return run.task.kind == OwnerTask::Kind::kCancel ? ExitCode::kDone : code;
  if (const auto& stopped = run.engine->stopped()) run.console.error(*stopped);
  else if (run.engine->spend_stopped())
    run.console.error({.kind = ErrorKind::kCancelled,
                       .message = fmt::format(
                           "stopped before --spend-max {} could be passed: {} of {} items are done",
                           to_usd(*run.options.spend_max), progress.ended(), progress.items),
                       .hint = "raise it and run the same command"});
  else if (progress.batches_held > 0)
    run.console.error({.kind = ErrorKind::kUnavailable,
                       .message = fmt::format("{} batches are held, somebody must look at them",
                                              progress.batches_held),
                       .hint = fmt::format("weir job show {} says why and how to settle them",
                                           run.options.output)});
  else if (interrupted) run.console.note("interrupted; the same command goes on where it stopped");
  return interrupted ? ExitCode::kInterrupted : ExitCode::kStopped;
}

}  // namespace

ExitCode run(const RunOptions& options, const FindAdapter& find_adapter, const OwnerTask& task) {
  Console console(options.json, options.quiet);
  auto setup = make_setup(options, find_adapter);
  if (!setup) {
    console.error(setup.error());
    return ExitCode::kUsage;
  }
  if (options.dry_run) return dry_run(options, **setup);
  Run run(options, **setup, task);
  const auto refused = [&](const Error& error) {
    console.error(error);
    return error.kind == ErrorKind::kInternal ? ExitCode::kFailure : ExitCode::kUsage;
  };
  for (auto* step : {&take_key, &prepare_folder, &accept_input})
    if (const auto done = (*step)(run); !done) return refused(done.error());
  if (const auto finished = show_finished(run)) return *finished;
  if (const auto connected = connect_clock(options, **setup); !connected)
    return refused(connected.error());
  if (const auto note = old_price_note((*setup)->model, (*setup)->clock->now()); !note.empty())
    console.note(note);
  if (const auto made = make_source(run); !made) return refused(made.error());
  Result<void> outcome;
  run_loop(run, outcome);
  keep_hits(run);
  return conclude(run, outcome);
}

}  // namespace weir::bulk
