// scale · log2 e.

#include "jit/attention/emit_scale.h"

#include <bit>
#include <cstddef>
#include <numbers>

#include "jit/attention/args.h"

namespace jitattn::jit {

void EmitScale(Assembler& a, const Xbyak::Address& to) {
  const Vecs lease = a.pool().LeaseVecs("scale");
  const Xbyak::Xmm x(lease[0].getIdx());
  const Gprs log2e = a.pool().LeaseGprs("log2 e");
  a.mov(log2e, std::bit_cast<uint64_t>(std::numbers::log2e));
  a.vmovq(x, log2e);
  a.vmulsd(x, x, a.qword[a.args() + offsetof(AttentionArgs, scale)]);
  if (a.compute() == DType::kF32) a.vcvtsd2ss(x, x, x);
  a.vmovq(to, x);
}

}  // namespace jitattn::jit
