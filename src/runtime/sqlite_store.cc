#include "runtime/sqlite_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace weir::runtime {
namespace {

constexpr int kSchemaVersion = 4;
constexpr const char* kOwner = "local";  // the tenant; serve will have several

// `owner`, `account` and the schema version are in every record from the start, so that a shared store can hold many tenants.
constexpr const char* kSchema = R"sql(
CREATE TABLE IF NOT EXISTS aggregate(
  kind INTEGER NOT NULL, number INTEGER NOT NULL, owner TEXT NOT NULL, account TEXT NOT NULL,
  schema INTEGER NOT NULL, version INTEGER NOT NULL, fence INTEGER NOT NULL, state TEXT NOT NULL,
  PRIMARY KEY(kind, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS item(
  item INTEGER PRIMARY KEY, owner TEXT NOT NULL, state INTEGER NOT NULL, attempts INTEGER NOT NULL,
  replans INTEGER NOT NULL, reasons TEXT NOT NULL, marks INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS ledger(
  batch INTEGER NOT NULL, sequence INTEGER NOT NULL, owner TEXT NOT NULL, attempt TEXT, item INTEGER NOT NULL,
  outcome INTEGER NOT NULL, answered INTEGER NOT NULL, priced_at INTEGER NOT NULL,
  input INTEGER NOT NULL, cache_read INTEGER NOT NULL, cache_write_5m INTEGER NOT NULL,
  cache_write_1h INTEGER NOT NULL, cache_write INTEGER NOT NULL, output INTEGER NOT NULL,
  cost INTEGER NOT NULL, baseline INTEGER NOT NULL, uncached INTEGER NOT NULL,
  kind INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY(batch, sequence)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS step(
  only INTEGER PRIMARY KEY CHECK(only = 1), owner TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL);
)sql";

// What a store needs that an older Weir made, by the version that it has. Tables that it lacks are made by kSchema.
struct Migration {
  int from;
  const char* sql;
};
constexpr Migration kMigrations[] = {
    {2, "ALTER TABLE item ADD COLUMN marks INTEGER NOT NULL DEFAULT 0;"},
    {3, "ALTER TABLE ledger ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;"},
};

using Statement = std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)>;

void bind(sqlite3_stmt* s, int at, std::int64_t value) { sqlite3_bind_int64(s, at, value); }
void bind(sqlite3_stmt* s, int at, std::uint64_t value) {
  sqlite3_bind_int64(s, at, static_cast<std::int64_t>(value));
}
void bind(sqlite3_stmt* s, int at, std::string_view text) {
  sqlite3_bind_text64(s, at, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

template <class... Values>
void bind_all(sqlite3_stmt* s, const Values&... values) {
  sqlite3_reset(s);
  int at = 0;
  (bind(s, ++at, values), ...);
}

std::uint64_t column(sqlite3_stmt* s, int at) {
  return static_cast<std::uint64_t>(sqlite3_column_int64(s, at));
}
std::string text_column(sqlite3_stmt* s, int at) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(s, at));
  return text == nullptr ? std::string()
                         : std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(s, at)));
}

// A store at rest has no write-ahead log: then SQLite is told that nothing changes, or a reader would leave files of its own there.
std::string reader_uri(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') uri += fmt::format("%{:02X}", static_cast<int>(c));
    else uri += c;
  }
  const bool at_rest = ::access((path + "-wal").c_str(), F_OK) != 0;
  return at_rest ? uri + "?immutable=1" : uri;
}

}  // namespace

struct SqliteStore::Impl {
  sqlite3* db = nullptr;
  std::string path;
  int version = 0;     // of the schema; a reader may have an older one
  bool blank = false;  // opened by a reader before its owner has set it up: reads as empty
  Statement put_aggregate{nullptr, sqlite3_finalize}, add_aggregate{nullptr, sqlite3_finalize};
  Statement put_item{nullptr, sqlite3_finalize}, drop_item{nullptr, sqlite3_finalize};
  Statement put_ledger{nullptr, sqlite3_finalize}, repeat_ledger{nullptr, sqlite3_finalize};
  Statement put_step{nullptr, sqlite3_finalize};

  ~Impl() {
    for (auto* statement : {&put_aggregate, &add_aggregate, &put_item, &drop_item, &put_ledger,
                            &repeat_ledger, &put_step})
      statement->reset();
    sqlite3_close(db);
  }

