// Rows in a machine's memory, and what was written beside them.

#include "tests/emulate/rows.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace jitattn::emulate {
namespace {

using ::testing::ElementsAre;

TEST(Rows, AreReadWithoutTheirGaps) {
  Image image(7);
  const RowShape<float> shape = {.rows = 2, .cols = 3, .gap = 1};
  const Memory m = AddUnwritten(&image, 0, shape.bytes(), Flush::kBack);
  EXPECT_EQ(m.bytes, 7 * sizeof(float));
  std::vector<uint8_t> pages(m.pages_bytes, kUnwritten);
  const float values[] = {1, 2, 3, 4, 5, 6};
  uint8_t* rows = pages.data() + (m.address - m.pages);
  std::memcpy(rows, values, 12);
  std::memcpy(rows + 16, values + 3, 12);
  CaseAnswers answers;
  std::string wrong;
  const auto read = [&] {
    answers.data[m.pages] = pages;
    wrong.clear();
    return ReadRows(answers, m, shape, &wrong);
  };
  EXPECT_THAT(read(), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(wrong, "");
  for (uint8_t* beside : {rows + 12, rows + 15, rows - 1, pages.data()}) {
    *beside = 0;
    read();
    EXPECT_EQ(wrong, "wrote between or beside the output's rows") << beside - rows;
    *beside = kUnwritten;
  }
  answers.data.clear();
  ReadRows(answers, m, shape, &wrong);
  EXPECT_EQ(wrong, "the machine stopped: no results");
}

TEST(Rows, OfSixteenBitsHaveHalfAVectorBehindThemWhereKernelsAreOfAvx512) {
  Image image(0xE7);
  const RowShape<uint16_t> shape = {.rows = 3, .cols = 5, .gap = 2};
  const std::vector<uint16_t> values(15, 1);
  const Memory wide = AddRows(&image, Isa::kAvx512, shape, values, Flush::kBack);
  const Memory narrow = AddRows(&image, Isa::kAvx2, shape, values, Flush::kBack);
  EXPECT_EQ(wide.bytes, 19 * 2 + 32u);
  EXPECT_EQ(narrow.bytes, 19 * 2u);
  const RowShape<float> floats = {.rows = 1, .cols = 5};
  const std::vector<float> more(5);
  EXPECT_EQ(AddRows(&image, Isa::kAvx512, floats, more, Flush::kBack).bytes, 20u);
}

}  // namespace
}  // namespace jitattn::emulate
