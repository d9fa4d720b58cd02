#include "json/avro.h"

#include <zlib.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "json/avro_schema.h"

namespace weir::json {
namespace {

constexpr std::string_view kMagic{"Obj\1", 4};
constexpr std::size_t kSyncBytes = 16;
constexpr std::size_t kPieceBytes = 64 << 10;  // taken or unpacked at once

std::unexpected<Error> bad_file(std::string_view what) {
  return fail(ErrorKind::kBadResponse, std::string("the Avro file ") + std::string(what));
}

constexpr std::size_t kChecksumBytes = 4;

// Raw deflate, a block at a time.
class Inflater {
 public:
  Inflater() = default;
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() {
    if (ready_) inflateEnd(&stream_);
  }

  bool begin() {
    ended_ = full_ = false;
    behind_ = 0;
    if (ready_) return inflateReset(&stream_) == Z_OK;
    ready_ = inflateInit2(&stream_, -MAX_WBITS) == Z_OK;
    return ready_;
  }
  [[nodiscard]] bool ended() const { return ended_; }

  /// Appends at most kPieceBytes to `out` and takes what it needs of `in`. False: this is not deflate.
  bool unpack(std::string_view& in, std::string& out) {
    if (ended_) {
      // Writers in Python leave three bytes of zlib's checksum there (fastavro 1.13.1, the reference's own as well).
      behind_ += std::exchange(in, {}).size();
      return behind_ <= kChecksumBytes;
    }
    const auto before = out.size();
    out.resize(before + kPieceBytes);
    // zlib's input is not const, for want of the word in old C.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = static_cast<uInt>(std::min(in.size(), kPieceBytes));
    const auto given = stream_.avail_in;
    stream_.next_out = reinterpret_cast<Bytef*>(out.data() + before);
    stream_.avail_out = static_cast<uInt>(kPieceBytes);
    const int code = inflate(&stream_, Z_NO_FLUSH);
    in.remove_prefix(given - stream_.avail_in);
    out.resize(before + kPieceBytes - stream_.avail_out);
    full_ = stream_.avail_out == 0;
    ended_ = code == Z_STREAM_END;
    return ended_ || code == Z_OK || code == Z_BUF_ERROR;
  }
  /// The last call stopped for want of room: there may be more without further input.
  [[nodiscard]] bool full() const { return full_ && !ended_; }

 private:
  z_stream stream_ = {};
  bool ready_ = false, ended_ = false, full_ = false;
  std::size_t behind_ = 0;  // bytes after the end
};

}  // namespace

struct AvroSplitter::Impl {
  explicit Impl(std::size_t most) : row_bytes_max(most) {}

  enum class At : std::uint8_t { kHeader, kBlockHead, kBlock, kSync, kBroken };

  std::size_t row_bytes_max;
  At at = At::kHeader;
  std::string why;   // of kBroken
  std::string head;  // of the file, of a block, or a sync marker, as far as it came
  std::string sync;
  AvroSchema schema;
  bool deflated = false;
  Inflater inflater;

  std::int64_t block_rows = 0;    // that are still to come in it
  std::uint64_t block_bytes = 0;  // that are still to come of it
  bool skipping = false;          // to its end
  std::string rows;  // unpacked bytes of the block that are not read yet, from `from` on
  std::size_t from = 0;
  std::size_t wanted = 0;  // before so many are there, it is no use to try again
  std::string row;         // that was handed out last
  std::uint64_t number = 0;

  std::optional<LineSplitter::Line> broken(std::string_view what) {
    at = At::kBroken;
    why = what;
    return std::nullopt;
  }

