// Logit softcap: cap · tanh(score / cap), as in Gemma 2.

#include "jit/attention/softcap.h"

#include <cmath>
#include <cstddef>

#include "jit/attention/args.h"
#include "jit/attention/score_part.h"
#include "jit/parts/emit_tanh.h"

namespace jitattn::jit {
namespace {

class SoftcapPart final : public ScorePart {
 public:
  double Apply(double score, const ScorePlace&, const AttentionArgs& args) const override {
    return args.softcap * std::tanh(score / args.softcap);
  }

  // The factors 1/cap and cap. While tanh is computed, one of its registers is unused by them.
  int VecsNeeded(Isa) const override { return EmitTanh::kVecsNeeded; }
  int SlotsNeeded() const override { return 2; }

  void EmitPrepare(Assembler& a, const ScoreSlots& slots) const override {
    const Vecs lease = a.pool().LeaseVecs("cap", 2);
    const Xbyak::Xmm cap(lease[0].getIdx()), inverse(lease[1].getIdx());
    const Gprs one = a.pool().LeaseGprs("1.0");
    a.mov(one, 0x3ff0000000000000);
    a.vmovq(inverse, one);
    a.vmovsd(cap, a.qword[a.args() + offsetof(AttentionArgs, softcap)]);
    a.vdivsd(inverse, inverse, cap);
    if (a.compute() == DType::kF32) {
      a.vcvtsd2ss(inverse, inverse, inverse);
      a.vcvtsd2ss(cap, cap, cap);
    }
    a.vmovq(a.qword[slots[0]], inverse);
    a.vmovq(a.qword[slots[1]], cap);
  }

  void EmitApply(Assembler& a, const ScoreBlock& block) const override {
    EmitByFactor(a, block, 0);
    {
      EmitTanh tanh(a);
      for (const Vec& x : block.x()) tanh.Emit(x);
    }
    EmitByFactor(a, block, 1);
  }

 private:
  static void EmitByFactor(Assembler& a, const ScoreBlock& block, int slot) {
    const Vecs factor = a.pool().LeaseVecs("factor");
    a.Broadcast(factor, a.qword[block.slots()[slot]]);
    for (const Vec& x : block.x()) a.Mul(x, x, factor);
  }
};

}  // namespace

const ScorePart& Softcap() {
  static constexpr SoftcapPart part;
  return part;
}

}  // namespace jitattn::jit
