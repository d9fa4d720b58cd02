#include "library/settings.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/document.h"
#include "engine/retry.h"
#include "runtime/environment.h"
#include "runtime/posix_files.h"

namespace weir::library {
namespace {

bool same_values(const config::Config& a, const config::Config& b) {
  return a.llm == b.llm && a.embedding == b.embedding && a.optimization == b.optimization &&
         a.workloads == b.workloads && a.observe == b.observe && a.prices == b.prices;
}

}  // namespace

std::uint32_t WorkloadPolicy::attempts_max() const {
  if (workload_ == nullptr || !workload_->retries_max) return engine::kAttemptsMax;
  return static_cast<std::uint32_t>(*workload_->retries_max) + 1;
}

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

WorkloadPolicy Settings::workload(const std::string& name) const {
  auto config = current();
  const auto* found = name.empty() ? nullptr : config::find_workload(*config, name);
  return {std::move(config), found};
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
  return replace(catalogue);
}

Result<bool> Settings::reload(const catalogue::Catalogue& catalogue) {
  stamp_ = stamp_of(file_);
  return replace(catalogue);
}

// All or nothing. The environment is read again as well.
Result<bool> Settings::replace(const catalogue::Catalogue& catalogue) {
  WEIR_TRY(auto config, read(catalogue));
  const std::scoped_lock lock(mutex_);
  const bool other = !same_values(*config, *current_);
  if (other) current_ = std::move(config);
  return other;
}

}  // namespace weir::library
