// `weir job`: one subcommand a verb.
#include <fmt/format.h>

#include "bulk/job.h"
#include "cli/commands.h"
#include "cli/run_options.h"

namespace weir::cli {
namespace {

constexpr const char* kCodes =
    "Exit codes, as of weir run: 0 done · 1 disk, store or a bug of ours · 2 the command is wrong "
    "or "
    "there is no such job\n"
    "· 3 items failed or were cancelled · 4 stopped before the end · 130 interrupted";

// Everything that a verb may be told; each adds what it takes.
struct JobFlags {
  bulk::JobName name;
  std::vector<std::string> dirs, ids;
  bulk::ExportWish wish;
  bulk::Owning owning;
  std::string spend_max, provider_batch, older_than;
  std::uint64_t batch = 0;
  bool json = false, failed = false, not_made = false, lost = false, force = false, dry_run = false;
};
using Flags = std::shared_ptr<JobFlags>;

CLI::App* add_verb(CLI::App& job, const char* name, const char* what, const std::string& more) {
  auto* verb = job.add_subcommand(name, what);
  verb->footer(fmt::format("\n{}\n\n{}", more, kCodes));
  return verb;
}

void add_name(CLI::App& verb, JobFlags& flags) {
  verb.add_option("job", flags.name.name, "its output file, its folder, or the beginning of its id")
      ->required();
  verb.add_option("--dir", flags.name.dir, "folder in which an id is looked for")
      ->capture_default_str();
}

void add_json(CLI::App& verb, JobFlags& flags) {
  verb.add_flag("--json", flags.json, "for machines");
}

// What a process that becomes the owner may be told anew.
void add_owning(CLI::App& verb, JobFlags& flags) {
  verb.add_option("--key-file", flags.owning.key_file,
                  "file with the API key (default: as the job was started)");
  verb.add_option("--spend-max", flags.spend_max, "dollars, instead of the job's own limit");
  verb.add_option("--concurrency", flags.owning.concurrency, "sync requests in flight at most")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{512}));
  verb.add_flag("--json", flags.json, "events and the receipt as JSON lines on stdout");
  verb.add_flag("-q,--quiet", flags.owning.quiet, "no progress and no notes");
}

bulk::ExitCode refuse(const std::string& text) {
  fmt::print(stderr, "weir: {}\n", text);
  return bulk::ExitCode::kUsage;
}

// Runs `act` with what the owner needs; a limit that is no amount is told before.
template <class Act>
void own(CLI::App* verb, const Flags& flags, int& code, Act act) {
  verb->callback([flags, &code, act] {
    auto& owning = flags->owning;
    owning.find_adapter = find_adapter;
    owning.read_command = read_command;
    owning.json = flags->json;
    if (!flags->spend_max.empty()) {
      const auto money = parse_usd(flags->spend_max);
      if (!money || money->pico <= 0) {
        code = static_cast<int>(refuse(fmt::format(
            "--spend-max '{}' is no amount of dollars (such as 5.00)", flags->spend_max)));
        return;
      }
      owning.spend_max = *money;
    }
    code = static_cast<int>(act(*flags));
  });
}

template <class Act>
void look(CLI::App* verb, const Flags& flags, int& code, Act act) {
  verb->callback([flags, &code, act] { code = static_cast<int>(act(*flags)); });
}

