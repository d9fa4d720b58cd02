#include "weir/gather.h"

#include <fmt/format.h>

#include <condition_variable>
#include <deque>
#include <map>
#include <thread>

#include "config/choose.h"
#include "engine/gather.h"
#include "library/configured_model.h"
#include "library/optimized_model.h"
#include "library/request_json.h"

namespace weir {
namespace {

// Calls that block a thread each: urgent ones, and batches by a base of the user's own.
constexpr std::size_t kThreadsMax = 64;

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
    options.workload = workload_of(options);
    const auto policy = host_->settings().workload(options.workload);
    Waiting waiting{.request = std::move(request), .options = std::move(options), .promise = {}};
    auto future = waiting.promise.get_future();
    const bool urgent = is_urgent(waiting, policy);
    const auto bytes = library::request_bytes(waiting.request);
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
    auto& group = group_of(waiting.options.workload, policy);
    waiting_.emplace(number, std::move(waiting));
    auto due = group.add(number, bytes, false, host_->clock().now());
    auto batch = due ? take(*due) : std::vector<Waiting>();
    lock.unlock();
    if (batch.empty()) changed_.notify_one();
    else send(std::move(batch));
    return future;
  }

  void flush() {
    std::vector<std::vector<Waiting>> batches;
    {
      const std::scoped_lock lock(mutex_);
      for (auto& [workload, group] : groups_)
        if (auto due = group.drain()) batches.push_back(take(*due));
    }
    for (auto& batch : batches) send(std::move(batch));
  }

  std::uint64_t waiting() {
    const std::scoped_lock lock(mutex_);
    return waiting_.size();
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
  // Names are the callers' own: so many groups are kept at most, and what is empty goes first.
  static constexpr std::size_t kGroupsMax = 1000;

  [[nodiscard]] std::string workload_of(const CallOptions& options) const {
    if (const auto* configured = dynamic_cast<const library::ConfiguredModel*>(&model_))
      return configured->workload_of(options);
    const auto* optimized = dynamic_cast<const OptimizedModel*>(&model_);
    return optimized != nullptr ? optimized->impl().told(options).workload : options.workload;
  }

  [[nodiscard]] bool is_urgent(const Waiting& waiting,
                               const library::WorkloadPolicy& policy) const {
    if (waiting.options.urgent ||
        (options_.urgent && options_.urgent(waiting.request, waiting.options)))
      return true;
    if (policy.get() == nullptr || !policy.get()->urgent.field) return false;
    return config::is_urgent(*policy.get(), {}, [&](std::string_view path) {
      return library::field_of(waiting.request, path);
    });
  }

  // What the configuration says now holds from the next group on: one that gathers goes on as it began.
  engine::GatherGroup& group_of(const std::string& workload,
                                const library::WorkloadPolicy& policy) {
    const auto found = groups_.find(workload);
    if (found != groups_.end() && found->second.waiting() > 0) return found->second;
    if (groups_.size() >= kGroupsMax)
      std::erase_if(groups_, [](const auto& entry) { return entry.second.waiting() == 0; });
    const auto config = host_->settings().current();
    static const config::Workload kNone;
    auto options = config::gather_options(*config, policy.get() != nullptr ? *policy.get() : kNone);
    options.count_max = options_.count.value_or(options.count_max);
    options.age_max = options_.age.value_or(options.age_max);
    options.bytes_max = options_.bytes.value_or(options.bytes_max);
    return groups_.insert_or_assign(workload, engine::GatherGroup(options)).first->second;
  }

  std::vector<Waiting> take(const engine::GatherGroup::Flush& due) {
    std::vector<Waiting> out;
    for (const auto number : due.items) {
      auto node = waiting_.extract(number);
      out.push_back(std::move(node.mapped()));
    }
    return out;
  }

  [[nodiscard]] std::optional<Time> wake_at() const {
    std::optional<Time> out;
    for (const auto& [workload, group] : groups_)
      if (const auto at = group.wake_at(); at && (!out || *at < *out)) out = at;
    return out;
  }

  void watch(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      const auto wake = wake_at();
      const auto woken = [&] { return wake_at() != wake; };
      if (!wake) {
        changed_.wait(lock, stop, woken);
        continue;
      }
      const auto now = host_->clock().now();
      if (now < *wake) {
        changed_.wait_for(lock, stop, host_->clock().to_real(*wake - now), woken);
        continue;
      }
      std::vector<std::vector<Waiting>> batches;
      for (auto& [workload, group] : groups_)
        if (auto due = group.on_time(now)) batches.push_back(take(*due));
      lock.unlock();
      for (auto& batch : batches) send(std::move(batch));
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
    if (impl == nullptr || impl->native == nullptr || impl->idle(sent->batch.front().options)) {
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
  std::map<std::string, engine::GatherGroup> groups_;  // by workload
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
  if (options.count && (*options.count < 1 || *options.count > 100'000))
    return fail(ErrorKind::kInvalidArgument, "GatherOptions::count is out of range", "1 to 100000");
  if (options.age && options.age->count() < 1)
    return fail(ErrorKind::kInvalidArgument, "GatherOptions::age must be more than 0");
  if (options.bytes.value_or(1) < 1 || options.waiting_max < 1)
    return fail(ErrorKind::kInvalidArgument,
                "GatherOptions::bytes and waiting_max must be at least 1");
  return std::make_unique<Gatherer>(
      std::make_unique<Gatherer::Impl>(engine.impl()->host, model, std::move(options)));
}

}  // namespace weir
