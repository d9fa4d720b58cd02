#include "bulk/record.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>

#include "bulk/record_builder.h"
#include "json/patch.h"
#include "json/write.h"

namespace weir::bulk {
namespace {

// Buffers that one huge record grew are let go when they are not needed again.
constexpr std::size_t kKeepBytesMax = 4U << 20;

struct FormatName {
  Format format;
  std::string_view name;
};
constexpr std::array kFormatNames = {
    FormatName{Format::kAuto, "auto"},
    FormatName{Format::kJsonl, "jsonl"},
    FormatName{Format::kCsv, "csv"},
    FormatName{Format::kFolder, "folder"},
    FormatName{Format::kOpenAIBatch, "openAI-batch"},
    FormatName{Format::kOpenAIResponses, "openAI-responses"},
    FormatName{Format::kAnthropicBatch, "anthropic-batch"},
};

struct Found {
  json::Value value;
  std::vector<json::PathStep> path;
};

// The exact name first, then the parts between dots, one object deeper each.
std::optional<Found> find_field(json::Value root, std::string_view name) {
  if (const auto exact = root.find(name)) return Found{.value = *exact, .path = {name}};
  if (!name.contains('.')) return std::nullopt;
  Found out{.value = root, .path = {}};
  while (true) {
    const auto dot = name.find('.');
    const auto part = name.substr(0, dot);
    const auto next = out.value.find(part);
    if (!next) return std::nullopt;
    out.value = *next;
    out.path.emplace_back(part);
    if (dot == std::string_view::npos) return out;
    name.remove_prefix(dot + 1);
  }
}

// The value's own bytes without the space between tokens: numbers keep their digits.
std::string minified(std::string_view document, const Found& found) {
  const auto span = json::locate(document, found.path);
  if (!span) return found.value.text();
  const auto raw = json::raw_at(document, *span);
  std::string out(raw.size() + simdjson::SIMDJSON_PADDING, '\0');
  std::size_t length = 0;
  if (simdjson::minify(raw.data(), raw.size(), out.data(), length) != simdjson::SUCCESS)
    return found.value.text();
  out.resize(length);
  return out;
}

bool is_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

Result<void> check_id(std::string& id) {
  if (id.empty()) return fail(ErrorKind::kInvalidArgument, "the id is empty");
  if (id.size() <= kIdBytesMax) return {};
  id.clear();
  return fail(ErrorKind::kInvalidArgument,
              fmt::format("the id is longer than {} bytes", kIdBytesMax));
}

}  // namespace

std::string_view to_string(Format format) {
  return std::ranges::find(kFormatNames, format, &FormatName::format)->name;
}

Result<Format> parse_format(std::string_view name) {
  const auto* const found = std::ranges::find(kFormatNames, name, &FormatName::name);
  if (found != kFormatNames.end()) return found->format;
  return fail(ErrorKind::kInvalidArgument, fmt::format("'{}' is no input format", name),
              "one of auto, jsonl, csv, folder, openAI-batch, openAI-responses, anthropic-batch");
}

std::string shown_in_message(std::string_view text) {
  constexpr std::size_t kShownMax = 80;
  if (text.size() <= kShownMax) return std::string(text);
  std::size_t end = kShownMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "…";
}

Record::Record() : parser_(std::make_unique<json::Parser>()) {}
Record::~Record() = default;
Record::Record(Record&&) noexcept = default;
Record& Record::operator=(Record&&) noexcept = default;

std::optional<std::string> Record::field(std::string_view name) const {
  if (error || is_request()) return std::nullopt;
  if (name == "*") return whole();
  if (format_ == Format::kJsonl) {
    const auto found = find_field(root_, name);
    if (!found) return std::nullopt;
    if (const auto text = found->value.string()) return std::string(*text);
    return minified(bytes_, *found);
  }
  const auto column = std::ranges::find(*columns_, name);
  if (column == columns_->end() || name.empty()) return std::nullopt;
  return std::string(row_.cell(static_cast<std::size_t>(column - columns_->begin())));
}

std::vector<std::string> Record::field_names() const {
  std::vector<std::string> out;
  if (error || is_request()) return out;
  if (format_ == Format::kJsonl) {
    for (const auto member : root_.members()) out.emplace_back(member.key);
  } else {
    std::ranges::copy_if(*columns_, std::back_inserter(out),
                         [](const auto& name) { return !name.empty(); });
  }
  return out;
}

std::string Record::whole() const {
  if (error) return {};
  if (format_ == Format::kJsonl || is_request()) {
    const auto begin = bytes_.find_first_not_of(" \t\r");
    return bytes_.substr(begin, bytes_.find_last_not_of(" \t\r") - begin + 1);
  }
  json::Writer writer;
  writer.begin_object();
  for (std::size_t i = 0; i < columns_->size(); ++i)
    if (!(*columns_)[i].empty()) writer.field((*columns_)[i], row_.cell(i));
  writer.end_object();
  return writer.take();
}

std::string_view Record::body() const {
  return std::string_view(bytes_).substr(body_offset_, body_length_);
}

std::optional<llm::RawBody> Record::raw_body() const {
  if (!is_request() || error) return std::nullopt;
  const auto dialect = format_ == Format::kOpenAIBatch       ? llm::Dialect::kOpenAIChat
                       : format_ == Format::kOpenAIResponses ? llm::Dialect::kOpenAIResponses
                                                             : llm::Dialect::kAnthropicMessages;
  return llm::RawBody{.dialect = dialect, .bytes = std::string(body())};
}

void RecordBuilder::reset(Record& record, const RecordRef& ref, Format format) {
  record.ref = ref;
  record.format_ = format;
  record.id.clear();
  record.id_from_line = false;
  record.error.reset();
  record.root_ = record.body_value_ = json::Value();
  record.body_offset_ = record.body_length_ = 0;
  if (record.bytes_.capacity() > kKeepBytesMax) {
    std::string().swap(record.bytes_);
    record.parser_ = std::make_unique<json::Parser>();
  }
  record.bytes_.clear();
}

void RecordBuilder::refuse(Record& record, ErrorKind kind, std::string_view message,
                           std::string hint) {
  record.error = Error{.kind = kind,
                       .message = record.format_ == Format::kFolder
                                      ? std::string(message)
                                      : fmt::format("line {}: {}", record.ref.line, message),
                       .hint = std::move(hint)};
}

void RecordBuilder::from_json(Record& record, const std::optional<std::string>& id_field) {
  if (auto read = read_json(record, id_field); !read)
    refuse(record, read.error().kind, read.error().message, std::move(read.error().hint));
}

Result<void> RecordBuilder::read_json(Record& record, const std::optional<std::string>& id_field) {
  WEIR_TRY(record.root_, record.parser_->parse(record.bytes_));
  if (!record.root_.is_object())
    return fail(ErrorKind::kInvalidArgument, "a JSON object is expected", "write one {…} a line");
  WEIR_CHECK(json::check_unique_keys(record.root_));
  if (record.is_request()) return read_request(record);
  return read_json_id(record, id_field);
}

Result<void> RecordBuilder::read_json_id(Record& record,
                                         const std::optional<std::string>& id_field) {
  const std::string_view name = id_field ? std::string_view(*id_field) : "id";
  const auto found = find_field(record.root_, name);
  if (!found || found->value.is_null()) {
    if (id_field)
      return fail(ErrorKind::kInvalidArgument, fmt::format("the id field '{}' is missing", name));
    record.id_from_line = true;
    record.id = fmt::format("line-{}", record.ref.line);
    return {};
  }
  if (const auto text = found->value.string()) record.id = *text;
  else if (found->value.is_number()) record.id = minified(record.bytes_, *found);
  else
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("the id field '{}' is neither text nor a number", name));
  return check_id(record.id);
}

