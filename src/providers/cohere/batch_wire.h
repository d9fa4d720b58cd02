#pragma once
// The requests of the batch step machine, and what it reads of their answers.
// Docs (reference of 2026-11-23): https://docs.cohere.com/reference/create-batch, https://docs.cohere.com/reference/create-dataset
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/plan.h"
#include "json/value.h"
#include "provider/adapter.h"

namespace weir::providers::cohere {

/// A path below the endpoint, with the key.
http::RequestPlan plan_of(const provider::Credentials& credentials, http::Method method,
                          std::string_view path, bool with_body = false);

/// "weir-w…": the name of the batch and of its input dataset, by which a lost create is found again.
std::string batch_name(const BatchId& id);

/// POST /v1/datasets?name=N&type=batch-chat-v2-input&keep_fields=custom_id, multipart with one part `data`. Answer: {"id":"…"}
http::RequestPlan upload_plan(const provider::BatchContext& context);
/// GET /v1/datasets/D, DELETE /v1/datasets/D
http::RequestPlan dataset_plan(const provider::BatchContext& context, http::Method method,
                               std::string_view dataset);
/// POST /v2/batches {"name":"…","input_dataset_id":"…","model":"…"}
http::RequestPlan create_plan(const provider::BatchContext& context, std::string_view dataset);
/// GET /v2/batches?page_size=1000&order_by=created_at
http::RequestPlan list_plan(const provider::BatchContext& context, std::string_view page);
/// GET /v2/batches/B
http::RequestPlan poll_plan(const provider::BatchContext& context, std::string_view batch);
/// POST /v2/batches/B:cancel
http::RequestPlan cancel_plan(const provider::BatchContext& context, std::string_view batch);

/// An id that may stand in a path of ours; nothing when it is none. An answer must not choose where our key goes.
std::optional<std::string> usable_id(json::Value id);

struct BatchObject {
  std::string id, name, input, output;  // the latter two: datasets
  std::string status;                   // without "BATCH_STATUS_"
  std::string why;                      // status_reason
  std::optional<Time> created, updated;
  std::optional<std::uint64_t> done;
  bool failed = false, terminal = false;
};
/// Nothing when the value is no batch (an object with an id and a status).
std::optional<BatchObject> read_batch(json::Value value);

struct BatchList {
  std::vector<BatchObject> batches;
  std::string next;  // page token; empty: the last page
};
std::optional<BatchList> read_list(json::Value value);

struct DatasetObject {
  std::string state;  // validation_status
  std::string error;
  std::vector<std::string> parts;  // URLs, in their order
  [[nodiscard]] bool ready() const { return state == "validated" || state == "skipped"; }
};
/// Of {"dataset":{…}}.
std::optional<DatasetObject> read_dataset(json::Value value);

/// What rows come from, stable: "part-0".
std::string artefact_of(std::size_t part);

}  // namespace weir::providers::cohere
