#pragma once
// `weir run`: the bulk command. From an input and a prompt to answers in input order and a savings receipt.
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bulk/kept_command.h"
#include "bulk/record.h"
#include "catalogue/catalogue.h"
#include "plan/cached_content.h"
#include "plan/limits.h"
#include "plan/plan.h"
#include "provider/adapter.h"

namespace weir::bulk {

struct RunOptions {
  std::string input;  // path, or "-"
  Format format = Format::kAuto;
  std::optional<std::string> id_field;
  std::string model;     // "anthropic/claude-sonnet-5"
  std::string endpoint;  // empty: the provider's
  std::string key_file;  // empty: api_key; that empty: the provider's environment variable
  std::string api_key, key_place;  // of a configuration, and where that has it, for messages
  provider::Settings settings;
  std::string config_path;  // that the options are from, not to be overwritten; may be empty
  std::string prompt_path, schema_path;
  std::string prices_path;           // prices of the user's own, over the catalogue's; empty: none
  bool prices_asked = true;          // else a job that has begun keeps its own without a word
  std::vector<std::string> reorder;  // fields whose lines of the prompt may change places
  std::string output;
  plan::RouteWish route = plan::RouteWish::kAuto;
  std::optional<Duration> deadline;  // from the start
  bool fallback = true;              // to the standard API, where a batch cannot do it
  std::optional<Duration> batch_timeout, fallback_timeout;  // none: the engine's
  plan::Limits limits = {};
  std::optional<std::uint64_t>
      retries_max;  // of an item that reached the provider; none: the engine's
  std::uint64_t concurrency = 8;
  std::uint64_t limit = 0;
  std::optional<std::int64_t> output_max;
  std::optional<double> temperature;
  std::optional<Money> spend_max;
  std::string label;      // a field with the true value of the answer's field of the same name
  std::string hits_path;  // cache hits that jobs saw; empty: none are kept
  std::string clock;      // "" or "sim:URL"
  std::string webhook_listen,
      webhook_secret_file;  // where signed webhooks wake the poller; empty: nowhere
  std::chrono::milliseconds request_timeout = std::chrono::minutes(10);
  bool dedup = false;  // identical requests are sent once
  plan::ContentWish contents = plan::ContentWish::kAuto;
  bool caching = true, dry_run = false, strict = false, json = false, restart = false,
       quiet = false;
  std::vector<KeptOption>
      command;  // as it was given, for the job's folder; empty: what is kept there stays
};

/// What the owner of a store is to do; but for kRun, with a job that has begun.
struct OwnerTask {
  enum class Kind : std::uint8_t { kRun, kCancel, kRetry, kSettle };
  Kind kind = Kind::kRun;
  std::vector<std::string> ids;  // kRetry: only these items; empty: all that have no answer
  bool failed_only = false;      // kRetry: not the cancelled ones
  std::uint64_t batch = 0;       // kSettle
  provider::Settlement settlement = {};
};

/// How `weir run` ends; documented in its --help.
enum class ExitCode : int {
  kDone = 0,         // every item succeeded
  kFailure = 1,      // disk, store or a bug of ours: what was done is kept
  kUsage = 2,        // the command or its input is wrong: nothing was sent
  kItemsFailed = 3,  // every item ended, some of them failed
  kStopped =
      4,  // stopped before the end: spend limit, key refused, a batch that a human must look at
  kInterrupted = 130  // Ctrl-C: the same command goes on
};

using FindAdapter = std::function<const provider::Adapter*(std::string_view provider)>;

/// Runs the job to its end, or to where it stops. Messages go to stderr, the receipt (and with json every event) to stdout.
/// A cancelled job that came to its end is kDone.
ExitCode run(const RunOptions& options, const FindAdapter& find_adapter,
             const OwnerTask& task = {});
/// `weir report OUTPUT`: the receipt of a job, running or ended.
ExitCode report_output(const std::string& output, bool json);

}  // namespace weir::bulk
