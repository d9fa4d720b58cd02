// The simulated S3: objects, uploads in chunks, pages of lists; and pages of jobs, and what a signature does not mind.
#include <gmock/gmock.h>

#include "sim/providers/bedrock/bench_testing.h"

namespace weir::sim::bedrock {
namespace {

using http::Method;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Parsed;

std::vector<std::string> texts_of(const std::string& xml, const std::string& name) {
  std::vector<std::string> out;
  const std::string open = "<" + name + ">", close = "</" + name + ">";
  for (auto at = xml.find(open); at != std::string::npos; at = xml.find(open, at + 1))
    out.push_back(xml.substr(at + open.size(), xml.find(close, at) - at - open.size()));
  return out;
}

TEST(BedrockObjects, HeadIsGetWithoutTheBytes) {
  auto b = make_bench();
  const auto put = storage(b, Method::kPut, "/jobs/a", "hello");
  EXPECT_EQ(put.head.status, 200);
  const auto get = storage(b, Method::kGet, "/jobs/a"), head = storage(b, Method::kHead, "/jobs/a");
  EXPECT_EQ(get.text(), "hello");
  EXPECT_EQ(head.text(), "");
  EXPECT_EQ(head.head.headers.find("content-length"), "5");
  for (const auto* name : {"etag", "last-modified", "content-type"})
    EXPECT_EQ(head.head.headers.find(name), get.head.headers.find(name)) << name;
  EXPECT_EQ(head.head.headers.find("etag"), put.head.headers.find("etag"));
  EXPECT_THAT(std::string(get.head.headers.find("last-modified").value_or("")), HasSubstr(" GMT"));
  const auto none = storage(b, Method::kHead, "/jobs/none");
  EXPECT_EQ(none.head.status, 404);
  EXPECT_EQ(none.text(), "");
}

TEST(BedrockObjects, DatesAsHeadersHaveThem) {
  EXPECT_EQ(http_date(parse_rfc3339("2026-11-27T17:19:39.999Z").value()),
            "Fri, 27 Nov 2026 17:19:39 GMT");
  EXPECT_EQ(http_date(parse_rfc3339("2024-02-29T00:00:00Z").value()),
            "Thu, 29 Feb 2024 00:00:00 GMT");
}

TEST(BedrockObjects, ListsHavePagesAndFolders) {
  auto b = make_bench();
  for (const auto* key : {"a/1", "a/2", "b", "c&d"})
    storage(b, Method::kPut, std::string("/jobs/") + key, "x");
  const auto list = [&](const std::string& query) {
    return storage(b, Method::kGet, "/jobs?list-type=2" + query).text();
  };
  auto page = list("&delimiter=%2F&max-keys=2");
  EXPECT_THAT(texts_of(page, "CommonPrefixes"), ::testing::ElementsAre("<Prefix>a/</Prefix>"));
  EXPECT_THAT(texts_of(page, "Key"), ::testing::ElementsAre("b"));
  EXPECT_THAT(page, HasSubstr("<IsTruncated>true</IsTruncated>"));
  const auto token = texts_of(page, "NextContinuationToken");
  ASSERT_EQ(token.size(), 1U);
  page = list("&delimiter=%2F&max-keys=2&continuation-token=" + token[0]);
  EXPECT_THAT(texts_of(page, "Key"), ::testing::ElementsAre("c&amp;d"));
  EXPECT_THAT(page, HasSubstr("<IsTruncated>false</IsTruncated>"));
  EXPECT_THAT(page, Not(HasSubstr("NextContinuationToken")));
  EXPECT_THAT(texts_of(list("&start-after=a/1"), "Key"),
              ::testing::ElementsAre("a/2", "b", "c&amp;d"));
  EXPECT_THAT(list("&max-keys=0"), HasSubstr("<IsTruncated>true</IsTruncated>"));
  for (const auto* wrong : {"&max-keys=some", "&max-keys=-1", "&continuation-token=mine"})
    EXPECT_THAT(list(wrong), HasSubstr("<Code>InvalidArgument</Code>")) << wrong;
  EXPECT_EQ(storage(b, Method::kGet, "/jobs").head.status, 400);
}

class Chunks : public ::testing::Test {
 protected:
  Reply put(std::string body, const std::string& length,
            const std::string& payload = "STREAMING-UNSIGNED-PAYLOAD-TRAILER") {
    auto request = signed_request(Method::kPut, "/bedrock/jobs/a", std::move(body), b_.now(), "s3");
    request.headers.set("x-amz-content-sha256", payload);
    request.headers.set("x-amz-decoded-content-length", length);
    std::string header(request.headers.find("authorization").value_or(""));
    header = header.substr(0, header.find("x-amz-date")) +
             "x-amz-date;x-amz-decoded-content-length, Signature=";
    request.headers.set("authorization", header);
    header += signature_of(request, "s3", "secret-of-key-1").value_or("");
    request.headers.set("authorization", header);
    return b_.simulator().handle(std::move(request), b_.now());
  }
  testing::Bench b_ = make_bench();
};

TEST_F(Chunks, AreJoined) {
  const auto reply = put("3\r\nhel\r\n2\r\nlo\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", "5");
  EXPECT_EQ(reply.head.status, 200) << reply.text();
  EXPECT_EQ(reply.head.headers.find("x-amz-checksum-crc32"), "NhCmhg==");
  EXPECT_EQ(storage(b_, Method::kGet, "/jobs/a").text(), "hello");
}

TEST_F(Chunks, ThatCannotBeReadAreRefused) {
  const auto code = [&](std::string body, const std::string& length, const std::string& payload) {
    return texts_of(put(std::move(body), length, payload).text(), "Code");
  };
  const std::string chunks = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
  using ::testing::ElementsAre;
  for (const auto* cut :
       {"", "5", "5\r\nhel", "5\r\nhello", "5\r\nhello\r\n", "z\r\nhello\r\n0\r\n\r\n",
        "5\r\nhelloworld\r\n0\r\n\r\n", "ffffffffffffffffffff\r\n"})
    EXPECT_THAT(code(cut, "5", chunks), ElementsAre("IncompleteBody")) << cut;
  EXPECT_THAT(code("5\r\nhello\r\n0\r\n\r\n", "6", chunks), ElementsAre("IncompleteBody"));
  EXPECT_THAT(code("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", "5", chunks),
              ElementsAre("BadDigest"));
  EXPECT_THAT(code("hello", "5", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
              ElementsAre("NotImplemented"));
  EXPECT_EQ(storage(b_, Method::kGet, "/jobs/a").head.status, 404);
}

TEST(BedrockJobPages, FiltersAreChecked) {
  auto b = make_bench();
  create(b, lines(120));
  const auto list = [&](const std::string& query) {
    return control(b, Method::kGet, "/model-invocation-jobs?" + query);
  };
  const auto names = [&](const std::string& query) {
    return Parsed(list(query).text())["invocationJobSummaries"].size();
  };
  EXPECT_EQ(names("statusEquals=Submitted&sortOrder=Ascending&sortBy=CreationTime"), 1U);
  EXPECT_EQ(names("statusEquals=Completed"), 0U);
  EXPECT_EQ(names("submitTimeAfter=2000-01-01T00%3A00%3A00Z&maxResults=1"), 1U);
  EXPECT_EQ(names("submitTimeBefore=2000-01-01T00%3A00%3A00Z"), 0U);
  for (const auto* wrong : {"statusEquals=Done", "sortBy=Name", "sortOrder=Up", "maxResults=0",
                            "maxResults=1001", "maxResults=a", "nextToken=x", "submitTimeAfter=x",
                            "submitTimeBefore=1", "nextToken=jobs-from-0"})
    EXPECT_EQ(list(wrong).head.status, 400) << wrong;
}

// Doc: the test suite of Signature Version 4 (checked 2026-11-27).
TEST(BedrockSignature, TheTestSuite) {
  const auto signature = [](std::string target, const http::Headers& more,
                            const std::string& names) {
    http::Request request{
        .method = Method::kGet, .target = std::move(target), .headers = more, .body = {}};
    request.headers.add("host", "example.amazonaws.com");
    request.headers.add("x-amz-date", "20150830T123600Z");
    request.headers.add("authorization",
                        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/"
                        "aws4_request, SignedHeaders=" +
                            names + ", Signature=x");
    return signature_of(request, "service", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
        .value_or("");
  };
  for (const auto* root : {"/", "//", "/./", "/example/..", "/../.."})
    EXPECT_EQ(signature(root, {}, "host;x-amz-date"),
              "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")
        << root;
  for (const auto* query : {"/?Param1=value2&Param1=value1", "/?Param1=value1&Param1=value2"})
    EXPECT_EQ(signature(query, {}, "host;x-amz-date"),
              "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694")
        << query;
  EXPECT_EQ(signature("//example//", {}, "host;x-amz-date"),
            "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84");
  EXPECT_EQ(
      signature("/", {{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}},
                "host;my-header1;x-amz-date"),
      "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea");
  EXPECT_EQ(signature("/", {{"My-Header1", " value1"}, {"My-Header2", " \"a \t b   c\""}},
                      "host;my-header1;my-header2;x-amz-date"),
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");
}

}  // namespace
}  // namespace weir::sim::bedrock
