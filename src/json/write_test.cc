#include "json/write.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

#include "json/value.h"

namespace weir::json {
namespace {

std::string as_json(std::string_view text) {
  std::string out;
  append_string(out, text);
  return out;
}

TEST(AppendString, EscapesWhatJsonAsksFor) {
  EXPECT_EQ(as_json(""), R"("")");
  EXPECT_EQ(as_json("a\"b\\c/d"), R"("a\"b\\c/d")");
  EXPECT_EQ(as_json("\n\r\t"), R"("\n\r\t")");
  EXPECT_EQ(as_json(std::string_view("\0\x01\x1f\x7f", 4)), "\"\\u0000\\u0001\\u001f\x7f\"");
  EXPECT_EQ(as_json("é €, \xF0\x9F\x98\x80"), "\"é €, \xF0\x9F\x98\x80\"");
}

TEST(AppendString, ReplacesWhatIsNoUtf8) {
  EXPECT_EQ(as_json("a\xFF"), "\"a\xEF\xBF\xBD\"");
  EXPECT_EQ(as_json("\xC0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");                  // overlong
  EXPECT_EQ(as_json("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");  // a surrogate
  EXPECT_EQ(as_json("é\xE2\x82"), "\"é\xEF\xBF\xBD\xEF\xBF\xBD\"");                // cut
}

RC_GTEST_PROP(AppendString, AnyBytesGiveJson, (const std::string& bytes)) {
  Parser parser;
  RC_ASSERT(parser.parse(as_json(bytes)).has_value());
}

RC_GTEST_PROP(AppendString, PlainTextReadsBack, ()) {
  const auto text = *rc::gen::container<std::string>(rc::gen::inRange<char>(0, 127));
  Parser parser;
  RC_ASSERT(parser.parse(as_json(text))->string() == text);
}

TEST(Writer, CommasAndNesting) {
  Writer writer;
  writer.begin_object().field("a", "x").key("b").begin_array();
  writer.integer(1).boolean(false).null().begin_object().end_object().raw("[2]").end_array();
  writer.field("n", std::int64_t{-7}).field("t", true).end_object();
  EXPECT_EQ(writer.text(), R"({"a":"x","b":[1,false,null,{},[2]],"n":-7,"t":true})");
  EXPECT_EQ(writer.take(), R"({"a":"x","b":[1,false,null,{},[2]],"n":-7,"t":true})");
  EXPECT_EQ(writer.begin_array().end_array().take(), "[]");
}

TEST(Writer, NumbersAreShortAndExact) {
  Writer writer;
  writer.begin_array().number(0.1).number(1e300).number(-2.5);
  writer.number(std::numeric_limits<double>::infinity()).end_array();
  EXPECT_EQ(writer.take(), "[0.1,1e+300,-2.5,null]");
}

RC_GTEST_PROP(Writer, DoublesReadBackTheSame, ()) {
  const auto value = *rc::gen::arbitrary<double>();
  Writer writer;
  writer.begin_array().number(value).end_array();
  Parser parser;
  const auto read = parser.parse(writer.text());
  RC_ASSERT(read.has_value());
  for (const auto element : read->items()) RC_ASSERT(Value(element).number() == value);
}

TEST(WriterDeathTest, MisuseIsABug) {
  EXPECT_DEATH((void)Writer().end_object(), "assertion failed");
  EXPECT_DEATH((void)Writer().begin_object().key("a").key("b"), "assertion failed");
  EXPECT_DEATH((void)Writer().begin_array().take(), "assertion failed");
}

}  // namespace
}  // namespace weir::json
