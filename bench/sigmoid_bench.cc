// x · sigmoid(x) by EmitSigmoid in L1: cycles per vector, by variant.

#include "bench/emitted_loop.h"
#include "jit/sigmoid_mul/config.h"
#include "jit/sigmoid_mul/emit_sigmoid.h"

namespace jitattn::bench {
namespace {

void SigmoidMul(benchmark::State& state, Isa isa, DType dtype) {
  const int in_flight = static_cast<int>(state.range(0));
  const auto table = static_cast<jit::PowerTable>(state.range(1));
  const bool reciprocal = state.range(2) != 0;
  if (!HasIsa(state, isa)) return;
  if (!jit::EmitSigmoid::HasTable(table, isa)) return state.SkipWithError("no table");
  if (reciprocal && isa != Isa::kAvx512) return state.SkipWithError("no reciprocal");
  EmittedLoop loop(isa, dtype, 0, [&](jit::Assembler& a, const Xbyak::Reg64& data, auto repeat) {
    const jit::Vecs x = a.pool().LeaseVecs("x", in_flight);
    // The remaining registers hold constants, as in the kernel.
    jit::EmitSigmoid sigmoid(
        a, {.table = table,
            .reciprocal = reciprocal,
            .in_flight = in_flight,
            .constant_registers =
                a.pool().free_vecs() - jit::EmitSigmoid::VecsNeeded(in_flight, table, isa, dtype)});
    sigmoid.LoadConstants();
    repeat([&] {
      for (int i = 0; i < in_flight; ++i) a.LoadVec(x[i], a.ptr[data + i * a.vec_bytes()]);
      sigmoid.Emit(x.regs());
      for (int i = 0; i < in_flight; ++i) {
        a.StoreVec(a.ptr[data + (in_flight + i) * a.vec_bytes()], x[i]);
      }
    });
  });
  const Data data(2 * in_flight * VecBytes(isa));
  loop.Run(state, {.data = data.get()}, in_flight, "cycles/vector");
}

void Shapes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"in_flight", "table", "reciprocal"})->ArgsProduct({{1, 2, 4, 6}, {0, 1, 2}, {0, 1}});
}
BENCHMARK_CAPTURE(SigmoidMul, f32_avx512, Isa::kAvx512, DType::kF32)->Apply(Shapes);
BENCHMARK_CAPTURE(SigmoidMul, f32_avx2, Isa::kAvx2, DType::kF32)->Apply(Shapes);
BENCHMARK_CAPTURE(SigmoidMul, f64_avx512, Isa::kAvx512, DType::kF64)->Apply(Shapes);
BENCHMARK_CAPTURE(SigmoidMul, f64_avx2, Isa::kAvx2, DType::kF64)->Apply(Shapes);

}  // namespace
}  // namespace jitattn::bench

BENCHMARK_MAIN();
