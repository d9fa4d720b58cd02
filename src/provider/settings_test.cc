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

}  // namespace
}  // namespace weir::provider
