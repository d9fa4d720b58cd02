// AcceptedInput: reading items again, and noticing that the input changed.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/hash.h"
#include "bulk/accept.h"
#include "bulk/accept_files.h"
#include "bulk/accept_same.h"
#include "bulk/input_file.h"

namespace weir::bulk {

struct AcceptedInput::Impl {
  std::string dir;
  InputManifest manifest;
  std::unique_ptr<Input> input;
  std::unique_ptr<ItemIndex> index;
  Fd repeats;  // same.index, where there are some

  enum class Chunk : std::uint8_t { kUnknown, kSame, kChanged };
  std::mutex mutex;
  FileIdentity judged;        // the identity that `chunks` were compared under
  std::vector<Chunk> chunks;  // empty: nothing compared yet

  /// Under the mutex. @error kUnavailable.
  Result<bool> chunk_changed(std::uint64_t chunk);
  /// Whether any chunk of the row differs, when the file is not as accepted. @error kUnavailable.
  Result<bool> row_changed(const ItemRow& row);
};

Result<bool> AcceptedInput::Impl::chunk_changed(std::uint64_t chunk) {
  if (chunk >= chunks.size()) return true;
  if (chunks[chunk] == Chunk::kUnknown) {
    const auto offset = chunk * kChunkBytes;
    const auto length = std::min<std::uint64_t>(kChunkBytes, manifest.identity.size - offset);
    WEIR_TRY(const auto bytes, input->bytes_at(offset, length));
    const bool same = bytes.size() == length && hash64(bytes) == manifest.chunk_hashes[chunk];
    chunks[chunk] = same ? Chunk::kSame : Chunk::kChanged;
  }
  return chunks[chunk] == Chunk::kChanged;
}

Result<bool> AcceptedInput::Impl::row_changed(const ItemRow& row) {
  if (manifest.format == Format::kFolder) return false;  // read() judges each file
  WEIR_TRY(const auto now, input->identity());
  if (now == manifest.identity) return false;
  const std::lock_guard lock(mutex);
  if (chunks.empty() || judged != now) {
    chunks.assign(manifest.chunk_hashes.size(), Chunk::kUnknown);
    judged = now;
  }
  const auto last = (row.offset + std::max<std::uint64_t>(row.length, 1) - 1) / kChunkBytes;
  for (auto chunk = row.offset / kChunkBytes; chunk <= last; ++chunk) {
    WEIR_TRY(const bool changed, chunk_changed(chunk));
    if (changed) return true;
  }
  return false;
}

AcceptedInput::AcceptedInput(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AcceptedInput::~AcceptedInput() = default;
const InputManifest& AcceptedInput::manifest() const { return impl_->manifest; }
const ItemIndex& AcceptedInput::index() const { return *impl_->index; }

Result<std::unique_ptr<AcceptedInput>> AcceptedInput::open(const std::string& dir) {
  auto impl = std::make_unique<Impl>();
  impl->dir = dir;
  WEIR_TRY(const auto text, read_small_file(file_in(dir, kManifestFile), kManifestBytesMax));
  WEIR_TRY(impl->manifest, InputManifest::from_json(text));
  const auto& manifest = impl->manifest;
  WEIR_TRY(impl->index, ItemIndex::open(file_in(dir, kIndexFile)));
  if (impl->index->count() != manifest.count)
    return fail(ErrorKind::kInvalidArgument, file_in(dir, kIndexFile) + " is cut off",
                "start again with --restart");
  InputOptions options;
  options.path = manifest.spooled ? file_in(dir, kSpoolFile) : manifest.path;
  options.name = manifest.path == "-" ? "standard input" : manifest.path;
  options.format = manifest.format;
  options.id_field = manifest.id_field;
  options.folder_manifest = file_in(dir, kFolderFile);
  WEIR_TRY(impl->input, Input::open(std::move(options)));
  if (manifest.format == Format::kCsv && impl->input->columns() != manifest.columns)
    return fail(ErrorKind::kInvalidArgument,
                "the header of " + manifest.path + " changed since accept",
                "put it back as it was, or start again with --restart");
  if (impl->manifest.same > 0) {
    WEIR_TRY(impl->repeats, open_to_read(file_in(dir, kSameFile)));
  }
  return std::unique_ptr<AcceptedInput>(new AcceptedInput(std::move(impl)));
}

Result<std::optional<std::uint64_t>> AcceptedInput::same_as(std::uint64_t item) const {
  if (impl_->repeats.get() < 0) return std::nullopt;
  std::array<char, 8> bytes{};
  WEIR_TRY(const auto length, read_at(impl_->repeats.get(), item * bytes.size(), bytes,
                                      file_in(impl_->dir, kSameFile)));
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data(), length);  // behind its end nothing is repeated
  if (length < bytes.size() || value == 0 || value > item) return std::nullopt;
  return value - 1;
}

Result<Rejected> AcceptedInput::rejection(std::uint64_t item) const {
  return find_rejected(file_in(impl_->dir, kRejectedFile), item);
}

Result<std::unique_ptr<RejectedReader>> AcceptedInput::rejected() const {
  return RejectedReader::open(file_in(impl_->dir, kRejectedFile));
}

Result<std::optional<Error>> AcceptedInput::changed(std::uint64_t item) const {
  WEIR_TRY(const auto row, impl_->index->row(item));
  WEIR_TRY(const bool changed, impl_->row_changed(row));
  if (!changed) return std::nullopt;
  return Error{.kind = ErrorKind::kInvalidArgument,
               .message = fmt::format("input changed since accept, line {}", row.line),
               .hint = "put the file back as it was, or start again with --restart"};
}

Result<void> AcceptedInput::read(std::uint64_t item, Record& record) const {
  WEIR_TRY(const auto row, impl_->index->row(item));
  if (row.rejected())
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("item {} (line {}) was rejected", item, row.line));
  WEIR_TRY(auto error, changed(item));
  if (!error) return impl_->input->read(row.ref(item), record);
  record = Record();
  record.ref = row.ref(item);
  record.error = std::move(error);
  return {};
}

Result<std::uint64_t> AcceptedInput::verify_unchanged() const {
  if (impl_->manifest.format == Format::kFolder) return 0;
  WEIR_TRY(const auto now, impl_->input->identity());
  if (now == impl_->manifest.identity) return 0;
  std::uint64_t changed = 0;
  for (std::uint64_t item = 0; item < count(); ++item) {
    WEIR_TRY(const auto row, impl_->index->row(item));
    if (row.rejected()) continue;
    WEIR_TRY(const bool differs, impl_->row_changed(row));
    if (differs) ++changed;
  }
  return changed;
}

}  // namespace weir::bulk
