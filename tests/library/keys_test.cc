// Every key of the configuration changes behaviour: the table of keys against the tests that show it.
#include "keys.h"

#include <algorithm>

#include "config/keys.h"

namespace {

using namespace weir_test;
namespace config = weir::config;

void add_paths(const config::Keys& keys, const std::string& prefix, std::vector<std::string>& out) {
  for (const auto& key : keys) {
    const auto path = prefix + std::string(key.name);
    if (key.embedding_only && !prefix.starts_with("embedding")) continue;
    if (key.access.kind == config::Kind::kObject) add_paths(key.access.keys(), path + ".", out);
    else if (key.access.kind == config::Kind::kList)
      add_paths(key.access.keys(), path + "[].", out);
    else out.push_back(path);
  }
}

/// "llm[].configuration.cacheTTL": every key that has a value.
std::vector<std::string> all_paths() {
  std::vector<std::string> out;
  add_paths(config::top_keys(), "", out);
  return out;
}

Behaviours all_behaviours() {
  Behaviours out;
  for (auto part : {behaviours_of_entries(), behaviours_of_entries_without_adapter(),
                    behaviours_of_optimization(), behaviours_of_workloads()})
    out.merge(part);
  return out;
}

class EveryKey : public testing::TestWithParam<std::string> {};

TEST_P(EveryKey, ChangesBehaviour) {
  const auto behaviours = all_behaviours();
  const auto found = behaviours.find(GetParam());
  ASSERT_NE(found, behaviours.end()) << "no test shows what " << GetParam() << " changes";
  found->second();
}

INSTANTIATE_TEST_SUITE_P(Table, EveryKey, testing::ValuesIn(all_paths()), [](const auto& told) {
  std::string name = told.param;
  std::ranges::replace_if(name, [](unsigned char c) { return !std::isalnum(c); }, '_');
  return name;
});

TEST(Keys, NoTestIsOfAKeyThatDoesNotExist) {
  const auto paths = all_paths();
  for (const auto& [path, test] : all_behaviours())
    EXPECT_NE(std::ranges::find(paths, path), paths.end()) << path;
}

}  // namespace
