// The deviation from 1 of the ratio of a kernel's time to itself on this machine, for several
// statistics. LowQuantile was chosen by these figures. Run this on a new machine before trusting
// small gains there:
//   noise [dim] [threads]

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "ops/attention/problem.h"
#include "ops/operation.h"
#include "runtime/machine_flags.h"
#include "runtime/measure.h"

namespace {

namespace ops = jitattn::ops;
using jitattn::runtime::LowQuantile;
using jitattn::runtime::Quantile;

constexpr int kRepeats = 20;

// Largest minus smallest ratio over all repeats, in per cent.
class Width {
 public:
  void Add(double ratio) {
    low_ = std::min(low_, ratio);
    high_ = std::max(high_, ratio);
  }
  double percent() const { return 100 * (high_ - low_); }

 private:
  double low_ = 1, high_ = 1;
};

int Run(int64_t dim, int threads) {
  const ops::Problem problem =
      ops::AttentionProblem{.q_len = dim, .kv_len = dim, .head_dim = dim, .value_dim = dim};
  auto measurer = jitattn::runtime::MakeMeasurer(problem, jitattn::HostCpu(),
                                                 {.conditions = {.threads = threads}});
  if (!measurer.ok()) {
    std::fprintf(stderr, "%s\n", measurer.status().ToString().c_str());
    return 1;
  }
  const jitattn::runtime::MachineWatch watch;
  const ops::Config config = ops::DefaultConfig(problem, jitattn::HostCpu(), threads);
  const ops::Config twice[] = {config, config};
  std::printf("%s, %d threads, against itself: width of the ratio over %d repeats, %%\n",
              ops::Describe(problem).c_str(), threads, kRepeats);
  std::printf("rounds  minimum  low quantile  median  outside the 95 %% interval\n");
  for (const int rounds : {9, 15, 31}) {
    Width minimum, low, median;
    int outside = 0;
    for (int repeat = 0; repeat < kRepeats; ++repeat) {
      const auto race = (*measurer)->Race(twice, rounds, 1e300);
      if (!race.ok()) return 1;
      const std::vector<double>&a = (*race)[0], &b = (*race)[1];
      minimum.Add(Quantile(a, 0) / Quantile(b, 0));
      low.Add(LowQuantile(a) / LowQuantile(b));
      median.Add(Quantile(a, 0.5) / Quantile(b, 0.5));
      const auto ratio = jitattn::runtime::PairedRatio(a, b);
      outside += ratio.low > 1 || ratio.high < 1;
    }
    std::printf("%6d  %7.2f  %12.2f  %6.2f  %d of %d\n", rounds, minimum.percent(), low.percent(),
                median.percent(), outside, kRepeats);
  }
  for (const std::string& flag : watch.Flags()) std::printf("warning: %s\n", flag.c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const int64_t dim = argc > 1 ? std::atoll(argv[1]) : 256;
  const int threads = argc > 2 ? std::atoi(argv[2]) : 1;
  return Run(std::max<int64_t>(1, dim), std::max(1, threads));
}
