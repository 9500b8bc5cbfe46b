// The data that a problem is measured on.

#include "runtime/operands.h"

#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/cpu.h"
#include "base/format.h"
#include "base/rng.h"
#include "base/sizes.h"
#include "base/small_file.h"
#include "jit/attention/kv_row.h"
#include "parallel/parallel.h"

namespace jitattn::runtime {
namespace {

// Between operands: guards to detect stores outside of the output, and an odd number of lines,
// since operands whose size is a power of two would otherwise compete for few sets of a cache. The
// gap is about half a page: CPUs compare a load with earlier stores by the low 12 bits of the
// address, so if the output began a few lines after its input within a page, loads would wait for
// recent stores. Sigmoid-mul in the caches takes 7 % longer with 5 lines.
constexpr int64_t kGuardBytes = 4096;
constexpr int64_t kGapBytes = kGuardBytes + 37 * 64;

// Quiet NaNs with a payload that no arithmetic produces.
constexpr uint16_t kPoison16 = 0x7fed;  // as bf16 and as f16
constexpr uint32_t kPoison32 = 0x7fc0dead;
constexpr uint64_t kPoison64 = 0x7ff8deadbeef0001;

constexpr int64_t kFillBlock = 1 << 16;

template <typename T, T (*kDraw)(Rng&)>
struct FillJob {
  T* out;
  int64_t count;
  uint64_t seed;
  int workers;

  static void FillBlocks(int worker, void* context) {
    const auto& job = *static_cast<const FillJob*>(context);
    for (int64_t block = worker; block * kFillBlock < job.count; block += job.workers) {
      Rng rng(job.seed * 0x10001 + static_cast<uint64_t>(block));
      const int64_t end = std::min(job.count, (block + 1) * kFillBlock);
      for (int64_t i = block * kFillBlock; i < end; ++i) job.out[i] = kDraw(rng);
    }
  }
};

// In parallel, since the first thread that touches a page determines its NUMA node.
template <typename T, T (*kDraw)(Rng&)>
void FillInParallel(void* out, int64_t count, uint64_t seed) {
  using Job = FillJob<T, kDraw>;
  const int64_t blocks = (count + kFillBlock - 1) / kFillBlock;
  Job job{static_cast<T*>(out), count, seed,
          static_cast<int>(std::clamp<int64_t>(blocks, 1, ThreadBudget(0)))};
  ParallelFor(job.workers, Job::FillBlocks, &job);
}

// Every type is rounded from the same float64 numbers, so that types differ by rounding alone.
template <typename T>
T DrawNumber(Rng& rng) {
  return static_cast<Compute<T>>(rng.NearlyNormal());
}

// Integers and their scales: products are about as large as numbers. NearlyNormal() is below 3.5.
constexpr double kIntegersOfOne = 32;
int8_t DrawInteger(Rng& rng) {
  return static_cast<int8_t>(std::lrint(kIntegersOfOne * rng.NearlyNormal()));
}
float DrawScale(Rng& rng) {
  return static_cast<float>(std::exp2(rng.Uniform(-1, 1)) / kIntegersOfOne);
}

struct Q8Block {
  Float16 scale;
  int8_t elements[jit::kQ8Elements];
};
static_assert(sizeof(Q8Block) == jit::kQ8Bytes);

Q8Block DrawQ8Block(Rng& rng) {
  Q8Block block;
  block.scale = DrawScale(rng);
  for (int8_t& element : block.elements) element = DrawInteger(rng);
  return block;
}

uint8_t DrawSeen(Rng& rng) { return rng.Below(8) != 0; }

template <typename T>
void FillSlopes(T* out, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    out[i] = static_cast<Compute<T>>(
        std::exp2(-8.0 * static_cast<double>(i + 1) / static_cast<double>(count)));
  }
}

// Cold operands take twice the last-level cache and all second-level caches, so that a set has left
// the caches when its turn comes again.
int64_t ColdBytes() {
  const Cpu& cpu = HostCpu();
  return 2 * (cpu.l3_bytes + cpu.l2_bytes * cpu.physical_cores);
}

template <typename F>
void CallWithPoison(int element_bytes, F f) {
  if (element_bytes == 2) return f(kPoison16);
  if (element_bytes == 4) return f(kPoison32);
  f(kPoison64);
}

template <typename Bits>
bool IsAll(const char* bytes, int64_t count, Bits pattern) {
  for (int64_t at = 0; at < count; at += sizeof(Bits)) {
    if (std::memcmp(bytes + at, &pattern, sizeof pattern) != 0) return false;
  }
  return true;
}

template <typename Bits>
std::string Examine(const char* out, int64_t bytes, Bits pattern) {
  if (!IsAll(out - kGuardBytes, kGuardBytes, pattern)) return "wrote before its output";
  // The guard begins directly after the last element.
  if (!IsAll(out + bytes, kGuardBytes, pattern)) return "wrote beyond its output";
  for (int64_t at = 0; at < bytes; at += sizeof(Bits)) {
    if (std::memcmp(out + at, &pattern, sizeof pattern) == 0) {
      return absl::StrCat("did not write element ", at / sizeof(Bits), " of its output");
    }
  }
  return "";
}

template <typename Bits>
void Mark(char* out, int64_t bytes, Bits pattern) {
  for (int64_t at = -kGuardBytes; at < bytes + kGuardBytes; at += sizeof(Bits)) {
    std::memcpy(out + at, &pattern, sizeof pattern);
  }
}

}  // namespace

