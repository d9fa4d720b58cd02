#include "library/call_desk.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <optional>

#include "cost/pricing.h"
#include "engine/retry.h"

namespace weir::library {
namespace {

constexpr std::chrono::milliseconds kPulse{100};
constexpr std::uint64_t kAnswerBytesMax = 64U << 20;
// Nobody waits for longer at once: the limits may have changed.
constexpr std::chrono::milliseconds kTurnWait{50};

Error gone(std::string message) {
  return {.kind = ErrorKind::kUnavailable, .message = std::move(message)};
}
Error cancelled() { return {.kind = ErrorKind::kCancelled, .message = "the call was cancelled"}; }
Error too_late() {
  return {.kind = ErrorKind::kDeadlineExceeded,
          .message = "the deadline passed before there was an answer",
          .hint = "allow more time"};
}

}  // namespace

struct CallDesk::Ticket {
  CallSpec spec;
  std::optional<Time> until;
  CallLedger* ledger = nullptr;
  // On the loop.
  asio::cancellation_signal signal;
  bool cancelled = false;
  std::uint32_t attempts = 0, limited = 0;
  bool streamed = false;  // text has reached the caller: it is not begun again

  std::mutex mutex;
  std::condition_variable changed;
  std::string text;  // streamed, and not taken yet
  std::optional<Result<CallOutcome>> outcome;
  Done done;  // instead of a thread that waits

  void push(std::string&& more) {
    {
      const std::scoped_lock lock(mutex);
      text += more;
    }
    changed.notify_one();  // not under the lock: it would be woken to wait for that
  }
  void end(Result<CallOutcome>&& result) {
    if (done) return done(std::move(result));
    {
      const std::scoped_lock lock(mutex);
      outcome = std::move(result);
    }
    changed.notify_one();
  }
};

namespace {

// Collects the answer; a stream's text goes on as it comes.
class CallSink final : public runtime::ResponseSink {
 public:
  CallSink(std::unique_ptr<provider::StreamDecoder> decoder,
           std::function<void(std::string&&)> on_text)
      : decoder_(std::move(decoder)), on_text_(std::move(on_text)) {}

  void on_head(const http::Response& head) override { response = head; }
  bool on_body(std::string_view bytes) override {
    if (!streaming()) {
      response.body += bytes;
      return true;
    }
    std::string text;
    auto fed = decoder_->feed(bytes, text);
    if (!text.empty()) on_text_(std::move(text));
    if (fed) return true;
    broken = std::move(fed).error();
    return false;
  }
  [[nodiscard]] bool streaming() const { return decoder_ && response.status == 200; }
  Result<llm::Response> finish() {
    if (broken) return std::unexpected(*broken);
    return decoder_->finish();
  }

  http::Response response;
  std::optional<Error> broken;

