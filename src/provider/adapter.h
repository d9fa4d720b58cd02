#pragma once
// The adapter contract: how the engine speaks to a provider without knowing which. An adapter is stateless, pure and
// thread-safe: no clock, no socket, no environment. A provider is src/providers/<name>/ with `const Adapter& adapter()`.
//
// A batch's life is a step machine: `next(state, event) -> Step`. The engine commits Step::state, and only then performs
// Step::action, so a restart goes on from the step reached (BatchEvent::kRestarted). The state is a small versioned JSON
// text, never with a key in it. What must never happen twice (a create) is therefore journalled before it is sent.
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "catalogue/catalogue.h"
#include "http/plan.h"
#include "http/url.h"
#include "llm/types.h"
#include "provider/rate_limits.h"
#include "provider/settings.h"

namespace weir::provider {

/// Where requests go, and the key that goes with them. Borrowed for one call; never stored in a state, never logged.
struct Credentials {
  std::string
      base_path;  // of the configured endpoint: "" or "/anthropic"; adapters put their own path behind it
  std::string key;
  Settings settings = {};
  http::Origin origin = {};  // of the configured endpoint: where URLs in answers may lead
};

/// What is sent in the place of a key that itself is never sent. As secret as the key.
struct AccessToken {
  std::string value;
  Time until;  // from then on it is refused
};

/// One paid try of a request.
struct SyncCall {
  const Credentials& credentials;
  std::string_view attempt_id;  // sent as x-client-request-id, so that a bill row can be matched
  Time now = {};                // for providers whose requests are signed with the time
};

/// What the step machine may know of its batch.
struct BatchContext {
  const Credentials& credentials;
  const catalogue::BatchLimits& limits;
  BatchId id;  // its custom_id_prefix() is the recovery tag
  std::uint64_t items = 0;
  std::uint64_t image_bytes = 0;
  std::string_view model;
  Time now;
  /// Ids of provider batches that other batches of the job have: none of them can be this one.
  std::span<const std::string> taken = {};
  /// Ids that other batches of the job have provisionally: each may turn out to be this one.
  std::span<const std::string> claimed = {};
};

/// What a human found out about a batch that is held.
struct Settlement {
  enum class How : std::uint8_t {
    kAdopt,  // `provider_batch_id` is the one: the machine goes on with it, and collects. It is held again where that is not so
    kNotMade,  // the provider made none: ends kRefused
    kLost,     // its results are given up: ends kEnded, nothing more is read
  };
  How how = How::kAdopt;
  std::string provider_batch_id = {};
};

/// What happened since the last step.
struct BatchEvent {
  enum class Kind : std::uint8_t {
    kStart,          // the image is whole: begin
    kAnswer,         // `response` is the complete answer to the Send (any status)
    kNotSent,        // the Send surely did not reach the provider (`error` says why)
    kLost,           // the Send went out, its outcome is unknown
    kTimer,          // a Wait is over
    kCollected,      // the artefact of the Collect was read to its end
    kCollectFailed,  // it was not (`error`); rows that came are kept
    kRestarted,      // the process died and came back: `state` is the last one committed
    kCancel,         // the engine wants it cancelled
    kSettle,  // a human says what became of it (`settlement`); comes in any state, kHeld above all
  };
  Kind kind = Kind::kStart;
  http::Response response = {};  // of kCollected: the page but for its rows, where it was one
  std::uint64_t rows = 0;        // of kCollected: read so far, Collect::rows_before among them
  Error error = {};
  Settlement settlement = {};
};

/// Sends a small request and awaits its whole answer (at most answer_bytes_max) as kAnswer, kNotSent or kLost.
struct Send {
  std::string operation;  // for logs and reasons: "upload", "create", "poll", …
  http::RequestPlan plan;
};
/// Comes back with kTimer.
struct Wait {
  Duration duration{};
};
/// Streams an artefact row by row through decode_row(), comes back with kCollected or kCollectFailed. Resumable by row.
struct Collect {
  std::string artefact;  // its name, stable across restarts: "output", "errors", "results"
  http::RequestPlan plan;
  /// Empty: JSONL. Else this is a page: a JSON object whose member of this name is the array of rows. What else the object
  /// says (where the next page is) comes back with kCollected; the machine answers with the next Collect of the artefact.
  std::string rows_member = {};
  std::uint64_t rows_before = 0;  // in the artefact's earlier pages
  bool avro = false;              // an Avro object container: each record comes as a row of JSON
};
/// The machine is done; no more events but kSettle.
struct Finished {
  enum class Outcome : std::uint8_t {
    kEnded,  // every artefact was read; items without a row never ran (expired, cancelled, missing)
    kRefused,  // the provider surely made no batch (`error`, `line` where it names one)
    kHeld,     // a human must look: two candidates for one create, or the account changed
  };
  Outcome outcome = Outcome::kEnded;
  Error error = {};
  std::optional<std::uint64_t> line = std::nullopt;  // from 1, in the image
};

/// What is known of the provider's batch, for people and for prices; journalled with each step.
struct BatchView {
  std::string provider_batch_id;
  std::string status;              // the provider's word
  std::optional<Time> created_at;  // the provider's clock: decides the price row
  std::optional<Time> ended_at;
  std::optional<std::uint64_t> done =
      std::nullopt;          // items that ended, where the provider counts while it runs
  bool provisional = false;  // found by likeness: only its rows will tell whether it is ours
};

struct Step {
  std::string state;
  BatchView view;
  std::variant<Send, Wait, Collect, Finished> action;
  std::string
      reason;  // why, when it is a decision worth telling (adopted, resent, held); may be empty
};

/// The bytes around and between encoded items: `{"requests":[` `,` `]}` for an inline body, newlines for a file.
struct ImageFormat {
  std::string_view head, separator, tail;
};

/// The blocks of a ready-made body, in the order in which the provider's cache sees them. A block is one element of a
/// content array, a content that is one string, or one tool definition. Two bodies share a cached prefix up to block n
/// when the hashes of their blocks 0..n are the same; the model is not in a hash. What the prompt has behind the
/// kRawBlocksMax-th block is not listed.
struct RawBlocks {
  struct Block {
    std::uint64_t hash =
        0;  // of all that keeps this block apart in the cache; only for comparing within a process
    std::uint32_t bytes = 0;  // as it stands in the body
    bool markable = false;    // a llm::RawMark may name it
  };
  std::vector<Block> blocks;
  bool own_marks =
      false;  // the caller set cache markers or cache options: nothing of ours may be added
};

/// A prompt of more blocks is no prompt that anybody wrote; and the list of them is in memory.
inline constexpr std::size_t kRawBlocksMax = 100'000;

/// How a provider-neutral request lies in the provider's cache: the tools, the system prompt, the messages.
struct PrefixRules {
  // What can carry a breakpoint beside the user's and the system's texts; what cannot goes with the next that can.
  bool marks_tools = false;
  bool marks_images = false;
  bool marks_tool_calls = false;
  bool marks_tool_results = true;
  bool marks_assistant_texts = true;
  // tool_choice, and whether there are images at all, keep prefixes apart in the messages only; else the choice does so from
  // the first block on, and images where they stand.
  bool choice_and_images_from_messages = false;
};

/// One row of a result artefact.
struct Row {
  enum class Outcome : std::uint8_t { kSucceeded, kErrored, kExpired, kCancelled };
  std::string custom_id;
  Outcome outcome = Outcome::kErrored;
  llm::Response response;  // when succeeded
  Error error;             // when errored: its kind says whether to try again
};

class EmbeddingCodec;  // provider/embedding.h

/// Turns the pieces of a streamed answer into text deltas and, at the end, the same Response as without streaming.
class StreamDecoder {
 public:
  virtual ~StreamDecoder() = default;
  /// Appends new answer text to `text`. @error the provider's error event, or kBadResponse.
  virtual Result<void> feed(std::string_view bytes, std::string& text) = 0;
  /// @error kDeadlineExceeded the stream was cut before its end: whether it is billed is unknown.
  virtual Result<llm::Response> finish() = 0;
};

class CachedContentCodec;

class Adapter {
 public:
  virtual ~Adapter() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  /// The same provider as the settings choose it, where it has several APIs (`api=responses`): whoever has settings asks once,
  /// and uses the answer for all that follows. Lives as long as the program.
  [[nodiscard]] virtual const Adapter& chosen_by(const Settings& /*settings*/) const {
    return *this;
  }

