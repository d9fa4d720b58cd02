#include "plan/table_order.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "base/random.h"

namespace weir::plan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

PrefixSettings table_rules() {
  PrefixSettings s;
  s.mode = catalogue::CacheMode::kBreakpoints;
  s.input = {2'000'000};
  s.read = {200'000};
  s.ttls = {{.write = Price{2'500'000}}};
  s.prefix_min = Tokens{1024};
  return s;
}

struct Table {
  std::size_t columns;
  std::vector<std::uint64_t> hashes;
  std::vector<std::uint32_t> tokens;
  [[nodiscard]] TableView view() const {
    return {.columns = columns, .hashes = hashes, .tokens = tokens, .before = {1, 1500}};
  }
};

Table random_table(SeededRandom& random, std::size_t rows_max) {
  Table table{.columns = 1 + random.below(6)};
  std::vector<std::uint64_t> distinct(table.columns);
  for (auto& d : distinct) d = 1 + random.below(random.below(2) == 0 ? 4 : 60);
  const auto rows = random.below(rows_max + 1);
  for (std::uint64_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < table.columns; ++c) {
      const auto value = random.below(distinct[c]);
      table.hashes.push_back(value);
      table.tokens.push_back(static_cast<std::uint32_t>(1 + (value * 7919 + c * 331) % 300));
    }
  return table;
}

TEST(TableOrder, WhatManyRowsShareComesFirst) {
  // id, note (unique), product and its description.
  Table table{.columns = 3};
  for (std::uint64_t r = 0; r < 100; ++r) {
    const auto product = r % 5;
    for (const std::uint64_t value : {1000 + r, product, product}) table.hashes.push_back(value);
    for (const std::uint32_t tokens : {20U, 5U, 400U}) table.tokens.push_back(tokens);
  }
  const auto order = order_table(table.view(), table_rules());
  ASSERT_TRUE(order.has_value());
  for (std::size_t r = 0; r < 100; ++r) ASSERT_EQ(order->fields[r * 3 + 2], 0);
  // Instructions once, each product once, the notes.
  const auto expected = 1500 * (2'500'000LL + 99 * 200'000) +
                        5 * 405 * (2'500'000LL + 19 * 200'000) + 2000 * 2'000'000LL;
  EXPECT_EQ(order->cost.pico, expected);
  EXPECT_GT(order->cost_as_it_came.pico, order->cost.pico);
  EXPECT_THAT(order->reason, HasSubstr("less"));
  std::vector<std::uint64_t> products;
  for (const auto row : order->rows) products.push_back(table.hashes[row * 3 + 1]);
  EXPECT_EQ(std::ranges::unique(products).begin() - products.begin(), 5);
}

TEST(TableOrder, TheMoreGeneralValueGoesBeforeTheOneThatImpliesIt) {
  // 40 products of 2 brands: the brand is shared by products only where it comes before them.
  Table table{.columns = 2};
  for (std::uint64_t r = 0; r < 400; ++r) {
    table.hashes.insert(table.hashes.end(), {r % 40, r % 2});
    table.tokens.insert(table.tokens.end(), {100, 90});
  }
  const auto order = order_table(table.view(), table_rules());
  ASSERT_TRUE(order.has_value());
  EXPECT_THAT(std::vector(order->fields.begin(), order->fields.begin() + 2), ElementsAre(1, 0));
}

RC_GTEST_PROP(TableOrderProperty, EachRowKeepsItsFieldsAndNothingGetsDearer, (std::uint64_t seed)) {
  SeededRandom random(seed);
  const auto table = random_table(random, 80);
  const auto order = order_table(table.view(), table_rules());
  RC_ASSERT(order.has_value());
  RC_ASSERT(order->cost <= order->cost_as_it_came);
  const auto rows = table.hashes.size() / table.columns;
  auto seen = order->rows;
  std::ranges::sort(seen);
  for (std::size_t r = 0; r < rows; ++r) {
    RC_ASSERT(seen[r] == r);
    std::vector<std::uint8_t> fields(
        order->fields.begin() + static_cast<std::ptrdiff_t>(r * table.columns),
        order->fields.begin() + static_cast<std::ptrdiff_t>((r + 1) * table.columns));
    std::ranges::sort(fields);
    for (std::size_t c = 0; c < table.columns; ++c) RC_ASSERT(fields[c] == c);
  }
}

TEST(TableOrder, WhatIsNoTableIsAnError) {
  const std::vector<std::uint64_t> hashes(6);
  const std::vector<std::uint32_t> tokens(6);
  for (const std::size_t columns : {0, 4, 65}) {
    const auto order =
        order_table({.columns = columns, .hashes = hashes, .tokens = tokens}, table_rules());
    ASSERT_FALSE(order.has_value()) << columns;
    EXPECT_EQ(order.error().kind, ErrorKind::kInvalidArgument);
  }
  EXPECT_TRUE(order_table({.columns = 3}, table_rules()).has_value());  // no rows
}

}  // namespace
}  // namespace weir::plan
