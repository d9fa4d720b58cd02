#pragma once
// What every provider of the Gemini shape answers alike, whatever its paths: generateContent whole
// and streamed, countTokens, errors. A provider derives from it and routes.
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/embedded.h"
#include "json/value.h"
#include "sim/gemini_shape/cached_contents.h"
#include "sim/gemini_shape/generator.h"
#include "sim/provider.h"

namespace weir::sim::gemini_shape {

/// "gemini-3.8-flash:generateContent" -> the model and the method; nothing without a colon.
struct ModelMethod {
  std::string_view model, method;
};
std::optional<ModelMethod> split_method(std::string_view text);

class Service : public Provider {
 public:
  /// @param files the folder's embedded files, of which prices.json is read
  Service(const Traits& traits, std::vector<EmbeddedFile> files)
      : traits_(traits), files_of_folder_(std::move(files)) {}

  [[nodiscard]] std::string_view name() const override { return traits_.provider; }
  Result<void> start(World& world) override;
  [[nodiscard]] Reply error(const Call& call, int status, std::string_view message) const override;
  /// The wait stands in a RetryInfo; there is no header.
  [[nodiscard]] Reply rate_limited(const Call& call, Duration wait) const override;

 protected:
  /// Once the world is there: makes what the provider has besides.
  virtual void started() = 0;
  Reply generate(Call& call, std::string_view model, bool stream);
  Reply count(const Call& call, std::string_view model);
  /// Requests to "…/cachedContents" and "…/cachedContents/{id}". @param id empty for the collection
  Reply contents(Call& call, std::string_view parent, std::string_view id);
  [[nodiscard]] static Operation contents_operation(const Call& call, std::string_view id);

  const Traits& traits_;
  World* world_ = nullptr;
  PriceTable prices_;
  json::Parser parser_;
  std::unique_ptr<Generator> generator_;
  std::unique_ptr<CachedContents> contents_;

 private:
  std::vector<EmbeddedFile> files_of_folder_;
};

}  // namespace weir::sim::gemini_shape