  // Both routes.
  /// What a ready-made body consists of for the provider's cache, and which of it can carry a breakpoint. Linear in the
  /// body. Parts of an unknown shape are listed, but not markable. Without breakpoints in the format: no blocks.
  /// @error kUnsupported a body of another dialect; kInvalidArgument not an object.
  [[nodiscard]] virtual Result<RawBlocks> raw_blocks(const llm::RawBody& /*raw*/) const {
    return RawBlocks{};
  }

  /// Of requests that are no ready-made bodies.
  [[nodiscard]] virtual PrefixRules prefix_rules() const { return {}; }
  /// What Response::tool_calls_json holds, of whole and of streamed answers: the calls of functions, in order. The arguments
  /// are a JSON object, as the model wrote it; of a call that the output limit cut, they are what came of it.
  /// @error kBadResponse not an array, or a call without its id or name.
  [[nodiscard]] virtual Result<std::vector<llm::ToolCall>> tool_calls(
      const llm::Response& /*response*/) const {
    return std::vector<llm::ToolCall>{};
  }

  // Keys that only sign: a service account's. Without one nothing is exchanged.
  /// The exchange of the credentials' key for an access token, with which plans go that say `access_token`. Safe to repeat.
  /// @error kUnauthenticated the key cannot be used; kUnsupported there is nothing to exchange.
  [[nodiscard]] virtual Result<http::RequestPlan> encode_token(const Credentials& /*credentials*/,
                                                               Time /*now*/) const {
    return fail(ErrorKind::kUnsupported, "the key is sent as it is");
  }
  /// @error kUnauthenticated the key was refused; kUnavailable, kRateLimited later perhaps; kBadResponse a 2xx without a token.
  [[nodiscard]] virtual Result<AccessToken> decode_token(const http::Response& /*response*/,
                                                         Time /*now*/) const {
    return fail(ErrorKind::kUnsupported, "the key is sent as it is");
  }

