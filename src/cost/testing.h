#pragma once
// For tests of prices: rows of the catalogue that is built in.
#include <string_view>

#include "catalogue/catalogue.h"

namespace weir::cost {

inline const Time kNow =
    from_unix_seconds(1'795'392'000);  // 2026-11-23: introductory prices are in force

inline const catalogue::Catalogue& built_in() {
  static const auto kLoaded = catalogue::Catalogue::built_in().value();
  return kLoaded;
}

inline const catalogue::PriceRow& row_of(std::string_view name) {
  return catalogue::resolve(built_in(), name)->model->price_at(kNow);
}

}  // namespace weir::cost
