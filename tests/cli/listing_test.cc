// What `jitattn show` makes of code: every kernel decodes from its first byte to its constants.

#include "cli/listing.h"

#include <gtest/gtest.h>

#include "jit/executable_memory.h"
#include "ops/attention/problem.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/problem.h"
#include "tests/jit/described_cpus.h"

namespace jitattn::cli {
namespace {

class ListingTest : public testing::TestWithParam<jit::testing::DescribedCpu> {
 protected:
  const Cpu& cpu() const { return GetParam().cpu; }

  void Check(const ops::Problem& problem) {
    if (cpu().isa == Isa::kPortable || (problem.dtype() == DType::kF16 && !cpu().f16c)) return;
    SCOPED_TRACE(ops::Describe(problem));
    const auto kernel = ops::Compile(problem, ops::DefaultConfig(problem, cpu(), 1), cpu());
    ASSERT_TRUE(kernel.ok()) << kernel.status();
    const auto listing = Disassemble(**kernel);
    ASSERT_TRUE(listing.ok()) << listing.status();
    ASSERT_FALSE(listing->instructions.empty());
    EXPECT_EQ(listing->constants_begin, (*kernel)->constants_begin());
    EXPECT_LT(listing->instructions.back().offset, listing->constants_begin);
    EXPECT_LE((*kernel)->sections().front().end, listing->constants_begin);
  }
};

TEST_P(ListingTest, EveryDefaultKernelDecodes) {
  if (!jit::ExecutableMemoryAllowed()) GTEST_SKIP() << "needs executable memory";
  for (const DType dtype : {DType::kF32, DType::kF64, DType::kBF16, DType::kF16}) {
    for (const jit::Mask mask : {jit::Mask::kNone, jit::Mask::kCausal}) {
      for (const int64_t dim : {40, 64, 128}) {
        for (const int64_t queries : {1, 200, 512}) {
          Check(ops::AttentionProblem{.dtype = dtype,
                                      .mask = mask,
                                      .q_len = queries,
                                      .kv_len = 512,
                                      .head_dim = dim,
                                      .value_dim = dim});
        }
      }
    }
    Check(ops::SigmoidMulProblem{.dtype = dtype, .rows = 3, .cols = 1000});
  }
}

INSTANTIATE_TEST_SUITE_P(Cpus, ListingTest, testing::ValuesIn(jit::testing::CpusOfDifferentCode()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace jitattn::cli
