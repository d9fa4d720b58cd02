// CSV with a header row.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>

#include "bulk/csv.h"
#include "bulk/input_readers.h"
#include "bulk/record_builder.h"

namespace weir::bulk {
namespace {

class CsvInput final : public Input {
 public:
  CsvInput(Fd fd, InputOptions options)
      : options_(std::move(options)),
        fd_(std::move(fd)),
        chunks_(fd_.get(), name_of(options_), options_.on_chunk),
        parser_(options_.line_bytes_max) {}

  Result<void> read_header() {
    CsvRow row;
    WEIR_TRY(const bool found, next_row(row));
    if (!found)
      return fail(ErrorKind::kInvalidArgument, name_of(options_) + " has no header row",
                  "name the columns in the first row");
    if (!row.error.empty())
      return fail(ErrorKind::kInvalidArgument, fmt::format("the header of {}, line {}: {}",
                                                           name_of(options_), row.line, row.error));
    auto columns = std::make_shared<std::vector<std::string>>();
    std::set<std::string_view> seen;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const auto name = row.cell(i);
      // A column without a name (row numbers, often) stays, but cannot be asked for.
      if (!name.empty() && !seen.insert(name).second)
        return fail(ErrorKind::kInvalidArgument,
                    fmt::format("the header of {} has '{}' twice", name_of(options_),
                                shown_in_message(name)),
                    "rename one of the columns");
      columns->emplace_back(name);
    }
    columns_ = std::move(columns);
    return find_id_column();
  }

  Result<bool> next(Record& record) override {
    auto& row = RecordBuilder::row(record);
    WEIR_TRY(const bool found, next_row(row));
    if (!found) return false;
    constexpr std::uint64_t kLengthMax = std::numeric_limits<std::uint32_t>::max();
    const RecordRef ref{.index = index_++,
                        .offset = row.offset,
                        .line = row.line,
                        .length = static_cast<std::uint32_t>(std::min(row.length, kLengthMax))};
    RecordBuilder::reset(record, ref, Format::kCsv);
    RecordBuilder::from_row(record, columns_, id_column_);
    return true;
  }

  Result<void> read(const RecordRef& ref, Record& record) const override {
    RecordBuilder::reset(record, ref, Format::kCsv);
    if (ref.length > options_.line_bytes_max) {
      RecordBuilder::refuse(
          record, ErrorKind::kInvalidArgument,
          fmt::format("the row is longer than {} bytes", options_.line_bytes_max));
      return {};
    }
    auto& bytes = RecordBuilder::line(record);
    WEIR_CHECK(read_exactly(fd_.get(), ref, bytes, name_of(options_)));
    auto& row = RecordBuilder::row(record);
    CsvParser parser(options_.line_bytes_max, ref.offset, ref.line);
    std::string_view rest = bytes;
    const bool ended_early = parser.feed(rest, row);
    if (ended_early || !parser.finish(row)) {
      row.clear();
      row.error = "no single row stands here any more";
    }
    RecordBuilder::from_row(record, columns_, id_column_);
    return {};
  }

  [[nodiscard]] Format format() const override { return Format::kCsv; }
  [[nodiscard]] const std::vector<std::string>& columns() const override { return *columns_; }
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
  Result<bool> next_row(CsvRow& row) {
    while (true) {
      if (rest_.empty()) {
        const bool first = chunks_.bytes_read() == 0;
        WEIR_TRY(rest_, chunks_.next());
        if (rest_.empty()) return parser_.finish(row);
        if (first && rest_.starts_with(kByteOrderMark)) {
          rest_.remove_prefix(kByteOrderMark.size());
          parser_ = CsvParser(options_.line_bytes_max, kByteOrderMark.size());
        }
      }
      if (parser_.feed(rest_, row)) return true;
    }
  }

  Result<void> find_id_column() {
    const std::string name = options_.id_field.value_or("id");
    const auto found = std::ranges::find(*columns_, name);
    if (found != columns_->end()) {
      id_column_ = static_cast<std::size_t>(found - columns_->begin());
      return {};
    }
    if (!options_.id_field) return {};
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("{} has no column '{}'", name_of(options_), name),
                "name a column of its header with --id-field");
  }

  InputOptions options_;
  Fd fd_;
  ChunkReader chunks_;
  CsvParser parser_;
  std::string_view rest_;  // of the chunk that chunks_ holds
  std::shared_ptr<const std::vector<std::string>> columns_;
  std::optional<std::size_t> id_column_;
  std::uint64_t index_ = 0;
};

}  // namespace

Result<std::unique_ptr<Input>> open_csv(Fd fd, InputOptions options) {
  auto input = std::make_unique<CsvInput>(std::move(fd), std::move(options));
  WEIR_CHECK(input->read_header());
  return input;
}

}  // namespace weir::bulk
