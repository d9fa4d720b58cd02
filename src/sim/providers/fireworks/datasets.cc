#include "sim/providers/fireworks/datasets.h"

#include <algorithm>
#include <charconv>

#include "http/url.h"
#include "json/write.h"
#include "sim/draw.h"
#include "sim/json_reply.h"
#include "sim/multipart.h"
#include "sim/openai_shape/service.h"
#include "sim/openai_shape/wire.h"

namespace weir::sim::fireworks {
namespace {

using std::chrono::seconds;

constexpr std::size_t kUploadBytesMax = 150'000'000;
constexpr Duration kLinkLife = seconds(599);
constexpr Duration kReadyMin = seconds(1), kReadyMax = seconds(5);
constexpr std::string_view kSignature = "X-Goog-Signature";
constexpr std::size_t kIdMax = 63;

std::string place_of(std::string_view account, std::string_view owner, std::string_view id) {
  std::string out(account);
  return out.append("/").append(owner).append("/").append(id);
}

// Letters of lower case, digits and hyphens.
bool is_id(std::string_view id) {
  return !id.empty() && id.size() <= kIdMax && std::ranges::all_of(id, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

std::string dataset_json(const Dataset& dataset, Time now) {
  const bool ready = dataset.uploaded && now >= dataset.ready_at;
  json::Writer out;
  out.begin_object().field("name", "accounts/" + dataset.owner + "/datasets/" + dataset.id);
  out.field("displayName", "").field("createTime", to_rfc3339(dataset.created_at));
  out.field("state", ready ? "READY" : "UPLOADING");
  out.key("status").begin_object().field("code", "OK").field("message", "").end_object();
  out.field("exampleCount", std::to_string(dataset.examples)).field("format", "FORMAT_UNSPECIFIED");
  out.key("userUploaded").begin_object().end_object().field("updateTime", to_rfc3339(now));
  return out.end_object().take();
}

int code_of(int status) {  // gRPC's
  switch (status) {
    case 400: return 3;
    case 403: return 7;
    case 404: return 5;
    case 409: return 6;
    case 429: return 8;
    case 503: return 14;
    default: return status >= 500 ? 13 : 2;
  }
}

}  // namespace

Reply plain_error(int status, std::string_view message) {
  json::Writer out;
  out.begin_object().field("code", std::int64_t{code_of(status)}).field("message", message);
  out.key("details").begin_array().end_array().end_object();
  return json_reply(status, out.take());
}

Reply Datasets::create(Call& call, std::string_view owner) {
  const auto body = parser_.parse(call.request.body);
  if (!body) return plain_error(400, "invalid JSON");
  const std::string id = (*body)["datasetId"].string_or("");
  const json::Value wanted = (*body)["dataset"];
  if (!is_id(id)) return plain_error(400, "invalid dataset_id");
  if (!wanted["userUploaded"].is_object())
    return plain_error(400, "dataset.user_uploaded is required");
  const auto examples = wanted["exampleCount"].string();  // 64-bit numbers are text
  std::int64_t count = 0;
  if (examples) std::from_chars(examples->data(), examples->data() + examples->size(), count);
  if (count <= 0) return plain_error(400, "example_count is required for uploaded datasets");
  if (find(call.account, owner, id) != nullptr)
    return plain_error(409, "dataset " + id + " already exists");
  Dataset dataset{
      .id = id, .account = call.account, .owner = std::string(owner), .examples = count};
  dataset.created_at = call.now;
  auto reply = json_reply(200, dataset_json(dataset, call.now));
  keep(std::move(dataset));
  return reply;
}

Reply Datasets::upload(Call& call, std::string_view owner, std::string_view id) {
  const auto found = datasets_.find(place_of(call.account, owner, id));
  if (found == datasets_.end()) return plain_error(404, "resource not found");
  Dataset& dataset = found->second;
  if (dataset.uploaded) return plain_error(400, "dataset is not in state UPLOADING");
  const auto parts =
      parse_form(call.request.headers.find("content-type").value_or(""), call.request.body);
  const auto file = parts ? std::ranges::find(*parts, "file", &FormPart::name)
                          : std::vector<FormPart>::const_iterator();
  if (!parts || file == parts->end()) return plain_error(400, "a part `file` is required");
  if (file->length > kUploadBytesMax) return plain_error(413, "file is larger than 150 MB");
  auto random = draw(world_.options.seed, "dataset", call.sequence);
  dataset.uploaded = true;
  dataset.ready_at = call.now + draw_between(random, kReadyMin, kReadyMax);
  dataset.filename = file->filename;
  const auto offset = file->offset, length = file->length;
  dataset.upload = {std::make_shared<const std::string>(std::move(call.request.body)), offset,
                    length};
  json::Writer out;
  out.begin_object().field("bytes", static_cast<std::int64_t>(length));
  out.field("created_at", unix_seconds(call.now)).field("filename", dataset.filename);
  out.field("id", "accounts/" + dataset.owner + "/datasets/" + dataset.id);
  out.field("object", "file").field("purpose", "dataset").end_object();
  return json_reply(200, out.take());
}

Reply Datasets::get(const Call& call, std::string_view owner, std::string_view id) const {
  const Dataset* dataset = find(call.account, owner, id);
  if (dataset == nullptr) return plain_error(404, "resource not found");
  return json_reply(200, dataset_json(*dataset, call.now));
}

Reply Datasets::remove(const Call& call, std::string_view owner, std::string_view id) {
  const auto found = datasets_.find(place_of(call.account, owner, id));
  if (found == datasets_.end()) return plain_error(404, "resource not found");
  datasets_.erase(found);
  return json_reply(200, "{}");
}

Reply Datasets::links(const Call& call, std::string_view owner, std::string_view id) {
  if (!call.request.body.empty()) return plain_error(400, "a GET takes no body");
  const Dataset* dataset = find(call.account, owner, id);
  if (dataset == nullptr) return plain_error(404, "resource not found");
  const auto host = call.request.headers.find("host").value_or("sim.invalid");
  const auto key = openai_shape::bearer_key(call.request).value_or("");
  json::Writer out;
  out.begin_object().key("filenameToSignedUrls").begin_object();
  for (std::size_t i = 0; i < dataset->files.size(); ++i) {
    const std::string name = "dataset/" + dataset->id + "/" + dataset->files[i].name;
    const std::string signature =
        openai_shape::make_id("sig", world_.options.seed, call.sequence, i);
    links_[signature] = {.key = std::string(key),
                         .dataset = dataset->id,
                         .owner = dataset->owner,
                         .name = dataset->files[i].name,
                         .until = call.now + kLinkLife};
    std::string url = "http://";
    url.append(host).append("/fireworks").append(kStoragePath).append(name);
    url.append("?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Expires=599&");
    out.field(name, url.append(kSignature).append("=").append(signature));
  }
  out.end_object().end_object();
  return json_reply(200, out.take());
}

Reply Datasets::download(Call& call) {
  const auto refuse = [](int status, std::string_view code) {
    Reply reply;
    reply.head.status = status;
    reply.head.headers = {{"content-type", "application/xml; charset=UTF-8"}};
    reply.body.push_back({Duration(0), "<?xml version='1.0' encoding='UTF-8'?><Error><Code>" +
                                           std::string(code) + "</Code></Error>"});
    return reply;
  };
  if (call.request.headers.find("authorization")) return refuse(400, "InvalidArgument");
  const auto found = links_.find(http::query_value(call.request.target, kSignature).value_or(""));
  if (found == links_.end()) return refuse(403, "SignatureDoesNotMatch");
  const Link& link = found->second;
  if (call.now > link.until) return refuse(400, "ExpiredToken");
  const Dataset* dataset = find(call.account, link.owner, link.dataset);
  if (dataset == nullptr) return refuse(404, "NoSuchKey");
  const auto file = std::ranges::find(dataset->files, link.name, &ResultFile::name);
  if (file == dataset->files.end()) return refuse(404, "NoSuchKey");
  Reply reply;
  reply.head.status = 200;
  reply.head.headers = {{"content-type", "application/octet-stream"}};
  file->lines->write(reply, call.deliveries);
  return reply;
}

std::optional<std::string_view> Datasets::key_of_link(std::string_view target) const {
  const auto signature = http::query_value(target, kSignature);
  if (!signature) return std::nullopt;
  const auto found = links_.find(*signature);
  if (found == links_.end()) return std::nullopt;
  return found->second.key;
}

void Datasets::keep(Dataset dataset) {
  auto place = place_of(dataset.account, dataset.owner, dataset.id);
  datasets_[std::move(place)] = std::move(dataset);
}

const Dataset* Datasets::find(std::string_view account, std::string_view owner,
                              std::string_view id) const {
  const auto found = datasets_.find(place_of(account, owner, id));
  return found == datasets_.end() ? nullptr : &found->second;
}

std::size_t Datasets::bytes() const {
  std::size_t sum = 0;
  for (const auto& [place, dataset] : datasets_) {
    sum += dataset.upload.length;
    for (const auto& file : dataset.files) sum += file.lines->bytes();
  }
  return sum;
}

}  // namespace weir::sim::fireworks
