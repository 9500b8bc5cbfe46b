// The report of a tuning when the measured limit is doubtful.

#include "cli/tune_report.h"

#include "cli/peak_watch.h"
#include "cli/text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/attention/problem.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/problem.h"
#include "tests/mentions.h"

namespace jitattn::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

// Whose fastest run is at `share` of a peak of 200 G a second.
Tuned TunedAt(double share, const ops::Problem& problem) {
  Tuned tuned{.peak = 200e9, .peak_describe = "f32 FMA, 512-bit, 2 threads"};
  cache::Record& record = tuned.report.record;
  record.problem = problem;
  record.key = cache::MakeKey(problem, {});
  record.config = problem.operation().algorithms.front()->blank();
  record.result.default_config = tuned.report.best_found = record.config;
  record.result.min_s = record.result.median_s = Rate(problem, 1) * 1e9 / (share * tuned.peak);
  tuned.report.finalists = {{.config = record.config}};
  return tuned;
}

TEST(TuneReport, AShareOfThePeak) {
  const Tuned tuned = TunedAt(0.94, ops::AttentionProblem{});
  EXPECT_THAT(ReportText(tuned),
              Mentions({"94.0 %", "200.0 GFLOP/s", "f32 FMA, 512-bit, 2 threads"}));
  EXPECT_THAT(ReportLine(tuned), Mentions({"188.0 GFLOP/s", "94.0 %"}));
}

TEST(TuneReport, NoRunIsAboveWhatTheUnitsCanDo) {
  const Tuned tuned = TunedAt(1.03, ops::AttentionProblem{});
  EXPECT_THAT(ReportText(tuned), Mentions({"200.0 GFLOP/s", "f32 FMA"}));
  EXPECT_THAT(ReportText(tuned) + ReportLine(tuned), Not(HasSubstr("103")));
  EXPECT_DOUBLE_EQ(ReportJson(tuned)["fraction"], 1.03);
}

TEST(TuneReport, AndMayBeAboveWhatACopyTakes) {
  const Tuned tuned = TunedAt(1.03, ops::SigmoidMulProblem{.rows = 8, .cols = 8});
  EXPECT_THAT(ReportText(tuned), Mentions({"200.0 GB/s"}));
  EXPECT_THAT(ReportText(tuned) + ReportLine(tuned), Not(HasSubstr("103")));
}

class CountingProbe : public runtime::PeakProbe {
 public:
  void Sample() override { ++samples; }
  double best() const override { return 100; }
  std::string describe() const override { return "counted"; }
  int samples = 0;
};

class NoMeasurer : public runtime::Measurer {
 public:
  runtime::Evaluation Evaluate(const ops::Config&, const Limits&) override { return {}; }
  absl::StatusOr<std::vector<std::vector<double>>> Race(std::span<const ops::Config>, int,
                                                        double) override {
    return std::vector<std::vector<double>>();
  }
  double Now() override { return 0; }
  void Wait(double) override {}
};

TEST(PeakWatch, LooksAgainWhereARunIsAboveThePeak) {
  NoMeasurer measurer;
  CountingProbe probe;
  PeakWatch watch(measurer, probe);
  watch.LookAgainIfBelow(99);
  EXPECT_EQ(probe.samples, 0);
  watch.LookAgainIfBelow(101);
  EXPECT_GT(probe.samples, 0);
}

}  // namespace
}  // namespace jitattn::cli
