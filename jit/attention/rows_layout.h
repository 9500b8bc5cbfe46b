// The memory layout of the "rows" kernel: its scratch memory and its stack frame.

#ifndef JITATTN_JIT_ATTENTION_ROWS_LAYOUT_H_
#define JITATTN_JIT_ATTENTION_ROWS_LAYOUT_H_

#include <cstddef>
#include <cstdint>

#include "jit/assembler.h"
#include "jit/attention/args.h"
#include "jit/attention/emit_score_parts.h"
#include "jit/attention/kv_row.h"
#include "jit/attention/rows_config.h"

namespace jitattn::jit {

// A tile's rows are query positions × the heads of a group, which share a kv head. Scores lie as
// [key][row], so that a vector holds the scores of `keys` keys for every row. A quantity per row
// (m, l, alpha) is a vector too, repeated `keys` times.
//
//   alpha     a vector
//   scores    s, then P                                 [kv_block][rows]
//   sums      P·V of the current block of keys          [rows][value_dim]
//   coordinates   score parts: a vector per Coordinate, for a vector of scores
//   bias_block    bias of the scores                    [kv_block][rows], and a vector
//   k_scales, v_scales    integer keys and values: planes of scales  [kv_block][rows], and a vector
//   addresses     pages: of the rows of K and V, see EmitAddresses
//   tiles     for each tile of the run:
//     limits    end of the keys that a row sees, 64 bits each  [rows]
//     outs      address of a row's output               [rows]
//     starts    windows: the first key that a row sees  [rows]
//     of_query, of_head    score parts, sinks: a row's query and head in the operation  [rows]
//     lses      address of a row's log-sum-exp          [rows]
//     biases    address of a row's bias of the call's first key  [rows]
//     gates     address of a row's gates                [rows]
//     queries   scale · Q, usually with log2 e (pairs: Q)  [rows][head_dim]
//     part      m, l   vectors;  O   [rows][value_dim]  (kPart: in AttentionArgs::part instead)
//
// Rows of Q, O and the sums are padded with zeros to whole vectors.
//
// One scale for a key, or for its values, is repeated for every row. Scales of blocks of columns:
// plane i holds those of the blocks i·pv_rows …, repeated for every pv_rows rows, since register
// blocks of P·V reach them by one displacement from P.
//
// With vdpbf16ps (pairs), Q·Kᵀ multiplies pairs of bf16 in the memory order of Q and K: an element
// is two columns. The scores are scaled instead of the queries.
struct RowsLayout {
  RowsLayout(const AttentionSpec& spec, const RowsConfig& config);

  int lanes, vec_bytes, elem_bytes;
  bool pairs;
  int depth;         // elements of a row of Q and K: the head size, or half of it
  bool odd;          // the last pair is one column and 0
  int rows;          // per tile
  int pv_rows;       // of a register block of P·V
  int keys;          // per vector of scores
  int query_bytes;   // a packed row of Q
  int output_bytes;  // a row of O

  static constexpr int kMax = 0;  // offsets in a part
  int sum, outputs;
  int64_t part_bytes;

  static constexpr int kAlpha = 0;  // offsets in scratch
  int64_t scores, sums, coordinates, bias_block, k_scales, v_scales, addresses, tiles;

  static constexpr int kLimits = 0;  // offsets in a tile
  int64_t outs, starts, of_query, of_head, lses, biases, gates, queries, part;
  int64_t tile_bytes;

  int64_t scale_plane;  // bytes

  // The whole vectors of a row of Q and K, and the elements behind them.
  int whole_vecs() const { return (depth - (odd ? 1 : 0)) / lanes; }
  int tail() const { return depth - whole_vecs() * lanes; }
  // An opmask of the words at the row's end, if the head size is odd.
  uint32_t tail_words(int head_dim) const {
    return (1u << (head_dim - whole_vecs() * lanes * 2)) - 1;
  }

  // Offset of a block's scale from the key's first one.
  int64_t ScaleAt(int block) const {
    return block / pv_rows * scale_plane + int64_t{block % pv_rows} * elem_bytes;
  }

