// The "rows" kernel over batch, kv heads and keys.

#ifndef JITATTN_OPS_ATTENTION_ROWS_RUNNER_H_
#define JITATTN_OPS_ATTENTION_ROWS_RUNNER_H_

#include <memory>

#include "jit/attention/rows_config.h"
#include "jit/kernel.h"
#include "ops/attention/problem.h"
#include "ops/runner.h"

namespace jitattn::ops {

// A task is kv_split blocks of the keys of one kv head, for all query rows that share the head. If
// a head has several tasks, each stores its partial result (maximum, sum and weighted sum of V) in
// the run's shared memory, and the thread that finishes the last of them merges all in order. The
// cuts depend only on the sequence's number of keys and the configuration.
std::unique_ptr<Runner> MakeRowsRunner(const AttentionProblem& problem,
                                       const jit::RowsConfig& config,
                                       std::shared_ptr<const jit::Kernel> kernel, int threads,
                                       double worthwhile_flops);

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_ATTENTION_ROWS_RUNNER_H_
