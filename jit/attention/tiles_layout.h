// Where the attention kernel keeps what: its scratch memory and its stack frame.

#ifndef JITATTN_JIT_ATTENTION_TILES_LAYOUT_H_
#define JITATTN_JIT_ATTENTION_TILES_LAYOUT_H_

#include <cstddef>
#include <cstdint>

#include "jit/assembler.h"
#include "jit/attention/args.h"
#include "jit/attention/emit_score_parts.h"
#include "jit/attention/tiles_config.h"

namespace jitattn::jit {

// Scratch: four blocks whose rows are all as wide as the query tile, so that one column offset and
// fixed displacements reach everything that belongs to a group of queries.
//
//   state     the online softmax, a row a quantity
//   scores    s, then P   [kv_block][tile]
//   queries   scale · Qᵀ, usually with log2 e (EmitScoreParts::unit)   [head_dim][tile]
//   outputs   Oᵀ, where P·V runs over transposed columns   [value_dim][tile]
//
// Keys and values that are packed, or of a 16-bit type, are staged: copied once a call, for all of
// its tiles, 16-bit types as floats. Then the rest of the scratch holds
//
//   outputs   O of 16-bit types until it is complete, where P·V runs over natural columns
//             [tile][value_row_bytes]
//   keys      [kv_len][key_row_bytes]
//   values    [kv_len][value_row_bytes]
//
// with rows padded to whole vectors.
//
// With vdpbf16ps (PvForm::kPairs) every 32-bit element is a pair of bf16 that the instruction
// multiplies by another pair and sums: of head columns in Q, not scaled, and in K, which is read
// where it lies, an odd last column with 0 beside it; of keys in P, two rows of scores becoming
// one, and in the staged values.
struct TilesLayout {
  // l is kSum and, where exponentials are fused, kChunkSum (see emit_softmax.h).
  enum State { kMinusMax, kThreshold, kSum, kChunkSum, kAlpha, kInverse, kBlockMax, kStateRows };

  TilesLayout(const AttentionSpec& spec, const TilesConfig& config);

  int lanes, vec_bytes, elem_bytes;
  int tile_rows;                     // queries a tile
  int tile_bytes;                    // one row of a block
  int64_t scores, queries, outputs;  // offsets from the state
  int64_t bytes;                     // without staged keys and values
  bool staged = false;
  bool converts = false;  // 16-bit types: see above
  bool pairs = false;     // PvForm::kPairs: see above
  int depth;              // steps of Q·Kᵀ: the head size, or half of it
  bool odd = false;       // the last pair is one column
  int key_row_bytes = 0, value_row_bytes = 0;
  int64_t staged_bytes = 0;  // of a key and its value

  // Displacement of a quantity from the state's address of a group of queries.
  int state(State row) const { return row * tile_bytes; }
};

// Run-time values of the loop nest, on the stack. All 64 bits wide.
struct TilesFrame {
  enum Flags { kFirst = 1, kRescale = 2, kLast = 4 };

  int64_t scale;                     // of scores, as one element of the compute type
  int64_t q, out, rows_left;         // current tile
  int64_t rows, vecs;                // in it, and vectors they fill
  int64_t diagonal;                  // right end: query r of the tile sees keys ≤ diagonal + r
  int64_t kv_end;                    // keys that any query of the tile sees
  int64_t k, v, first_key, keys;     // current chunk
  int64_t flags;                     // of the chunk: what happens to O around P·V
  int64_t group, group_vecs, width;  // column group of Q·Kᵀ: its state, vectors left, its own
  int64_t group_diagonal;            // first chunk key that is not before the group's diagonal
  int64_t first_values;              // those of the group's next key, to be fetched
  int64_t key, step;                 // next chunk key of the group; where its diagonal step ends
  int64_t columns, out_column;       // column groups of P·V left; the output's first row there
  int64_t rows_todo, seen;           // rows left there; chunk keys before the next one's right end

  // Of windows only.
  int64_t left;                // query r of the tile sees keys ≥ left + r
  int64_t span;                // keys that a query sees where neither end of all keys is near
  int64_t common, common_end;  // chunk keys that a whole block of P·V sees
  int64_t edge_key, edge_end;  // the others: the next one, and where they end

  // Of score parts only: the operation's key where the next register block of Q·Kᵀ begins; the
  // coordinates (by Coordinate) of that block's first score, as elements of the compute type.
  int64_t block_key;
  int64_t coordinates[4];
};

// What every part of the kernel is emitted with.
struct TilesContext {
  Assembler& a;
  const AttentionSpec& spec;
  const TilesConfig& config;
  const TilesLayout layout;
  Xbyak::Reg64 frame;

  // Whether the keys that a query sees end before the last one, and begin behind the first one.
  bool has_right_end() const { return HasRightEnd(spec.mask); }
  bool has_left_end() const { return HasLeftEnd(spec.mask); }
  int frame_bytes() const {
    if (spec.has_score_parts()) return sizeof(TilesFrame) + EmitScoreParts::FrameBytes(spec);
    return has_left_end() ? offsetof(TilesFrame, block_key) : offsetof(TilesFrame, left);
  }
  Xbyak::Address at(int64_t TilesFrame::*field) const {
    const TilesFrame zero{};
    const auto offset =
        reinterpret_cast<const char*>(&(zero.*field)) - reinterpret_cast<const char*>(&zero);
    return a.qword[frame + static_cast<int>(offset)];
  }
  Xbyak::Address arg(size_t offset) const { return a.qword[a.args() + offset]; }
  // Between rows of keys and values as the loops over them see these.
  void LoadKeyStride(const Xbyak::Reg64& stride) const {
    layout.staged && !layout.pairs ? a.mov(stride, layout.key_row_bytes)
                                   : a.mov(stride, arg(offsetof(AttentionArgs, k_stride)));
  }
  void LoadValueStride(const Xbyak::Reg64& stride) const {
    layout.staged ? a.mov(stride, layout.value_row_bytes)
                  : a.mov(stride, arg(offsetof(AttentionArgs, v_stride)));
  }
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_TILES_LAYOUT_H_
