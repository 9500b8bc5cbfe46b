// Which configuration a plan gets, and its kernel.

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

// In this order, the first that compiles: options.config, else the record that is found, the
// default, the portable path. source.reason tells of each that did not. A config in the options is
// an order: if it is invalid, or the emitter fails on it, that is an error; only a system without
// executable memory turns it into the portable path.
absl::StatusOr<Choice> ChooseConfig(const ops::Problem& problem, const Cpu& cpu,
                                    const PlanOptions& options);

// options.layers, else the process's, from the environment.
const cache::Layers& LayersOf(const PlanOptions& options);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_CHOOSE_CONFIG_H_
