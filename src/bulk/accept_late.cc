#include "bulk/accept_late.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>

#include "bulk/accept_files.h"
#include "bulk/record_builder.h"

namespace weir::bulk {
namespace {

constexpr std::uint64_t kSweepRows = 1024;

// The early rejects' lines, in order of item.
class EarlyLines {
 public:
  static Result<EarlyLines> open(const std::string& path) {
    EarlyLines out;
    WEIR_TRY(out.reader_, RejectedReader::open(path));
    WEIR_CHECK(out.advance());
    return out;
  }
  /// Copies the lines of items below `item`.
  Result<void> copy_until(std::uint64_t item, BufferedWriter& to) {
    while (next_ && next_->item < item) {
      WEIR_CHECK(
          to.append(rejected_line(next_->item, next_->line, next_->id.value_or(""), next_->error)));
      WEIR_CHECK(advance());
    }
    return {};
  }

 private:
  Result<void> advance() {
    WEIR_TRY(next_, reader_->next());
    return {};
  }
  std::unique_ptr<RejectedReader> reader_;
  std::optional<Rejected> next_;
};

}  // namespace

Error missing_id_error(const AcceptOptions& options, std::uint64_t line) {
  return {.kind = ErrorKind::kInvalidArgument,
          .message = fmt::format("line {}: it has no '{}', which other records have", line,
                                 options.input.id_field.value_or("id")),
          .hint = "give every record an id or none, or name another field with --id-field"};
}

LateRejects::LateRejects(const AcceptOptions& options, Input& input, AcceptCounts& counts,
                         int index_fd)
    : options_(options),
      input_(input),
      counts_(counts),
      index_fd_(index_fd),
      index_path_(file_in(options.dir, kIndexFile)) {}

Result<void> LateRejects::run(DuplicateFinder& duplicates) {
  WEIR_CHECK(mark_duplicates(duplicates));
  const auto early = file_in(options_.dir, kEarlyRejectsFile);
  const bool mixed = counts_.with_id > 0 && counts_.without_id > 0;
  if (marked_ == 0 && !mixed) {  // nothing came late: the early file is the file
    const auto path = file_in(options_.dir, kRejectedFile);
    if (::rename(early.c_str(), path.c_str()) != 0)
      return io_failure(ErrorKind::kUnavailable, "cannot write", path);
    return {};
  }
  auto swept = sweep();
  ::unlink(early.c_str());
  ::unlink(file_in(options_.dir, kMarksFile).c_str());
  return swept;
}

Result<ItemRow> LateRejects::row(std::uint64_t item) const {
  std::array<char, kItemRowBytes> bytes{};
  WEIR_TRY(const auto length, read_at(index_fd_, item * kItemRowBytes, bytes, index_path_));
  if (length != bytes.size())
    return fail(ErrorKind::kUnavailable, index_path_ + " was cut while it was in use");
  return unpack_row(bytes.data());
}

Result<void> LateRejects::mark_duplicates(DuplicateFinder& duplicates) {
  const auto path = file_in(options_.dir, kMarksFile);
  const auto read_id = [&](std::uint64_t item) -> Result<std::string> {
    WEIR_TRY(const auto found, row(item));
    WEIR_CHECK(input_.read(found.ref(item), record_));
    if (!record_.id.empty()) return record_.id;
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("line {} changed while the input was read", found.line),
                "try again when nothing writes to it");
  };
  const auto mark = [&](std::uint64_t first, std::uint64_t duplicate) -> Result<void> {
    if (marked_++ == 0) {
      WEIR_TRY(marks_, open_to_write(path));
    }
    const std::uint64_t value = first + 1;
    std::array<char, 8> bytes{};
    std::memcpy(bytes.data(), &value, bytes.size());
    return write_at(marks_.get(), duplicate * bytes.size(), {bytes.data(), bytes.size()}, path);
  };
  return duplicates.find(read_id, mark);
}

// One pass over all rows: they are in order of item, and so are the early rejects.
Result<void> LateRejects::sweep() {
  WEIR_TRY(auto out, BufferedWriter::create(file_in(options_.dir, kRejectedFile)));
  WEIR_TRY(auto early, EarlyLines::open(file_in(options_.dir, kEarlyRejectsFile)));
  std::string rows(kSweepRows * kItemRowBytes, '\0');
  std::string marks(kSweepRows * 8, '\0');
  for (std::uint64_t begin = 0; begin < counts_.records; begin += kSweepRows) {
    const auto count = std::min(kSweepRows, counts_.records - begin);
    WEIR_TRY(const auto length, read_at(index_fd_, begin * kItemRowBytes, rows, index_path_));
    if (length < count * kItemRowBytes)
      return fail(ErrorKind::kUnavailable, index_path_ + " was cut while it was in use");
    std::fill(marks.begin(), marks.end(),
              '\0');  // the file may end, or be missing, where nothing is marked
    if (marked_ > 0) {
      WEIR_TRY([[maybe_unused]] const auto marks_length,
               read_at(marks_.get(), begin * 8, marks, file_in(options_.dir, kMarksFile)));
    }
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto found = unpack_row(rows.data() + i * kItemRowBytes);
      std::uint64_t mark = 0;
      std::memcpy(&mark, marks.data() + i * 8, 8);
      WEIR_TRY(const auto error, late_error(begin + i, found, mark));
      if (!error) continue;
      WEIR_CHECK(early.copy_until(begin + i, out));
      WEIR_CHECK(reject(begin + i, found, *error, out));
    }
  }
  WEIR_CHECK(early.copy_until(counts_.records, out));
  return out.flush();
}

// Nothing: the item stays as it is.
Result<std::optional<Error>> LateRejects::late_error(std::uint64_t item, const ItemRow& found,
                                                     std::uint64_t mark) const {
  if (found.rejected()) return std::nullopt;
  if ((found.flags & kItemIdFromLine) != 0 && counts_.with_id > 0)
    return missing_id_error(options_, found.line);
  if (mark == 0) return std::nullopt;
  WEIR_TRY(const auto first, row(mark - 1));
  WEIR_TRY(const auto record, input_.read(found.ref(item)));
  return Error{.kind = ErrorKind::kInvalidArgument,
               .message = fmt::format("line {}: id '{}' stands on line {} already", found.line,
                                      shown_in_message(record.id), first.line),
               .hint = "give every record an id of its own"};
}

Result<void> LateRejects::reject(std::uint64_t item, ItemRow found, const Error& error,
                                 BufferedWriter& out) {
  WEIR_CHECK(input_.read(found.ref(item), record_));
  if (options_.visit && options_.retract) options_.retract(record_);
  const bool no_id = (found.flags & kItemIdFromLine) != 0;
  found.flags |= kItemRejected | (no_id ? 0 : kItemDuplicate);
  ++counts_.rejected;
  std::array<char, kItemRowBytes> bytes{};
  pack_row(found, bytes.data());
  WEIR_CHECK(write_at(index_fd_, item * kItemRowBytes, {bytes.data(), bytes.size()}, index_path_));
  return out.append(
      rejected_line(item, found.line, no_id ? "" : std::string_view(record_.id), error));
}

}  // namespace weir::bulk
