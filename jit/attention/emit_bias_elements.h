// Reads the elements of a bias and adds them to scores.

#ifndef JITATTN_JIT_ATTENTION_EMIT_BIAS_ELEMENTS_H_
#define JITATTN_JIT_ATTENTION_EMIT_BIAS_ELEMENTS_H_

#include <functional>
#include <span>

#include "jit/assembler.h"
#include "jit/attention/bias.h"

namespace jitattn::jit {

class EmitBiasElements {
 public:
  EmitBiasElements(Assembler& a, const AttentionSpec& spec) : a_(a), spec_(spec) {}

  // Bytes of an element in memory.
  int bytes() const { return BiasBytes(spec_); }

  // ---- Which keys are seen. AVX2 instructions on both ISAs ----

  static constexpr int kScanned = 32;        // elements at a time
  int scan_vecs() const { return bytes(); }  // that 32-byte vectors hold
  int scan_bytes() const { return kScanned * bytes(); }

  // hiding ← the element that hides a key, in every place; hidden ← no test so far.
  void EmitStart(const Vec& hiding, const Vecs& hidden);
  // One more row: hidden ← hidden in both. With `first` and `end`, a key outside [first, end) of
  // the row counts as hidden. Both are within 0 … kScanned. Clobbers temp, and both registers.
  void EmitTest(const Vec& hiding, const Vecs& hidden, const Xbyak::Reg64& row,
                const Xbyak::Reg64* first = nullptr, const Xbyak::Reg64* end = nullptr,
                const Xbyak::Reg64* temp = nullptr);
  // Bit i of `seen` ← whether element i is not hidden. Clobbers `hidden` and temp.
  void EmitSeen(const Xbyak::Reg64& seen, const Vecs& hidden, const Xbyak::Reg64& temp);

  // ---- Their values ----

  // Copies `count` ≥ 1 elements. Clobbers `count` and temp. It replaces loads of whole vectors
  // where a row ends.
  void EmitCopy(const Xbyak::RegExp& to, const Xbyak::Reg64& from, const Xbyak::Reg64& count,
                const Xbyak::Reg64& temp);
  // x ← a vector's worth of elements in the compute type. kSeen: 0, or −∞ where the key is hidden.
  void EmitLoad(const Vec& x, const Xbyak::Address& src);

 private:
  bool values() const { return spec_.bias != Bias::kSeen; }
  void EmitOutside(const Xbyak::Reg64& bound, const Xbyak::Reg64& temp, bool before);
  void EmitBits(const Xbyak::Reg64& bits, const Vec& x);

  Assembler& a_;
  const AttentionSpec& spec_;
};

// Adds a bias to scores. The constructor loads constants.
class EmitBiasSum {
 public:
  static int VecsNeeded(const AttentionSpec& spec, Isa isa);

  EmitBiasSum(Assembler& a, const AttentionSpec& spec);

  // x[i] ← x[i] + log2 e · bias(i), or −∞ where bias(i) is −∞, whatever x[i] is. bias(i) is in
  // memory, as EmitBiasElements::EmitLoad leaves it. A product below the lowest finite number
  // becomes that number, since only −∞ hides a key.
  void Emit(std::span<const Vec> x, const std::function<Xbyak::Address(int i)>& bias);

 private:
  Assembler& a_;
  Vecs infinity_, unit_, lowest_, temp_;
  Opmasks mask_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_EMIT_BIAS_ELEMENTS_H_
