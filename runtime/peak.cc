// Measures the peaks of this machine by families of short loops; the best loop counts.

#include "runtime/peak.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "jit/executable_memory.h"
#include "jit/probe.h"
#include "parallel/parallel.h"
#include "parallel/thread_pool.h"

namespace jitattn::runtime {
namespace {

using jit::ProbeArgs;
using jit::ProbeSpec;

// Long enough to make reading the clock and synchronising the threads negligible, short enough to
// fit a sample of the whole family between two timings.
constexpr double kRunSeconds = 300e-6;

// Sleeping threads wake up within about 40 µs. The limit prevents a deadlock in a pool that runs
// the threads one after the other.
constexpr double kMeetingSeconds = 200e-6;

// One loop of a family and its amount of work.
struct Variant {
  std::string name;
  std::function<void(const ProbeArgs&)> run;
  int streams = 1;
  double work_per_repeat = 0;  // of one thread
  int64_t repeats = 1;         // increased until a run lasts kRunSeconds
};

// The memory of all threads, a slice per thread, first touched by its thread.
class Arena {
 public:
  Arena() = default;
  Arena(Arena&& other) noexcept { *this = std::move(other); }
  Arena& operator=(Arena&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Arena() {
    if (memory_ != nullptr) munmap(memory_, bytes_);
  }
  bool Allocate(size_t bytes) {
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return false;
    memory_ = static_cast<char*>(memory);
    bytes_ = bytes;
    return true;
  }
  char* memory() const { return memory_; }

 private:
  char* memory_ = nullptr;
  size_t bytes_ = 0;
};

class FamilyProbe : public PeakProbe {
 public:
  FamilyProbe(std::string what, std::vector<Variant> variants, int threads, int64_t slice_bytes,
              int64_t thread_bytes, Arena arena)
      : what_(std::move(what)),
        variants_(std::move(variants)),
        threads_(threads),
        slice_bytes_(slice_bytes),
        thread_bytes_(thread_bytes),
        arena_(std::move(arena)) {}

  void Sample() override {
    for (Variant& variant : variants_) {
      Seconds seconds = Run(variant);
      // The shortest time of a single thread, since a late start of another thread says nothing
      // about the loop. Checked in every sample, since a thread may have been preempted in the run
      // that set `repeats`.
      while (seconds.shortest < kRunSeconds) {
        const double short_by = std::clamp(1.2 * kRunSeconds / seconds.shortest, 2.0, 64.0);
        variant.repeats =
            static_cast<int64_t>(std::ceil(static_cast<double>(variant.repeats) * short_by));
        seconds = Run(variant);
      }
      const double rate = variant.work_per_repeat * static_cast<double>(variant.repeats) *
                          static_cast<double>(threads_) / seconds.all;
      if (rate > best_) {
        best_ = rate;
        best_name_ = variant.name;
      }
    }
  }

  double best() const override { return best_; }

  std::string describe() const override {
    return absl::StrCat(what_, best_name_.empty() ? "" : ", ", best_name_, ", ", threads_,
                        threads_ == 1 ? " thread" : " threads");
  }

 private:
  struct Job {
    const FamilyProbe* probe;
    const Variant* variant;
    std::atomic<int> arrived{0};
    struct alignas(64) Times {
      double begin = 0, end = 0;
    };
    std::vector<Times> times;
  };

  struct Seconds {
    double all;       // from the first start of a thread to the last end
    double shortest;  // of one thread
  };
  Seconds Run(const Variant& variant) const {
    Job job{.probe = this, .variant = &variant, .times = std::vector<Job::Times>(threads_)};
    const InsistOnHelp all_threads;
    ParallelFor(threads_, Work, &job);
    double begin = std::numeric_limits<double>::infinity(), end = 0, shortest = begin;
    for (const Job::Times& times : job.times) {
      begin = std::min(begin, times.begin);
      end = std::max(end, times.end);
      shortest = std::min(shortest, times.end - times.begin);
    }
    return {end - begin, std::max(shortest, 1e-9)};
  }

