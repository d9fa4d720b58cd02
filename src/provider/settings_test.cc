#include "provider/settings.h"

#include <gtest/gtest.h>

namespace weir::provider {
namespace {

TEST(Settings, AreSortedAndReplaced) {
  Settings settings;
  settings.set("region", "eu-1");
  settings.set("accountId", "one");
  settings.set("accountId", "acme");
  EXPECT_EQ(settings.all().size(), 2U);
  EXPECT_EQ(settings.text(), "accountId=acme region=eu-1");
  EXPECT_EQ(settings.find("accountId"), "acme");
  EXPECT_EQ(settings.find("account"), std::nullopt);
  Settings other;
  other.set("accountId", "acme");
  EXPECT_NE(settings, other);
  other.set("region", "eu-1");
  EXPECT_EQ(settings, other);
}

TEST(Settings, SecretsAreFoundButNotTold) {
  Settings settings;
  settings.set("awsAccessSecretKey", "hush", true);
  EXPECT_EQ(settings.text(), "");
  EXPECT_EQ(settings.find("awsAccessSecretKey"), "hush");
}

TEST(Settings, AnEndpointMayBeMadeOfOne) {
  catalogue::Provider provider;
  provider.name = "p";
  provider.endpoint = "https://{location}-api.example.com";
  provider.endpoints = {{"global", "https://api.example.com"}};
  Settings settings;
  EXPECT_EQ(endpoint_of(provider, "http://here", settings), "http://here");
  EXPECT_TRUE(endpoint_of(provider, "", settings).error().message.contains("'location'"));
  settings.set("location", "eu-1");
  EXPECT_EQ(endpoint_of(provider, "", settings), "https://eu-1-api.example.com");
  settings.set("location", "global");
  EXPECT_EQ(endpoint_of(provider, "", settings), "https://api.example.com");
  for (const char* other : {"", "evil.example/", "a:b", "a@b", "US", "a#"}) {
    settings.set("location", other);
    EXPECT_EQ(endpoint_of(provider, "", settings).error().kind, ErrorKind::kInvalidArgument)
        << other;
  }
}

TEST(Settings, SomeAreRequired) {
  catalogue::Provider provider;
  provider.name = "p";
  Settings settings;
  EXPECT_TRUE(require_settings(provider, settings));
  provider.settings = {"project"};
  EXPECT_EQ(require_settings(provider, settings).error().kind, ErrorKind::kInvalidArgument);
  settings.set("project", "shop");
  EXPECT_TRUE(require_settings(provider, settings));
  EXPECT_EQ(key_of(provider, settings), std::nullopt);
  provider.key_setting = "project";
  EXPECT_EQ(key_of(provider, settings), "shop");
}

TEST(Settings, ABatchMayNeedOne) {
  catalogue::Provider provider;
  provider.name = "p";
  Settings settings;
  EXPECT_EQ(batch_needs(provider, settings), "");
  provider.batch.emplace();
  EXPECT_EQ(batch_needs(provider, settings), "");
  provider.batch->setting = "accountId";
  EXPECT_TRUE(batch_needs(provider, settings).starts_with("p makes batches only"));
  settings.set("accountId", "acme");
  EXPECT_EQ(batch_needs(provider, settings), "");
}

TEST(Settings, BatchesMayNeedSeveral) {
  catalogue::Provider provider;
  provider.name = "bedrock";
  provider.batch.emplace();
  provider.batch->setting = "bucket role";
  Settings settings;
  EXPECT_NE(batch_needs(provider, settings).find("'bucket'"), std::string::npos);
  settings.set("bucket", "b");
  EXPECT_NE(batch_needs(provider, settings).find("'role'"), std::string::npos);
  settings.set("role", "r");
  EXPECT_EQ(batch_needs(provider, settings), "");
}

TEST(Settings, AnEndpointMayHoldOne) {
  catalogue::Provider provider;
  provider.name = "bedrock";
  provider.endpoint = "https://runtime.{region}.example";
  Settings settings;
  EXPECT_EQ(endpoint_of(provider, "http://proxy/{region}", settings).value(),
            "http://proxy/{region}");
  const auto missing = endpoint_of(provider, "", settings);
  EXPECT_EQ(missing.error().kind, ErrorKind::kInvalidArgument);
  EXPECT_NE(missing.error().text().find("--set region="), std::string::npos);
  settings.set("region", "eu-west-1");
  EXPECT_EQ(endpoint_of(provider, "", settings).value(), "https://runtime.eu-west-1.example");
  // A key goes where the host says.
  for (const auto* bad : {"evil.example/", "a@b", "A", ""}) {
    settings.set("region", bad);
    EXPECT_EQ(endpoint_of(provider, "", settings).error().kind, ErrorKind::kInvalidArgument) << bad;
  }
}

TEST(Settings, OneMayBeTheKey) {
  catalogue::Provider provider;
  provider.name = "bedrock";
  Settings settings;
  settings.set("id", "key-id", true);
  EXPECT_EQ(key_of(provider, settings), std::nullopt);
  provider.key_setting = "id";
  EXPECT_EQ(key_of(provider, settings), "key-id");
  EXPECT_EQ(key_of(provider, Settings()), std::nullopt);
}

}  // namespace
}  // namespace weir::provider
