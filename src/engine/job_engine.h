#pragma once
// The engine of one job: takes items from a source, decides, and says what to send. Pure: no thread, socket, clock or
// random source of its own; it is driven by events with `now`, and owns all of the job's state. Not thread-safe.
//
// The driver's loop: hand in what happened (on_…), call turn(), perform the calls that it returns, come back at wake_at. A turn
// commits before it returns what must be journalled first, so a crash at any point is a crash between two turns.
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "catalogue/catalogue.h"
#include "cost/ledger.h"
#include "engine/account.h"
#include "engine/content_state.h"
#include "engine/file.h"
#include "engine/journal.h"
#include "engine/plan_segment.h"
#include "engine/result_log.h"
#include "engine/retry.h"
#include "engine/row_splitter.h"
#include "engine/source.h"
#include "engine/state.h"
#include "engine/store.h"
#include "json/lines.h"
#include "json/value.h"
#include "plan/cached_content.h"
#include "plan/plan.h"
#include "plan/prefix_stats.h"
#include "plan/request_blocks.h"
#include "plan/request_head.h"
#include "provider/adapter.h"
#include "provider/cached_content.h"

namespace weir::engine {

struct JobOptions {
  JobIdentity identity;
  plan::RouteWish wish = plan::RouteWish::kAuto;
  std::optional<Time> deadline;
  bool caching = true;
  plan::ContentWish contents = plan::ContentWish::kAuto;
  std::optional<Money> spend_max;
  std::uint64_t concurrency_max = 8;
  std::uint32_t attempts_max = kAttemptsMax;  // of one item that reached the provider
  std::uint64_t batches_running_max = 4;      // bounds the spool on disk
  bool fallback_to_standard = true;  // false: where an optimisation step fails, its items fail
  Duration fallback_timeout =
      std::chrono::minutes(30);  // from the image to the provider's batch id
  std::optional<Duration>
      batch_timeout;  // of a running batch; none: the provider's window and a little more
  std::uint64_t fence = 1;
  std::string folder;  // of the store: segments, slots, images
  std::string output_path;
  Tokens output_max{1024};
  std::vector<std::string> reasons = {};  // of what was decided before the job began
};

/// Of one request by the standard API, as long as none was seen.
inline constexpr std::chrono::seconds kSyncLatency{8};
/// How long so many items take by the standard API, before anything of the account is known.
Duration sync_time_expected(std::uint64_t items, std::uint64_t concurrency);

/// What the job works with; all borrowed, must outlive the engine.
struct JobParts {
  const provider::Adapter& adapter;
  const catalogue::Provider& provider;
  const catalogue::Model& model;
  const provider::Credentials& credentials;
  ItemSource& source;
  Store& store;
  FileSystem& files;
  UsageJournal& journal;
  Random& random;
  Account* account = nullptr;                     // shared with other jobs; null: one of its own
  const plan::PrefixStats* known_hits = nullptr;  // what earlier jobs saw corrects the plan…
  plan::PrefixStats* new_hits = nullptr;  // …and what this one sees goes here, once it is committed
};

/// A request to perform. Its outcome comes back by the id: on_answer, on_failure, or for `rows` on_rows… and on_rows_end.
struct Call {
  enum class Kind : std::uint8_t { kSync, kBatchStep, kRows, kContent };
  std::uint64_t id = 0;
  Kind kind = Kind::kSync;
  http::RequestPlan plan;
  std::string image_path;
  std::string operation;
};

struct Turn {
  std::vector<Call> calls;
  std::optional<Time> wake_at;  // nothing to do before it, unless something happens
  bool done = false;            // every item has ended, or stopped_because says why not
};

/// For people: where the job stands.
struct Progress {
  std::uint64_t items = 0, succeeded = 0, failed = 0, cancelled = 0;
  std::uint64_t in_flight = 0, in_batches = 0, retrying = 0;
  std::uint64_t batches_running = 0, batches_ended = 0, batches_held = 0;
  MoneySum spent, exposure, reserved;
  std::string doing;  // "encoding batch 2", "batch 1 in_progress", …
  [[nodiscard]] std::uint64_t ended() const { return succeeded + failed + cancelled; }
};

class JobEngine {
 public:
  /// Begins the job, or goes on with the one in the store.
  /// @error kInvalidArgument it is another job (the message shows the difference); what Store and files report.
  static Result<std::unique_ptr<JobEngine>> create(JobOptions options, JobParts parts, Time now);
  ~JobEngine();
  JobEngine(const JobEngine&) = delete;
  JobEngine& operator=(const JobEngine&) = delete;

