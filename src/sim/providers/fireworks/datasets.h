#pragma once
// Datasets: what a batch inference job reads and what it leaves, and signed links to the latter.
// Doc: https://docs.fireworks.ai/api-reference/create-dataset (reference of 2026-11-23, with live captures of third parties, 2026-08-30)
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

namespace weir::sim::fireworks {

/// {"code":5,"message":"…","details":[]}, as the control plane says it.
Reply plain_error(int status, std::string_view message);

/// A file of a dataset that a job made.
struct ResultFile {
  std::string name;
  std::shared_ptr<const ResultLines> lines;
};

struct Dataset {
  std::string id, account, owner;  // account: whose key; owner: the account named in the path
  std::int64_t examples = 0;       // as declared; nobody counts
  Time created_at, ready_at;
  bool uploaded = false;
  openai_shape::Upload upload;
  std::string filename;
  std::vector<ResultFile> files;
};

class Datasets {
 public:
  explicit Datasets(World& world) : world_(world) {}

  Reply create(Call& call, std::string_view owner);
  Reply upload(Call& call, std::string_view owner, std::string_view id);
  Reply get(const Call& call, std::string_view owner, std::string_view id) const;
  Reply remove(const Call& call, std::string_view owner, std::string_view id);
  /// Links that live 599 s. A request with a body is refused.
  Reply links(const Call& call, std::string_view owner, std::string_view id);
  /// What a link leads to. A key beside the signature is refused.
  Reply download(Call& call);

  /// The key with which a link was asked for; nothing when its signature is not ours.
  [[nodiscard]] std::optional<std::string_view> key_of_link(std::string_view target) const;
  void keep(Dataset dataset);
  [[nodiscard]] const Dataset* find(std::string_view account, std::string_view owner,
                                    std::string_view id) const;
  [[nodiscard]] std::size_t size() const { return datasets_.size(); }
  [[nodiscard]] std::size_t bytes() const;

 private:
  struct Link {
    std::string key;  // of the account
    std::string dataset, owner, name;
    Time until;
  };
  World& world_;
  std::map<std::string, Dataset, std::less<>> datasets_;  // by account, owner and id
  std::map<std::string, Link, std::less<>> links_;        // by signature
  json::Parser parser_;
};

/// Where links lead, below the provider's prefix.
inline constexpr std::string_view kStoragePath = "/storage/";

}  // namespace weir::sim::fireworks
