// S = Q·Kᵀ of one column group of the tile, and what follows on the accumulators.

#ifndef JITATTN_JIT_ATTENTION_EMIT_SCORES_H_
#define JITATTN_JIT_ATTENTION_EMIT_SCORES_H_

#include <vector>

#include "jit/attention/emit_softmax.h"
#include "jit/attention/tiles_layout.h"

namespace jitattn::jit {

// Emits the scores of a chunk of keys, as calls of one subroutine a width (in vectors): narrower
// ones serve the last column group of a short tile and the steps of a causal diagonal.
class EmitScores {
 public:
  static int VecsNeeded(const TilesConfig& config, const AttentionSpec& spec);

  // `state` points to the tile's state wherever this is emitted.
  EmitScores(const TilesContext& ctx, const Xbyak::Reg64& state);

  // Scores, or with them probabilities, of the current chunk for every column group.
  void EmitChunk();

  EmitScoreParts& parts() { return parts_; }

  // What EmitChunk() calls; to be emitted where control does not fall into it.
  void EmitSubroutines();

 private:
  // The subroutines' arguments, in the same registers wherever they are leased.
  struct Arguments {
    Gprs k, stride, keys, hidden, scores;
  };

  Arguments LeaseArguments();
  int KeysAt(int vecs) const;  // of the largest register block of that width
  void EmitDiagonal();
  void EmitSkipUnseen(const Xbyak::Reg64& temp);
  void EmitCall();
  void EmitBlock(int keys, int vecs);
  void EmitProducts(EmitTileGemm& gemm, const Xbyak::Reg64& temp);
  void EmitFinish(const EmitTileGemm& gemm, const Xbyak::Reg64& temp);
  void EmitFetchAhead(int keys);
  void EmitFetchValues(int keys);
  void EmitParts(const EmitTileGemm& gemm, const Xbyak::Reg64& temp);
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
  Xbyak::Reg64 keys_;    // how many
  // First lanes that do not see the next key, which lies behind their right end. Causal: of the
  // first vector; < 0: no mask. Windows: of the whole group; span lanes on is the first one whose
  // left end lies behind the key.
  Xbyak::Reg64 hidden_;
  Xbyak::Reg64 scores_;  // where the next key's scores go
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_EMIT_SCORES_H_
