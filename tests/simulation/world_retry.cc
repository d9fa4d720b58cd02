// The ended job is tried again, as `weir job retry` does it: by a later process, or by the one that ended it.
#include <fmt/format.h>

#include <algorithm>

#include "world.h"

namespace weir::simulation {
namespace {

// What follows the last line end counts as a line, so that two texts with the same lines are the same.
std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  if (!text.empty()) lines.emplace_back(text);
  return lines;
}

}  // namespace

const std::set<std::uint64_t>& World::opened_by(std::uint64_t item) const {
  static const std::set<std::uint64_t> nothing;
  const auto found = opened_.find(item);
  return found == opened_.end() ? nothing : found->second;
}

std::uint64_t World::reopened() const {
  std::uint64_t count = 0;
  for (const auto& [item, retries] : opened_) count += retries.size();
  return count;
}

bool World::note_retry() {
  if (retries_ >= scenario_.retries.count || progress_.succeeded == progress_.items) return false;
  ++retries_;
  retry_due_ = true;
  retry_tried_ = false;
  const auto output = disk_.find(output_path());
  replaced_ = output ? lines_of(output->bytes()) : std::vector<std::string>();
  return true;
}

bool World::begin_retry() {
  if (!note_retry()) return false;
  crash_.disarm();
  if (random_.below(2) == 0) {  // whatever an ended job has told is durable
    disk_.lose_power();
    unsynced_intents_.clear();
    check_replaced_output(false);
  }
  rest();
  return true;
}

// Asks the engine for the retry that is due, unless an earlier process has had it committed and died.
Result<void> World::open_again(Process& process) {
  if (!retry_due_) return {};
  auto& engine = *process.engine;
  if (engine.job().phase != engine::JobPhase::kDone) {
    if (!retry_tried_) complain("every item had ended, and the job had not");
    retry_due_ = false;
    return {};
  }
  retry_tried_ = true;
  std::set<std::uint64_t> without_answer, opened;
  WEIR_TRY(
      const auto count,
      engine.retry(
          [&](const engine::ResultLog::Record& record) -> Result<bool> {
            if (record.end == engine::ItemEnd::kSucceeded)
              complain(fmt::format("a retry asks about item {}, which succeeded", record.item));
            if (record.item >= replaced_.size() || record.line != replaced_[record.item])
              complain(fmt::format("a retry shows another line of item {} than the output",
                                   record.item));
            without_answer.insert(record.item);
            if (!documents_.wanted(record.item, retries_)) return false;
            const auto first = documents_.same_as(record.item).value_or(std::nullopt);
            if (first && without_answer.contains(*first)) opened.insert(*first);
            opened.insert(record.item);
            for (const auto item : opened) opened_[item].insert(retries_);
            return true;
          },
          clock(process)));
  if (count != opened.size())
    complain(fmt::format("{} items were to be tried again, {} are", opened.size(), count));
  if (without_answer.size() != progress_.items - progress_.succeeded)
    complain(fmt::format("a retry asks about {} items", without_answer.size()));
  retry_due_ = false;
  return {};
}

// Until the retry has ended, the output is the old one or a new one that is whole; the lines of other items stay as they were.
void World::check_replaced_output(bool ended) {
  if (retries_ == 0) return;
  const auto output = disk_.find(output_path());
  if (!output) return complain("during a retry there is no output");
  const auto lines = lines_of(output->bytes());
  if (!ended && lines == replaced_) return;
  if (lines.size() != scenario_.items || !output->bytes().ends_with('\n'))
    return complain(
        fmt::format("retry {}: the output is neither the old one nor a whole new one: "
                    "{} lines",
                    retries_, lines.size()));
  for (std::uint64_t item = 0; item < std::min(lines.size(), replaced_.size()); ++item) {
    const auto id = fmt::format(R"({{"id":"doc-{}",)", item);
    if (opened_by(item).contains(retries_)
            ? lines[item].starts_with(id) && lines[item].ends_with('}')
            : lines[item] == replaced_[item])
      continue;
    complain(fmt::format("retry {}: line {} of the output became: {}", retries_, item + 1,
                         lines[item].substr(0, 200)));
  }
}

}  // namespace weir::simulation
