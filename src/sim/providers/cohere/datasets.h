#pragma once
// Datasets: what a batch reads and what it leaves, and signed links to the latter's files.
// Docs (reference of 2026-11-23): https://docs.cohere.com/reference/create-dataset, https://docs.cohere.com/docs/datasets
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/value.h"
#include "sim/openai_shape/files.h"
#include "sim/provider.h"
#include "sim/result_lines.h"

namespace weir::sim::cohere {

/// A file of an output dataset: blocks of records, with what each delivers.
struct OutputPart {
  struct Block {
    std::string bytes;
    std::vector<std::size_t> bill_rows;
  };
  std::string head;
  std::vector<Block> blocks;
  std::size_t rows = 0;
  [[nodiscard]] std::size_t bytes() const;
};

struct Dataset {
  std::string id, account, name, type;
  Time created_at, validated_at;
  std::string wrong;  // why its validation fails; empty: it does not
  openai_shape::Upload upload;
  std::vector<OutputPart> parts;
};

class Datasets {
 public:
  explicit Datasets(World& world) : world_(world) {}

  Reply upload(Call& call);
  Reply list(const Call& call) const;
  Reply get(const Call& call, std::string_view id);
  Reply remove(const Call& call, std::string_view id);
  /// What a link leads to. A key beside the signature is refused.
  Reply download(Call& call);

  /// The key with which a link was asked for; nothing when its signature is not ours.
  [[nodiscard]] std::optional<std::string_view> key_of_link(std::string_view target) const;
  /// A dataset of this name, with an id of its own. @return the id
  std::string keep(Dataset dataset);
  [[nodiscard]] const Dataset* find(std::string_view account, std::string_view id) const;
  [[nodiscard]] std::size_t size() const { return datasets_.size(); }
  [[nodiscard]] std::size_t bytes() const;
  /// Drops what is 30 days old.
  void advance(Time now);

 private:
  struct Link {
    std::string key;  // of the account
    std::string dataset;
    std::size_t part = 0;
    Time until;
  };
  std::string links(const Call& call, const Dataset& dataset);

  World& world_;
  std::map<std::string, Dataset, std::less<>> datasets_;  // by id
  std::map<std::string, Link, std::less<>> links_;        // by signature
  std::uint64_t made_ = 0;
};

/// Where links lead, below the provider's prefix.
inline constexpr std::string_view kStoragePath = "/storage/";

}  // namespace weir::sim::cohere
