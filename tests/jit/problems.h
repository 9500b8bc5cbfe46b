// Specs and configurations of kernels as the problems and configurations of ops/, whose tables say
// what is valid, what is the same point, and what a kernel is called.

#ifndef JITATTN_TESTS_JIT_PROBLEMS_H_
#define JITATTN_TESTS_JIT_PROBLEMS_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/cpu.h"
#include "jit/assembler.h"
#include "jit/attention/rows_kernel.h"
#include "jit/attention/spec.h"
#include "jit/attention/tiles_kernel.h"
#include "jit/compile.h"
#include "jit/kernel.h"
#include "jit/sigmoid_mul/args.h"
#include "ops/attention/algorithms.h"
#include "ops/attention/problem.h"
#include "ops/config.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/algorithms.h"
#include "ops/sigmoid_mul/problem.h"

namespace jitattn::jit::testing {

inline ops::AttentionProblem ProblemOf(const AttentionSpec& spec) {
  return {.dtype = spec.dtype,
          .mask = spec.mask,
          .bias = spec.bias,
          .sinks = spec.sinks,
          .lse = spec.lse,
          .out_gate = spec.gate,
          .bf16_math = spec.bf16_math,
          .kv_type = spec.kv_type,
          .head_dim = spec.head_dim,
          .value_dim = spec.value_dim,
          .kv_scale_block = spec.kv_scale_block,
          .page_size = spec.paged ? 16 : 0};
}

inline ops::SigmoidMulProblem ProblemOf(const SigmoidMulSpec& spec) {
  return {.dtype = spec.dtype,
          .out = spec.out,
          .activation = spec.activation,
          .gate = spec.gate,
          .clamped = spec.clamped};
}

// Here `config` is a configuration of any algorithm: TilesConfig, RowsConfig,
// PortableAttentionConfig, …, or an ops::Config.

template <typename Spec>
absl::StatusOr<std::shared_ptr<const Kernel>> CompileFor(const Spec& spec,
                                                         const ops::Config& config,
                                                         const Cpu& cpu) {
  return ops::Compile(ProblemOf(spec), config, cpu);
}

template <typename Spec>
absl::Status ValidateFor(const Spec& spec, const ops::Config& config, const Cpu& cpu) {
  return ops::Validate(config, ProblemOf(spec), cpu);
}

// Problems have no score parts and no bias; kernels may have.
inline absl::Status ValidateFor(const AttentionSpec& spec, const ops::Config& config,
                                const Cpu& cpu) {
  if (absl::Status s = ops::Validate(config, ProblemOf(spec), cpu); !s.ok()) return s;
  if (const auto* tiles = config.If<TilesConfig>()) return ValidateTiles(*tiles, spec, cpu);
  if (const auto* rows = config.If<RowsConfig>()) return ValidateRows(*rows, spec, cpu);
  return absl::OkStatus();
}

inline absl::StatusOr<std::shared_ptr<const Kernel>> CompileFor(const AttentionSpec& spec,
                                                                const ops::Config& config,
                                                                const Cpu& cpu) {
  const auto* tiles = config.If<TilesConfig>();
  const auto* rows = config.If<RowsConfig>();
  const bool is_problem = !spec.has_score_parts() && spec.bias == Bias::kNone;
  if (is_problem || (!tiles && !rows)) {
    return ops::Compile(ProblemOf(spec), config, cpu);
  }
  return Compile(ops::KernelName(ProblemOf(spec), config), config.isa(), cpu,
                 tiles ? TilesScratch(spec, *tiles) : RowsScratch(spec, *rows), [&](Assembler& a) {
                   tiles ? EmitTiles(a, spec, *tiles) : EmitRows(a, spec, *rows);
                 });
}

template <typename Spec>
ops::Config CanonicalFor(const Spec& spec, const ops::Config& config) {
  return ops::Canonical(config, ProblemOf(spec));
}

// Of the kernel.
template <typename Spec>
std::string NameFor(const Spec& spec, const ops::Config& config) {
  return ops::KernelName(ProblemOf(spec), config);
}

// "attn_f32_d64_causal".
template <typename Spec>
std::string NameOf(const Spec& spec) {
  const ops::Problem problem = ProblemOf(spec);
  return problem.operation().code_name(problem);
}

// "none", "causal", "window".
inline std::string NameOf(Mask mask) {
  return std::string(ops::kAttention.options[0].words[static_cast<size_t>(mask)]);
}

}  // namespace jitattn::jit::testing

#endif  // JITATTN_TESTS_JIT_PROBLEMS_H_
