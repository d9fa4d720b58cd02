#pragma once
// The requests of Vertex AI and of Cloud Storage's JSON API, and what the batch step machine reads of the answers. Pure. Docs:
// https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.batchPredictionJobs (checked 2026-11-23),
// https://cloud.google.com/storage/docs/json_api/v1/objects (checked 2026-11-27)
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/plan.h"
#include "json/value.h"
#include "provider/adapter.h"
#include "provider/gemini_dialect.h"

namespace weir::providers::vertexAI {

/// Where things are, by the settings.
struct Site {
  std::string project, location;
  std::string bucket,
      prefix;  // of batches: "gs://bucket/prefix"; the prefix without slashes around it, may be empty
};
/// @error kInvalidArgument project or location is missing, or is no name that we are ready to put into a path.
[[nodiscard]] Result<Site> site_of(const provider::Settings& settings);
/// The same, with a bucket. @error the same of the bucket.
[[nodiscard]] Result<Site> batch_site_of(const provider::Settings& settings);

/// `path` is put behind Credentials::base_path, authorised.
[[nodiscard]] http::RequestPlan plan_of(http::Method method,
                                        const provider::Credentials& credentials,
                                        std::string_view path, bool with_body = false);
/// /v1/projects/{p}/locations/{l}/publishers/google/models/{model}{rest}
[[nodiscard]] std::string model_path(const Site& site, std::string_view model,
                                     std::string_view rest);

/// Names the batch at the provider, and is a folder of its own in the bucket: custom_id_prefix() without its dash.
[[nodiscard]] std::string recovery_tag(const BatchId& id);
/// The folder's name with a slash behind it; the input object; the folder of outputs.
[[nodiscard]] std::string folder_of(const Site& site, const BatchId& id);
[[nodiscard]] std::string input_of(const Site& site, const BatchId& id);
[[nodiscard]] std::string output_of(const Site& site, const BatchId& id);

// Cloud Storage: at storage.googleapis.com, or where the endpoint is not Google's, at the endpoint.
/// The whole image, in one request. Safe to repeat: the object is replaced.
[[nodiscard]] http::RequestPlan upload_plan(const provider::BatchContext& context,
                                            const Site& site);
/// Objects under `prefix` from the name `from` on, in the order of their names.
[[nodiscard]] http::RequestPlan objects_plan(const provider::BatchContext& context,
                                             const Site& site, std::string_view prefix,
                                             std::string_view from, std::string_view page);
[[nodiscard]] http::RequestPlan download_plan(const provider::BatchContext& context,
                                              const Site& site, std::string_view object);
[[nodiscard]] http::RequestPlan remove_plan(const provider::BatchContext& context, const Site& site,
                                            std::string_view object);

// Jobs, by the number at the end of their name.
[[nodiscard]] http::RequestPlan create_plan(const provider::BatchContext& context,
                                            const Site& site);
[[nodiscard]] http::RequestPlan list_plan(const provider::BatchContext& context, const Site& site,
                                          std::string_view page);
[[nodiscard]] http::RequestPlan poll_plan(const provider::BatchContext& context, const Site& site,
                                          std::string_view job);
[[nodiscard]] http::RequestPlan cancel_plan(const provider::BatchContext& context, const Site& site,
                                            std::string_view job);

/// Whether it is the number of a job, or another id that we are ready to put into a path.
[[nodiscard]] bool is_job_id(std::string_view text);

enum class End : std::uint8_t { kNone, kSucceeded, kFailed, kCancelled, kExpired };
/// What JOB_STATE_… says of a job's end; kNone: it still runs, as any unknown state does.
[[nodiscard]] End end_of(std::string_view state);

/// What we read of a BatchPredictionJob.
struct Job {
  std::string id;      // what stands at the end of its name
  std::string state;   // the provider's word
  std::string tag;     // displayName
  std::string output;  // "gs://…": the folder of its predictions; empty: not told
  std::optional<Time> created, ended;
  std::optional<std::uint64_t> done;  // succeeded and failed
  End end = End::kNone;
  std::optional<Error> error;
};
/// Nothing when the value is no job.
[[nodiscard]] std::optional<Job> read_job(const provider::gemini::Options& options,
                                          json::Value value);

struct JobList {
  std::vector<Job> jobs;
  std::string next;  // token of the next page; empty: the last
};
/// Nothing when the value is no list.
[[nodiscard]] std::optional<JobList> read_list(const provider::gemini::Options& options,
                                               json::Value value);

struct ObjectList {
  std::vector<std::string> names;
  std::string next;
};
/// Names that are not under `prefix` are left out. Nothing when the value is no list.
[[nodiscard]] std::optional<ObjectList> read_objects(json::Value value, std::string_view prefix);

}  // namespace weir::providers::vertexAI
