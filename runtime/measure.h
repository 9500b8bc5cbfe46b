// Timing, and what can be trusted of it.

#ifndef JITATTN_RUNTIME_MEASURE_H_
#define JITATTN_RUNTIME_MEASURE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/cpu.h"
#include "ops/conditions.h"
#include "ops/config.h"
#include "ops/problem.h"
#include "runtime/operands.h"
#include "runtime/statistics.h"

namespace jitattn::runtime {

struct Evaluation {
  // kInfeasible: right and timed, but breaks a constraint of the tuning; never a measurer's word.
  enum class Outcome { kMeasured, kCensored, kInfeasible, kWrong, kFailed };
  Outcome outcome = Outcome::kFailed;
  ops::Config config;
  Statistics seconds;
  std::vector<double> samples;
  double emit_s = 0, first_call_s = 0;
  double max_error = 0;
  int64_t scratch_bytes = 0;  // what its plan allocates
  std::string error;          // why it is infeasible, wrong or failed
};

// What the tuner asks of the world; tests script it.
class Measurer {
 public:
  virtual ~Measurer() = default;

  struct Limits {
    int resource = 1;           // multiplies the number of samples
    double incumbent_s = 0;     // > 0: may stop once the candidate is clearly slower than this
    double deadline_s = 1e300;  // on Now(): stop at the next chance
  };

  // Compiles, verifies, times.
  virtual Evaluation Evaluate(const ops::Config& config, const Limits& limits) = 0;

  // Rounds in turn: seconds[i][r] of configs[i] in round r, the fastest of a few samples
  // (RacePasses). Each round has operands and scratch of its own, in memory that the rounds before
  // it did not have, and times everyone in random order. Ends early at the deadline, with the whole
  // rounds it has.
  virtual absl::StatusOr<std::vector<std::vector<double>>> Race(
      std::span<const ops::Config> configs, int rounds, double deadline_s) = 0;

  virtual double Now() = 0;  // seconds, monotonic
  virtual void Wait(double seconds) = 0;
};

// How often a run of that length is timed in one round of a race, and about how long that takes:
// noise only adds time, and what is long has less of it.
int RacePasses(double run_s);
double RaceSeconds(double run_s);

struct MeasureOptions {
  ops::Conditions conditions;
  uint64_t seed = 1;  // of the normal data
  // An evaluation's error is that to the data before rounding to the problem's type, for comparing
  // types; whether a result is right is judged by the type's own reference all the same.
  bool error_to_original = false;
  double min_sample_s = 1e-3;  // iterations are raised until a sample lasts this long
  int min_samples = 7, max_samples = 25;
};

// The real one: plans of this library on normal data. Fails where the problem does not fit memory.
absl::StatusOr<std::unique_ptr<Measurer>> MakeMeasurer(const ops::Problem& problem, const Cpu& cpu,
                                                       const MeasureOptions& options);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_MEASURE_H_