  // An error of any of these is the store's, a file's or our own bug. From then on nothing is committed any more: what stands
  // in memory may be half done, what stands on disk is whole, and another engine goes on from there.
  Result<Turn> turn(Time now) { return noted(take_turn(now)); }
  /// The complete answer to a kSync, kBatchStep or kContent call. For a kRows call: its artefact was refused (any status but 200); the
  /// rows that came before are kept, and the adapter says whether to ask again.
  Result<void> on_answer(std::uint64_t call, http::Response response, Time now) {
    return noted(take_answer(call, std::move(response), now));
  }
  /// kUnavailable, kUnauthenticated (no access token was to be had): surely not sent. kDeadlineExceeded: outcome unknown. kCancelled:
  /// the driver stopped it (unknown as well).
  Result<void> on_failure(std::uint64_t call, const Error& error, Time now) {
    return noted(take_failure(call, error, now));
  }
  /// Bytes of a kRows artefact. False: stop reading, on_rows_end is not due.
  Result<bool> on_rows(std::uint64_t call, std::string_view bytes, Time now) {
    return noted(take_rows(call, bytes, now));
  }
  Result<void> on_rows_end(std::uint64_t call, Time now) { return noted(take_rows_end(call, now)); }

  /// No item and no batch is begun any more. What is in flight may still answer, and a batch whose step is answered goes on to
  /// the next until it has to wait: an upload is not left without its create. turn().done comes when nothing is in flight.
  void drain() { draining_ = true; }
  /// Batches are cancelled, what they finished is taken, and every other item ends cancelled; turn().done comes then.
  Result<void> cancel();
  /// Opens items of an ended job again, for each of which `wanted` says so of its last record; only those that failed or were
  /// cancelled are asked about. Ledger entries of earlier tries stay; the output is written anew beside the old one and replaces
  /// it when every item has ended again. Returns how many were opened: with 0 nothing has changed.
  /// @error kInvalidArgument the job has not ended, or a batch is held: its rows may yet answer what would be tried again.
  using Wanted = std::function<Result<bool>(const ResultLog::Record&)>;
  Result<std::uint64_t> retry(const Wanted& wanted, Time now) { return reopen(wanted, now); }
  /// A human says what became of a held batch; the engine goes on from there.
  /// @error kNotFound no such batch; kInvalidArgument it is not held, or the answer cannot be true of it.
  Result<void> settle(std::uint64_t number, const provider::Settlement& settlement, Time now);
  /// Somebody says that this batch of the provider's may have ended: it is looked at now, not at its next poll. No state changes by it,
  /// and a batch is looked at so at most once in some seconds, so that bursts and lies do no harm. Turn afterwards. Returns whether
  /// the batch is one of the job's.
  bool hear(std::string_view provider_batch_id, Time now);
  /// Commits what is settled; drivers call it every 100 ms of real time while there is traffic.
  Result<void> flush();
  /// Whether flush() has something worth a commit.
  [[nodiscard]] bool unsettled() const {
    return !ledger_pending_.empty() || !rows_dirty_.empty() || log_->dirty() ||
           !slots_settled_.empty();
  }
  /// Adds real time spent by this process to the job.
  void add_wall(Duration wall) { job_.wall += wall; }

  [[nodiscard]] Progress progress() const;
  [[nodiscard]] const JobState& job() const { return job_; }
  /// `free` is called when the account has room for a request that a turn could not send: turn again soon. Not from within it.
  void on_room(std::function<void()> free) { account_->on_free(seat_, std::move(free)); }
  /// Why the job stopped before every item ended; empty when it did not.
  [[nodiscard]] const std::optional<Error>& stopped() const { return stopped_; }
  [[nodiscard]] bool spend_stopped() const { return spend_stopped_; }