  [[nodiscard]] std::unexpected<Error> failure(std::string_view doing) const {
    const int code = sqlite3_errcode(db) & 0xFF;
    const bool full = code == SQLITE_FULL;
    const bool damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
    return fail(damaged ? ErrorKind::kInternal : ErrorKind::kUnavailable,
                fmt::format("cannot {} the store {}: {}", doing, path, sqlite3_errmsg(db)),
                full ? "free some space, then run the same command: it goes on where it stopped"
                : damaged ? "restore it, or begin again with --restart"
                          : "");
  }

  Result<void> execute(const char* sql, std::string_view doing) {
    if (sqlite3_exec(db, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return failure(doing);
    return {};
  }

  Result<Statement> prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, nullptr) != SQLITE_OK) return failure("read");
    return Statement(statement, sqlite3_finalize);
  }

  // Runs a statement without rows; the number of rows it changed.
  Result<int> run(sqlite3_stmt* statement) {
    const int code = sqlite3_step(statement);
    if (code != SQLITE_DONE) return failure("write to");
    return sqlite3_changes(db);
  }

  // Makes the tables, or brings those of an older Weir up to date: all of it or nothing.
  Result<void> set_up() {
    std::string sql = "BEGIN IMMEDIATE;";
    sql += kSchema;
    for (const auto& migration : kMigrations)
      if (version > 0 && migration.from >= version) sql += migration.sql;
    sql += fmt::format("PRAGMA user_version={};COMMIT;", kSchemaVersion);
    const auto done = execute(sql.c_str(), "set up");
    if (!done) sqlite3_exec(db, "ROLLBACK", nullptr, nullptr, nullptr);
    version = kSchemaVersion;
    return done;
  }

  Result<void> prepare_all() {
    WEIR_TRY(put_aggregate,
             prepare("UPDATE aggregate SET account=?1, version=?2, fence=?3, state=?4 "
                     "WHERE kind=?5 AND number=?6 AND version=?7 AND fence<=?3"));
    WEIR_TRY(
        add_aggregate,
        prepare("INSERT OR IGNORE INTO aggregate(kind, number, owner, account, schema, version, "
                "fence, state) VALUES(?1,?2,?3,?4,?5,1,?6,?7)"));
    WEIR_TRY(put_item, prepare("INSERT OR REPLACE INTO item VALUES(?1,?2,?3,?4,?5,?6,?7)"));
    WEIR_TRY(drop_item, prepare("DELETE FROM item WHERE item=?1"));
    WEIR_TRY(put_ledger,
             prepare("INSERT OR IGNORE INTO ledger VALUES"
                     "(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18)"));
    WEIR_TRY(repeat_ledger, prepare("UPDATE ledger SET answered=0 WHERE batch=?1 AND sequence=?2"));
    WEIR_TRY(put_step, prepare("INSERT INTO step VALUES(1,?1,1,?2) ON CONFLICT(only) DO UPDATE SET "
                               "number=number+1, name=excluded.name"));
    return {};
  }

  Result<void> write_aggregate(const engine::AggregateChange& change, std::uint64_t fence) {
    const auto kind = static_cast<std::int64_t>(change.kind);
    if (change.version_before == 0)
      bind_all(add_aggregate.get(), kind, change.number, std::string_view(kOwner),
               std::string_view(change.account), std::int64_t{kSchemaVersion}, fence,
               std::string_view(change.state));
    else
      bind_all(put_aggregate.get(), std::string_view(change.account), change.version_before + 1,
               fence, std::string_view(change.state), kind, change.number, change.version_before);
    WEIR_TRY(const int changed,
             run(change.version_before == 0 ? add_aggregate.get() : put_aggregate.get()));
    if (changed == 1) return {};
    return fail(ErrorKind::kCancelled, fmt::format("another process changed the job in {}", path),
                "only one process may own a store; wait for it, or look at it with weir report");
  }

  Result<void> write_ledger(const cost::LedgerEntry& e) {
    const std::string attempt = e.batch == 0 ? e.attempt.text() : std::string();
    bind_all(put_ledger.get(), e.batch, e.sequence, std::string_view(kOwner),
             std::string_view(attempt), e.item, static_cast<std::int64_t>(e.outcome),
             std::int64_t{e.answered}, unix_micros(e.priced_at), e.usage.input.count,
             e.usage.cache_read.count, e.usage.cache_write_5m.count, e.usage.cache_write_1h.count,
             e.usage.cache_write.count, e.usage.output.count, e.cost.pico, e.baseline.pico,
             e.uncached.pico, static_cast<std::int64_t>(e.kind));
    WEIR_TRY(const int changed, run(put_ledger.get()));
    (void)changed;  // 0: it stands there already
    return {};
  }

  Result<void> write(const engine::Commit& commit) {
    for (const auto& change : commit.aggregates) WEIR_CHECK(write_aggregate(change, commit.fence));
    for (const auto& entry : commit.ledger) WEIR_CHECK(write_ledger(entry));
    for (const auto& [batch, sequence] : commit.ledger_repeats) {
      bind_all(repeat_ledger.get(), batch, sequence);
      WEIR_CHECK(run(repeat_ledger.get()));
    }
    for (const auto item : commit.items_ended) {
      bind_all(drop_item.get(), item);
      WEIR_CHECK(run(drop_item.get()));
    }
    for (const auto& row : commit.items) {
      bind_all(put_item.get(), row.item, std::string_view(kOwner),
               static_cast<std::int64_t>(row.state), std::int64_t{row.attempts},
               std::int64_t{row.replans}, std::string_view(row.reasons), row.marks);
      WEIR_CHECK(run(put_item.get()));
    }
    bind_all(put_step.get(), std::string_view(kOwner), std::string_view(commit.name));
    WEIR_CHECK(run(put_step.get()));
    return {};
  }
};

