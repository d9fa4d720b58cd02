#pragma once
// S3, as far as batches need it: objects of buckets, put, read, listed and deleted. Any bucket is there; each account sees its own.
// Docs (checked 2026-11-27): https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html, …GetObject.html, …HeadObject.html,
// …ListObjectsV2.html
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "sim/providers/bedrock/wire.h"
#include "sim/result_lines.h"

namespace weir::sim::bedrock {

class Objects {
 public:
  Reply put(Call& call, const Route& route);
  /// GET, or HEAD: the same without the bytes.
  Reply get(Call& call, const Route& route) const;
  Reply list(const Call& call, const Route& route) const;
  Reply remove(const Call& call, const Route& route);

  /// The bytes of an object that was put; null when there is none.
  [[nodiscard]] std::shared_ptr<const std::string> find(std::string_view account,
                                                        std::string_view bucket,
                                                        std::string_view key) const;
  /// Written by the provider: text, or rows that are delivered when they are read.
  void keep(std::string_view account, std::string_view bucket, std::string_view key, Time now,
            std::string text);
  void keep(std::string_view account, std::string_view bucket, std::string_view key, Time now,
            ResultLines lines);
  [[nodiscard]] std::size_t size() const { return objects_.size(); }

 private:
  struct Object {
    Time modified;
    std::string etag, type = "binary/octet-stream",
                      crc32 = {};                   // the last as it was told, if it was
    std::shared_ptr<const std::string> bytes = {};  // else:
    std::shared_ptr<const ResultLines> lines = {};
    [[nodiscard]] std::size_t size() const { return lines ? lines->bytes() : bytes->size(); }
  };
  static std::string place(std::string_view account, std::string_view bucket,
                           std::string_view key) {
    return std::string(account) + '\n' + std::string(bucket) + '\n' + std::string(key);
  }
  [[nodiscard]] std::string next_etag();

  std::map<std::string, Object, std::less<>> objects_;  // ordered, as lists are
  std::uint64_t writes_ = 0;
};

}  // namespace weir::sim::bedrock
