#pragma once
// The Files API: resumable uploads, and the files that batches make. Docs (checked 2026-11-23,
// reference snapshot): https://ai.google.dev/api/files, https://ai.google.dev/gemini-api/docs/files
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sim/gemini_shape/wire.h"
#include "sim/provider.h"
#include "sim/result_lines.h"

namespace weir::sim::gemini {

struct StoredFile {
  std::string id;  // without "files/"
  std::string account, display_name, mime;
  Time created_at;
  std::optional<Time> expires_at;
  std::shared_ptr<const std::string> bytes;  // of an uploaded file
  std::shared_ptr<const ResultLines> lines;  // of a file that a batch made

  [[nodiscard]] std::size_t size() const { return lines ? lines->bytes() : bytes->size(); }
};

class Files {
 public:
  explicit Files(World& world) : world_(world) {}

  /// POST /upload/v1beta/files, in all its commands.
  Reply upload(Call& call);
  Reply list(const Call& call) const;
  Reply get(const Call& call, std::string_view id) const;
  Reply download(Call& call, std::string_view id) const;
  Reply remove(const Call& call, std::string_view id);

  /// Keeps the responses of a batch, which go when it goes.
  void keep(StoredFile file) { files_.emplace(file.id, std::move(file)); }
  void drop(std::string_view id);
  [[nodiscard]] const StoredFile* find(std::string_view account, std::string_view id) const;
  /// Drops what has expired.
  void advance(Time now);
  [[nodiscard]] std::size_t size() const { return files_.size(); }
  [[nodiscard]] std::size_t bytes() const;

 private:
  struct Session {
    std::string account, display_name, mime;
    std::size_t length = 0;  // as its start said
    std::string received;
    std::string file;  // once it is final
    Time opened_at;
  };
  Reply start(const Call& call);
  Reply take(Call& call, Session& session, std::string_view command);
  Reply status(const Session& session) const;

  World& world_;
  std::map<std::string, StoredFile, std::less<>> files_;
  std::map<std::string, Session, std::less<>> sessions_;
  std::uint64_t made_ = 0, opened_ = 0;
};

/// pageSize of a list, at most `most`.
std::size_t page_size(std::string_view target, std::size_t usual, std::size_t most);
/// pageToken: how many entries stand before the page; 0 for the first, nothing for a token that is none.
std::optional<std::size_t> page_start(std::string_view target);

}  // namespace weir::sim::gemini
