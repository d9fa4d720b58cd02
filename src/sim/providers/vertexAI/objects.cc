#include "sim/providers/vertexAI/objects.h"

#include <algorithm>
#include <charconv>

#include "http/url.h"
#include "json/write.h"
#include "sim/json_reply.h"

namespace weir::sim::vertexAI {
namespace {

constexpr std::size_t kPageMax = 1000;
constexpr std::size_t kNameBytesMax = 1024;

// In the order of names within a bucket; no name holds a zero byte.
std::string key_of(std::string_view account, std::string_view bucket, std::string_view name) {
  std::string out(account);
  out.push_back('\0');
  out += bucket;
  out.push_back('\0');
  return out += name;
}

std::size_t page_size(std::string_view target) {
  const auto text = http::query_value(target, "maxResults").value_or("");
  std::size_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || value == 0) return kPageMax;
  return std::min(value, kPageMax);
}

std::string object_json(const StoredObject& object) {
  const auto generation = std::to_string(object.generation);
  json::Writer out;
  out.begin_object().field("kind", "storage#object");
  out.field("id", object.bucket + "/" + object.name + "/" + generation);
  out.field("name", object.name).field("bucket", object.bucket).field("generation", generation);
  out.field("metageneration", "1").field("contentType", object.type);
  out.field("storageClass", "STANDARD").field("size", std::to_string(object.size()));
  out.field("timeCreated", to_rfc3339(object.created_at));
  return out.field("updated", to_rfc3339(object.created_at)).end_object().take();
}

Reply no_bucket() { return storage_error(404, "The specified bucket does not exist.", "notFound"); }
Reply no_object(std::string_view bucket, std::string_view name) {
  return storage_error(404, "No such object: " + std::string(bucket) + "/" + std::string(name),
                       "notFound");
}

}  // namespace

Reply storage_error(int status, std::string_view message, std::string_view reason) {
  json::Writer out;
  out.begin_object().key("error").begin_object().field("code", std::int64_t{status});
  out.field("message", message).key("errors").begin_array().begin_object();
  out.field("message", message).field("domain", "global").field("reason", reason);
  out.end_object().end_array().end_object().end_object();
  return json_reply(status, out.take());
}

std::optional<Address> parse_address(std::string_view uri) {
  constexpr std::string_view kScheme = "gs://";
  if (!uri.starts_with(kScheme)) return std::nullopt;
  uri.remove_prefix(kScheme.size());
  const auto slash = uri.find('/');
  if (slash == 0 || uri.empty()) return std::nullopt;
  return Address{.bucket = std::string(uri.substr(0, slash)),
                 .name = std::string(slash == std::string_view::npos ? "" : uri.substr(slash + 1))};
}

bool Objects::has_bucket(std::string_view bucket) { return !bucket.starts_with("missing"); }

Reply Objects::upload(Call& call, std::string_view bucket) {
  const auto name = http::query_value(call.request.target, "name").value_or("");
  if (http::query_value(call.request.target, "uploadType") != "media")
    return storage_error(400, "The simulator takes media uploads only.", "invalid");
  if (name.empty() || name.size() > kNameBytesMax)
    return storage_error(400, "Invalid object name", "invalid");
  if (!has_bucket(bucket)) return no_bucket();
  StoredObject object{.bucket = std::string(bucket),
                      .name = name,
                      .type = std::string(call.request.headers.find("content-type").value_or("")),
                      .created_at = call.now,
                      .bytes = std::make_shared<const std::string>(std::move(call.request.body)),
                      .lines = nullptr};
  keep(call.account, std::move(object));
  return json_reply(200, object_json(*find(call.account, bucket, name)));
}

Reply Objects::list(const Call& call, std::string_view bucket) const {
  if (!has_bucket(bucket)) return no_bucket();
  const auto& target = call.request.target;
  const std::string prefix = http::query_value(target, "prefix").value_or("");
  const std::string token = http::query_value(target, "pageToken").value_or("");
  const std::string from = std::max(http::query_value(target, "startOffset").value_or(""), token);
  const std::string all = key_of(call.account, bucket, prefix);
  auto at = objects_.lower_bound(key_of(call.account, bucket, std::max(from, prefix)));
  const auto within = [&] { return at != objects_.end() && at->first.starts_with(all); };
  json::Writer out;
  out.begin_object().field("kind", "storage#objects");
  if (within()) {
    out.key("items").begin_array();
    for (std::size_t left = page_size(target); left > 0 && within(); --left, ++at)
      out.raw(object_json(at->second));
    out.end_array();
  }
  if (within()) out.field("nextPageToken", at->second.name);
  return json_reply(200, out.end_object().take());
}

Reply Objects::get(Call& call, std::string_view bucket, const std::string& name) const {
  if (!has_bucket(bucket)) return no_bucket();
  const StoredObject* object = find(call.account, bucket, name);
  if (object == nullptr) return no_object(bucket, name);
  if (http::query_value(call.request.target, "alt") != "media")
    return json_reply(200, object_json(*object));
  Reply reply;
  reply.head.status = 200;
  reply.head.headers = {{"content-type", object->type}};
  if (object->lines) object->lines->write(reply, call.deliveries);
  else reply.body.push_back({Duration(0), *object->bytes});
  return reply;
}

Reply Objects::remove(const Call& call, std::string_view bucket, const std::string& name) {
  const auto found = objects_.find(key_of(call.account, bucket, name));
  if (found == objects_.end()) return no_object(bucket, name);
  objects_.erase(found);
  Reply reply;
  reply.head.status = 204;
  return reply;
}

const StoredObject* Objects::find(std::string_view account, std::string_view bucket,
                                  std::string_view name) const {
  const auto found = objects_.find(key_of(account, bucket, name));
  return found == objects_.end() ? nullptr : &found->second;
}

void Objects::keep(std::string_view account, StoredObject object) {
  object.generation = ++written_;
  objects_[key_of(account, object.bucket, object.name)] = std::move(object);
}

std::size_t Objects::bytes() const {
  std::size_t sum = 0;
  for (const auto& [key, object] : objects_) sum += object.size();
  return sum;
}

}  // namespace weir::sim::vertexAI
