#pragma once
// One run of a scenario: processes (engine, store, journal, files on a disk in memory) that live and die, one after the other,
// beside a simulated provider that lives on. One thread, virtual time, everything drawn from the seed.
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "catalogue/catalogue.h"
#include "engine/job_engine.h"
#include "faulty.h"
#include "memory_disk.h"
#include "memory_vfs.h"
#include "mutation.h"
#include "runtime/mapped_journal.h"
#include "runtime/sqlite_store.h"
#include "scenario.h"
#include "sim/simulator.h"
#include "wire.h"

namespace weir::simulation {

/// What a process holds while it lives.
struct Process {
  std::unique_ptr<runtime::SqliteStore> store;
  std::unique_ptr<runtime::MappedJournal> journal;
  std::unique_ptr<MemoryFiles> files;
  std::unique_ptr<FaultyStore> faulty_store;
  std::unique_ptr<FaultyJournal> faulty_journal;
  std::unique_ptr<Mutation> mutation;
  std::unique_ptr<engine::JobEngine> engine;
  Duration skew{0};  // its clock against the true one
  Time pulse_at;     // of the driver's last pulse
  std::vector<std::pair<std::string, std::string>>
      learning;  // (operation, id) that the provider told and no turn has committed yet
};

class World {
 public:
  /// `mutation` may be empty.
  explicit World(const Scenario& scenario, MakeMutation mutation = {});
  /// Runs process after process until the job is done. False: it never gets there; why() tells.
  bool run();
  /// The ended job is to be tried again by the next run(). False: the scenario has no more retries, or every item has its answer.
  bool begin_retry();
  [[nodiscard]] const std::string& why() const { return why_; }

  [[nodiscard]] std::string folder() const { return "/job/answers.jsonl.weir"; }
  [[nodiscard]] std::string output_path() const { return "/job/answers.jsonl"; }
  [[nodiscard]] MemoryDisk& disk() { return disk_; }
  [[nodiscard]] const std::string& vfs() const { return vfs_.name(); }
  [[nodiscard]] sim::Simulator& simulator() { return *simulator_; }
  [[nodiscard]] Documents& documents() { return documents_; }
  [[nodiscard]] const catalogue::Provider& provider() const { return provider_; }
  [[nodiscard]] const catalogue::Model& model() const { return *model_; }
  [[nodiscard]] Time now() const { return now_; }
  [[nodiscard]] const engine::Progress& progress() const { return progress_; }
  struct Taken {
    std::string attempt;
    std::uint64_t retries = 0;  // begun before
  };
  /// Attempts whose answer the engine has taken without an error: paid, so never to be asked for again but by a retry.
  [[nodiscard]] std::vector<Taken> heard() const;
  /// The retries that opened the item again.
  [[nodiscard]] const std::set<std::uint64_t>& opened_by(std::uint64_t item) const;
  /// Items opened again, by all retries.
  [[nodiscard]] std::uint64_t reopened() const;
  /// Attempts that may be billed and stand in no ledger, for a reason that the design admits.
  [[nodiscard]] bool excused(const std::string& attempt) const {
    return lost_intents_.contains(attempt) || wire_.spoilt().contains(attempt);
  }
  /// What the job may leave behind at the provider: see check_left_over.
  [[nodiscard]] bool may_stay(const std::string& id) const { return undeletable_.contains(id); }
  [[nodiscard]] std::size_t undeletable() const { return undeletable_.size(); }
  /// Listings of what is to be deleted that failed.
  [[nodiscard]] std::uint64_t unswept() const { return unswept_; }
  [[nodiscard]] bool told(const std::string& id) const { return told_.contains(id); }
  [[nodiscard]] std::uint64_t untold_uploads() const { return untold_uploads_; }
  [[nodiscard]] std::uint64_t untold_creates() const { return untold_creates_; }
  [[nodiscard]] http::Request request(http::Method method, std::string_view path) const;
  /// Result files that the provider named to the engine, and that it has not read to their end.
  [[nodiscard]] const std::set<std::string>& unread() const { return unread_; }
  /// The most bytes of a request's body that stood in memory, of uploads and creates.
  [[nodiscard]] std::size_t inline_bytes_max() const { return inline_bytes_max_; }
  /// Deaths at which the output held some lines, but not all.
  [[nodiscard]] std::uint64_t partial_outputs() const { return partial_outputs_; }
  /// The next process works for another account.
  void use_account(std::string account) { account_ = std::move(account); }
  [[nodiscard]] std::uint64_t creates() const { return creates_; }
  [[nodiscard]] std::uint64_t crashes() const { return crashes_; }
  [[nodiscard]] std::uint64_t power_losses() const { return power_losses_; }
  [[nodiscard]] const std::map<std::string, std::uint64_t>& commits() const { return commits_; }
  [[nodiscard]] const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  enum class End : std::uint8_t { kDone, kStopped, kCrashed, kBroken, kFailed };
  struct Delivery {  // an outcome on its way to the engine
    Time at;
    std::uint64_t order = 0;
    engine::Call::Kind kind = engine::Call::Kind::kSync;
    std::uint64_t call = 0;
    std::string operation, target;
    std::string attempt;                     // of a sync request
    std::optional<http::Response> response;  // whole or, for rows with an error, in part
    std::optional<Error> error;
  };
  struct Heard {
    std::string attempt;
    Time at;
    std::uint64_t process = 0, commits = 0;  // so many there were before
    bool durable = false;                    // a commit has followed, or the kernel wrote it back
    std::uint64_t retries = 0;
  };

