// A folder of text files. Its manifest has one line a file:
// {"path":"a/b.txt","size":12,"mtime_ns":1,"hash":"0123456789abcdef"}
#include <fcntl.h>
#include <fmt/format.h>

#include "base/hash.h"
#include "bulk/input_readers.h"
#include "bulk/input_walk.h"
#include "bulk/record_builder.h"
#include "json/write.h"

namespace weir::bulk {
namespace {

class FolderInput final : public Input {
 public:
  explicit FolderInput(InputOptions options) : options_(std::move(options)), walk_(options_.path) {}

  Result<bool> next(Record& record) override {
    if (!started_) WEIR_CHECK(start());
    WEIR_TRY(const auto path, walk_.next());
    if (!path) {
      if (index_ > 0) return false;
      return fail(ErrorKind::kInvalidArgument, name_of(options_) + " has no files",
                  "hidden files do not count");
    }
    RecordRef ref{.index = index_, .offset = manifest_size_, .line = index_ + 1};
    ++index_;
    RecordBuilder::reset(record, ref, Format::kFolder);
    auto& text = RecordBuilder::line(record);
    FileIdentity identity;
    if (auto read = read_file(*path, text); read) identity = *read;
    else RecordBuilder::refuse(record, read.error().kind, read.error().message, read.error().hint);
    bytes_read_ += text.size();
    WEIR_TRY(record.ref.length, write_manifest(*path, identity, text));
    if (!record.error) RecordBuilder::from_file(record, columns_, *path, text);
    return true;
  }

  Result<void> finish() override {
    if (started_ && !options_.folder_manifest.empty()) return manifest_.flush();
    return {};
  }

  Result<void> read(const RecordRef& ref, Record& record) const override {
    RecordBuilder::reset(record, ref, Format::kFolder);
    // The writer's own file while it lives; a manifest of an earlier pass is opened for each read,
    // which is cheap beside opening the document.
    std::string line;
    if (started_) {
      WEIR_CHECK(read_exactly(manifest_.fd(), ref, line, options_.folder_manifest));
    } else {
      WEIR_TRY(const auto manifest, open_to_read(options_.folder_manifest));
      WEIR_CHECK(read_exactly(manifest.get(), ref, line, options_.folder_manifest));
    }
    json::Parser parser;
    WEIR_TRY(const auto entry, parser.parse(line));
    auto& text = RecordBuilder::line(record);
    const auto path = entry["path"].string_or("");
    const auto read = read_file(path, text);
    if (!read) {
      RecordBuilder::refuse(record, read.error().kind, read.error().message, read.error().hint);
      return {};
    }
    const bool same_size = static_cast<std::int64_t>(read->size) == entry["size"].integer_or(-1);
    const bool same_time = read->mtime_ns == entry["mtime_ns"].integer_or(-1);
    if (!same_size || (!same_time && hash_of(text) != entry["hash"].string_or(""))) {
      RecordBuilder::refuse(record, ErrorKind::kInvalidArgument, path + " changed since accept",
                            "put it back as it was, or start again with --restart");
      return {};
    }
    RecordBuilder::from_file(record, columns_, path, text);
    return {};
  }

  [[nodiscard]] Format format() const override { return Format::kFolder; }
  [[nodiscard]] const std::vector<std::string>& columns() const override { return *columns_; }
  [[nodiscard]] Result<FileIdentity> identity() const override { return FileIdentity{}; }
  [[nodiscard]] std::uint64_t bytes_read() const override { return bytes_read_; }
  [[nodiscard]] Result<std::string> bytes_at(std::uint64_t, std::size_t) const override {
    return fail(ErrorKind::kUnsupported, "a folder is no file");
  }

 private:
  Result<void> start() {
    started_ = true;
    if (options_.folder_manifest.empty()) return {};
    WEIR_TRY(manifest_, BufferedWriter::create(options_.folder_manifest));
    return {};
  }

  static std::string hash_of(std::string_view text) { return fmt::format("{:016x}", hash64(text)); }

  // Empty text with an error.
  Result<FileIdentity> read_file(const std::string& path, std::string& text) const {
    const std::string full = options_.path + "/" + path;
    auto opened = open_to_read(full);
    if (!opened) return std::unexpected(std::move(opened).error());
    WEIR_TRY(const auto identity, identity_of(opened->get(), full));
    if (identity.size > options_.line_bytes_max)
      return fail(ErrorKind::kInvalidArgument,
                  fmt::format("{} has {} bytes, more than the {} that a document may have", path,
                              identity.size, options_.line_bytes_max),
                  "split the document");
    text.resize(identity.size);
    const auto length = read_at(opened->get(), 0, text, full);
    if (length && *length == identity.size) return identity;
    text.clear();
    if (!length) return std::unexpected(length.error());
    return fail(ErrorKind::kUnavailable, path + " shrank while it was read");
  }

  Result<std::uint32_t> write_manifest(const std::string& path, const FileIdentity& identity,
                                       std::string_view text) {
    if (options_.folder_manifest.empty()) return 0U;
    json::Writer line;
    line.begin_object()
        .field("path", path)
        .field("size", static_cast<std::int64_t>(identity.size))
        .field("mtime_ns", identity.mtime_ns)
        .field("hash", hash_of(text))
        .end_object();
    WEIR_CHECK(manifest_.append(line.text()));
    WEIR_CHECK(manifest_.append("\n"));
    manifest_size_ += line.text().size() + 1;
    return static_cast<std::uint32_t>(line.text().size());
  }

  InputOptions options_;
  FolderWalk walk_;
  BufferedWriter manifest_;
  std::uint64_t manifest_size_ = 0, index_ = 0, bytes_read_ = 0;
  bool started_ = false;
  std::shared_ptr<const std::vector<std::string>> columns_ =
      std::make_shared<std::vector<std::string>>(std::vector<std::string>{"path", "name", "text"});
};

}  // namespace

Result<std::unique_ptr<Input>> open_folder(InputOptions options) {
  return std::make_unique<FolderInput>(std::move(options));
}

}  // namespace weir::bulk
