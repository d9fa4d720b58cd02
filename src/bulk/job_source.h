#pragma once
// A job's items from an accepted input: each record through the template (or as the ready-made request it is), each answer
// through the schema. Borrows all but its buffers; one thread.
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "bulk/accept.h"
#include "bulk/field_order.h"
#include "engine/source.h"
#include "prompt/answer_schema.h"
#include "prompt/template.h"

namespace weir::bulk {

struct RequestShape {
  const prompt::Template* prompt = nullptr;      // null: the records are ready-made requests
  const prompt::AnswerSchema* schema = nullptr;  // null: answers are plain text
  std::optional<Tokens> output_max;              // null: the engine's default
  std::optional<double> temperature;
  std::string cache_key;  // of the static part; may be empty
};

/// The request of a record. `order`: of the template's movable lines; empty: as written.
/// @error kInvalidArgument a template field is missing; the message names the line.
Result<llm::Request> make_request(const RequestShape& shape, const Record& record,
                                  std::span<const std::uint8_t> order = {});

/// What a record asks, apart from what all records of the job have in common. @error as make_request.
Result<std::string> content_of(const RequestShape& shape, const Record& record);

class JobSource final : public engine::ItemSource {
 public:
  /// `order`: where the lines of its fields may move.
  JobSource(const AcceptedInput& input, RequestShape shape,
            std::unique_ptr<FieldOrder> order = nullptr)
      : input_(input), shape_(std::move(shape)), order_(std::move(order)) {}
  [[nodiscard]] std::uint64_t count() const override { return input_.count(); }
  Result<engine::Item> item(std::uint64_t index) override;
  Result<engine::CheckedText> check(std::uint64_t index, const llm::Response& response) override;
  Result<std::optional<std::uint64_t>> same_as(std::uint64_t index) override {
    return input_.same_as(index);
  }
  [[nodiscard]] bool has_same() const override { return input_.manifest().same > 0; }

 private:
  const AcceptedInput& input_;
  RequestShape shape_;
  std::unique_ptr<FieldOrder> order_;
  Record record_;
};

}  // namespace weir::bulk
