#pragma once
// The requests of the Gemini API beside generateContent, and what its batch step machine reads of the
// answers. Pure. Docs (checked 2026-11-23): https://ai.google.dev/api/files,
// https://ai.google.dev/api/batch-api
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/plan.h"
#include "json/value.h"
#include "provider/adapter.h"
#include "provider/gemini_dialect.h"

namespace weir::providers::gemini {

/// `path` is put behind Credentials::base_path; the key goes into x-goog-api-key.
[[nodiscard]] http::RequestPlan plan_of(http::Method method,
                                        const provider::Credentials& credentials,
                                        std::string_view path, bool with_body = false);
/// /v1beta/models/{model}{rest}
[[nodiscard]] std::string model_path(std::string_view model, std::string_view rest);

/// Names the batch at the provider: custom_id_prefix() without its dash.
[[nodiscard]] std::string recovery_tag(const BatchId& id);

/// Opens a resumable upload of the whole image.
[[nodiscard]] http::RequestPlan upload_start_plan(const provider::BatchContext& context);
/// Sends the image from `offset` on, and ends the upload. `session` as upload_session() gave it.
[[nodiscard]] http::RequestPlan upload_plan(const provider::BatchContext& context,
                                            std::string_view session, std::uint64_t offset);
/// Asks how much of it has come.
[[nodiscard]] http::RequestPlan upload_query_plan(const provider::BatchContext& context,
                                                  std::string_view session);
[[nodiscard]] http::RequestPlan create_plan(const provider::BatchContext& context,
                                            std::string_view file);
[[nodiscard]] http::RequestPlan list_plan(const provider::BatchContext& context,
                                          std::string_view page);
[[nodiscard]] http::RequestPlan poll_plan(const provider::BatchContext& context,
                                          std::string_view batch);
[[nodiscard]] http::RequestPlan cancel_plan(const provider::BatchContext& context,
                                            std::string_view batch);
[[nodiscard]] http::RequestPlan download_plan(const provider::BatchContext& context,
                                              std::string_view file);
/// Of a file ("files/…") or a batch ("batches/…").
[[nodiscard]] http::RequestPlan delete_plan(const provider::BatchContext& context,
                                            std::string_view name);

// How the names of files and of batches begin.
inline constexpr std::string_view kFilesName = "files/", kBatchesName = "batches/";

/// Whether it is a name such as "files/abc" that we are ready to put into a path.
/// @param collection kFilesName, kBatchesName
[[nodiscard]] bool is_name(std::string_view text, std::string_view collection);
/// The name, or nothing: an answer must not choose where our key goes.
[[nodiscard]] std::optional<std::string> usable_name(json::Value value,
                                                     std::string_view collection);

/// The query of the address that an upload is to go to; nothing where the address is no upload of
/// this API. What goes there goes to the configured endpoint all the same, whatever host it names.
[[nodiscard]] std::optional<std::string> upload_session(const http::Headers& headers);

/// How far an upload has come, by the answer to its query. Nothing where the answer does not say.
struct UploadStatus {
  bool final = false;
  std::uint64_t received = 0;
};
[[nodiscard]] std::optional<UploadStatus> upload_status(const http::Headers& headers);

/// What we read of a batch: an operation {"name","metadata":{…},"done","error"|"response"}.
struct BatchObject {
  enum class End : std::uint8_t { kNone, kSucceeded, kFailed, kCancelled, kExpired };
  std::string name;    // "batches/…"
  std::string state;   // the provider's word
  std::string tag;     // displayName
  std::string output;  // "files/…", empty: none
  std::optional<Time> created, ended;
  std::optional<std::uint64_t> done;  // succeeded and failed
  End end = End::kNone;               // kNone: it still runs, as any unknown state does
  std::optional<Error> error;
};
/// Nothing when the value is no batch.
[[nodiscard]] std::optional<BatchObject> read_batch(const provider::gemini::Options& options,
                                                    json::Value value);

struct BatchList {
  std::vector<BatchObject> batches;
  std::string next;  // token of the next page; empty: the last
};
/// Nothing when the value is no list.
[[nodiscard]] std::optional<BatchList> read_list(const provider::gemini::Options& options,
                                                 json::Value value);

}  // namespace weir::providers::gemini
