// Short emitted loops, each bound by one limit of the machine.

#include "jit/probe.h"

#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jit/assembler.h"

namespace jitattn::jit {
namespace {

// Multiply-adds of one chain in the loop body. Enough to hide the loop's own two instructions (8
// chains × 8 = 64 against 2), few enough for the decoded-instruction cache.
constexpr int kFmaUnroll = 8;

// acc_i += a · b. A chain depends only on itself.
void EmitFma(Assembler& a, DType dtype, int chains) {
  Vecs acc = a.pool().LeaseVecs("accumulators", chains);
  Vecs factors = a.pool().LeaseVecs("factors", 2);
  Gprs repeats = a.pool().LeaseGprs("repeats left");
  for (const Vec& x : acc.regs()) a.Zero(x);
  for (const Vec& x : factors.regs()) a.LoadVec(x, a.Const(0.75));
  a.mov(repeats, a.ptr[a.args() + offsetof(ProbeArgs, repeats)]);
  Xbyak::Label top;
  a.align(32);
  a.L(top);
  for (int i = 0; i < kFmaUnroll; ++i) {
    for (const Vec& x : acc.regs()) {
      dtype == DType::kBF16 ? a.vdpbf16ps(x, factors[0], factors[1])
                            : a.Fma231(x, factors[0], factors[1]);
    }
  }
  a.dec(repeats);
  a.jnz(top, Assembler::T_NEAR);
}

// Takes one step of each stream in turn until the streams end; repeats the whole.
void EmitTraffic(Assembler& a, ProbeSpec::Kind kind, int streams) {
  constexpr int kInFlight = 4;
  const bool copies = kind != ProbeSpec::Kind::kRead;
  Vecs data = a.pool().LeaseVecs("data in flight", kInFlight);
  Gprs src = a.pool().LeaseGprs("streams read", streams);
  Gprs dst = a.pool().LeaseGprs("streams written", copies ? streams : 0);
  Gprs offset = a.pool().LeaseGprs("offset in each stream");
  Gprs end = a.pool().LeaseGprs("bytes of a stream");
  Gprs repeats = a.pool().LeaseGprs("repeats left");

  a.mov(end, a.ptr[a.args() + offsetof(ProbeArgs, stream_bytes)]);
  a.mov(src[0], a.ptr[a.args() + offsetof(ProbeArgs, src)]);
  if (copies) a.mov(dst[0], a.ptr[a.args() + offsetof(ProbeArgs, dst)]);
  for (int s = 1; s < streams; ++s) {
    a.lea(src[s], a.ptr[src[s - 1] + end[0]]);
    if (copies) a.lea(dst[s], a.ptr[dst[s - 1] + end[0]]);
  }
  a.mov(repeats, a.ptr[a.args() + offsetof(ProbeArgs, repeats)]);

  Xbyak::Label again, top;
  a.L(again);
  a.xor_(offset, offset);
  a.align(32);
  a.L(top);
  for (int s = 0; s < streams; ++s) {
    for (int at = 0; at < kProbeStepBytes; at += kInFlight * a.vec_bytes()) {
      for (int i = 0; i < kInFlight; ++i) {
        a.LoadVec(data[i], a.ptr[src[s] + offset[0] + at + i * a.vec_bytes()]);
      }
      for (int i = 0; copies && i < kInFlight; ++i) {
        const Xbyak::Address to = a.ptr[dst[s] + offset[0] + at + i * a.vec_bytes()];
        if (kind == ProbeSpec::Kind::kCopy)
          a.StoreVec(to, data[i]);
        else
          a.vmovntps(to, data[i]);
      }
    }
  }
  a.add(offset, static_cast<int>(kProbeStepBytes));
  a.cmp(offset, end);
  a.jb(top, Assembler::T_NEAR);
  a.dec(repeats);
  a.jnz(again, Assembler::T_NEAR);
  // Non-temporal stores are still in flight here. The fence makes the clock include them.
  if (kind == ProbeSpec::Kind::kCopyNonTemporal) a.sfence();
}

}  // namespace

Probe::Probe(ExecutableMemory memory, double flops_per_repeat)
    : memory_(std::move(memory)),
      entry_(reinterpret_cast<void (*)(const ProbeArgs*)>(
          reinterpret_cast<uintptr_t>(memory_.code().data()))),
      flops_per_repeat_(flops_per_repeat) {}

absl::StatusOr<std::unique_ptr<const Probe>> EmitProbe(const ProbeSpec& spec, const Cpu& cpu) {
  if (spec.isa == Isa::kPortable || spec.isa > cpu.isa) {
    return absl::InvalidArgumentError(absl::StrCat("the probe's isa ", std::string(Name(spec.isa)),
                                                   ": expected avx2 or avx512, at most ",
                                                   std::string(Name(cpu.isa))));
  }
  const bool fma = spec.kind == ProbeSpec::Kind::kFma;
  const int most = fma ? VecRegs(spec.isa) - 2 : kMaxProbeStreams;
  if (spec.chains < 1 || spec.chains > most) {
    return absl::InvalidArgumentError(
        absl::StrCat("chains ", spec.chains, ": expected 1 to ", most));
  }
  const bool pairs = fma && spec.dtype == DType::kBF16;
  if (pairs && (spec.isa != Isa::kAvx512 || !cpu.avx512_bf16)) {
    return absl::InvalidArgumentError("a bf16 probe needs isa avx512 and a CPU with AVX-512 BF16");
  }
  // The checks above rule out every Xbyak::Error: the registers suffice, and nothing else can fail.
  Assembler a(spec.isa, cpu);
  a.Prolog(fma ? ComputeType(spec.dtype) : DType::kF32);
  fma ? EmitFma(a, spec.dtype, spec.chains) : EmitTraffic(a, spec.kind, spec.chains);
  a.Epilog();
  absl::StatusOr<ExecutableMemory> memory = ExecutableMemory::Create(a.Finish());
  if (!memory.ok()) return memory.status();
  const double flops = fma ? (pairs ? 4.0 : 2.0) * kFmaUnroll * spec.chains * a.lanes() : 0;
  return std::unique_ptr<const Probe>(new Probe(*std::move(memory), flops));
}

}  // namespace jitattn::jit
