// The "tiles" and portable kernels over batch, heads and queries.

#ifndef JITATTN_OPS_ATTENTION_TILES_RUNNER_H_
#define JITATTN_OPS_ATTENTION_TILES_RUNNER_H_

#include <cstdint>
#include <memory>

#include "jit/kernel.h"
#include "ops/attention/problem.h"
#include "ops/runner.h"

namespace jitattn::ops {

// A task is `task_rows` queries of one head. With one thread a task is all queries of a head, since
// kernels of 16-bit types convert keys and values once for each call; but not if sequences may have
// several pieces.
std::unique_ptr<Runner> MakeTilesRunner(const AttentionProblem& problem, int64_t task_rows,
                                        std::shared_ptr<const jit::Kernel> kernel, int threads,
                                        double worthwhile_flops);

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_ATTENTION_TILES_RUNNER_H_
