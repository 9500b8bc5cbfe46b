// The table of attention's portable algorithm.

#include "jit/attention/portable.h"

#include <algorithm>

#include "jit/attention/args.h"
#include "jit/compile.h"
#include "ops/attention/algorithms.h"
#include "ops/attention/tiles_runner.h"
#include "ops/operation.h"

namespace jitattn::ops {
namespace {

using P = AttentionProblem;
using C = PortableAttentionConfig;

constexpr int kTaskTiles[] = {1, 2, 4, 8, 16}, kTaskTilesSteps[] = {1, 4};

constexpr Field kFields[] = {
    IsaField<C>(kNoIsa),
    FieldOf<&C::task_tiles>({.name = "task_tiles",
                             .tag = "",
                             .help = "query tiles a thread takes at a time",
                             .values = kTaskTiles,
                             .is_log = true,
                             .steps = kTaskTilesSteps,
                             .minor = true}),
    ThreadsField<C>(),
};

int TileQueries(DType dtype) { return jit::kPortableTileBytes / SizeOf(ComputeType(dtype)); }

// Assumes two operations a cycle: configurations differ only in the split over threads.
double Estimate(const Problem& problem, const Config& config, const Cpu&) {
  const P& p = problem.As<P>();
  const C& c = config.As<C>();
  const double rows = static_cast<double>(PortableTileRows(p.dtype)) * c.task_tiles;
  const double tasks = static_cast<double>(p.batch * p.heads) *
                       std::max(1.0, std::ceil(static_cast<double>(p.q_len) / rows));
  const double threads = std::min<double>(c.threads, tasks);
  const double rounds = std::ceil(tasks / threads) * threads / tasks;
  return Flops(problem) / 2 / threads * rounds + 20 * tasks / threads;
}

std::unique_ptr<Runner> MakeRunner(const Problem& problem, const Config& config,
                                   std::shared_ptr<const jit::Kernel> kernel, int threads,
                                   double worthwhile) {
  const int64_t task_rows = int64_t{config.As<C>().task_tiles} * PortableTileRows(problem.dtype());
  return MakeTilesRunner(problem.As<P>(), task_rows, std::move(kernel), threads, worthwhile);
}

}  // namespace

const Algorithm kPortableAttention = {
    .name = "portable",
    .fields = kFields,
    .blank = [] { return Config(C{}); },
    .heuristic = PortableAttentionHeuristic,
    .estimate = Estimate,
    .compile = [](const Problem& problem, const Config& config,
                  const Cpu&) -> absl::StatusOr<std::shared_ptr<const jit::Kernel>> {
      return jit::PortableKernel(
          KernelName(problem, config), &jit::RunPortableAttention,
          {.bytes = jit::PortableAttentionScratchBytes(SpecOf(problem.As<P>()))});
    },
    .make_runner = MakeRunner,
    .padded_flops =
        [](const Problem& problem, const Config&) {
          const LaneAxis queries = {LaneAxis::kQueries, TileQueries(problem.dtype())};
          return PaddedFlops(problem.As<P>(), queries, queries);
        },
    .rereads =
        [](const Problem& problem, const Config&) {
          return TileRereads(problem.As<P>(), TileQueries(problem.dtype()));
        },
    .call_bytes = sizeof(jit::AttentionArgs),
};

}  // namespace jitattn::ops
