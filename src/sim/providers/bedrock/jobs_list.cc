// ListModelInvocationJobs: filters and pages.
// Doc: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListModelInvocationJobs.html (checked 2026-11-27)
#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "http/url.h"
#include "sim/json_reply.h"
#include "sim/providers/bedrock/jobs.h"

namespace weir::sim::bedrock {
namespace {

constexpr std::int64_t kResultsMax = 1000, kResultsUsual = 100;
constexpr std::string_view kToken = "jobs-from-";

struct Filter {
  std::string status, name;
  std::optional<Time> after, before;
  std::int64_t most = kResultsUsual;
  std::uint64_t from = 0;  // number of the first job of the page; 0: of the first page
  bool ascending = false;
};

std::optional<std::int64_t> number_in(std::string_view text) {
  std::int64_t out = 0;
  const auto [stop, code] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (code != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return out;
}

std::unexpected<ApiError> wrong_value(std::string_view name) {
  return refuse("1 validation error detected: Value at '" + std::string(name) +
                "' failed to satisfy constraint");
}

Checked<Filter> read_filter(std::string_view target) {
  const auto query = [&](std::string_view name) { return http::query_value(target, name); };
  static constexpr std::array<std::string_view, 10> kStates{
      "Submitted", "InProgress",         "Completed", "Failed",     "Stopping",
      "Stopped",   "PartiallyCompleted", "Expired",   "Validating", "Scheduled"};
  Filter out{.status = query("statusEquals").value_or(""),
             .name = query("nameContains").value_or(""),
             .after = {},
             .before = {},
             .ascending = query("sortOrder") == "Ascending"};
  if (!out.status.empty() && std::ranges::find(kStates, out.status) == kStates.end())
    return wrong_value("statusEquals");
  if (query("sortBy").value_or("CreationTime") != "CreationTime") return wrong_value("sortBy");
  if (const auto order = query("sortOrder").value_or("Descending");
      order != "Descending" && order != "Ascending")
    return wrong_value("sortOrder");
  if (const auto told = query("submitTimeAfter")) {
    out.after = parse_rfc3339(*told);
    if (!out.after) return wrong_value("submitTimeAfter");
  }
  if (const auto told = query("submitTimeBefore")) {
    out.before = parse_rfc3339(*told);
    if (!out.before) return wrong_value("submitTimeBefore");
  }
  if (const auto told = query("maxResults")) {
    out.most = number_in(*told).value_or(0);
    if (out.most < 1 || out.most > kResultsMax) return wrong_value("maxResults");
  }
  if (const auto told = query("nextToken")) {
    const auto number = told->starts_with(kToken)
                            ? number_in(std::string_view(*told).substr(kToken.size()))
                            : std::nullopt;
    if (!number || *number < 1) return wrong_value("nextToken");
    out.from = static_cast<std::uint64_t>(*number);
  }
  return out;
}

}  // namespace

Reply Jobs::list(const Call& call) const {
  const auto filter = read_filter(call.request.target);
  if (!filter) return error_reply(filter.error());
  json::Writer out;
  out.begin_object().key("invocationJobSummaries").begin_array();
  std::int64_t count = 0;
  std::string next;
  for (std::size_t i = 0; i < jobs_.size(); ++i) {
    const Job& job = jobs_[filter->ascending ? i : jobs_.size() - 1 - i];
    const Time created = job.clock.created_at();
    const bool on_page = filter->from == 0 || (filter->ascending ? job.number >= filter->from
                                                                 : job.number <= filter->from);
    if (!on_page || job.account != call.account || job.visible_at > call.now ||
        job.wanted.name.find(filter->name) == std::string::npos ||
        (!filter->status.empty() && status_of(job, call.now) != filter->status) ||
        (filter->after && created <= *filter->after) ||
        (filter->before && created >= *filter->before))
      continue;
    if (count == filter->most) {
      next.append(kToken).append(std::to_string(job.number));
      break;
    }
    ++count;
    write_job(out, job, call.now);
  }
  out.end_array();
  if (!next.empty()) out.field("nextToken", next);
  return json_reply(200, out.end_object().take());
}

}  // namespace weir::sim::bedrock
