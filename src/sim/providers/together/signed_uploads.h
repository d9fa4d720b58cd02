#pragma once
// Uploads as together's own SDKs make them: an address for the bytes is asked for, and the bytes are put there without a key.
// Docs: togethercomputer/together-typescript 0.52.0, lib/upload; togethercomputer/together-python, filemanager (checked 2026-11-27)
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "sim/openai_shape/files.h"

namespace weir::sim::together {

/// Where the addresses lead, below the provider's prefix.
inline constexpr std::string_view kSignedPath = "/signed-upload/";

class SignedUploads {
 public:
  SignedUploads(World& world, const openai_shape::Traits& traits, openai_shape::Files& files)
      : world_(world), traits_(traits), files_(files) {}

  /// POST /v1/files?file_name=…&file_type=jsonl&purpose=…: 302 with `location` and `x-together-file-id`. The file is there, without bytes.
  /// @error 400 a parameter is missing or wrong
  Reply start(Call& call);
  /// PUT of the bytes to that address, once and within its life. @error 403 as storage says it
  Reply put(Call& call);
  /// The key with which an address was asked for; nothing when its signature is not ours.
  [[nodiscard]] std::optional<std::string_view> key_of_link(std::string_view target) const;

 private:
  struct Link {
    std::string key, file;
    Time until;
  };
  World& world_;
  const openai_shape::Traits& traits_;
  openai_shape::Files& files_;
  std::map<std::string, Link, std::less<>> links_;  // by signature
};

}  // namespace weir::sim::together
