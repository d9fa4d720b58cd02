#include "library/request_store.h"

#include <algorithm>
#include <array>
#include <bit>
#include <filesystem>

#include "json/write.h"
#include "library/request_json.h"
#include "library/translate.h"
#include "prompt/answer_schema.h"

namespace weir::library {
namespace {

constexpr std::size_t kBufferBytes = 1U << 20;
static_assert(std::endian::native == std::endian::little,
              "offsets are kept as they stand in memory");

std::string lines_path(const std::string& folder) { return folder + "/requests.jsonl"; }
std::string offsets_path(const std::string& folder) { return folder + "/requests.index"; }
std::unexpected<Error> damaged() {
  return fail(ErrorKind::kInternal, "the kept requests are damaged", "weir job check says more");
}

}  // namespace

Result<RequestWriter> RequestWriter::create(engine::FileSystem& files, const std::string& folder) {
  RequestWriter writer;
  WEIR_TRY(writer.lines_, files.open(lines_path(folder)));
  WEIR_TRY(writer.offsets_, files.open(offsets_path(folder)));
  WEIR_CHECK(writer.lines_->truncate(0));
  WEIR_CHECK(writer.offsets_->truncate(0));
  return writer;
}

// An offset is that of the line's end: the index of n requests has n entries.
Result<void> RequestWriter::append(const Request& request) {
  const auto before = line_buffer_.size();
  append_request(request, line_buffer_);
  line_buffer_ += '\n';
  bytes_ += line_buffer_.size() - before;
  std::array<char, sizeof bytes_> offset{};
  std::copy_n(reinterpret_cast<const char*>(&bytes_), offset.size(), offset.begin());
  offset_buffer_.append(offset.data(), offset.size());
  ++count_;
  return line_buffer_.size() >= kBufferBytes ? flush() : Result<void>();
}

Result<void> RequestWriter::flush() {
  WEIR_CHECK(lines_->write(written_, line_buffer_));
  WEIR_CHECK(offsets_->write(offsets_written_, offset_buffer_));
  written_ += line_buffer_.size();
  offsets_written_ += offset_buffer_.size();
  line_buffer_.clear();
  offset_buffer_.clear();
  return {};
}

Result<void> RequestWriter::finish() {
  WEIR_CHECK(flush());
  WEIR_CHECK(lines_->sync());
  return offsets_->sync();
}

Result<std::unique_ptr<RequestStore>> RequestStore::open(engine::FileSystem& files,
                                                         const std::string& folder,
                                                         TargetPtr target) {
  std::unique_ptr<RequestStore> store(new RequestStore());
  store->target_ = std::move(target);
  WEIR_TRY(store->lines_, files.open(lines_path(folder)));
  WEIR_TRY(store->offsets_, files.open(offsets_path(folder)));
  WEIR_TRY(store->bytes_, store->lines_->size());
  WEIR_TRY(const auto offsets, store->offsets_->size());
  store->count_ = offsets / sizeof(std::uint64_t);
  return store;
}

std::uint64_t RequestStore::count_in(const std::string& folder) {
  std::error_code code;
  const auto bytes = std::filesystem::file_size(offsets_path(folder), code);
  return code ? 0 : bytes / sizeof(std::uint64_t);
}

Result<Request> RequestStore::request(std::uint64_t index) {
  WEIR_ASSERT(index < count_);
  std::array<std::uint64_t, 2> ends{};  // of the line before, and of this one
  const std::uint64_t first = index == 0 ? 0 : index - 1;
  const auto wanted = std::span(ends).last(index == 0 ? 1 : 2);
  WEIR_TRY(const auto read,
           offsets_->read(first * sizeof(std::uint64_t),
                          {reinterpret_cast<char*>(wanted.data()), wanted.size_bytes()}));
  if (read != wanted.size_bytes() || ends[1] <= ends[0] || ends[1] > bytes_) return damaged();
  buffer_.resize(ends[1] - ends[0]);
  WEIR_TRY(const auto got, lines_->read(ends[0], buffer_));
  if (got != buffer_.size() || buffer_.back() != '\n') return damaged();
  return parse_request(std::string_view(buffer_).substr(0, buffer_.size() - 1), parser_);
}

Result<engine::Item> RequestStore::item(std::uint64_t index) {
  engine::Item item{.id = std::to_string(index), .line = index + 1};
  WEIR_TRY(const auto kept, request(index));
  auto asked = to_llm(kept, *target_);
  if (asked) item.request = std::move(*asked);
  else item.rejected = std::move(asked).error();
  return item;
}

Result<engine::CheckedText> RequestStore::check(std::uint64_t index,
                                                const llm::Response& response) {
  engine::CheckedText out;
  WEIR_TRY(const auto kept, request(index));
  if (kept.answer_schema.empty() || response.finish == FinishReason::kToolUse) {
    json::append_string(out.json, response.text);
    return out;
  }
  WEIR_TRY(const auto schema, prompt::AnswerSchema::parse(kept.answer_schema));
  WEIR_TRY(auto checked, schema.check(response.text));
  // Line breaks of valid JSON stand between tokens only; a result is one line.
  std::ranges::replace_if(checked.json, [](char c) { return c == '\n' || c == '\r'; }, ' ');
  out.json = std::move(checked.json);
  out.repaired = std::move(checked.repair);
  return out;
}

}  // namespace weir::library
