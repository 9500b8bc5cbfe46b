// Oᵀ = Oᵀ·alpha + Vᵀ·P with Oᵀ in scratch: value columns are broadcast from V, lanes are queries. A
// chunk's Vᵀ·P is summed from 0 and then added (see emit_values.h).

#ifndef JITATTN_JIT_ATTENTION_EMIT_TRANSPOSED_VALUES_H_
#define JITATTN_JIT_ATTENTION_EMIT_TRANSPOSED_VALUES_H_

#include "jit/attention/tiles_layout.h"
#include "jit/parts/emit_tile_gemm.h"

namespace jitattn::jit {

// The transposed form of P·V. It reads each element of V once per column group of queries,
// EmitValues once per pv_rows queries. Fewer reads matter if value rows are so long that no near
// cache holds a panel of V (at 1024 columns, its lines all map to the same few sets). The cost is a
// transposition of the outputs at the end.
class EmitTransposedValues {
 public:
  static int VecsNeeded(const TilesConfig& config, const AttentionSpec& spec);

  EmitTransposedValues(const TilesContext& ctx, const Xbyak::Reg64& state);

  // Adds the current chunk's Vᵀ·P, for every row and column of the tile.
  void EmitChunk();

  // Writes the tile's outputs, after its last chunk.
  void EmitOutput();

 private:
  struct Output;
  void EmitSquare(Output& o, int columns);
  void EmitGroup(int vecs);
  void EmitBlock(int rows, int vecs);
  void EmitKeys(EmitTileGemm& gemm);
  void EmitDiagonal(EmitTileGemm& gemm);
  void EmitWindow(EmitTileGemm& gemm);
  void EmitEdge(EmitTileGemm& gemm);
  void EmitRun(EmitTileGemm& gemm);
  void EmitEnd(const EmitTileGemm& gemm);
  void EmitKey(EmitTileGemm& gemm, int key, const EmitTileGemm::Part& part);
  Xbyak::Address Accumulator(int r, int c);

  const TilesContext& ctx_;
  Assembler& a_;
  const Xbyak::Reg64 state_;
  Gprs group_, out_, v_, v_stride_;  // state of the query group; Oᵀ and V of the value columns
  Gprs p_key_, v_key_, count_;       // running over keys
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_EMIT_TRANSPOSED_VALUES_H_
