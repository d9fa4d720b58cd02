#include "runtime/pooled_files.h"

#include <algorithm>
#include <list>
#include <map>
#include <utility>

#include "runtime/posix_files.h"

namespace weir::runtime {

class PooledFiles::Pool {
 public:
  explicit Pool(std::size_t open_max) : open_max_(open_max) {}

  void add(Pooled* file);
  void drop(Pooled* file);
  /// It is used now: opened if need be, and others closed instead.
  Result<void> use(Pooled* file);
  /// Its files keep the inode that they have, whatever the name will stand for.
  Result<void> pin(const std::string& path);
  void renamed(const std::string& from, const std::string& to);
  [[nodiscard]] std::size_t open_files() const { return open_.size(); }

  PosixFiles posix;

 private:
  void close_others(const Pooled* file);

  const std::size_t open_max_;
  std::list<Pooled*> open_;  // the last used first
  std::multimap<std::string, Pooled*> by_path_;
};

class PooledFiles::Pooled final : public engine::File {
 public:
  Pooled(std::shared_ptr<Pool> pool, std::string at, std::unique_ptr<engine::File> opened)
      : path(std::move(at)), file(std::move(opened)), pool_(std::move(pool)) {
    pool_->add(this);
  }
  Pooled(const Pooled&) = delete;
  Pooled& operator=(const Pooled&) = delete;
  ~Pooled() override { pool_->drop(this); }

  Result<std::size_t> read(std::uint64_t offset, std::span<char> out) override {
    WEIR_CHECK(pool_->use(this));
    return file->read(offset, out);
  }
  Result<void> write(std::uint64_t offset, std::string_view bytes) override {
    WEIR_CHECK(pool_->use(this));
    dirty = true;
    return file->write(offset, bytes);
  }
  Result<std::uint64_t> size() override {
    WEIR_CHECK(pool_->use(this));
    return file->size();
  }
  Result<void> truncate(std::uint64_t size) override {
    WEIR_CHECK(
        pool_->use(this));  // nothing that the kernel would write later by itself, and fail at
    return file->truncate(size);
  }
  Result<void> sync() override {
    WEIR_CHECK(pool_->use(this));
    WEIR_CHECK(file->sync());
    dirty = false;
    return {};
  }

  std::string path;
  std::unique_ptr<engine::File> file;  // null: closed for now
  bool dirty = false;                  // what was written is not synced
  bool pinned = false;                 // its name is not its own any more

 private:
  const std::shared_ptr<Pool> pool_;
};

void PooledFiles::Pool::add(Pooled* file) {
  by_path_.emplace(file->path, file);
  open_.push_front(file);
  close_others(file);
}

void PooledFiles::Pool::drop(Pooled* file) {
  open_.remove(file);
  std::erase_if(by_path_, [&](const auto& one) { return one.second == file; });
}

Result<void> PooledFiles::Pool::use(Pooled* file) {
  if (file->file) {
    open_.splice(open_.begin(), open_, std::ranges::find(open_, file));
    return {};
  }
  WEIR_TRY(file->file, PosixFiles::open_existing(file->path));
  open_.push_front(file);
  close_others(file);
  return {};
}

void PooledFiles::Pool::close_others(const Pooled* file) {
  for (auto it = open_.end(); open_.size() > open_max_ && it != open_.begin();) {
    --it;
    if (*it == file || (*it)->dirty || (*it)->pinned) continue;
    (*it)->file.reset();
    it = open_.erase(it);
  }
}

Result<void> PooledFiles::Pool::pin(const std::string& path) {
  const auto [begin, end] = by_path_.equal_range(path);
  for (auto it = begin; it != end; ++it) {
    WEIR_CHECK(use(it->second));
    it->second->pinned = true;
  }
  by_path_.erase(begin, end);
  return {};
}

void PooledFiles::Pool::renamed(const std::string& from, const std::string& to) {
  while (auto node = by_path_.extract(from)) {
    node.key() = node.mapped()->path = to;
    by_path_.insert(std::move(node));
  }
}

PooledFiles::PooledFiles(std::size_t open_max) : pool_(std::make_shared<Pool>(open_max)) {}
PooledFiles::~PooledFiles() = default;

Result<std::unique_ptr<engine::File>> PooledFiles::open(const std::string& path) {
  WEIR_TRY(auto file, pool_->posix.open(path));
  return std::make_unique<Pooled>(pool_, path, std::move(file));
}

Result<void> PooledFiles::remove(const std::string& path) {
  WEIR_CHECK(pool_->pin(path));
  return pool_->posix.remove(path);
}

Result<void> PooledFiles::rename(const std::string& from, const std::string& to) {
  WEIR_CHECK(pool_->pin(to));
  WEIR_CHECK(pool_->posix.rename(from, to));
  pool_->renamed(from, to);
  return {};
}

std::size_t PooledFiles::open_files() const { return pool_->open_files(); }

}  // namespace weir::runtime
