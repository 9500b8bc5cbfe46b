// The memory layout of the "tiles" kernel: its scratch memory and its stack frame.

#ifndef JITATTN_JIT_ATTENTION_TILES_LAYOUT_H_
#define JITATTN_JIT_ATTENTION_TILES_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <iterator>

#include "jit/assembler.h"
#include "jit/attention/args.h"
#include "jit/attention/emit_score_parts.h"
#include "jit/attention/tiles_config.h"

namespace jitattn::jit {

// Scratch memory has four blocks whose rows are all as wide as the query tile. Hence one column
// offset and fixed displacements reach all data of a group of queries.
//
//   state     the online softmax, one row per quantity
//   scores    the bias if there is one, then s, then P   [kv_block][tile]
//   queries   scale · Qᵀ, usually with log2 e (EmitScoreParts::unit)   [head_dim][tile]
//   outputs   Oᵀ, if P·V runs over transposed columns   [value_dim][tile]
//
// Keys and values that are packed, of a 16-bit type, of another type than the queries, or in pages,
// are staged: copied once per call, for all of its tiles, as numbers of the compute type. Then the
// rest of the scratch memory holds, with rows padded to whole vectors,
//
//   outputs   O of 16-bit types until it is complete, if P·V runs over natural columns
//             [tile][value_row_bytes]
//   keys      [kv_len][key_row_bytes]
//   values    [kv_len][value_row_bytes]
//
// With vdpbf16ps (PvForm::kPairs), every 32-bit element is a pair of bf16; the instruction
// multiplies pairs and sums both products. Q (unscaled) and K hold pairs of head columns. K is read
// in place (pages: staged as it is), with 0 beside an odd last column; or, of f32, staged as rows
// of bf16 padded with zeros. P and the staged values hold pairs of keys; two rows of scores become
// one row of P.
struct TilesLayout {
  // l is kSum, plus kChunkSum if exponentials are fused (see emit_softmax.h).
  enum State { kMinusMax, kThreshold, kSum, kChunkSum, kAlpha, kInverse, kBlockMax, kStateRows };

  TilesLayout(const AttentionSpec& spec, const TilesConfig& config);

  int lanes, vec_bytes, elem_bytes;
  int tile_rows;                     // queries per tile
  int tile_bytes;                    // one row of a block
  int64_t scores, queries, outputs;  // offsets from the state
  int64_t bytes;                     // without staged keys and values
  bool staged = false;
  bool converts = false;  // 16-bit types: see above
  bool pairs = false;     // PvForm::kPairs: see above
  bool rounds = false;  // … of f32: operands are rounded to bf16 where they are packed and staged
  int depth;            // steps of Q·Kᵀ: the head size, or half of it
  bool odd = false;     // the last pair is one column
  int key_row_bytes = 0, value_row_bytes = 0;  // staged; 0: read in place
  int64_t staged_bytes = 0;                    // of a key and its value

  // Whether the loops read copies of the keys.
  bool stages_keys() const { return key_row_bytes > 0; }

  // Displacement of a quantity from the state address of a group of queries.
  int state(State row) const { return row * tile_bytes; }
};

// Run-time values of the loop nest, on the stack. All are 64 bits wide.
struct TilesFrame {
  enum Flags { kFirst = 1, kRescale = 2, kLast = 4 };

  int64_t scale;                     // of scores, an element of the compute type
  int64_t q, out, rows_left;         // current tile
  int64_t rows, vecs;                // of the tile, and vectors they fill
  int64_t diagonal;                  // right end: query r of the tile sees keys ≤ diagonal + r
  int64_t kv_end;                    // keys that any query of the tile sees
  int64_t k, v, first_key, keys;     // current chunk
  int64_t flags;                     // of the chunk: operations on O around P·V
  int64_t group, group_vecs, width;  // column group of Q·Kᵀ: state, vectors left, its vectors
  int64_t group_diagonal;            // first chunk key at or behind the group's diagonal
  int64_t first_values;              // values of the group's next key, to be fetched
  int64_t key, step;                 // next chunk key of the group; end of its diagonal step
  int64_t columns, out_column;       // column groups of P·V left; first output row there
  int64_t rows_todo, seen;           // rows left there; chunk keys before the next row's right end

