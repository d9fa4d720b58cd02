#pragma once
// Internal to accept: the names of its files, and their rows and lines.
#include <string>
#include <string_view>

#include "bulk/accept.h"

namespace weir::bulk {

inline constexpr std::string_view kIndexFile = "items.index";
inline constexpr std::string_view kRejectedFile = "rejected.jsonl";
inline constexpr std::string_view kManifestFile = "input.json";
inline constexpr std::string_view kSpoolFile = "input.spool";
inline constexpr std::string_view kFolderFile = "folder.jsonl";
// input.json of a terabyte is 20 MB.
inline constexpr std::size_t kManifestBytesMax = 256U << 20;

inline std::string file_in(const std::string& dir, std::string_view name) {
  return dir + "/" + std::string(name);
}

/// @param out room for kItemRowBytes.
void pack_row(const ItemRow& row, char* out);
ItemRow unpack_row(const char* bytes);

/// One line of rejected.jsonl with its end. An empty id is written as null.
std::string rejected_line(std::uint64_t item, std::uint64_t line, std::string_view id,
                          const Error& error);
/// The entry of `item` in a rejected.jsonl, by bisection. @error kInvalidArgument it has none.
Result<Rejected> find_rejected(const std::string& path, std::uint64_t item);

}  // namespace weir::bulk
