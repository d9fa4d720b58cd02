#include "bulk/accept.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/hash.h"
#include "bulk/accept_files.h"
#include "bulk/accept_late.h"
#include "bulk/accept_same.h"
#include "bulk/duplicates.h"
#include "bulk/input_file.h"

namespace weir::bulk {
namespace {

// Progress is told this often: rarely enough to cost nothing, often enough to stop at once.
constexpr std::uint64_t kProgressRecords = 1024;

// Where the bytes are, and what they are called.
struct Source {
  std::string path;  // of the file or folder to read
  std::string name;  // for messages
  bool spooled = false;
};

// Copies what can be read only once.
Result<void> spool(int fd, const std::string& name, const std::string& path) {
  WEIR_TRY(const auto out, open_to_write(path));
  std::string buffer(kChunkBytes, '\0');
  std::uint64_t size = 0;
  while (true) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_failure(ErrorKind::kUnavailable, "cannot read", name);
    if (n == 0) break;
    WEIR_CHECK(write_at(out.get(), size,
                        std::string_view(buffer).substr(0, static_cast<std::size_t>(n)), path));
    size += static_cast<std::uint64_t>(n);
  }
  if (size == 0)
    return fail(ErrorKind::kInvalidArgument, name + " is empty", "pipe at least one record in");
  return {};
}

Result<Source> resolve(const AcceptOptions& options) {
  const auto& path = options.input.path;
  const auto spool_path = file_in(options.dir, kSpoolFile);
  if (path == "-") {
    WEIR_CHECK(spool(STDIN_FILENO, "standard input", spool_path));
    return Source{.path = spool_path, .name = "standard input", .spooled = true};
  }
  const std::string name = options.input.name.empty() ? path : options.input.name;
  struct stat info{};
  const bool once =
      ::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
  if (!once) return Source{.path = path, .name = name};
  WEIR_TRY(const auto fd, open_to_read(path));
  WEIR_CHECK(spool(fd.get(), name, spool_path));
  return Source{.path = spool_path, .name = name, .spooled = true};
}

Result<std::string> absolute(const std::string& path) {
  std::error_code error;
  auto out = std::filesystem::absolute(path, error).lexically_normal().string();
  if (error) return fail(ErrorKind::kInvalidArgument, fmt::format("{}: {}", path, error.message()));
  return out;
}

class Acceptor {
 public:
  explicit Acceptor(const AcceptOptions& options)
      : options_(options), duplicates_({.dir = options.dir}), same_(options) {}

  Result<InputManifest> run() {
    // Without input.json nothing is accepted: it goes first and comes last.
    const auto manifest_path = file_in(options_.dir, kManifestFile);
    if (::unlink(manifest_path.c_str()) != 0 && errno != ENOENT)
      return io_failure(ErrorKind::kUnavailable, "cannot write", manifest_path);
    WEIR_CHECK(open());
    WEIR_CHECK(read_all());
    WEIR_CHECK(input_->finish());
    WEIR_CHECK(index_.flush());
    WEIR_CHECK(early_.flush());
    LateRejects late(options_, *input_, counts_, index_.fd());
    WEIR_CHECK(late.run(duplicates_));
    if (options_.content) {
      WEIR_TRY(manifest_.same, same_.write(*input_, index_.fd()));
    }
    manifest_.rejected = counts_.rejected;
    manifest_.count = counts_.records;
    WEIR_CHECK(commit(manifest_path));
    return std::move(manifest_);
  }

 private:
  Result<void> open() {
    WEIR_TRY(source_, resolve(options_));
    InputOptions input = options_.input;
    input.path = source_.path;
    input.name = source_.name;
    input.folder_manifest = file_in(options_.dir, kFolderFile);
    input.on_chunk = [this](std::uint64_t, std::string_view bytes) {
      manifest_.chunk_hashes.push_back(hash64(bytes));
    };
    WEIR_TRY(input_, Input::open(std::move(input)));
    manifest_.spooled = source_.spooled;
    manifest_.path = options_.input.path;
    if (manifest_.path != "-") {
      WEIR_TRY(manifest_.path, absolute(options_.input.path));
    }
    manifest_.format = input_->format();
    manifest_.id_field = options_.input.id_field;
    manifest_.limit = options_.limit;
    if (manifest_.format == Format::kCsv) manifest_.columns = input_->columns();
    WEIR_TRY(manifest_.identity, input_->identity());
    WEIR_TRY(index_, BufferedWriter::create(file_in(options_.dir, kIndexFile)));
    WEIR_TRY(early_, BufferedWriter::create(file_in(options_.dir, kEarlyRejectsFile)));
    return {};
  }

