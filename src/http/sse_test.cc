#include "http/sse.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace weir::http {
namespace {

using Events = std::vector<std::pair<std::string, std::string>>;

Events parse(std::string_view stream, std::size_t chunk = 1000) {
  SseParser parser(1000);
  Events events;
  for (std::size_t at = 0; at < stream.size(); at += chunk) {
    const auto fed = parser.feed(stream.substr(at, chunk), [&](SseEvent&& event) {
      events.emplace_back(std::move(event.name), std::move(event.data));
    });
    EXPECT_TRUE(fed);
  }
  return events;
}

TEST(Sse, NamesDataAndJoinedLines) {
  EXPECT_EQ(parse("event: start\ndata: {}\n\ndata: a\ndata:b\n\n"),
            (Events{{"start", "{}"}, {"", "a\nb"}}));
}

TEST(Sse, EveryLineEndInEveryChunking) {
  for (const auto end : {"\n", "\r\n", "\r"}) {
    std::string stream;
    for (const auto line : {"event: e", "data: 1", "", "data: 2", ""})
      stream.append(line).append(end);
    for (std::size_t chunk = 1; chunk <= stream.size(); ++chunk)
      EXPECT_EQ(parse(stream, chunk), (Events{{"e", "1"}, {"", "2"}})) << chunk;
  }
}

TEST(Sse, CommentsOtherFieldsAndEmptyEventsAreSkipped) {
  EXPECT_EQ(parse(": ping\n\nid: 7\nretry: 9\nwhat: x\n\nevent: lost\n\ndata: a\n\n"),
            (Events{{"", "a"}}));
  EXPECT_EQ(parse("data\n\n"), (Events{{"", ""}}));
  EXPECT_EQ(parse("data:  two spaces\n\n"), (Events{{"", " two spaces"}}));
  EXPECT_EQ(parse("\xEF\xBB\xBF"
                  "data: a\n\n",
                  1),
            (Events{{"", "a"}}));
}

TEST(Sse, ACutEventIsSeen) {
  SseParser parser(1000);
  const auto ignore = [](SseEvent&&) {};
  ASSERT_TRUE(parser.feed("data: a\n\n", ignore));
  EXPECT_FALSE(parser.partial());
  ASSERT_TRUE(parser.feed("data: b", ignore));
  EXPECT_TRUE(parser.partial());
  ASSERT_TRUE(parser.feed("\n", ignore));
  EXPECT_TRUE(parser.partial());
  ASSERT_TRUE(parser.feed("\n", ignore));
  EXPECT_FALSE(parser.partial());
}

TEST(Sse, AnEventIsBounded) {
  const auto ignore = [](SseEvent&&) {};
  SseParser one_line(10);
  EXPECT_EQ(one_line.feed("data: 12345678", ignore).error().kind, ErrorKind::kBadResponse);
  SseParser many_lines(10);
  EXPECT_EQ(
      many_lines.feed("data:1\ndata:2\ndata:3\ndata:4\ndata:5\ndata:6\n", ignore).error().kind,
      ErrorKind::kBadResponse);
}

RC_GTEST_PROP(Sse, ChunksChangeNothing, ()) {
  const auto stream =
      *rc::gen::container<std::string>(rc::gen::element('d', 'a', 't', ':', ' ', '\n', '\r', 'x'));
  const auto prefixed = "data:" + stream;
  const auto chunk = *rc::gen::inRange<std::size_t>(1, 7);
  RC_ASSERT(parse(prefixed, chunk) == parse(prefixed));
}

RC_GTEST_PROP(Sse, ReadsWhatItWrites, ()) {
  const auto name = *rc::gen::container<std::string>(rc::gen::element('a', '_', ':', ' '));
  const auto data = *rc::gen::container<std::string>(rc::gen::element('a', '\n', ' ', ':', '"'));
  // A name cannot begin or end with what the format strips.
  const auto kept = "n" + name;
  RC_ASSERT(parse(sse_text(kept, data)) == (Events{{kept, data}}));
}

TEST(Sse, UnnamedEventsHaveNoNameLine) { EXPECT_EQ(sse_text("", "[DONE]"), "data: [DONE]\n\n"); }

}  // namespace
}  // namespace weir::http
