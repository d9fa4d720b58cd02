// The signature against the examples that AWS publishes.
#include "provider/aws_signature.h"

#include <gtest/gtest.h>

namespace weir::provider {
namespace {

constexpr std::string_view kEmptyHash =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

std::string signature_of(const http::RequestPlan& plan) {
  const auto header = plan.headers.find("authorization").value_or("");
  const auto at = header.find("Signature=");
  return at == std::string_view::npos ? "" : std::string(header.substr(at + 10));
}

// Docs: the examples of S3's "Signature Calculations for the Authorization Header" (checked 2026-11-27).
class Storage : public ::testing::Test {
 protected:
  std::string signed_with(http::RequestPlan plan) {
    sign(plan, {.host = "examplebucket.s3.amazonaws.com"},
         {.id = "AKIAIOSFODNN7EXAMPLE", .secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"},
         {.region = "us-east-1", .service = "s3"}, parse_rfc3339("2013-05-24T00:00:00Z").value());
    last_ = std::move(plan);
    return signature_of(last_);
  }
  http::RequestPlan last_;
};

TEST_F(Storage, GetObject) {
  EXPECT_EQ(signed_with({.target = "/test.txt", .headers = {{"Range", "bytes=0-9"}}, .body = {}}),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  EXPECT_EQ(last_.headers.find("authorization"),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  EXPECT_EQ(last_.headers.find("x-amz-date"), "20130524T000000Z");
  EXPECT_EQ(last_.headers.find("x-amz-content-sha256"), kEmptyHash);
}

TEST_F(Storage, PutObject) {
  EXPECT_EQ(signed_with({.method = http::Method::kPut,
                         .target = "/test%24file.text",
                         .headers = {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                                     {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                         .body = {"Welcome to ", "Amazon S3."}}),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST_F(Storage, QueriesAreSorted) {
  EXPECT_EQ(signed_with({.target = "/?lifecycle", .headers = {}, .body = {}}),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  const std::string_view listed =
      "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7";
  EXPECT_EQ(signed_with({.target = "/?max-keys=2&prefix=J", .headers = {}, .body = {}}), listed);
  EXPECT_EQ(signed_with({.target = "/?prefix=J&max-keys=2", .headers = {}, .body = {}}), listed);
}

TEST_F(Storage, SlicesAreNotHashed) {
  const auto image = signed_with({.method = http::Method::kPut,
                                  .target = "/a",
                                  .headers = {},
                                  .body = {http::ImageSlice{0, 7}}});
  EXPECT_EQ(last_.headers.find("x-amz-content-sha256"), "UNSIGNED-PAYLOAD");
  EXPECT_EQ(image.size(), 64U);
}

// Docs: the test suite of Signature Version 4, and the example of a request to IAM (checked 2026-11-27).
constexpr AwsKey kKey{.id = "AKIDEXAMPLE", .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"};
const Time kTime = parse_rfc3339("2015-08-30T12:36:00Z").value();

std::string signed_for(http::RequestPlan plan, std::string host, std::string_view service) {
  sign(plan, {.host = std::move(host)}, kKey, {.region = "us-east-1", .service = service}, kTime);
  return signature_of(plan);
}

TEST(AwsSignature, OfTheTestSuite) {
  EXPECT_EQ(
      signed_for({.target = "/", .headers = {}, .body = {}}, "example.amazonaws.com", "service"),
      "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  EXPECT_EQ(
      signed_for({.target = "/?Action=ListUsers&Version=2010-05-08",
                  .headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}},
                  .body = {}},
                 "iam.amazonaws.com", "iam"),
      "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
}

TEST(AwsSignature, OfTheTestSuitePathsAreNormal) {
  const auto get = [](std::string target) {
    return signed_for({.target = std::move(target), .headers = {}, .body = {}},
                      "example.amazonaws.com", "service");
  };
  const std::string_view root = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
  EXPECT_EQ(get("/example/.."), root);
  EXPECT_EQ(get("//"), root);
  EXPECT_EQ(get("/./"), root);
  EXPECT_EQ(get("/../.."), root);
  EXPECT_EQ(get("//example//"), "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84");
}

TEST(AwsSignature, OfTheTestSuiteHeadersAreTrimmedAndJoined) {
  const auto get = [](http::Headers headers) {
    return signed_for({.target = "/", .headers = std::move(headers), .body = {}},
                      "example.amazonaws.com", "service");
  };
  EXPECT_EQ(get({{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"my-header1", "value1"}}),
            "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea");
  const std::string_view trim = "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736";
  EXPECT_EQ(get({{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}}), trim);
  EXPECT_EQ(get({{"My-Header1", "value1\t "}, {"My-Header2", "\t\"a \t b\tc\""}}), trim);
}

TEST(AwsSignature, ASecondOneIsAsTheFirst) {
  http::RequestPlan plan{.target = "/", .headers = {}, .body = {}};
  const auto once = signed_for(plan, "example.amazonaws.com", "service");
  plan.headers.set("Authorization", "AWS4-HMAC-SHA256 of before");
  EXPECT_EQ(signed_for(plan, "example.amazonaws.com", "service"), once);
}

TEST(AwsSignature, EverythingThatIsSentChangesIt) {
  http::RequestPlan plan{.method = http::Method::kPost,
                         .target = "/model/a%3A0/converse",
                         .headers = {{"content-type", "application/json"}},
                         .body = {"{}"}};
  const auto once = signed_for(plan, "bedrock-runtime.us-east-1.amazonaws.com", "bedrock");
  EXPECT_EQ(once, signed_for(plan, "bedrock-runtime.us-east-1.amazonaws.com", "bedrock"));
  EXPECT_NE(once, signed_for(plan, "bedrock-runtime.eu-west-1.amazonaws.com", "bedrock"));
  auto other = plan;
  other.target = "/model/a%3A1/converse";
  EXPECT_NE(once, signed_for(other, "bedrock-runtime.us-east-1.amazonaws.com", "bedrock"));
  other = plan;
  other.body = {"[]"};
  EXPECT_NE(once, signed_for(other, "bedrock-runtime.us-east-1.amazonaws.com", "bedrock"));
  other = plan;
  other.headers.set("content-type", " application/json ");  // as it is read on the wire
  EXPECT_EQ(once, signed_for(other, "bedrock-runtime.us-east-1.amazonaws.com", "bedrock"));
}

TEST(AwsSignature, ASessionTokenIsSent) {
  http::RequestPlan plan{.target = "/", .headers = {}, .body = {}};
  sign(plan, {.host = "h"}, {.id = "i", .secret = "s", .session_token = "t"},
       {.region = "r", .service = "bedrock"}, kTime);
  EXPECT_EQ(plan.headers.find("x-amz-security-token"), "t");
  EXPECT_NE(plan.headers.find("authorization")
                ->find("SignedHeaders=host;x-amz-date;x-amz-security-token,"),
            std::string_view::npos);
}

}  // namespace
}  // namespace weir::provider
