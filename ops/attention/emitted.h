// Functions common to the tables of both emitted algorithms of attention.

#ifndef JITATTN_OPS_ATTENTION_EMITTED_H_
#define JITATTN_OPS_ATTENTION_EMITTED_H_

#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/cpu.h"
#include "jit/compile.h"
#include "ops/attention/problem.h"
#include "ops/config.h"
#include "ops/estimate_parts.h"

namespace jitattn::ops {

inline constexpr std::string_view kDegreeWords[] = {"default"};

// A block that already holds every key gains nothing from being longer.
inline void NarrowKvBlock(const Problem& problem, const Cpu&, std::vector<int>& steps) {
  DropBeyond(problem.As<AttentionProblem>().kv_len, steps);
}

// Adapters that turn the emitters' functions into members of an Algorithm.
template <typename C, absl::Status (*kValidate)(const C&, const jit::AttentionSpec&, const Cpu&)>
absl::Status ValidateBy(const Config& config, const Problem& problem, const Cpu& cpu) {
  return kValidate(config.As<C>(), SpecOf(problem.As<AttentionProblem>()), cpu);
}

template <typename C, C (*kCanonical)(C, const jit::AttentionSpec&)>
Config CanonicalBy(const Config& config, const Problem& problem) {
  return kCanonical(config.As<C>(), SpecOf(problem.As<AttentionProblem>()));
}

template <typename C, void (*kEmit)(jit::Assembler&, const jit::AttentionSpec&, const C&),
          jit::ScratchNeeds (*kScratch)(const jit::AttentionSpec&, const C&)>
absl::StatusOr<std::shared_ptr<const jit::Kernel>> CompileBy(const Problem& problem,
                                                             const Config& config, const Cpu& cpu) {
  const jit::AttentionSpec spec = SpecOf(problem.As<AttentionProblem>());
  const C& c = config.As<C>();
  return jit::Compile(KernelName(problem, config), c.isa, cpu, kScratch(spec, c),
                      [&](jit::Assembler& a) { kEmit(a, spec, c); });
}

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_ATTENTION_EMITTED_H_