 private:
  struct Flight {  // one sync attempt on its way
    std::uint64_t item = 0, sequence = 0;
    std::uint32_t slot = 0;
    AttemptId attempt;
    Money ceiling;
    Time sent_at{};
    PackedMarks marks;
    bool marked = false;        // a mark of ours is in it
    bool reads = false;         // and what it marks had been written before
    std::uint64_t content = 0;  // number of the cached content that it names; 0: none
  };
  struct Planning {  // the items read so far
    explicit Planning(const provider::Adapter& adapter) : blocks(adapter) {}
    plan::PrefixTrie trie;
    plan::RequestBlocks blocks;
    plan::HeadFinder heads;
    std::uint64_t first = 0, next = 0;  // of the chunk that is planned at once; to be read
  };
  struct BatchRun {
    BatchState state;
    std::uint64_t version = 0;
    bool dirty = false;
    std::optional<Time> wake_at;
    std::optional<Time> look_at;  // when it was, or will be, looked at because somebody said so…
    bool look_again = false;      // …and somebody did while it was being asked for
    Time resumed_at{};     // when this process took it over; the epoch for a batch of its own
    std::string artefact;  // being collected
    std::optional<RowSplitter> splitter;
    std::optional<std::uint64_t> seen_done;     // items done as the provider counts them…
    Time seen_at{}, polled_at{};                // …when that last changed, and was last asked for
    std::optional<Duration> item_time;          // of one item, at the pace seen last
    std::uint64_t cut_line = 0, cut_count = 0;  // where the artefact broke off, and how often there
  };
  struct ContentRun {  // the cached content that lives, or may
    ContentState state;
    std::uint64_t version = 0;
    bool dirty = false;
    std::uint64_t call = 0;  // under way; 0: none
    enum class Asked : std::uint8_t { kCreate, kList, kExtend, kDelete } asked = Asked::kCreate;
    Time asked_at{};
    bool in_doubt = false;         // whether it was made
    bool delete_heard = false;     // a delete may have come through without an answer
    std::uint32_t tries = 0;       // of what is to be done next
    std::optional<Time> wake_at;   // when it is tried again
    std::uint32_t refused = 0;     // requests in a row that were refused with it
    bool extended_enough = false;  // it could not be: it is left to expire
    Time doubt_since{};            // of this process
  };
  struct Filling {  // a batch whose image is being written
    enum class From : std::uint8_t { kOrder, kPart, kReplan };
    From from = From::kOrder;
    MemberRange range;  // may hold more than fits
    BatchState state;
    std::unique_ptr<File> image;
    std::uint64_t items_max = 0, bytes_max = 0, tokens_max = 0;
    std::string path, buffer;
    std::uint64_t written = 0;
    std::string digest;  // chained over what was flushed
  };
  struct Ending {  // an item's end, on its way into the result log
    std::uint64_t item = 0;
    std::uint64_t batch = 0, sequence = ResultLog::kNoSequence;
    ItemEnd end = ItemEnd::kNone;
    std::string id, attempt_id;
    std::uint64_t line = 0;
    std::optional<Error> error;
    std::optional<llm::Response> response;
    std::string answer_json, repaired;
    llm::Route route = llm::Route::kSync;
    Money cost;
    bool marked = false;
    std::uint32_t attempts = 0;
    std::vector<std::string> reasons;
  };

  JobEngine(JobOptions options, JobParts parts);

  // job_engine.cc: life and commits
  template <class T>
  Result<T> noted(Result<T> result) {
    if (!result && !broken_) broken_ = result.error();
    return result;
  }
  Result<void> begin(Time now);
  Result<Turn> take_turn(Time now);
  Result<void> expect_progress(Turn& turn, Time now);
  bool out_of_work() const;
  std::size_t running() const;  // batches: an ended one stays in the map until its commit
  Result<void> commit_now(std::string name);
  Result<void> extend_output(bool all);
  bool complete() const { return counts_.ended() == job_.items; }
  void reason(std::string text);
  std::optional<Time> next_wake(Time now) const;
  Result<void> finish(Time now);

  // job_plan.cc: route, order and marks
  plan::PlanInput plan_input(Time now) const;
  Result<void> plan_job(Time now);
  Result<void> plan_item(std::uint64_t item);
  Result<void> decide(Time now);
  plan::PrefixSettings later_settings(Time now) const;
  void plan_stages(const plan::PrefixPlan& prefixes, Time now);
  Result<void> order_chunk(const plan::PrefixPlan& prefixes);
  Result<PlanEntry> member(const MemberRange& range, std::uint64_t sequence);
  PlanEntry unplaced(std::uint64_t item) const;
  bool prefixes_shared() const { return job_.ordered || job_.writer != PlanEntry::kNobody; }
  void observe_reads();
  plan::PrefixStats::Key hits_key() const;
  plan::HitRate expected_hits(Time now) const;
  void tell_hits(Time now);
  void judge_probe();

