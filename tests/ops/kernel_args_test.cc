// The arguments of a kernel call.

#include "ops/attention/kernel_args.h"

#include <gtest/gtest.h>

#include <limits>

namespace jitattn::ops {
namespace {

class KernelArgsTest : public testing::Test {
 protected:
  // Of the batch's second sequence.
  jit::AttentionArgs Of(CallRange range) {
    spec = SpecOf(problem);
    const Sequence sequence = SequenceOf(run, 1);
    ForEachPiece(problem, sequence, range.first_row, range.rows,
                 [&](const Piece& piece) { range.band = piece.band; });
    return KernelArgs(problem, spec, run, sequence, range, &scratch);
  }

  AttentionProblem problem{.dtype = DType::kBF16, .mask = jit::Mask::kCausal};
  jit::AttentionSpec spec;
  char memory[16384], scratch;
  jitattn_attention_args run{.q = memory,
                             .k = memory + 1,
                             .v = memory + 2,
                             .out = memory + 3,
                             .q_len = 100,
                             .kv_len = 40,
                             .q_strides = {1000, 100, 10},
                             .k_strides = {2000, 200, 20},
                             .v_strides = {3000, 300, 30},
                             .out_strides = {4000, 400, 40},
                             .scale = .5};
};

// Pages: the first stride leads from page to page, and the table begins at the range's first key.
TEST_F(KernelArgsTest, PagesAreFoundByTheTable) {
  int32_t table[20] = {};
  problem.page_size = 4;
  run.block_table = table;
  run.block_table_stride = 10;
  const jit::AttentionArgs args = Of(
      {.head = 4, .kv_head = 2, .heads = 2, .first_row = 3, .rows = 7, .first_key = 9, .keys = 9});
  EXPECT_EQ(args.k, memory + 1 + 2 * 400);
  EXPECT_EQ(args.v, memory + 2 + 2 * 600);
  EXPECT_EQ(args.k_page_stride, 4000);
  EXPECT_EQ(args.v_page_stride, 6000);
  EXPECT_EQ(args.k_stride, 40);
  EXPECT_EQ(args.page_size, 4);
  EXPECT_EQ(args.block_table, table + 12);
  EXPECT_EQ(args.page_row, 1);
}

TEST_F(KernelArgsTest, StridesAreBytesAndPointersAtTheRange) {
  const jit::AttentionArgs args = Of(
      {.head = 4, .kv_head = 2, .heads = 2, .first_row = 3, .rows = 7, .first_key = 5, .keys = 9});
  EXPECT_EQ(args.spec, &spec);
  EXPECT_EQ(args.q, memory + 2 * 1430);
  EXPECT_EQ(args.k, memory + 1 + 2 * 2500);
  EXPECT_EQ(args.v, memory + 2 + 2 * 3750);
  EXPECT_EQ(args.out, memory + 3 + 2 * 5720);
  EXPECT_EQ(args.q_stride, 20);
  EXPECT_EQ(args.k_stride, 40);
  EXPECT_EQ(args.v_stride, 60);
  EXPECT_EQ(args.out_stride, 80);
  EXPECT_EQ(args.q_rows, 7);
  EXPECT_EQ(args.kv_len, 9);
  EXPECT_EQ(args.scale, .5);
  EXPECT_EQ(args.scratch, &scratch);
  EXPECT_EQ(args.group, 2);
  EXPECT_EQ(args.q_head_stride, 200);
  EXPECT_EQ(args.out_head_stride, 800);
  EXPECT_EQ(args.parts, 0);
  EXPECT_EQ(args.first_key, 5);
  EXPECT_EQ(args.first_head, 4);
}

// A query's position is that of a key.
TEST_F(KernelArgsTest, WhatOptionsReadAndWrite) {
  problem.softcap = problem.alibi = problem.sinks = problem.lse = problem.out_gate = true;
  const float numbers[8] = {};
  run.causal_offset = 20;
  run.softcap = 30;
  run.alibi_slopes = numbers;
  run.sinks = numbers + 1;
  run.lse = memory;
  run.gate = memory + 5;
  run.gate_strides[1] = 200, run.gate_strides[2] = 20;
  run.lse_strides[0] = 1000, run.lse_strides[1] = 100, run.lse_strides[2] = 10;
  const jit::AttentionArgs args =
      Of({.head = 4, .kv_head = 2, .heads = 2, .first_row = 3, .rows = 7, .keys = 9});
  EXPECT_EQ(args.softcap, 30);
  EXPECT_EQ(args.alibi_slopes, numbers + 4);
  EXPECT_EQ(args.sinks, numbers + 5);
  EXPECT_EQ(args.first_query, 23);
  EXPECT_EQ(args.lse, memory + 4 * 1430);
  EXPECT_EQ(args.lse_stride, 40);
  EXPECT_EQ(args.lse_head_stride, 400);
  EXPECT_EQ(args.gate, memory + 5 + 2 * (800 + 60));
  EXPECT_EQ(args.gate_stride, 40);
  EXPECT_EQ(args.gate_head_stride, 400);
  run.causal_offset = std::numeric_limits<int64_t>::max();
  EXPECT_GT(Of({.first_row = 3, .rows = 1}).first_query, 0);
}

// Strides count elements of 34 bytes, bytes, or floats of scales.
TEST_F(KernelArgsTest, KeysOfAnotherType) {
  const jit::AttentionArgs own = Of({.kv_head = 1, .rows = 1, .first_key = 5, .keys = 1});
  const int64_t k_elements =
      (static_cast<const char*>(own.k) - static_cast<const char*>(run.k)) / 2;
  const auto k_distance = [&](const jit::AttentionArgs& args) {
    return static_cast<const char*>(args.k) - static_cast<const char*>(run.k);
  };
  problem.dtype = DType::kF32;
  problem.head_dim = problem.value_dim = 64;
  problem.kv_type = jit::KvType::kQ8_0;
  const jit::AttentionArgs blocks = Of({.kv_head = 1, .rows = 1, .first_key = 5, .keys = 1});
  EXPECT_EQ(k_distance(blocks), 34 * k_elements);
  EXPECT_EQ(blocks.k_stride, 17 * own.k_stride);
  const float scales[2] = {};
  problem.kv_type = jit::KvType::kI8;
  run.k_scales = scales, run.v_scales = scales + 1;
  run.k_scale_strides[1] = 40, run.k_scale_strides[2] = 3;
  run.v_scale_strides[1] = -50;
  const jit::AttentionArgs bytes = Of({.kv_head = 1, .rows = 1, .first_key = 5, .keys = 1});
  EXPECT_EQ(k_distance(bytes), k_elements);
  EXPECT_EQ(bytes.k_scales, scales + 40 + 5 * 3);
  EXPECT_EQ(bytes.k_scale_stride, 12);
  EXPECT_EQ(bytes.v_scales, scales + 1 - 50);
  EXPECT_EQ(bytes.v_scale_stride, 0);
}

TEST_F(KernelArgsTest, TheBandMovesWithTheRangeAndNeverOverflows) {
  CallRange range{.first_row = 3, .rows = 1, .first_key = 5, .keys = 1};
  run.causal_offset = -7;
  EXPECT_EQ(Of(range).right, -7 + 3 - 5);
  run.causal_offset = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(Of(range).right, 40 + 3 - 5);
  run.causal_offset = std::numeric_limits<int64_t>::min();
  EXPECT_EQ(Of(range).right, -100 + 3 - 5);
  EXPECT_EQ(Of(range).left, -100 + 3 - 5);  // before every key
}

TEST_F(KernelArgsTest, AWindowMovesWithTheOffset) {
  problem.mask = jit::Mask::kWindow;
  problem.window_left = 6, problem.window_right = 2;
  run.causal_offset = 10;
  const CallRange range{.first_row = 3, .rows = 1, .first_key = 5, .keys = 1};
  EXPECT_EQ(Of(range).left, 10 - 6 + 3 - 5);
  EXPECT_EQ(Of(range).right, 10 + 2 + 3 - 5);
  run.causal_offset = std::numeric_limits<int64_t>::min();
  EXPECT_EQ(Of(range).right, -100 + 3 - 5);
}

// Rows of ragged batches follow each other; the strides between sequences are not used.
TEST_F(KernelArgsTest, ARaggedSequenceBeginsAtItsOffset) {
  const int64_t q_offsets[] = {0, 30, 70}, kv_offsets[] = {2, 20, 39};
  run.q_offsets = q_offsets, run.kv_offsets = kv_offsets;
  const jit::AttentionArgs args = Of({.head = 1, .first_row = 3, .rows = 1, .first_key = 5});
  EXPECT_EQ(args.q, memory + 2 * (100 + 33 * 10));
  EXPECT_EQ(args.k, memory + 1 + 2 * 25 * 20);
  EXPECT_EQ(args.out, memory + 3 + 2 * (400 + 33 * 40));
}

// Every row belongs to one piece, whose keys are those that the masks' definition gives.
TEST(PieceTest, CoverTheRowsOnce) {
  for (const int64_t chunk : {0, 1, 7, 64}) {
    const AttentionProblem problem{.mask = jit::Mask::kCausal, .chunk = chunk};
    for (const int64_t prefix : {0, 5, 100}) {
      for (const int64_t offset : {-10, 0, 13}) {
        const Sequence sequence = {
            .q_len = 40, .kv_begin = 3, .kv_end = 50, .offset = offset, .prefix = prefix};
        int64_t next = 2;
        ForEachPiece(problem, sequence, 2, 35, [&](const Piece& piece) {
          EXPECT_EQ(piece.first_row, next);
          ASSERT_GT(piece.rows, 0);
          next += piece.rows;
          for (int64_t row = piece.first_row; row < next; ++row) {
            const jit::IndexRange keys = KeysOf(problem, sequence, row);
            const jit::IndexRange seen =
                piece.band.From(row, piece.keys.first).Keys(0, piece.keys.size());
            EXPECT_EQ(seen.size(), keys.size()) << row;
            if (keys.size() > 0) {
              EXPECT_EQ(seen.first + piece.keys.first, keys.first) << row;
            }
          }
        });
        EXPECT_EQ(next, 37);
      }
    }
  }
}

}  // namespace
}  // namespace jitattn::ops
