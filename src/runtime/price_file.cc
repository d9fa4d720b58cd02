#include "runtime/price_file.h"

#include "runtime/posix_files.h"

namespace weir::runtime {

Result<catalogue::Catalogue> catalogue_with(const std::string& prices_path) {
  WEIR_TRY(auto catalogue, catalogue::Catalogue::built_in());
  if (prices_path.empty()) return catalogue;
  WEIR_TRY(const auto text, read_whole_file(prices_path, kPricesBytesMax));
  WEIR_CHECK(catalogue.overlay(prices_path, text));
  return catalogue;
}

}  // namespace weir::runtime