  // Sync.
  /// @error kInvalidArgument the request cannot be said in this provider's format; kUnsupported dialect of a raw body, or something that
  /// the format has no word for: nothing is left out in silence.
  [[nodiscard]] virtual Result<http::RequestPlan> encode_sync(const llm::Request& request,
                                                              const SyncCall& call) const = 0;
  /// The answer, or the provider's error (kind, code, retry_after, request id). @error kBadResponse a 2xx without its fields.
  [[nodiscard]] virtual Result<llm::Response> decode_sync(const http::Response& response,
                                                          Time now) const = 0;
  [[nodiscard]] virtual std::unique_ptr<StreamDecoder> stream_decoder() const = 0;
  /// How the provider is asked for embeddings; null: it has none. Lives as long as the adapter.
  [[nodiscard]] virtual const EmbeddingCodec* embeddings() const { return nullptr; }
  /// What an answer's headers say of the account's rate limits.
  [[nodiscard]] virtual RateLimits rate_limits(const http::Headers& /*headers*/,
                                               Time /*now*/) const {
    return {};
  }
  /// A cheap authenticated GET that costs nothing: tells a wrong key before anything is sent.
  [[nodiscard]] virtual http::RequestPlan encode_probe(const Credentials& credentials,
                                                       std::string_view model) const = 0;

  /// The same where requests are signed with the time.
  [[nodiscard]] virtual http::RequestPlan encode_probe_at(const Credentials& credentials,
                                                          std::string_view model,
                                                          Time /*now*/) const {
    return encode_probe(credentials, model);
  }

  /// Cached contents that are made by name (provider/cached_content.h); null: the provider has none.
  [[nodiscard]] virtual const CachedContentCodec* cached_contents() const { return nullptr; }

  // Batch.
  [[nodiscard]] virtual ImageFormat image_format() const = 0;
  /// Appends the item as it stands in the image. @error as encode_sync.
  [[nodiscard]] virtual Result<void> encode_item(std::string_view custom_id,
                                                 const llm::Request& request,
                                                 std::string& out) const = 0;
  /// @error kInternal the state is not one of this machine's.
  [[nodiscard]] virtual Result<Step> next(std::string_view state, const BatchEvent& event,
                                          const BatchContext& context) const = 0;
  /// @error kBadResponse the line is not a row; the engine goes on with the next.
  [[nodiscard]] virtual Result<Row> decode_row(std::string_view artefact, std::string_view line,
                                               Time now) const = 0;
};

}  // namespace weir::provider