  // Windows only.
  int64_t left;                // query r of the tile sees keys ≥ left + r
  int64_t span;                // keys that a query sees far from both ends of all keys
  int64_t common, common_end;  // chunk keys that a whole block of P·V sees
  int64_t edge_key, edge_end;  // the other keys: the next one, and their end

  // Score parts only: the operation's key at which the next register block of Q·Kᵀ begins; the
  // coordinates (by Coordinate) of that block's first score, as elements of the compute type.
  int64_t block_key;
  int64_t coordinates[std::size(kCoordinates)];

  int64_t sink;  // sinks only: log2 e · the head's, an element of the compute type
  int64_t lse;   // log-sum-exp only: of the tile's first row

  // Bias only.
  int64_t bias_row;             // bias of the tile's first row
  int64_t scan_key, scan_bits;  // see EmitBias
  int64_t next_key;             // first key of the next chunk
  int64_t row_end[32];          // elements at a row's end, copied

  // Pages only.
  int64_t keys_left;    // to be staged
  int64_t part_scales;  // bytes from a page's scales to those of the next part's first row
  int64_t band_first;   // the first key that a query of the call sees under the mask
};

// The context of all emitters of the kernel.
struct TilesContext {
  Assembler& a;
  const AttentionSpec& spec;
  const TilesConfig& config;
  const TilesLayout layout;
  Xbyak::Reg64 frame;

  // Whether a query's keys may end before the last key, and begin behind the first one.
  bool has_right_end() const { return HasRightEnd(spec.mask); }
  bool has_left_end() const { return HasLeftEnd(spec.mask); }
  bool has_bias() const { return spec.bias != Bias::kNone; }
  // Offset in the stack frame of the score parts' slots.
  int score_slots() const {
    if (spec.paged) return sizeof(TilesFrame);
    return has_bias() ? offsetof(TilesFrame, keys_left) : offsetof(TilesFrame, bias_row);
  }
  int frame_bytes() const {
    if (spec.has_score_parts() || has_bias() || spec.sinks || spec.lse || spec.paged) {
      return score_slots() + EmitScoreParts::FrameBytes(spec);
    }
    return has_left_end() ? offsetof(TilesFrame, block_key) : offsetof(TilesFrame, left);
  }
  Xbyak::Address at(int64_t TilesFrame::*field) const {
    const TilesFrame zero{};
    const auto offset =
        reinterpret_cast<const char*>(&(zero.*field)) - reinterpret_cast<const char*>(&zero);
    return a.qword[frame + static_cast<int>(offset)];
  }
  Xbyak::Address arg(size_t offset) const { return a.qword[a.args() + offset]; }
  // The address of the gates of the tile's first row.
  void LoadGates(const Xbyak::Reg64& to) const {
    a.mov(to, arg(offsetof(AttentionArgs, q_rows)));
    a.sub(to, at(&TilesFrame::rows_left));
    a.imul(to, arg(offsetof(AttentionArgs, gate_stride)));
    a.add(to, arg(offsetof(AttentionArgs, gate)));
  }
  // The distance between rows of keys and of values in the loops over them.
  void LoadKeyStride(const Xbyak::Reg64& stride) const {
    layout.stages_keys() ? a.mov(stride, layout.key_row_bytes)
                         : a.mov(stride, arg(offsetof(AttentionArgs, k_stride)));
  }
  void LoadValueStride(const Xbyak::Reg64& stride) const {
    layout.staged ? a.mov(stride, layout.value_row_bytes)
                  : a.mov(stride, arg(offsetof(AttentionArgs, v_stride)));
  }
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_TILES_LAYOUT_H_
