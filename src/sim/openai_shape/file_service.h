#pragma once
// Service with files and batches over them, at the paths where OpenAI has them.
#include <memory>

#include "sim/openai_shape/batches.h"
#include "sim/openai_shape/files.h"
#include "sim/openai_shape/service.h"

namespace weir::sim::openai_shape {

/// Where files and batches are, below the provider's prefix.
struct FilePaths {
  std::string_view files = "/v1/files", batches = "/v1/batches";
};

class FileService : public Service {
 public:
  FileService(const Traits& traits, std::vector<EmbeddedFile> embedded, FilePaths paths = {})
      : Service(traits, std::move(embedded)), paths_(paths) {}

  void advance(Time now) override {
    batches_->advance(now);
    files_->advance(now);
  }
  void write_state(json::Writer& out) const override;

 protected:
  void started() override;
  [[nodiscard]] virtual std::unique_ptr<Batches> make_batches();
  [[nodiscard]] Operation operation_more(const Call& call) const override;
  Reply handle_more(Call& call) override;

  std::unique_ptr<Files> files_;
  std::unique_ptr<Batches> batches_;

 private:
  FilePaths paths_;
};

}  // namespace weir::sim::openai_shape
