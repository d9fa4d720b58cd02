#include "bulk/input_walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <memory>
#include <string_view>

#include "bulk/input_file.h"

namespace weir::bulk {
namespace {

// Deeper folders are a loop of mounts, or nobody's documents.
constexpr std::size_t kLevelsMax = 64;

enum class Kind : std::uint8_t { kOther, kFile, kFolder };

Kind kind_of(int folder, const dirent& entry) {
  if (entry.d_type == DT_REG) return Kind::kFile;
  if (entry.d_type == DT_DIR) return Kind::kFolder;
  if (entry.d_type != DT_UNKNOWN && entry.d_type != DT_LNK) return Kind::kOther;
  struct stat info{};
  if (::fstatat(folder, entry.d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) return Kind::kOther;
  if (S_ISDIR(info.st_mode)) return Kind::kFolder;
  if (S_ISREG(info.st_mode)) return Kind::kFile;
  // A link to a file is a file; a link to a folder could lead in a circle.
  const bool followed = S_ISLNK(info.st_mode) && ::fstatat(folder, entry.d_name, &info, 0) == 0;
  return followed && S_ISREG(info.st_mode) ? Kind::kFile : Kind::kOther;
}

}  // namespace

Result<std::optional<std::string>> FolderWalk::next() {
  if (!started_) {
    started_ = true;
    WEIR_CHECK(enter(""));
  }
  while (!levels_.empty()) {
    auto& level = levels_.back();
    if (level.at == level.begins.size()) {
      levels_.pop_back();
      continue;
    }
    std::string path = level.prefix + (level.names.c_str() + level.begins[level.at++]);
    if (!path.ends_with('/')) return path;
    WEIR_CHECK(enter(path));
  }
  return std::nullopt;
}

Result<void> FolderWalk::enter(const std::string& prefix) {
  const std::string path = prefix.empty() ? root_ : root_ + "/" + prefix;
  if (levels_.size() == kLevelsMax)
    return fail(ErrorKind::kInvalidArgument, path + " is nested deeper than 64 folders");
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()),
                                                   [](DIR* d) { return ::closedir(d); });
  if (!folder) return io_failure(ErrorKind::kUnavailable, "cannot read folder", path);
  Level level{.prefix = prefix, .names = {}, .begins = {}};
  errno = 0;
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string_view name = entry->d_name;
    const auto kind = name.starts_with('.') ? Kind::kOther : kind_of(::dirfd(folder.get()), *entry);
    if (kind == Kind::kOther || (kind == Kind::kFolder && name.ends_with(".weir"))) continue;
    if (level.names.size() > std::numeric_limits<std::uint32_t>::max() - 512)
      return fail(ErrorKind::kInvalidArgument, path + " has too many files",
                  "spread them over folders");
    level.begins.push_back(static_cast<std::uint32_t>(level.names.size()));
    level.names += name;
    // With the '/' that follows it in paths, a folder sorts among files as its paths do.
    if (kind == Kind::kFolder) level.names += '/';
    level.names += '\0';
    errno = 0;
  }
  if (errno != 0) return io_failure(ErrorKind::kUnavailable, "cannot read folder", path);
  std::ranges::sort(level.begins, {}, [&](std::uint32_t begin) {
    return std::string_view(level.names.c_str() + begin);
  });
  levels_.push_back(std::move(level));
  return {};
}

}  // namespace weir::bulk
