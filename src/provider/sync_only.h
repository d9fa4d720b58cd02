#pragma once
// What adapters of providers without a batch API have in common: each batch call answers kUnsupported. The catalogue has no
// "batch" for such a provider, so nothing is planned that would come here.
#include <fmt/format.h>

#include "provider/adapter.h"

namespace weir::provider {

/// @tparam Base Adapter, or one of its kinds whose batches are not to be had.
template <class Base = Adapter>
class SyncOnly : public Base {
 public:
  using Base::Base;
  [[nodiscard]] ImageFormat image_format() const override {
    return {.head = "", .separator = "\n", .tail = "\n"};
  }
  [[nodiscard]] Result<void> encode_item(std::string_view /*custom_id*/,
                                         const llm::Request& /*request*/,
                                         std::string& /*out*/) const override {
    return no_batch();
  }
  [[nodiscard]] Result<Step> next(std::string_view /*state*/, const BatchEvent& /*event*/,
                                  const BatchContext& /*context*/) const override {
    return no_batch();
  }
  [[nodiscard]] Result<Row> decode_row(std::string_view /*artefact*/, std::string_view /*line*/,
                                       Time /*now*/) const override {
    return no_batch();
  }

 private:
  [[nodiscard]] std::unexpected<Error> no_batch() const {
    return fail(ErrorKind::kUnsupported, fmt::format("{} has no batch API", this->name()),
                "use the sync route");
  }
};

}  // namespace weir::provider
