#include "base/nearest.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(NearestName, FindsTypingErrorsOnly) {
  EXPECT_EQ(nearest_name("Text", {"id", "text"}), "text");
  EXPECT_EQ(nearest_name("txt", {"id", "text"}), "text");
  EXPECT_EQ(nearest_name("etxt", {"id", "text"}), "text");
  EXPECT_EQ(nearest_name("gpt-4o", {"gpt-4.1", "gpt-4o-mini", "o1"}), "gpt-4.1");
  EXPECT_EQ(nearest_name("gpt4o", {"gpt-4o", "o1"}), "gpt-4o");
  EXPECT_EQ(nearest_name("abstract", {"id", "text"}), std::nullopt);
  EXPECT_EQ(nearest_name("a", {}), std::nullopt);
  EXPECT_EQ(nearest_name(std::string(101, 'x'), {std::string(100, 'x')}), std::nullopt);
}

}  // namespace
}  // namespace weir
