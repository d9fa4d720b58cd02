#include "weir/gather.h"

#include <fmt/format.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <thread>

#include "config/choose.h"
#include "engine/gather.h"
#include "library/configured_model.h"
#include "library/crew.h"
#include "library/optimized_model.h"
#include "library/request_json.h"

namespace weir {
namespace {

// Calls of a model of the user's own block a thread each.
constexpr std::size_t kThreadsMax = 64;
// Jobs are written and read by so many: more would only be in each other's way, and in everybody else's.
constexpr std::size_t kJobThreadsMax = 2;

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
        urgent_("weir-urgent", runtime::ThreadPriority::kPrompt, kThreadsMax),
        jobs_("weir-gather", host_->background(), kJobThreadsMax),
        batches_("weir-batches", host_->background(), kThreadsMax),
        timer_([this](const std::stop_token& stop) { watch(stop); }) {}

  ~Impl() {
    timer_.request_stop();
    changed_.notify_all();
    timer_.join();
    flush();
    open_->wait_for_none();
  }

  std::future<Result<Response>> invoke(Request request, CallOptions options) {
    options.workload = workload_of(options);
    const auto policy = host_->settings().workload(options.workload);
    Waiting waiting{.request = std::move(request), .options = std::move(options), .promise = {}};
    auto future = waiting.promise.get_future();
    const bool urgent = is_urgent(waiting, policy);
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
    const auto bytes = library::request_bytes(waiting.request);
    std::unique_lock lock(mutex_);
    const auto number = next_++;
    auto& group = group_of(waiting.options.workload, policy);
    waiting_.emplace(number, std::move(waiting));
    const auto wake_before = group.wake_at();
    auto due = group.add(number, bytes, false, host_->clock().now());
    auto batch = due ? take(*due) : std::vector<Waiting>();
    const bool sooner = group.wake_at() != wake_before;
    lock.unlock();
    if (!batch.empty()) send(std::move(batch));
    else if (sooner) changed_.notify_one();  // only then: it would be woken for nothing
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
    auto options = config::gather_options(
        *config, policy.get() != nullptr ? *policy.get() : config::Workload{});
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

  static OptimizedModel::Impl* impl_of(ChatModel& model) {
    auto* optimized = dynamic_cast<OptimizedModel*>(&model);
    return optimized != nullptr ? &optimized->impl() : nullptr;
  }
  // Whether what was gathered becomes a job.
  [[nodiscard]] bool by_jobs(const CallOptions& options) const {
    return optimized_ != nullptr && native_ != nullptr && !optimized_->idle(options);
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
    const bool hinted =
        optimized_ != nullptr && !optimized_->idle(one->options) && optimized_->prepare(*sent);
    native_->begin(*sent, one->options,
                   [this, one, sent, hinted](Result<library::CallOutcome> outcome) {
                     passed(one, sent, hinted, std::move(outcome));
                   });
  }

  // On the calls' loop, which is not for what may run the program's code, or ask again.
  void passed(const std::shared_ptr<Waiting>& one, const std::shared_ptr<Request>& sent,
              bool hinted, Result<library::CallOutcome> outcome) {
    const bool observed = optimized_ != nullptr && optimized_->observing(one->options);
    if (!hinted && !observed && native_->finishes_at_once(*sent)) {
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
    if (!by_jobs(sent->batch.front().options)) {
      batches_.give([this, sent] {
        std::vector<Request> requests;
        for (const auto& waiting : sent->batch) requests.push_back(waiting.request);
        auto answers = model_.batch(requests, sent->batch.front().options);
        for (std::size_t i = 0; i < answers.size(); ++i) tell(*sent, i, std::move(answers[i]));
      });
      return;
    }
    jobs_.give([this, sent] { submit(sent); });
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
        [this, sent, one] { jobs_.give([this, sent, one] { deliver(*sent, Job(one)); }); });
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
  std::map<std::string, engine::GatherGroup> groups_;  // by workload
  std::map<std::uint64_t, Waiting> waiting_;
  std::uint64_t next_ = 0;
  library::Crew urgent_, jobs_, batches_;
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
