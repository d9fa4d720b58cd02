#pragma once
// Internal to bulk's input: the three readers behind Input::open.
#include <memory>
#include <string>
#include <string_view>

#include "bulk/input.h"
#include "bulk/input_file.h"

namespace weir::bulk {

/// Before the first byte of a file that some editors write.
inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// What messages call the input.
inline const std::string& name_of(const InputOptions& options) {
  return options.name.empty() ? options.path : options.name;
}

/// `format` is settled: kJsonl, or one of ready-made requests.
Result<std::unique_ptr<Input>> open_lines(Fd fd, InputOptions options);
Result<std::unique_ptr<Input>> open_csv(Fd fd, InputOptions options);
Result<std::unique_ptr<Input>> open_folder(InputOptions options);

/// Bytes of a record for a second reading. @error kUnavailable the file ends before `length` bytes.
Result<void> read_exactly(int fd, const RecordRef& ref, std::string& out, const std::string& name);

}  // namespace weir::bulk