void add_looking(CLI::App& job, int& code) {
  auto flags = std::make_shared<JobFlags>();
  auto* list = add_verb(job, "list", "lists the jobs of a folder, with state, progress and money",
                        "A job is the folder OUTPUT.weir/ beside an output of weir run. States: "
                        "running (with its process),\nstopped (weir job resume goes on), held (a "
                        "batch must be settled), done, cancelled. It works beside running jobs.");
  list->add_option("dir", flags->dirs, "folders to look into (default: this one)");
  add_json(*list, *flags);
  look(list, flags, code, [](const JobFlags& f) { return bulk::job_list(f.dirs, f.json); });

  flags = std::make_shared<JobFlags>();
  auto* show = add_verb(job, "show", "shows everything that is known of a job",
                        "Identity, plan and reasons, items by state, money, every batch with its "
                        "provider's id, and how to settle a batch that is held.");
  add_name(*show, *flags);
  add_json(*show, *flags);
  look(show, flags, code, [](const JobFlags& f) { return bulk::job_show(f.name, f.json); });

  flags = std::make_shared<JobFlags>();
  auto* watch = add_verb(job, "watch", "shows a job's progress until nobody works on it any more",
                         "Ctrl-C ends the watching, not the job.");
  add_name(*watch, *flags);
  add_json(*watch, *flags);
  look(watch, flags, code, [](const JobFlags& f) { return bulk::job_watch(f.name, f.json); });

  flags = std::make_shared<JobFlags>();
  auto* check =
      add_verb(job, "check", "reads every byte that a job rests on; changes nothing",
               "SQLite's integrity, the CRC of every record, slots, the ledger against the "
               "answers, the output against the\nrecords, the images of running batches. "
               "Each finding says how to mend it; exit code 1 where there is one.");
  add_name(*check, *flags);
  add_json(*check, *flags);
  look(check, flags, code, [](const JobFlags& f) { return bulk::job_check(f.name, f.json); });
}

void add_results(CLI::App& job, int& code) {
  auto flags = std::make_shared<JobFlags>();
  auto* results = add_verb(
      job, "results", "writes what has ended so far as JSONL, in input order",
      "From the job's own records: beside a running owner, and where the output was deleted.\n\n"
      "  weir job results answers.jsonl --failed\n"
      "  weir job results answers.jsonl > answers.jsonl    builds a lost output again");
  add_name(*results, *flags);
  results->add_flag("--failed", flags->wish.results.failed, "only failed and cancelled items");
  results->add_flag("--succeeded", flags->wish.results.succeeded, "only items with an answer");
  look(results, flags, code,
       [](const JobFlags& f) { return bulk::job_results(f.name, f.wish.results); });

  flags = std::make_shared<JobFlags>();
  auto* exports = add_verb(job, "export", "writes the results as CSV or JSONL, into a file at once",
                           "CSV has id, line, state, a column for each field of the answers, the "
                           "error and the cost.\n\n"
                           "  weir job export answers.jsonl --format csv -o answers.csv");
  add_name(*exports, *flags);
  exports->add_option("--format", flags->wish.format, "jsonl or csv")
      ->check(CLI::IsMember({"jsonl", "csv"}))
      ->capture_default_str();
  exports->add_option("-o,--output", flags->wish.output, "file (default: standard output)");
  exports->add_flag("--failed", flags->wish.results.failed, "only failed and cancelled items");
  exports->add_flag("--succeeded", flags->wish.results.succeeded, "only items with an answer");
  look(exports, flags, code, [](const JobFlags& f) { return bulk::job_export(f.name, f.wish); });
}

void add_changing(CLI::App& job, int& code) {
  auto flags = std::make_shared<JobFlags>();
  auto* cancel = add_verb(
      job, "cancel", "gives a job up: batches are cancelled, what they finished is taken",
      "The rest of the items ends cancelled. Where a process owns the job it does so, and this one "
      "watches; else this one\nbecomes the owner. weir job retry opens cancelled items again.");
  add_name(*cancel, *flags);
  add_owning(*cancel, *flags);
  own(cancel, flags, code, [](const JobFlags& f) { return bulk::job_cancel(f.name, f.owning); });

  flags = std::make_shared<JobFlags>();
  auto* resume =
      add_verb(job, "resume", "goes on with a job that was stopped",
               "With the command line that its folder keeps: the same as giving the same "
               "weir run command again.");
  add_name(*resume, *flags);
  add_owning(*resume, *flags);
  own(resume, flags, code, [](const JobFlags& f) { return bulk::job_resume(f.name, f.owning); });

  flags = std::make_shared<JobFlags>();
  auto* retry = add_verb(
      job, "retry", "tries failed (and cancelled) items again",
      "Items with an answer are left alone; what earlier tries cost stays in the ledger. A job "
      "that "
      "was stopped goes on to\nits end first. The output is written anew beside the old one, and "
      "replaces it when every item has ended.");
  add_name(*retry, *flags);
  auto* failed = retry->add_flag("--failed", flags->failed, "not the cancelled ones");
  retry->add_option("--id", flags->ids, "only these items; may be given again")->excludes(failed);
  add_owning(*retry, *flags);
  own(retry, flags, code,
      [](const JobFlags& f) { return bulk::job_retry(f.name, f.ids, f.failed, f.owning); });
}

