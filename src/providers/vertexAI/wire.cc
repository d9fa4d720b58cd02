#include "providers/vertexAI/wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "http/url.h"
#include "json/write.h"
#include "provider/openai_chat_dialect.h"
#include "providers/vertexAI/auth.h"

namespace weir::providers::vertexAI {
namespace {

constexpr std::string_view kStorageHost = "storage.googleapis.com";
constexpr std::string_view kScheme = "gs://";
constexpr std::size_t kListPage = 100, kObjectsPage = 100;
constexpr std::size_t kIdBytesMax = 63, kPrefixBytesMax = 512, kObjectBytesMax = 1024;
constexpr std::size_t kTokenBytesMax = 4096;

// Letters, digits, and these.
bool only(std::string_view text, std::string_view more) {
  return std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           more.find(c) != std::string_view::npos;
  });
}

std::unexpected<Error> bad_setting(std::string_view name, std::string_view why,
                                   std::string_view example) {
  Error error{.kind = ErrorKind::kInvalidArgument,
              .message = fmt::format("vertexAI: the setting {} {}", name, why),
              .hint = fmt::format("give --set {}=…, such as {}", name, example),
              .provider = "vertexAI"};
  return std::unexpected(std::move(error));
}

Result<std::string> name_of(const provider::Settings& settings, std::string_view name,
                            std::string_view example) {
  const auto value = settings.find(name);
  if (!value) return bad_setting(name, "is missing", example);
  // A project of a domain has a colon: "example.com:shop".
  if (value->empty() || value->size() > kIdBytesMax || !only(*value, "-.:") ||
      value->find("..") != std::string_view::npos)
    return bad_setting(name, "is no name", example);
  return std::string(*value);
}

std::string jobs_path(const Site& site, std::string_view rest = {}) {
  return fmt::format("/v1/projects/{}/locations/{}/batchPredictionJobs{}", site.project,
                     site.location, rest);
}

http::RequestPlan storage_plan(http::Method method, const provider::BatchContext& context,
                               std::string_view path) {
  auto plan = plan_of(method, context.credentials, path);
  if (!is_google(context.credentials.origin)) return plan;
  plan.target = path;
  plan.origin = http::Origin{.tls = true, .host = std::string(kStorageHost)};
  plan.origin_is_known = true;
  return plan;
}

std::string object_path(const Site& site, std::string_view object, std::string_view query) {
  return fmt::format("/storage/v1/b/{}/o/{}{}", site.bucket, http::percent_encode(object), query);
}

// int64 comes as a string in Google's JSON; -1 is unknown.
std::optional<std::uint64_t> count(json::Value value) {
  if (const auto number = value.integer())
    return static_cast<std::uint64_t>(std::max<std::int64_t>(*number, 0));
  const auto text = value.string().value_or(std::string_view());
  std::int64_t out = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (text.empty() || code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return static_cast<std::uint64_t>(std::max<std::int64_t>(out, 0));
}

std::optional<Time> time_at(json::Value value) {
  const auto text = value.string();
  return text ? parse_rfc3339(*text) : std::nullopt;
}

// Nothing but a list may say that there is nothing.
bool has_only(json::Value object, std::initializer_list<std::string_view> names) {
  if (!object.is_object()) return false;
  for (const auto member : object.members())
    if (std::ranges::find(names, member.key) == names.end()) return false;
  return true;
}

std::optional<std::string> next_page(json::Value value) {
  const auto next = value["nextPageToken"].string().value_or(std::string_view());
  if (next.size() > kTokenBytesMax) return std::nullopt;
  return std::string(next);
}

}  // namespace

Result<Site> site_of(const provider::Settings& settings) {
  Site site;
  WEIR_TRY(site.project, name_of(settings, "project", "my-project"));
  WEIR_TRY(site.location, name_of(settings, "location", "us-central1"));
  return site;
}

// "gs://bucket/some/prefix". Doc: https://cloud.google.com/storage/docs/buckets#naming
Result<Site> batch_site_of(const provider::Settings& settings) {
  constexpr std::string_view kExample = "gs://my-bucket/weir";
  WEIR_TRY(auto site, site_of(settings));
  auto text = settings.find("bucket").value_or(std::string_view());
  if (text.empty()) return bad_setting("bucket", "is missing", kExample);
  if (!text.starts_with(kScheme))
    return bad_setting("bucket", "does not begin with gs://", kExample);
  text.remove_prefix(kScheme.size());
  while (text.ends_with('/')) text.remove_suffix(1);
  const auto slash = std::min(text.find('/'), text.size());
  site.bucket = text.substr(0, slash);
  site.prefix = text.substr(std::min(slash + 1, text.size()));
  const bool dots = site.bucket.find("..") != std::string::npos || site.bucket.starts_with('.');
  if (site.bucket.size() < 3 || site.bucket.size() > 222 || dots || !only(site.bucket, "-_."))
    return bad_setting("bucket", "names no bucket", kExample);
  if (site.prefix.size() > kPrefixBytesMax || !only(site.prefix, "-_.=/"))
    return bad_setting("bucket", "has a prefix of other characters than letters, digits and -_.=/",
                       kExample);
  return site;
}

