#include "sim/providers/bedrock/objects.h"

#include "http/url.h"
#include "sim/providers/bedrock/listing.h"
#include "sim/providers/bedrock/sha256.h"
#include "sim/providers/bedrock/upload.h"

namespace weir::sim::bedrock {
namespace {

Reply plain(int status) {
  Reply reply;
  reply.head.status = status;
  return reply;
}

}  // namespace

// To tell two contents apart, as documented; a client must not take it for a hash.
std::string Objects::next_etag() {
  return "\"" + hex(sha256("etag " + std::to_string(++writes_))).substr(0, 32) + "\"";
}

Reply Objects::put(Call& call, const Route& route) {
  auto upload = read_upload(call.request);
  if (!upload) return storage_error(upload.error());
  const std::string type(
      call.request.headers.find("content-type").value_or("application/octet-stream"));
  const auto& kept = objects_[place(call.account, route.name, route.object)] = {
      .modified = call.now,
      .etag = next_etag(),
      .type = type,
      .crc32 = std::move(upload->crc32),
      .bytes = std::make_shared<const std::string>(std::move(upload->bytes))};
  Reply reply = plain(200);
  reply.head.headers.set("etag", kept.etag);
  if (!kept.crc32.empty()) {
    reply.head.headers.set("x-amz-checksum-crc32", kept.crc32);
    reply.head.headers.set("x-amz-checksum-type", "FULL_OBJECT");
  }
  return reply;
}

Reply Objects::get(Call& call, const Route& route) const {
  const bool head = call.request.method == http::Method::kHead;
  const auto found = objects_.find(place(call.account, route.name, route.object));
  if (found == objects_.end()) return head ? plain(404) : storage_error(usual_error(404, "", true));
  const Object& object = found->second;
  Reply reply = plain(200);
  auto& headers = reply.head.headers;
  headers.set("content-type", object.type);
  headers.set("etag", object.etag);
  headers.set("last-modified", http_date(object.modified));
  headers.set("accept-ranges", "bytes");
  if (!object.crc32.empty() && call.request.headers.find("x-amz-checksum-mode") == "ENABLED") {
    headers.set("x-amz-checksum-crc32", object.crc32);
    headers.set("x-amz-checksum-type", "FULL_OBJECT");
  }
  if (head) headers.set("content-length", std::to_string(object.size()));
  else if (object.lines) object.lines->write(reply, call.deliveries);
  else reply.body.push_back({Duration(0), *object.bytes});
  return reply;
}

Reply Objects::list(const Call& call, const Route& route) const {
  auto wanted = read_list(call.request.target);
  if (!wanted) return storage_error(wanted.error());
  Listing listing(*wanted);
  const auto from = place(call.account, route.name, wanted->prefix);
  for (auto at = objects_.lower_bound(from); at != objects_.end() && at->first.starts_with(from);
       ++at) {
    const auto key = std::string_view(at->first).substr(from.size() - wanted->prefix.size());
    const Object& object = at->second;
    if (!listing.add(
            {.key = key, .etag = object.etag, .modified = object.modified, .bytes = object.size()}))
      break;
  }
  Reply reply = plain(200);
  reply.head.headers.set("content-type", "application/xml");
  reply.body.push_back({Duration(0), listing.text(route.name)});
  return reply;
}

// What is not there is deleted as well.
Reply Objects::remove(const Call& call, const Route& route) {
  const auto found = objects_.find(place(call.account, route.name, route.object));
  if (found != objects_.end()) objects_.erase(found);
  return plain(204);
}

std::shared_ptr<const std::string> Objects::find(std::string_view account, std::string_view bucket,
                                                 std::string_view key) const {
  const auto found = objects_.find(place(account, bucket, key));
  return found == objects_.end() ? nullptr : found->second.bytes;
}

void Objects::keep(std::string_view account, std::string_view bucket, std::string_view key,
                   Time now, std::string text) {
  objects_[place(account, bucket, key)] = {
      .modified = now,
      .etag = next_etag(),
      .bytes = std::make_shared<const std::string>(std::move(text))};
}

void Objects::keep(std::string_view account, std::string_view bucket, std::string_view key,
                   Time now, ResultLines lines) {
  objects_[place(account, bucket, key)] = {
      .modified = now,
      .etag = next_etag(),
      .lines = std::make_shared<const ResultLines>(std::move(lines))};
}

}  // namespace weir::sim::bedrock
