// Attention with every pair of choices of any two options, and with more of them at random, against
// the formula in double: between unreadable pages, with NaN in everything that nobody sees. The
// same for the parameters of PyTorch's scaled_dot_product_attention.

#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/conformance/attention_factors.h"
#include "tests/conformance/attention_run.h"
#include "tests/conformance/covering_array.h"
#include "tests/long_tests.h"

namespace jitattn {
namespace {

TEST(CoveringArrayTest, HasEveryPairThatIsNotExcluded) {
  // Of 3 factors with 2 choices, 4 combinations have all pairs; a fifth would be one too many, but
  // for the pair that is excluded.
  CoveringOptions options = {.levels = {2, 2, 2},
                             .allowed = [](const Combination&) { return true; },
                             .excluded = [](int, int, int, int) { return false; }};
  const std::vector<Combination> combinations = CoveringArray(options);
  EXPECT_EQ(MissingPairs(options, combinations), 0);
  EXPECT_LE(combinations.size(), 6u);
  EXPECT_EQ(MissingPairs(options, {}), 12);
  EXPECT_EQ(MissingPairs(options, {{0, 0, 0}}), 9);
  options.excluded = [](int a, int x, int b, int y) {
    return a == 0 && x == 1 && b == 2 && y == 1;
  };
  options.allowed = [](const Combination& c) { return c[0] != 1 || c[2] != 1; };
  for (const Combination& c : CoveringArray(options)) EXPECT_TRUE(options.allowed(c));
  EXPECT_EQ(MissingPairs(options, CoveringArray(options)), 0);
  EXPECT_EQ(MissingPairs(options, {}), 11);
  // A pair that nothing can have is missing.
  options.excluded = [](int, int, int, int) { return false; };
  EXPECT_EQ(MissingPairs(options, CoveringArray(options)), 1);
}

// Runs combinations with every pair of a table.
void ExpectPairs(const FactorTable& table, size_t at_least, int seed) {
  const CoveringOptions options = PairsOf(table, static_cast<uint64_t>(seed));
  const std::vector<Combination> combinations = CoveringArray(options);
  ASSERT_EQ(MissingPairs(options, combinations), 0);
  ASSERT_GE(combinations.size(), at_least);
  testing::Test::RecordProperty("cases", static_cast<int>(combinations.size()));
  uint64_t of_case = static_cast<uint64_t>(seed) << 32;
  for (const Combination& combination : combinations) {
    ASSERT_EQ(AttentionRun(DraftOf(table, combination), ++of_case).Run(), "")
        << "seed " << of_case << ": " << Describe(table, combination);
  }
}

// There are at least as many as the product of the two factors with the most choices.
class AttentionPairs : public testing::TestWithParam<int> {};
TEST_P(AttentionPairs, GiveTheFormula) { ExpectPairs(kAttentionFactors, 81, GetParam()); }
INSTANTIATE_TEST_SUITE_P(Seeds, AttentionPairs, testing::Range(0, AllOrSome(2000, 16)));

class TorchPairs : public testing::TestWithParam<int> {};
TEST_P(TorchPairs, GiveTheFormula) { ExpectPairs(kTorchFactors, 42, GetParam()); }
INSTANTIATE_TEST_SUITE_P(Seeds, TorchPairs, testing::Range(0, AllOrSome(500, 8)));

class AttentionAtRandom : public testing::TestWithParam<int> {};

TEST_P(AttentionAtRandom, GivesTheFormula) {
  const CoveringOptions options = PairsOf(kAttentionFactors, 0);
  std::mt19937_64 random(static_cast<uint64_t>(GetParam()));
  for (int done = 0; done < 100;) {
    Combination combination;
    for (const int levels : options.levels) {
      combination.push_back(static_cast<int>(random() % static_cast<uint64_t>(levels)));
    }
    if (!options.allowed(combination)) continue;
    const uint64_t seed = random();
    ASSERT_EQ(AttentionRun(DraftOf(kAttentionFactors, combination), seed).Run(), "")
        << "seed " << seed << ": " << Describe(kAttentionFactors, combination);
    ++done;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, AttentionAtRandom, testing::Range(0, AllOrSome(2000, 12)));

}  // namespace
}  // namespace jitattn
