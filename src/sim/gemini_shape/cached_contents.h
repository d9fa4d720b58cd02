#pragma once
// Cached contents of a provider of the Gemini shape: create, get, list, update, delete, and what requests that name one find.
// Their tokens are billed at the price of input when they are made; keeping them by whole seconds of the price of an hour, when they
// are deleted or expire. Docs (checked 2026-11-27, reference snapshot): https://ai.google.dev/api/caching,
// https://ai.google.dev/gemini-api/docs/caching
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "json/value.h"
#include "sim/gemini_shape/generator.h"
#include "sim/provider.h"

namespace weir::sim::gemini_shape {

class CachedContents {
 public:
  struct Entry {
    std::string id, account, display_name, attempt_id;
    std::string parent;  // before "cachedContents/…"
    std::string model;   // without what stands before its name
    std::string text;    // as it was asked for
    std::unique_ptr<json::Parser> parser;
    json::Value body;  // of the text
    const ModelRow* row = nullptr;
    std::int64_t tokens = 0;
    Time created, updated, expires;
    bool gone = false;
  };

  CachedContents(World& world, Generator& generator, const Traits& traits)
      : world_(world), generator_(generator), traits_(traits) {}

  /// @param parent of names in answers: "" or "projects/7/locations/l/"
  Reply create(Call& call, std::string_view parent);
  [[nodiscard]] Reply list(const Call& call) const;
  [[nodiscard]] Reply get(const Call& call, std::string_view id) const;
  Reply update(Call& call, std::string_view id);
  Reply remove(Call& call, std::string_view id);
  void advance(Time now);

  /// What a request of this account names, for this model. @error as the provider refuses it
  [[nodiscard]] Checked<const Entry*> find(std::string_view account, std::string_view name,
                                           std::string_view model) const;
  [[nodiscard]] std::size_t size() const;

 private:
  [[nodiscard]] const Entry* entry(std::string_view account, std::string_view id) const;
  [[nodiscard]] Entry* entry(std::string_view account, std::string_view id);
  Checked<void> read_life(json::Value body, Time now, Time& expires) const;
  void end(Entry& entry, Time at);
  [[nodiscard]] ApiError missing(std::string_view id) const;

  World& world_;
  Generator& generator_;
  const Traits& traits_;
  std::deque<Entry> entries_;
  std::uint64_t made_ = 0;
};

}  // namespace weir::sim::gemini_shape
