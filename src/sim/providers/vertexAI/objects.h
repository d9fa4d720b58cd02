#pragma once
// Cloud Storage, as far as batches need it: media uploads, lists in the order of names, downloads, deletes. Any bucket is there but
// those whose name begins with "missing". Docs: https://cloud.google.com/storage/docs/json_api/v1/objects (checked 2026-11-27)
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sim/provider.h"
#include "sim/result_lines.h"

namespace weir::sim::vertexAI {

struct StoredObject {
  std::string bucket, name, type;
  Time created_at;
  std::uint64_t generation = 0;
  std::shared_ptr<const std::string> bytes;  // uploaded…
  std::shared_ptr<const ResultLines> lines;  // …or written by a job
  [[nodiscard]] std::size_t size() const { return lines ? lines->bytes() : bytes->size(); }
};

/// "gs://bucket/some/name" in its parts; nothing where it is no such address.
struct Address {
  std::string bucket, name;
};
std::optional<Address> parse_address(std::string_view uri);

/// The error of Cloud Storage's JSON API.
Reply storage_error(int status, std::string_view message, std::string_view reason);

class Objects {
 public:
  /// POST /upload/storage/v1/b/{bucket}/o?uploadType=media&name=…
  Reply upload(Call& call, std::string_view bucket);
  Reply list(const Call& call, std::string_view bucket) const;
  /// `name` decoded.
  Reply get(Call& call, std::string_view bucket, const std::string& name) const;
  Reply remove(const Call& call, std::string_view bucket, const std::string& name);

  /// For the jobs, which read and write as the service agent.
  [[nodiscard]] const StoredObject* find(std::string_view account, std::string_view bucket,
                                         std::string_view name) const;
  void keep(std::string_view account, StoredObject object);
  [[nodiscard]] static bool has_bucket(std::string_view bucket);

  [[nodiscard]] std::size_t size() const { return objects_.size(); }
  [[nodiscard]] std::size_t bytes() const;

 private:
  std::map<std::string, StoredObject, std::less<>> objects_;  // by account, bucket and name
  std::uint64_t written_ = 0;
};

}  // namespace weir::sim::vertexAI
