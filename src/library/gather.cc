#include "weir/gather.h"

#include <fmt/format.h>

#include <condition_variable>
#include <deque>
#include <map>
#include <thread>

#include "engine/gather.h"
#include "library/optimized_model.h"

namespace weir {
namespace {

// Calls that block a thread each: urgent ones, and batches by a base of the user's own.
constexpr std::size_t kThreadsMax = 64;

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

/// Threads that are made when they are needed, up to a number.
class Crew {
 public:
  ~Crew() {
    {
      const std::scoped_lock lock(mutex_);
      ended_ = true;
    }
    work_.notify_all();
  }
  void give(std::function<void()> task) {
    const std::scoped_lock lock(mutex_);
    tasks_.push_back(std::move(task));
    if (idle_ < tasks_.size() && threads_.size() < kThreadsMax) {
      try {
        threads_.emplace_back([this] { run(); });
      } catch (const std::system_error&) {
        if (threads_.empty()) std::abort();  // a process that cannot have one thread cannot go on
      }
    }
    work_.notify_one();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      ++idle_;
      work_.wait(lock, [this] { return ended_ || !tasks_.empty(); });
      --idle_;
      if (tasks_.empty()) return;
      auto task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      lock.lock();
    }
  }
  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<std::function<void()>> tasks_;
  std::size_t idle_ = 0;
  bool ended_ = false;
  std::vector<std::jthread> threads_;  // the last member: they end before the rest goes
};

}  // namespace

class Gatherer::Impl {
 public:
  Impl(std::shared_ptr<library::Host> host, ChatModel& model, GatherOptions options)
      : host_(std::move(host)),
        model_(model),
        options_(std::move(options)),
        group_(
            {.count_max = *options_.count, .age_max = *options_.age, .bytes_max = options_.bytes}),
        timer_([this](const std::stop_token& stop) { watch(stop); }) {}

  ~Impl() {
    timer_.request_stop();
    changed_.notify_all();
    timer_.join();
    flush();
    std::unique_lock lock(mutex_);
    answered_.wait(lock, [this] { return unanswered_ == 0; });
  }

  std::future<Result<Response>> invoke(Request request, CallOptions options) {
    Waiting waiting{.request = std::move(request), .options = std::move(options), .promise = {}};
    auto future = waiting.promise.get_future();
    const bool urgent = waiting.options.urgent ||
                        (options_.urgent && options_.urgent(waiting.request, waiting.options));
    const auto bytes = bytes_of(waiting.request);
    std::unique_lock lock(mutex_);
    if (unanswered_ >= options_.waiting_max) {
      waiting.promise.set_value(fail(ErrorKind::kUnavailable,
                                     fmt::format("{} requests are waiting already", unanswered_),
                                     "wait, or raise waiting_max"));
      return future;
    }
    ++unanswered_;
    if (urgent) {
      lock.unlock();
      pass(std::move(waiting));
      return future;
    }
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

  void pass(Waiting waiting) {
    auto one = std::make_shared<Waiting>(std::move(waiting));
    crew_.give([this, one] { tell(*one, model_.invoke(one->request, one->options)); });
  }

  // One job of what was gathered; a base of the user's own gets it as one batch.
  void send(std::vector<Waiting> batch) {
    auto sent = std::make_shared<Sent>();
    sent->batch = std::move(batch);
    sent->told.resize(sent->batch.size());
    auto* optimized = dynamic_cast<OptimizedModel*>(&model_);
    auto* impl = optimized != nullptr ? &optimized->impl() : nullptr;
    if (impl == nullptr || impl->native == nullptr || impl->idle()) {
      crew_.give([this, sent] {
        std::vector<Request> requests;
        for (const auto& waiting : sent->batch) requests.push_back(waiting.request);
        auto answers = model_.batch(requests, sent->batch.front().options);
        for (std::size_t i = 0; i < answers.size(); ++i) tell(*sent, i, std::move(answers[i]));
      });
      return;
    }
    crew_.give([this, sent, impl] { submit(sent, *impl); });
  }

  void submit(const std::shared_ptr<Sent>& sent, OptimizedModel::Impl& impl) {
    std::size_t given = 0;
    CallOptions options;
    options.workload = sent->batch.front().options.workload;
    auto job = impl.submit(
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
        [this, sent, one] { crew_.give([this, sent, one] { deliver(*sent, Job(one)); }); });
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
    waiting.promise.set_value(std::move(response));
    const std::scoped_lock lock(mutex_);
    --unanswered_;
    answered_.notify_all();
  }

  std::shared_ptr<library::Host> host_;
  ChatModel& model_;
  const GatherOptions options_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::condition_variable answered_;
  engine::GatherGroup group_;
  std::map<std::uint64_t, Waiting> waiting_;
  std::uint64_t next_ = 0, unanswered_ = 0;
  Crew crew_;
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
