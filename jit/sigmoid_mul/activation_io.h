// Moves the elements of an activation between memory and registers: one input, two, or pairs.

#ifndef JITATTN_JIT_SIGMOID_MUL_ACTIVATION_IO_H_
#define JITATTN_JIT_SIGMOID_MUL_ACTIVATION_IO_H_

#include <optional>

#include "jit/assembler.h"
#include "jit/sigmoid_mul/args.h"
#include "jit/vector_io.h"

namespace jitattn::jit {

// Rows of pairs g, u, g, u, … are parted by shuffles within 128 bits, since these take one cycle
// and no index. The elements then lie in another order until one permutation of the results. Pairs
// of bf16 are words of 32 bits: each half is the upper half of a float, or one shift away.
class ActivationIo {
 public:
  static int VecsNeeded(const SigmoidMulSpec& spec, Isa isa) { return NeedsOrder(spec, isa); }
  static int StoreVecsNeeded(const SigmoidMulSpec& spec, Isa isa) {
    return VectorIo::StoreVecsNeeded(isa, spec.out_dtype(), TiesOf(spec));
  }

  ActivationIo(Assembler& a, const SigmoidMulSpec& spec);

  // Loads the register of a constant; called once, before the loop.
  void LoadConstants();

  bool has_up() const { return spec_.gate != Gate::kNone; }
  bool is_pairs() const { return spec_.gate == Gate::kPairs; }
  // Whether two vectors can be moved at once.
  bool can_pair() const { return spec_.dtype == spec_.out_dtype() && !is_pairs(); }

  // Bytes in memory of the elements of a vector, and of one.
  int x_bytes() const { return a_.lanes() * spec_.x_step(); }
  int up_bytes() const { return a_.lanes() * SizeOf(spec_.dtype); }
  int out_bytes() const { return out_.vec_bytes(); }
  int out_elem_bytes() const { return out_.elem_bytes(); }
  int pair_alignment() const { return out_.pair_alignment(); }

  VectorIo& in() { return in_; }

  // x and up ← a vector of pairs. REQUIRES: is_pairs(). Clobbers `temp`.
  void LoadPairs(const Vec& x, const Vec& up, const Xbyak::Address& src, const Vec& temp);
  // The same for the first `count` pairs. Clobbers `tail` and both temporary registers.
  void LoadPairs(const Vec& x, const Vec& up, const Xbyak::Reg64& src, const Xbyak::Reg64& count,
                 TailMask& tail, const Vec& temp, const Xbyak::Reg64& half,
                 const Xbyak::Reg64& spare);

  void Store(const Xbyak::Address& dst, const Vec& x);
  void StoreNonTemporal(const Xbyak::Address& dst, const Vec& x);
  void Store(const Xbyak::Address& dst, const Vec& x, const TailMask& tail);
  void StorePair(const Xbyak::Address& dst, const Vec& x, const Vec& y, bool non_temporal);

 private:
  // bf16 goes away from zero where the result is in the middle; that needs inputs without NaNs
  // whose lower half is not 0, which f32 and f16 have.
  static Ties TiesOf(const SigmoidMulSpec& spec) {
    return spec.dtype == DType::kBF16 ? Ties::kAway : Ties::kToEven;
  }
  static bool Shuffles(const SigmoidMulSpec& spec) {
    return spec.gate == Gate::kPairs && spec.dtype != DType::kBF16;
  }
  static bool NeedsOrder(const SigmoidMulSpec& spec, Isa isa) {
    return Shuffles(spec) && isa == Isa::kAvx512;
  }
  // x, up ← the even and the odd elements of `first`, `second`, which is up.
  void Part(const Vec& x, const Vec& up, const Vec& first);
  // Puts the results into the order of memory.
  void Order(const Vec& x);

  Assembler& a_;
  const SigmoidMulSpec spec_;
  VectorIo in_, out_;
  Vecs order_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_SIGMOID_MUL_ACTIVATION_IO_H_