void add_settle(CLI::App& job, int& code) {
  auto flags = std::make_shared<JobFlags>();
  auto* settle = add_verb(
      job, "settle", "says what became of a batch that is held",
      "A batch is held where Weir could pay twice by guessing: two batches answer to one create, "
      "the "
      "key was refused, the\nresults cannot be read. Look into the provider's console, then say "
      "one "
      "of the three. With --lost every item without\na result is tried again, and stands in the "
      "ledger as unknown, at the most it can have cost.\n\n"
      "  weir job settle answers.jsonl 3 --provider-batch batch_68f0");
  add_name(*settle, *flags);
  settle->add_option("batch", flags->batch, "its number, as weir job show tells it")
      ->required()
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 40));
  auto* adopt = settle->add_option("--provider-batch", flags->provider_batch,
                                   "it is this one: go on with it");
  auto* not_made = settle->add_flag("--not-made", flags->not_made,
                                    "the provider has none: plan its items again");
  auto* lost = settle->add_flag("--lost", flags->lost, "its results are gone: try its items again");
  adopt->excludes(not_made)->excludes(lost);
  not_made->excludes(lost);
  add_owning(*settle, *flags);
  own(settle, flags, code, [](const JobFlags& f) {
    using How = provider::Settlement::How;
    if (f.provider_batch.empty() && !f.not_made && !f.lost)
      return refuse("say how: --provider-batch ID, --not-made or --lost (weir job settle --help)");
    return bulk::job_settle(f.name, f.batch,
                            {.how = f.lost       ? How::kLost
                                    : f.not_made ? How::kNotMade
                                                 : How::kAdopt,
                             .provider_batch_id = f.provider_batch},
                            f.owning);
  });
}

void add_removing(CLI::App& job, int& code) {
  auto flags = std::make_shared<JobFlags>();
  auto* remove =
      add_verb(job, "delete", "deletes a job's folder; its output stays",
               "Refused while it runs, before its end, and where its output does not hold "
               "every result.");
  add_name(*remove, *flags);
  remove->add_flag("--force", flags->force,
                   "though it has not ended, or its results would be lost");
  look(remove, flags, code, [](const JobFlags& f) { return bulk::job_delete(f.name, f.force); });

  flags = std::make_shared<JobFlags>();
  auto* prune = add_verb(job, "prune", "deletes the folders of old jobs; their outputs stay",
                         "Only of jobs that are done or cancelled and whose output holds every "
                         "result.\n\n  weir job prune answers/ --older-than 30d --dry-run");
  prune->add_option("dir", flags->name.dir, "folder to look into")->required();
  prune->add_option("--older-than", flags->older_than, "since the job last changed: 12h, 30d")
      ->required();
  prune->add_flag("--dry-run", flags->dry_run, "only say which");
  look(prune, flags, code, [](const JobFlags& f) {
    const auto age = parse_duration(f.older_than);
    if (!age || *age < Duration{})
      return refuse(
          fmt::format("--older-than '{}' is no duration (such as 12h or 30d)", f.older_than));
    return bulk::job_prune(f.name.dir, *age, f.dry_run);
  });
}

}  // namespace

void add_job(CLI::App& app, int& code) {
  auto* job = app.add_subcommand(
      "job",
      "looks at jobs and changes them: list, show, watch, results, cancel, retry, settle, …");
  job->require_subcommand(1);
  job->footer(
      "\nA job is named by its output file, its folder OUTPUT.weir/ or (the beginning of) its id. "
      "Looking at one needs no key and\nworks beside the process that runs it; a change is handed "
      "to that process or, where there is none, done by this one.\n\n"
      "  weir job list\n"
      "  weir job show answers.jsonl\n"
      "  weir job retry answers.jsonl --failed");
  add_looking(*job, code);
  add_results(*job, code);
  add_changing(*job, code);
  add_settle(*job, code);
  add_removing(*job, code);
}

}  // namespace weir::cli