void FillInput(DType dtype, void* out, int64_t count, uint64_t seed, int index) {
  constexpr uint64_t kStreams = 4;  // of a seed; the first arrays of a run have them
  const uint64_t stream = seed * kStreams + static_cast<uint64_t>(index);
  ops::CallWithType(dtype,
                    [&]<typename T>() { FillInParallel<T, DrawNumber<T>>(out, count, stream); });
}

namespace {

// The numbers of all pages, in random order.
void FillPages(std::span<int32_t> pages, uint64_t seed) {
  Rng rng(seed);
  for (size_t i = 0; i < pages.size(); ++i) pages[i] = static_cast<int32_t>(i);
  rng.Shuffle(pages);
}

}  // namespace

void FillArray(const ops::Problem& problem, int index, uint64_t seed, void* data) {
  const ops::Array array = problem.operation().arrays(problem)[index];
  const DType dtype = array.TypeIn(problem);
  const int64_t bytes = array.count() * SizeOf(dtype);
  const uint64_t stream = seed * ops::Arrays::kMost + static_cast<uint64_t>(index);
  switch (array.fill) {
    case ops::Fill::kBytes:
      return FillInParallel<uint8_t, DrawSeen>(data, bytes, seed);
    case ops::Fill::kIntegers:
      return FillInParallel<int8_t, DrawInteger>(data, bytes, stream);
    case ops::Fill::kQ8Blocks:
      return FillInParallel<Q8Block, DrawQ8Block>(data, bytes / jit::kQ8Bytes, stream);
    case ops::Fill::kScales:
      return FillInParallel<float, DrawScale>(data, array.count(), stream);
    case ops::Fill::kPages:
      return FillPages({static_cast<int32_t*>(data), static_cast<size_t>(array.count())}, seed);
    case ops::Fill::kSlopes:
      return ops::CallWithType(
          dtype, [&]<typename T>() { FillSlopes(static_cast<T*>(data), array.count()); });
    default:
      return FillInput(dtype, data, array.count(), seed, index);
  }
}

int64_t AvailableMemoryBytes() {
  int64_t available = INT64_MAX;
  std::string name;
  int64_t value;
  std::istringstream meminfo(ReadSmallFile("/proc/meminfo"));
  for (std::string line; std::getline(meminfo, line);) {
    if (std::istringstream(line) >> name >> value && name == "MemAvailable:") {
      available = value * 1024;
    }
  }
  // Counts anonymous memory only: the group's page cache is reclaimed when needed.
  if (const auto limit = ParseInt(ReadSmallFile("/sys/fs/cgroup/memory.max"))) {
    std::istringstream stat(ReadSmallFile("/sys/fs/cgroup/memory.stat"));
    while (stat >> name >> value) {
      if (name == "anon") available = std::min(available, std::max<int64_t>(0, *limit - value));
    }
  }
  return available;
}

