// Text from a format.

#include "base/format.h"

#include <string>

#include "gtest/gtest.h"

namespace jitattn {
namespace {

TEST(Format, IsThatOfAbslAtEveryLength) {
  EXPECT_EQ(Format("%+.1f %% of %s, %d", 12.34, "all", int64_t{1} << 40),
            "+12.3 % of all, 1099511627776");
  for (int length : {0, 1, 510, 511, 512, 513, 5000}) {
    const std::string text(length, 'x');
    EXPECT_EQ(Format("%s", text), text) << length;
    EXPECT_EQ(Format("%s|", text), text + "|") << length;
  }
}

}  // namespace
}  // namespace jitattn
