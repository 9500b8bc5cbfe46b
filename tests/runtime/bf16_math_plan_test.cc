// Problems whose caller grants the rounding of factors to bf16.

#include <cstdint>
#include <vector>

#include "base/cpu.h"
#include "gtest/gtest.h"
#include "ops/attention/algorithms.h"
#include "ops/attention/problem.h"
#include "ops/operation.h"
#include "runtime/operands.h"
#include "runtime/plan.h"

namespace jitattn::runtime {
namespace {

std::vector<ops::Config> Configs(const ops::AttentionProblem& problem) {
  std::vector<ops::Config> configs = {ops::DefaultConfig(problem, HostCpu(), 1)};
  if (HostCpu().isa == Isa::kPortable) return configs;
  configs.push_back(ops::RowsHeuristic(problem, HostCpu(), 1));
  auto tiles = ops::TilesHeuristic(problem, HostCpu(), 1).As<jit::TilesConfig>();
  for (const auto pv : {jit::PvForm::kNatural, jit::PvForm::kTransposed, jit::PvForm::kPairs}) {
    tiles.pv = pv;
    configs.push_back(ops::Canonical(tiles, problem));
  }
  return configs;
}

// With and without rounding: the configuration decides, and the check allows both.
TEST(Bf16Math, ResultsOfEveryConfigurationPassTheCheck) {
  const struct {
    int64_t q_len, kv_len, head_dim, value_dim;
  } shapes[] = {{1, 5, 3, 2}, {40, 70, 15, 28}, {300, 300, 64, 64}, {130, 1000, 128, 96}};
  for (const auto& shape : shapes) {
    for (const jit::Mask mask : {jit::Mask::kNone, jit::Mask::kCausal}) {
      const ops::AttentionProblem problem{.mask = mask,
                                          .lse = true,
                                          .bf16_math = true,
                                          .heads = 2,
                                          .kv_heads = 2,
                                          .q_len = shape.q_len,
                                          .kv_len = shape.kv_len,
                                          .head_dim = shape.head_dim,
                                          .value_dim = shape.value_dim};
      const auto operands = Operands::Create(problem, {}, 1);
      ASSERT_TRUE(operands.ok()) << operands.status();
      for (const ops::Config& config : Configs(problem)) {
        if (!ops::Validate(config, problem, HostCpu()).ok()) continue;  // not of this CPU
        const auto plan = Plan::Create(problem, HostCpu(), {.use_cache = false, .config = config});
        ASSERT_TRUE(plan.ok()) << plan.status();
        (*operands)->Poison();
        ASSERT_TRUE((*operands)->Run(**plan, 0).ok());
        const ops::Verdict verdict = (*operands)->Check();
        EXPECT_TRUE(verdict.correct) << ops::ToString(config) << ": " << verdict.what;
        // An error that no rounding explains.
        float* const out = static_cast<float*>((*operands)->array((*operands)->arrays() - 1));
        *out += 0.125f;
        EXPECT_FALSE((*operands)->Check().correct) << ops::ToString(config);
      }
    }
  }
}

}  // namespace
}  // namespace jitattn::runtime
