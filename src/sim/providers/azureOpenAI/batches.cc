#include "sim/providers/azureOpenAI/batches.h"

namespace weir::sim::azureOpenAI {
namespace {

using openai_shape::BatchError;

constexpr Duration kTarget = std::chrono::hours(24);

// "in_progress" -> "InProgress"
std::string capitals(std::string_view word) {
  std::string out;
  bool up = true;
  for (const char c : word) {
    if (c == '_') up = true;
    else out.push_back(up ? static_cast<char>(c - 'a' + 'A') : c);
    if (c != '_') up = false;
  }
  return out;
}

}  // namespace

std::optional<BatchError> Batches::validate(Batch& batch) {
  auto error = openai_shape::Batches::validate(batch);
  if (!error) return error;
  if (error->code == "invalid_url") error->code = "url_mismatch";
  if (error->code == "mismatched_model") error->code = "model_mismatch";
  if (error->code == "empty_file") error->code = "empty_batch";
  return error;
}

// There is a file of errors even where there are none.
void Batches::keep(Batch& batch) {
  openai_shape::Batches::keep(batch);
  if (!batch.error_id.empty()) return;
  openai_shape::StoredFile file{.account = batch.account, .filename = batch.id + "_error.jsonl"};
  file.purpose = "batch_output";
  file.created_at = batch.clock.ends_at();
  file.lines = std::make_shared<const ResultLines>();
  batch.error_id = files_.keep(std::move(file));
}

Time Batches::told_expiry(const Batch& batch) const { return batch.clock.created_at() + kTarget; }

std::string Batches::batch_json(const Batch& batch, Time now) const {
  if (!older_) return openai_shape::Batches::batch_json(batch, now);
  json::Writer out;
  const auto text = [&](std::string_view key, const std::string& value) {
    out.key(key);
    if (value.empty()) out.null();
    else out.string(value);
  };
  const std::string word = status(batch, now);
  const Time end = batch.error ? batch.clock.begins_at() : batch.clock.ends_at();
  const auto end_of = [&](std::string_view is) {
    text(std::string(is) + "_at", word == is ? to_rfc3339(end) : "");
  };
  out.begin_object();
  end_of("cancelled");
  end_of("completed");
  out.field("completion_window", batch.window);
  out.field("created_at", to_rfc3339(batch.clock.created_at()));
  text("error_file_id", batch.error_id);
  end_of("expired");
  out.field("expires_at", to_rfc3339(told_expiry(batch)));
  end_of("failed");
  out.field("id", batch.id).field("input_file_id", batch.input).key("errors");
  if (batch.error) write_errors(*batch.error, out);
  else out.null();
  out.key("metadata").raw(batch.metadata).field("object", "batch");
  text("output_file_id", batch.output_id);
  out.key("request_counts").begin_object();
  for (const std::string_view count : {"total", "completed", "failed"}) out.key(count).null();
  out.end_object().field("status", capitals(word)).field("endpoint", batch.endpoint);
  return out.end_object().take();
}

}  // namespace weir::sim::azureOpenAI
