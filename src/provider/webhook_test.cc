#include "provider/webhook.h"

#include <gtest/gtest.h>

namespace weir::provider {
namespace {

// The signatures were made with Python's hmac and base64 over "msg_1.1795000000." and the body.
constexpr std::string_view kHookSecret = "whsec_c2VjcmV0LW9mLXRoZS13ZWJob29r";
constexpr std::string_view kHookBody =
    R"({"id":"evt_1","type":"batch.completed","data":{"id":"batch_1"}})";
constexpr std::string_view kHookSignature = "v1,EuS1dNOBSL617DccMSQenXUx0H8BTXd1oCC3WNEAT+Q=";
const Time kHookTime = from_unix_seconds(1'795'000'000);

http::Headers signed_headers(std::string_view signature = kHookSignature) {
  return {{"Webhook-Id", "msg_1"},
          {"webhook-timestamp", "1795000000"},
          {"webhook-signature", std::string(signature)}};
}
WebhookInbox inbox(std::string_view secret = kHookSecret) {
  return WebhookInbox::create(secret).value();
}

TEST(Webhook, NamesTheBatch) {
  auto box = inbox();
  const auto batch = box.take(signed_headers(), kHookBody, kHookTime);
  ASSERT_TRUE(batch) << batch.error().text();
  EXPECT_EQ(*batch, "batch_1");
}

TEST(Webhook, OfSeveralSignaturesOneIsEnough) {
  auto box = inbox();
  const auto header = "v1,AAAA v0,x v1a,y " + std::string(kHookSignature);
  EXPECT_EQ(box.take(signed_headers(header), kHookBody, kHookTime).value(), "batch_1");
}

TEST(Webhook, AnIdIsTakenOnce) {
  auto box = inbox();
  EXPECT_TRUE(box.take(signed_headers(), kHookBody, kHookTime).value());
  EXPECT_FALSE(box.take(signed_headers(), kHookBody, kHookTime).value());
}

TEST(Webhook, WhatIsNotOursIsRefused) {
  const auto kind = [](const http::Headers& headers, std::string_view body, Time now,
                       std::string_view secret = kHookSecret) {
    auto box = inbox(secret);
    const auto taken = box.take(headers, body, now);
    return taken ? ErrorKind::kInternal : taken.error().kind;
  };
  const auto refused = ErrorKind::kUnauthenticated;
  EXPECT_EQ(kind({}, kHookBody, kHookTime), refused);
  EXPECT_EQ(kind(signed_headers("v1,AAAA"), kHookBody, kHookTime), refused);
  EXPECT_EQ(kind(signed_headers(""), kHookBody, kHookTime), refused);
  EXPECT_EQ(
      kind(signed_headers(), R"({"type":"batch.completed","data":{"id":"batch_2"}})", kHookTime),
      refused);
  EXPECT_EQ(kind(signed_headers(), kHookBody, kHookTime, "whsec_AAAA"), refused);
  EXPECT_EQ(kind(signed_headers(), kHookBody, kHookTime + std::chrono::seconds(301)), refused);
  EXPECT_EQ(kind(signed_headers(), kHookBody, kHookTime - std::chrono::seconds(301)), refused);
  EXPECT_EQ(kind(signed_headers(), kHookBody, kHookTime + std::chrono::seconds(299)),
            ErrorKind::kInternal);
}

TEST(Webhook, OtherEventsSayNothing) {
  auto box = inbox("secret");  // not base64: its bytes are the key
  http::Headers headers{{"webhook-id", "msg_1"},
                        {"webhook-timestamp", "1795000000"},
                        {"webhook-signature", "v1,2s/MlVKewHNGW4tv5miKk7pqqp1q7xXOJN/3niyAx9o="}};
  const auto other =
      box.take(headers, R"({"type":"response.completed","data":{"id":"resp_1"}})", kHookTime);
  ASSERT_TRUE(other) << other.error().text();
  EXPECT_FALSE(*other);
  headers.set("webhook-signature", "v1,JflmAHh+PdNks5c117Xpl7ZEBC0vM6dROMDLgcmzrgQ=");
  headers.set("webhook-id", "msg_2");
  EXPECT_EQ(box.take(headers, "no event", kHookTime).error().kind, ErrorKind::kInvalidArgument);
}

TEST(Webhook, Secrets) {
  for (const std::string_view wrong : {"", "\n", "whsec_", "whsec_***", "whsec_AAA"}) {
    const auto box = WebhookInbox::create(wrong);
    ASSERT_FALSE(box) << wrong;
    EXPECT_EQ(box.error().kind, ErrorKind::kInvalidArgument);
  }
  EXPECT_TRUE(WebhookInbox::create("whsec_AAAA\n"));
}

TEST(Webhook, NamesOfABatch) {
  EXPECT_TRUE(names_batch("batch_1", "batch_1"));
  EXPECT_TRUE(names_batch("x", "batches/x"));
  EXPECT_TRUE(names_batch("batches/x", "x"));
  EXPECT_FALSE(names_batch("batch_1", "batch_12"));
  EXPECT_FALSE(names_batch("", ""));
  EXPECT_FALSE(names_batch("batches/", "x/"));
}

}  // namespace
}  // namespace weir::provider
