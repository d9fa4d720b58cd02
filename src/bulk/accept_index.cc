// items.index, rejected.jsonl and input.json: reading them, and the manifest's text.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include "bulk/accept.h"
#include "bulk/accept_files.h"
#include "bulk/input_file.h"
#include "json/lines.h"
#include "json/patch.h"
#include "json/write.h"

namespace weir::bulk {

static_assert(std::endian::native == std::endian::little,
              "rows are copied as they stand in memory");

namespace {

constexpr std::size_t kWindowRows = 1024;
constexpr int kSchema = 1;

std::optional<ErrorKind> parse_kind(std::string_view text) {
  for (int i = 0; i <= static_cast<int>(ErrorKind::kInternal); ++i)
    if (to_string(static_cast<ErrorKind>(i)) == text) return static_cast<ErrorKind>(i);
  return std::nullopt;
}

Result<Rejected> read_rejected(json::Parser& parser, std::string_view line,
                               const std::string& path) {
  auto parsed = parser.parse(line);
  const auto broken = [&] {
    return fail(ErrorKind::kInternal, path + " has a line that is none of ours");
  };
  if (!parsed) return broken();
  const auto item = (*parsed)["item"].integer();
  const auto line_number = (*parsed)["line"].integer();
  const auto error = (*parsed)["error"];
  const auto kind = parse_kind(error["kind"].string_or(""));
  const auto span = json::locate(line, {"error"});
  if (!item || !line_number || !kind || !span) return broken();
  Rejected out{.item = static_cast<std::uint64_t>(*item),
               .line = static_cast<std::uint64_t>(*line_number)};
  if (const auto id = (*parsed)["id"].string()) out.id = *id;
  out.error_json = json::raw_at(line, *span);
  out.error = {.kind = *kind,
               .message = error["message"].string_or(""),
               .hint = error["hint"].string_or("")};
  return out;
}

}  // namespace

void pack_row(const ItemRow& row, char* out) {
  std::memcpy(out, &row.offset, 8);
  std::memcpy(out + 8, &row.length, 4);
  std::memcpy(out + 12, &row.flags, 4);
  std::memcpy(out + 16, &row.line, 8);
}

ItemRow unpack_row(const char* bytes) {
  ItemRow row;
  std::memcpy(&row.offset, bytes, 8);
  std::memcpy(&row.length, bytes + 8, 4);
  std::memcpy(&row.flags, bytes + 12, 4);
  std::memcpy(&row.line, bytes + 16, 8);
  return row;
}

std::string rejected_line(std::uint64_t item, std::uint64_t line, std::string_view id,
                          const Error& error) {
  json::Writer out;
  out.begin_object()
      .field("item", static_cast<std::int64_t>(item))
      .field("line", static_cast<std::int64_t>(line))
      .key("id");
  if (id.empty()) out.null();
  else out.string(id);
  out.key("error")
      .begin_object()
      .field("kind", to_string(error.kind))
      .field("message", error.message)
      .field("hint", error.hint)
      .end_object()
      .end_object();
  return out.take() + "\n";
}

Result<std::unique_ptr<ItemIndex>> ItemIndex::open(const std::string& path) {
  WEIR_TRY(auto fd, open_to_read(path));
  WEIR_TRY(const auto identity, identity_of(fd.get(), path));
  if (identity.size % kItemRowBytes != 0)
    return fail(ErrorKind::kInvalidArgument, path + " is cut off", "start again with --restart");
  std::unique_ptr<ItemIndex> out(new ItemIndex);
  out->path_ = path;
  out->count_ = identity.size / kItemRowBytes;
  out->fd_ = std::make_unique<Fd>(std::move(fd));
  return out;
}

ItemIndex::ItemIndex() = default;
ItemIndex::~ItemIndex() = default;

Result<ItemRow> ItemIndex::row(std::uint64_t index) const {
  if (index >= count_)
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("there is no item {}, only {}", index, count_));
  const std::lock_guard lock(mutex_);
  const std::uint64_t held = window_.size() / kItemRowBytes;
  if (index < window_first_ || index >= window_first_ + held) {
    const std::uint64_t first = index - index % kWindowRows;
    std::string bytes(std::min<std::uint64_t>(kWindowRows, count_ - first) * kItemRowBytes, '\0');
    WEIR_TRY(const auto length, read_at(fd_->get(), first * kItemRowBytes, bytes, path_));
    if (length != bytes.size())
      return fail(ErrorKind::kUnavailable, path_ + " was cut while it was in use");
    window_ = std::move(bytes);
    window_first_ = first;
  }
  return unpack_row(window_.data() + (index - window_first_) * kItemRowBytes);
}

struct RejectedReader::Impl {
  Fd fd;
  std::string path;
  std::uint64_t size = 0;
  std::uint64_t offset = 0;
  json::Parser parser;
};

RejectedReader::RejectedReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RejectedReader::~RejectedReader() = default;

Result<std::unique_ptr<RejectedReader>> RejectedReader::open(const std::string& path) {
  auto impl = std::make_unique<Impl>();
  WEIR_TRY(impl->fd, open_to_read(path));
  WEIR_TRY(const auto identity, identity_of(impl->fd.get(), path));
  impl->path = path;
  impl->size = identity.size;
  return std::unique_ptr<RejectedReader>(new RejectedReader(std::move(impl)));
}

