// Peak probes between measurements.

#include "cli/peak_watch.h"

#include <algorithm>

namespace jitattn::cli {
namespace {

// The search needs an occasional look at the peak only, since the clock may drop as the machine
// warms up. The deciding races are short, with a look after each. A look takes several samples:
// beside other programs, most samples that need all cores at once are spoilt.
constexpr int kEvaluationsPerLook = 5;
constexpr int kSamplesPerLook = 4;
constexpr int kLooksAgain = 8;  // a tenth of a second

void Look(runtime::PeakProbe& probe) {
  for (int i = 0; i < kSamplesPerLook; ++i) probe.Sample();
}

}  // namespace

absl::StatusOr<std::unique_ptr<runtime::PeakProbe>> ProbeFor(const ops::Problem& problem,
                                                             const Cpu& cpu,
                                                             const ops::Conditions& conditions) {
  const int threads = conditions.threads;
  if (problem.operation().rate == ops::Rate::kFlops) {
    return runtime::MakeFmaProbe(problem.dtype(), cpu.isa, threads, cpu);
  }
  // Half of the bytes are read and half are written: the probe copies the half that is read. Cold
  // operands come from memory, whatever their size.
  auto bytes = static_cast<int64_t>(ops::Bytes(problem) / 2);
  if (conditions.buffers == ops::Buffers::kCold) bytes = std::max(bytes, 2 * cpu.l3_bytes);
  return runtime::MakeBandwidthProbe(runtime::Traffic::kCopy, bytes, cpu.isa, threads, cpu);
}

runtime::Evaluation PeakWatch::Evaluate(const ops::Config& config, const Limits& limits) {
  if (evaluations_++ % kEvaluationsPerLook == 0) Look(probe_);
  return inner_.Evaluate(config, limits);
}

void PeakWatch::LookAgainIfBelow(double rate) {
  if (probe_.best() >= rate) return;
  for (int look = 0; look < kLooksAgain; ++look) Look(probe_);
}

absl::StatusOr<std::vector<std::vector<double>>> PeakWatch::Race(
    std::span<const ops::Config> configs, int rounds, double deadline_s) {
  auto seconds = inner_.Race(configs, rounds, deadline_s);
  Look(probe_);
  return seconds;
}

}  // namespace jitattn::cli
