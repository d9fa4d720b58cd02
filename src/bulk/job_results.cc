// `weir job results` and `weir job export`: what has ended so far, from the segment, in input order.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "bulk/job.h"
#include "bulk/job_csv.h"
#include "bulk/job_text.h"
#include "engine/result_reader.h"
#include "runtime/posix_files.h"

namespace weir::bulk {
namespace {

using engine::ItemEnd;
using engine::ResultLog;

struct Results {
  std::string folder;
  std::unique_ptr<engine::ResultReader> reader;
  std::uint64_t items = 0;
};

Result<Results> open_results(const JobName& name) {
  Results out;
  WEIR_TRY(out.folder, find_job(name));
  WEIR_TRY(const auto view, view_job(out.folder));
  runtime::ReadOnlyFiles files;
  out.items = view.job ? view.job->items : 0;
  WEIR_TRY(out.reader, engine::ResultReader::open(files, out.folder, out.items,
                                                  view.job ? view.job->segment_bytes : 0));
  return out;
}

bool wanted(const ResultsWish& wish, ItemEnd end) {
  if (!wish.failed && !wish.succeeded) return true;
  return end == ItemEnd::kSucceeded ? wish.succeeded : wish.failed;
}

// A file that appears whole, or standard output.
class Sink {
 public:
  static Result<Sink> open(const std::string& path) {
    Sink sink;
    if (path.empty()) return sink;
    sink.path_ = path;
    const int fd = ::open(sink.temporary().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return sink.failure("write", ErrorKind::kInvalidArgument);
    sink.file_ = ::fdopen(fd, "wb");
    WEIR_ASSERT(sink.file_ != nullptr);
    return sink;
  }
  Sink(Sink&& other) noexcept
      : file_(std::exchange(other.file_, stdout)), path_(std::move(other.path_)) {}
  Sink& operator=(Sink&&) = delete;
  ~Sink() {
    if (file_ == stdout) return;
    std::fclose(file_);
    std::remove(temporary().c_str());  // it was not finished
  }
  Result<void> write(std::string_view bytes) {
    if (std::fwrite(bytes.data(), 1, bytes.size(), file_) == bytes.size()) return {};
    return failure("write", ErrorKind::kUnavailable);
  }
  Result<void> finish() {
    const bool whole = std::fflush(file_) == 0;
    if (file_ == stdout) return whole ? Result<void>() : failure("write", ErrorKind::kUnavailable);
    const bool closed = std::fclose(std::exchange(file_, stdout)) == 0;
    if (whole && closed && std::rename(temporary().c_str(), path_.c_str()) == 0) return {};
    return failure("write", ErrorKind::kUnavailable);
  }

 private:
  Sink() = default;
  [[nodiscard]] std::string temporary() const { return path_ + ".new"; }
  [[nodiscard]] std::unexpected<Error> failure(std::string_view doing, ErrorKind kind) const {
    return fail(kind, fmt::format("cannot {} {}: {}", doing,
                                  path_.empty() ? "standard output" : path_, std::strerror(errno)));
  }
  std::FILE* file_ = stdout;
  std::string path_;
};

Result<void> write_lines(Results& results, const ResultsWish& wish, Sink& sink) {
  return results.reader->visit([&](const ResultLog::Record& record) -> Result<bool> {
    if (!wanted(wish, record.end)) return true;
    WEIR_CHECK(sink.write(record.line));
    WEIR_CHECK(sink.write("\n"));
    return true;
  });
}

// Two passes: which fields answers have is known only after all were seen.
Result<void> write_csv(Results& results, const ResultsWish& wish, Sink& sink) {
  CsvExport csv;
  WEIR_CHECK(results.reader->visit([&](const ResultLog::Record& record) -> Result<bool> {
    if (wanted(wish, record.end)) csv.look(record);
    return true;
  }));
  WEIR_CHECK(sink.write(csv.header()));
  return results.reader->visit([&](const ResultLog::Record& record) -> Result<bool> {
    if (wanted(wish, record.end)) WEIR_CHECK(sink.write(csv.row(record)));
    return true;
  });
}

Result<void> export_to(const JobName& name, const ExportWish& wish) {
  WEIR_TRY(auto results, open_results(name));
  std::error_code ignored;
  if (std::filesystem::equivalent(wish.output, output_of(results.folder), ignored))
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("{} is the output of the job", wish.output), "choose another file");
  WEIR_TRY(auto sink, Sink::open(wish.output));
  WEIR_CHECK(wish.format == "csv" ? write_csv(results, wish.results, sink)
                                  : write_lines(results, wish.results, sink));
  return sink.finish();
}

}  // namespace

ExitCode job_results(const JobName& name, const ResultsWish& wish) {
  return job_export(name, {.results = wish});
}

ExitCode job_export(const JobName& name, const ExportWish& wish) {
  if (const auto done = export_to(name, wish); !done) return refuse(done.error(), false);
  return ExitCode::kDone;
}

}  // namespace weir::bulk
