// Problems to audit.

#include "lab/audit_cases.h"

#include <algorithm>
#include <string_view>

#include "ops/attention/problem.h"
#include "ops/sigmoid_mul/problem.h"

namespace jitattn::lab {

std::vector<AuditCase> AuditCases(const Cpu& cpu, int threads) {
  using jit::Mask, ops::AttentionProblem, ops::SigmoidMulProblem;
  std::vector<AuditCase> cases;
  auto add = [&](std::string_view dtype, ops::Problem problem, Isa isa, int count) {
    const auto type = DTypeFromName(dtype);
    if (!type || isa > cpu.isa || count > threads) return;  // only types of this build
    problem.set_dtype(*type);
    cases.push_back({problem, isa, count});
  };
  auto square = [](int64_t n) {
    return AttentionProblem{.q_len = n, .kv_len = n, .head_dim = n, .value_dim = n};
  };
  auto layer = [](int64_t length, int64_t dim, Mask mask = Mask::kNone) {
    return AttentionProblem{
        .mask = mask, .q_len = length, .kv_len = length, .head_dim = dim, .value_dim = dim};
  };
  const AttentionProblem decode{
      .heads = 8, .kv_heads = 2, .q_len = 1, .kv_len = 1024, .head_dim = 128, .value_dim = 128};
  const Isa best = cpu.isa, avx2 = Isa::kAvx2;
  add("f32", square(128), best, 1);
  add("f32", square(200), best, threads);
  add("f32", layer(512, 64), best, 1);
  add("f32", layer(256, 128), best, threads);
  add("f32", layer(512, 64, Mask::kCausal), best, 1);
  add("f64", layer(256, 64), best, 1);
  add("bf16", layer(512, 64), best, 1);
  add("f16", layer(512, 64), best, 1);
  add("f32", decode, best, 1);
  add("f32", SigmoidMulProblem{.rows = 256, .cols = 256}, best, 1);
  add("f32", SigmoidMulProblem{.rows = 1024, .cols = 1024}, best, threads);
  add("f64", SigmoidMulProblem{.rows = 100, .cols = 1000}, best, 1);
  if (best != avx2) {  // else the cases above use AVX2 already, or the CPU lacks it
    add("f32", layer(512, 64), avx2, 1);
    add("f64", square(96), avx2, 1);
    add("f32", SigmoidMulProblem{.rows = 64, .cols = 64}, avx2, 1);
  }
  return cases;
}

}  // namespace jitattn::lab