  Result<void> read_all() {
    Record record;
    while (options_.limit == 0 || counts_.records < options_.limit) {
      WEIR_TRY(const bool more, input_->next(record));
      if (!more) break;
      WEIR_CHECK(take(record));
      if (counts_.records % kProgressRecords == 0) WEIR_CHECK(progress());
    }
    WEIR_CHECK(progress());
    if (counts_.records == 0)
      return fail(ErrorKind::kInvalidArgument,
                  source_.name + (manifest_.format == Format::kCsv ? " has a header but no rows"
                                                                   : " has no records"),
                  "give at least one record");
    WEIR_TRY(const auto now, input_->identity());
    if (now == manifest_.identity) return {};
    return fail(ErrorKind::kInvalidArgument, source_.name + " was changed while it was read",
                "try again when nothing writes to it");
  }

  Result<void> take(const Record& record) {
    const auto item = counts_.records++;
    ItemRow row{.offset = record.ref.offset, .length = record.ref.length, .line = record.ref.line};
    std::optional<Error> error = record.error;
    std::string_view id = record.id;
    if (!error) {
      if (record.id_from_line) {
        row.flags |= kItemIdFromLine;
        ++counts_.without_id;
        if (counts_.with_id > 0) {
          error = missing_id_error(options_, record.ref.line);
          id = {};
        }
      } else {
        ++counts_.with_id;
        WEIR_CHECK(duplicates_.add(item, record.id));
      }
    }
    if (!error && options_.visit)
      if (auto visited = options_.visit(record); !visited) error = std::move(visited).error();
    if (!error && options_.content) WEIR_CHECK(same_.add(item, record));
    if (error) {
      row.flags |= kItemRejected;
      ++counts_.rejected;
      WEIR_CHECK(early_.append(rejected_line(item, record.ref.line, id, *error)));
    }
    std::array<char, kItemRowBytes> bytes{};
    pack_row(row, bytes.data());
    return index_.append({bytes.data(), bytes.size()});
  }

  Result<void> progress() const {
    if (!options_.progress ||
        options_.progress(input_->bytes_read(), manifest_.identity.size, counts_.records))
      return {};
    return fail(ErrorKind::kCancelled, "stopped while the input was read",
                "the same command starts again");
  }

  Result<void> commit(const std::string& manifest_path) {
    if (options_.sync) {
      WEIR_CHECK(index_.sync());
      for (const auto name : {kRejectedFile, kSpoolFile, kFolderFile}) {
        const auto path = file_in(options_.dir, name);
        const Fd fd(
            ::open(path.c_str(), O_RDONLY | O_CLOEXEC));  // the last two are there only as needed
        if (fd.get() >= 0) WEIR_CHECK(sync_file(fd.get(), path));
      }
    }
    const auto temporary = manifest_path + ".new";
    WEIR_TRY(auto out, BufferedWriter::create(temporary));
    WEIR_CHECK(out.append(manifest_.to_json()));
    WEIR_CHECK(options_.sync ? out.sync() : out.flush());
    if (::rename(temporary.c_str(), manifest_path.c_str()) != 0)
      return io_failure(ErrorKind::kUnavailable, "cannot write", manifest_path);
    return options_.sync ? sync_folder(options_.dir) : Result<void>();
  }

  const AcceptOptions& options_;
  DuplicateFinder duplicates_;
  SameRequests same_;
  Source source_;
  std::unique_ptr<Input> input_;
  InputManifest manifest_;
  BufferedWriter index_, early_;
  AcceptCounts counts_;
};

}  // namespace

Result<InputManifest> accept(const AcceptOptions& options) { return Acceptor(options).run(); }

}  // namespace weir::bulk
