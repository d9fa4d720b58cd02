#pragma once
// A request body as a plan: inline bytes and slices of a batch image, never one big string.
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "http/message.h"
#include "http/url.h"

namespace weir::http {

/// A byte range of the batch image (the spool file that the engine wrote); whoever sends knows its path.
struct ImageSlice {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  friend bool operator==(const ImageSlice&, const ImageSlice&) = default;
};

using BodyPiece = std::variant<std::string, ImageSlice>;

/// `target` is path and query. Content-Length is known before the send: the sender adds it, with Host.
struct RequestPlan {
  Method method = Method::kGet;
  std::string target;
  Headers headers;
  std::vector<BodyPiece> body;
  /// Where it goes instead of the configured endpoint: then it carries no key, and to private addresses it does not go, but for…
  std::optional<Origin> origin = std::nullopt;
  /// …an origin that follows from the settings, not from an answer: a signature or token of ours may go there.
  bool origin_is_known = false;
  /// The sender adds `authorization` with the account's access token (Adapter::encode_token), fresh at that moment.
  bool access_token = false;

  [[nodiscard]] std::uint64_t content_length() const {
    std::uint64_t length = 0;
    for (const auto& piece : body) {
      if (const auto* text = std::get_if<std::string>(&piece)) length += text->size();
      else length += std::get<ImageSlice>(piece).length;
    }
    return length;
  }
};

}  // namespace weir::http