namespace {
// The line that begins at `offset`, without its end.
Result<std::string> line_at(int fd, std::uint64_t offset, const std::string& path) {
  std::string line(2048, '\0');  // ids and messages are bounded: one read does as a rule
  while (true) {
    WEIR_TRY(const auto length, read_at(fd, offset, line, path));
    if (const auto end = std::string_view(line).substr(0, length).find('\n');
        end != std::string::npos) {
      line.resize(end);
      return line;
    }
    if (length < line.size() || line.size() > kLineBytesMax)
      return fail(ErrorKind::kUnavailable, path + " is cut off");
    line.resize(line.size() * 4);
  }
}
}  // namespace

Result<std::optional<Rejected>> RejectedReader::next() {
  auto& self = *impl_;
  if (self.offset >= self.size) return std::nullopt;
  WEIR_TRY(const auto line, line_at(self.fd.get(), self.offset, self.path));
  self.offset += line.size() + 1;
  WEIR_TRY(auto out, read_rejected(self.parser, line, self.path));
  return out;
}

Result<Rejected> find_rejected(const std::string& path, std::uint64_t item) {
  const auto none = [&] {
    return fail(ErrorKind::kInvalidArgument, fmt::format("item {} was not rejected", item));
  };
  WEIR_TRY(const auto fd, open_to_read(path));
  WEIR_TRY(const auto identity, identity_of(fd.get(), path));
  json::Parser parser;
  // The wanted line begins in [low, high); both are beginnings of lines.
  std::uint64_t low = 0, high = identity.size;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    std::uint64_t begin = low;
    if (middle > low) {
      WEIR_TRY(const auto rest, line_at(fd.get(), middle - 1, path));  // where the next line begins
      if (middle + rest.size() < high) begin = middle + rest.size();
    }
    WEIR_TRY(const auto line, line_at(fd.get(), begin, path));
    WEIR_TRY(auto entry, read_rejected(parser, line, path));
    if (entry.item == item) return entry;
    if (entry.item < item) low = begin + line.size() + 1;
    else if (begin == low) return none();
    else high = begin;
  }
  return none();
}

std::string InputManifest::to_json() const {
  json::Writer out;
  out.begin_object().field("schema", static_cast<std::int64_t>(schema)).field("path", path);
  out.field("spooled", spooled).field("format", to_string(format)).key("id_field");
  if (id_field) out.string(*id_field);
  else out.null();
  out.key("columns").begin_array();
  for (const auto& column : columns) out.string(column);
  out.end_array();
  out.field("inode", fmt::format("{}", identity.inode))  // text: it may pass 63 bits
      .field("size", static_cast<std::int64_t>(identity.size))
      .field("mtime_ns", identity.mtime_ns)
      .field("count", static_cast<std::int64_t>(count))
      .field("rejected", static_cast<std::int64_t>(rejected))
      .field("same", static_cast<std::int64_t>(same))
      .field("limit", static_cast<std::int64_t>(limit))
      .field("chunk_bytes", static_cast<std::int64_t>(kChunkBytes))
      .key("chunk_hashes")
      .begin_array();
  for (const auto hash : chunk_hashes) out.string(fmt::format("{:016x}", hash));
  out.end_array().end_object();
  return out.take() + "\n";
}

Result<InputManifest> InputManifest::from_json(std::string_view text) {
  const auto broken = [] {
    return fail(ErrorKind::kInvalidArgument, "the record of the accepted input cannot be read",
                "start again with --restart");
  };
  const auto number = [](std::string_view digits, std::uint64_t& out, int base) {
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), out, base);
    return error == std::errc() && end == digits.data() + digits.size() && !digits.empty();
  };
  json::Parser parser;
  const auto root = parser.parse(text);
  if (!root || !root->is_object()) return broken();
  InputManifest out;
  out.schema = static_cast<int>((*root)["schema"].integer_or(0));
  if (out.schema > kSchema)
    return fail(ErrorKind::kInvalidArgument, "the input was accepted by a newer version of Weir",
                "use that version");
  const auto format = parse_format((*root)["format"].string_or(""));
  if (out.schema < 1 || !format ||
      (*root)["chunk_bytes"].integer_or(0) != static_cast<std::int64_t>(kChunkBytes))
    return broken();
  out.format = *format;
  out.path = (*root)["path"].string_or("");
  out.spooled = (*root)["spooled"].boolean().value_or(false);
  if (const auto id_field = (*root)["id_field"].string()) out.id_field = *id_field;
  for (const auto column : (*root)["columns"].items())
    out.columns.push_back(json::Value(column).string_or(""));
  if (!number((*root)["inode"].string_or(""), out.identity.inode, 10)) return broken();
  out.identity.size = static_cast<std::uint64_t>((*root)["size"].integer_or(0));
  out.identity.mtime_ns = (*root)["mtime_ns"].integer_or(0);
  out.count = static_cast<std::uint64_t>((*root)["count"].integer_or(0));
  out.rejected = static_cast<std::uint64_t>((*root)["rejected"].integer_or(0));
  out.same = static_cast<std::uint64_t>((*root)["same"].integer_or(0));
  out.limit = static_cast<std::uint64_t>((*root)["limit"].integer_or(0));
  for (const auto hash : (*root)["chunk_hashes"].items()) {
    std::uint64_t value = 0;
    if (!number(json::Value(hash).string_or(""), value, 16)) return broken();
    out.chunk_hashes.push_back(value);
  }
  return out;
}

}  // namespace weir::bulk
