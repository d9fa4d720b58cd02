// JSONL and ready-made request lines.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "bulk/input_readers.h"
#include "bulk/record_builder.h"
#include "json/lines.h"

namespace weir::bulk {
namespace {

class LinesInput final : public Input {
 public:
  LinesInput(Fd fd, InputOptions options)
      : options_(std::move(options)),
        fd_(std::move(fd)),
        chunks_(fd_.get(), name_of(options_), options_.on_chunk),
        lines_(options_.line_bytes_max) {}

  Result<bool> next(Record& record) override {
    while (true) {
      WEIR_TRY(const bool more, fill());
      bool found = false;
      const auto take = [&](const json::LineSplitter::Line& line) {
        found = begin(record, line);
        return true;
      };
      if (more) {
        // One line at a time: what follows it waits for the next call.
        const auto end = rest_.find('\n');
        const auto piece = rest_.substr(0, end == std::string_view::npos ? end : end + 1);
        rest_.remove_prefix(piece.size());
        lines_.feed(piece, take);
      } else if (!finished_) {
        finished_ = true;
        lines_.finish(take);
      } else {
        return false;
      }
      if (!found) continue;
      if (!record.error) RecordBuilder::from_json(record, options_.id_field);
      return true;
    }
  }

  Result<void> read(const RecordRef& ref, Record& record) const override {
    RecordBuilder::reset(record, ref, options_.format);
    if (ref.length > options_.line_bytes_max) {
      too_long(record, ref.length);
      return {};
    }
    WEIR_CHECK(read_exactly(fd_.get(), ref, RecordBuilder::line(record), name_of(options_)));
    RecordBuilder::from_json(record, options_.id_field);
    return {};
  }

  [[nodiscard]] Format format() const override { return options_.format; }
  [[nodiscard]] const std::vector<std::string>& columns() const override { return columns_; }
  [[nodiscard]] Result<FileIdentity> identity() const override {
    return identity_of(fd_.get(), name_of(options_));
  }
  [[nodiscard]] std::uint64_t bytes_read() const override { return chunks_.bytes_read(); }
  [[nodiscard]] Result<std::string> bytes_at(std::uint64_t offset,
                                             std::size_t length) const override {
    std::string out(length, '\0');
    WEIR_TRY(const auto got, read_at(fd_.get(), offset, out, name_of(options_)));
    out.resize(got);
    return out;
  }

 private:
  // Makes rest_ hold bytes; false at the end of the file.
  Result<bool> fill() {
    if (!rest_.empty()) return true;
    const bool first = chunks_.bytes_read() == 0;
    WEIR_TRY(rest_, chunks_.next());
    if (first && rest_.starts_with(kByteOrderMark)) {
      rest_.remove_prefix(kByteOrderMark.size());
      skipped_ = kByteOrderMark.size();
    }
    return !rest_.empty();
  }

  // Copies the line, which lives no longer than this call. False for a blank one.
  bool begin(Record& record, const json::LineSplitter::Line& line) {
    if (!line.too_long && line.bytes.find_first_not_of(" \t\r") == std::string_view::npos)
      return false;
    constexpr std::uint64_t kLengthMax = std::numeric_limits<std::uint32_t>::max();
    const RecordRef ref{.index = index_++,
                        .offset = line.offset + skipped_,
                        .line = line.number,
                        .length = static_cast<std::uint32_t>(std::min(line.length, kLengthMax))};
    RecordBuilder::reset(record, ref, options_.format);
    if (line.too_long) too_long(record, line.length);
    else RecordBuilder::line(record) = line.bytes;
    return true;
  }

  void too_long(Record& record, std::uint64_t length) const {
    RecordBuilder::refuse(record, ErrorKind::kInvalidArgument,
                          fmt::format("the line has {} bytes, more than the {} that one may have",
                                      length, options_.line_bytes_max),
                          "split the document");
  }

  InputOptions options_;
  Fd fd_;
  ChunkReader chunks_;
  json::LineSplitter lines_;
  std::string_view rest_;  // of the chunk that chunks_ holds
  std::uint64_t index_ = 0, skipped_ = 0;
  bool finished_ = false;
  std::vector<std::string> columns_;
};

}  // namespace

Result<std::unique_ptr<Input>> open_lines(Fd fd, InputOptions options) {
  return std::make_unique<LinesInput>(std::move(fd), std::move(options));
}

}  // namespace weir::bulk
