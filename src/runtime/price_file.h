#pragma once
// Prices of the user's own: a file as `weir prices import` writes it, over the catalogue's.
#include <string>

#include "base/result.h"
#include "catalogue/catalogue.h"

namespace weir::runtime {

inline constexpr std::size_t kPricesBytesMax = 64U << 20;

/// The built-in catalogue with the file's prices over it; an empty path: as it is.
/// @error kNotFound, kInvalidArgument: file and place.
Result<catalogue::Catalogue> catalogue_with(const std::string& prices_path);

}  // namespace weir::runtime
