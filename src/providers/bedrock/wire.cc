#include "providers/bedrock/wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "http/url.h"
#include "json/write.h"
#include "provider/aws_signature.h"
#include "provider/openai_chat_dialect.h"
#include "providers/bedrock/xml.h"

namespace weir::providers::bedrock {
namespace {

constexpr std::string_view kAws = ".amazonaws.com";
constexpr std::string_view kInputName = "input.jsonl";
constexpr std::int64_t kTimeoutHours = 24;  // the least that may be asked for
constexpr std::size_t kIdBytesMax = 200;
constexpr std::size_t kObjectsMax = 64;  // an output has two; this only bounds the state

bool is_label(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

std::string_view setting(const provider::Credentials& credentials, std::string_view name) {
  return credentials.settings.find(name).value_or(std::string_view());
}

std::optional<http::Origin> other_origin(const provider::Credentials& credentials,
                                         Service service) {
  const auto region = setting(credentials, kRegion);
  if (service == Service::kRuntime || !credentials.origin.host.ends_with(kAws) || !is_label(region))
    return std::nullopt;
  return http::Origin{
      .tls = true,
      .host = fmt::format("{}.{}{}", service == Service::kControl ? "bedrock" : "s3", region, kAws),
      .port = 443};
}

// "a b/c" -> "a%20b/c"
std::string object_path(std::string_view bucket, std::string_view key) {
  std::string out = "/" + http::percent_encode(bucket);
  while (!key.empty()) {
    const auto part = key.substr(0, key.find('/'));
    out += "/" + http::percent_encode(part);
    key.remove_prefix(std::min(key.size(), part.size() + 1));
  }
  return out;
}

Bucket bucket_in(const provider::BatchContext& context) {
  return bucket_of(context.credentials.settings).value_or(Bucket{});
}

http::RequestPlan control_plan(const provider::BatchContext& context, http::Method method,
                               std::string target, std::string body = {}) {
  http::RequestPlan plan{.method = method, .target = std::move(target), .headers = {}, .body = {}};
  if (method == http::Method::kPost) plan.headers.add("content-type", "application/json");
  if (!body.empty()) plan.body.emplace_back(std::move(body));
  address(plan, Service::kControl, context.credentials, context.now);
  return plan;
}

// RFC 3339, or seconds as a number.
std::optional<Time> time_of(json::Value value) {
  if (const auto text = value.string()) return parse_rfc3339(*text);
  const auto seconds = value.number();
  if (!seconds || !(*seconds >= 0) || *seconds > 1e11) return std::nullopt;
  return from_unix_micros(static_cast<std::int64_t>(*seconds * 1e6));
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

// "s3://bucket/prefix/" -> both; empty when it is none.
Bucket split_uri(std::string_view uri) {
  constexpr std::string_view kScheme = "s3://";
  if (uri.starts_with(kScheme)) uri.remove_prefix(kScheme.size());
  const auto slash = uri.find('/');
  Bucket out{.name = std::string(uri.substr(0, slash)), .prefix = {}};
  if (slash != std::string_view::npos) out.prefix = uri.substr(slash + 1);
  if (!out.prefix.empty() && !out.prefix.ends_with('/')) out.prefix += '/';
  return out;
}

}  // namespace

void address(http::RequestPlan& plan, Service service, const provider::Credentials& credentials,
             Time now) {
  plan.origin = other_origin(credentials, service);
  plan.origin_is_known = plan.origin.has_value();
  if (!plan.origin) plan.target = http::join_path(credentials.base_path, plan.target);
  const auto id = setting(credentials, kKeyId), secret = setting(credentials, kSecret);
  if (!id.empty() && !secret.empty()) {
    provider::sign(plan, plan.origin.value_or(credentials.origin),
                   {.id = id, .secret = secret, .session_token = setting(credentials, kToken)},
                   {.region = setting(credentials, kRegion),
                    .service = service == Service::kStorage ? "s3" : "bedrock"},
                   now);
  } else if (!credentials.key.empty() && service != Service::kStorage) {
    plan.headers.add("authorization", "Bearer " + credentials.key);
  }
}

http::RequestPlan converse_plan(std::string_view model, bool stream, std::string body) {
  http::RequestPlan plan{.method = http::Method::kPost,
                         .target = fmt::format("/model/{}/converse{}", http::percent_encode(model),
                                               stream ? "-stream" : ""),
                         .headers = {{"content-type", "application/json"}},
                         .body = {}};
  plan.body.emplace_back(std::move(body));
  return plan;
}

std::optional<Bucket> bucket_of(const provider::Settings& settings) {
  const auto text = settings.find(kBucket);
  if (!text) return std::nullopt;
  auto out = split_uri(*text);
  const bool plain = std::ranges::all_of(out.name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
  if (out.name.empty() || out.name.starts_with('.') || !plain) return std::nullopt;
  return out;
}

std::string job_name(const BatchId& id) {
  auto tag = custom_id_prefix(id);
  if (tag.ends_with('-')) tag.pop_back();
  return "weir-" + tag;
}

std::string input_key(const provider::BatchContext& context) {
  return fmt::format("{}{}/{}", bucket_in(context).prefix, job_name(context.id), kInputName);
}

std::string output_folder(const provider::BatchContext& context) {
  return fmt::format("{}{}/output/", bucket_in(context).prefix, job_name(context.id));
}

http::RequestPlan upload_plan(const provider::BatchContext& context) {
  http::RequestPlan plan{.method = http::Method::kPut,
                         .target = object_path(bucket_in(context).name, input_key(context)),
                         .headers = {{"content-type", "application/jsonl"}},
                         .body = {}};
  plan.body.emplace_back(http::ImageSlice{0, context.image_bytes});
  address(plan, Service::kStorage, context.credentials, context.now);
  return plan;
}

http::RequestPlan object_plan(const provider::BatchContext& context, http::Method method,
                              std::string_view key) {
  http::RequestPlan plan{.method = method,
                         .target = object_path(bucket_in(context).name, key),
                         .headers = {},
                         .body = {}};
  address(plan, Service::kStorage, context.credentials, context.now);
  return plan;
}

http::RequestPlan objects_plan(const provider::BatchContext& context, std::string_view prefix) {
  http::RequestPlan plan{.method = http::Method::kGet,
                         .target = fmt::format("/{}?list-type=2&max-keys={}&prefix={}",
                                               http::percent_encode(bucket_in(context).name),
                                               kObjectsMax, http::percent_encode(prefix)),
                         .headers = {},
                         .body = {}};
  address(plan, Service::kStorage, context.credentials, context.now);
  return plan;
}

// {"clientRequestToken":"weir-w…","inputDataConfig":{"s3InputDataConfig":{"s3InputFormat":"JSONL","s3Uri":"s3://…/input.jsonl"}},…}
http::RequestPlan create_plan(const provider::BatchContext& context) {
  const auto name = job_name(context.id), bucket = bucket_in(context).name;
  json::Writer body;
  body.begin_object().field("clientRequestToken", name);
  body.key("inputDataConfig").begin_object().key("s3InputDataConfig").begin_object();
  body.field("s3InputFormat", "JSONL");
  body.field("s3Uri", fmt::format("s3://{}/{}", bucket, input_key(context)));
  body.end_object().end_object();
  body.field("jobName", name).field("modelId", context.model);
  body.field("modelInvocationType", "Converse");
  body.key("outputDataConfig").begin_object().key("s3OutputDataConfig").begin_object();
  body.field("s3Uri", fmt::format("s3://{}/{}", bucket, output_folder(context)));
  body.end_object().end_object();
  body.field("roleArn", setting(context.credentials, kRole));
  body.field("timeoutDurationInHours", kTimeoutHours).end_object();
  return control_plan(context, http::Method::kPost, "/model-invocation-job", body.take());
}

http::RequestPlan find_plan(const provider::BatchContext& context) {
  return control_plan(context, http::Method::kGet,
                      fmt::format("/model-invocation-jobs?maxResults=100&nameContains={}",
                                  http::percent_encode(job_name(context.id))));
}

http::RequestPlan job_plan(const provider::BatchContext& context, std::string_view job) {
  return control_plan(context, http::Method::kGet,
                      "/model-invocation-job/" + http::percent_encode(job));
}

http::RequestPlan stop_plan(const provider::BatchContext& context, std::string_view job) {
  return control_plan(context, http::Method::kPost,
                      fmt::format("/model-invocation-job/{}/stop", http::percent_encode(job)));
}

std::string job_id(std::string_view arn) {
  const auto id = arn.substr(arn.rfind('/') + 1);  // npos + 1 is 0
  const bool plain = std::ranges::all_of(id, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
  if (id.empty() || id.size() > kIdBytesMax || !plain) return {};
  return std::string(id);
}

std::optional<JobObject> read_job(json::Value value) {
  JobObject out;
  out.id = job_id(value["jobArn"].string().value_or(""));
  const auto status = value["status"].string();
  if (out.id.empty() || !status) return std::nullopt;
  out.status = provider::openai_chat::presentable(*status);
  out.name = value["jobName"].string_or("");
  const auto output = value["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"].string();
  if (output && output->starts_with("s3://")) {
    auto place = split_uri(*output);
    out.output_bucket = std::move(place.name);
    out.output_prefix = std::move(place.prefix);
  }
  out.created = time_of(value["submitTime"]);
  if (const auto done = value["processedRecordCount"].integer(); done && *done >= 0)
    out.done = static_cast<std::uint64_t>(*done);
  out.failed = *status == "Failed";
  // A state that we do not know still runs: the engine has the deadline.
  out.terminal =
      out.failed || is_one_of(*status, {"Completed", "PartiallyCompleted", "Expired", "Stopped"});
  out.stopping = *status == "Stopping";
  if (out.terminal) {
    out.ended = time_of(value["endTime"]);
    if (!out.ended) out.ended = time_of(value["lastModifiedTime"]);
  }
  if (out.failed) out.message = provider::openai_chat::presentable(value["message"].string_or(""));
  return out;
}

Result<std::optional<JobObject>> read_jobs(json::Value value, std::string_view name) {
  const auto jobs = value["invocationJobSummaries"];
  if (!jobs.is_array())
    return fail(ErrorKind::kBadResponse, "bedrock: a list of jobs cannot be read");
  for (const auto item : jobs.items())
    if (auto job = read_job(item); job && job->name == name) return job;
  return std::optional<JobObject>();
}

// <ListBucketResult><Contents><Key>…</Key>…</Contents>…</ListBucketResult>
Result<std::vector<std::string>> read_objects(std::string_view xml, std::string_view prefix) {
  if (xml.find("<ListBucketResult") == std::string_view::npos)
    return fail(ErrorKind::kBadResponse, "bedrock: a list of objects cannot be read");
  auto keys = element_texts(xml, "Key", kObjectsMax);
  // An answer must not choose what we read or delete.
  std::erase_if(keys, [&](const std::string& key) {
    return !key.starts_with(prefix) || key.size() == prefix.size() ||
           key.size() > prefix.size() + kIdBytesMax || key.find("..") != std::string::npos;
  });
  std::ranges::sort(keys);
  return keys;
}

}  // namespace weir::providers::bedrock
