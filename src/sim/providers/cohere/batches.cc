#include "sim/providers/cohere/batches.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "http/url.h"
#include "json/write.h"
#include "sim/draw.h"
#include "sim/json_reply.h"
#include "sim/providers/cohere/answers.h"
#include "sim/providers/cohere/avro.h"
#include "sim/providers/cohere/chat_rules.h"

namespace weir::sim::cohere {
namespace {

using openai_shape::ApiError;
using openai_shape::BatchError;
using openai_shape::ChatAnswer;
using std::chrono::seconds;

constexpr openai_shape::BatchPhases kPhases{.validation_min = seconds(5),
                                            .validation_max = seconds(60)};
constexpr std::size_t kPageUsual = 50, kPageMax = 1000;
constexpr std::size_t kRowsPerPart = 120, kRowsPerBlock = 25;

std::size_t number_or(std::string_view target, std::string_view name, std::size_t usual) {
  const auto text = http::query_value(target, name);
  std::size_t value = usual;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

// Collects records into blocks and blocks into files.
class PartWriter {
 public:
  PartWriter(std::uint64_t seed, std::uint64_t batch) : seed_(seed), batch_(batch) {}

  void add(const ResultLines& lines) {
    for (std::size_t i = 0; i < lines.lines(); ++i) {
      const auto row = lines.row(i);
      // Half a record would make the rest of its block unreadable: what is kept of it is whose it is.
      if (lines.malformed(i)) add_record(failed_record(custom_id_of(row.text), ""), std::nullopt);
      else add_record(row.text, row.bill_row);
    }
  }
  std::vector<OutputPart> take() {
    end_block();
    if (parts_.empty()) begin_part();  // a file of no records
    return std::move(parts_);
  }

 private:
  void begin_part() {
    auto random = draw(seed_, "avro sync", batch_, parts_.size());
    sync_.clear();
    while (sync_.size() < 16) sync_.push_back(static_cast<char>(random.next() & 0xFF));
    packed_ = (random.next() & 1) != 0;
    parts_.push_back({.head = file_head(packed_, sync_), .blocks = {}});
  }
  void add_record(std::string_view record, std::optional<std::size_t> bill_row) {
    if (parts_.empty() || parts_.back().rows == kRowsPerPart) {
      end_block();
      begin_part();
    }
    bytes_ += record;
    ++records_;
    ++parts_.back().rows;
    if (bill_row) bill_rows_.push_back(*bill_row);
    if (records_ == kRowsPerBlock) end_block();
  }
  void end_block() {
    if (records_ == 0) return;
    parts_.back().blocks.push_back(
        {.bytes = file_block(packed_, sync_, std::exchange(records_, 0), bytes_),
         .bill_rows = std::exchange(bill_rows_, {})});
    bytes_.clear();
  }

  std::uint64_t seed_, batch_;
  std::vector<OutputPart> parts_;
  std::string sync_, bytes_;
  bool packed_ = false;
  std::int64_t records_ = 0;
  std::vector<std::size_t> bill_rows_;
};

}  // namespace

Reply Batches::create(Call& call) {
  const auto refused = [&](int status, std::string_view message) {
    return error_reply(status, message, "");
  };
  const auto body = body_parser_.parse(call.request.body);
  if (!body || !body->is_object()) return refused(400, "invalid JSON");
  const auto name = (*body)["name"].string(), input = (*body)["input_dataset_id"].string(),
             model = (*body)["model"].string();
  if (!name || !input || !model)
    return refused(400, "name, input_dataset_id and model are required");
  if (chat_.prices().find(*model) == nullptr)
    return refused(404, "model '" + std::string(*model) + "' not found");
  const Dataset* dataset = datasets_.find(call.account, *input);
  if (dataset == nullptr)
    return refused(404, "dataset with id " + std::string(*input) + " not found");
  if (call.now < dataset->validated_at || !dataset->wrong.empty())
    return refused(400, "the input dataset is not validated");
  Batch& batch = add(call, dataset->upload, "", kPhases);
  auto random = draw(world_.options.seed, "batch id", batch.number);
  const auto hex = [&](std::size_t length) {
    std::string out;
    while (out.size() < length) out += "0123456789abcdef"[random.next() & 15];
    return out;
  };
  batch.id = hex(8) + "-" + hex(4) + "-4" + hex(3) + "-a" + hex(3) + "-" + hex(12);
  batch.model = *model;
  batch.name = *name;
  batch.input = *input;
  json::Writer out;
  out.begin_object().key("batch");
  write_batch(out, batch, call.now);
  return json_reply(200, out.end_object().take());
}

Reply Batches::get(const Call& call, std::string_view id) {
  const Batch* batch = find(call.account, id);
  if (batch == nullptr) return error_reply(404, "batch not found", "");
  json::Writer out;
  out.begin_object().key("batch");
  write_batch(out, *batch, call.now);
  return json_reply(200, out.end_object().take());
}

// {"batches":[…],"next_page_token":"50"}, without the token on the last page. Oldest first.
Reply Batches::list(const Call& call) const {
  const auto& target = call.request.target;
  const std::size_t size =
      std::clamp<std::size_t>(number_or(target, "page_size", kPageUsual), 1, kPageMax);
  const std::size_t first = number_or(target, "page_token", 0);
  auto found = visible(call);
  std::ranges::reverse(found);
  const std::size_t end = std::min(found.size(), first + size);
  json::Writer out;
  out.begin_object().key("batches").begin_array();
  for (std::size_t i = first; i < end; ++i) write_batch(out, *found[i], call.now);
  out.end_array();
  if (end < found.size()) out.field("next_page_token", std::to_string(end));
  return json_reply(200, out.end_object().take());
}

// What is under way may still end before it takes effect.
Reply Batches::cancel(const Call& call, std::string_view id) {
  Batch* batch = find(call.account, id);
  if (batch == nullptr) return error_reply(404, "batch not found", "");
  if (batch->settled || batch->error || !batch->clock.cancel(call.now))
    return error_reply(400, "the batch cannot be canceled in its state", "");
  return json_reply(200, "{}");
}

// Rows were validated with the dataset.
std::optional<BatchError> Batches::validate(Batch& batch) {
  const auto* rule = find_fault(batch.faults, FaultKind::kBatchRefused);
  if (rule == nullptr) return std::nullopt;
  return BatchError{.code = "", .message = rule->type.empty() ? "internal error" : rule->type};
}

openai_shape::Checked<openai_shape::ChatRequest> Batches::read_request(const Batch& batch,
                                                                       json::Value body) const {
  return read_row_body(chat_.prices(), body, batch.model);
}

std::string Batches::answered_row(const Batch& /*batch*/, std::uint64_t /*number*/,
                                  std::string_view custom_id, const ChatAnswer& answer) const {
  return answered_record(custom_id, answer);
}

std::string Batches::failed_row(const Batch& /*batch*/, std::uint64_t /*number*/,
                                std::string_view custom_id, const ApiError& error) const {
  return failed_record(custom_id, error.message);
}

// Also of a batch that was stopped, or ran out of time: what it had done is there.
void Batches::keep(Batch& batch) {
  PartWriter writer(world_.options.seed, batch.number);
  writer.add(batch.output);
  writer.add(batch.errors);
  Dataset dataset{
      .account = batch.account, .name = batch.name + "-output", .type = "batch-chat-v2-output"};
  dataset.created_at = dataset.validated_at = batch.clock.ends_at();
  dataset.parts = writer.take();
  batch.output_id = datasets_.keep(std::move(dataset));
  batch.output = {};
  batch.errors = {};
}

std::string Batches::status(const Batch& batch, Time now) const {
  if (batch.error) return "FAILED";
  switch (batch.clock.phase(now)) {
    case BatchPhase::kValidating: return "QUEUED";
    case BatchPhase::kRunning:
    case BatchPhase::kFinalizing: return "IN_PROGRESS";
    case BatchPhase::kCompleted: return "COMPLETED";
    case BatchPhase::kCancelling: return "CANCELING";
    case BatchPhase::kCancelled: return "CANCELED";
    case BatchPhase::kExpired: return "FAILED";  // there is no word of its own for it
  }
  return "UNSPECIFIED";
}

void Batches::write_batch(json::Writer& out, const Batch& batch, Time now) const {
  const auto said = status(batch, now);
  out.begin_object().field("id", batch.id).field("name", batch.name);
  out.field("creator_id", "b5e1ffb9-49a1-4653-9927-000000000001");
  out.field("org_id", "62603116-1750-4c04-b1b6-000000000001");
  out.field("status", "BATCH_STATUS_" + said);
  out.field("created_at", to_rfc3339(batch.clock.created_at()));
  out.field("updated_at", to_rfc3339(batch.settled && !batch.error ? batch.clock.ends_at() : now));
  out.field("input_dataset_id", batch.input);
  if (!batch.output_id.empty()) out.field("output_dataset_id", batch.output_id);
  out.field("input_tokens", std::to_string(batch.usage.prompt()));
  out.field("output_tokens", std::to_string(batch.usage.output)).field("model", batch.model);
  out.field("num_records", static_cast<std::int64_t>(batch.rows_total));
  out.field("num_successful_records", batch.completed);
  out.field("num_failed_records", batch.failed);
  if (batch.error) out.field("status_reason", batch.error->message);
  else if (said == "FAILED") out.field("status_reason", "the batch did not end in time");
  out.end_object();
}

}  // namespace weir::sim::cohere
