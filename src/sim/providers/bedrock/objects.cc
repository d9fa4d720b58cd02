#include "sim/providers/bedrock/objects.h"

#include <charconv>

#include "http/url.h"

namespace weir::sim::bedrock {
namespace {

constexpr std::size_t kUsualKeys = 1000;

Reply plain(int status) {
  Reply reply;
  reply.head.status = status;
  return reply;
}

Reply no_object() { return storage_error(usual_error(404, "", true)); }

}  // namespace

Reply Objects::put(Call& call, const Route& route) {
  keep(call.account, route.name, route.object, call.now, std::move(call.request.body));
  Reply reply = plain(200);
  reply.head.headers.set("etag", "\"" + make_id("", 7, call.sequence, 32) + "\"");
  return reply;
}

Reply Objects::get(Call& call, const Route& route) const {
  const auto found = objects_.find(place(call.account, route.name, route.object));
  if (found == objects_.end()) return no_object();
  Reply reply = plain(200);
  reply.head.headers.set("content-type", "binary/octet-stream");
  if (found->second.lines) found->second.lines->write(reply, call.deliveries);
  else reply.body.push_back({Duration(0), *found->second.bytes});
  return reply;
}

Reply Objects::list(const Call& call, const Route& route) const {
  const auto query = [&](std::string_view name) {
    return http::query_value(call.request.target, name);
  };
  if (query("list-type") != "2")
    return storage_error(
        {.status = 400, .name = "InvalidRequest", .message = "list-type is not 2"});
  std::size_t most = kUsualKeys;
  if (const auto told = query("max-keys"))
    std::from_chars(told->data(), told->data() + told->size(), most);
  const auto prefix = query("prefix").value_or("");
  const auto from = place(call.account, route.name, prefix);
  std::string contents;
  std::size_t count = 0;
  bool more = false;
  for (auto at = objects_.lower_bound(from); at != objects_.end() && at->first.starts_with(from);
       ++at) {
    if (count == most) {
      more = true;
      break;
    }
    ++count;
    const auto key = std::string_view(at->first).substr(from.size() - prefix.size());
    const auto bytes = at->second.lines ? at->second.lines->bytes() : at->second.bytes->size();
    contents += "<Contents><Key>" + xml_escaped(key) + "</Key><LastModified>" +
                to_rfc3339(at->second.modified) + "</LastModified><Size>" + std::to_string(bytes) +
                "</Size><StorageClass>STANDARD</StorageClass></Contents>";
  }
  Reply reply = plain(200);
  reply.head.headers.set("content-type", "application/xml");
  reply.body.push_back({Duration(0),
                        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult "
                        "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>" +
                            xml_escaped(route.name) + "</Name><Prefix>" + xml_escaped(prefix) +
                            "</Prefix><KeyCount>" + std::to_string(count) + "</KeyCount><MaxKeys>" +
                            std::to_string(most) + "</MaxKeys><IsTruncated>" +
                            (more ? "true" : "false") + "</IsTruncated>" + contents +
                            "</ListBucketResult>"});
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
      .modified = now, .bytes = std::make_shared<const std::string>(std::move(text)), .lines = {}};
}

void Objects::keep(std::string_view account, std::string_view bucket, std::string_view key,
                   Time now, ResultLines lines) {
  objects_[place(account, bucket, key)] = {
      .modified = now, .bytes = {}, .lines = std::make_shared<const ResultLines>(std::move(lines))};
}

}  // namespace weir::sim::bedrock
