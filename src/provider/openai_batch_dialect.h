#pragma once
// The OpenAI batch wire format: a JSONL file is uploaded, a batch is created from it, polled, and
// its output and error files are read. Several providers speak it; what differs between them is
// Options. Pure and thread-safe, as adapter.h says.
//
//   upload ─> create ─> poll ─> collect "output" ─> collect "errors" ─> delete the files ─> done
//               │ └unknown┐ └<─ cancel
//               └<─ list <┘
//
// What must never happen twice is the create: after an unknown outcome the batches are listed and
// matched, never sent blindly again. Uploads, GETs, cancels and deletes are safe to repeat. An
// event replaces what was under way: after kCancel or kRestarted the answer of an earlier action
// must not be delivered any more. Doc: https://developers.openai.com/api/docs/guides/batch (checked
// 2026-11-23)
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/value.h"
#include "provider/adapter.h"
#include "provider/openai_chat_dialect.h"

namespace weir::provider::openai_batch {

/// How a list of batches goes on.
enum class Paging : std::uint8_t {
  kAfter,   // ?limit=100&after=ID, "has_more", "last_id"
  kCursor,  // ?cursor=TEXT, "paging":{"next_cursor"}
  kNumber,  // ?page=0&page_size=100&order_by=-created; there is a next one where a page is full
  kNone,    // one page with everything
};

/// What we read of a batch object.
struct BatchObject {
  std::string id, status, input_file, output_file, error_file, tag;
  std::optional<Time> created, ended;
  bool terminal = false;
  bool failed = false;  // as a whole
  bool cancelling = false;
  bool rows = false;                  // pages of results have some
  std::string unstable = {};          // not empty: an end that counts only when it reads so again
  std::optional<std::uint64_t> done;  // completed and failed
  std::optional<Error> error;         // the first of `errors`
  std::optional<std::uint64_t> line;
};

struct BatchList {
  std::vector<BatchObject> batches;  // in the provider's order
  std::string last;                  // cursor of the next page
  bool more = false;
};

/// Results that come in pages of JSON instead of files.
struct ResultPages {
  std::string_view path;    // behind the batch's path, its query with it; empty: results are files
  std::string_view member;  // of a page: its rows
  std::string_view
      cursor;  // of a page: that of the next one, null or empty on the last; and the query's parameter of it
};

/// How one provider differs. A constant of the adapter: the views are of literals.
struct Options {
  openai_chat::Options chat;
  std::string_view endpoint =
      "/v1/chat/completions";  // as rows and the create name it; not a path we call
  std::string_view completion_window = "24h";
  std::string_view files_path = "/files";  // behind Credentials::base_path
  std::string_view batches_path = "/batches";
  bool metadata = true;  // batches carry metadata; false: a lost create is found by its input file
  bool file_expiry = true;             // uploads take expires_after
  bool dotted_expiry = false;          // expires_after.seconds, not expires_after[seconds]
  std::string_view purpose = "batch";  // of an upload; empty: it has none
  std::string_view upload_path = {};   // where it is not files_path
  bool upload_name = false;            // the form has a field file_name
  bool line_url = true;                // rows name method and url
  bool responses = false;  // requests of the Responses API; `endpoint` says so, and a batch has one
  std::string_view query = {};  // behind every path: "api-version=2024-10-21"
  Paging paging = Paging::kAfter;
  bool newest_first = true;  // lists are; false: they are read to their end
  std::string_view upload_expiry_seconds_in =
      {};                                      // uploads take their life in seconds in this field
  std::string_view list_cursor = "after";      // parameter of a list
  std::string_view cancel_suffix = "/cancel";  // behind the batch's path
  ResultPages pages = {};
  Duration stable_after{};  // BatchObject::unstable must read the same for so long
  // Null: as OpenAI.
  std::string (*create_body)(const BatchContext& context, std::string_view input_file) = nullptr;
  std::optional<BatchObject> (*read_batch)(json::Value value) = nullptr;
  std::optional<BatchList> (*read_list)(json::Value value) = nullptr;
};

// Bounds of what may fail again and again, each counted since the step began or the process
// started.
inline constexpr std::uint64_t kUploadTriesMax = 8;
inline constexpr std::uint64_t kCreateTriesMax =
    20;  // with the default waits about 20 minutes of 429
inline constexpr std::uint64_t kCollectTriesMax = 20;
inline constexpr std::uint64_t kListPagesMax =
    1000;  // 100 batches each; the provider allows 2,000 creates an hour
// Provider clocks are not ours: a list is read this much further back than the create was sent.
inline constexpr std::chrono::hours kClockSkewMax{1};

/// Of the metadata that a batch is made with: its value is the recovery tag.
inline constexpr std::string_view kTagKey = "weir_batch";
/// Names the batch at the provider: custom_id_prefix() without its dash.
[[nodiscard]] std::string recovery_tag(const BatchId& id);

/// An id as we are ready to put into a path, or nothing: an answer must not choose where our key
/// goes.
[[nodiscard]] std::optional<std::string> usable_id(json::Value value);

/// One item a line: no head, "\n" between and at the end.
[[nodiscard]] ImageFormat image_format();

/// {"custom_id":"…","method":"POST","url":"/v1/chat/completions","body":{…}}, without a line end.
/// Errors as openai_chat::encode_body.
[[nodiscard]] Result<void> encode_item(const Options& options, std::string_view custom_id,
                                       const llm::Request& request, std::string& out);

/// Adapter::next. A Collect names its artefact "output" or "errors"; that of pages is "results". The files are deleted after
/// both were read, as far as the provider lets us; a failure to delete is told in the reason and
/// changes nothing else.
/// @error kInternal the state is not one of this machine's, or the event does not fit it.
[[nodiscard]] Result<Step> next(const Options& options, std::string_view state,
                                const BatchEvent& event, const BatchContext& context);

/// A row of the output or the error file; which one does not matter. A row that says it succeeded
/// but cannot be read is kErrored with kBadResponse, and its usage, where it has one, is in
/// `response`: it is billed.
/// @error kBadResponse the line is no JSON object with a custom_id.
[[nodiscard]] Result<Row> decode_row(const Options& options, std::string_view line, Time now);

}  // namespace weir::provider::openai_batch
