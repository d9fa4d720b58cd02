#include "weir/gather.h"

#include <fmt/format.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <thread>

#include "engine/gather.h"
#include "library/crew.h"
#include "library/optimized_model.h"

namespace weir {
namespace {

// Calls of a model of the user's own block a thread each.
constexpr std::size_t kThreadsMax = 64;
// Jobs are written and read by so many: more would only be in each other's way, and in everybody else's.
constexpr std::size_t kJobThreadsMax = 2;

std::uint64_t bytes_of(const Request& request) {
  std::uint64_t bytes = 0;
  for (const auto& text : request.system) bytes += text.text.size();
  for (const auto& tool : request.tools) bytes += tool.parameters.size() + tool.description.size();
  for (const auto& message : request.messages)
    for (const auto& part : message.parts) {
      if (const auto* text = std::get_if<Text>(&part)) bytes += text->text.size();
      if (const auto* image = std::get_if<Image>(&part)) bytes += image->data.size();
      if (const auto* result = std::get_if<ToolResult>(&part)) bytes += result->text.size();
    }
  return bytes;
}

// Requests that have no answer yet. Outlives the gatherer, whose end is free to come with the last answer.
class Open {
 public:
  /// Counts one in. @return how many there were.
  std::uint64_t enter() { return count_.fetch_add(1); }
  void leave() {
    if (count_.fetch_sub(1) == 1) count_.notify_all();
  }
  void wait_for_none() const {
    for (auto count = count_.load(); count != 0; count = count_.load()) count_.wait(count);
  }

 private:
  std::atomic<std::uint64_t> count_ = 0;
};

}  // namespace

class Gatherer::Impl {
 public:
  Impl(std::shared_ptr<library::Host> host, ChatModel& model, GatherOptions options)
      : host_(std::move(host)),
        model_(model),
        optimized_(impl_of(model)),
        native_(optimized_ != nullptr ? optimized_->native
                                      : dynamic_cast<library::NativeModel*>(&model)),
        options_(std::move(options)),
        group_(
            {.count_max = *options_.count, .age_max = *options_.age, .bytes_max = options_.bytes}),
        urgent_("weir-urgent", runtime::ThreadPriority::kPrompt, kThreadsMax),
        batches_("weir-gather", host_->background(), by_jobs() ? kJobThreadsMax : kThreadsMax),
        timer_([this](const std::stop_token& stop) { watch(stop); }) {}

  ~Impl() {
    timer_.request_stop();
    changed_.notify_all();
    timer_.join();
    flush();
    open_->wait_for_none();
  }

  std::future<Result<Response>> invoke(Request request, CallOptions options) {
    Waiting waiting{.request = std::move(request), .options = std::move(options), .promise = {}};
    auto future = waiting.promise.get_future();
    const bool urgent = waiting.options.urgent ||
                        (options_.urgent && options_.urgent(waiting.request, waiting.options));
    if (const auto others = open_->enter(); others >= options_.waiting_max) {
      tell(waiting,
           fail(ErrorKind::kUnavailable, fmt::format("{} requests are waiting already", others),
                "wait, or raise waiting_max"));
      return future;
    }
    if (urgent) {
      pass(std::move(waiting));
      return future;
    }
    const auto bytes = bytes_of(waiting.request);
    std::unique_lock lock(mutex_);
    const auto number = next_++;
    waiting_.emplace(number, std::move(waiting));
    auto due = group_.add(number, bytes, false, host_->clock().now());
    auto batch = due ? take(*due) : std::vector<Waiting>();
    lock.unlock();
    if (batch.empty()) changed_.notify_one();
    else send(std::move(batch));
    return future;
  }

  void flush() {
    std::unique_lock lock(mutex_);
    auto due = group_.drain();
    auto batch = due ? take(*due) : std::vector<Waiting>();
    lock.unlock();
    if (!batch.empty()) send(std::move(batch));
  }

  std::uint64_t waiting() {
    const std::scoped_lock lock(mutex_);
    return group_.waiting();
  }

 private:
  struct Waiting {
    Request request;
    CallOptions options;
    std::promise<Result<Response>> promise;
  };
  struct Sent {
    std::vector<Waiting> batch;
    std::vector<bool> told;
  };

  std::vector<Waiting> take(const engine::GatherGroup::Flush& due) {
    std::vector<Waiting> out;
    for (const auto number : due.items) {
      auto node = waiting_.extract(number);
      out.push_back(std::move(node.mapped()));
    }
    return out;
  }

  void watch(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      const auto wake = group_.wake_at();
      const auto woken = [&] { return group_.wake_at() != wake; };
      if (!wake) {
        changed_.wait(lock, stop, woken);
        continue;
      }
      const auto now = host_->clock().now();
      if (now < *wake) {
        changed_.wait_for(lock, stop, host_->clock().to_real(*wake - now), woken);
        continue;
      }
      auto due = group_.on_time(now);
      auto batch = due ? take(*due) : std::vector<Waiting>();
      lock.unlock();
      if (!batch.empty()) send(std::move(batch));
      lock.lock();
    }
  }

  static OptimizedModel::Impl* impl_of(ChatModel& model) {
    auto* optimized = dynamic_cast<OptimizedModel*>(&model);
    return optimized != nullptr ? &optimized->impl() : nullptr;
  }
  // Whether what was gathered becomes a job.
  [[nodiscard]] bool by_jobs() const {
    return optimized_ != nullptr && native_ != nullptr && !optimized_->idle();
  }