  void take_header(std::string_view& bytes);
  Result<bool> parse_header();
  Result<void> parse_meta(AvroBytes& in, AvroRead& got);
  void take_block_head(std::string_view& bytes);
  void take_sync(std::string_view& bytes);
  void take_block(std::string_view& bytes);
  std::optional<LineSplitter::Line> next_row();
  std::optional<LineSplitter::Line> handed_out(bool too_long);
  void end_block();
  [[nodiscard]] bool block_read() const {
    return block_bytes == 0 && (!deflated || inflater.ended());
  }
  // What was taken already may give more bytes.
  [[nodiscard]] bool pending() const { return deflated && !skipping && inflater.full(); }
  // All bytes were taken, and what they unpack to does not end.
  [[nodiscard]] bool stuck() const { return block_bytes == 0 && !pending(); }
};

// --- The header: magic, a map of bytes, the sync marker

void AvroSplitter::Impl::take_header(std::string_view& bytes) {
  const auto given = std::min(bytes.size(), kHeaderBytesMax + 1 - head.size());
  const auto before = head.size();
  head += bytes.substr(0, given);
  const auto whole = parse_header();
  if (!whole) {
    std::ignore = broken(whole.error().message);
    return;
  }
  if (!*whole) {
    bytes.remove_prefix(given);
    if (head.size() > kHeaderBytesMax) std::ignore = broken("the Avro file's header does not end");
    return;
  }
  bytes.remove_prefix(head.size() - before);  // parse_header() cut it to its length
  head.clear();
  at = At::kBlockHead;
}

// False: there must be more of it.
Result<bool> AvroSplitter::Impl::parse_header() {
  if (!head.starts_with(kMagic.substr(0, head.size()))) return bad_file("is no object container");
  AvroBytes in{.bytes = head, .at = kMagic.size()};
  if (head.size() < kMagic.size()) return false;
  AvroRead got = AvroRead::kDone;
  WEIR_CHECK(parse_meta(in, got));
  if (got == AvroRead::kMore) return false;
  if (got != AvroRead::kDone) return bad_file("has a header that cannot be read");
  if (in.left() < kSyncBytes) return false;
  sync = head.substr(in.at, kSyncBytes);
  head.resize(in.at + kSyncBytes);
  return true;
}

Result<void> AvroSplitter::Impl::parse_meta(AvroBytes& in, AvroRead& got) {
  std::string codec = "null", text;
  while (true) {
    std::int64_t count = 0, size = 0;
    got = read_avro_long(in, count);
    if (got != AvroRead::kDone || count == 0) break;
    if (count < 0) got = read_avro_long(in, size);
    if (got != AvroRead::kDone) break;
    if (count < -static_cast<std::int64_t>(kHeaderBytesMax))
      return bad_file("has too much of a header");
    for (count = count < 0 ? -count : count; count > 0; --count) {
      std::string_view key, value;
      got = read_avro_text(in, kHeaderBytesMax, key);
      if (got == AvroRead::kDone) got = read_avro_text(in, kHeaderBytesMax, value);
      if (got != AvroRead::kDone) return {};
      if (key == "avro.schema") text = value;
      if (key == "avro.codec") codec = value;
    }
  }
  if (got != AvroRead::kDone) return {};
  if (codec != "null" && codec != "deflate")
    return bad_file("is packed by a codec that is not known");
  deflated = codec == "deflate";
  WEIR_TRY(schema, AvroSchema::parse(text));
  return {};
}

// --- Blocks: a count of records, their bytes, the sync marker

void AvroSplitter::Impl::take_block_head(std::string_view& bytes) {
  while (!bytes.empty()) {
    head.push_back(bytes.front());
    bytes.remove_prefix(1);
    AvroBytes in{.bytes = head};
    std::int64_t count = 0, size = 0;
    auto got = read_avro_long(in, count);
    if (got == AvroRead::kDone) got = read_avro_long(in, size);
    if (got == AvroRead::kMore) continue;
    if (got != AvroRead::kDone || count < 0 || size < 0) {
      std::ignore = broken("the Avro file has a block that cannot be read");
      return;
    }
    head.clear();
    block_rows = count;
    block_bytes = static_cast<std::uint64_t>(size);
    skipping = false;
    wanted = 0;
    at = At::kBlock;
    if (deflated && !inflater.begin()) std::ignore = broken("there is no memory to unpack a block");
    return;
  }
}

void AvroSplitter::Impl::take_sync(std::string_view& bytes) {
  const auto given = std::min(bytes.size(), kSyncBytes - head.size());
  head += bytes.substr(0, given);
  bytes.remove_prefix(given);
  if (head.size() < kSyncBytes) return;
  if (head != sync) {
    std::ignore = broken("the Avro file has a block that does not end where it says");
    return;
  }
  head.clear();
  at = At::kBlockHead;
}

// At most a piece, so that what is unpacked stays small.
void AvroSplitter::Impl::take_block(std::string_view& bytes) {
  auto piece = bytes.substr(
      0,
      static_cast<std::size_t>(std::min<std::uint64_t>({block_bytes, kPieceBytes, bytes.size()})));
  const auto given = piece.size();
  if (skipping) {
    piece = {};
  } else if (deflated) {
    if (!inflater.unpack(piece, rows))
      std::ignore = broken("the Avro file has a block that is not packed as it says");
  } else {
    rows += piece;
    piece = {};
  }
  const auto taken = given - piece.size();
  bytes.remove_prefix(taken);
  block_bytes -= taken;
}

std::optional<LineSplitter::Line> AvroSplitter::Impl::handed_out(bool too_long) {
  const auto length = row.size();
  if (too_long) row.clear();
  return LineSplitter::Line{
      .bytes = row, .number = ++number, .offset = 0, .length = length, .too_long = too_long};
}

// A record out of what was unpacked, if there is one whole.
std::optional<LineSplitter::Line> AvroSplitter::Impl::next_row() {
  const auto here = rows.size() - from;
  if (skipping || block_rows == 0 || (here < wanted && !block_read())) return std::nullopt;
  AvroBytes in{.bytes = std::string_view(rows).substr(from)};
  Writer out;
  const auto got = schema.read(in, row_bytes_max, out);
  if (got == AvroRead::kBad || (got == AvroRead::kMore && block_read()))
    return broken("the Avro file has a record that does not follow its schema");
  if (got == AvroRead::kTooLong || (got == AvroRead::kMore && in.wanted > row_bytes_max)) {
    skipping = true;
    block_rows = 0;
    rows.clear();
    from = 0;
    return handed_out(true);
  }
  if (got == AvroRead::kMore) {
    wanted = std::max(in.wanted, here + here / 2);  // each byte is read a few times at most
    return std::nullopt;
  }
  // Records of no bytes could be any number of them.
  if (in.at == 0) return broken("the Avro file has records of nothing");
  row = out.take();
  from += in.at;
  --block_rows;
  wanted = 0;
  if (from > kPieceBytes) {
    rows.erase(0, from);
    from = 0;
  }
  return handed_out(row.size() > row_bytes_max);
}

void AvroSplitter::Impl::end_block() {
  if (!skipping && (block_rows > 0 || from < rows.size())) {
    std::ignore = broken("the Avro file has a block with other than the records that it says");
    return;
  }
  rows.clear();
  from = 0;
  at = At::kSync;
}

AvroSplitter::AvroSplitter(std::size_t row_bytes_max)
    : impl_(std::make_unique<Impl>(row_bytes_max)) {}
AvroSplitter::AvroSplitter(AvroSplitter&&) noexcept = default;
AvroSplitter& AvroSplitter::operator=(AvroSplitter&&) noexcept = default;
AvroSplitter::~AvroSplitter() = default;

std::optional<LineSplitter::Line> AvroSplitter::next(std::string_view& bytes) {
  using At = Impl::At;
  while (true) {
    switch (impl_->at) {
      case At::kBroken: return std::nullopt;
      case At::kHeader:
        if (bytes.empty()) return std::nullopt;
        impl_->take_header(bytes);
        break;
      case At::kBlockHead:
        if (bytes.empty()) return std::nullopt;
        impl_->take_block_head(bytes);
        break;
      case At::kSync:
        if (bytes.empty()) return std::nullopt;
        impl_->take_sync(bytes);
        break;
      case At::kBlock:
        if (auto row = impl_->next_row()) return row;
        if (impl_->at == At::kBroken) return std::nullopt;
        if (impl_->block_read() || (impl_->skipping && impl_->block_bytes == 0)) {
          impl_->end_block();
          break;
        }
        if (impl_->stuck()) {
          std::ignore = impl_->broken("the Avro file has a block that is not packed as it says");
          return std::nullopt;
        }
        if (bytes.empty() && !impl_->pending()) return std::nullopt;
        impl_->take_block(bytes);
        break;
    }
  }
}

Result<void> AvroSplitter::end() const {
  if (impl_->at == Impl::At::kBroken) return fail(ErrorKind::kBadResponse, impl_->why);
  if (impl_->at == Impl::At::kBlockHead && impl_->head.empty()) return {};
  return bad_file("breaks off");
}

}  // namespace weir::json