http::RequestPlan plan_of(http::Method method, const provider::Credentials& credentials,
                          std::string_view path, bool with_body) {
  http::RequestPlan plan{.method = method,
                         .target = http::join_path(credentials.base_path, path),
                         .headers = {},
                         .body = {}};
  if (with_body) plan.headers.add("content-type", "application/json");
  authorize(plan, credentials);
  return plan;
}

std::string model_path(const Site& site, std::string_view model, std::string_view rest) {
  return fmt::format("/v1/projects/{}/locations/{}/publishers/google/models/{}{}", site.project,
                     site.location, http::percent_encode(model), rest);
}

std::string recovery_tag(const BatchId& id) {
  std::string tag = custom_id_prefix(id);
  if (tag.ends_with('-')) tag.pop_back();
  return tag;
}

std::string folder_of(const Site& site, const BatchId& id) {
  return fmt::format("{}{}{}/", site.prefix, site.prefix.empty() ? "" : "/", recovery_tag(id));
}
std::string input_of(const Site& site, const BatchId& id) {
  return folder_of(site, id) + "input.jsonl";
}
std::string output_of(const Site& site, const BatchId& id) {
  return folder_of(site, id) + "output/";
}

// POST /upload/storage/v1/b/{bucket}/o?uploadType=media&name={object}
// Doc: https://cloud.google.com/storage/docs/json_api/v1/objects/insert (checked 2026-11-27)
http::RequestPlan upload_plan(const provider::BatchContext& context, const Site& site) {
  auto plan =
      storage_plan(http::Method::kPost, context,
                   fmt::format("/upload/storage/v1/b/{}/o?uploadType=media&name={}", site.bucket,
                               http::percent_encode(input_of(site, context.id))));
  plan.headers.add("content-type", "application/jsonl");
  plan.body.emplace_back(http::ImageSlice{0, context.image_bytes});
  return plan;
}

http::RequestPlan objects_plan(const provider::BatchContext& context, const Site& site,
                               std::string_view prefix, std::string_view from,
                               std::string_view page) {
  std::string path = fmt::format("/storage/v1/b/{}/o?prefix={}&maxResults={}", site.bucket,
                                 http::percent_encode(prefix), kObjectsPage);
  if (!from.empty()) path += fmt::format("&startOffset={}", http::percent_encode(from));
  if (!page.empty()) path += fmt::format("&pageToken={}", http::percent_encode(page));
  return storage_plan(http::Method::kGet, context, path);
}

http::RequestPlan download_plan(const provider::BatchContext& context, const Site& site,
                                std::string_view object) {
  return storage_plan(http::Method::kGet, context, object_path(site, object, "?alt=media"));
}

http::RequestPlan remove_plan(const provider::BatchContext& context, const Site& site,
                              std::string_view object) {
  return storage_plan(http::Method::kDelete, context, object_path(site, object, ""));
}

// {"displayName":"w…","model":"publishers/google/models/m","inputConfig":{"instancesFormat":"jsonl",
//  "gcsSource":{"uris":["gs://b/p/w…/input.jsonl"]}},"outputConfig":{"predictionsFormat":"jsonl",
//  "gcsDestination":{"outputUriPrefix":"gs://b/p/w…/output"}},"labels":{"weir_batch":"w…"}}
http::RequestPlan create_plan(const provider::BatchContext& context, const Site& site) {
  auto plan = plan_of(http::Method::kPost, context.credentials, jobs_path(site), true);
  const auto tag = recovery_tag(context.id);
  const auto uri = [&](const std::string& object) {
    return fmt::format("{}{}/{}", kScheme, site.bucket, object);
  };
  auto output = uri(output_of(site, context.id));
  output.pop_back();
  json::Writer body;
  body.begin_object().field("displayName", tag);
  body.field("model", fmt::format("publishers/google/models/{}", context.model));
  body.key("inputConfig").begin_object().field("instancesFormat", "jsonl");
  body.key("gcsSource").begin_object().key("uris").begin_array();
  body.string(uri(input_of(site, context.id))).end_array().end_object().end_object();
  body.key("outputConfig").begin_object().field("predictionsFormat", "jsonl");
  body.key("gcsDestination").begin_object().field("outputUriPrefix", output);
  body.end_object().end_object();
  body.key("labels").begin_object().field("weir_batch", tag).end_object().end_object();
  plan.body.emplace_back(body.take());
  return plan;
}

