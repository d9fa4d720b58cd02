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
#include <string>
#include <string_view>

#include "base/result.h"
#include "provider/adapter.h"
#include "provider/openai_chat_dialect.h"

namespace weir::provider::openai_batch {

/// How a list of batches goes on.
enum class Paging : std::uint8_t {
  kAfter,   // ?limit=100&after=ID, "has_more", "last_id"
  kCursor,  // ?cursor=TEXT, "paging":{"next_cursor"}
  kNone,    // one page with everything
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
  std::string_view purpose = "batch";  // of an upload
  std::string_view upload_path = {};   // where it is not files_path
  bool upload_name = false;            // the form has a field file_name
  bool line_url = true;                // rows name method and url
  std::string_view query = {};         // behind every path: "api-version=2024-10-21"
  Paging paging = Paging::kAfter;
  bool newest_first = true;  // lists are; false: they are read to their end
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

/// One item a line: no head, "\n" between and at the end.
[[nodiscard]] ImageFormat image_format();

/// {"custom_id":"…","method":"POST","url":"/v1/chat/completions","body":{…}}, without a line end.
/// Errors as openai_chat::encode_body.
[[nodiscard]] Result<void> encode_item(const Options& options, std::string_view custom_id,
                                       const llm::Request& request, std::string& out);

/// Adapter::next. A Collect names its artefact "output" or "errors". The files are deleted after
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
