#pragma once
// Avro files as an output dataset has them: records of a batch-chat-v2-output, in blocks, packed or not. Written here, by the
// specification, so that nothing of a reader's errors is in it.
// Doc: https://avro.apache.org/docs/1.11.1/specification/ (checked 2026-11-27)
#include <cstdint>
#include <string>
#include <string_view>

#include "sim/openai_shape/chat.h"

namespace weir::sim::cohere {

/// The schema, as JSON. That of the provider is not published: names and nesting are those of rows that others saw.
std::string_view output_schema();

/// One record: {"custom_id","error":"","body":{…}}.
std::string answered_record(std::string_view custom_id, const openai_shape::ChatAnswer& answer);
/// {"custom_id","error":"…","body":null}
std::string failed_record(std::string_view custom_id, std::string_view words);
/// Of a record, or of the front of one.
std::string_view custom_id_of(std::string_view record);

/// The head of a file. @param sync 16 bytes
std::string file_head(bool packed, std::string_view sync);
/// A block of records.
std::string file_block(bool packed, std::string_view sync, std::int64_t records,
                       std::string_view bytes);

}  // namespace weir::sim::cohere
