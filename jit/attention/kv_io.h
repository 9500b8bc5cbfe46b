// Loads vectors of keys and values, widened to the compute type.

#ifndef JITATTN_JIT_ATTENTION_KV_IO_H_
#define JITATTN_JIT_ATTENTION_KV_IO_H_

#include "jit/attention/kv_row.h"
#include "jit/vector_io.h"

namespace jitattn::jit {

// Vectors are counted from a row's first column, or, if the row is not scaled in blocks, from any
// other address in it.
class KvIo {
 public:
  // Registers for scales that a reader of one row must lease.
  static int ScaleVecs(const AttentionSpec& spec, int dim) {
    return KvRow(spec, dim).scaled_in_blocks() ? 1 : 0;
  }

  // `pairs`: vectors are loaded as they are.
  KvIo(Assembler& a, const AttentionSpec& spec, int dim, bool pairs = false)
      : a_(a), row_(spec, dim), io_(a, pairs ? DType::kF32 : KvStorage(spec)) {}

  const KvRow& row() const { return row_; }
  // Bytes of a vector's elements. Blocks have scales in between: see Offset().
  int vec_bytes() const { return row_.integers ? a_.lanes() : io_.vec_bytes(); }
  int Offset(int vec) const;
  int BlockOf(int vec) const { return vec * a_.lanes() / row_.block; }
  bool StartsBlock(int vec) const { return vec * a_.lanes() % row_.block == 0; }

  // x ← vector `vec` of the row at `row`, without a scale. `tail` selects the elements of the row's
  // last vector, null: all.
  void Load(const Vec& x, const Xbyak::RegExp& row, int vec, const TailMask* tail = nullptr);
  // The same, times `scale`, which LoadScale() has set for the vector's block.
  void Load(const Vec& x, const Xbyak::RegExp& row, int vec, const TailMask* tail,
            const Vec& scale);
  // scale ← that of the vector's block, which is at `array` unless it lies in the row. REQUIRES:
  // scaled_in_blocks().
  void LoadScale(const Vec& scale, const Xbyak::RegExp& row, int vec, const Xbyak::RegExp& array);

 private:
  void LoadBytes(const Xbyak::Xmm& x, const Xbyak::RegExp& from, int count);

  Assembler& a_;
  const KvRow row_;
  VectorIo io_;  // of floats
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_KV_IO_H_
