#pragma once
// The models that make embeddings: one of a name, and the one that the configuration names. Thread-safe.
#include <memory>
#include <mutex>
#include <optional>

#include "library/host.h"
#include "weir/embedding_model.h"

namespace weir::library {

class Embedder final : public EmbeddingModel {
 public:
  /// @param dimensions where a call says none
  Embedder(std::shared_ptr<Host> host, TargetPtr target,
           std::optional<std::uint64_t> dimensions = std::nullopt)
      : host_(std::move(host)), target_(std::move(target)), dimensions_(dimensions) {}

  Result<Embeddings> embed(std::span<const std::string> texts, const EmbedOptions& options,
                           std::stop_token stop) override;
  [[nodiscard]] ModelInfo info() const override { return target_->info(); }

 private:
  struct Round;  // of requests, for one call
  void send(Round& round, std::size_t index) const;
  Embeddings gather(Round& round) const;

  std::shared_ptr<Host> host_;
  TargetPtr target_;
  std::optional<std::uint64_t> dimensions_;
};

/// Anew when the file changes. A call uses one snapshot from its beginning to its end.
class ConfiguredEmbedder final : public EmbeddingModel {
 public:
  /// @error kNotFound no entry; as Engine::embedding_model.
  static Result<std::unique_ptr<ConfiguredEmbedder>> create(std::shared_ptr<Host> host);

  Result<Embeddings> embed(std::span<const std::string> texts, const EmbedOptions& options,
                           std::stop_token stop) override;
  [[nodiscard]] ModelInfo info() const override;

 private:
  struct Now {
    std::shared_ptr<Embedder> embedder;
    bool shows_costs = true;
  };
  explicit ConfiguredEmbedder(std::shared_ptr<Host> host) : host_(std::move(host)) {}
  Result<Now> build(const config::Config& config) const;
  Result<Now> current();

  std::shared_ptr<Host> host_;
  mutable std::mutex mutex_;
  ConfigPtr config_;  // that now_ is of, or that could not be followed
  Now now_;
};

}  // namespace weir::library
