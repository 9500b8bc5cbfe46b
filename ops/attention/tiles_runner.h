// One attention kernel over batch, heads and queries.

#ifndef JITATTN_OPS_ATTENTION_TILES_RUNNER_H_
#define JITATTN_OPS_ATTENTION_TILES_RUNNER_H_

#include <cstdint>
#include <memory>

#include "jit/kernel.h"
#include "ops/attention/problem.h"
#include "ops/runner.h"

namespace jitattn::ops {

// A task is `task_rows` queries of one head; on one thread all queries of a head, since a kernel of
// 16-bit types converts keys and values once a call.
std::unique_ptr<Runner> MakeTilesRunner(const AttentionProblem& problem, int64_t task_rows,
                                        std::shared_ptr<const jit::Kernel> kernel, int threads,
                                        double worthwhile_flops);

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_ATTENTION_TILES_RUNNER_H_
