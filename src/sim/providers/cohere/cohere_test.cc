// The quirks of the simulated cohere, and its bill.
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstring>
#include <map>
#include <set>

#include "sim/providers/cohere/avro.h"
#include "sim/testing.h"

namespace weir::sim::cohere {

std::unique_ptr<Provider> make_provider();

namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::Parsed;
using testing::words;

const std::string kChat = "/cohere/v2/chat", kDatasets = "/cohere/v1/datasets",
                  kBatches = "/cohere/v2/batches", kModel = "command-r7b-12-2024";

testing::Bench make_bench(std::string faults = "") {
  return {make_provider(),
          {{"authorization", "Bearer key-1"}, {"host", "127.0.0.1:99"}},
          {.faults_json = std::move(faults)}};
}
std::string body_of(std::string_view content, std::string_view more = "") {
  return R"({"model":")" + kModel + R"(","messages":[{"role":"user","content":")" +
         std::string(content) + R"("}])" + std::string(more) + "}";
}
std::string row_of(std::string_view id, std::string_view more = R"(,"max_tokens":9)") {
  return R"({"custom_id":")" + std::string(id) +
         R"(","body":{"messages":[{"role":"user","content":[{"type":"text","text":"x"}]}])" +
         std::string(more) + "}}\n";
}
std::string rows_of(int rows) {
  std::string out;
  for (int i = 0; i < rows; ++i) out += row_of("r" + std::to_string(i));
  return out;
}
Reply upload(testing::Bench& b, std::string_view rows,
             std::string_view query = "?name=in&type=batch-chat-v2-input") {
  return b.post(
      kDatasets + std::string(query),
      "--B\r\nContent-Disposition: form-data; name=\"data\"; filename=\"in.jsonl\"\r\n\r\n" +
          std::string(rows) + "\r\n--B--\r\n",
      {{"content-type", "multipart/form-data; boundary=B"}});
}
std::string uploaded(testing::Bench& b, std::string_view rows) {
  const auto reply = upload(b, rows);
  EXPECT_EQ(reply.head.status, 200) << reply.text();
  b.wait(minutes(1));
  return Parsed(reply.text())["id"].string_or("");
}
Reply create(testing::Bench& b, std::string_view dataset, std::string_view name = "job") {
  return b.post(kBatches, R"({"name":")" + std::string(name) + R"(","input_dataset_id":")" +
                              std::string(dataset) + R"(","model":")" + kModel + "\"}");
}
std::string started(testing::Bench& b, std::string_view rows) {
  const auto reply = create(b, uploaded(b, rows));
  EXPECT_EQ(reply.head.status, 200) << reply.text();
  return Parsed(reply.text())["batch"]["id"].string_or("");
}
Parsed batch(testing::Bench& b, const std::string& id) {
  return Parsed(b.get(kBatches + "/" + id).text());
}
std::string finish(testing::Bench& b, const std::string& id) {
  for (int i = 0; i < 3000; ++i) {
    const auto now = batch(b, id)["batch"]["status"].string_or("");
    if (now == "BATCH_STATUS_COMPLETED" || now == "BATCH_STATUS_FAILED" ||
        now == "BATCH_STATUS_CANCELED")
      return now;
    b.wait(minutes(1));
  }
  return "";
}

// --- A reader of this schema alone, as a stranger would write one

struct Reader {
  std::string_view in;
  std::int64_t number() {
    std::uint64_t bits = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(in.at(0));
      in.remove_prefix(1);
      bits |= std::uint64_t{byte & 0x7FU} << shift;
      if ((byte & 0x80U) == 0) break;
    }
    return static_cast<std::int64_t>(bits >> 1) ^ -static_cast<std::int64_t>(bits & 1);
  }
  std::string text() {
    const auto length = static_cast<std::size_t>(number());
    std::string out(in.substr(0, length));
    in.remove_prefix(length);
    return out;
  }
  double real() {
    double out = 0;
    std::memcpy(&out, in.data(), sizeof out);
    in.remove_prefix(sizeof out);
    return out;
  }
};
struct Record {
  std::string error, finish, said;
  double input = 0, output = 0, all = 0;
};
using Records = std::multimap<std::string, Record>;