// {"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{…}}, or "/v1/responses"; or
// {"custom_id":"a","params":{…}}
Result<void> RecordBuilder::read_request(Record& record) {
  const auto id = record.root_["custom_id"].string();
  if (!id) return fail(ErrorKind::kInvalidArgument, "custom_id is missing, or is no text");
  record.id = *id;
  WEIR_CHECK(check_id(record.id));
  const bool open_ai = record.format_ != Format::kAnthropicBatch;
  if (open_ai) {
    const std::string_view endpoint =
        record.format_ == Format::kOpenAIBatch ? "/v1/chat/completions" : "/v1/responses";
    if (const auto method = record.root_.find("method"); method && method->string() != "POST")
      return fail(ErrorKind::kInvalidArgument, "method must be POST");
    if (const auto url = record.root_["url"].string(); url != endpoint)
      return fail(
          ErrorKind::kUnsupported,
          url ? fmt::format("url {} is not supported", shown_in_message(*url)) : "url is missing",
          fmt::format("all requests of this file go to {}, as its first does", endpoint));
  }
  const std::string_view name = open_ai ? "body" : "params";
  const auto body = record.root_[name];
  const auto span = json::locate(record.bytes_, {name});
  if (!body.is_object() || !span)
    return fail(ErrorKind::kInvalidArgument, fmt::format("{} is missing, or is no object", name));
  WEIR_CHECK(json::check_unique_keys(body));
  record.body_value_ = body;
  record.body_offset_ = span->offset;
  record.body_length_ = span->length;
  return {};
}