  int64_t Tiles(int64_t all_rows) const { return (all_rows + rows - 1) / rows; }
};

// Run-time values of the loop nest, on the stack. All are 64 bits wide.
struct RowsFrame {
  int64_t scale;   // of scores, as one element of the compute type
  int64_t q, out;  // of the next row's query, first head
  int64_t head;    // the next row's head in its group
  int64_t limit;   // the end of the keys that the next row sees, before clipping
  int64_t rows_left;
  int64_t tiles, tiles_left;  // in the run
  int64_t tile, part_step;    // current tile; bytes from its part to the next tile's
  int64_t seen;               // the end of the keys that the run's last row sees
  int64_t first_key, block;   // of the block; number of its keys
  int64_t keys, common;       // ends of these for the tile's last and first row
  int64_t k, v, next_k;       // of the block, and of the next one
  int64_t from, next_part;    // merging: a tile's first part, its next part
  int64_t parts;              // parts left
  // P·V: keys left in the block; keys left in the run; column groups and row blocks left.
  int64_t block_keys, run_keys, columns, row_blocks;

  // Windows only.
  int64_t start;         // first key that the next row sees, before clipping
  int64_t common_first;  // the block's first key that the tile's last row sees
  int64_t edge;          // the block's first key that not all rows see

  // Score parts and sinks only.
  int64_t query;  // the next row's query in the operation

  int64_t lse;  // log-sum-exp only: of the next row's query, first head

  // Bias only.
  int64_t bias;                 // of the next row's query, first head
  int64_t shared_bias;          // 1: all rows have the same
  int64_t scan_key, scan_bits;  // see EmitKeyRuns
  int64_t next_key;             // first key of the next block
  int64_t row_end[32];          // elements at a row's end, copied

  int64_t gate;  // output gate only: of the next row's query, first head

  // Pages only. Then k and v are lists of addresses (EmitAddresses), and next_k is row 0 of page 0
  // of the keys that are read next.
  int64_t entry, row;  // the block's first key: its page's entry of the table, its row there
  int64_t list_end;    // of the addresses that are known
};

// The context of all emitters of the kernel.
struct RowsContext {
  Assembler& a;
  const AttentionSpec& spec;
  const RowsConfig& config;
  const RowsLayout layout;
  Xbyak::Reg64 frame;
  Xbyak::Reg64 scratch;

  // Whether a row's keys may end before the last key, and begin behind the first one.
  bool has_right_end() const { return HasRightEnd(spec.mask); }
  bool has_left_end() const { return HasLeftEnd(spec.mask); }
  // Whether the lists hold each row's query and head.
  bool has_places() const { return spec.has_score_parts() || spec.sinks; }
  bool has_bias() const { return spec.bias != Bias::kNone; }
  // Offset in the stack frame of the score parts' slots.
  int score_slots() const {
    if (spec.paged) return sizeof(RowsFrame);
    if (spec.gate) return offsetof(RowsFrame, entry);
    return has_bias() ? offsetof(RowsFrame, gate) : offsetof(RowsFrame, bias);
  }
  int frame_bytes() const {
    if (has_places() || has_bias() || spec.lse || spec.gate || spec.paged) {
      return score_slots() + EmitScoreParts::FrameBytes(spec);
    }
    return has_left_end() ? offsetof(RowsFrame, query) : offsetof(RowsFrame, start);
  }
  Xbyak::Address at(int64_t RowsFrame::*field) const {
    const RowsFrame zero{};
    const auto offset =
        reinterpret_cast<const char*>(&(zero.*field)) - reinterpret_cast<const char*>(&zero);
    return a.qword[frame + static_cast<int>(offset)];
  }
  Xbyak::Address arg(size_t offset) const { return a.qword[a.args() + offset]; }
  Xbyak::Address in_scratch(int64_t offset) const { return a.ptr[scratch + offset]; }
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_ROWS_LAYOUT_H_
