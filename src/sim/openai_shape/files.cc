#include "sim/openai_shape/files.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "http/url.h"
#include "json/write.h"
#include "sim/json_reply.h"
#include "sim/multipart.h"

namespace weir::sim::openai_shape {
namespace {

constexpr std::size_t kFileBytesMax = 512'000'000;
constexpr std::int64_t kExpirySecondsMax = 2'592'000;
constexpr std::string_view kPurposes[] = {"batch",  "assistants", "fine-tune",
                                          "vision", "user_data",  "evals"};
constexpr std::size_t kFileListUsual = 10'000, kFileListMax = 10'000;

std::string file_json(const Traits& traits, const StoredFile& file) {
  json::Writer out;
  out.begin_object()
      .field("id", file.id)
      .field("object", "file")
      .field("bytes", static_cast<std::int64_t>(file.bytes()))
      .field("created_at", unix_seconds(file.created_at));
  out.key("expires_at");
  if (file.expires_at) out.integer(unix_seconds(*file.expires_at));
  else out.null();
  out.field("filename", file.filename).field("purpose", file.purpose).field("status", "processed");
  out.key("status_details").null();
  if (traits.file_more != nullptr) traits.file_more(file, out);
  out.end_object();
  return out.take();
}

Reply no_file(const Traits& traits, std::string_view id) {
  return error_reply(
      traits, {.status = 404, .message = "No such File object: " + std::string(id), .param = "id"});
}

std::optional<std::int64_t> whole(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

struct UploadForm {
  std::string purpose, filename;
  std::optional<std::int64_t> expires_seconds;
  std::size_t offset = 0, length = 0;
};

Checked<UploadForm> read_upload(const BatchRules& rules, const http::Request& request) {
  const std::string_view anchor_key =
      rules.dotted_expiry ? "expires_after.anchor" : "expires_after[anchor]";
  const std::string_view seconds_key =
      rules.dotted_expiry ? "expires_after.seconds" : "expires_after[seconds]";
  const auto type = request.headers.find("content-type").value_or("");
  const auto parts = parse_form(type, request.body);
  if (!parts)
    return refuse("Invalid multipart body: expected multipart/form-data with a boundary.");
  UploadForm form;
  bool has_file = false;
  std::string anchor;
  for (const auto& part : *parts) {
    const auto text = std::string_view(request.body).substr(part.offset, part.length);
    if (part.name == "purpose") form.purpose = text;
    if (part.name == anchor_key) anchor = text;
    if (part.name == seconds_key) form.expires_seconds = whole(text).value_or(-1);
    if (rules.plain_uploads && part.name == "expires_after") {
      if (has_file) return refuse("expires_after must precede the file.", "expires_after");
      form.expires_seconds = whole(text).value_or(-1);
      anchor = "created_at";
    }
    if (part.name != "file") continue;
    has_file = true;
    form.filename = part.filename.empty() ? "upload" : part.filename;
    form.offset = part.offset;
    form.length = part.length;
  }
  if (rules.plain_uploads) form.purpose = "batch";
  if (form.purpose.empty())
    return refuse("Missing required parameter: 'purpose'.", "purpose",
                  "missing_required_parameter");
  if (!has_file)
    return refuse("Missing required parameter: 'file'.", "file", "missing_required_parameter");
  const bool known =
      form.purpose == rules.purpose || rules.any_purpose ||
      std::find(std::begin(kPurposes), std::end(kPurposes), form.purpose) != std::end(kPurposes);
  if (!known)
    return refuse("'" + form.purpose + "' is not one of the purposes.", "purpose", "invalid_value");
  if (form.expires_seconds &&
      (anchor != "created_at" || *form.expires_seconds < rules.expiry_seconds_min ||
       *form.expires_seconds > kExpirySecondsMax))
    return refuse("'expires_after' needs the anchor 'created_at' and " +
                      std::to_string(rules.expiry_seconds_min) + " to 2592000 seconds.",
                  "expires_after", "invalid_value");
  if (form.length > (form.purpose == rules.purpose ? rules.file_bytes_max : kFileBytesMax))
    return refuse("The file is too large for its purpose.", "file", "file_too_large", 413);
  return form;
}

}  // namespace

std::optional<std::size_t> list_limit(std::string_view target, std::size_t usual,
                                      std::size_t most) {
  const auto text = http::query_value(target, "limit");
  if (!text) return usual;
  const auto limit = whole(*text);
  if (!limit || *limit < 1 || *limit > static_cast<std::int64_t>(most)) return std::nullopt;
  return static_cast<std::size_t>(*limit);
}

Reply Files::upload(Call& call) {
  auto form = read_upload(traits_.batch, call.request);
  if (!form) return error_reply(traits_, form.error());
  StoredFile file{.account = call.account,
                  .filename = form->filename,
                  .purpose = form->purpose,
                  .created_at = call.now};
  if (form->expires_seconds)
    file.expires_at = call.now + std::chrono::seconds(*form->expires_seconds);
  else if (form->purpose == "batch" && traits_.batch_file_life > Duration{})
    // "By default, files with purpose=batch expire after 30 days and all other files are persisted".
    // Doc: https://developers.openai.com/api/reference/resources/files/methods/create (checked
    // 2026-11-23).
    file.expires_at = call.now + traits_.batch_file_life;
  file.upload = {std::make_shared<const std::string>(std::move(call.request.body)), form->offset,
                 form->length};
  const std::string id = keep(std::move(file));
  return json_reply(200, file_json(traits_, *find(call.account, id)));
}

std::string Files::keep(StoredFile file) {
  const std::uint64_t number = ++made_;
  const std::uint64_t seed = world_.options.seed;
  file.id =
      traits_.file_id != nullptr ? traits_.file_id(seed, number) : make_id("file-", seed, number);
  numbers_.emplace(file.id, number);
  return files_.emplace(number, std::move(file)).first->second.id;
}

bool Files::fill(std::string_view account, std::string_view id, Upload upload) {
  if (find(account, id) == nullptr) return false;
  files_.at(numbers_.find(id)->second).upload = std::move(upload);
  return true;
}

const StoredFile* Files::find(std::string_view account, std::string_view id) const {
  const auto number = numbers_.find(id);
  if (number == numbers_.end()) return nullptr;
  const StoredFile& file = files_.at(number->second);
  return file.account == account ? &file : nullptr;
}

Reply Files::list(const Call& call) const {
  const auto limit = list_limit(call.request.target, kFileListUsual, kFileListMax);
  if (!limit)
    return error_reply(traits_,
                       {.message = "Invalid 'limit'.", .param = "limit", .code = "invalid_value"});
  const auto purpose = http::query_value(call.request.target, "purpose");
  const auto after = http::query_value(call.request.target, "after");
  const bool ascending = http::query_value(call.request.target, "order") == "asc";
  std::vector<const StoredFile*> found;
  for (const auto& [number, file] : files_)
    if (file.account == call.account && (!purpose || file.purpose == *purpose))
      found.push_back(&file);
  if (!ascending) std::reverse(found.begin(), found.end());
  if (after) {
    const auto at = std::find_if(found.begin(), found.end(),
                                 [&](const auto* file) { return file->id == *after; });
    found.erase(found.begin(), at == found.end() ? found.begin() : at + 1);
  }
  const bool more = found.size() > *limit;
  if (more) found.resize(*limit);
  json::Writer out;
  out.begin_object().field("object", "list").key("data").begin_array();
  for (const auto* file : found) out.raw(file_json(traits_, *file));
  out.end_array();
  for (const auto& [key, at] :
       {std::pair{"first_id", std::size_t{0}}, std::pair{"last_id", found.size() - 1}}) {
    out.key(key);
    if (found.empty()) out.null();
    else out.string(found[at]->id);
  }
  out.field("has_more", more).end_object();
  return json_reply(200, out.take());
}

Reply Files::get(const Call& call, std::string_view id) const {
  const StoredFile* file = find(call.account, id);
  return file == nullptr ? no_file(traits_, id) : json_reply(200, file_json(traits_, *file));
}

Reply Files::content(Call& call, std::string_view id) const {
  const StoredFile* file = find(call.account, id);
  if (file == nullptr) return no_file(traits_, id);
  Reply reply;
  reply.head.status = 200;
  reply.head.headers = {{"content-type", "application/octet-stream"},
                        {"content-disposition", "attachment; filename=\"" + file->filename + "\""}};
  if (file->lines) file->lines->write(reply, call.deliveries);
  else reply.body.push_back({Duration(0), std::string(file->upload.bytes())});
  return reply;
}

Reply Files::remove(const Call& call, std::string_view id) {
  if (find(call.account, id) == nullptr) return no_file(traits_, id);
  const auto number = numbers_.find(id);
  files_.erase(number->second);
  numbers_.erase(number);
  json::Writer out;
  out.begin_object().field("id", id).field("object", "file").field("deleted", true).end_object();
  return json_reply(200, out.take());
}

void Files::advance(Time now) {
  for (auto file = files_.begin(); file != files_.end();) {
    if (!file->second.expires_at || *file->second.expires_at > now) {
      ++file;
      continue;
    }
    numbers_.erase(file->second.id);
    file = files_.erase(file);
  }
}

std::size_t Files::bytes() const {
  std::size_t sum = 0;
  for (const auto& [number, file] : files_) sum += file.bytes();
  return sum;
}

}  // namespace weir::sim::openai_shape
