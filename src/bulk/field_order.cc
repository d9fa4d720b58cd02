#include "bulk/field_order.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <numeric>

#include "base/hash.h"
#include "bulk/input_file.h"
#include "bulk/job_source.h"
#include "cost/pricing.h"
#include "json/value.h"
#include "json/write.h"
#include "plan/table_order.h"

namespace weir::bulk {
namespace {

constexpr std::string_view kOrderFile = "/items.order";
constexpr std::int64_t kOrderVersion = 1;
constexpr std::size_t kHeaderBytesMax = 4096;

std::uint32_t tokens_of(std::size_t bytes) {
  return static_cast<std::uint32_t>(cost::estimate_tokens(bytes).count);
}

// Goes over the input in parts that fit in memory; each is ordered by itself.
class Decision {
 public:
  Decision(const AcceptedInput& input, const RequestShape& shape,
           const plan::PrefixSettings& settings, BufferedWriter& rows)
      : input_(input), shape_(shape), settings_(settings), rows_(rows) {
    const auto& prompt = *shape.prompt;
    before_ = {.hash = hash64(prompt.static_part(), 0),
               .tokens = tokens_of(prompt.static_part().size())};
  }

  Result<void> run() {
    for (std::uint64_t item = 0; item < input_.count(); ++item) {
      WEIR_CHECK(add(item));
      if (hashes_.size() == plan::kTableRowsMax * lines()) WEIR_CHECK(finish_part());
    }
    return finish_part();
  }
  [[nodiscard]] bool as_written() const { return moved_ == 0; }
  [[nodiscard]] std::string reason() const {
    const double saved =
        as_it_came_.pico == 0
            ? 0
            : 100 * (1 - static_cast<double>(cost_.pico) / static_cast<double>(as_it_came_.pico));
    if (moved_ == 0)
      return "reorder: the lines stay as written, no order is expected to be cheaper";
    return fmt::format(
        "reorder: the lines of {} of {} items are moved, so that prompts share longer prefixes: "
        "{:.0f} % less "
        "expected for them",
        moved_, input_.count(), saved);
  }

 private:
  [[nodiscard]] std::size_t lines() const { return shape_.prompt->movable(); }

  // What will not be sent shares nothing, and moves nothing.
  Result<void> add(std::uint64_t item) {
    WEIR_TRY(const auto row, input_.index().row(item));
    bool good = !row.rejected();
    if (good) {
      WEIR_CHECK(input_.read(item, record_));
      good = !record_.error;
    }
    for (std::size_t line = 0; line < lines(); ++line) {
      std::string text;
      if (good) {
        auto rendered = shape_.prompt->render_line(
            line, [&](std::string_view name) { return record_.field(name); });
        if (rendered) text = std::move(*rendered);
        else good = false;
      }
      hashes_.push_back(good ? hash64(text, 0) : hash64("unsent", item));
      tokens_.push_back(good ? tokens_of(text.size() + 1) : 0);
    }
    return {};
  }

  Result<void> finish_part() {
    if (hashes_.empty()) return {};
    WEIR_TRY(const auto order,
             plan::order_table(
                 {.columns = lines(), .hashes = hashes_, .tokens = tokens_, .before = before_},
                 settings_));
    cost_ += order.cost;
    as_it_came_ += order.cost_as_it_came;
    for (std::size_t at = 0; at < order.fields.size(); at += lines()) {
      const std::span permutation(order.fields.data() + at, lines());
      moved_ += std::ranges::is_sorted(permutation) ? 0 : 1;
      WEIR_CHECK(
          rows_.append({reinterpret_cast<const char*>(permutation.data()), permutation.size()}));
    }
    hashes_.clear();
    tokens_.clear();
    return {};
  }

