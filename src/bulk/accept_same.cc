#include "bulk/accept_same.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "bulk/accept_files.h"

namespace weir::bulk {

Result<void> SameRequests::add(std::uint64_t item, const Record& record) {
  WEIR_TRY(const auto content, options_.content(record));
  return finder_.add(item, content);
}

Result<std::uint64_t> SameRequests::write(Input& input, int index_fd) {
  const auto index_path = file_in(options_.dir, kIndexFile);
  const auto path = file_in(options_.dir, kSameFile);
  ::unlink(path.c_str());
  Record record;
  const auto read_content = [&](std::uint64_t item) -> Result<std::string> {
    std::array<char, kItemRowBytes> bytes{};
    WEIR_TRY(const auto length, read_at(index_fd, item * kItemRowBytes, bytes, index_path));
    if (length != bytes.size())
      return fail(ErrorKind::kUnavailable, index_path + " was cut while it was in use");
    const auto row = unpack_row(bytes.data());
    if (row.rejected()) return fmt::format("\xFF rejected {}", item);  // no content is like it
    WEIR_CHECK(input.read(row.ref(item), record));
    return options_.content(record);
  };
  Fd same;
  std::uint64_t count = 0;
  const auto mark = [&](std::uint64_t first, std::uint64_t repeat) -> Result<void> {
    if (count++ == 0) {
      WEIR_TRY(same, open_to_write(path));
    }
    const std::uint64_t value = first + 1;
    std::array<char, 8> bytes{};
    std::memcpy(bytes.data(), &value, bytes.size());
    return write_at(same.get(), repeat * bytes.size(), {bytes.data(), bytes.size()}, path);
  };
  WEIR_CHECK(finder_.find(read_content, mark));
  if (count > 0 && options_.sync) WEIR_CHECK(sync_file(same.get(), path));
  return count;
}

}  // namespace weir::bulk
