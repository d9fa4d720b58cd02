#pragma once
// batchPredictionJobs over objects of Cloud Storage. Docs (checked 2026-11-23, reference snapshot):
// https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.batchPredictionJobs,
// https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/batch-prediction-gemini
#include <map>
#include <string>
#include <string_view>

#include "sim/gemini_shape/row_batches.h"
#include "sim/providers/vertexAI/objects.h"

namespace weir::sim::vertexAI {

/// "projects/p/locations/l", as the path has it.
struct Parent {
  std::string_view project, location;
};

class Jobs final : public gemini_shape::RowBatches {
 public:
  Jobs(World& world, gemini_shape::Generator& generator, Objects& objects)
      : RowBatches(world, generator), objects_(objects) {}

  Reply create(Call& call, const Parent& parent);
  Reply get(const Call& call, const Parent& parent, std::string_view id);
  Reply list(const Call& call, const Parent& parent) const;
  Reply cancel(const Call& call, const Parent& parent, std::string_view id);
  Reply remove(const Call& call, const Parent& parent, std::string_view id);

 private:
  struct Terms {  // what a job has besides
    std::string location, output, labels;
  };
  struct NewJob;
  gemini_shape::Checked<NewJob> read_create(const Call& call, const Parent& parent,
                                            json::Value body);
  /// Why the job fails once it begins; fills in its lines where it does not.
  [[nodiscard]] std::optional<gemini_shape::ApiError> read_input(const Call& call,
                                                                 NewJob& job) const;
  Batch* job_at(const Call& call, const Parent& parent, std::string_view id);
  [[nodiscard]] Row read_row(json::Value line) const override;
  [[nodiscard]] std::string answered_row(const Row& row,
                                         const gemini_shape::Content& content) const override;
  [[nodiscard]] std::string failed_row(const Row& row,
                                       const gemini_shape::ApiError& error) const override;
  void keep(Batch& batch) override;
  [[nodiscard]] std::string job_json(const Batch& batch, Time now) const;
  void write_end(const Batch& batch, bool failed, json::Writer& out) const;

  Objects& objects_;
  std::map<std::string, Terms, std::less<>> terms_;  // by id
  std::uint64_t created_ = 0;
};

}  // namespace weir::sim::vertexAI
