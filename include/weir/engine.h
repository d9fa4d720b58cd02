#pragma once
// Engine: owns the store, the threads and the accounts behind every model of Weir. Models and jobs of an engine that was stopped or
// destroyed stay valid objects; their calls fail with kUnavailable.
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/chat_model.h"
#include "weir/embedding_model.h"
#include "weir/job.h"
#include "weir/metrics.h"

namespace weir {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };
using LogSink = std::function<void(LogLevel level, std::string_view line)>;

/// How the threads that write, send and collect batches share the processors with the program's own. Single requests, urgent ones
/// among them, are no part of it: somebody waits for them. Linux; a thread only ever steps back, which needs no privilege.
enum class Background : std::uint8_t {
  kNormal,  // as any other thread
  kLow,  // the program's threads and single requests go first; a seventieth of a processor stays (SCHED_BATCH, nice 19)
  kIdle  // only what nobody else wants (SCHED_IDLE): where the processors are always busy, jobs hardly go on
};

struct EngineOptions {
  std::string store = {};  // a folder, made 0700 when it is not there
  bool in_memory =
      false;  // instead of a store; not durable: what is not answered dies with the process
  std::string config_file = {};  // YAML or JSON; empty: the built-in defaults
  LogSink log_sink = {};         // called on any thread; never a secret, never a prompt
  std::string clock = {};        // "": the system's; "sim:URL": the simulator's (loopback only)
  Hooks hooks = {};
  Background background = Background::kLow;
};

struct ModelOptions {
  std::string api_key = {};   // empty: the provider's environment variable
  std::string endpoint = {};  // base URL; empty: the provider's
  std::string account = "default";
  /// What only this provider has, by the names of the configuration: {"accountId", "acme"}.
  std::map<std::string, std::string> settings = {};
  std::optional<double> temperature = std::nullopt;                      // where a request has none
  Tokens output_max{1024};                                               // where a request has none
  std::chrono::milliseconds request_timeout = std::chrono::minutes(10);  // real time, of one try
};

class WEIR_API Engine {
 public:
  /// Opens or creates the store; jobs that an earlier engine left go on as soon as their account's key is known.
  /// @error kInvalidArgument an option or the configuration is wrong (key, place, hint); kUnavailable the store is held (by whom),
  /// or cannot be written.
  static Result<std::unique_ptr<Engine>> create(EngineOptions options);
  ~Engine();  // stop() with a deadline of 10 s
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Nothing new is begun; what is in flight is awaited until the deadline (real time), then given up (booked as unknown). Jobs stay
  /// in the store: a new engine on it goes on with them. Idempotent.
  /// @error kDeadlineExceeded something had to be given up.
  Result<void> stop(std::chrono::milliseconds deadline = std::chrono::seconds(10));

  /// A plain, unoptimised model: "anthropic/claude-sonnet-5".
  /// @error kNotFound no such model (the hint names the nearest); kUnauthenticated no key; kInvalidArgument a bad endpoint.
  Result<std::unique_ptr<ChatModel>> model(std::string_view name, ModelOptions options = {});
  /// The entry of the configuration that has isDefault, optimised as it says; CallOptions::workload takes the entry and the policy of
  /// that workload. Follows the file when it changes. @error kNotFound there is none; as model(name).
  Result<std::unique_ptr<ChatModel>> model();
  /// A model that makes embeddings: "openAI/text-embedding-3-small". Of the options, temperature and output_max mean nothing here.
  /// @error as model(name); kInvalidArgument also a model that chats; kUnsupported a provider without embeddings.
  Result<std::unique_ptr<EmbeddingModel>> embedding_model(std::string_view name,
                                                          ModelOptions options = {});
  /// The entry of the configuration's `embedding` that has isDefault, with its dimensions where a call says none. Follows the file
  /// when it changes. @error kNotFound there is none; as embedding_model(name).
  Result<std::unique_ptr<EmbeddingModel>> embedding_model();
  /// Reads the configuration and the environment's variables again, whether the file has changed or not; a changed file the engine
  /// sees by itself within a second. All or nothing: calls and batches under way keep what they began with. Weir handles no signal: a
  /// program calls this from the thread that waits for its SIGHUP (not from a signal handler). @return whether it says anything else now.
  /// @error kInvalidArgument the file is not right (its first error, with its place): the old one stays; kNotFound, kUnavailable it
  /// cannot be read.
  Result<bool> reload();

  /// @error kNotFound no job of this store has the id.
  Result<Job> job(std::string_view id);
  /// Every job of the store, oldest first.
  [[nodiscard]] std::vector<Job> jobs() const;
  /// What the store's requests have cost and saved; a handle, cheap to make, that keeps what it reads from alive. Thread-safe.
  [[nodiscard]] Metrics metrics() const;
  /// Where the store is; for an engine in memory, where it is for the time being.
  [[nodiscard]] const std::string& store() const;

  class Impl;
  [[nodiscard]] const std::shared_ptr<Impl>& impl() const { return impl_; }  // for Weir itself

 private:
  explicit Engine(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace weir
