// A measurer that also measures the machine's limit, between the measurements of candidates. So
// speed and limit are measured under the same load and clock.

#ifndef JITATTN_CLI_PEAK_WATCH_H_
#define JITATTN_CLI_PEAK_WATCH_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "base/cpu.h"
#include "ops/conditions.h"
#include "ops/problem.h"
#include "runtime/measure.h"
#include "runtime/peak.h"

namespace jitattn::cli {

// A probe for the limit of the problem: FMA of its type for attention, copy bandwidth for
// sigmoid-mul.
absl::StatusOr<std::unique_ptr<runtime::PeakProbe>> ProbeFor(const ops::Problem& problem,
                                                             const Cpu& cpu,
                                                             const ops::Conditions& conditions);

class PeakWatch final : public runtime::Measurer {
 public:
  // REQUIRES: both outlive this object.
  PeakWatch(runtime::Measurer& inner, runtime::PeakProbe& probe) : inner_(inner), probe_(probe) {}

  runtime::Evaluation Evaluate(const ops::Config& config, const Limits& limits) override;
  absl::StatusOr<std::vector<std::vector<double>>> Race(std::span<const ops::Config> configs,
                                                        int rounds, double deadline_s) override;
  double Now() override { return inner_.Now(); }
  void Wait(double seconds) override { inner_.Wait(seconds); }

  // Samples the probe some more if `rate`, in flop/s or bytes/s, is above the best limit so far.
  // Other work spoilt the samples between the measurements then, and may have ended.
  void LookAgainIfBelow(double rate);

 private:
  runtime::Measurer& inner_;
  runtime::PeakProbe& probe_;
  int evaluations_ = 0;
};

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_PEAK_WATCH_H_