SqliteStore::SqliteStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SqliteStore::~SqliteStore() = default;

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& path,
                                                       const SqliteOptions& options) {
  return open_with(path, false, options);
}
Result<std::unique_ptr<SqliteStore>> SqliteStore::open_read_only(const std::string& path) {
  return open_with(path, true, {});
}

Result<std::unique_ptr<SqliteStore>> SqliteStore::open_with(const std::string& path, bool read_only,
                                                            const SqliteOptions& options) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  // SQLite would make it readable to all. It gives the same rights to the files that it puts beside it.
  if (!read_only && options.vfs.empty()) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
      return fail(ErrorKind::kUnavailable,
                  fmt::format("cannot open the store {}: {}", path, std::strerror(errno)));
    ::close(fd);
  }
  const int flags = read_only ? SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
                              : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const auto name = read_only ? reader_uri(path) : path;
  const char* vfs = options.vfs.empty() ? nullptr : options.vfs.c_str();
  if (sqlite3_open_v2(name.c_str(), &impl->db, flags | SQLITE_OPEN_NOMUTEX, vfs) != SQLITE_OK) {
    auto error = impl->failure("open").error();
    if (read_only) error.kind = ErrorKind::kNotFound;
    return std::unexpected(std::move(error));
  }
  sqlite3_busy_timeout(impl->db, 5000);
  // Before the first look at the WAL, or its index is put into shared memory.
  if (options.exclusive) WEIR_CHECK(impl->execute("PRAGMA locking_mode=EXCLUSIVE;", "open"));
  if (!read_only)
    WEIR_CHECK(impl->execute(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-4096;", "open"));
  WEIR_TRY(auto version, impl->prepare("PRAGMA user_version"));
  if (sqlite3_step(version.get()) != SQLITE_ROW) return impl->failure("open");
  const auto stored = impl->version = static_cast<int>(column(version.get(), 0));
  version.reset();
  if (stored > kSchemaVersion)
    return fail(ErrorKind::kInternal, fmt::format("the store {} was written by a newer Weir", path),
                "use that one, or begin again with --restart");
  impl->blank = stored == 0;
  if (!read_only) {
    impl->blank = false;
    if (stored < kSchemaVersion) WEIR_CHECK(impl->set_up());
    WEIR_CHECK(impl->prepare_all());
  }
  return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(impl)));
}

Result<std::vector<std::string>> SqliteStore::check() {
  WEIR_TRY(auto query, impl_->prepare("PRAGMA integrity_check(20)"));
  std::vector<std::string> out;
  int code = 0;
  while ((code = sqlite3_step(query.get())) == SQLITE_ROW)
    if (auto text = text_column(query.get(), 0); text != "ok") out.push_back(std::move(text));
  if (code != SQLITE_DONE) return impl_->failure("check");
  return out;
}

Result<std::vector<engine::LoadedAggregate>> SqliteStore::load() {
  if (impl_->blank) return std::vector<engine::LoadedAggregate>();
  WEIR_TRY(
      auto query,
      impl_->prepare("SELECT kind, number, version, state FROM aggregate ORDER BY kind, number"));
  std::vector<engine::LoadedAggregate> out;
  int code = 0;
  while ((code = sqlite3_step(query.get())) == SQLITE_ROW)
    out.push_back({static_cast<engine::AggregateKind>(column(query.get(), 0)),
                   column(query.get(), 1), column(query.get(), 2), text_column(query.get(), 3)});
  if (code != SQLITE_DONE) return impl_->failure("read");
  return out;
}

