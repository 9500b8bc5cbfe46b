// Measures candidates: one alone (Evaluate), or several in turn (Race).

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
  // kInfeasible: right and timed, but breaks a constraint. Set by the tuner, never by a measurer.
  enum class Outcome { kMeasured, kCensored, kInfeasible, kWrong, kFailed };
  Outcome outcome = Outcome::kFailed;
  ops::Config config;
  Statistics seconds;
  std::vector<double> samples;
  double emit_s = 0, first_call_s = 0;
  double max_error = 0;
  int64_t scratch_bytes = 0;  // allocated by its plan
  std::string error;          // reason of kInfeasible, kWrong or kFailed
};

// The tuner's interface to the machine; tests replace it by a script.
class Measurer {
 public:
  virtual ~Measurer() = default;

  struct Limits {
    int resource = 1;           // multiplies the number of samples
    double incumbent_s = 0;     // > 0: stop once the candidate is clearly slower than this
    double deadline_s = 1e300;  // on the clock of Now(); stop soon after it
  };

  // Compiles, verifies and times a configuration.
  virtual Evaluation Evaluate(const ops::Config& config, const Limits& limits) = 0;

  // Times all configurations in each round. seconds[i][r] is the fastest of a few samples
  // (RacePasses) of configs[i] in round r. Each round has its own operands and scratch, in memory
  // that no round before it used, and times the configurations in random order. Ends early at the
  // deadline and returns the complete rounds.
  virtual absl::StatusOr<std::vector<std::vector<double>>> Race(
      std::span<const ops::Config> configs, int rounds, double deadline_s) = 0;

  virtual double Now() = 0;  // seconds, monotonic
  virtual void Wait(double seconds) = 0;
};

// The number of samples of a run of this length in one round of a race, and about how long they
// take. Noise only adds time; long runs have relatively less of it and need fewer samples.
int RacePasses(double run_s);
double RaceSeconds(double run_s);

struct MeasureOptions {
  ops::Conditions conditions;
  uint64_t seed = 1;  // of the normally distributed data
  // Report errors relative to the data before they were rounded to the problem's type, to compare
  // types. Whether a result is right is still judged by the reference for the type itself.
  bool error_to_original = false;
  double min_sample_s = 1e-3;  // iterations are raised until a sample lasts this long
  int min_samples = 7, max_samples = 25;
};

// Returns the real measurer, which runs plans of this library on normally distributed data. Fails
// if the operands do not fit into memory.
absl::StatusOr<std::unique_ptr<Measurer>> MakeMeasurer(const ops::Problem& problem, const Cpu& cpu,
                                                       const MeasureOptions& options);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_MEASURE_H_
