#include "bulk/field_order.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <fstream>
#include <set>

#include "bulk/input_test_folder.h"
#include "bulk/job_source.h"

namespace weir::bulk {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kPrompt =
    "What is it?\n\nNote: {{note}}\nProduct: {{product}}\nBrand: {{brand}}\n";

// Notes are the row's own, a product has one brand; prompts are long enough to be cached.
class FieldOrderTest : public ::testing::Test {
 protected:
  FieldOrderTest() {
    std::string lines;
    for (int i = 0; i < 200; ++i)
      lines += fmt::format(R"({{"note":"note {}","product":"{}","brand":"{}"}})"
                           "\n",
                           i, text("product", i % 10), text("brand", i % 5));
    lines += "{\"note\":\"no product\"}\n";
    folder_.write("rows.jsonl", lines);
    EXPECT_TRUE(prompt_.make_movable({"note", "product", "brand"}));
    shape_.prompt = &prompt_;
    settings_.mode = catalogue::CacheMode::kBreakpoints;
    settings_.input = {2'000'000};
    settings_.read = {200'000};
    settings_.ttls = {{.write = Price{2'500'000}}};
    settings_.prefix_min = Tokens{200};
    AcceptOptions accept;
    accept.input.path = folder_.path("rows.jsonl");
    accept.input.name = "rows.jsonl";
    accept.dir = folder_.path();
    EXPECT_TRUE(bulk::accept(accept));
    input_ = AcceptedInput::open(folder_.path()).value();
  }
  static std::string text(std::string_view kind, int number) {
    std::string out;
    for (int i = 0; i < 100; ++i) out += fmt::format("{} {} is {} ", kind, number, i);
    return out;
  }
  Result<void> decide() {
    return decide_field_order(*input_, shape_, settings_, folder_.path(), true);
  }
  std::string bytes() {
    std::ifstream in(folder_.path("items.order"), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  TestFolder folder_;
  prompt::Template prompt_ = prompt::Template::parse(kPrompt).value();
  RequestShape shape_;
  plan::PrefixSettings settings_;
  std::unique_ptr<AcceptedInput> input_;
};

TEST_F(FieldOrderTest, WhatManyRowsShareGoesFirst) {
  ASSERT_TRUE(decide());
  auto order = FieldOrder::open(folder_.path()).value();
  EXPECT_THAT(order->reason(), HasSubstr("the lines of 200 of 201 items are moved"));
  JobSource source(*input_, shape_, std::move(order));
  std::set<std::string> notes;
  for (std::uint64_t i = 0; i < 200; ++i) {
    const auto item = source.item(i).value();
    ASSERT_FALSE(item.rejected);
    auto request = item.request;
    llm::join_pieces(request);
    const auto& said = request.messages.front().content.front().text;
    EXPECT_TRUE(said.starts_with("Brand: ") || said.starts_with("Product: ")) << said.substr(0, 40);
    EXPECT_TRUE(said.ends_with(fmt::format("Note: note {}\n", i))) << "line end and all";
    notes.insert(said.substr(said.rfind("Note: ")));
  }
  EXPECT_EQ(notes.size(), 200U);
  EXPECT_TRUE(source.item(200).value().rejected);
}

TEST_F(FieldOrderTest, TheSameInputGivesTheSameBytes) {
  ASSERT_TRUE(decide());
  const auto first = bytes();
  ASSERT_TRUE(decide());
  EXPECT_EQ(bytes(), first);
}

TEST_F(FieldOrderTest, WhereNothingIsCachedNothingMoves) {
  settings_.mode = catalogue::CacheMode::kNone;
  ASSERT_TRUE(decide());
  auto order = FieldOrder::open(folder_.path()).value();
  EXPECT_THAT(order->reason(), HasSubstr("nothing is cached"));
  EXPECT_TRUE(order->of(3).value().empty());
}

TEST_F(FieldOrderTest, AnOrderThatGainsNothingIsTheWrittenOne) {
  settings_.prefix_min = Tokens{100'000};
  ASSERT_TRUE(decide());
  auto order = FieldOrder::open(folder_.path()).value();
  EXPECT_THAT(order->reason(), HasSubstr("no order is expected to be cheaper"));
  EXPECT_TRUE(order->of(3).value().empty());
}

TEST_F(FieldOrderTest, ADamagedFileIsAnErrorNotAnotherPrompt) {
  ASSERT_TRUE(decide());
  const auto whole = bytes();
  const auto with = [&](std::string text) {
    std::ofstream(folder_.path("items.order"), std::ios::binary) << text;
    auto order = FieldOrder::open(folder_.path());
    if (!order) return order.error().message;
    auto of = (*order)->of(0);
    return of ? std::string("fine") : of.error().message;
  };
  EXPECT_EQ(with(whole), "fine");
  EXPECT_THAT(with(whole.substr(0, whole.size() - 1)), HasSubstr("is damaged"));
  EXPECT_THAT(with(whole.substr(0, 100)), HasSubstr("is damaged"));
  auto twice = whole;
  twice[4096] = twice[4097];
  EXPECT_THAT(with(twice), HasSubstr("damaged at item 1"));
  ASSERT_TRUE(forget_field_order(folder_.path()));
  EXPECT_EQ(FieldOrder::open(folder_.path()).error().kind, ErrorKind::kNotFound);
}

}  // namespace
}  // namespace weir::bulk