Result<std::vector<engine::ItemRow>> SqliteStore::load_items() {
  if (impl_->blank) return std::vector<engine::ItemRow>();
  const bool has_marks = impl_->version >= 3;
  WEIR_TRY(auto query,
           impl_->prepare(fmt::format("SELECT item, state, attempts, replans, reasons, {} FROM "
                                      "item ORDER BY item",
                                      has_marks ? "marks" : "0")
                              .c_str()));
  std::vector<engine::ItemRow> out;
  int code = 0;
  while ((code = sqlite3_step(query.get())) == SQLITE_ROW)
    out.push_back({column(query.get(), 0),
                   static_cast<engine::ItemRow::State>(column(query.get(), 1)),
                   static_cast<std::uint32_t>(column(query.get(), 2)),
                   static_cast<std::uint32_t>(column(query.get(), 3)), text_column(query.get(), 4),
                   column(query.get(), 5)});
  if (code != SQLITE_DONE) return impl_->failure("read");
  return out;
}

Result<void> SqliteStore::visit_ledger(const std::function<bool(const cost::LedgerEntry&)>& visit) {
  if (impl_->blank) return {};
  const bool has_kind = impl_->version >= 4;
  WEIR_TRY(auto query, impl_->prepare(fmt::format("SELECT batch, sequence, attempt, item, outcome, "
                                                  "answered, priced_at, input, cache_read, "
                                                  "cache_write_5m, cache_write_1h, cache_write, "
                                                  "output, cost, baseline, uncached, {} FROM "
                                                  "ledger ORDER BY batch, sequence",
                                                  has_kind ? "kind" : "0")
                                          .c_str()));
  auto* q = query.get();
  int code = 0;
  while ((code = sqlite3_step(q)) == SQLITE_ROW) {
    cost::LedgerEntry e{.batch = column(q, 0), .sequence = column(q, 1), .item = column(q, 3)};
    e.attempt = AttemptId::parse(text_column(q, 2)).value_or(AttemptId{});
    e.outcome = static_cast<cost::LedgerEntry::Outcome>(column(q, 4));
    e.answered = column(q, 5) != 0;
    e.priced_at = from_unix_micros(sqlite3_column_int64(q, 6));
    const auto tokens = [&](int at) { return Tokens{sqlite3_column_int64(q, at)}; };
    e.usage = {tokens(7), tokens(8), tokens(9), tokens(10), tokens(11), tokens(12)};
    e.cost = {sqlite3_column_int64(q, 13)};
    e.baseline = {sqlite3_column_int64(q, 14)};
    e.uncached = {sqlite3_column_int64(q, 15)};
    e.kind = static_cast<cost::LedgerEntry::Kind>(column(q, 16));
    if (!visit(e)) return {};
  }
  if (code != SQLITE_DONE) return impl_->failure("read");
  return {};
}

Result<std::optional<SqliteStore::LastStep>> SqliteStore::last_step() {
  WEIR_TRY(auto table,
           impl_->prepare("SELECT 1 FROM sqlite_schema WHERE type='table' AND name='step'"));
  int code = sqlite3_step(table.get());
  if (code == SQLITE_DONE) return std::nullopt;  // a reader of a store of schema 1
  if (code != SQLITE_ROW) return impl_->failure("read");
  WEIR_TRY(auto query, impl_->prepare("SELECT number, name FROM step"));
  code = sqlite3_step(query.get());
  if (code == SQLITE_ROW)
    return LastStep{.number = column(query.get(), 0), .name = text_column(query.get(), 1)};
  if (code != SQLITE_DONE) return impl_->failure("read");
  return std::nullopt;
}

Result<std::uint64_t> SqliteStore::last_sequence(std::uint64_t batch) {
  WEIR_TRY(auto query,
           impl_->prepare("SELECT COALESCE(MAX(sequence), 0) FROM ledger WHERE batch=?1"));
  bind_all(query.get(), batch);
  if (sqlite3_step(query.get()) != SQLITE_ROW) return impl_->failure("read");
  return column(query.get(), 0);
}

Result<void> SqliteStore::commit(const engine::Commit& commit) {
  WEIR_CHECK(impl_->execute("BEGIN IMMEDIATE", "write to"));
  auto written = impl_->write(commit);
  if (written) written = impl_->execute("COMMIT", "write to");
  if (!written) {
    if (sqlite3_get_autocommit(impl_->db) == 0)
      sqlite3_exec(impl_->db, "ROLLBACK", nullptr, nullptr, nullptr);
    return written;
  }
  return {};
}

}  // namespace weir::runtime
