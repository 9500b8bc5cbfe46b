// "tiles": the bias of a tile, and the keys that it leaves visible.

#ifndef JITATTN_JIT_ATTENTION_EMIT_BIAS_H_
#define JITATTN_JIT_ATTENTION_EMIT_BIAS_H_

#include "jit/attention/emit_bias_elements.h"
#include "jit/attention/emit_key_runs.h"
#include "jit/attention/tiles_layout.h"
#include "jit/parts/emit_tile_gemm.h"

namespace jitattn::jit {

// A chunk is a run of keys each of which some query of the tile sees, under the mask and the bias.
// Keys that none of them sees are in no chunk, so their K and V may be NaN, or unmapped.
//
// A bias row belongs to a query, and lanes are queries. So a chunk's bias is transposed into the
// block of scores, each element to where its score will lie.
//
// Nothing here is emitted for kernels without a bias.
class EmitBias {
 public:
  EmitBias(const TilesContext& ctx, const Xbyak::Reg64& state);

  // Emits the subroutines of the other functions. REQUIRES: control does not fall into them.
  void EmitSubroutines();

  // Starts the call. Sets what EmitFind needs to treat all queries of the call as one tile.
  void EmitReset();
  // scan_key ← the next key from scan_key on that a query of the tile sees, scan_bits ← which of
  // the keys from there on some query sees. If there is none, scan_key ≥ kv_end.
  void EmitFind();
  // Moves first_key to the first visible key. Jumps to `none` if there is none.
  void EmitFirst(const Xbyak::Label& none);
  // Sets the chunk's keys, the next chunk's first key, and the flag of the last chunk. Fills the
  // block of scores with the chunk's bias.
  void EmitChunk();
  // Sets `keys` to the distance between the chunk and the next one.
  void EmitToNextChunk();
  // Moves to the next tile.
  void EmitNextTile();

  // acc ← acc + bias. `scores` holds the address of the accumulators' place in the block of scores.
  static void EmitAdd(const TilesContext& ctx, const EmitTileGemm& gemm,
                      const Xbyak::Reg64& scores);

 private:
  struct Scan;
  void EmitScan();
  void EmitEdgeOfScan(Scan& s);
  void EmitPairsSeen(const Xbyak::Reg64& seen);
  void EmitFill();
  void EmitTransposed(const Xbyak::Reg64& rows, const Xbyak::Reg64& stride);
  void EmitSpread(const Xbyak::Reg64& row);
  Xbyak::RegExp row_end() const { return ctx_.frame + offsetof(TilesFrame, row_end); }

  const TilesContext& ctx_;
  Assembler& a_;
  EmitBiasElements elements_;
  EmitKeyRuns<TilesContext, TilesFrame> runs_;
  const Xbyak::Reg64 state_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_EMIT_BIAS_H_
