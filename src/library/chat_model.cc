#include "weir/chat_model.h"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>

#include "library/native_model.h"

namespace weir {

ChatModel::~ChatModel() = default;
BatchPort::~BatchPort() = default;

Request ask(std::string user, std::string system) {
  Request request;
  if (!system.empty()) request.system.push_back({.text = std::move(system)});
  request.messages.push_back({.role = Role::kUser, .parts = {Text{.text = std::move(user)}}});
  return request;
}

std::string_view to_string(CacheOutcome outcome) {
  switch (outcome) {
    case CacheOutcome::kNone: return "none";
    case CacheOutcome::kWrite: return "write";
    case CacheOutcome::kHit: return "hit";
    case CacheOutcome::kMiss: return "miss";
  }
  return "none";
}

Result<Response> ChatModel::stream(const Request& request, const OnChunk& on_chunk,
                                   const CallOptions& options, std::stop_token stop) {
  WEIR_TRY(auto response, invoke(request, options, std::move(stop)));
  if (on_chunk && !response.text.empty() && !on_chunk(response.text))
    return fail(ErrorKind::kCancelled, "the caller wanted no more of the answer");
  return response;
}

namespace {

// False: there are no more to be had, and those there are do the work.
bool add_thread(std::vector<std::jthread>& threads, const std::function<void()>& work) {
  try {
    threads.emplace_back(work);
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

}  // namespace

std::vector<Result<Response>> ChatModel::batch(std::span<const Request> requests,
                                               const CallOptions& options, std::stop_token stop) {
  std::vector<Result<Response>> out(requests.size());
  if (const auto checked = library::check_options(options); !checked) {
    std::ranges::fill(out, Result<Response>(std::unexpected(checked.error())));
    return out;
  }
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (;;) {
      const auto index = next.fetch_add(1);
      if (index >= requests.size()) return;
      if (stop.stop_requested())
        out[index] = fail(ErrorKind::kCancelled, "the batch was cancelled before this request");
      else out[index] = invoke(requests[index], options, stop);
    }
  };
  const auto threads = std::min<std::size_t>(options.concurrency_max, requests.size());
  std::vector<std::jthread> others;
  while (others.size() + 1 < threads && add_thread(others, work)) {
  }
  if (threads > 0) work();
  return out;
}

}  // namespace weir
