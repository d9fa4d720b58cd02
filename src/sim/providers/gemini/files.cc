#include "sim/providers/gemini/files.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "http/url.h"
#include "json/value.h"
#include "json/write.h"
#include "sim/json_reply.h"

namespace weir::sim::gemini {
namespace {

using gemini_shape::error_reply;
using gemini_shape::usual_error;
using std::chrono::hours;

constexpr std::size_t kFileBytesMax = 2'000'000'000;  // "2 GB"
constexpr Duration kFileLife = hours(48);
constexpr Duration kSessionLife = hours(24);
constexpr std::size_t kUsualPage = 10, kMaxPage = 100;
constexpr std::size_t kIdMax = 40;  // of a file that may be deleted by itself

std::optional<std::size_t> whole(std::string_view text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Reply invalid(std::string message) {
  return error_reply({.status = 400, .message = std::move(message), .word = {}});
}

// Also of a file that is not there.
Reply no_file(std::string_view id) {
  return error_reply({.status = 403,
                      .message = "You do not have permission to access the File " +
                                 std::string(id) + " or it may not exist.",
                      .word = {}});
}

std::string file_json(const StoredFile& file) {
  json::Writer out;
  out.begin_object().field("name", "files/" + file.id);
  if (!file.display_name.empty()) out.field("displayName", file.display_name);
  out.field("mimeType", file.mime).field("sizeBytes", std::to_string(file.size()));
  out.field("createTime", to_rfc3339(file.created_at));
  out.field("updateTime", to_rfc3339(file.created_at));
  if (file.expires_at) out.field("expirationTime", to_rfc3339(*file.expires_at));
  out.field("uri", "https://generativelanguage.googleapis.com/v1beta/files/" + file.id);
  out.field("state", "ACTIVE").field("source", file.lines ? "GENERATED" : "UPLOADED");
  return out.end_object().take();
}

Reply file_reply(const StoredFile& file) {
  json::Writer out;
  out.begin_object().key("file").raw(file_json(file)).end_object();
  Reply reply = json_reply(200, out.take());
  reply.head.headers.set("x-goog-upload-status", "final");
  return reply;
}

}  // namespace

std::size_t page_size(std::string_view target, std::size_t usual, std::size_t most) {
  const auto size = whole(http::query_value(target, "pageSize").value_or(""));
  return size && *size > 0 ? std::min(*size, most) : usual;
}

std::optional<std::size_t> page_start(std::string_view target) {
  const auto token = http::query_value(target, "pageToken");
  if (!token || token->empty()) return 0;
  return token->starts_with("page-") ? whole(std::string_view(*token).substr(5)) : std::nullopt;
}

Reply Files::upload(Call& call) {
  const auto command = call.request.headers.find("x-goog-upload-command").value_or("");
  const auto id = http::query_value(call.request.target, "upload_id");
  if (!id) {
    if (command == "start" &&
        call.request.headers.find("x-goog-upload-protocol") == std::string_view("resumable"))
      return start(call);
    return invalid("The simulator takes resumable uploads only.");
  }
  const auto found = sessions_.find(*id);
  if (found == sessions_.end() || found->second.account != call.account)
    return error_reply(usual_error(404, ""));
  if (command == "query") return status(found->second);
  return take(call, found->second, command);
}

// The address to send the bytes to is told in a header, and names this server.
Reply Files::start(const Call& call) {
  json::Parser parser;
  const auto body = parser.parse(call.request.body).value_or(json::Value());
  const auto header = [&](std::string_view name) {
    return call.request.headers.find(name).value_or(std::string_view());
  };
  const auto length = whole(header("x-goog-upload-header-content-length"));
  if (!length) return invalid("X-Goog-Upload-Header-Content-Length must be set.");
  if (*length > kFileBytesMax) return invalid("The file is larger than 2 GB.");
  const std::string id = gemini_shape::make_id("ABgVH8", world_.options.seed, ++opened_, 40);
  sessions_[id] = {.account = call.account,
                   .display_name = gemini_shape::member(body["file"], "displayName").string_or(""),
                   .mime = std::string(header("x-goog-upload-header-content-type")),
                   .length = *length,
                   .received = {},
                   .file = {},
                   .opened_at = call.now};
  const auto host = header("host");
  const std::string origin =
      host.empty() ? "https://generativelanguage.googleapis.com" : "http://" + std::string(host);
  Reply reply;
  reply.head.status = 200;
  reply.head.headers = {
      {"x-goog-upload-url", origin + std::string(http::path_of(call.request.target)) +
                                "?upload_id=" + id + "&upload_protocol=resumable"},
      {"x-goog-upload-status", "active"},
      {"x-goog-upload-chunk-granularity", "8388608"}};
  return reply;
}

Reply Files::status(const Session& session) const {
  if (!session.file.empty()) {
    const auto file = files_.find(session.file);
    if (file != files_.end()) return file_reply(file->second);
  }
  Reply reply;
  reply.head.status = 200;
  reply.head.headers = {{"x-goog-upload-status", session.file.empty() ? "active" : "final"},
                        {"x-goog-upload-size-received", std::to_string(session.received.size())}};
  return reply;
}

// "upload", "finalize", or both.
Reply Files::take(Call& call, Session& session, std::string_view command) {
  const bool bytes = command.starts_with("upload"), last = command.ends_with("finalize");
  if (!bytes && !last) return invalid("Invalid X-Goog-Upload-Command.");
  if (!session.file.empty()) return invalid("The upload has already been finalized.");
  if (bytes) {
    const auto offset =
        whole(call.request.headers.find("x-goog-upload-offset").value_or(std::string_view()));
    if (offset != session.received.size())
      return invalid("The offset is not where the upload stands.");
    if (session.received.empty()) session.received = std::move(call.request.body);
    else session.received += call.request.body;
  }
  if (!last) return status(session);
  if (session.received.size() != session.length)
    return invalid("The upload has another length than its start said.");
  StoredFile file{.id = gemini_shape::make_id("", world_.options.seed ^ 0xF11E, ++made_, 12),
                  .account = session.account,
                  .display_name = session.display_name,
                  .mime = session.mime,
                  .created_at = call.now,
                  .expires_at = call.now + kFileLife,
                  .bytes = std::make_shared<const std::string>(std::move(session.received)),
                  .lines = nullptr};
  session.received.clear();
  session.file = file.id;
  const auto kept = files_.emplace(file.id, std::move(file)).first;
  return file_reply(kept->second);
}

const StoredFile* Files::find(std::string_view account, std::string_view id) const {
  const auto found = files_.find(id);
  return found == files_.end() || found->second.account != account ? nullptr : &found->second;
}

void Files::drop(std::string_view id) {
  if (const auto found = files_.find(id); found != files_.end()) files_.erase(found);
}

// Uploads only.
Reply Files::list(const Call& call) const {
  const auto start = page_start(call.request.target);
  if (!start) return invalid("Invalid page token.");
  std::vector<const StoredFile*> found;
  for (const auto& [id, file] : files_)
    if (file.account == call.account && !file.lines) found.push_back(&file);
  const std::size_t end =
      std::min(found.size(), *start + page_size(call.request.target, kUsualPage, kMaxPage));
  json::Writer out;
  out.begin_object();
  if (*start < end) {
    out.key("files").begin_array();
    for (std::size_t i = *start; i < end; ++i) out.raw(file_json(*found[i]));
    out.end_array();
  }
  if (end < found.size()) out.field("nextPageToken", "page-" + std::to_string(end));
  return json_reply(200, out.end_object().take());
}

Reply Files::get(const Call& call, std::string_view id) const {
  const StoredFile* file = find(call.account, id);
  return file == nullptr ? no_file(id) : json_reply(200, file_json(*file));
}

Reply Files::download(Call& call, std::string_view id) const {
  const StoredFile* file = find(call.account, id);
  if (file == nullptr) return no_file(id);
  if (!file->lines)
    return invalid("File " + std::string(id) + " cannot be downloaded: it was uploaded.");
  Reply reply;
  reply.head.status = 200;
  reply.head.headers = {{"content-type", "application/octet-stream"}};
  file->lines->write(reply, call.deliveries);
  return reply;
}

// What a batch made cannot be deleted by itself: its name is longer than the call takes.
Reply Files::remove(const Call& call, std::string_view id) {
  if (id.size() > kIdMax) return invalid("* DeleteFileRequest.name: The name is too long.");
  if (find(call.account, id) == nullptr) return no_file(id);
  drop(id);
  return json_reply(200, "{}");
}

void Files::advance(Time now) {
  std::erase_if(files_, [&](const auto& item) {
    return item.second.expires_at && *item.second.expires_at <= now;
  });
  std::erase_if(sessions_,
                [&](const auto& item) { return item.second.opened_at + kSessionLife <= now; });
}

std::size_t Files::bytes() const {
  std::size_t sum = 0;
  for (const auto& [id, file] : files_) sum += file.size();
  return sum;
}

}  // namespace weir::sim::gemini
