#include "bulk/input.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "bulk/input_file.h"
#include "bulk/input_readers.h"
#include "json/value.h"

namespace weir::bulk {
namespace {

// The format is told from at most this much of the file's start.
constexpr std::size_t kSniffBytesMax = 1U << 20;

std::string lower_extension(const std::string& path) {
  const auto dot = path.rfind('.');
  if (dot == std::string::npos || path.find('/', dot) != std::string::npos) return {};
  std::string out = path.substr(dot);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return out;
}

// What the first line that is JSON says: request lines carry a custom_id beside body or params.
Format json_format(std::string_view head) {
  json::Parser parser;
  while (!head.empty()) {
    const auto end = std::min(head.find('\n'), head.size());
    const auto line = parser.parse(head.substr(0, end));
    head.remove_prefix(std::min(end + 1, head.size()));
    if (!line || !line->is_object()) continue;
    if (!line->find("custom_id")) return Format::kJsonl;
    if (line->find("body"))
      return (*line)["url"].string() == "/v1/responses" ? Format::kOpenAIResponses
                                                        : Format::kOpenAIBatch;
    if (line->find("params")) return Format::kAnthropicBatch;
    return Format::kJsonl;
  }
  return Format::kJsonl;
}

// Files that no reader of ours can take, told before they look like a million broken lines.
Result<void> refuse_foreign(std::string_view head, const std::string& name) {
  const auto is = [&](std::string_view magic) { return head.starts_with(magic); };
  if (is("\x1F\x8B") || is("PK\x03\x04") || is("\x28\xB5\x2F\xFD") || is("BZh") ||
      is("\xFD\x37zXZ"))
    return fail(ErrorKind::kInvalidArgument, name + " is compressed",
                "unpack it first, or pipe it in: zcat FILE | weir run -");
  if (is("\xFF\xFE") || is("\xFE\xFF"))
    return fail(ErrorKind::kInvalidArgument, name + " is UTF-16", "save it as UTF-8");
  return {};
}

Result<Format> settle(std::string_view head, const InputOptions& options) {
  const auto& name = name_of(options);
  WEIR_CHECK(refuse_foreign(head, name));
  if (head.starts_with("\xEF\xBB\xBF")) head.remove_prefix(3);
  const auto first = head.find_first_not_of(" \t\r\n");
  const char c = first == std::string_view::npos ? '\0' : head[first];
  const bool asked_csv = options.format == Format::kCsv;
  if (c == '[' && !asked_csv && options.format != Format::kAuto &&
      options.format != Format::kFolder)
    return fail(ErrorKind::kInvalidArgument, name + " is a JSON array",
                "write one object a line: jq -c '.[]' FILE");
  if (options.format != Format::kAuto) return options.format;
  const auto extension = lower_extension(options.path);
  if (extension == ".csv") return Format::kCsv;
  if (c == '[')
    return fail(ErrorKind::kInvalidArgument, name + " is a JSON array",
                "write one object a line: jq -c '.[]' FILE");
  if (c == '{' || extension == ".jsonl" || extension == ".ndjson") return json_format(head);
  const auto line = head.substr(0, head.find('\n'));
  if (line.contains(',') && !line.contains('\0')) return Format::kCsv;
  return fail(ErrorKind::kInvalidArgument,
              "the format of " + name + " cannot be told from its name or first bytes",
              "say it with --format jsonl, csv, folder, openAI-batch, openAI-responses or "
              "anthropic-batch");
}

}  // namespace

Result<void> read_exactly(int fd, const RecordRef& ref, std::string& out, const std::string& name) {
  out.resize(ref.length);
  WEIR_TRY(const auto length, read_at(fd, ref.offset, out, name));
  if (length == ref.length) return {};
  return fail(ErrorKind::kUnavailable, fmt::format("{} ends before line {} does", name, ref.line),
              "it was changed while it was in use");
}

Result<Record> Input::read(const RecordRef& ref) const {
  Record record;
  WEIR_CHECK(read(ref, record));
  return record;
}

Result<std::unique_ptr<Input>> Input::open(InputOptions options) {
  WEIR_TRY(auto fd, open_to_read(options.path));
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0)
    return io_failure(ErrorKind::kUnavailable, "cannot read", options.path);
  const auto& name = name_of(options);
  if (S_ISDIR(info.st_mode)) {
    if (options.format != Format::kAuto && options.format != Format::kFolder)
      return fail(ErrorKind::kInvalidArgument,
                  fmt::format("{} is a folder, not a file of {}", name, to_string(options.format)));
    return open_folder(std::move(options));
  }
  if (options.format == Format::kFolder)
    return fail(ErrorKind::kInvalidArgument, name + " is no folder");
  if (!S_ISREG(info.st_mode))
    return fail(ErrorKind::kInvalidArgument, name + " is no regular file");
  if (info.st_size == 0)
    return fail(ErrorKind::kInvalidArgument, name + " is empty", "give at least one record");
  std::string head(std::min<std::size_t>(static_cast<std::size_t>(info.st_size), kSniffBytesMax),
                   '\0');
  WEIR_TRY(const auto length, read_at(fd.get(), 0, head, name));
  head.resize(length);
  WEIR_TRY(options.format, settle(head, options));
  std::string().swap(head);
  if (options.format == Format::kCsv) return open_csv(std::move(fd), std::move(options));
  return open_lines(std::move(fd), std::move(options));
}

}  // namespace weir::bulk
