// What the algorithms of attention say of their reading and of their vectors.

#include "gtest/gtest.h"
#include "ops/attention/algorithms.h"
#include "ops/attention/problem.h"
#include "ops/operation.h"

namespace jitattn::ops {
namespace {

Rereads RereadsOf(const Problem& problem, const Config& config) {
  return config.algorithm().rereads(problem, config);
}

constexpr double kRowBytes = (64 + 64) * 4;  // of a key and its value

TEST(RereadsTest, ATileOfQueriesReadsAllKeysOfItsHead) {
  const jit::TilesConfig config;  // a tile of 4 × 16 queries
  AttentionProblem p = {.heads = 2, .kv_heads = 2, .q_len = 200, .kv_len = 512};
  EXPECT_DOUBLE_EQ(RereadsOf(p, config).bytes, 2 * (4 - 1) * 512 * kRowBytes);
  EXPECT_DOUBLE_EQ(RereadsOf(p, config).set_bytes, 512 * kRowBytes);
  // Grouped heads read the same keys, each in tiles of its own: 8 × 4, of which 2 are the first.
  p.heads = 8;
  EXPECT_DOUBLE_EQ(RereadsOf(p, config).bytes, (8 * 4 - 2) * 512 * kRowBytes);
  p.q_len = 1;
  EXPECT_DOUBLE_EQ(RereadsOf(p, config).bytes, (8 - 2) * 512 * kRowBytes);
}

TEST(RereadsTest, RowsOfAllGroupedHeadsShareABlock) {
  const jit::RowsConfig config = {.tile_rows = 4, .kv_block = 128};
  // One query of four heads is one tile: nothing is read twice.
  AttentionProblem p = {.heads = 8, .kv_heads = 2, .q_len = 1, .kv_len = 512};
  EXPECT_EQ(RereadsOf(p, config).bytes, 0);
  // 3 × 4 rows of a kv head are three tiles, each reads a block that the first one has brought.
  p.q_len = 3;
  EXPECT_DOUBLE_EQ(RereadsOf(p, config).bytes, 2 * (3 - 1) * 512 * kRowBytes);
  EXPECT_DOUBLE_EQ(RereadsOf(p, config).set_bytes, 128 * kRowBytes);
  // A tile may hold rows of several queries and heads.
  EXPECT_DOUBLE_EQ(RereadsOf(p, jit::RowsConfig{.tile_rows = 16}).bytes, 0);
  p.kv_len = 100;
  EXPECT_DOUBLE_EQ(RereadsOf(p, config).set_bytes, 100 * kRowBytes);
}

TEST(RereadsTest, WhatTheMaskLeavesOutIsNotRead) {
  const jit::RowsConfig config = {.tile_rows = 1};
  const AttentionProblem p = {.mask = jit::Mask::kCausal, .q_len = 4, .kv_len = 4};
  EXPECT_DOUBLE_EQ(RereadsOf(p, config).bytes, (4 * 10.0 / 16 - 1) * 4 * kRowBytes);
}

TEST(RereadsTest, APortableTileHoldsTheLanesOf64Bytes) {
  AttentionProblem p = {.q_len = 33, .kv_len = 512};
  EXPECT_DOUBLE_EQ(RereadsOf(p, PortableAttentionConfig{}).bytes, (3 - 1) * 512 * kRowBytes);
  p.dtype = DType::kF64;
  EXPECT_DOUBLE_EQ(RereadsOf(p, PortableAttentionConfig{}).bytes, (5 - 1) * 512 * 2 * kRowBytes);
}

double Padded(const Problem& problem, const Config& config) {
  return config.algorithm().padded_flops(problem, config);
}

TEST(PaddedFlopsTest, CountsWholeVectorsOfTheAxisInTheLanes) {
  const AttentionProblem p = {
      .dtype = DType::kBF16, .q_len = 17, .kv_len = 10, .head_dim = 40, .value_dim = 36};
  const double qk_of_queries = 32 * 40, pv_of_queries = 32 * 36, pv_of_columns = 17 * 48,
               qk_of_columns = 17 * 48;
  using jit::PvForm;
  EXPECT_EQ(Padded(p, jit::TilesConfig{}), 2 * 10 * (qk_of_queries + pv_of_columns));
  EXPECT_EQ(Padded(p, jit::TilesConfig{.pv = PvForm::kPairs}),
            2 * 10 * (qk_of_queries + pv_of_columns));
  EXPECT_EQ(Padded(p, jit::TilesConfig{.pv = PvForm::kTransposed}),
            2 * 10 * (qk_of_queries + pv_of_queries));
  EXPECT_EQ(Padded(p, jit::RowsConfig{}), 2 * 10 * (qk_of_columns + pv_of_columns));
  // A vector holds 32 columns in pairs.
  EXPECT_EQ(Padded(p, jit::RowsConfig{.pairs = 1}), 2 * 10 * (17 * 64 + pv_of_columns));
  EXPECT_EQ(Padded(p, PortableAttentionConfig{}), 2 * 10 * (qk_of_queries + pv_of_queries));
}

}  // namespace
}  // namespace jitattn::ops
