#pragma once
// Stored files: uploads, and the output and error files of batches.
// Doc: https://developers.openai.com/api/docs/api-reference/files (checked 2026-11-23, reference
// snapshot).
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sim/openai_shape/wire.h"
#include "sim/result_lines.h"

namespace weir::sim::openai_shape {

/// Bytes of an upload: a range of the request body it came in, so that nothing is copied.
struct Upload {
  std::shared_ptr<const std::string> body;
  std::size_t offset = 0;
  std::size_t length = 0;
  [[nodiscard]] std::string_view bytes() const {
    return std::string_view(*body).substr(offset, length);
  }
};

struct StoredFile {
  std::string id;
  std::string account;
  std::string filename;
  std::string purpose;
  Time created_at;
  std::optional<Time> expires_at;
  Upload upload;                             // of an uploaded file
  std::shared_ptr<const ResultLines> lines;  // of a file that a batch made

  [[nodiscard]] std::size_t bytes() const { return lines ? lines->bytes() : upload.length; }
};

class Files {
 public:
  Files(World& world, const Traits& traits) : world_(world), traits_(traits) {}

  Reply upload(Call& call);
  Reply list(const Call& call) const;
  Reply get(const Call& call, std::string_view id) const;
  Reply content(Call& call, std::string_view id) const;
  Reply remove(const Call& call, std::string_view id);

  /// Keeps a file that a batch made; gives its id.
  std::string keep(StoredFile file);
  /// The bytes of a file that was kept without; false when it is gone.
  bool fill(std::string_view account, std::string_view id, Upload upload);
  /// A file of this account, or nothing.
  [[nodiscard]] const StoredFile* find(std::string_view account, std::string_view id) const;
  /// Drops what has expired.
  void advance(Time now);
  [[nodiscard]] std::size_t size() const { return files_.size(); }
  [[nodiscard]] std::size_t bytes() const;

 private:
  World& world_;
  const Traits& traits_;
  std::map<std::uint64_t, StoredFile> files_;  // by number, so that lists are in order of creation
  std::map<std::string, std::uint64_t, std::less<>> numbers_;  // by id
  std::uint64_t made_ = 0;
};

/// limit of a list; nothing when it is out of [1, most].
std::optional<std::size_t> list_limit(std::string_view target, std::size_t usual, std::size_t most);

}  // namespace weir::sim::openai_shape