// The documents give the filter's field as display_name and as displayName: the list is read whole.
http::RequestPlan list_plan(const provider::BatchContext& context, const Site& site,
                            std::string_view page) {
  auto path = jobs_path(site, fmt::format("?pageSize={}", kListPage));
  if (!page.empty()) path += fmt::format("&pageToken={}", http::percent_encode(page));
  return plan_of(http::Method::kGet, context.credentials, path);
}

http::RequestPlan poll_plan(const provider::BatchContext& context, const Site& site,
                            std::string_view job) {
  return plan_of(http::Method::kGet, context.credentials, jobs_path(site, fmt::format("/{}", job)));
}

http::RequestPlan cancel_plan(const provider::BatchContext& context, const Site& site,
                              std::string_view job) {
  auto plan = plan_of(http::Method::kPost, context.credentials,
                      jobs_path(site, fmt::format("/{}:cancel", job)), true);
  plan.body.emplace_back("{}");
  return plan;
}

bool is_job_id(std::string_view text) {
  return !text.empty() && text.size() <= kIdBytesMax && only(text, "-_");
}

// Doc: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/JobState (checked 2026-11-23)
End end_of(std::string_view state) {
  constexpr std::string_view kPrefix = "JOB_STATE_";
  if (state.starts_with(kPrefix)) state.remove_prefix(kPrefix.size());
  constexpr std::array<std::pair<std::string_view, End>, 5> kEnds{
      {{"SUCCEEDED", End::kSucceeded},
       {"PARTIALLY_SUCCEEDED", End::kSucceeded},
       {"FAILED", End::kFailed},
       {"CANCELLED", End::kCancelled},
       {"EXPIRED", End::kExpired}}};
  for (const auto& [word, end] : kEnds)
    if (state == word) return end;
  return End::kNone;  // QUEUED, PENDING, RUNNING, CANCELLING, PAUSED, UPDATING, and what is new
}

// {"name":"projects/123/locations/us-central1/batchPredictionJobs/456","displayName":"w…","state":"JOB_STATE_SUCCEEDED",
//  "createTime":"…","endTime":"…","outputInfo":{"gcsOutputDirectory":"gs://b/p/w…/output/prediction-model-…"},
//  "completionStats":{"successfulCount":"3","failedCount":"1","incompleteCount":"-1"},"error":{"code":3,"message":"…"}}
std::optional<Job> read_job(const provider::gemini::Options& options, json::Value value) {
  const auto name = value["name"].string().value_or(std::string_view());
  const auto state = value["state"].string();
  constexpr std::string_view kCollection = "/batchPredictionJobs/";
  const auto at = name.find(kCollection);
  if (at == std::string_view::npos || !state) return std::nullopt;
  Job out;
  out.id = name.substr(at + kCollection.size());
  if (!is_job_id(out.id)) return std::nullopt;
  out.state = provider::openai_chat::presentable(*state);
  out.tag = value["displayName"].string_or("");
  out.output = value["outputInfo"]["gcsOutputDirectory"].string_or("");
  out.created = time_at(value["createTime"]);
  out.end = end_of(*state);
  if (out.end != End::kNone) out.ended = time_at(value["endTime"]);
  const auto stats = value["completionStats"];
  if (stats.is_object())
    out.done =
        count(stats["successfulCount"]).value_or(0) + count(stats["failedCount"]).value_or(0);
  if (const auto error = value["error"]; error.is_object())
    out.error = provider::gemini::decode_error_object(options, 0, error);
  return out;
}

std::optional<JobList> read_list(const provider::gemini::Options& options, json::Value value) {
  const auto jobs = value["batchPredictionJobs"];
  if (!has_only(value, {"batchPredictionJobs", "nextPageToken"}) ||
      !(jobs.is_null() || jobs.is_array()))
    return std::nullopt;
  JobList out;
  for (const auto item : jobs.items())
    if (auto job = read_job(options, item)) out.jobs.push_back(*std::move(job));
  auto next = next_page(value);
  if (!next) return std::nullopt;
  out.next = *std::move(next);
  return out;
}

// {"kind":"storage#objects","items":[{"name":"p/w…/input.jsonl","size":"777"}],"nextPageToken":"…"}
std::optional<ObjectList> read_objects(json::Value value, std::string_view prefix) {
  const auto items = value["items"];
  if (!has_only(value, {"kind", "items", "prefixes", "nextPageToken"}) ||
      !(items.is_null() || items.is_array()))
    return std::nullopt;
  ObjectList out;
  for (const auto item : items.items()) {
    const json::Value object(item);
    const auto name = object["name"].string().value_or(std::string_view());
    const bool ours = name.size() > prefix.size() && name.starts_with(prefix);
    if (ours && name.size() <= kObjectBytesMax) out.names.emplace_back(name);
  }
  auto next = next_page(value);
  if (!next) return std::nullopt;
  out.next = *std::move(next);
  return out;
}

}  // namespace weir::providers::vertexAI
