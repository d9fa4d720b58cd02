#pragma once
// The model that the configuration names, optimised as it says: per workload, and anew when the file changes. A call uses one snapshot
// from its beginning to its end. Thread-safe.
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "library/host.h"
#include "library/optimized_model.h"

namespace weir::library {

class ConfiguredModel final : public ChatModel {
 public:
  /// @error kNotFound no entry; as Engine::model.
  static Result<std::unique_ptr<ConfiguredModel>> create(std::shared_ptr<Host> host);

  Result<Response> invoke(const Request& request, const CallOptions& options,
                          std::stop_token stop) override;
  Result<Response> stream(const Request& request, const OnChunk& on_chunk,
                          const CallOptions& options, std::stop_token stop) override;
  std::vector<Result<Response>> batch(std::span<const Request> requests, const CallOptions& options,
                                      std::stop_token stop) override;
  [[nodiscard]] ModelInfo info() const override;
  /// The workload of a call: the one it names, or one of the configuration that the model matches. Empty: none.
  [[nodiscard]] std::string workload_of(const CallOptions& options) const;

 private:
  /// What one workload's requests go through; built once a configuration.
  struct Route {
    std::shared_ptr<ChatModel> plain, optimized;
    const config::Workload* workload = nullptr;  // of `config`
    ConfigPtr config;
    bool shows_costs = true;
  };
  using RoutePtr = std::shared_ptr<const Route>;
  /// The call with what its workload says.
  static CallOptions told(const CallOptions& options, const Route& route);
  explicit ConfiguredModel(std::shared_ptr<Host> host) : host_(std::move(host)) {}
  Result<RoutePtr> route(const std::string& workload);
  Result<RoutePtr> build(const ConfigPtr& config, const std::string& workload) const;
  [[nodiscard]] ChatModel& choose(const Route& route, const Request& request) const;

  std::shared_ptr<Host> host_;
  mutable std::mutex mutex_;
  ConfigPtr config_;                        // that routes_ are of
  std::map<std::string, RoutePtr> routes_;  // by the workload's name
};

}  // namespace weir::library
