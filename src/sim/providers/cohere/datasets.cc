#include "sim/providers/cohere/datasets.h"

#include <algorithm>
#include <unordered_set>

#include "base/hash.h"
#include "http/url.h"
#include "json/write.h"
#include "sim/draw.h"
#include "sim/json_reply.h"
#include "sim/multipart.h"
#include "sim/openai_shape/service.h"
#include "sim/openai_shape/validate.h"
#include "sim/providers/cohere/answers.h"
#include "sim/providers/cohere/chat_rules.h"

namespace weir::sim::cohere {
namespace {

using std::chrono::seconds;

constexpr std::size_t kDatasetBytesMax = 1'500'000'000;
constexpr std::size_t kAllBytesMax = 10'000'000'000;  // of an organization
constexpr Duration kLife = std::chrono::hours(24 * 30);
constexpr Duration kLinkLife = std::chrono::hours(1);
constexpr Duration kValidationMin = seconds(2), kValidationMax = seconds(20);
constexpr std::string_view kSignature = "X-Goog-Signature";
constexpr std::string_view kChatInput = "batch-chat-v2-input";

// Every row, before anything is run. Rows are counted from 1.
std::string wrong_in(std::string_view file) {
  const auto lines = openai_shape::index_lines(file);
  if (lines.empty()) return "the dataset is empty";
  json::Parser parser;
  std::unordered_set<std::uint64_t> seen;
  std::size_t row = 0;
  for (const auto& line : lines) {
    const auto said = [&](std::string_view what) {
      return std::string(what) + " (line: " + std::to_string(row) + ")";
    };
    ++row;
    const auto value = parser.parse(file.substr(line.offset, line.length));
    if (!value || !value->is_object()) return said("invalid JSON");
    const auto id = (*value)["custom_id"].string().value_or("");
    if (id.empty()) return said("The required field custom_id was not found in the dataset");
    if (!seen.insert(hash64(id)).second) return said("custom_id is not unique");
    if (const auto wrong = wrong_in_row((*value)["body"]); !wrong.empty()) return said(wrong);
  }
  return {};
}

void write_dataset(json::Writer& out, const Dataset& dataset, Time now, std::string_view parts) {
  const bool ended = now >= dataset.validated_at;
  out.begin_object().field("id", dataset.id).field("name", dataset.name);
  out.field("created_at", to_rfc3339(dataset.created_at));
  out.field("updated_at", to_rfc3339(std::min(now, dataset.validated_at)));
  out.field("dataset_type", dataset.type);
  const bool begun = now >= dataset.created_at + seconds(1);
  out.field("validation_status", ended   ? dataset.wrong.empty() ? "validated" : "failed"
                                 : begun ? "processing"
                                         : "queued");
  if (ended && !dataset.wrong.empty()) out.field("validation_error", dataset.wrong);
  out.key("required_fields").begin_array().string("custom_id").string("body").end_array();
  if (ended) out.key("dataset_parts").raw(parts);
  out.end_object();
}

Reply storage_error(int status, std::string_view code) {
  Reply reply;
  reply.head.status = status;
  reply.head.headers = {{"content-type", "application/xml; charset=UTF-8"}};
  reply.body.push_back({Duration(0), "<?xml version='1.0' encoding='UTF-8'?><Error><Code>" +
                                         std::string(code) + "</Code></Error>"});
  return reply;
}

}  // namespace

std::size_t OutputPart::bytes() const {
  std::size_t sum = head.size();
  for (const auto& block : blocks) sum += block.bytes.size();
  return sum;
}

Reply Datasets::upload(Call& call) {
  const auto name = http::query_value(call.request.target, "name").value_or("");
  const auto type = http::query_value(call.request.target, "type").value_or("");
  if (name.empty()) return error_reply(400, "name is required", call.request_id);
  if (type != kChatInput) return error_reply(400, "The dataset type is invalid.", call.request_id);
  const auto parts =
      parse_form(call.request.headers.find("content-type").value_or(""), call.request.body);
  const auto file = parts ? std::ranges::find(*parts, "data", &FormPart::name)
                          : std::vector<FormPart>::const_iterator();
  if (!parts || file == parts->end() || file->filename.empty())
    return error_reply(400, "The file parameters must be a named file or an evaluation file.",
                       call.request_id);
  if (file->length > kDatasetBytesMax || bytes() + file->length > kAllBytesMax)
    return error_reply(400, "the dataset is too large", call.request_id);
  auto random = draw(world_.options.seed, "dataset", call.sequence);
  Dataset dataset{.account = call.account, .name = name, .type = type};
  dataset.created_at = call.now;
  dataset.validated_at = call.now + draw_between(random, kValidationMin, kValidationMax);
  dataset.wrong = wrong_in(std::string_view(call.request.body).substr(file->offset, file->length));
  const auto offset = file->offset, length = file->length;
  dataset.upload = {std::make_shared<const std::string>(std::move(call.request.body)), offset,
                    length};
  json::Writer out;
  out.begin_object().field("id", keep(std::move(dataset))).end_object();
  return json_reply(200, out.take());
}

Reply Datasets::list(const Call& call) const {
  json::Writer out;
  out.begin_object().key("datasets").begin_array();
  for (const auto& [id, dataset] : datasets_)
    if (dataset.account == call.account) write_dataset(out, dataset, call.now, "[]");
  out.end_array().end_object();
  return json_reply(200, out.take());
}

// A new link each time: it lives an hour.
std::string Datasets::links(const Call& call, const Dataset& dataset) {
  const auto host = call.request.headers.find("host").value_or("sim.invalid");
  const auto key = openai_shape::bearer_key(call.request).value_or("");
  json::Writer out;
  out.begin_array();
  // The last one first: what counts is the index.
  for (std::size_t i = dataset.parts.size(); i-- > 0;) {
    const auto& part = dataset.parts[i];
    const std::string signature =
        openai_shape::make_id("sig", world_.options.seed, call.sequence, i);
    links_[signature] = {
        .key = std::string(key), .dataset = dataset.id, .part = i, .until = call.now + kLinkLife};
    const std::string file = dataset.id + "-" + std::to_string(i) + ".avro";
    std::string url = "http://";
    url.append(host).append("/cohere").append(kStoragePath).append(file);
    url.append("?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Expires=3600&");
    out.begin_object().field("id", openai_shape::make_id("", i + 1, hash64(dataset.id)));
    out.field("name", file).field("url", url.append(kSignature).append("=").append(signature));
    out.field("index", static_cast<std::int64_t>(i));
    out.field("size_bytes", static_cast<std::int64_t>(part.bytes()));
    out.field("num_rows", static_cast<std::int64_t>(part.rows)).end_object();
  }
  return out.end_array().take();
}

Reply Datasets::get(const Call& call, std::string_view id) {
  const Dataset* dataset = find(call.account, id);
  if (dataset == nullptr)
    return error_reply(404, "dataset with id " + std::string(id) + " not found", call.request_id);
  json::Writer out;
  out.begin_object().key("dataset");
  write_dataset(out, *dataset, call.now, links(call, *dataset));
  return json_reply(200, out.end_object().take());
}

Reply Datasets::remove(const Call& call, std::string_view id) {
  const auto found = datasets_.find(id);
  if (found == datasets_.end() || found->second.account != call.account)
    return error_reply(404, "dataset with id " + std::string(id) + " not found", call.request_id);
  datasets_.erase(found);
  return json_reply(200, "{}");
}

Reply Datasets::download(Call& call) {
  if (call.request.headers.find("authorization")) return storage_error(400, "InvalidArgument");
  const auto found = links_.find(http::query_value(call.request.target, kSignature).value_or(""));
  if (found == links_.end()) return storage_error(403, "SignatureDoesNotMatch");
  const Link& link = found->second;
  if (call.now > link.until) return storage_error(400, "ExpiredToken");
  const Dataset* dataset = find(call.account, link.dataset);
  if (dataset == nullptr || link.part >= dataset->parts.size())
    return storage_error(404, "NoSuchKey");
  const auto& part = dataset->parts[link.part];
  Reply reply;
  reply.head.status = 200;
  reply.head.headers = {{"content-type", "application/octet-stream"}};
  reply.body.push_back({Duration(0), part.head});
  std::size_t sent = part.head.size();
  for (const auto& block : part.blocks) {
    reply.body.push_back({Duration(0), block.bytes});
    sent += block.bytes.size();
    for (const auto row : block.bill_rows) call.deliveries.push_back({sent, row});
  }
  return reply;
}

std::optional<std::string_view> Datasets::key_of_link(std::string_view target) const {
  const auto signature = http::query_value(target, kSignature);
  if (!signature) return std::nullopt;
  const auto found = links_.find(*signature);
  if (found == links_.end()) return std::nullopt;
  return found->second.key;
}

std::string Datasets::keep(Dataset dataset) {
  // Its name, and six characters of its own.
  dataset.id = openai_shape::make_id(dataset.name + "-", world_.options.seed, ++made_, 3);
  dataset.id.resize(dataset.name.size() + 7);
  auto id = dataset.id;
  datasets_[id] = std::move(dataset);
  return id;
}

const Dataset* Datasets::find(std::string_view account, std::string_view id) const {
  const auto found = datasets_.find(id);
  return found == datasets_.end() || found->second.account != account ? nullptr : &found->second;
}

std::size_t Datasets::bytes() const {
  std::size_t sum = 0;
  for (const auto& [id, dataset] : datasets_) {
    sum += dataset.upload.length;
    for (const auto& part : dataset.parts) sum += part.bytes();
  }
  return sum;
}

void Datasets::advance(Time now) {
  std::erase_if(datasets_, [&](const auto& row) { return now >= row.second.created_at + kLife; });
}

}  // namespace weir::sim::cohere