  // An urgent request shares nothing with those that gather: no lock, no thread, no queue. Where the model is Weir's, nothing stands
  // between the caller and the calls' loop.
  void pass(Waiting waiting) {
    auto one = std::make_shared<Waiting>(std::move(waiting));
    if (native_ == nullptr) {
      urgent_.give([this, one] { tell(*one, model_.invoke(one->request, one->options)); });
      return;
    }
    auto sent = std::make_shared<Request>(one->request);
    const bool hinted = optimized_ != nullptr && !optimized_->idle() && optimized_->prepare(*sent);
    native_->begin(*sent, one->options,
                   [this, one, sent, hinted](Result<library::CallOutcome> outcome) {
                     passed(one, sent, hinted, std::move(outcome));
                   });
  }

  // On the calls' loop, which is not for what may run the program's code, or ask again.
  void passed(const std::shared_ptr<Waiting>& one, const std::shared_ptr<Request>& sent,
              bool hinted, Result<library::CallOutcome> outcome) {
    if (!hinted && native_->finishes_at_once(*sent)) {
      tell(*one, native_->finish(std::move(outcome), *sent));
      return;
    }
    auto came = std::make_shared<Result<library::CallOutcome>>(std::move(outcome));
    urgent_.give([this, one, sent, hinted, came] {
      auto response = native_->finish(std::move(*came), *sent);
      if (optimized_ != nullptr)
        response = optimized_->finish(std::move(response), one->request, one->options, hinted, {});
      tell(*one, std::move(response));
    });
  }

  // One job of what was gathered; a base of the user's own gets it as one batch.
  void send(std::vector<Waiting> batch) {
    auto sent = std::make_shared<Sent>();
    sent->batch = std::move(batch);
    sent->told.resize(sent->batch.size());
    if (!by_jobs()) {
      batches_.give([this, sent] {
        std::vector<Request> requests;
        for (const auto& waiting : sent->batch) requests.push_back(waiting.request);
        auto answers = model_.batch(requests, sent->batch.front().options);
        for (std::size_t i = 0; i < answers.size(); ++i) tell(*sent, i, std::move(answers[i]));
      });
      return;
    }
    batches_.give([this, sent] { submit(sent); });
  }

  void submit(const std::shared_ptr<Sent>& sent) {
    std::size_t given = 0;
    CallOptions options;
    options.workload = sent->batch.front().options.workload;
    auto job = optimized_->submit(
        [&]() -> std::optional<Request> {
          if (given == sent->batch.size()) return std::nullopt;
          return sent->batch[given++].request;
        },
        options, false);
    if (!job) {
      for (std::size_t i = 0; i < sent->batch.size(); ++i)
        tell(*sent, i, std::unexpected(job.error()));
      return;
    }
    const auto one = *job;
    one->when_over(
        [this, sent, one] { batches_.give([this, sent, one] { deliver(*sent, Job(one)); }); });
  }

  void deliver(Sent& sent, const Job& job) {
    const auto ended = job.wait(std::chrono::milliseconds(0));
    const auto read = job.for_each_result([&](std::uint64_t index, Result<Response> response) {
      if (index < sent.batch.size()) tell(sent, index, std::move(response));
      return true;
    });
    Error why = !ended  ? ended.error()
                : !read ? read.error()
                        : Error{.message = "the job has no result for this request"};
    why.message = fmt::format("{} (job {})", why.message, job.id());
    for (std::size_t i = 0; i < sent.batch.size(); ++i) tell(sent, i, std::unexpected(why));
  }

  void tell(Sent& sent, std::size_t index, Result<Response> response) {
    if (sent.told[index]) return;
    sent.told[index] = true;
    tell(sent.batch[index], std::move(response));
  }

  void tell(Waiting& waiting, Result<Response> response) {
    const auto open = open_;  // with the last answer the gatherer may go
    waiting.promise.set_value(std::move(response));
    open->leave();
  }

  std::shared_ptr<library::Host> host_;
  ChatModel& model_;
  OptimizedModel::Impl* const optimized_;  // the model, where it is one
  library::NativeModel* const native_;     // who sends single requests, where that is Weir's
  const GatherOptions options_;
  const std::shared_ptr<Open> open_ = std::make_shared<Open>();
  std::mutex mutex_;  // of what gathers; an urgent request never takes it
  std::condition_variable_any changed_;
  engine::GatherGroup group_;
  std::map<std::uint64_t, Waiting> waiting_;
  std::uint64_t next_ = 0;
  library::Crew urgent_, batches_;
  std::jthread timer_;  // last: it calls back into this
};

Gatherer::Gatherer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Gatherer::~Gatherer() = default;

std::future<Result<Response>> Gatherer::invoke(Request request, CallOptions options) {
  return impl_->invoke(std::move(request), std::move(options));
}
void Gatherer::flush() { impl_->flush(); }
std::uint64_t Gatherer::waiting() const { return impl_->waiting(); }

Result<std::unique_ptr<Gatherer>> gather(Engine& engine, ChatModel& model, GatherOptions options) {
  const auto config = engine.impl()->host->settings().current();
  if (!options.count) options.count = config->optimization.batch_size;
  if (!options.age) options.age = config->optimization.batch_timeout;
  if (*options.count < 1 || *options.count > 100'000)
    return fail(ErrorKind::kInvalidArgument, "GatherOptions::count is out of range", "1 to 100000");
  if (options.age->count() < 1)
    return fail(ErrorKind::kInvalidArgument, "GatherOptions::age must be more than 0");
  if (options.bytes < 1 || options.waiting_max < 1)
    return fail(ErrorKind::kInvalidArgument,
                "GatherOptions::bytes and waiting_max must be at least 1");
  return std::make_unique<Gatherer>(
      std::make_unique<Gatherer::Impl>(engine.impl()->host, model, std::move(options)));
}

}  // namespace weir
