#pragma once
// Internal to http_client: what goes out, as text: the head of a request and the body of its plan,
// chunk by chunk. Knows nothing of connections.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/plan.h"
#include "runtime/http_client.h"

namespace weir::runtime::internal {

/// POST /v1/files HTTP/1.1\r\nHost: api.example.com\r\n…\r\n\r\n
/// @error kInvalidArgument the target or a header cannot be written, or is the client's to set.
Result<std::string> head_text(const ClientRequest& request, const std::string& user_agent);

/// The body of a plan, chunk by chunk. Borrows the pieces; owns the open image.
class BodySource {
 public:
  BodySource() = default;
  BodySource(const BodySource&) = delete;
  BodySource& operator=(const BodySource&) = delete;
  ~BodySource();

  /// Opens the image if a piece needs it and checks that all slices are there, before anything is
  /// sent. @error kInvalidArgument the image is unreadable or too short.
  Result<void> open(const std::vector<http::BodyPiece>* pieces, const std::string& path);

  [[nodiscard]] bool done() const { return piece_ == pieces_->size(); }

  /// Appends until `chunk` holds `limit` bytes or the body ends.
  /// @error kInvalidArgument the image became unreadable or shorter.
  Result<void> fill(std::string* chunk, std::size_t limit);

 private:
  Result<void> read_slice(std::uint64_t at, std::size_t count, std::string* chunk) const;

  const std::vector<http::BodyPiece>* pieces_ = nullptr;
  std::size_t piece_ = 0;
  std::uint64_t offset_ = 0;
  int file_ = -1;
};

}  // namespace weir::runtime::internal
