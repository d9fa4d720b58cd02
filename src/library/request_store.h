#pragma once
// The requests of a job on disk: one line each, and a file of offsets. Written once at accept, durable before the caller hears so; read
// item by item. The reader is the engine's ItemSource. Not thread-safe.
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "engine/file.h"
#include "engine/source.h"
#include "json/value.h"
#include "library/target.h"

namespace weir::library {

class RequestWriter {
 public:
  static Result<RequestWriter> create(engine::FileSystem& files, const std::string& folder);
  /// @error kUnavailable the disk does not take it.
  Result<void> append(const Request& request);
  /// Everything is durable when it returns.
  Result<void> finish();
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  Result<void> flush();
  std::unique_ptr<engine::File> lines_, offsets_;
  std::string line_buffer_, offset_buffer_;
  std::uint64_t bytes_ = 0, written_ = 0, count_ = 0, offsets_written_ = 0;
};

class RequestStore final : public engine::ItemSource {
 public:
  /// @error kInternal the files are damaged; kUnavailable.
  static Result<std::unique_ptr<RequestStore>> open(engine::FileSystem& files,
                                                    const std::string& folder, TargetPtr target);
  [[nodiscard]] std::uint64_t count() const override { return count_; }
  /// How many requests the folder holds, without opening it; 0 where it cannot be told.
  static std::uint64_t count_in(const std::string& folder);
  Result<engine::Item> item(std::uint64_t index) override;
  Result<engine::CheckedText> check(std::uint64_t index, const llm::Response& response) override;
  /// As it was given. @error kInternal, kUnavailable.
  Result<Request> request(std::uint64_t index);

 private:
  RequestStore() = default;
  TargetPtr target_;
  std::unique_ptr<engine::File> lines_, offsets_;
  std::uint64_t count_ = 0, bytes_ = 0;
  json::Parser parser_;
  std::string buffer_;
};

}  // namespace weir::library
