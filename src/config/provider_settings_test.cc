#include "config/provider_settings.h"

#include <gtest/gtest.h>

namespace weir::config {
namespace {

std::string text(std::string_view provider, const Environment& environment,
                 const std::map<std::string, std::string>& given) {
  const auto settings = provider_settings(provider, environment, given);
  return settings ? settings->text() : settings.error().text();
}

TEST(ProviderSettings, FromVariablesAndFromWhatIsGiven) {
  const Environment environment{{"FIREWORKS_ACCOUNT_ID", "env"}, {"AWS_ACCESS_KEY_ID", "id"}};
  EXPECT_EQ(text("fireworks", {}, {}), "");
  EXPECT_EQ(text("fireworks", environment, {}), "accountId=env");
  EXPECT_EQ(text("FireWorks", environment, {{"accountId", "acme"}}), "accountId=acme");
  EXPECT_EQ(text("fireworks", {{"FIREWORKS_ACCOUNT_ID", ""}}, {}), "");
  // Not this provider's, or none of the fourteen.
  EXPECT_EQ(text("anthropic", environment, {}), "");
  EXPECT_EQ(text("fifteenth", environment, {}), "");
}

TEST(ProviderSettings, DefaultsAndSecrets) {
  EXPECT_EQ(text("vertexAI", {}, {{"project", "p"}}), "location=us-central1 project=p");
  const auto settings =
      provider_settings("bedrock", {{"AWS_ACCESS_KEY_ID", "id"}, {"AWS_SECRET_ACCESS_KEY", "hush"}},
                        {{"region", "eu-1"}});
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->text(), "region=eu-1");
  EXPECT_EQ(settings->find("awsAccessSecretKey"), "hush");
  EXPECT_EQ(settings->find("awsAccessKeyId"), "id");
}

TEST(ProviderSettings, Errors) {
  EXPECT_EQ(text("fireworks", {}, {{"acountId", "secret-value"}}),
            "fireworks has no setting 'acountId' (did you mean 'accountId'?)");
  EXPECT_EQ(text("groq", {}, {{"accountId", "a"}}),
            "groq has no setting 'accountId' (leave it out)");
  EXPECT_EQ(text("fireworks", {}, {{"accountId", ""}}),
            "the setting 'accountId' is empty (give it a value, or leave it out)");
}

}  // namespace
}  // namespace weir::config
