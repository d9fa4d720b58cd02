#pragma once
// How a simulated provider of the OpenAI shape differs from OpenAI: a constant of its folder. What is more than a
// difference (another life of a batch, another envelope) is code of the folder, on the parts beside this one.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "json/value.h"
#include "json/write.h"
#include "sim/prices.h"

namespace weir::sim::openai_shape {

struct ApiError;
struct ChatAnswer;
struct ChatRequest;
struct StoredFile;

/// Of batches over uploaded files.
struct BatchRules {
  std::size_t lines_max = 50'000;
  std::size_t creates_per_hour_max = 2000;  // 0: no such limit
  bool line_url = true;    // a line says method and url, and the url is the batch's endpoint
  bool line_model = true;  // a line's body says the model
  bool one_model = true;   // all lines name the same
  bool unique_ids = true;
  /// How long a completion_window lasts; nothing when it is none. Null: "24h" only.
  std::optional<Duration> (*window)(std::string_view) = nullptr;
  std::string_view purpose = "batch";  // of the input file
  bool any_purpose = false;            // whatever it is, it is taken
  std::size_t file_bytes_max = 200'000'000;
  bool dotted_expiry = false;  // forms say expires_after.seconds, not expires_after[seconds]
  bool plain_uploads = false;  // no purpose, and expires_after in seconds, ahead of the file
  std::int64_t expiry_seconds_min = 3600;
  std::string_view endpoint_too = "";  // another word for /v1/chat/completions; empty: none
};

/// Of embeddings; the models are the folder's embeddings.json.
struct EmbeddingRules {
  std::string_view path = "/v1/embeddings";
  std::string_view dimensions_key = "dimensions";  // empty: not known
  std::string_view id = "";  // how ids of answers begin; empty: they have none
  bool base64 = true;
  std::size_t inputs_max = 2048;
  std::int64_t tokens_max = 300'000;  // of all inputs; 0: no such limit
};

struct Traits {
  std::string_view provider;                            // as in the bill
  std::string_view owned_by;                            // of its models
  std::string_view chat_path = "/v1/chat/completions";  // below the provider's prefix
  std::string_view models_path = "/v1/models";
  std::string_view responses_path = "";    // of the Responses API; empty: there is none
  std::string_view chat_id = "chatcmpl-";  // how ids of completions begin

  // Automatic caches: whole steps of so many tokens, from the model's minimum on.
  std::int64_t cache_step = 128;
  Duration cache_life = std::chrono::hours(24);
  bool cache_needs_key = false;          // without prompt_cache_key nothing is read
  std::string_view cache_affinity = "";  // a header whose value keeps caches apart; empty: none

  bool json_schema = true;                // response_format json_schema is known
  bool stream_usage = false;              // the last chunk has the usage, asked for or not
  std::string_view stream_usage_in = "";  // in this member of it, with an id; empty: in itself
  bool usage_written = true;              // usage tells cache_write_tokens
  std::size_t stops_max = 4;
  bool max_tokens_only = false;  // knows no max_completion_tokens
  bool clamps_output = false;    // an output limit beyond the model's is lowered, not refused

  bool nine_letter_ids = false;  // ids of tool calls are nine letters and digits

  /// Of files for batches, and of those that batches leave; 0: for ever.
  Duration batch_file_life = std::chrono::hours(24 * 30);

  BatchRules batch;
  EmbeddingRules embedding;

  // Hooks; null: as OpenAI.
  std::string (*error_body)(const ApiError&) = nullptr;
  /// The usage object.
  std::string (*usage)(const TokenBuckets&) = nullptr;
  /// More members of a completion, behind `usage`.
  void (*completion_more)(const ChatAnswer&, json::Writer&) = nullptr;
  /// The usage object of an answer; asked ahead of `usage`.
  std::string (*answer_usage)(const ChatAnswer&) = nullptr;
  /// A chunk ahead of all others of a stream.
  std::string (*stream_begin)(const ChatAnswer&) = nullptr;
  /// What the provider refuses besides; a status of 0: nothing.
  ApiError (*refusal)(const ChatRequest&) = nullptr;
  /// What is wrong with a body (an object), besides what OpenAI would say.
  std::optional<ApiError> (*check)(json::Value body) = nullptr;
  std::string (*file_id)(std::uint64_t seed, std::uint64_t number) = nullptr;
  /// More members of a file object.
  void (*file_more)(const StoredFile&, json::Writer&) = nullptr;
  /// The usual error of a status, where OpenAI's does not fit.
  ApiError (*usual_error)(int status, std::string_view message) = nullptr;
};

}  // namespace weir::sim::openai_shape