  // job_recover.cc: what an earlier process left
  Result<void> resume(std::vector<LoadedAggregate> loaded, Time now);
  Result<void> load_batch(const LoadedAggregate& aggregate, Time now);
  Result<void> recover_journal();
  Result<void> settle_left_over(const JournalEntry& entry, bool answered);

  // job_end.cc: how an item ends
  Result<void> end_item(Ending ending);
  Result<void> end_rejected(std::uint64_t item, const Item& source_item, Error error);
  Result<void> end_answered(llm::Response response, llm::Route route, cost::LedgerEntry entry,
                            std::string attempt_id, bool marked);
  Result<void> end_failed(std::uint64_t item, std::uint64_t sequence, Error error,
                          ItemEnd end = ItemEnd::kFailed);
  cost::LedgerEntry billed_entry(cost::LedgerEntry entry, llm::Route route) const;
  void book(const cost::LedgerEntry& entry);
  std::string output_line(const Ending& ending) const;
  ItemRow& deviate(const PlanEntry& entry, ItemRow::State state, std::string why);

  // job_sync.cc: the standard API
  Result<void> send_sync(Time now);
  Result<bool> send_place(Time now);
  Result<bool> send_item(const PlanEntry& entry, Time now);
  bool in_flight(std::uint64_t item) const;
  Result<void> take_answer(std::uint64_t call, http::Response response, Time now);
  Result<void> take_failure(std::uint64_t call, const Error& error, Time now);
  Result<void> sync_answer(const Flight& flight, const http::Response& response, Time now);
  Result<void> sync_failed(const Flight& flight, const Error& error, JournalEntry::Outcome outcome,
                           Time now);
  std::optional<std::uint64_t> next_retry(Time now);
  llm::Request prepared(Item item, PackedMarks marks, const plan::CachePlan& cache,
                        bool* marked) const;
  const plan::CachePlan& sync_cache(Time now);
  bool affordable(Money ceiling) const;
  void reserve(Money ceiling) { reserved_ = reserved_ + ceiling; }
  void release(Money ceiling) {
    reserved_ = reserved_ - ceiling;
    spend_waits_ = false;
  }
  Money ceiling_of(const llm::Request& request, llm::Route route, std::uint64_t bytes,
                   Time now) const;

  // job_content.cc and job_content_answers.cc: a cached content for the sync route
  bool contents_wanted() const;
  std::uint64_t sync_items_left() const;
  Result<void> content_turn(Time now);
  Result<void> consider_content(Time now);
  Result<void> make_content(const plan::ContentPlan& content, Time now);
  Result<bool> load_head();
  bool content_over() const;
  bool content_holds(Time now) const;
  bool content_rests() const;
  bool content_in_flight() const;
  std::optional<Time> content_wake(Time now) const;
  bool fits_content(std::uint64_t item, const llm::Request& request, Time now) const;
  Result<http::RequestPlan> encode_attempt(const llm::Request& request, Flight& flight,
                                           Time now) const;
  Money content_ceiling(const ContentState& state, Duration life) const;
  void reserve_content(Money ceiling);
  Result<void> resume_content(const LoadedAggregate& aggregate, Time now);
  Result<void> ask_content(ContentRun::Asked what, Result<http::RequestPlan> plan, Time now);
  Result<void> list_contents(std::string_view page, Time now);
  Result<void> extend_content(Time now);
  Result<void> delete_content(Time now);
  void stop_content(std::string why, Time now);
  Result<void> content_answer(const http::Response& response, Time now);
  Result<void> content_failure(const Error& error, bool not_sent, Time now);
  Result<void> content_made(const provider::CachedContent& made, const http::Response& response,
                            Time now);
  Result<void> content_listed(const http::Response& response, Time now);
  Result<void> content_extended(const http::Response& response, Time now);
  Result<void> content_deleted(const http::Response& response, Time now);
  void content_doubt(std::string_view why, Time now);
  void content_refused(const Error& error, Time now);
  void content_not_made(std::string why);
  void content_told(const provider::CachedContent& told, const http::Response& response, Time now);
  void end_content(Time until, bool known);
  void content_lost();
  void content_read(const Flight& flight, const llm::Usage& usage, Time priced_at);
  Result<bool> refused_with_content(const Flight& flight, const Error& error, Time now);

