// S = Q·Kᵀ for one column group of the tile, and the operations on its accumulators.

#ifndef JITATTN_JIT_ATTENTION_EMIT_SCORES_H_
#define JITATTN_JIT_ATTENTION_EMIT_SCORES_H_

#include <vector>

#include "jit/attention/emit_softmax.h"
#include "jit/attention/tiles_layout.h"

namespace jitattn::jit {

// Emits the scores of a chunk of keys. There is one subroutine per width (in vectors). The narrower
// ones serve the last column group of a short tile and the steps of a causal diagonal.
class EmitScores {
 public:
  static int VecsNeeded(const TilesConfig& config, const AttentionSpec& spec);

  // REQUIRES: `state` holds the address of the tile's state at every emission.
  EmitScores(const TilesContext& ctx, const Xbyak::Reg64& state);

  // Computes the current chunk's scores (fuse_exp: probabilities) for every column group.
  void EmitChunk();

  // The unit of scores before the score parts (EmitScoreParts::unit).
  double unit() const { return parts_.unit(); }
  // Called once per kernel call, before the first chunk.
  void EmitPrepareParts();

  // Emits the subroutines that EmitChunk() calls. REQUIRES: control does not fall into them.
  void EmitSubroutines();

 private:
  // The subroutines' arguments. Every lease gets the same registers.
  struct Arguments {
    Gprs k, stride, keys, hidden, scores;
  };

  Arguments LeaseArguments();
  int KeysAt(int vecs) const;  // keys of the largest register block of this width
  void EmitDiagonal();
  void EmitSkipUnseen(const Xbyak::Reg64& temp);
  void EmitCall();
  void EmitBlock(int keys, int vecs);
  void EmitProducts(EmitTileGemm& gemm, const Xbyak::Reg64& temp);
  void EmitFinish(const EmitTileGemm& gemm, const Xbyak::Reg64& temp);
  void EmitFetchAhead(int keys);
  void EmitFetchValues(int keys);
  void EmitParts(const EmitTileGemm& gemm, const Xbyak::Reg64& temp);
  Xbyak::Address FirstCoordinate(Coordinate what);
  void EmitFirstCoordinate(Coordinate what, const Xbyak::Reg64& to);
  void EmitHide(const EmitTileGemm& gemm, const Xbyak::Reg64& temp);
  void EmitHideOutsideWindow(const EmitTileGemm& gemm, const Xbyak::Reg64& temp);

  const TilesContext& ctx_;
  Assembler& a_;
  EmitSoftmax softmax_;
  EmitScoreParts parts_;
  std::vector<Xbyak::Label> entry_, rescale_;  // by width
  const Xbyak::Reg64 state_;
  Xbyak::Reg64 k_;       // next key
  Xbyak::Reg64 stride_;  // between keys
  Xbyak::Reg64 keys_;    // keys left
  // The number of first lanes that do not see the next key, since it lies behind their right end.
  // Causal: in the first vector; < 0: no mask. Windows: in the whole group. Lane hidden_ + span is
  // the first whose left end lies behind the key.
  Xbyak::Reg64 hidden_;
  Xbyak::Reg64 scores_;  // address of the next key's scores
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_EMIT_SCORES_H_