absl::StatusOr<std::unique_ptr<Operands>> Operands::Create(const ops::Problem& problem,
                                                           const ops::Conditions& conditions,
                                                           uint64_t seed) {
  if (absl::Status status = ops::Validate(problem); !status.ok()) return status;
  std::unique_ptr<Operands> o(new Operands);
  o->problem_ = problem;
  o->layout_ = conditions.layout;
  o->seed_ = seed;
  o->arrays_ = problem.operation().arrays(problem);
  int64_t at = kGapBytes;
  for (int i = 0; i < o->arrays_.count; ++i) {
    o->bytes_[i] = o->arrays_[i].count() * o->element_bytes(i);
    o->at_[i] = at;
    at = SizeSum({at, SizeRoundedUp(o->bytes_[i], 64), kGapBytes});
  }
  o->set_bytes_ = at;

  const int64_t available = AvailableMemoryBytes();
  if (o->set_bytes_ > available / 10 * 9) {
    return absl::ResourceExhaustedError(
        Format("%s needs %.1f GiB for its operands, but only %.1f GiB of memory are free",
               ops::Describe(problem), static_cast<double>(o->set_bytes_) / (1 << 30),
               static_cast<double>(available) / (1 << 30)));
  }
  if (conditions.buffers == ops::Buffers::kCold) {
    const int64_t wanted = ColdBytes() / o->set_bytes_ + 2;
    o->sets_ = std::clamp<int64_t>(available / 2 / o->set_bytes_, 1, wanted);
  }
  o->memory_bytes_ = static_cast<size_t>(o->sets_ * o->set_bytes_);
  void* memory =
      mmap(nullptr, o->memory_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the system refuses to allocate ", o->memory_bytes_, " bytes for operands"));
  }
  o->memory_ = static_cast<char*>(memory);
  for (int64_t set = 0; set < o->sets_; ++set) {
    for (int i = 0; i < o->output(); ++i) {
      if (!o->is_output(i)) FillArray(problem, i, seed, o->Operand(set, i));
    }
  }
  return o;
}

Operands::~Operands() {
  if (memory_ != nullptr) munmap(memory_, memory_bytes_);
}

ops::Args Operands::Args(int64_t set) const {
  void* data[ops::Arrays::kMost];
  for (int i = 0; i < arrays_.count; ++i) data[i] = Operand(set, i);
  return problem_.operation().bind(problem_, layout_, {data, static_cast<size_t>(arrays_.count)});
}

absl::Status Operands::Run(const Plan& plan, int64_t set) const {
  return plan.Run(problem_.operation(), Args(set).get());
}

void Operands::Poison() {
  for (int i = 0; i < arrays_.count; ++i) {
    if (!is_output(i)) continue;
    CallWithPoison(element_bytes(i),
                   [&](auto pattern) { Mark(Operand(0, i), bytes_[i], pattern); });
  }
}

ops::Verdict Operands::Check() {
  for (int i = 0; i < arrays_.count; ++i) {
    if (!is_output(i)) continue;
    std::string found;
    CallWithPoison(element_bytes(i),
                   [&](auto pattern) { found = Examine(Operand(0, i), bytes_[i], pattern); });
    if (found.empty()) continue;
    return {.correct = false, .share = std::numeric_limits<double>::infinity(), .what = found};
  }
  if (checker_ == nullptr) {
    checker_ = problem_.operation().make_checker(problem_, Args(0).get(), ops::kDefaultMaxOps);
  }
  return checker_->Check(Operand(0, output()));
}

absl::StatusOr<double> Operands::ErrorToOriginal() {
  if (original_ == nullptr) {
    ops::Problem problem = problem_;
    problem.set_dtype(DType::kF64);
    // Keys and values of another type are the data themselves, not roundings of it.
    if (!ops::Validate(problem).ok()) return Check().max_error;
    // The same seed and layout: each element here was rounded from the same element there.
    auto made = Create(problem, {.layout = layout_}, seed_);
    if (!made.ok()) return made.status();
    original_ = *std::move(made);
    // The reference in long double takes ten times as long as the reference in the type itself.
    original_->checker_ = problem.operation().make_checker(problem, original_->Args(0).get(),
                                                           ops::kDefaultMaxOps / 10);
  }
  double* wide = static_cast<double*>(original_->array(output()));
  const int64_t numbers = count(output());
  ops::CallWithType(arrays_.output().TypeIn(problem_), [&]<typename T>() {
    const T* narrow = static_cast<const T*>(array(output()));
    for (int64_t i = 0; i < numbers; ++i) wide[i] = static_cast<double>(narrow[i]);
  });
  return original_->checker_->Check(wide).max_error;
}

}  // namespace jitattn::runtime
