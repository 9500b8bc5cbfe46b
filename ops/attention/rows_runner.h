// The "rows" kernel over batch, kv heads and keys.

#ifndef JITATTN_OPS_ATTENTION_ROWS_RUNNER_H_
#define JITATTN_OPS_ATTENTION_ROWS_RUNNER_H_

#include <memory>

#include "jit/attention/rows_config.h"
#include "jit/kernel.h"
#include "ops/attention/problem.h"
#include "ops/runner.h"

namespace jitattn::ops {

// A task is kv_split blocks of the keys of one kv head, against every query row that shares it. Of
// a head that is more than one task, each leaves its part (maximum, sum and weighted sum of V) in
// memory of the run, and the thread that finishes the last of them merges all in their order. Where
// the keys are cut depends on their number and the configuration alone.
std::unique_ptr<Runner> MakeRowsRunner(const AttentionProblem& problem,
                                       const jit::RowsConfig& config,
                                       std::shared_ptr<const jit::Kernel> kernel, int threads,
                                       double worthwhile_flops);

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_ATTENTION_ROWS_RUNNER_H_
