// The configuration used where nothing was tuned.

#ifndef JITATTN_RUNTIME_HEURISTIC_H_
#define JITATTN_RUNTIME_HEURISTIC_H_

#include "jit/config.h"
#include "jit/cpu.h"
#include "jit/problem.h"

namespace jitattn::runtime {

// Always valid for (problem, cpu); uses at most `threads`, fewer where the problem is too small to
// pay for them. Derived from register count, cache sizes and tile waste: see heuristic.cc.
jit::Config DefaultConfig(const jit::Problem& problem, const jit::Cpu& cpu, int threads);

// Floating-point operations that a thread must be given to be worth waking: see heuristic.cc.
double WorthwhileFlops(const jit::Problem& problem, const jit::Cpu& cpu);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_HEURISTIC_H_
