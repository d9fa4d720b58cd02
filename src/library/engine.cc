#include "weir/engine.h"

#include <tuple>

#include "library/configured_model.h"
#include "library/embedder.h"
#include "library/host.h"
#include "library/native_model.h"

namespace weir {

Engine::Engine(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() { std::ignore = stop(); }

Result<std::unique_ptr<Engine>> Engine::create(EngineOptions options) {
  WEIR_TRY(auto host, library::Host::create(std::move(options)));
  auto impl = std::make_shared<Impl>();
  impl->host = std::move(host);
  return std::unique_ptr<Engine>(new Engine(std::move(impl)));
}

Result<void> Engine::stop(std::chrono::milliseconds deadline) {
  return impl_->host->stop(deadline);
}

Result<std::unique_ptr<ChatModel>> Engine::model(std::string_view name, ModelOptions options) {
  WEIR_TRY(auto target, impl_->host->target(name, options));
  return std::make_unique<library::NativeModel>(impl_->host, std::move(target));
}

Result<std::unique_ptr<ChatModel>> Engine::model() {
  WEIR_TRY(auto model, library::ConfiguredModel::create(impl_->host));
  return model;
}

Result<std::unique_ptr<EmbeddingModel>> Engine::embedding_model(std::string_view name,
                                                                ModelOptions options) {
  WEIR_TRY(auto target, impl_->host->embedding_target(name, options));
  return std::make_unique<library::Embedder>(impl_->host, std::move(target));
}

Result<std::unique_ptr<EmbeddingModel>> Engine::embedding_model() {
  WEIR_TRY(auto model, library::ConfiguredEmbedder::create(impl_->host));
  return model;
}

Result<bool> Engine::reload() { return impl_->host->reload(); }

Result<Job> Engine::job(std::string_view id) {
  WEIR_TRY(auto job, impl_->host->jobs().find(id));
  return Job(std::move(job));
}

std::vector<Job> Engine::jobs() const {
  std::vector<Job> out;
  for (auto& job : impl_->host->jobs().all()) out.emplace_back(std::move(job));
  return out;
}

const std::string& Engine::store() const { return impl_->host->folder(); }

}  // namespace weir
