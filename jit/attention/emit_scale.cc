// The factor from dot products to scores.

#include "jit/attention/emit_scale.h"

#include <bit>
#include <cstddef>

#include "jit/attention/args.h"

namespace jitattn::jit {

void EmitScale(Assembler& a, const Xbyak::Address& to, double unit) {
  const Vecs lease = a.pool().LeaseVecs("scale");
  const Xbyak::Xmm x(lease[0].getIdx());
  const Gprs bits = a.pool().LeaseGprs("unit");
  a.mov(bits, std::bit_cast<uint64_t>(unit));
  a.vmovq(x, bits);
  a.vmulsd(x, x, a.qword[a.args() + offsetof(AttentionArgs, scale)]);
  if (a.compute() == DType::kF32) a.vcvtsd2ss(x, x, x);
  a.vmovq(to, x);
}

}  // namespace jitattn::jit
