// A cheap guess at what a configuration costs, for choosing where a search begins.

#ifndef JITATTN_RUNTIME_ESTIMATE_H_
#define JITATTN_RUNTIME_ESTIMATE_H_

#include "jit/config.h"
#include "jit/cpu.h"
#include "jit/problem.h"

namespace jitattn::runtime {

// Cycles of one run by the whole problem's counts: multiply-adds against loads in the register
// block, padding of tiles, what falls out of the caches, threads left idle. Only the order of two
// estimates for the same problem means something. REQUIRES: the config is valid for the problem.
double EstimateCycles(const jit::Problem& problem, const jit::Config& config, const jit::Cpu& cpu);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_ESTIMATE_H_
