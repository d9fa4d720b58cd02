#pragma once
// The embedded Store: SQLite in WAL mode with full sync, one writer, one transaction a commit. Segments stand beside it.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/store.h"

namespace weir::runtime {

struct SqliteOptions {
  std::string vfs;  // the name of a registered VFS, which creates the file; empty: the system's
  bool exclusive = false;  // no reader beside the owner: WAL then needs no shared memory
};

class SqliteStore final : public engine::Store {
 public:
  /// Opens or creates `path`. @error kUnavailable it cannot be opened; kInternal it is no store of ours, is damaged, or was
  /// written by a newer Weir.
  static Result<std::unique_ptr<SqliteStore>> open(const std::string& path,
                                                   const SqliteOptions& options = {});
  /// For readers beside a running owner: nothing is changed. Of a store at rest nothing is created either; an owner that begins
  /// while it is read may make it look damaged: look again then. @error kNotFound there is none; as open().
  static Result<std::unique_ptr<SqliteStore>> open_read_only(const std::string& path);
  ~SqliteStore() override;

  Result<std::vector<engine::LoadedAggregate>> load() override;
  Result<std::vector<engine::ItemRow>> load_items() override;
  Result<void> visit_ledger(const std::function<bool(const cost::LedgerEntry&)>& visit) override;
  Result<void> commit(const engine::Commit& commit) override;
  /// What SQLite finds wrong in the file, at most 20 findings; empty: nothing. @error it cannot be read at all.
  Result<std::vector<std::string>> check();

  struct LastStep {
    std::uint64_t number = 0;  // of commits so far
    std::string name;          // Commit::name of the last one
  };
  /// How far the journal has come, written in the transaction of the step itself. Nothing: no commit yet, or a store of schema 1
  /// that no writer has opened since. @error kUnavailable or kInternal it cannot be read.
  Result<std::optional<LastStep>> last_step();
  /// The highest sequence that the ledger has of a batch (0: the sync route); 0 where it has none. @error as last_step().
  Result<std::uint64_t> last_sequence(std::uint64_t batch);

 private:
  struct Impl;
  explicit SqliteStore(std::unique_ptr<Impl> impl);
  static Result<std::unique_ptr<SqliteStore>> open_with(const std::string& path, bool read_only,
                                                        const SqliteOptions& options);
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir::runtime