void RecordBuilder::from_row(Record& record,
                             std::shared_ptr<const std::vector<std::string>> columns,
                             std::optional<std::size_t> id_column) {
  record.columns_ = std::move(columns);
  if (auto read = read_row(record, id_column); !read)
    refuse(record, read.error().kind, read.error().message, std::move(read.error().hint));
}

Result<void> RecordBuilder::read_row(Record& record, std::optional<std::size_t> id_column) {
  const auto& row = record.row_;
  if (!row.error.empty()) return fail(ErrorKind::kInvalidArgument, row.error);
  if (row.size() != record.columns_->size())
    return fail(
        ErrorKind::kInvalidArgument,
        fmt::format("the row has {} cells, the header {}", row.size(), record.columns_->size()),
        "put cells that hold a comma in quotes");
  for (std::size_t i = 0; i < row.size(); ++i)
    if (!is_utf8(row.cell(i)))
      return fail(
          ErrorKind::kInvalidArgument,
          fmt::format("cell '{}' is not valid UTF-8", shown_in_message((*record.columns_)[i])),
          "save the file as UTF-8");
  if (!id_column) {
    record.id_from_line = true;
    record.id = fmt::format("line-{}", record.ref.line);
    return {};
  }
  record.id = row.cell(*id_column);
  return check_id(record.id);
}

void RecordBuilder::from_file(Record& record,
                              std::shared_ptr<const std::vector<std::string>> columns,
                              std::string_view path, std::string_view text) {
  record.columns_ = std::move(columns);
  if (!is_utf8(path))
    return refuse(record, ErrorKind::kInvalidArgument, "a file name is not valid UTF-8",
                  "rename it");
  record.id = path;
  if (path.size() > kIdBytesMax)
    return refuse(
        record, ErrorKind::kInvalidArgument,
        fmt::format("{}: the path is longer than {} bytes", shown_in_message(path), kIdBytesMax));
  if (!is_utf8(text))
    return refuse(record, ErrorKind::kInvalidArgument, fmt::format("{}: not valid UTF-8", path),
                  "only text files can be read: remove it, or save it as UTF-8");
  const auto slash = path.rfind('/');
  record.row_.clear();
  record.row_.add(path);
  record.row_.add(slash == std::string_view::npos ? path : path.substr(slash + 1));
  record.row_.add(text);
}

}  // namespace weir::bulk
