// 2^x by EmitExp: cycles per vector, by vectors in flight, constants in registers and degree of the
// polynomial.

#include "bench/emitted_loop.h"
#include "jit/parts/emit_exp.h"

namespace jitattn::bench {
namespace {

void Exp2(benchmark::State& state, Isa isa, DType dtype) {
  if (!HasIsa(state, isa)) return;
  const int in_flight = static_cast<int>(state.range(0));
  const int constants = static_cast<int>(state.range(1));
  const int degree = static_cast<int>(state.range(2));
  EmittedLoop loop(isa, ComputeType(dtype), 0,
                   [&](jit::Assembler& a, const Xbyak::Reg64& data, auto repeat) {
                     const jit::Vecs x = a.pool().LeaseVecs("x", in_flight);
                     jit::EmitExp exp(a, in_flight, constants, dtype, degree);
                     exp.LoadConstants();
                     repeat([&] {
                       for (int i = 0; i < in_flight; ++i)
                         a.LoadVec(x[i], a.ptr[data + i * a.vec_bytes()]);
                       exp.Emit(x.regs());
                       for (int i = 0; i < in_flight; ++i) {
                         a.StoreVec(a.ptr[data + (in_flight + i) * a.vec_bytes()], x[i]);
                       }
                     });
                   });
  const Data data(2 * in_flight * VecBytes(isa));
  loop.Run(state, {.data = data.get()}, in_flight, "cycles/vector");
}

template <Isa isa, DType dtype>
void Shapes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"in_flight", "constants", "degree"});
  for (const int degree : jit::EmitExp::Degrees(isa, dtype)) {
    for (const int in_flight : {1, 2, 4, 6}) {
      for (const int constants : {0, 4}) b->Args({in_flight, constants, degree});
    }
  }
}
#define JITATTN_EXP2(name, isa, dtype) \
  BENCHMARK_CAPTURE(Exp2, name, isa, dtype)->Apply(Shapes<isa, dtype>)
JITATTN_EXP2(f32_avx512, Isa::kAvx512, DType::kF32);
JITATTN_EXP2(f32_avx2, Isa::kAvx2, DType::kF32);
JITATTN_EXP2(f64_avx512, Isa::kAvx512, DType::kF64);
JITATTN_EXP2(f64_avx2, Isa::kAvx2, DType::kF64);
JITATTN_EXP2(bf16_avx512, Isa::kAvx512, DType::kBF16);
#undef JITATTN_EXP2

}  // namespace
}  // namespace jitattn::bench

BENCHMARK_MAIN();
