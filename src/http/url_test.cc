#include "http/url.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace weir::http {
namespace {

TEST(ParseUrl, OriginAndTarget) {
  const auto url = parse_url("https://API.Example.com/v1/files?limit=2");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->origin, (Origin{true, "api.example.com", 443}));
  EXPECT_EQ(url->target, "/v1/files?limit=2");
  EXPECT_EQ(url->origin.text(), "https://api.example.com");
}

TEST(ParseUrl, PortsAndEmptyPaths) {
  EXPECT_EQ(parse_url("http://h")->origin, (Origin{false, "h", 80}));
  EXPECT_EQ(parse_url("http://h")->target, "/");
  EXPECT_EQ(parse_url("http://h:8080")->origin.authority(), "h:8080");
  EXPECT_EQ(parse_url("https://h:443/")->origin.authority(), "h");
  EXPECT_EQ(parse_url("http://h?a=1")->target, "/?a=1");
}

TEST(ParseUrl, Ipv6) {
  const auto url = parse_url("http://[2001:DB8::1]:8080/x");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->origin.host, "2001:db8::1");
  EXPECT_EQ(url->origin.authority(), "[2001:db8::1]:8080");
  EXPECT_EQ(url->origin.text(), "http://[2001:db8::1]:8080");
}

TEST(ParseUrl, RefusesTheRest) {
  for (const auto text :
       {"", "example.com", "/v1", "ftp://h/", "https://", "https:///v1", "https://h/#part",
        "https://h:0/", "https://h:65536/", "https://h:x/", "https://h:8x/", "http://h:99999/",
        "http://[::1]x/", "http://h:-1/", "https://h /", "http://[::1", "http://a%0d%0aHost:%20b/",
        "http://a%2Fb/"})
    EXPECT_FALSE(parse_url(text)) << text;
}

TEST(ParseUrl, RefusesAUserAndNeverShowsThePassword) {
  for (const auto text : {"https://user:secret@example.com/", "https://secret@example.com",
                          "secret://u:secret@h#x"}) {
    const auto url = parse_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().kind, ErrorKind::kInvalidArgument);
    EXPECT_EQ(url.error().text().find("secret"), std::string::npos) << url.error().text();
  }
}

TEST(JoinPath, OneSlashBetween) {
  EXPECT_EQ(join_path("", "/v1/files"), "/v1/files");
  EXPECT_EQ(join_path("/", "/v1"), "/v1");
  EXPECT_EQ(join_path("/anthropic", "/v1"), "/anthropic/v1");
  EXPECT_EQ(join_path("/v1/", "/files"), "/v1/files");
}

TEST(Query, ValuesAreDecoded) {
  EXPECT_EQ(path_of("/v1/files?limit=2"), "/v1/files");
  EXPECT_EQ(query_value("/p?a=1&b=x%20y+z&a=2", "a"), "1");
  EXPECT_EQ(query_value("/p?a=1&b=x%20y+z", "b"), "x y z");
  EXPECT_EQ(query_value("/p?flag&b=", "flag"), "");
  EXPECT_EQ(query_value("/p?flag&b=", "b"), "");
  EXPECT_EQ(query_value("/p?ab=1", "a"), std::nullopt);
  EXPECT_EQ(query_value("/p", "a"), std::nullopt);
  EXPECT_EQ(query_value("/p?%61=1", "a"), "1");
}

TEST(Percent, ABadEscapeStaysAsItIs) {
  EXPECT_EQ(percent_decode("%41%4a%"), "AJ%");
  EXPECT_EQ(percent_decode("%zz%4"), "%zz%4");
  EXPECT_EQ(percent_encode("a b/é~"), "a%20b%2F%C3%A9~");
}

RC_GTEST_PROP(Percent, ReadsWhatItWrites, (const std::string& text)) {
  RC_ASSERT(percent_decode(percent_encode(text)) == text);
}

}  // namespace
}  // namespace weir::http
