// A measurer without a clock or a kernel: the test defines the cost of each configuration. Also the
// problem and the machine of such tests.

#ifndef JITATTN_TESTS_RUNTIME_SCRIPTED_MEASURER_H_
#define JITATTN_TESTS_RUNTIME_SCRIPTED_MEASURER_H_

#include <algorithm>
#include <cmath>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "base/rng.h"
#include "ops/config.h"
#include "ops/sigmoid_mul/algorithms.h"
#include "ops/sigmoid_mul/problem.h"
#include "runtime/measure.h"
#include "tests/jit/described_cpus.h"

namespace jitattn::runtime {

inline const ops::Problem kProblem = ops::SigmoidMulProblem{.rows = 256, .cols = 256};

// Nothing emitted is run.
inline Cpu TestCpu() { return jit::testing::FullCpu(Isa::kAvx512); }

inline const jit::SigmoidMulConfig& Silu(const ops::Config& config) {
  return config.As<jit::SigmoidMulConfig>();
}

class ScriptedMeasurer : public Measurer {
 public:
  std::function<double(const ops::Config&)> cost = [](const ops::Config&) { return 1e-3; };
  // Not empty: this candidate gives wrong results, or cannot be compiled.
  std::function<std::string(const ops::Config&)> wrong, broken;
  std::function<int64_t(const ops::Config&)> scratch = [](const ops::Config&) { return 0; };
  std::function<double(const ops::Config&)> error = [](const ops::Config&) { return 1e-7; };
  // Effect of the placement in memory: a factor of the cost, by placement. Evaluations have
  // placement 0; the rounds of all races are numbered from 1.
  std::function<double(const ops::Config&, int place)> placement;
  double noise = 0.002;        // one-sided: mean of an exponential, relative
  double evaluation_s = 0.01;  // what the scripted clock moves by
  std::function<void()> after_evaluation;

  std::vector<ops::Config> evaluated;
  std::vector<std::vector<ops::Config>> races;
  double now = 1000;
  double last_deadline = 0, last_incumbent = 0;

  explicit ScriptedMeasurer(uint64_t seed = 1) : rng_(seed) {}

  Evaluation Evaluate(const ops::Config& config, const Limits& limits) override {
    evaluated.push_back(config);
    last_deadline = limits.deadline_s;
    Evaluation e{.config = config};
    last_incumbent = limits.incumbent_s;
    e.scratch_bytes = scratch(config);
    e.max_error = error(config);
    now = std::min(now + evaluation_s, std::max(now, limits.deadline_s));
    if (broken && !broken(config).empty()) {
      e.error = broken(config);
    } else if (wrong && !wrong(config).empty()) {
      e.outcome = Evaluation::Outcome::kWrong;
      e.error = wrong(config);
    } else if (now < limits.deadline_s) {
      e.outcome = Evaluation::Outcome::kMeasured;
      for (int i = 0; i < 7; ++i) e.samples.push_back(Sample(config, 0));
      e.seconds = Summarise(e.samples);
    } else {
      e.error = "no time was left to measure it";
    }
    if (after_evaluation) after_evaluation();
    return e;
  }

  absl::StatusOr<std::vector<std::vector<double>>> Race(std::span<const ops::Config> configs,
                                                        int rounds, double deadline_s) override {
    races.emplace_back(configs.begin(), configs.end());
    std::vector<std::vector<double>> seconds(configs.size());
    for (int r = 0; r < rounds; ++r) {
      ++place_;
      double round_s = 0;
      for (const ops::Config& config : configs) round_s += RaceSeconds(cost(config));
      now = std::min(now + round_s, std::max(now, deadline_s));
      if (now >= deadline_s) break;
      for (size_t i = 0; i < configs.size(); ++i) seconds[i].push_back(Sample(configs[i], place_));
    }
    return seconds;
  }

  double Now() override { return now; }
  void Wait(double seconds) override { now += seconds; }

 private:
  double Sample(const ops::Config& config, int place) {
    const double there = placement ? placement(config, place) : 1;
    return cost(config) * there * (1 - noise * std::log(1 - rng_.Uniform()));
  }

  int place_ = 0;

  Rng rng_;
};

}  // namespace jitattn::runtime

#endif  // JITATTN_TESTS_RUNTIME_SCRIPTED_MEASURER_H_
