// The study that this tuner grew from, on this library's kernels: 32 points, threads × block ×
// type, by default under its genetic preset of 18 evaluations at most.

#ifndef JITATTN_LAB_MEASURING_STUDY_H_
#define JITATTN_LAB_MEASURING_STUDY_H_

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/cpu.h"
#include "ops/config.h"
#include "ops/problem.h"
#include "runtime/measure.h"
#include "search/strategy.h"

namespace jitattn::lab {

inline constexpr int kStudyEvaluations = 18;
inline constexpr int kStudyThreads = 8;  // the most that a point asks for, whatever the machine has

// One point: the default configuration but for two fields. The study's block of b elements stands
// for 4·b keys whose scores are held at once, since the kernel's smallest block has 32.
struct StudyPoint {
  ops::Problem problem;  // in the point's type
  int threads = 1, block = 8;
  ops::Config config;
};
// Whether a problem of `operation` has points: an algorithm must work in blocks of keys.
bool IsStudied(const ops::Operation& operation);

StudyPoint StudyPointAt(int rank, const ops::Problem& problem, const Cpu& cpu);

struct StudyTrial {
  int rank = -1;
  StudyPoint point;
  runtime::Evaluation evaluation;
};

struct StudyOptions {
  std::string strategy = "genetic-study";
  search::StrategyOptions strategy_options;
  int evaluations = kStudyEvaluations;  // distinct points
  double seconds = 25;
  uint64_t seed = 1;
  const std::atomic<bool>* stop = nullptr;
};

// Trials in the order in which they were made, each point once. `measurers` by type: f32, f64, each
// made for the problem in its type and for kStudyThreads.
absl::StatusOr<std::vector<StudyTrial>> RunStudy(
    const ops::Problem& problem, const Cpu& cpu, const StudyOptions& options,
    runtime::Measurer* const measurers[2], const std::function<void(const StudyTrial&)>& progress);

// The fastest right trial in that type that asks for at most `threads`; null if there is none.
const StudyTrial* BestOf(const std::vector<StudyTrial>& trials, DType dtype, int threads);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_MEASURING_STUDY_H_
