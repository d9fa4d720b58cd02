#pragma once
// The requests of the batch step machine, and what it reads of their answers.
// Docs (reference of 2026-11-23; shapes by live captures of third parties, 2026-08-30):
//   https://docs.fireworks.ai/guides/batch-inference
//   https://docs.fireworks.ai/api-reference/create-dataset
//   https://docs.fireworks.ai/api-reference/create-batch-inference-job
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "http/plan.h"
#include "json/value.h"
#include "provider/adapter.h"
#include "provider/openai_chat_dialect.h"

namespace weir::providers::fireworks {

/// The dialect as Fireworks speaks it.
provider::openai_chat::Options chat_options();

/// The setting that names the account; the paths of batches need it.
inline constexpr std::string_view kAccountSetting = "accountId";

/// "weir-w…" in lower case: ours to choose, and so what keeps a create from happening twice.
std::string job_id(const BatchId& id);
/// The input dataset: job_id() and "-in".
std::string input_dataset(const BatchId& id);

/// POST /v1/accounts/A/datasets {"datasetId":"…","dataset":{"userUploaded":{},"exampleCount":"3"}}
http::RequestPlan dataset_plan(const provider::BatchContext& context);
/// POST /v1/accounts/A/datasets/D:upload, multipart with one part `file`, at most 150 MB.
http::RequestPlan upload_plan(const provider::BatchContext& context);
/// GET /v1/accounts/A/datasets/D
http::RequestPlan dataset_get_plan(const provider::BatchContext& context);
http::RequestPlan dataset_delete_plan(const provider::BatchContext& context, std::string_view id);
/// GET /v1/accounts/A/datasets/D:getDownloadEndpoint, without a body: with one it is refused.
http::RequestPlan locate_plan(const provider::BatchContext& context, std::string_view dataset);
/// POST /v1/accounts/A/batchInferenceJobs?batchInferenceJobId=J {"model":"…","inputDatasetId":"accounts/A/datasets/D"}
http::RequestPlan create_plan(const provider::BatchContext& context);
http::RequestPlan job_plan(const provider::BatchContext& context, http::Method method,
                           std::string_view job);

/// What we read of a job.
struct JobObject {
  std::string id, status, output;  // status without "JOB_STATE_"
  std::optional<Time> created, ended;
  std::optional<std::uint64_t> done;
  bool terminal = false, failed = false, deleting = false;
  std::optional<Error> error;  // of a failed one
};
/// Nothing when the value is no job (an object with a name and a state).
std::optional<JobObject> read_job(json::Value value);

struct DatasetObject {
  bool ready = false, uploading = false;
  std::optional<Error> error;
};
std::optional<DatasetObject> read_dataset(json::Value value);

/// {"filenameToSignedUrls":{"dataset/D/BIJOutputSet.jsonl":"https://…","dataset/D/error-data":"https://…"}}, sorted by name.
std::optional<std::map<std::string, std::string>> read_links(json::Value value);

/// What rows come from, stable: "BIJOutputSet.jsonl", "error-data".
std::string artefact_of(std::string_view filename);

}  // namespace weir::providers::fireworks
