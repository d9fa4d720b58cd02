#include "library/configured_model.h"

#include <fmt/format.h>

#include "base/hash.h"
#include "config/choose.h"
#include "library/policy.h"
#include "library/request_json.h"

namespace weir::library {
namespace {

// Stable: the same request is always on the same side of a rollout.
std::string item_id_of(const Request& request) {
  std::string line;
  append_request(request, line);
  return content_digest(line);
}

}  // namespace

Result<std::unique_ptr<ConfiguredModel>> ConfiguredModel::create(std::shared_ptr<Host> host) {
  std::unique_ptr<ConfiguredModel> model(new ConfiguredModel(std::move(host)));
  WEIR_TRY(const auto route, model->route(""));
  return model;
}

Result<ConfiguredModel::RoutePtr> ConfiguredModel::build(const ConfigPtr& config,
                                                         const std::string& workload) const {
  auto route = std::make_shared<Route>();
  route->config = config;
  route->workload = workload.empty() ? nullptr : config::find_workload(*config, workload);
  const auto* entry = route->workload != nullptr ? config::entry_of(*config, *route->workload)
                                                 : config::default_entry(config->llm);
  if (entry == nullptr || entry->models.empty())
    return fail(ErrorKind::kNotFound, "the configuration names no model",
                "give EngineOptions::config_file with an llm entry, or name the model");
  const auto& name = route->workload != nullptr && route->workload->model ? *route->workload->model
                                                                          : entry->models.front();
  ModelOptions options{.api_key = entry->api_key.value_or(""),
                       .endpoint = entry->endpoint.value_or("")};
  options.temperature = entry->temperature;
  options.settings = entry->extra;
  WEIR_TRY(auto target, host_->target(entry->provider + "/" + name, options));
  route->plain = std::make_shared<NativeModel>(host_, target);
  auto optimization = optimization_of(*entry, route->workload);
  auto impl = std::make_unique<OptimizedModel::Impl>(
      host_, std::make_unique<NativeModel>(host_, std::move(target)), std::move(optimization));
  impl->tells = entry->log_decisions;
  route->shows_costs = entry->track_costs;
  route->optimized = std::make_shared<OptimizedModel>(std::move(impl));
  return route;
}

std::string ConfiguredModel::workload_of(const CallOptions& options) const {
  if (!options.workload.empty()) return options.workload;
  const auto config = host_->settings().current();
  const auto* entry = config::default_entry(config->llm);
  if (entry == nullptr || entry->models.empty()) return {};
  const auto* matching = config::matching_workload(*config, {.model = entry->models.front()});
  return matching == nullptr ? std::string() : matching->name;
}

Result<ConfiguredModel::RoutePtr> ConfiguredModel::route(const std::string& workload) {
  const auto config = host_->settings().current();
  const std::scoped_lock lock(mutex_);
  const bool same = config == config_;
  if (const auto found = routes_.find(workload); same && found != routes_.end())
    return found->second;
  auto built = build(config, workload);
  if (!built) {
    // A change that cannot be followed (a key that is missing, say) leaves everything as it was.
    const auto found = routes_.find(workload);
    if (found == routes_.end()) return built;
    if (!same)
      host_->log(LogLevel::kError, "the new configuration is not used: " + built.error().text());
    return found->second;
  }
  if (!same) routes_.clear();
  config_ = config;
  routes_[workload] = *built;
  return built;
}

ChatModel& ConfiguredModel::choose(const Route& route, const Request& request) const {
  const bool control = route.workload != nullptr && route.workload->rollout < 100 &&
                       !config::in_rollout(*route.workload, item_id_of(request));
  return control ? *route.plain : *route.optimized;
}

namespace {

Response without_costs(Response response) {
  response.cost = response.baseline = {};
  return response;
}

}  // namespace

CallOptions ConfiguredModel::told(const CallOptions& options, const Route& route) {
  auto out = options;
  if (route.workload == nullptr) return out;
  out.workload = route.workload->name;
  if (!out.deadline) out.deadline = route.workload->deadline;
  return out;
}

Result<Response> ConfiguredModel::invoke(const Request& request, const CallOptions& options,
                                         std::stop_token stop) {
  WEIR_TRY(const auto way, route(workload_of(options)));
  WEIR_TRY(auto response,
           choose(*way, request).invoke(request, told(options, *way), std::move(stop)));
  return way->shows_costs ? std::move(response) : without_costs(std::move(response));
}

Result<Response> ConfiguredModel::stream(const Request& request, const OnChunk& on_chunk,
                                         const CallOptions& options, std::stop_token stop) {
  WEIR_TRY(const auto way, route(workload_of(options)));
  WEIR_TRY(auto response,
           choose(*way, request).stream(request, on_chunk, told(options, *way), std::move(stop)));
  return way->shows_costs ? std::move(response) : without_costs(std::move(response));
}

std::vector<Result<Response>> ConfiguredModel::batch(std::span<const Request> requests,
                                                     const CallOptions& options,
                                                     std::stop_token stop) {
  const auto way = route(workload_of(options));
  if (!way) return std::vector<Result<Response>>(requests.size(), std::unexpected(way.error()));
  const auto call = told(options, **way);
  // Those of the control group go apart.
  std::vector<std::size_t> places[2];
  std::vector<Request> groups[2];
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto group = &choose(**way, requests[i]) == (*way)->plain.get() ? 1 : 0;
    places[group].push_back(i);
    groups[group].push_back(requests[i]);
  }
  std::vector<Result<Response>> out(requests.size());
  for (const int group : {0, 1}) {
    if (groups[group].empty()) continue;
    auto& model = group == 0 ? *(*way)->optimized : *(*way)->plain;
    auto answers = model.batch(groups[group], call, stop);
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (answers[i] && !(*way)->shows_costs) *answers[i] = without_costs(*std::move(answers[i]));
      out[places[group][i]] = std::move(answers[i]);
    }
  }
  return out;
}

ModelInfo ConfiguredModel::info() const {
  const std::scoped_lock lock(mutex_);
  return routes_.begin()->second->plain->info();
}

}  // namespace weir::library
