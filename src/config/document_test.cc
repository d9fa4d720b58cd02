#include "config/document.h"

#include <gtest/gtest.h>

namespace weir::config {
namespace {

TEST(Document, PlacesOfKeysAndValues) {
  const auto document = read_document("a: 1\nbb:\n  - x\n  - {c: \"2\"}\n", "f");
  ASSERT_TRUE(document.has_value());
  ASSERT_EQ(document->members.size(), 2U);
  EXPECT_EQ(document->members[1].line, 2);
  EXPECT_EQ(document->members[1].column, 1);
  const TreeNode* list = document->find("bb");
  ASSERT_NE(list, nullptr);
  ASSERT_EQ(list->items.size(), 2U);
  EXPECT_EQ(list->items[0].line, 3);
  EXPECT_EQ(list->items[0].column, 5);
  const TreeNode* inner = list->items[1].find("c");
  ASSERT_NE(inner, nullptr);
  EXPECT_TRUE(inner->quoted);
  EXPECT_EQ(inner->text, "2");
  EXPECT_EQ(inner->column, 9);
  EXPECT_FALSE(document->find("a")->quoted);
  EXPECT_EQ(document->find("d"), nullptr);
}

TEST(Document, NothingIsNull) {
  for (const std::string_view text : {"", " \n", "# only a comment", "---\n", "~"}) {
    const auto document = read_document(text, "f");
    ASSERT_TRUE(document.has_value()) << text;
    EXPECT_EQ(document->kind, TreeNode::Kind::kNull) << text;
  }
}

TEST(Document, AllMembersOfEqualKeysAreKept) {
  const auto document = read_document("{a: 1, a: 2}", "f");
  ASSERT_TRUE(document.has_value());
  EXPECT_EQ(document->members.size(), 2U);
}

}  // namespace
}  // namespace weir::config
