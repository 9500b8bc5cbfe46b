// Chooses the configuration of a plan and compiles its kernel.

#ifndef JITATTN_RUNTIME_CHOOSE_CONFIG_H_
#define JITATTN_RUNTIME_CHOOSE_CONFIG_H_

#include "absl/status/statusor.h"
#include "base/cpu.h"
#include "runtime/code_cache.h"
#include "runtime/plan.h"

namespace jitattn::runtime {

struct Choice {
  ops::Config config;
  CompiledKernel compiled;
  PlanSource source;
};

// Returns the first of these that compiles: options.config, the record that is found, the default,
// the portable path. source.reason lists those that failed. A configuration in the options is
// binding: an invalid one, or one that the emitter fails on, is an error; only a system without
// executable memory replaces it by the portable path.
absl::StatusOr<Choice> ChooseConfig(const ops::Problem& problem, const Cpu& cpu,
                                    const PlanOptions& options);

// options.layers if set, else the layers of this process, from the environment.
const cache::Layers& LayersOf(const PlanOptions& options);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_CHOOSE_CONFIG_H_
