// Configurations that are written down in part.

#include "runtime/given_config.h"

#include <string>

#include "gtest/gtest.h"
#include "ops/attention/algorithms.h"
#include "ops/attention/problem.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/problem.h"
#include "tests/mentions.h"

namespace jitattn::runtime {
namespace {

// A CPU as others may have it: nothing is run here.
Cpu Described(Isa isa) {
  Cpu cpu = HostCpu();
  cpu.isa = cpu.detected_isa = isa;
  cpu.physical_cores = 4;
  return cpu;
}

const ops::Problem kAttention =
    ops::AttentionProblem{.q_len = 256, .kv_len = 256, .head_dim = 64, .value_dim = 64};

TEST(GivenConfig, TheRestIsTheDefaultOfThisProblemAndCpu) {
  for (const Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
    const Cpu cpu = Described(isa);
    for (const ops::Problem& problem :
         {kAttention, ops::Problem(ops::SigmoidMulProblem{.rows = 64, .cols = 4096})}) {
      const ops::Config standing = ops::DefaultConfig(problem, cpu, 3);
      for (const ops::Field& field : standing.algorithm().fields) {
        if (field.role == ops::Field::Role::kIsa) continue;  // changes what the others mean
        for (const int value : field.values) {
          ops::Config expected = standing;
          field.set(expected, value);
          // By its word, where there is one, and by its number.
          for (const std::string& said : {ops::ValueText(field, value), std::to_string(value)}) {
            const std::string text = std::string(field.name) + "=" + said;
            const auto given = GivenConfig("  " + text + " ", problem, cpu, 3);
            ASSERT_TRUE(given.ok()) << given.status();
            EXPECT_EQ(*given, expected) << text << " on " << Name(isa);
          }
        }
      }
      EXPECT_EQ(GivenConfig("", problem, cpu, 3).value(), standing);
      EXPECT_EQ(GivenConfig(ops::ToString(standing), problem, cpu, 3).value(), standing);
    }
  }
}

TEST(GivenConfig, AnIsaBringsTheDefaultOfThatIsa) {
  const Cpu cpu = Described(Isa::kAvx512);
  const auto given = GivenConfig("isa=avx2", kAttention, cpu, 2);
  ASSERT_TRUE(given.ok()) << given.status();
  EXPECT_EQ(*given, ops::DefaultConfig(kAttention, Capped(cpu, Isa::kAvx2), 2));
  EXPECT_TRUE(ops::Validate(*given, kAttention, cpu).ok());
}

// By its name, or by a field that only it has.
TEST(GivenConfig, AnAlgorithmBringsItsOwnBestGuess) {
  const Cpu cpu = Described(Isa::kAvx512);
  ASSERT_TRUE(ops::DefaultConfig(kAttention, cpu, 2).Is<jit::TilesConfig>());
  auto rows = ops::Canonical(ops::RowsHeuristic(kAttention, cpu, 2), kAttention);
  EXPECT_EQ(GivenConfig("algorithm=rows", kAttention, cpu, 2).value(), rows);
  rows.As<jit::RowsConfig>().tile_rows = 4;
  for (const char* text :
       {"algorithm=rows tile_rows=4", "tile_rows=4 algorithm=rows", "tile_rows=4"}) {
    const auto given = GivenConfig(text, kAttention, cpu, 2);
    ASSERT_TRUE(given.ok()) << given.status();
    EXPECT_EQ(*given, rows) << text;
    EXPECT_TRUE(ops::Validate(*given, kAttention, cpu).ok()) << text;
  }
  // The default's algorithm is meant where it has the field.
  EXPECT_TRUE(GivenConfig("kv_block=64", kAttention, cpu, 2)->Is<jit::TilesConfig>());
  const auto portable = GivenConfig("algorithm=portable", kAttention, cpu, 2);
  ASSERT_TRUE(portable.ok()) << portable.status();
  EXPECT_TRUE(portable->Is<ops::PortableAttentionConfig>());
  EXPECT_TRUE(ops::Validate(*portable, kAttention, cpu).ok());
}

TEST(GivenConfig, MistakesAreNamed) {
  for (const char* text : {"colour=3", "q_vecs", "q_vecs=x", "q_vecs=1 q_vecs=2", "vecs=2", "=",
                           "pv=sideways", "algorithm", "algorithm=", "algorithm=columns",
                           "algorithm=vectors", "algorithm=rows algorithm=rows",
                           "algorithm=rows q_vecs=2", "tile_rows=2 q_vecs=2", "lanes=columns"}) {
    EXPECT_EQ(GivenConfig(text, kAttention, Described(Isa::kAvx2), 1).status().code(),
              absl::StatusCode::kInvalidArgument)
        << text;
  }
}

// Whatever the algorithm that is meant by the rest.
TEST(GivenConfig, WhatNoAlgorithmHasIsNamed) {
  for (const Isa isa : {Isa::kPortable, Isa::kAvx512}) {
    for (const std::string text : {"q_vecs=4 colour=3", "algorithm=rows q_vecs=4 colour=3"}) {
      const auto given = GivenConfig(text, kAttention, Described(isa), 1);
      EXPECT_EQ(given.status().code(), absl::StatusCode::kInvalidArgument);
      EXPECT_THAT(given.status().message(), Mentions({"colour=3"}));
    }
  }
}

TEST(NamesFieldsOf, TellsTheOperations) {
  EXPECT_TRUE(NamesFieldsOf(ops::kAttention, "kv_block=64 threads=1"));
  EXPECT_FALSE(NamesFieldsOf(ops::kSigmoidMul, "kv_block=64 threads=1"));
  EXPECT_TRUE(NamesFieldsOf(ops::kSigmoidMul, "threads=1"));
  EXPECT_FALSE(NamesFieldsOf(ops::kAttention, "magic=1"));
  EXPECT_TRUE(NamesFieldsOf(ops::kAttention, "q_vecs=4 pv=natural"));
  EXPECT_TRUE(NamesFieldsOf(ops::kAttention, "algorithm=rows tile_rows=4"));
  EXPECT_TRUE(NamesFieldsOf(ops::kAttention, "algorithm=portable"));
  EXPECT_TRUE(NamesFieldsOf(ops::kSigmoidMul, "algorithm=portable"));
  EXPECT_FALSE(NamesFieldsOf(ops::kSigmoidMul, "algorithm=rows"));
  // Of two algorithms.
  EXPECT_FALSE(NamesFieldsOf(ops::kAttention, "q_vecs=4 tile_rows=4"));
  EXPECT_FALSE(NamesFieldsOf(ops::kAttention, "algorithm=rows q_vecs=4"));
}

}  // namespace
}  // namespace jitattn::runtime
