#pragma once
// Batches over uploaded files as OpenAI has them, and providers with the same object: validating, in_progress, finalizing,
// completed and the ways to end otherwise. Doc: https://developers.openai.com/api/docs/api-reference/batch (checked
// 2026-11-23, reference snapshot).
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "json/write.h"
#include "sim/openai_shape/row_batches.h"

namespace weir::sim::openai_shape {

class Batches : public RowBatches {
 public:
  Batches(World& world, Files& files, Chat& chat) : RowBatches(world, chat), files_(files) {}

  virtual Reply create(Call& call);
  virtual Reply get(const Call& call, std::string_view id);
  virtual Reply list(const Call& call) const;
  virtual Reply cancel(const Call& call, std::string_view id);

 protected:
  std::optional<BatchError> validate(Batch& batch) override;
  Checked<ChatRequest> read_request(const Batch& batch, json::Value body) const override;
  std::string answered_row(const Batch& batch, std::uint64_t number, std::string_view custom_id,
                           const ChatAnswer& answer) const override;
  std::string failed_row(const Batch& batch, std::uint64_t number, std::string_view custom_id,
                         const ApiError& error) const override;
  std::optional<std::string> unrun_row(const Batch& batch, std::uint64_t number,
                                       std::string_view custom_id, bool expired) const override;
  void keep(Batch& batch) override;

  [[nodiscard]] virtual std::string batch_json(const Batch& batch, Time now) const;
  /// What `expires_at` says.
  [[nodiscard]] virtual Time told_expiry(const Batch& batch) const {
    return batch.clock.expires_at();
  }
  /// The value of `errors`.
  virtual void write_errors(const BatchError& error, json::Writer& out) const;
  [[nodiscard]] std::string status(const Batch& batch, Time now) const;

  Files& files_;

 private:
  struct NewBatch;
  [[nodiscard]] Checked<NewBatch> read_create(const Call& call, json::Value body) const;
  bool too_many(const Call& call);
  [[nodiscard]] Reply not_found(std::string_view id) const;

  json::Parser parser_;
  std::unordered_map<std::string, std::vector<Time>> creations_;  // by account, of the last hour
};

/// {"id":"batch_req_..","custom_id","response":{"status_code","request_id","body"}|null,"error":{..}|null}
std::string file_row(std::string_view id, std::string_view custom_id, int status_code,
                     std::string_view request_id, std::string_view body,
                     std::string_view error_code = {}, std::string_view error_message = {});

}  // namespace weir::sim::openai_shape
