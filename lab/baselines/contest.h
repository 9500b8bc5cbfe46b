// Several ways of solving one problem, timed in turn: what `jitattn compare` prints a table of.

#ifndef JITATTN_LAB_BASELINES_CONTEST_H_
#define JITATTN_LAB_BASELINES_CONTEST_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lab/baselines/baseline.h"
#include "lab/measuring/bench_timing.h"
#include "runtime/operands.h"
#include "runtime/plan.h"
#include "runtime/statistics.h"

namespace jitattn::lab {

// One way. The world outside this process is one too.
class Contender {
 public:
  virtual ~Contender() = default;
  // Seconds a call, over `calls` of them, after one that is not timed where `warm`. Gives up after
  // `limit_s`: DeadlineExceeded. Unavailable: it is gone and will not come back.
  virtual absl::StatusOr<double> Time(int threads, int64_t calls, bool warm, double limit_s) = 0;
  // Seconds of each of `calls` calls, one after the other.
  virtual absl::StatusOr<std::vector<double>> TimeEach(int threads, int64_t calls, double limit_s);
  // What was computed before must not pass for what comes next.
  virtual absl::Status Poison() { return absl::OkStatus(); }
  // Brings what the last call computed to where the operands' output is.
  virtual absl::Status Fetch() { return absl::OkStatus(); }
  // Threads in use where it was given `threads`.
  virtual int ThreadsUsed(int threads) const { return threads; }
};

// A plan of this library, and the loops of baselines/.
std::unique_ptr<Contender> MakePlanContender(const runtime::Operands& operands,
                                             std::shared_ptr<const runtime::Plan> plan);
std::unique_ptr<Contender> MakeBaselineContender(const runtime::Operands& operands,
                                                 std::unique_ptr<Baseline> baseline);

struct ContestEntry {
  Contender* contender = nullptr;
  std::vector<int> threads = {1};  // numbers of threads to try
  // Threads of one pool go on spinning for a while after a call: where the pool changes, there is a
  // pause before the next sample.
  int pool = 0;
  // Of the error that this library's kernels are allowed. Others promise less: NumPy's exp alone
  // may be 2.5 units in the last place off.
  double tolerance = 1;
};

struct ContestOptions {
  int rounds = 15;
  double seconds =
      10;  // for all; each may take its share, and is sampled less often where it is slow
  double min_sample_s = 5e-3;
  double pause_s = 0.05;
  const std::atomic<bool>* stop = nullptr;
  Clock now = SteadyNow;
  std::function<void(double)> sleep;  // empty: really
};

struct Standing {
  std::vector<double> samples;  // seconds of one call
  runtime::Statistics seconds;  // of them
  int threads = 0;              // its best number
  double max_error = 0;
  std::string failure;  // why it has no time
  bool wrong = false;   // its result is wrong: that is why
  std::string note;     // what else there is to know
};

// In the order of the entries. First each is verified and finds its best number of threads, the
// largest first; then come the rounds, one sample of each, in an order that rotates; then each is
// verified again. A wrong one has no time.
std::vector<Standing> RunContest(runtime::Operands& operands, std::span<const ContestEntry> entries,
                                 const ContestOptions& options);

// 1, 2, 4 … and `most`.
std::vector<int> ThreadCounts(int most);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_BASELINES_CONTEST_H_