  // job_fill.cc: batches are planned, their images written
  Result<void> plan_batches(Time now);
  Result<void> start_filling(Filling::From from, MemberRange range, Time now);
  Result<void> plan_part(Time now);
  Result<void> plan_again(Time now);
  Result<void> fill(Time now);
  enum class Fit : std::uint8_t { kTaken, kSkipped, kFull };
  Result<Fit> fill_item(const PlanEntry& entry, std::uint64_t sequence, Time now);
  bool ahead() const { return job_.stage < job_.stages.size(); }
  bool stage_under_way();
  Result<void> flush_image();
  void advance();
  Result<void> drop_filling();

  // job_quota.cc: what the provider's queue takes
  Time next_batch_at(Time now);
  std::uint64_t queue_room() const;
  void limit(Filling& filling) const;
  void enqueue(const BatchState& batch);
  Result<void> too_few(Time now);
  Result<void> finish_filling(Time now);
  std::vector<PlanEntry> replan_candidates() const;
  std::string image_path(std::uint64_t number) const;
  MemberRange order() const { return {.planned = job_.ordered, .first = 0, .count = job_.items}; }

  // job_deadline.cc: whether there is time
  Duration sync_time(std::uint64_t items) const;
  Time latest_stop(const BatchRun& run) const;
  static void watch(BatchRun& run, const provider::BatchView& view, Time now);
  bool in_time(const BatchRun& run, Time now) const;
  bool time_for_a_batch(std::uint64_t items, Time now) const;

  // job_batch.cc and job_refused.cc: a batch's life
  Result<void> feed(BatchRun& run, provider::BatchEvent event, Time now);
  void keep_id(const BatchState& batch, bool held);
  Result<void> perform(BatchRun& run, provider::Step step, Time now);
  Result<void> batch_timers(Time now);
  Result<void> finish_batch(BatchRun& run, const provider::Finished& finished, Time now);
  StopCause stop_cause(const BatchRun& run, Time now) const;
  Result<void> refused(BatchRun& run, const provider::Finished& finished, Time now);
  Result<void> send_in_halves(BatchRun& run);
  enum class Fate : std::uint8_t { kReplan, kStandard, kCancelled };
  Result<void> settle_members(BatchRun& run, Fate fate, const Error& why);
  Result<void> book_destroyed(BatchRun& run, Time now);
  Result<void> refuse_line(BatchRun& run, const provider::Finished& finished);
  Result<void> fall_back(const PlanEntry& entry, const Error& why, Time due);
  static Time wake_of(BatchRun& run, Duration wait, Time now);

  // job_same.cc: identical requests
  Result<bool> is_open(std::uint64_t item);
  Result<void> answer_same(std::uint64_t item, std::uint64_t first);
  Result<void> answer_repeats();

  // job_again.cc: ended items are tried again, held batches settled by hand
  Result<std::uint64_t> reopen(const Wanted& wanted, Time now);
  Result<void> reopen_item(const ResultLog::Record& record, Time now);
  Result<void> reopen_firsts(std::vector<std::uint64_t>& items, Time now);
  std::string output_file() const;
  Result<Watermark> output_so_far();
  Result<void> replace_output();
  Result<BatchRun> held_batch(std::uint64_t number, const provider::Settlement& settlement);
  Result<void> settled_by_hand(BatchRun& run, Time now);
  Result<void> book_lost(const BatchRun& run, Time now);

  // job_cancel.cc
  Result<void> cancel_turn(Time now);
  static Error job_cancelled();

  // job_rows.cc: the rows of its artefacts
  Result<bool> take_rows(std::uint64_t call, std::string_view bytes, Time now);
  Result<void> take_rows_end(std::uint64_t call, Time now);
  Result<void> artefact_failed(BatchRun& run, Error error, Time now);
  Result<void> page_ended(BatchRun& run, const json::PageSplitter& page, Time now);
  Result<bool> row_line(BatchRun& run, const json::LineSplitter::Line& line, Time now);
  Result<bool> handle_row(BatchRun& run, provider::Row row, Time now);
  Result<bool> late_row(const provider::Row& row, cost::LedgerEntry entry);
  Result<void> errored_row(BatchRun& run, provider::Row row, const PlanEntry& entry, Time now);
  Result<void> broken_row(BatchRun& run, const json::LineSplitter::Line& line, Error error,
                          Time now);
  Result<Money> row_ceiling(const PlanEntry& entry, Time now);
  bool book_repeat(cost::LedgerEntry entry);
  bool left_batch(std::uint64_t item) const;