  static void Work(int thread, void* context) {
    Job& job = *static_cast<Job*>(context);
    const FamilyProbe& probe = *job.probe;
    char* src = probe.arena_.memory() + thread * probe.thread_bytes_;
    const ProbeArgs args{.src = src,
                         .dst = src + probe.slice_bytes_,
                         .stream_bytes = probe.slice_bytes_ / job.variant->streams,
                         .repeats = job.variant->repeats};
    job.arrived.fetch_add(1);
    const double patience = SteadyNow() + kMeetingSeconds;
    while (job.arrived.load() < probe.threads_ && SteadyNow() < patience) {
    }
    job.times[thread].begin = SteadyNow();
    job.variant->run(args);
    job.times[thread].end = SteadyNow();
  }

  const std::string what_;
  std::vector<Variant> variants_;
  const int threads_;
  const int64_t slice_bytes_;   // read by a thread, which may write as much again
  const int64_t thread_bytes_;  // read and written by a thread
  const Arena arena_;
  double best_ = 0;
  std::string best_name_;
};

// ---- Without emitted code: compiled loops ------------------------------------------------------

template <typename T>
void CompiledFma(const ProbeArgs& args) {
  constexpr int kChains = 32;
  T acc[kChains] = {};
  for (int64_t r = 0; r < args.repeats; ++r) {
    for (int i = 0; i < kChains; ++i) acc[i] = acc[i] * T(0.5) + T(0.75);
  }
  volatile T sink = 0;
  for (const T x : acc) sink = sink + x;
}
constexpr double kCompiledFlops = 2.0 * 32;

void CompiledRead(const ProbeArgs& args) {
  uint64_t sum[4] = {};
  for (int64_t r = 0; r < args.repeats; ++r) {
    for (int64_t at = 0; at < args.stream_bytes; at += 32) {
      for (int i = 0; i < 4; ++i) {
        uint64_t word;
        std::memcpy(&word, args.src + at + 8 * i, 8);
        sum[i] += word;
      }
    }
  }
  volatile uint64_t sink = sum[0] + sum[1] + sum[2] + sum[3];
  static_cast<void>(sink);
}

void CompiledCopy(const ProbeArgs& args) {
  for (int64_t r = 0; r < args.repeats; ++r) {
    std::memcpy(args.dst, args.src, static_cast<size_t>(args.stream_bytes));
  }
}

// ---- Families -----------------------------------------------------------------------------------

// The vector widths of `isa`, widest last.
std::vector<Isa> Widths(Isa isa) {
  if (isa == Isa::kAvx512) return {Isa::kAvx2, Isa::kAvx512};
  return {isa};
}

bool CanEmit(Isa isa) { return isa != Isa::kPortable && jit::ExecutableMemoryAllowed(); }

absl::StatusOr<Variant> Emitted(const ProbeSpec& spec, std::string name, const Cpu& cpu) {
  auto emitted = jit::EmitProbe(spec, cpu);
  if (!emitted.ok()) return emitted.status();
  std::shared_ptr<const jit::Probe> probe = *std::move(emitted);
  return Variant{.name = absl::StrCat(8 * VecBytes(spec.isa), "-bit", name),
                 .run = [probe](const ProbeArgs& args) { probe->Run(args); },
                 .streams = spec.kind == ProbeSpec::Kind::kFma ? 1 : spec.chains,
                 .work_per_repeat = probe->flops_per_repeat()};
}

struct TouchJob {
  char* memory;
  int64_t thread_bytes;
};
void Touch(int thread, void* context) {
  const auto& job = *static_cast<const TouchJob*>(context);
  // Not zeros: some memory controllers are faster with zeros.
  std::memset(job.memory + thread * job.thread_bytes, 0x5a, static_cast<size_t>(job.thread_bytes));
}

}  // namespace

absl::StatusOr<std::unique_ptr<PeakProbe>> MakeFmaProbe(DType dtype, Isa isa, int threads,
                                                        const Cpu& cpu) {
  isa = std::min(isa, cpu.isa);
  const bool pairs = dtype == DType::kBF16 && isa == Isa::kAvx512 && cpu.avx512_bf16;
  if (!pairs) dtype = ComputeType(dtype);
  const std::string what = pairs ? "vdpbf16ps" : absl::StrCat(std::string(Name(dtype)), " FMA");
  std::vector<Variant> variants;
  if (!CanEmit(isa)) {
    variants.push_back({.name = "compiled loops",
                        .run = dtype == DType::kF64 ? CompiledFma<double> : CompiledFma<float>,
                        .work_per_repeat = kCompiledFlops});
  } else {
    // Latency × units chains keep all FMA units busy: 4 × 2 on most CPUs, 5 × 2 on older ones. More
    // chains give the scheduler more freedom.
    for (const Isa width : pairs ? std::vector<Isa>{isa} : Widths(isa)) {
      for (const int chains : {8, 10, 12, 24}) {
        if (chains > VecRegs(width) - 2) continue;
        auto variant = Emitted({ProbeSpec::Kind::kFma, width, dtype, chains}, "", cpu);
        if (!variant.ok()) return variant.status();
        variants.push_back(*std::move(variant));
      }
    }
  }
  return std::make_unique<FamilyProbe>(what, std::move(variants), threads, 0, 0, Arena());
}

absl::StatusOr<std::unique_ptr<PeakProbe>> MakeBandwidthProbe(Traffic traffic, int64_t bytes,
                                                              Isa isa, int threads,
                                                              const Cpu& cpu) {
  isa = std::min(isa, cpu.isa);
  const bool copies = traffic == Traffic::kCopy;
  // A multiple of the steps of every number of streams.
  constexpr int64_t kGrain = jit::kProbeStepBytes * jit::kMaxProbeStreams;
  const int64_t slice = std::max<int64_t>(1, bytes / threads / kGrain) * kGrain;
  const int64_t thread_bytes = slice * (copies ? 2 : 1);
  Arena arena;
  if (!arena.Allocate(static_cast<size_t>(thread_bytes * threads))) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no memory for a bandwidth probe of ", bytes, " bytes"));
  }
  TouchJob touch{arena.memory(), thread_bytes};
  ParallelFor(threads, Touch, &touch);