std::string unpacked(std::string_view bytes) {
  std::string in(bytes), out(1 << 20, '\0');
  z_stream stream = {};
  EXPECT_EQ(inflateInit2(&stream, -MAX_WBITS), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

void read_record(Reader& in, Records& out) {
  const auto id = in.text();
  Record record{.error = in.text(), .finish = {}, .said = {}};
  if (in.number() == 1) {
    std::ignore = in.text();  // id
    record.finish = in.text();
    EXPECT_EQ(in.text(), "assistant");
    EXPECT_EQ(in.number(), 0);  // tool_plan
    EXPECT_EQ(in.number(), 1);  // one part
    EXPECT_EQ(in.text(), "text");
    EXPECT_EQ(in.number(), 1);
    record.said = in.text();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(in.number(), 0);  // thinking, no more, tool_calls
    record.input = in.real();
    record.output = in.real();
    record.all = in.real();
    std::ignore = in.real();
    EXPECT_EQ(in.number(), 0);  // cached_tokens
  }
  out.emplace(id, record);
}

void read_file(std::string_view file, Records& out, std::set<std::string>& codecs) {
  EXPECT_EQ(file.substr(0, 4), std::string_view("Obj\1", 4));
  Reader in{file.substr(4)};
  std::map<std::string, std::string> meta;
  for (auto count = in.number(); count != 0; count = in.number())
    for (; count > 0; --count) {
      const auto key = in.text();
      meta[key] = in.text();
    }
  EXPECT_EQ(meta["avro.schema"], output_schema());
  codecs.insert(meta["avro.codec"]);
  const std::string sync(in.in.substr(0, 16));
  in.in.remove_prefix(16);
  while (!in.in.empty()) {
    const auto rows = in.number();
    auto block = in.text();
    if (meta["avro.codec"] == "deflate") block = unpacked(block);
    Reader inside{block};
    for (std::int64_t i = 0; i < rows; ++i) read_record(inside, out);
    EXPECT_TRUE(inside.in.empty());
    EXPECT_EQ(in.in.substr(0, 16), sync);
    in.in.remove_prefix(16);
  }
}

// Follows a link as a client without a key does.
Reply follow(testing::Bench& b, const std::string& url, const http::Headers& headers = {}) {
  const std::string home = "http://127.0.0.1:99";
  EXPECT_TRUE(url.starts_with(home + "/cohere/storage/")) << url;
  http::Request request{.method = http::Method::kGet,
                        .target = url.substr(home.size()),
                        .headers = headers,
                        .body = {}};
  return b.simulator().handle(std::move(request), b.now());
}
std::vector<std::string> links(testing::Bench& b, const std::string& dataset) {
  const Parsed answer(b.get(kDatasets + "/" + dataset).text());
  std::vector<std::string> out;
  for (const auto part : answer["dataset"]["dataset_parts"].items())
    out.push_back(json::Value(part)["url"].string_or(""));
  return out;
}
Records results(testing::Bench& b, const std::string& id, std::set<std::string>* codecs = nullptr) {
  Records out;
  std::set<std::string> seen;
  for (const auto& url : links(b, batch(b, id)["batch"]["output_dataset_id"].string_or("")))
    read_file(follow(b, url).text(), out, seen);
  if (codecs != nullptr) *codecs = seen;
  return out;
}

TEST(CohereChat, AnswersAndBillsWithoutItsPreamble) {
  auto b = make_bench();
  const Parsed answer(b.post(kChat, body_of("Sort this.")).text());
  testing::expect_members(answer.root, {"id", "message", "finish_reason", "usage"});
  EXPECT_EQ(answer["finish_reason"].string(), "COMPLETE");
  EXPECT_FALSE(answer["message"]["content"].items().at(0)["text"].string()->empty());
  const auto usage = answer["usage"];
  const auto& row = b.bill().at(0);
  EXPECT_EQ(usage["billed_units"]["input_tokens"].integer(), row.tokens.input);
  EXPECT_GT(usage["tokens"]["input_tokens"].integer_or(0), row.tokens.input);
  EXPECT_EQ(row.pico_usd, row.tokens.input * 37'500 + row.tokens.output * 150'000);
  EXPECT_NE(usage.text().find(".0"), std::string::npos);
  // A limit beyond the model's is lowered, a small one cuts.
  EXPECT_EQ(b.post(kChat, body_of("x", R"(,"max_tokens":900000)")).head.status, 200);
  EXPECT_EQ(
      Parsed(b.post(kChat, body_of("x", R"(,"max_tokens":1)")).text())["finish_reason"].string(),
      "MAX_TOKENS");
}

TEST(CohereChat, ItsCacheIsToldAndCostsTheSame) {
  auto b = make_bench();
  const auto cached = [&] {
    const Parsed answer(b.post(kChat, body_of(words(300))).text());
    b.wait(minutes(1));
    return answer["usage"]["cached_tokens"].integer_or(-1);
  };
  EXPECT_EQ(cached(), 0);
  EXPECT_EQ(cached(), 256);
  EXPECT_EQ(b.bill()[0].pico_usd, b.bill()[1].pico_usd);
  EXPECT_EQ(b.bill()[1].tokens.cache_read, 256);
}

TEST(CohereChat, StreamsEventsWithoutADone) {
  auto b = make_bench();
  const auto text = b.post(kChat, body_of("x", R"(,"stream":true)")).text();
  std::size_t at = 0;
  for (const auto* name :
       {"message-start", "content-start", "content-delta", "content-end", "message-end"}) {
    at = text.find("event: " + std::string(name), at);
    ASSERT_NE(at, std::string::npos) << name;
  }
  EXPECT_NE(text.find(R"("usage":{"billed_units")", at), std::string::npos);
  EXPECT_EQ(text.find("[DONE]"), std::string::npos);
  const std::string tools =
      R"(,"tools":[{"type":"function","function":{"name":"look","parameters":{"type":"object"}}}],"tool_choice":"REQUIRED","stream":true)";
  const auto calls = b.post(kChat, body_of("x", tools)).text();
  for (const auto* piece : {"tool-plan-delta", "tool-call-start", "tool-call-delta",
                            "tool-call-end", R"("finish_reason":"TOOL_CALL")"})
    EXPECT_NE(calls.find(piece), std::string::npos) << piece;
}

TEST(CohereChat, WhatItRefuses) {
  auto b = make_bench();
  const auto status = [&](std::string_view more) {
    return b.post(kChat, body_of("x", more)).head.status;
  };
  const std::string tool =
      R"(,"tools":[{"type":"function","function":{"name":"look","parameters":{}}}])";
  EXPECT_EQ(status(tool), 200);
  for (
      const auto& more :
      {std::string(R"(,"temperature":1.5)"), std::string(R"(,"p":1)"), std::string(R"(,"seed":-1)"),
       std::string(R"(,"k":501)"), std::string(R"(,"max_tokens":0)"),
       std::string(R"(,"stop_sequences":["1","2","3","4","5","6"])"),
       std::string(R"(,"response_format":{"type":"json_schema"})"),
       std::string(R"(,"response_format":{"type":"json_object","json_schema":{"type":"array"}})"),
       std::string(
           R"(,"response_format":{"type":"json_object","json_schema":{"type":"object","properties":{"a":{"type":"string"}}}})"),
       std::string(R"(,"tool_choice":"REQUIRED")"), tool + R"(,"tool_choice":"AUTO")",
       tool + R"(,"response_format":{"type":"json_object"})",
       std::string(R"(,"tools":[{"type":"function","function":{"name":"1x","parameters":{}}}])")})
    EXPECT_EQ(status(more), 400) << more;
  for (
      const auto* messages :
      {R"([])", R"([{"role":"user","content":""}])", R"([{"role":"robot","content":"x"}])",
       R"([{"role":"user","content":"x"},{"role":"system","content":"y"}])",
       R"([{"role":"user","content":[{"type":"image_url","image_url":"https://x/a.png"}]}])",
       R"([{"role":"tool","tool_call_id":"c","content":"x"}])",
       R"([{"role":"assistant","tool_plan":"I","content":"x"}])",
       R"([{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"a","arguments":"{}"}}]}])"})
    EXPECT_EQ(
        b.post(kChat, R"({"model":")" + kModel + R"(","messages":)" + messages + "}").head.status,
        400)
        << messages;
  const Reply none =
      b.post(kChat, R"({"model":"none","messages":[{"role":"user","content":"x"}]})");
  EXPECT_EQ(none.head.status, 404);
  testing::expect_members(Parsed(none.text()).root, {"message", "id"});
  EXPECT_EQ(b.post(kChat, body_of("x"), {{"authorization", "Bearer invalid"}}).head.status, 401);
  EXPECT_EQ(b.get("/cohere/v1/models/" + kModel).head.status, 200);
  EXPECT_EQ(b.get("/cohere/v1/models/none").head.status, 404);
  EXPECT_EQ(Parsed(b.get("/cohere/v1/models").text())["models"].size(), 4U);
}

TEST(CohereDatasets, AreValidatedLater) {
  auto b = make_bench();
  EXPECT_EQ(upload(b, rows_of(1), "?name=in&type=nothing").head.status, 400);
  EXPECT_EQ(upload(b, rows_of(1), "?type=batch-chat-v2-input").head.status, 400);
  const Reply made = upload(b, rows_of(3));
  const auto id = Parsed(made.text())["id"].string_or("");
  EXPECT_TRUE(id.starts_with("in-"));
  const auto state = [&](const std::string& of) {
    return Parsed(b.get(kDatasets + "/" + of).text())["dataset"]["validation_status"].string_or("");
  };
  EXPECT_EQ(state(id), "queued");
  EXPECT_EQ(create(b, id).head.status, 400);
  b.wait(minutes(1));
  EXPECT_EQ(state(id), "validated");
  for (const auto& rows :
       {std::string("x\n"), std::string("{}\n"), row_of("a") + row_of("a"),
        row_of("a", R"(,"model":"m")"), row_of("a", R"(,"response_format":{})"),
        row_of("a", R"(,"stop_sequences":[])"),
        row_of("a", R"(,"tools":[{"function":{"name":"x","parameters":{}}}])"),
        std::string(R"({"custom_id":"a","body":{"messages":[{"role":"user","content":"x"}]}})")}) {
    const auto bad = uploaded(b, rows);
    EXPECT_EQ(state(bad), "failed") << rows;
    EXPECT_NE(b.get(std::string(kDatasets).append("/").append(bad)).text().find("validation_error"),
              std::string::npos);
    EXPECT_EQ(create(b, bad).head.status, 400);
  }
  EXPECT_EQ(b.send(http::Method::kDelete, kDatasets + "/" + id).head.status, 200);
  EXPECT_EQ(b.get(kDatasets + "/" + id).head.status, 404);
  const auto old = uploaded(b, rows_of(1));
  b.wait(std::chrono::hours(24 * 31));
  EXPECT_EQ(b.get(kDatasets + "/" + old).head.status, 404);
}

TEST(CohereBatches, ResultsAreAvroInParts) {
  auto b = make_bench();
  const auto id = started(b, rows_of(260));
  EXPECT_EQ(batch(b, id)["batch"]["status"].string(), "BATCH_STATUS_QUEUED");
  EXPECT_TRUE(batch(b, id)["batch"]["output_dataset_id"].is_null());
  EXPECT_EQ(finish(b, id), "BATCH_STATUS_COMPLETED");
  const Parsed ended = batch(b, id);
  EXPECT_EQ(ended["batch"]["num_successful_records"].integer(), 260);
  EXPECT_TRUE(ended["batch"]["input_tokens"].is_string());
  std::set<std::string> codecs;
  const auto rows = results(b, id, &codecs);
  EXPECT_EQ(rows.size(), 260U);
  EXPECT_FALSE(codecs.empty());
  ASSERT_EQ(b.bill().size(), 260U);
  for (const auto& bill : b.bill()) {
    const auto& row = rows.find(bill.custom_id)->second;
    EXPECT_EQ(row.error, "");
    EXPECT_EQ(row.input, static_cast<double>(bill.tokens.input));
    EXPECT_EQ(row.output, static_cast<double>(bill.tokens.output));
    EXPECT_GT(row.all, row.input);
    // No batch price is published: the standard one.
    EXPECT_EQ(bill.pico_usd, bill.tokens.input * 37'500 + bill.tokens.output * 150'000);
    EXPECT_TRUE(bill.delivered);
  }
}

TEST(CohereBatches, LinksAreSignedAndDie) {
  auto b = make_bench();
  const auto id = started(b, rows_of(2));
  finish(b, id);
  const auto url = links(b, batch(b, id)["batch"]["output_dataset_id"].string_or("")).at(0);
  EXPECT_EQ(follow(b, url).head.status, 200);
  EXPECT_EQ(follow(b, url, {{"authorization", "Bearer key-1"}}).head.status, 400);
  EXPECT_NE(follow(b, url + "x").head.status, 200);
  b.wait(minutes(61));
  EXPECT_EQ(follow(b, url).head.status, 400);
}

TEST(CohereBatches, AreListedAndFoundByName) {
  auto b = make_bench();
  const auto input = uploaded(b, rows_of(1));
  for (int i = 0; i < 3; ++i) create(b, input, "job-" + std::to_string(i));
  const Parsed first(b.get(kBatches + "?page_size=2").text());
  EXPECT_EQ(first["batches"].size(), 2U);
  EXPECT_EQ(first["batches"].items().at(0)["name"].string(), "job-0");
  const Parsed last(
      b.get(kBatches + "?page_size=2&page_token=" + first["next_page_token"].string_or("")).text());
  EXPECT_EQ(last["batches"].size(), 1U);
  EXPECT_TRUE(last["next_page_token"].is_null());
  EXPECT_EQ(b.post(kBatches, "{}").head.status, 400);
  EXPECT_EQ(create(b, "none").head.status, 404);
  EXPECT_EQ(b.get(kBatches + "/none").head.status, 404);
}

TEST(CohereBatches, CancelKeepsWhatWasDone) {
  auto b = make_bench(R"([{"fault":{"kind":"slow_batch","seconds":36000}}])");
  const auto id = started(b, rows_of(50));
  for (int i = 0; i < 1000 && batch(b, id)["batch"]["num_successful_records"].integer_or(0) < 5;
       ++i)
    b.wait(minutes(5));
  EXPECT_EQ(b.post(kBatches + "/" + id + ":cancel", "").head.status, 200);
  EXPECT_EQ(batch(b, id)["batch"]["status"].string(), "BATCH_STATUS_CANCELING");
  EXPECT_EQ(finish(b, id), "BATCH_STATUS_CANCELED");
  EXPECT_EQ(b.post(kBatches + "/" + id + ":cancel", "").head.status, 400);
  EXPECT_EQ(results(b, id).size(), b.bill().size());
  EXPECT_GE(b.bill().size(), 5U);
  EXPECT_LT(b.bill().size(), 50U);
}

TEST(CohereBatches, WhatGoesWrongWithRows) {
  auto b = make_bench(
      R"([{"match":{"index":0},"fault":"missing_rows"},{"match":{"index":1},"fault":"duplicate_rows"},)"
      R"({"match":{"index":2},"fault":"malformed_row"},{"match":{"index":3},"fault":{"kind":"row_error","type":"server_error"}}])");
  const auto id = started(b, rows_of(6));
  EXPECT_EQ(finish(b, id), "BATCH_STATUS_COMPLETED");
  const auto rows = results(b, id);
  EXPECT_EQ(rows.count("r0"), 0U);
  EXPECT_EQ(rows.count("r1"), 2U);
  EXPECT_EQ(rows.find("r2")->second.finish, "");  // neither an answer nor an error
  EXPECT_EQ(rows.find("r2")->second.error, "");
  EXPECT_NE(rows.find("r3")->second.error, "");
  EXPECT_EQ(b.bill().size(), 4U);
  EXPECT_EQ(batch(b, id)["batch"]["num_failed_records"].integer(), 1);
  auto refused = make_bench(R"([{"fault":"batch_refused"}])");
  const auto failed = started(refused, rows_of(2));
  EXPECT_EQ(finish(refused, failed), "BATCH_STATUS_FAILED");
  EXPECT_EQ(batch(refused, failed)["batch"]["status_reason"].string(), "internal error");
  EXPECT_TRUE(refused.bill().empty());
}

}  // namespace
}  // namespace weir::sim::cohere