  Result<void> open(Process& process);
  void arm();
  End live();
  End turns(Process& process);
  std::optional<End> ended(Process& process, bool drained);
  Result<void> open_again(Process& process);
  bool note_retry();
  void check_replaced_output(bool ended);
  void rest();
  void bury(const Process& process, bool crashed);
  Result<void> step(Process& process, const engine::Turn& turn, bool* stuck);
  Result<void> pass_time(Process& process, Time until);
  Result<void> pulse(Process& process);
  Delivery perform(Process& process, engine::Call call);
  [[nodiscard]] bool image_is_bad(const std::string& path) const;
  Result<http::Request> assemble(Process& process, const engine::Call& call);
  Result<void> deliver(Process& process, Delivery delivery);
  Result<void> deliver_rows(Process& process, Delivery& delivery);
  void expect_intent(Process& process, const engine::Call& call, const http::Request& request);
  std::vector<engine::LoadedAggregate> left_after_power_loss(MemoryDisk& left, std::string_view at);
  void expect_content_intent(const http::Request& request);
  void learn(Process& process);
  void watch(Process& process, const Delivery& delivery);
  [[nodiscard]] std::string reasons(const Process& process) const;
  [[nodiscard]] Time clock(const Process& process) const { return now_ + process.skew; }
  void complain(std::string what) { complaints_.push_back(std::move(what)); }
  void check_spend();

  const Scenario& scenario_;
  MakeMutation mutation_;
  Documents documents_;
  SeededRandom random_;
  CrashPoint crash_;
  MemoryDisk disk_;
  MemoryVfs vfs_;
  Wire wire_;
  catalogue::Provider provider_;
  std::shared_ptr<const catalogue::Model> model_;
  const provider::Adapter* adapter_ = nullptr;
  provider::Credentials credentials_;
  std::unique_ptr<sim::Simulator> simulator_;
  Time now_;  // the true time, which is the provider's
  std::optional<Time> deadline_;
  std::optional<Money> spend_max_;
  std::vector<Delivery> deliveries_;
  std::uint64_t retries_ = 0;          // begun
  bool retry_due_ = false;             // …and not yet committed, as far as we know
  bool retry_tried_ = false;           // a process has asked the engine for it
  std::vector<std::string> replaced_;  // the output that the retry is to replace, by line
  std::map<std::uint64_t, std::set<std::uint64_t>> opened_;  // item -> retries
  std::uint64_t order_ = 0, crashes_ = 0, power_losses_ = 0, disk_failures_ = 0, drains_ = 0,
                processes_ = 0, creates_ = 0;
  engine::Progress progress_;
  std::string why_;
  std::vector<Heard> heard_;
  std::map<std::string, Time> unsynced_intents_;  // attempts in the journal that only memory holds
  std::set<std::string> lost_intents_;
  std::set<std::string> contents_asked_;  // attempts
  std::set<std::string> told_, undeletable_;
  std::uint64_t unswept_ = 0;
  std::uint64_t untold_uploads_ = 0, untold_creates_ = 0, partial_outputs_ = 0;
  std::set<std::string> unread_, read_;
  std::size_t inline_bytes_max_ = 0;
  std::string account_ = "default";
  std::map<std::string, std::uint64_t> commits_;  // by name
  std::vector<std::string> complaints_;
};

}  // namespace weir::simulation
