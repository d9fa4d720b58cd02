#include "library/job_end.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <tuple>

#include "json/write.h"
#include "runtime/posix_files.h"

namespace weir::library {
namespace {

constexpr std::size_t kEndBytesMax = 1U << 20;

// When the closed store was last written; nothing where it is open, or was left behind by a process that died.
std::optional<std::string> stamp_of(const std::string& folder) {
  const auto path = folder + "/store.sqlite";
  struct stat store{}, log{};
  if (::stat((path + "-wal").c_str(), &log) == 0 && log.st_size > 0) return std::nullopt;
  if (::stat(path.c_str(), &store) != 0) return std::nullopt;
  return fmt::format("{}.{:09} {}", store.st_mtim.tv_sec, store.st_mtim.tv_nsec, store.st_size);
}

}  // namespace

void keep_end(const Job::Impl& job) {
  const std::scoped_lock lock(job.mutex);
  const auto& status = job.status;
  const auto stamp = stamp_of(job.folder);
  if (status.phase != JobStatus::Phase::kDone || !stamp) return;
  json::Writer w;
  const auto count = [&](std::string_view name, std::uint64_t value) {
    w.field(name, static_cast<std::int64_t>(value));
  };
  w.begin_object().field("store", *stamp);
  count("items", status.items);
  count("succeeded", status.succeeded);
  count("failed", status.failed);
  count("cancelled", status.cancelled);
  count("batches_ended", status.batches_ended);
  count("segment_bytes", job.segment_bytes);
  w.field("batch_route", job.batch_route).field("spent_usd", status.spent_usd);
  w.field("exposure_usd", status.exposure_usd).key("reasons").begin_array();
  for (const auto& reason : status.reasons) w.string(reason);
  w.end_array().end_object();
  std::ignore = runtime::write_whole_file(job.folder + "/end.json", w.take());
}

bool read_end(Job::Impl& job) {
  const auto text = runtime::read_whole_file(job.folder + "/end.json", kEndBytesMax);
  json::Parser parser;
  const auto told = text ? parser.parse(*text) : Result<json::Value>();
  if (!text || !told || !told->is_object()) return false;
  const auto stamp = stamp_of(job.folder);
  if (!stamp || (*told)["store"].string_or("") != *stamp) return false;
  const auto count = [&](std::string_view name) {
    return static_cast<std::uint64_t>((*told)[name].integer_or(0));
  };
  job.status = {.phase = JobStatus::Phase::kDone,
                .items = count("items"),
                .succeeded = count("succeeded"),
                .failed = count("failed"),
                .cancelled = count("cancelled"),
                .batches_running = 0,
                .batches_ended = count("batches_ended"),
                .spent_usd = (*told)["spent_usd"].string_or("0.00"),
                .exposure_usd = (*told)["exposure_usd"].string_or("0.00"),
                .why = {},
                .reasons = {}};
  for (const auto reason : (*told)["reasons"].items())
    job.status.reasons.push_back(json::Value(reason).string_or(""));
  job.segment_bytes = count("segment_bytes");
  job.batch_route = (*told)["batch_route"].boolean().value_or(false);
  return true;
}

}  // namespace weir::library