  const AcceptedInput& input_;
  const RequestShape& shape_;
  const plan::PrefixSettings& settings_;
  BufferedWriter& rows_;
  plan::BlockKey before_;
  Record record_;
  std::vector<std::uint64_t> hashes_;
  std::vector<std::uint32_t> tokens_;
  MoneySum cost_, as_it_came_;
  std::uint64_t moved_ = 0;
};

// Of a fixed length, so that it can be written when the rows behind it are known.
std::string header_of(std::size_t lines, std::uint64_t items, bool as_written,
                      std::string_view reason) {
  json::Writer w;
  w.begin_object().field("version", kOrderVersion).field("lines", static_cast<std::int64_t>(lines));
  w.field("items", static_cast<std::int64_t>(items)).field("as_written", as_written);
  auto text = w.field("reason", reason).end_object().take();
  text.resize(kHeaderBytesMax - 1, ' ');
  return text + "\n";
}

}  // namespace

FieldOrder::FieldOrder() = default;
FieldOrder::~FieldOrder() = default;

Result<std::unique_ptr<FieldOrder>> FieldOrder::open(const std::string& dir) {
  std::unique_ptr<FieldOrder> out(new FieldOrder());
  out->path_ = dir + std::string(kOrderFile);
  WEIR_TRY(auto fd, open_to_read(out->path_));
  std::string header(kHeaderBytesMax, '\0');
  WEIR_TRY(const auto got, read_at(fd.get(), 0, header, out->path_));
  json::Parser parser;
  const auto value = parser.parse(header);
  WEIR_TRY(const auto identity, identity_of(fd.get(), out->path_));
  const bool readable =
      got == header.size() && value && (*value)["version"].integer() == kOrderVersion;
  if (readable) {
    out->lines_ = static_cast<std::size_t>((*value)["lines"].integer_or(0));
    out->items_ = static_cast<std::uint64_t>((*value)["items"].integer_or(0));
    out->as_written_ = (*value)["as_written"].boolean().value_or(true);
    out->reason_ = (*value)["reason"].string_or("");
  }
  out->begin_ = kHeaderBytesMax;
  const auto rows = out->as_written_ ? 0 : out->items_ * out->lines_;
  if (!readable || out->lines_ > plan::kTableColumnsMax || identity.size < out->begin_ + rows)
    return fail(ErrorKind::kInvalidArgument, fmt::format("{} is damaged", out->path_),
                "begin again with --restart");
  out->permutation_.resize(out->lines_);
  out->fd_ = std::make_unique<Fd>(std::move(fd));
  return out;
}

Result<std::span<const std::uint8_t>> FieldOrder::of(std::uint64_t item) {
  if (as_written_) return std::span<const std::uint8_t>();
  const std::span bytes(reinterpret_cast<char*>(permutation_.data()), lines_);
  WEIR_TRY(const auto got, read_at(fd_->get(), begin_ + item * lines_, bytes, path_));
  auto sorted = permutation_;
  std::ranges::sort(sorted);
  for (std::size_t i = 0; i < lines_; ++i)
    if (got != lines_ || sorted[i] != i)
      return fail(ErrorKind::kInternal, fmt::format("{} is damaged at item {}", path_, item + 1));
  return permutation_;
}

Result<void> decide_field_order(const AcceptedInput& input, const RequestShape& shape,
                                const plan::PrefixSettings& settings, const std::string& dir,
                                bool sync) {
  const auto path = dir + std::string(kOrderFile);
  const auto temporary = path + ".new";
  const auto lines = shape.prompt->movable();
  WEIR_TRY(auto out, BufferedWriter::create(temporary));
  WEIR_CHECK(out.append(header_of(lines, input.count(), true, "")));
  Decision decision(input, shape, settings, out);
  if (settings.mode == catalogue::CacheMode::kNone) {
    WEIR_CHECK(out.flush());
    WEIR_CHECK(write_at(out.fd(), 0,
                        header_of(lines, input.count(), true,
                                  "reorder: the lines stay as written, for nothing is cached"),
                        temporary));
  } else {
    WEIR_CHECK(decision.run());
    WEIR_CHECK(out.flush());
    WEIR_CHECK(write_at(out.fd(), 0,
                        header_of(lines, input.count(), decision.as_written(), decision.reason()),
                        temporary));
  }
  if (sync) WEIR_CHECK(sync_file(out.fd(), temporary));
  if (std::rename(temporary.c_str(), path.c_str()) != 0)
    return io_failure(ErrorKind::kUnavailable, "replace", path);
  return sync ? sync_folder(dir) : Result<void>();
}

Result<void> forget_field_order(const std::string& dir) {
  std::error_code code;
  const auto path = dir + std::string(kOrderFile);
  std::filesystem::remove(path, code);
  if (!code) return {};
  return fail(ErrorKind::kUnavailable, fmt::format("cannot remove {}: {}", path, code.message()));
}

}  // namespace weir::bulk