  JobOptions options_;
  JobParts parts_;
  std::unique_ptr<Account> own_account_;
  Account* account_;
  Account::Seat seat_;
  JobState job_;
  std::uint64_t job_version_ = 0;
  bool job_dirty_ = false, must_commit_ = false;
  std::unique_ptr<ResultLog> log_;
  std::unique_ptr<PlanSegment> plan_;
  ResultCounts counts_;
  cost::LedgerTotals totals_;  // of the whole ledger, kept up with each entry
  Money reserved_;             // ceilings of flights and of running and held batches
  std::set<std::pair<std::uint64_t, std::uint64_t>>
      repeats_;  // batch rows booked though they answered nothing

  std::map<std::uint64_t, ItemRow> deviating_;
  std::vector<std::uint64_t> rows_dirty_;
  std::vector<std::uint64_t> rows_ended_;
  std::map<std::uint64_t, Time> retry_due_;                        // item -> when
  std::unordered_map<std::uint64_t, std::uint32_t> rate_limited_;  // item -> 429s so far
  std::unordered_map<std::uint64_t, Flight> flights_;              // call -> attempt
  std::unordered_map<std::uint64_t, std::uint64_t> batch_calls_;   // call -> batch number
  std::map<std::uint64_t, BatchRun> batches_;                      // running ones, by number
  std::optional<Planning> planning_;
  bool formats_ = false;  // requests want answers of a schema: decides the route
  std::optional<Filling> filling_;
  std::uint64_t batches_ended_ = 0, batches_held_ = 0;
  // Provider's ids of batches that ended or are held, and of those that are held unsure: a few bytes a batch.
  std::vector<std::string> ids_taken_, ids_claimed_;

  std::string hits_account_;  // whose hits are counted together
  struct HitsSeen {
    std::uint64_t due = 0, hits = 0;
    Time at;
  };
  std::vector<HitsSeen> hits_untold_;  // until the commit that says they were told
  std::vector<cost::LedgerEntry> ledger_pending_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>>
      answers_undone_;                        // ledger keys whose item is open again
  std::vector<std::uint32_t> slots_settled_;  // to release after the commit
  std::vector<std::string> images_done_;      // to remove after the commit
  std::vector<Call> calls_;
  std::uint64_t next_call_ = 1, next_sequence_ = 1;

  std::optional<ContentRun> content_;
  std::optional<llm::Request> content_head_;  // what it holds
  std::uint64_t contents_made_ = 0;           // numbers handed out so far
  std::uint64_t content_considered_ = 0;      // so many reads did not pay for one
  bool contents_off_ = false;                 // it went wrong: no more of them in this process
  std::uint32_t content_failures_ = 0;        // creates that came to nothing for a while…
  std::optional<Time> content_pause_until_;   // …and until when none is tried
  std::set<std::uint64_t> content_declined_;  // items that go without it

  std::optional<plan::CachePlan> fallback_cache_;  // of single items that leave a batch job
  bool sync_primed_ = true;  // false: what is to be read is still to be written by the first answer
  std::uint64_t request_tokens_ = 0;       // of the last sync request, about
  std::optional<Time> batch_pause_until_;  // the provider's queue was full
  std::uint32_t queue_full_ = 0;           // so often in a row
  Duration sync_latency_ = kSyncLatency;   // of one request, as seen lately
  bool rest_standard_ = false;      // of a batch job, when there is no time for another batch
  std::uint64_t cancelled_to_ = 0;  // places that cancel_turn has ended
  bool draining_ = false, spend_stopped_ = false;
  bool spend_waits_ = false;  // nothing is affordable until something that runs frees its reserve
  bool idle_ = false;         // the last turn had nothing to wait for
  std::optional<Error> stopped_, broken_;
};

/// The usage of an output line, as output_line wrote it.
llm::Usage usage_of_line(json::Value line);

}  // namespace weir::engine