  std::vector<Variant> variants;
  if (!CanEmit(isa)) {
    variants.push_back({.name = "compiled loops", .run = copies ? CompiledCopy : CompiledRead});
  } else {
    using Kind = ProbeSpec::Kind;
    const std::vector<Kind> kinds = copies ? std::vector<Kind>{Kind::kCopy, Kind::kCopyNonTemporal}
                                           : std::vector<Kind>{Kind::kRead};
    for (const Kind kind : kinds) {
      for (const int streams : {1, 2, 4}) {
        const std::string name =
            absl::StrCat(kind == Kind::kCopyNonTemporal ? " non-temporal" : "", " in ", streams,
                         streams == 1 ? " stream" : " streams");
        auto variant = Emitted({kind, isa, DType::kF32, streams}, name, cpu);
        if (!variant.ok()) return variant.status();
        variants.push_back(*std::move(variant));
      }
    }
  }
  for (Variant& variant : variants) {
    variant.work_per_repeat = static_cast<double>(thread_bytes);  // each byte once
  }
  return std::make_unique<FamilyProbe>(copies ? "copy" : "read", std::move(variants), threads,
                                       slice, thread_bytes, std::move(arena));
}

double MeasureClockHz() {
  constexpr int kUnroll = 64, kTimes = 2000, kTries = 15;
  double best = std::numeric_limits<double>::infinity();
  for (int attempt = 0; attempt < kTries; ++attempt) {
    uint64_t x = 0;
    const double start = SteadyNow();
    for (int i = 0; i < kTimes; ++i) {
#pragma GCC unroll 64
      for (int j = 0; j < kUnroll; ++j) {
        x += 3;
        asm volatile("" : "+r"(x));  // keeps the compiler from merging additions
      }
    }
    best = std::min(best, SteadyNow() - start);
  }
  return kUnroll * kTimes / best;
}

}  // namespace jitattn::runtime
