#include "sim/providers/cohere/avro.h"

#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/result.h"
#include "sim/providers/cohere/answers.h"

namespace weir::sim::cohere {
namespace {

using openai_shape::ChatAnswer;

constexpr std::string_view kSchema =
    R"({"type":"record","name":"BatchChatV2Output","namespace":"cohere","fields":[)"
    R"({"name":"custom_id","type":"string"},{"name":"error","type":"string"},)"
    R"({"name":"body","type":["null",{"type":"record","name":"ChatResponse","fields":[)"
    R"({"name":"id","type":"string"},{"name":"finish_reason","type":"string"},)"
    R"({"name":"message","type":{"type":"record","name":"Message","fields":[)"
    R"({"name":"role","type":"string"},{"name":"tool_plan","type":["null","string"]},)"
    R"({"name":"content","type":{"type":"array","items":{"type":"record","name":"Content",)"
    R"("fields":[{"name":"type","type":"string"},{"name":"text","type":["null","string"]},)"
    R"({"name":"thinking","type":["null","string"]}]}}},)"
    R"({"name":"tool_calls","type":["null",{"type":"array","items":{"type":"record",)"
    R"("name":"ToolCall","fields":[{"name":"id","type":"string"},{"name":"type","type":"string"},)"
    R"({"name":"function","type":{"type":"record","name":"Function","fields":[)"
    R"({"name":"name","type":"string"},{"name":"arguments","type":"string"}]}}]}}]}]}},)"
    R"({"name":"usage","type":{"type":"record","name":"Usage","fields":[)"
    R"({"name":"billed_units","type":{"type":"record","name":"Units","fields":[)"
    R"({"name":"input_tokens","type":"double"},{"name":"output_tokens","type":"double"}]}},)"
    R"({"name":"tokens","type":"Units"},{"name":"cached_tokens","type":["null","double"]}]}}]}]}]})";

// Zig-zag, seven bits a byte, the lowest first.
void put_long(std::string& out, std::int64_t value) {
  auto bits = (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
  while (bits > 0x7F) {
    out.push_back(static_cast<char>((bits & 0x7F) | 0x80));
    bits >>= 7;
  }
  out.push_back(static_cast<char>(bits));
}

void put_text(std::string& out, std::string_view text) {
  put_long(out, static_cast<std::int64_t>(text.size()));
  out += text;
}

void put_double(std::string& out, std::int64_t count) {
  static_assert(std::endian::native == std::endian::little);
  const auto value = static_cast<double>(count);
  char raw[sizeof value];
  std::memcpy(raw, &value, sizeof value);
  out.append(raw, sizeof value);
}

void put_null(std::string& out) { put_long(out, 0); }  // the first branch of a union

void put_message(std::string& out, const ChatAnswer& answer) {
  put_text(out, "assistant");
  put_null(out);  // tool_plan
  put_long(out, 1);
  put_text(out, "text");
  put_long(out, 1);
  put_text(out, answer.generated.text);
  put_null(out);     // thinking
  put_long(out, 0);  // no more parts
  put_null(out);     // tool_calls: nobody can ask for them in a row
}

void put_usage(std::string& out, const ChatAnswer& answer) {
  const auto& tokens = answer.tokens;
  put_double(out, tokens.prompt());
  put_double(out, tokens.output);
  put_double(out, tokens.prompt() + kPreambleTokens);
  put_double(out, tokens.output);
  put_null(out);  // cached_tokens
}

std::string packed_bytes(std::string_view bytes) {
  z_stream stream = {};
  const int made =
      deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  WEIR_ASSERT(made == Z_OK);
  std::string in(bytes), out(deflateBound(&stream, static_cast<uLong>(in.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int done = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  WEIR_ASSERT(done == Z_STREAM_END);
  return out;
}

}  // namespace

std::string_view output_schema() { return kSchema; }

std::string answered_record(std::string_view custom_id, const ChatAnswer& answer) {
  std::string out;
  put_text(out, custom_id);
  put_text(out, "");
  put_long(out, 1);
  put_text(out, answer.id);
  put_text(out, finish_reason(answer));
  put_message(out, answer);
  put_usage(out, answer);
  return out;
}

std::string failed_record(std::string_view custom_id, std::string_view words) {
  std::string out;
  put_text(out, custom_id);
  put_text(out, words);
  put_null(out);
  return out;
}

std::string_view custom_id_of(std::string_view record) {
  std::uint64_t bits = 0;
  std::size_t at = 0;
  for (int shift = 0; at < record.size() && shift < 63; shift += 7) {
    const auto byte = static_cast<unsigned char>(record[at++]);
    bits |= std::uint64_t{byte & 0x7FU} << shift;
    if ((byte & 0x80U) == 0) break;
  }
  return record.substr(std::min(at, record.size()), static_cast<std::size_t>(bits >> 1));
}

std::string file_head(bool packed, std::string_view sync) {
  std::string out("Obj\1", 4);
  put_long(out, 2);
  put_text(out, "avro.codec");
  put_text(out, packed ? "deflate" : "null");
  put_text(out, "avro.schema");
  put_text(out, kSchema);
  put_long(out, 0);
  return out.append(sync);
}

std::string file_block(bool packed, std::string_view sync, std::int64_t records,
                       std::string_view bytes) {
  std::string out;
  put_long(out, records);
  put_text(out, packed ? packed_bytes(bytes) : std::string(bytes));
  return out.append(sync);
}

}  // namespace weir::sim::cohere
