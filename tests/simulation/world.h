#pragma once
// One run of a scenario: processes (engine, store, journal, files on disk) that live and die, one after the other, beside a
// simulated provider that lives on. One thread, virtual time, everything drawn from the seed.
#include <memory>
#include <string>
#include <vector>

#include "catalogue/catalogue.h"
#include "engine/job_engine.h"
#include "faulty.h"
#include "runtime/mapped_journal.h"
#include "runtime/posix_files.h"
#include "runtime/sqlite_store.h"
#include "scenario.h"
#include "sim/simulator.h"

namespace weir::simulation {

/// A folder of its own in memory where there is one, gone with the object.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// What a process holds while it lives.
struct Process {
  std::unique_ptr<runtime::SqliteStore> store;
  std::unique_ptr<runtime::MappedJournal> journal;
  runtime::PosixFiles files;
  std::unique_ptr<FaultyStore> faulty_store;
  std::unique_ptr<FaultyJournal> faulty_journal;
  std::unique_ptr<FaultyFiles> faulty_files;
  std::unique_ptr<engine::JobEngine> engine;
};

class World {
 public:
  explicit World(const Scenario& scenario);
  /// Runs process after process until the job is done. False: it never gets there; why() tells.
  bool run();
  [[nodiscard]] const std::string& why() const { return why_; }

  [[nodiscard]] const std::string& folder() const { return folder_.path(); }
  [[nodiscard]] std::string output_path() const { return folder_.path() + "/answers.jsonl"; }
  [[nodiscard]] sim::Simulator& simulator() { return *simulator_; }
  [[nodiscard]] Documents& documents() { return documents_; }
  [[nodiscard]] const catalogue::Provider& provider() const { return provider_; }
  [[nodiscard]] const catalogue::Model& model() const { return *provider_.find(scenario_.model); }
  [[nodiscard]] Time now() const { return now_; }
  [[nodiscard]] const engine::Progress& progress() const { return progress_; }
  /// Attempts whose answer the engine has taken without an error: paid, so never to be asked for again.
  [[nodiscard]] const std::vector<std::string>& heard() const { return heard_; }
  [[nodiscard]] std::uint64_t crashes() const { return crashes_; }
  [[nodiscard]] const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  enum class End : std::uint8_t { kDone, kStopped, kCrashed, kBroken, kFailed };
  struct Delivery {  // an outcome on its way to the engine
    Time at;
    std::uint64_t order = 0;
    engine::Call::Kind kind = engine::Call::Kind::kSync;
    std::uint64_t call = 0;
    std::string attempt;                     // of a sync request
    std::optional<http::Response> response;  // whole or, for rows with an error, in part
    std::optional<Error> error;
  };

  Result<void> open(Process& process);
  void arm();
  End live();
  End turns(Process& process);
  Result<void> step(Process& process, const engine::Turn& turn, bool* stuck);
  Delivery perform(Process& process, engine::Call call);
  Result<http::Request> assemble(Process& process, const engine::Call& call);
  Result<void> deliver(Process& process, Delivery delivery);
  Result<void> deliver_rows(Process& process, Delivery& delivery);
  void complain(std::string what) { complaints_.push_back(std::move(what)); }
  void check_spend();

  const Scenario& scenario_;
  Documents documents_;
  Folder folder_;
  SeededRandom random_;
  CrashPoint crash_;
  catalogue::Catalogue catalogue_;
  catalogue::Provider provider_;
  const provider::Adapter* adapter_ = nullptr;
  provider::Credentials credentials_;
  std::unique_ptr<sim::Simulator> simulator_;
  Time now_;
  std::optional<Time> deadline_;
  std::optional<Money> spend_max_;
  std::vector<Delivery> deliveries_;
  std::uint64_t order_ = 0, crashes_ = 0, disk_failures_ = 0, drains_ = 0, processes_ = 0;
  engine::Progress progress_;
  std::string why_;
  std::vector<std::string> heard_, complaints_;
};

}  // namespace weir::simulation