 private:
  std::unique_ptr<provider::StreamDecoder> decoder_;
  std::function<void(std::string&&)> on_text_;
};

Money ceiling_of(const CallSpec& spec, std::uint64_t bytes, Time now) {
  const auto& model = *spec.target->model;
  const auto output =
      spec.embedding ? Tokens{0}
                     : spec.request.output_max.value_or(model.output_max.value_or(Tokens{128'000}));
  return cost::ceiling_of(bytes, output, model.price_at(now), Route::kSync);
}

Result<http::RequestPlan> encode(const CallSpec& spec, const provider::SyncCall& call) {
  const auto& adapter = *spec.target->adapter;
  return spec.embedding ? adapter.embeddings()->encode_embed(*spec.embedding, call)
                        : adapter.encode_sync(spec.request, call);
}

Result<CallOutcome> decode(const CallSpec& spec, CallSink& sink, Time now) {
  const auto& adapter = *spec.target->adapter;
  CallOutcome out;
  if (spec.embedding) {
    WEIR_TRY(auto embeddings,
             adapter.embeddings()->decode_embed(*spec.embedding, sink.response, now));
    out.vectors = std::move(embeddings.vectors);
    out.answer.model = std::move(embeddings.model);
    out.metered = embeddings.usage.has_value();
    out.answer.usage = embeddings.usage.value_or(Usage{});
    return out;
  }
  if (sink.streaming()) {
    WEIR_TRY(out.answer, sink.finish());
  } else {
    WEIR_TRY(out.answer, adapter.decode_sync(sink.response, now));
  }
  out.raw = std::move(sink.response.body);
  return out;
}

}  // namespace

CallDesk::CallDesk(HttpLoop& calls, Loop& books, runtime::RuntimeClock& clock, std::string folder,
                   CallLedger::Booked booked)
    : calls_(calls),
      books_(books),
      clock_(clock),
      folder_(std::move(folder)),
      booked_(std::move(booked)),
      pulse_(calls.io()) {
  calls_.post([this] { beat(); });
}

CallDesk::~CallDesk() = default;

Result<void> CallDesk::add(const TargetPtr& target, const std::string& workload) {
  const auto name = CallLedger::folder_name(*target, workload);
  const std::scoped_lock lock(mutex_);
  if (stopped_) return std::unexpected(gone("the engine has stopped"));
  if (ledgers_.contains(name)) return {};
  WEIR_TRY(auto ledger,
           CallLedger::open(folder_ + "/" + name, target, workload, booked_, clock_.now()));
  ledgers_.emplace(name, std::move(ledger));
  return {};
}

// Hands the ticket to the loop.
Result<void> CallDesk::enter(const TicketPtr& ticket) {
  const auto& spec = ticket->spec;
  if (!spec.workload.empty()) WEIR_CHECK(add(spec.target, spec.workload));
  if (spec.deadline) ticket->until = clock_.now() + *spec.deadline;
  const auto name = CallLedger::folder_name(*spec.target, spec.workload);
  const std::scoped_lock lock(mutex_);
  if (stopped_) return std::unexpected(gone("the engine has stopped"));
  const auto found = ledgers_.find(name);
  WEIR_ASSERT(found != ledgers_.end());
  ticket->ledger = found->second.get();
  calls_.post([this, ticket] {
    running_.emplace(ticket.get(), ticket);
    auto slot = ticket->signal.slot();
    // The coroutine touches the signal after run() is over, when the call's own thread may have let go of the ticket: the last of it
    // is a turn of the loop that comes after all of that.
    auto over = [this, ticket](const std::exception_ptr&) { calls_.post([ticket] {}); };
    asio::co_spawn(calls_.io(), run(ticket), asio::bind_cancellation_slot(slot, std::move(over)));
  });
  return {};
}

void CallDesk::begin(CallSpec spec, Done done) {
  auto ticket = std::make_shared<Ticket>();
  ticket->spec = std::move(spec);
  ticket->done = std::move(done);
  if (auto entered = enter(ticket); !entered)
    ticket->end(std::unexpected(std::move(entered).error()));
}

Result<CallOutcome> CallDesk::perform(CallSpec spec, const OnChunk& on_chunk,
                                      const std::stop_token& stop) {
  auto ticket = std::make_shared<Ticket>();
  ticket->spec = std::move(spec);
  WEIR_CHECK(enter(ticket));
  const auto give_up = [this, ticket] {
    calls_.post([ticket] {
      ticket->cancelled = true;
      ticket->signal.emit(asio::cancellation_type::terminal);
    });
  };
  const std::stop_callback on_stop(stop, give_up);
  std::unique_lock lock(ticket->mutex);
  bool wanted = true;
  for (;;) {
    ticket->changed.wait(lock, [&] { return ticket->outcome || !ticket->text.empty(); });
    if (auto text = std::exchange(ticket->text, {}); !text.empty() && wanted && on_chunk) {
      lock.unlock();
      wanted = on_chunk(text);
      if (!wanted) give_up();
      lock.lock();
      continue;
    }
    if (ticket->outcome) return std::move(*ticket->outcome);
  }
}

CallDesk::Line& CallDesk::line_of(const std::string& account) {
  auto& line = lines_[account];
  if (line) return *line;
  line = std::make_unique<Line>();
  if (tell_) line->account.on_news([this, account](const auto& news) { tell_(account, news); });
  return *line;
}

struct CallDesk::Keeper {
  TargetPtr target;  // whose credentials are borrowed
  runtime::AccessTokens tokens;
};

runtime::AccessTokens& CallDesk::tokens_of(const TargetPtr& target) {
  auto& keeper = keepers_[target->account_key()];
  if (!keeper)
    keeper.reset(new Keeper{.target = target,
                            .tokens = {calls_.io(),
                                       {.adapter = *target->adapter,
                                        .credentials = target->credentials,
                                        .client = calls_.client(),
                                        .clock = clock_,
                                        .origin = target->endpoint.origin}}});
  return keeper->tokens;
}

void CallDesk::hear(const std::string& account, const engine::Account::News& news) {
  calls_.post([this, account, news] { line_of(account).account.hear(news); });
}

void CallDesk::finish(const TicketPtr& ticket, Result<CallOutcome> outcome) {
  running_.erase(ticket.get());
  ticket->end(std::move(outcome));
}

asio::awaitable<bool> CallDesk::pause(TicketPtr ticket, Duration duration) {
  if (ticket->until) duration = std::min(duration, *ticket->until - clock_.now());
  asio::steady_timer timer(calls_.io(), clock_.to_real(duration));
  boost::system::error_code code;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, code));
  co_return !ticket->cancelled && (!ticket->until || clock_.now() < *ticket->until);
}

// Until the account may send for this call, and the journal has room.
asio::awaitable<Result<void>> CallDesk::wait_for_turn(TicketPtr ticket) {
  for (;;) {
    if (ticket->cancelled) co_return std::unexpected(cancelled());
    const auto now = clock_.now();
    if (ticket->until && now >= *ticket->until) co_return std::unexpected(too_late());
    auto& line = line_of(ticket->spec.target->account_key());
    const auto seat = ticket->spec.urgent ? line.urgent : line.plain;
    if (ticket->ledger->has_room() && line.account.may_send(seat, 0, now)) {
      line.account.sent(seat, 0, now);
      co_return Result<void>();
    }
    Duration wait = std::chrono::duration_cast<Duration>(kTurnWait);
    if (const auto until = line.account.paused_until(now); until && *until > now)
      wait = std::max(wait, *until - now);
    (void)co_await pause(ticket, wait);
  }
}

// One try: journalled, sent, booked.
asio::awaitable<Result<CallOutcome>> CallDesk::attempt(TicketPtr ticket) {
  const auto& target = *ticket->spec.target;
  auto now = clock_.now();
  const auto id = AttemptId::make(now, random_);
  const auto id_text = id.text();
  auto plan = encode(ticket->spec, {target.credentials, id_text, now});
  if (!plan) co_return std::unexpected(std::move(plan).error());
  const auto ceiling = ceiling_of(ticket->spec, plan->content_length(), now);
  auto begun = ticket->ledger->begin(id, ceiling, now);
  if (!begun) co_return std::unexpected(std::move(begun).error());
  const auto attempt = *begun;
  runtime::ClientRequest request{.origin = target.endpoint.origin, .plan = std::move(*plan)};
  request.response_bytes_max = kAnswerBytesMax;
  request.idle_timeout = request.total_timeout = target.request_timeout;
  if (ticket->until)
    request.total_timeout = std::clamp<std::chrono::milliseconds>(
        std::chrono::ceil<std::chrono::milliseconds>(clock_.to_real(*ticket->until - now)),
        std::chrono::milliseconds(1), request.total_timeout);
  std::unique_ptr<provider::StreamDecoder> decoder;
  if (ticket->spec.request.stream) decoder = target.adapter->stream_decoder();
  std::function<void(std::string&&)> on_text = [ticket](std::string&& text) {
    ticket->streamed = true;
    ticket->push(std::move(text));
  };
  CallSink sink(std::move(decoder), std::move(on_text));
  Result<void> sent;
  if (request.plan.access_token) {
    sent = co_await tokens_of(ticket->spec.target).send(std::move(request), &sink);
  } else {
    sent = co_await calls_.client().send(std::move(request), &sink);
  }
  now = clock_.now();
  auto& account = line_of(target.account_key()).account;
  account.observed(target.adapter->rate_limits(sink.response.headers, now));
  if (!sent && !sink.broken) {
    const auto kind = sent.error().kind;
    if (kind == ErrorKind::kUnavailable || kind == ErrorKind::kUnauthenticated) {
      ticket->ledger->not_billed(attempt);
      co_return std::unexpected(std::move(sent).error());
    }
    ticket->ledger->unknown(attempt, now);
    if (ticket->cancelled) co_return std::unexpected(cancelled());
    auto error = std::move(sent).error();
    error.kind = ErrorKind::kDeadlineExceeded;
    co_return std::unexpected(std::move(error));
  }
  auto decoded = decode(ticket->spec, sink, now);
  if (!decoded) {
    // A 2xx that cannot be read was answered, so it was billed: by how much is unknown.
    const bool answered = sink.response.status >= 200 && sink.response.status < 300;
    if (answered) ticket->ledger->unknown(attempt, now);
    else ticket->ledger->not_billed(attempt);
    co_return std::unexpected(std::move(decoded).error());
  }
  account.succeeded();
  if (decoded->metered)
    ticket->ledger->billed(attempt, decoded->answer.usage, decoded->answer.created.value_or(now));
  else ticket->ledger->unknown(attempt, now);
  co_return decoded;
}

asio::awaitable<void> CallDesk::run(TicketPtr ticket) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
  for (;;) {
    auto turn = co_await wait_for_turn(ticket);
    if (!turn) co_return finish(ticket, std::unexpected(std::move(turn).error()));
    auto outcome = co_await attempt(ticket);
    auto& line = line_of(ticket->spec.target->account_key());
    line.account.over(ticket->spec.urgent ? line.urgent : line.plain);
    if (outcome) {
      outcome->attempts = ++ticket->attempts;
      co_return finish(ticket, std::move(outcome));
    }
    const auto error = outcome.error();
    const bool limited = error.kind == ErrorKind::kRateLimited;
    if (limited) line.account.limited(error, random_, clock_.now());
    if (limited) ++ticket->limited;
    else ++ticket->attempts;
    const bool again = engine::retryable(error.kind) && !ticket->cancelled && !ticket->streamed &&
                       ticket->attempts < ticket->spec.attempts_max &&
                       ticket->limited < engine::kRateLimitedMax;
    if (!again) co_return finish(ticket, std::move(outcome));
    const auto wait = engine::backoff(limited ? 0 : ticket->attempts, error, random_);
    if (!co_await pause(ticket, wait)) {
      auto last = ticket->cancelled ? cancelled() : error;
      co_return finish(ticket, std::unexpected(std::move(last)));
    }
  }
}

void CallDesk::beat() {
  flush();
  pulse_.expires_after(kPulse);
  pulse_.async_wait([this](const boost::system::error_code& code) {
    // One that was due when it was cancelled comes all the same, without an error.
    if (!code && beating_) beat();
  });
}

// They stay where they are until the end.
std::vector<CallLedger*> CallDesk::ledgers() {
  std::vector<CallLedger*> out;
  const std::scoped_lock lock(mutex_);
  for (const auto& [name, ledger] : ledgers_) out.push_back(ledger.get());
  return out;
}

// What is settled goes to the disk; the disk is waited for on the books' loop.
void CallDesk::flush() {
  for (auto* ledger : ledgers()) {
    auto lot = ledger->take();
    if (!lot) continue;
    books_.post([this, ledger, lot = std::move(*lot)] {
      calls_.post([ledger, stored = ledger->store(lot)] { ledger->stored(stored); });
    });
  }
}

namespace {

template <class Done>
bool wait_until(Done done, std::chrono::steady_clock::time_point end) {
  while (!done()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace

void CallDesk::settle() {
  {
    const std::scoped_lock lock(mutex_);
    if (ended_) return;
  }
  const auto settled = [this] {
    return calls_.call([this] {
      flush();
      return std::ranges::none_of(ledgers(), &CallLedger::unsettled);
    });
  };
  (void)wait_until(settled, std::chrono::steady_clock::now() + std::chrono::seconds(5));
}

bool CallDesk::stop(std::chrono::steady_clock::time_point until) {
  {
    const std::scoped_lock lock(mutex_);
    if (stopped_) return true;
    stopped_ = true;
  }
  const auto idle = [this] { return calls_.call([this] { return running_.empty(); }); };
  const bool answered = wait_until(idle, until);
  if (!answered) {
    calls_.call([this] {
      for (auto& [key, ticket] : running_) ticket->cancelled = true;
      calls_.client().stop();
    });
    (void)wait_until(idle, std::chrono::steady_clock::now() + std::chrono::seconds(5));
  }
  settle();
  {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
  }
  calls_.call([this] {
    beating_ = false;
    pulse_.cancel();
    calls_.client().stop();
  });
  return answered;
}

}  // namespace weir::library
