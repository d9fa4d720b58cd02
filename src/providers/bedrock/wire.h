#pragma once
// The requests of Bedrock's runtime, of its control plane and of S3: where each goes, and what signs it; and what the batch machine reads of
// their answers. Docs (reference of 2026-11-23):
//   https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateModelInvocationJob.html
//   https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference-data.html
//   https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/plan.h"
#include "json/value.h"
#include "provider/adapter.h"

namespace weir::providers::bedrock {

// The settings, by the names of the configuration's keys.
inline constexpr std::string_view kRegion = "region", kKeyId = "awsAccessKeyId",
                                  kSecret = "awsAccessSecretKey", kToken = "awsSessionToken",
                                  kBucket = "bucket", kRole = "role";

/// Bedrock's runtime is the configured endpoint. Where that is one of AWS, the others are the region's bedrock and s3 hosts; else it
/// stands for all three (a proxy, the simulator), S3 by the bucket as the first part of the path.
enum class Service : std::uint8_t { kRuntime, kControl, kStorage };

/// Says where the plan goes, and signs it: with the AWS key where there is one, else with the Bedrock API key, which S3 does not take.
/// `plan.target` is the path below the endpoint. Call it last.
void address(http::RequestPlan& plan, Service service, const provider::Credentials& credentials,
             Time now);

/// POST /model/M/converse, or /converse-stream
http::RequestPlan converse_plan(std::string_view model, bool stream, std::string body);

/// "s3://bucket/some/prefix" or without the scheme; the prefix ends with a slash or is empty.
struct Bucket {
  std::string name, prefix;
};
std::optional<Bucket> bucket_of(const provider::Settings& settings);

/// "weir-w…": jobName and clientRequestToken, and the folder in the bucket.
std::string job_name(const BatchId& id);
/// The keys of the input, and of what the output's keys begin with, in the configured bucket.
std::string input_key(const provider::BatchContext& context);
std::string output_folder(const provider::BatchContext& context);

/// PUT /B/K, the body is the image
http::RequestPlan upload_plan(const provider::BatchContext& context);
http::RequestPlan object_plan(const provider::BatchContext& context, http::Method method,
                              std::string_view key);
/// GET /B?list-type=2&max-keys=…&prefix=…
http::RequestPlan objects_plan(const provider::BatchContext& context, std::string_view prefix);
/// POST /model-invocation-job {"jobName":…,"clientRequestToken":…,"modelId":…,"roleArn":…,"modelInvocationType":"Converse",…}
http::RequestPlan create_plan(const provider::BatchContext& context);
/// GET /model-invocation-jobs?nameContains=…
http::RequestPlan find_plan(const provider::BatchContext& context);
http::RequestPlan job_plan(const provider::BatchContext& context, std::string_view job);
http::RequestPlan stop_plan(const provider::BatchContext& context, std::string_view job);

/// "arn:aws:bedrock:us-east-1:123456789012:model-invocation-job/abc123" -> "abc123"; a bare id as it is; empty when it is neither.
std::string job_id(std::string_view arn);

/// What we read of a job.
struct JobObject {
  std::string id, name, status;
  std::string output_bucket, output_prefix;
  std::optional<Time> created, ended;
  std::optional<std::uint64_t> done;
  bool terminal = false, failed = false, stopping = false;
  std::string message;  // of a failed one
};
/// Nothing when the value is no job (an object with an ARN and a status).
std::optional<JobObject> read_job(json::Value value);
/// The job of that name among {"invocationJobSummaries":[…]}. @error kBadResponse no such list.
Result<std::optional<JobObject>> read_jobs(json::Value value, std::string_view name);

/// The keys in an answer to objects_plan() that begin with the prefix. @error kBadResponse no such answer.
Result<std::vector<std::string>> read_objects(std::string_view xml, std::string_view prefix);

}  // namespace weir::providers::bedrock
