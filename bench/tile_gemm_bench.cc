// The register block of both products by EmitTileGemm: cycles per FMA, with operands in L1. The
// limit is 1 with one FMA unit of this width, and 0.5 with two.

#include "bench/emitted_loop.h"
#include "jit/parts/emit_tile_gemm.h"

namespace jitattn::bench {
namespace {

constexpr int kSteps = 8;  // of the inner dimension, in one repeat

void TileGemm(benchmark::State& state, Isa isa, DType dtype) {
  if (!HasIsa(state, isa)) return;
  const int rows = static_cast<int>(state.range(0)), vecs = static_cast<int>(state.range(1));
  const bool embed = state.range(2) != 0;
  if (embed && isa != Isa::kAvx512) return state.SkipWithError("no embedded broadcast");
  const int vec_bytes = VecBytes(isa), elem_bytes = SizeOf(dtype);
  const int right_bytes = kSteps * vecs * vec_bytes;
  EmittedLoop loop(isa, dtype, 0, [&](jit::Assembler& a, const Xbyak::Reg64& data, auto repeat) {
    jit::EmitTileGemm gemm(a, "accumulators", rows, vecs, embed);
    for (int r = 0; r < rows; ++r) {
      for (int c = 0; c < vecs; ++c) a.Zero(gemm.acc(r, c));
    }
    repeat([&] {
      for (int step = 0; step < kSteps; ++step) {
        gemm.Step(
            [&](int row) { return data + (right_bytes + (row * kSteps + step) * elem_bytes); },
            [&](const jit::Vec& x, int col) {
              a.LoadVec(x, a.ptr[data + (step * vecs + col) * vec_bytes]);
            });
      }
    });
  });
  const Data data(right_bytes + rows * kSteps * elem_bytes);
  loop.Run(state, {.data = data.get()}, kSteps * rows * vecs, "cycles/FMA");
}

void Wide(benchmark::internal::Benchmark* b) {
  b->ArgNames({"rows", "vecs", "embed"});
  for (const auto& [rows, vecs] : {std::pair{6, 4}, {8, 3}, {12, 2}, {14, 1}, {24, 1}}) {
    for (const int embed : {0, 1}) b->Args({rows, vecs, embed});
  }
}
void Narrow(benchmark::internal::Benchmark* b) {
  b->ArgNames({"rows", "vecs", "embed"});
  for (const auto& [rows, vecs] : {std::pair{6, 2}, {4, 3}, {3, 4}, {12, 1}}) {
    b->Args({rows, vecs, 0});
  }
}
BENCHMARK_CAPTURE(TileGemm, f32_avx512, Isa::kAvx512, DType::kF32)->Apply(Wide);
BENCHMARK_CAPTURE(TileGemm, f32_avx2, Isa::kAvx2, DType::kF32)->Apply(Narrow);
BENCHMARK_CAPTURE(TileGemm, f64_avx512, Isa::kAvx512, DType::kF64)->Apply(Wide);

}  // namespace
}  // namespace jitattn::bench

BENCHMARK_MAIN();
