// The limits of a problem on this machine.

#include "lab/measuring/bench_limits.h"

#include <utility>

#include "ops/operation.h"

namespace jitattn::lab {
namespace {

std::unique_ptr<runtime::PeakProbe> OrNull(
    absl::StatusOr<std::unique_ptr<runtime::PeakProbe>> probe) {
  return probe.ok() ? *std::move(probe) : nullptr;
}

std::optional<Limit> LimitOf(const runtime::PeakProbe* probe, double demand) {
  if (probe == nullptr || probe->best() <= 0) return std::nullopt;
  return Limit{probe->describe(), demand, probe->best()};
}

}  // namespace

const Limit* Limits::binding() const {
  if (!fma || !traffic) return fma ? &*fma : traffic ? &*traffic : nullptr;
  return fma->seconds() >= traffic->seconds() ? &*fma : &*traffic;
}

double Limits::Fraction(double seconds) const {
  const Limit* limit = binding();
  return limit == nullptr || seconds <= 0 ? 0 : limit->seconds() / seconds;
}

LimitProbes::LimitProbes(const ops::Problem& problem, int64_t resident_bytes, Isa isa, int threads,
                         const Cpu& cpu)
    : flops_(ops::Flops(problem)), bytes_(ops::Bytes(problem)) {
  if (problem.operation().rate == ops::Rate::kFlops) {
    fma_ = OrNull(runtime::MakeFmaProbe(problem.dtype(), isa, threads, cpu));
    if (flops_ < kAlwaysComputeBound * bytes_) {
      traffic_ = OrNull(
          runtime::MakeBandwidthProbe(runtime::Traffic::kRead, resident_bytes, isa, threads, cpu));
    }
  } else {
    // Half of the bytes are read and half are written; the probe's buffer is the half that is read.
    traffic_ = OrNull(runtime::MakeBandwidthProbe(runtime::Traffic::kCopy, resident_bytes / 2, isa,
                                                  threads, cpu));
  }
}

void LimitProbes::Sample() {
  if (fma_ != nullptr) fma_->Sample();
  if (traffic_ != nullptr) traffic_->Sample();
}

Limits LimitProbes::limits() const {
  return {LimitOf(fma_.get(), flops_), LimitOf(traffic_.get(), bytes_)};
}

}  // namespace jitattn::lab
