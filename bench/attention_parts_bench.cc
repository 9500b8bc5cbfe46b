// Parts of the attention kernel between its products: packing a tile of queries, and the softmax
// step over stored scores. Cycles per vector of the tile, with data in L1 and L2.

#include <cmath>

#include "bench/emitted_loop.h"
#include "jit/attention/emit_pack.h"
#include "jit/attention/emit_softmax.h"
#include "jit/attention/tiles_layout.h"

namespace jitattn::bench {
namespace {

using jit::TilesFrame;

// Sets the run-time values that the parts read from the stack, for a full tile and `keys` keys.
void FillFrame(jit::Assembler& a, const jit::TilesContext& ctx, const Xbyak::Reg64& queries,
               int keys, const Xbyak::Reg64& temp) {
  auto set = [&](int64_t TilesFrame::*field, int64_t value) {
    a.mov(temp, value);
    a.mov(ctx.at(field), temp);
  };
  set(&TilesFrame::rows, ctx.layout.tile_rows);
  set(&TilesFrame::vecs, ctx.config.q_vecs);
  set(&TilesFrame::keys, keys);
  set(&TilesFrame::first_key, 0);
  set(&TilesFrame::scale, 0);
  a.mov(ctx.at(&TilesFrame::q), queries);
}

void PackQueries(benchmark::State& state, Isa isa) {
  if (!HasIsa(state, isa)) return;
  const int dim = static_cast<int>(state.range(0));
  const jit::AttentionSpec spec{.head_dim = dim, .value_dim = dim};
  const jit::TilesConfig config{.isa = isa};
  const jit::TilesLayout layout(spec, config);
  EmittedLoop loop(isa, spec.dtype, sizeof(TilesFrame),
                   [&](jit::Assembler& a, const Xbyak::Reg64& data, auto repeat) {
                     const jit::TilesContext ctx{a, spec, config, layout, a.rsp};
                     {
                       const jit::Gprs queries = a.pool().LeaseGprs("queries"),
                                       temp = a.pool().LeaseGprs("temp");
                       a.mov(queries, ctx.arg(offsetof(jit::AttentionArgs, q)));
                       FillFrame(a, ctx, queries, 0, temp);
                     }
                     repeat([&] { jit::EmitPackQueries(ctx, data); });
                   });
  const Data scratch(layout.bytes), queries(layout.tile_rows * dim * 4);
  LoopArgs args{.data = scratch.get()};
  args.attention.q = queries.get();
  args.attention.q_stride = dim * 4;
  loop.Run(state, args, static_cast<double>(dim) * config.q_vecs, "cycles/vector");
}

void Softmax(benchmark::State& state, Isa isa) {
  if (!HasIsa(state, isa)) return;
  const int keys = static_cast<int>(state.range(0));
  const jit::AttentionSpec spec;
  const jit::TilesConfig config{.isa = isa, .kv_block = keys};
  const jit::TilesLayout layout(spec, config);
  EmittedLoop loop(isa, spec.dtype, sizeof(TilesFrame),
                   [&](jit::Assembler& a, const Xbyak::Reg64& data, auto repeat) {
                     const jit::TilesContext ctx{a, spec, config, layout, a.rsp};
                     jit::EmitSoftmax softmax(ctx);
                     const jit::Gprs scores = a.pool().LeaseGprs("scores");
                     {
                       const jit::Gprs temp = a.pool().LeaseGprs("temp");
                       FillFrame(a, ctx, temp, keys, temp);
                     }
                     Xbyak::Label rescale;
                     repeat([&] {
                       // Fresh scores in every repeat: repeated exponentials would leave the range.
                       // The copy stands for the stores of Q·Kᵀ and is part of the measured time.
                       const jit::Vecs x = a.pool().LeaseVecs("score");
                       const jit::Gprs count = a.pool().LeaseGprs("count");
                       a.lea(scores, a.ptr[data + layout.scores]);
                       a.Broadcast(x, a.ptr[data]);
                       a.Repeat(count, static_cast<int64_t>(keys) * config.q_vecs, [&] {
                         a.StoreVec(a.ptr[scores[0]], x);
                         a.add(scores, layout.vec_bytes);
                       });
                       // The step advances the state's address; the caller restores it.
                       a.mov(count, data);
                       softmax.EmitStored(data, scores, rescale);
                       a.mov(data, a.ptr[a.args() + static_cast<int>(offsetof(LoopArgs, data))]);
                     });
                     a.L(rescale);  // never reached: every maximum equals its threshold
                     a.ret();
                   });
  const Data scratch(layout.bytes);
  std::fill_n(static_cast<float*>(scratch.get()), layout.bytes / 4, -1.0f);
  loop.Run(state, {.data = scratch.get()}, static_cast<double>(keys) * config.q_vecs,
           "cycles/vector");
}

BENCHMARK_CAPTURE(PackQueries, avx512, Isa::kAvx512)->ArgName("head_dim")->Arg(64)->Arg(128);
BENCHMARK_CAPTURE(PackQueries, avx2, Isa::kAvx2)->ArgName("head_dim")->Arg(64)->Arg(128);
BENCHMARK_CAPTURE(Softmax, avx512, Isa::kAvx512)->ArgName("keys")->Arg(64)->Arg(256);
BENCHMARK_CAPTURE(Softmax, avx2, Isa::kAvx2)->ArgName("keys")->Arg(64)->Arg(256);

}  // namespace
}  // namespace jitattn::bench

BENCHMARK_MAIN();
