// Times several ways of solving one problem in turn. `jitattn compare` prints the result as a
// table.

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

// One way of solving the problem. It may run in another process.
class Contender {
 public:
  virtual ~Contender() = default;
  // Returns the mean seconds per call over `calls` calls; with `warm`, one untimed call comes
  // first. DeadlineExceeded: gave up after `limit_s`. Unavailable: the contender's process has
  // ended.
  virtual absl::StatusOr<double> Time(int threads, int64_t calls, bool warm, double limit_s) = 0;
  // Returns the seconds of each of `calls` consecutive calls.
  virtual absl::StatusOr<std::vector<double>> TimeEach(int threads, int64_t calls, double limit_s);
  // Overwrites the contender's own copy of the output, so that an old result cannot pass for a new
  // one.
  virtual absl::Status Poison() { return absl::OkStatus(); }
  // Copies the last call's result to the operands' output.
  virtual absl::Status Fetch() { return absl::OkStatus(); }
  // Number of threads in use when `threads` were requested.
  virtual int ThreadsUsed(int threads) const { return threads; }
};

// Contenders for a plan of this library and for a baseline.
std::unique_ptr<Contender> MakePlanContender(const runtime::Operands& operands,
                                             std::shared_ptr<const runtime::Plan> plan);
std::unique_ptr<Contender> MakeBaselineContender(const runtime::Operands& operands,
                                                 std::unique_ptr<Baseline> baseline);

struct ContestEntry {
  Contender* contender = nullptr;
  std::vector<int> threads = {1};  // numbers of threads to try
  // Identifies the thread pool. A pool's threads spin for a while after a call, so a change of pool
  // is followed by a pause before the next sample.
  int pool = 0;
  // Allowed error as a multiple of the bound for this library's kernels. Other libraries promise
  // less: the error of NumPy's exp alone may be 2.5 ulp.
  double tolerance = 1;
};

struct ContestOptions {
  int rounds = 15;
  double seconds = 10;  // in all, shared evenly; a slow entry gets fewer samples
  double min_sample_s = 5e-3;
  double pause_s = 0.05;
  const std::atomic<bool>* stop = nullptr;
  Clock now = SteadyNow;
  std::function<void(double)> sleep;  // replaces the real sleep in tests, if not empty
};

struct Standing {
  std::vector<double> samples;  // seconds of one call
  runtime::Statistics seconds;  // of `samples`
  int threads = 0;              // fastest number of threads
  double max_error = 0;
  std::string failure;  // why there is no time; empty if there is one
  bool wrong = false;   // `failure` is a wrong result
  std::string note;     // remark for the table
};

// Returns standings in the order of the entries. Each entry is verified, and its fastest number of
// threads is searched for, the largest first. Then come rounds with one sample of each entry, in an
// order that rotates, and then each entry is verified again. A wrong entry has no time.
std::vector<Standing> RunContest(runtime::Operands& operands, std::span<const ContestEntry> entries,
                                 const ContestOptions& options);

// Returns 1, 2, 4 … below `most`, then `most`.
std::vector<int> ThreadCounts(int most);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_BASELINES_CONTEST_H_
