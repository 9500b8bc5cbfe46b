// O = O·alpha + P·V with O in the output (16-bit types: in scratch): rows are broadcast from P,
// lanes are value columns. A chunk's P·V is summed from 0 and then added. Thus the error grows with
// the keys of a chunk plus the number of chunks, not with their product.

#ifndef JITATTN_JIT_ATTENTION_EMIT_VALUES_H_
#define JITATTN_JIT_ATTENTION_EMIT_VALUES_H_

#include "jit/attention/tiles_layout.h"
#include "jit/parts/emit_tile_gemm.h"
#include "jit/vector_io.h"

namespace jitattn::jit {

class EmitValues {
 public:
  static int VecsNeeded(const TilesConfig& config, const AttentionSpec& spec);

  EmitValues(const TilesContext& ctx, const Xbyak::Reg64& state);

  // Adds the current chunk's P·V, for every row and column of the tile.
  void EmitChunk();

  // 16-bit types: writes the tile's outputs, after its last chunk.
  void EmitOutput();

 private:
  // Emits one group of columns: `vecs` vectors, the last of which has `tail` columns (0: all).
  void EmitColumns(int vecs, int tail);
  void EmitBlock(int rows, int vecs, const TailMask* tail);
  void EmitBegin(const EmitTileGemm& gemm, const RowAddresses& out, const TailMask* tail);
  void EmitKeys(EmitTileGemm& gemm, const TailMask* tail);
  void EmitTriangle(EmitTileGemm& gemm, const TailMask* tail);
  void EmitPairs(EmitTileGemm& gemm, const TailMask* tail);
  void EmitHalf(EmitTileGemm& gemm, const EmitTileGemm::Part& part);
  void EmitWindow(EmitTileGemm& gemm, const TailMask* tail);
  void EmitCommonKeys(const EmitTileGemm& gemm);
  void EmitEdges(EmitTileGemm& gemm, const TailMask* tail, bool behind);
  void EmitOneKey(EmitTileGemm& gemm, const TailMask* tail, const EmitTileGemm::Part& part);
  void EmitRun(EmitTileGemm& gemm, const TailMask* tail);
  void EmitEnd(const EmitTileGemm& gemm, const RowAddresses& out, const TailMask* tail);
  void EmitStore(const EmitTileGemm& gemm, const RowAddresses& out, const TailMask* tail);
  void EmitScale(const EmitTileGemm& gemm, TilesLayout::State factor);
  void EmitKey(EmitTileGemm& gemm, const TailMask* tail, int key, const EmitTileGemm::Part& part);
  void Load(const Vec& x, const Xbyak::RegExp& src, int col, int vecs, const TailMask* tail);

  const TilesContext& ctx_;
  Assembler& a_;
  VectorIo io_;
  const Xbyak::Reg64 state_;
  Gprs p_, out_, v_, v_stride_, out_stride_;  // of the row group and the column group
  Gprs p_key_, v_key_, count_;                // running over keys
  bool columns_follow_ = false;               // another group follows the emitted one
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_EMIT_VALUES_H_
