// Configurations that are written down in part.

#include "runtime/given_config.h"

#include <string>

#include "gtest/gtest.h"
#include "runtime/heuristic.h"

namespace jitattn::runtime {
namespace {

// A CPU as others may have it: nothing is run here.
jit::Cpu Described(jit::Isa isa) {
  jit::Cpu cpu = jit::HostCpu();
  cpu.isa = cpu.detected_isa = isa;
  cpu.physical_cores = 4;
  return cpu;
}

const jit::Problem kAttention =
    jit::AttentionProblem{.q_len = 256, .kv_len = 256, .head_dim = 64, .value_dim = 64};

TEST(GivenConfig, TheRestIsTheDefaultOfThisProblemAndCpu) {
  for (const jit::Isa isa : {jit::Isa::kPortable, jit::Isa::kAvx2, jit::Isa::kAvx512}) {
    const jit::Cpu cpu = Described(isa);
    for (const jit::Problem& problem :
         {kAttention, jit::Problem(jit::SigmoidMulProblem{.rows = 64, .cols = 4096})}) {
      const jit::Config standing = DefaultConfig(problem, cpu, 3);
      for (const jit::Field& field : jit::Fields(jit::OpOf(problem))) {
        if (!field.labels.empty()) continue;  // isa and lanes change what the others mean
        for (const int value : field.values) {
          jit::Config expected = standing;
          field.set(expected, value);
          const std::string text = std::string(field.name) + "=" + std::to_string(value);
          const auto given = GivenConfig("  " + text + " ", problem, cpu, 3);
          ASSERT_TRUE(given.ok()) << given.status();
          EXPECT_EQ(*given, expected) << text << " on " << jit::Name(isa);
        }
      }
      EXPECT_EQ(GivenConfig("", problem, cpu, 3).value(), standing);
      EXPECT_EQ(GivenConfig(jit::ToString(standing), problem, cpu, 3).value(), standing);
    }
  }
}

TEST(GivenConfig, AnIsaBringsTheDefaultOfThatIsa) {
  const jit::Cpu cpu = Described(jit::Isa::kAvx512);
  const auto given = GivenConfig("isa=avx2", kAttention, cpu, 2);
  ASSERT_TRUE(given.ok()) << given.status();
  EXPECT_EQ(*given, DefaultConfig(kAttention, jit::Capped(cpu, jit::Isa::kAvx2), 2));
  EXPECT_TRUE(jit::Validate(*given, jit::SpecOf(kAttention), cpu).ok());
}

TEST(GivenConfig, MistakesAreNamed) {
  for (const char* text : {"colour=3", "q_vecs", "q_vecs=x", "q_vecs=1 q_vecs=2", "vecs=2", "="}) {
    EXPECT_EQ(GivenConfig(text, kAttention, Described(jit::Isa::kAvx2), 1).status().code(),
              absl::StatusCode::kInvalidArgument)
        << text;
  }
}

TEST(NamesFieldsOf, TellsTheOperations) {
  EXPECT_TRUE(NamesFieldsOf(jit::Op::kAttention, "kv_block=64 threads=1"));
  EXPECT_FALSE(NamesFieldsOf(jit::Op::kSigmoidMul, "kv_block=64 threads=1"));
  EXPECT_TRUE(NamesFieldsOf(jit::Op::kSigmoidMul, "threads=1"));
  EXPECT_FALSE(NamesFieldsOf(jit::Op::kAttention, "magic=1"));
}

}  // namespace
}  // namespace jitattn::runtime
