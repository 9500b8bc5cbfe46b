// The study that this tuner grew from, repeated with this library's kernels: 32 points (threads ×
// block × type), by default searched by the study's genetic preset with at most 18 evaluations.

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
inline constexpr int kStudyThreads = 8;  // the largest value of `threads`, on every machine

// One point: the default configuration with two fields changed. The study's block of b elements
// becomes kv_block = 4·b keys, since the kernel's smallest block has 32 and the study's 8.
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

// Runs the study and returns its trials in order, each point once. `measurers`: one for f32, one
// for f64, each made for the problem in its type and for kStudyThreads.
absl::StatusOr<std::vector<StudyTrial>> RunStudy(
    const ops::Problem& problem, const Cpu& cpu, const StudyOptions& options,
    runtime::Measurer* const measurers[2], const std::function<void(const StudyTrial&)>& progress);

// Returns the fastest correct trial of type `dtype` with at most `threads`; null if there is none.
const StudyTrial* BestOf(const std::vector<StudyTrial>& trials, DType dtype, int threads);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_MEASURING_STUDY_H_
