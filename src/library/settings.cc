#include "library/settings.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/document.h"
#include "runtime/environment.h"
#include "runtime/posix_files.h"

namespace weir::library {
std::optional<Settings::Stamp> Settings::stamp_of(const std::string& file) {
  struct stat told{};
  if (::stat(file.c_str(), &told) != 0) return std::nullopt;
  return Stamp{
      .modified_ns = std::int64_t{told.st_mtim.tv_sec} * 1'000'000'000 + told.st_mtim.tv_nsec,
      .bytes = static_cast<std::uint64_t>(told.st_size),
      .inode = told.st_ino};
}

Result<ConfigPtr> Settings::read(const catalogue::Catalogue& catalogue) const {
  std::string text;
  if (!file_.empty()) {
    WEIR_TRY(text, runtime::read_whole_file(file_, config::kFileBytesMax));
  }
  auto loaded = config::load(text, file_, runtime::environment(), {}, catalogue);
  if (!loaded.ok()) {
    const auto& first = loaded.errors.front();
    const auto more = loaded.errors.size() - 1;
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("{}: {}{}", first.place.text(), first.what,
                            more > 0 ? fmt::format(", and {} more", more) : std::string()),
                first.fix);
  }
  return std::make_shared<const config::Config>(std::move(loaded.config));
}

Result<void> Settings::load(const std::string& file, const catalogue::Catalogue& catalogue) {
  file_ = file;
  stamp_ = stamp_of(file_);
  WEIR_TRY(auto config, read(catalogue));
  const std::scoped_lock lock(mutex_);
  current_ = std::move(config);
  return {};
}

ConfigPtr Settings::current() const {
  const std::scoped_lock lock(mutex_);
  return current_;
}

Result<bool> Settings::refresh(const catalogue::Catalogue& catalogue) {
  if (file_.empty()) return false;
  const auto stamp = stamp_of(file_);
  if (!stamp || stamp == stamp_)
    return false;  // a file that is being replaced may be away for a moment
  stamp_ = stamp;
  WEIR_TRY(auto config, read(catalogue));
  const std::scoped_lock lock(mutex_);
  current_ = std::move(config);
  return true;
}

}  // namespace weir::library
