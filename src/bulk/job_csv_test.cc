#include "bulk/job_csv.h"

#include <gtest/gtest.h>

namespace weir::bulk {
namespace {

using engine::ItemEnd;
using Record = engine::ResultLog::Record;

const std::vector<Record> kRecords{
    {.end = ItemEnd::kSucceeded,
     .line =
         R"({"id":"a,1","line":1,"answer":{"x":"he said \"no\"","n":1.50},"cost_usd":"0.001","route":"sync","attempts":1})"},
    {.end = ItemEnd::kFailed,
     .line =
         R"({"id":"b","line":2,"error":{"kind":"unavailable","message":"two\nlines"},"attempts":4})"},
    {.end = ItemEnd::kSucceeded,
     .line =
         R"({"id":"c","line":3,"answer":{"list":[1,2],"id":null},"cost_usd":"0.002","route":"batch","attempts":1})"}};

std::string whole(const std::vector<Record>& records) {
  CsvExport csv;
  for (const auto& record : records) csv.look(record);
  std::string out = csv.header();
  for (const auto& record : records) out += csv.row(record);
  return out;
}

TEST(JobCsv, FieldsOfAnswersAreColumns) {
  EXPECT_EQ(whole(kRecords),
            "id,line,state,x,n,list,answer.id,error_kind,error_message,cost_usd,route,attempts\r\n"
            "\"a,1\",1,succeeded,\"he said \"\"no\"\"\",1.5,,,,,0.001,sync,1\r\n"
            "b,2,failed,,,,,unavailable,\"two\nlines\",,,4\r\n"
            "c,3,succeeded,,,\"[1,2]\",,,,0.002,batch,1\r\n");
}

TEST(JobCsv, APlainAnswerHasAColumnOfItsOwn) {
  const Record text{.end = ItemEnd::kSucceeded, .line = R"({"id":"t","answer":"yes"})"};
  EXPECT_EQ(whole({text}),
            "id,line,state,answer,error_kind,error_message,cost_usd,route,attempts\r\n"
            "t,,succeeded,yes,,,,,\r\n");
  EXPECT_NE(whole({kRecords[0], text}).find("id,line,state,answer,x,n,"), std::string::npos);
}

TEST(JobCsv, MoreFieldsThanColumnsStayInTheAnswer) {
  std::string line = R"({"id":"m","answer":{)";
  for (std::size_t i = 0; i <= CsvExport::kFieldsMax; ++i)
    line += (i == 0 ? "\"f" : ",\"f") + std::to_string(i) + "\":1";
  const auto text = whole({{.end = ItemEnd::kCancelled, .line = line + "}}"}});
  EXPECT_EQ(text.find(",f200"), std::string::npos);
  EXPECT_NE(text.find("\"\"f200\"\":1"), std::string::npos);
}

TEST(JobCsv, CellsAreQuotedWhereTheyMustBe) {
  EXPECT_EQ(csv_cell("plain"), "plain");
  EXPECT_EQ(csv_cell(" edge"), "\" edge\"");
  EXPECT_EQ(csv_cell("a\rb"), "\"a\rb\"");
  EXPECT_EQ(csv_cell(""), "");
}

}  // namespace
}  // namespace weir::bulk
