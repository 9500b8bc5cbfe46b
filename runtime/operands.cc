// What a problem is measured on.

#include "runtime/operands.h"

#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <sstream>
#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "jit/cpu.h"
#include "jit/format.h"
#include "jit/sizes.h"
#include "jit/small_file.h"
#include "runtime/parallel.h"
#include "search/rng.h"

namespace jitattn::runtime {
namespace {

// Between operands: room to see a kernel write beyond its output. The odd number of lines is for
// operands whose size is a power of two, which would share few sets of a cache. It is about half a
// page: CPUs tell a load from an earlier store by the low 12 bits of their addresses, and an output
// that lies a few lines beyond its input in the page would have a kernel's loads wait for its
// stores of a moment ago. Sigmoid-mul in the caches takes 7 % longer at 5 lines.
constexpr int64_t kGuardBytes = 4096;
constexpr int64_t kGapBytes = kGuardBytes + 37 * 64;

// Quiet NaNs whose payload no arithmetic makes.
constexpr uint16_t kPoison16 = 0x7fed;  // as bf16 and as f16
constexpr uint32_t kPoison32 = 0x7fc0dead;
constexpr uint64_t kPoison64 = 0x7ff8deadbeef0001;

constexpr int64_t kFillBlock = 1 << 16;

template <typename T>
struct FillJob {
  T* out;
  int64_t count;
  uint64_t seed;
  int workers;
};

// The sum of four uniform numbers (Irwin–Hall) is normal enough to keep kernels honest, reaches
// ±3.46 σ, and costs one draw instead of a logarithm and a cosine.
template <typename T>
void FillBlocks(int worker, void* context) {
  const auto& job = *static_cast<const FillJob<T>*>(context);
  // σ² of a uniform number of 16 bits is 2³²/12, of four of them 2³²/3.
  // Rounded from the same float64 whatever the type, so that types differ by their rounding alone.
  using Real = jit::Compute<T>;
  const double scale = std::sqrt(3.0) / 65536;
  for (int64_t block = worker; block * kFillBlock < job.count; block += job.workers) {
    search::Rng rng(job.seed * 0x10001 + static_cast<uint64_t>(block));
    const int64_t end = std::min(job.count, (block + 1) * kFillBlock);
    for (int64_t i = block * kFillBlock; i < end; ++i) {
      const uint64_t bits = rng.Bits();
      const int sum = static_cast<int>((bits & 0xffff) + (bits >> 16 & 0xffff) +
                                       (bits >> 32 & 0xffff) + (bits >> 48));
      job.out[i] = static_cast<Real>(scale * (sum - 131070));
    }
  }
}

// In parallel, since the thread that first touches a page decides on which NUMA node it lies.
template <typename T>
void FillInParallel(T* out, int64_t count, uint64_t seed) {
  const int64_t blocks = (count + kFillBlock - 1) / kFillBlock;
  FillJob<T> job{out, count, seed,
                 static_cast<int>(std::clamp<int64_t>(blocks, 1, ThreadBudget(0)))};
  ParallelFor(job.workers, FillBlocks<T>, &job);
}

// Operands without gaps, the usual scale, the mask aligned bottom-right.
jitattn_attention_args DenseArgs(const jit::AttentionProblem& p, Layout layout) {
  jitattn_attention_args args = {};
  args.struct_size = sizeof args;
  args.batch = p.batch, args.q_len = p.q_len, args.kv_len = p.kv_len;
  auto strides = [layout](int64_t(&s)[3], int64_t heads, int64_t rows, int64_t cols) {
    s[0] = heads * rows * cols;
    s[1] = layout == Layout::kHeads ? rows * cols : cols;
    s[2] = layout == Layout::kHeads ? cols : heads * cols;
  };
  strides(args.q_strides, p.heads, p.q_len, p.head_dim);
  strides(args.k_strides, p.kv_heads, p.kv_len, p.head_dim);
  strides(args.v_strides, p.kv_heads, p.kv_len, p.value_dim);
  strides(args.out_strides, p.heads, p.q_len, p.value_dim);
  args.scale = 1 / std::sqrt(static_cast<double>(p.head_dim));
  args.causal_offset = p.kv_len - p.q_len;
  return args;
}

// Cold: twice the last-level cache and the second level of every core, so that what a run brought
// into the caches is gone when its turn comes again.
int64_t ColdBytes() {
  const jit::Cpu& cpu = jit::HostCpu();
  return 2 * (cpu.l3_bytes + cpu.l2_bytes * cpu.physical_cores);
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
  // The guard behind begins at the next whole element: operands end on one.
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

void FillNormal(float* out, int64_t count, uint64_t seed) { FillInParallel(out, count, seed); }
void FillNormal(double* out, int64_t count, uint64_t seed) { FillInParallel(out, count, seed); }
void FillNormal(jit::BFloat16* out, int64_t count, uint64_t seed) {
  FillInParallel(out, count, seed);
}
void FillNormal(jit::Float16* out, int64_t count, uint64_t seed) {
  FillInParallel(out, count, seed);
}

void FillNormal(jit::DType dtype, void* out, int64_t count, uint64_t seed) {
  switch (dtype) {
    case jit::DType::kF64:
      return FillNormal(static_cast<double*>(out), count, seed);
    case jit::DType::kBF16:
      return FillNormal(static_cast<jit::BFloat16*>(out), count, seed);
    case jit::DType::kF16:
      return FillNormal(static_cast<jit::Float16*>(out), count, seed);
    default:
      return FillNormal(static_cast<float*>(out), count, seed);
  }
}

int64_t AvailableMemoryBytes() {
  int64_t available = INT64_MAX;
  std::string name;
  int64_t value;
  std::istringstream meminfo(jit::ReadSmallFile("/proc/meminfo"));
  for (std::string line; std::getline(meminfo, line);) {
    if (std::istringstream(line) >> name >> value && name == "MemAvailable:") {
      available = value * 1024;
    }
  }
  // What the group's files hold in the page cache is given up when needed; what its processes have
  // allocated is not.
  if (const auto limit = jit::ParseInt(jit::ReadSmallFile("/sys/fs/cgroup/memory.max"))) {
    std::istringstream stat(jit::ReadSmallFile("/sys/fs/cgroup/memory.stat"));
    while (stat >> name >> value) {
      if (name == "anon") available = std::min(available, std::max<int64_t>(0, *limit - value));
    }
  }
  return available;
}

absl::StatusOr<std::unique_ptr<Operands>> Operands::Create(const jit::Problem& problem,
                                                           cache::Buffers buffers, uint64_t seed,
                                                           Layout layout) {
  if (absl::Status status = jit::Validate(problem); !status.ok()) return status;
  std::unique_ptr<Operands> o(new Operands);
  o->problem_ = problem;
  o->layout_ = layout;
  o->seed_ = seed;
  jit::DType dtype;
  if (const auto* attention = std::get_if<jit::AttentionProblem>(&problem)) {
    dtype = attention->dtype;
    o->attention_ = DenseArgs(*attention, layout);
    o->inputs_ = 3;
    o->bytes_[0] = attention->batch * o->attention_.q_strides[0];
    o->bytes_[1] = attention->batch * o->attention_.k_strides[0];
    o->bytes_[2] = attention->batch * o->attention_.v_strides[0];
    o->bytes_[3] = attention->batch * o->attention_.out_strides[0];
  } else {
    const auto& silu = std::get<jit::SigmoidMulProblem>(problem);
    dtype = silu.dtype;
    o->sigmoid_mul_ = {.struct_size = sizeof(jitattn_sigmoid_mul_args),
                       .rows = silu.rows,
                       .cols = silu.cols,
                       .x_stride = silu.cols,
                       .out_stride = silu.cols};
    o->inputs_ = 1;
    o->bytes_[0] = o->bytes_[1] = silu.rows * silu.cols;
  }
  int64_t at = kGapBytes;
  for (int i = 0; i <= o->inputs_; ++i) {
    o->bytes_[i] *= jit::SizeOf(dtype);
    o->at_[i] = at;
    at = jit::SizeSum({at, jit::SizeRoundedUp(o->bytes_[i], 64), kGapBytes});
  }
  o->set_bytes_ = at;

  const int64_t available = AvailableMemoryBytes();
  if (o->set_bytes_ > available / 10 * 9) {
    return absl::ResourceExhaustedError(
        jit::Format("%s needs %.1f GiB for its operands, %.1f GiB of memory are free",
                    jit::Describe(problem), static_cast<double>(o->set_bytes_) / (1 << 30),
                    static_cast<double>(available) / (1 << 30)));
  }
  if (buffers == cache::Buffers::kCold) {
    const int64_t wanted = ColdBytes() / o->set_bytes_ + 2;
    o->sets_ = std::clamp<int64_t>(available / 2 / o->set_bytes_, 1, wanted);
  }
  o->memory_bytes_ = static_cast<size_t>(o->sets_ * o->set_bytes_);
  void* memory =
      mmap(nullptr, o->memory_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the system refuses ", o->memory_bytes_, " bytes for operands"));
  }
  o->memory_ = static_cast<char*>(memory);
  for (int64_t set = 0; set < o->sets_; ++set) {
    for (int i = 0; i < o->inputs_; ++i) {
      const int64_t count = o->bytes_[i] / jit::SizeOf(dtype);
      const uint64_t stream = seed * 4 + static_cast<uint64_t>(i);  // the same data in every set
      FillNormal(dtype, o->Operand(set, i), count, stream);
    }
  }
  o->attention_.q = o->sigmoid_mul_.x = o->Operand(0, 0);
  o->attention_.k = o->Operand(0, 1);
  o->attention_.v = o->Operand(0, 2);
  o->attention_.out = o->sigmoid_mul_.out = o->Operand(0, o->inputs_);
  return o;
}

Operands::~Operands() {
  if (memory_ != nullptr) munmap(memory_, memory_bytes_);
}

jitattn_attention_args Operands::AttentionArgs(int64_t set) const {
  jitattn_attention_args args = attention_;
  args.q = Operand(set, 0), args.k = Operand(set, 1), args.v = Operand(set, 2);
  args.out = Operand(set, 3);
  return args;
}

jitattn_sigmoid_mul_args Operands::SigmoidMulArgs(int64_t set) const {
  jitattn_sigmoid_mul_args args = sigmoid_mul_;
  args.x = Operand(set, 0);
  args.out = Operand(set, 1);
  return args;
}

absl::Status Operands::Run(const Plan& plan, int64_t set) const {
  if (jit::OpOf(problem_) == jit::Op::kAttention) return plan.Run(AttentionArgs(set));
  return plan.Run(SigmoidMulArgs(set));
}

void Operands::Poison() {
  char* out = Operand(0, inputs_);
  const int64_t bytes = bytes_[inputs_];
  switch (dtype_bytes()) {
    case 2:
      return Mark(out, bytes, kPoison16);
    case 4:
      return Mark(out, bytes, kPoison32);
    default:
      return Mark(out, bytes, kPoison64);
  }
}

Verdict Operands::Check() {
  const char* out = Operand(0, inputs_);
  const int64_t bytes = bytes_[inputs_];
  const std::string found = dtype_bytes() == 2   ? Examine(out, bytes, kPoison16)
                            : dtype_bytes() == 4 ? Examine(out, bytes, kPoison32)
                                                 : Examine(out, bytes, kPoison64);
  if (!found.empty()) {
    return {.correct = false, .share = std::numeric_limits<double>::infinity(), .what = found};
  }
  if (reference_ == nullptr) {
    if (const auto* attention = std::get_if<jit::AttentionProblem>(&problem_)) {
      reference_ = std::make_unique<Reference>(*attention, attention_);
    } else {
      reference_ =
          std::make_unique<Reference>(std::get<jit::SigmoidMulProblem>(problem_), sigmoid_mul_);
    }
  }
  return reference_->Check(out);
}

std::string_view Name(Layout layout) { return layout == Layout::kHeads ? "heads" : "columns"; }

Layout Effective(Layout layout, const jit::Problem& problem) {
  const auto* p = std::get_if<jit::AttentionProblem>(&problem);
  return p != nullptr && p->heads > 1 ? layout : Layout::kHeads;
}

absl::StatusOr<double> Operands::ErrorToOriginal() {
  if (original_ == nullptr) {
    jit::Problem problem = problem_;
    std::visit([](auto& p) { p.dtype = jit::DType::kF64; }, problem);
    // The same seed and layout: element by element the numbers that these were rounded from.
    auto made = Create(problem, cache::Buffers::kHot, seed_, layout_);
    if (!made.ok()) return made.status();
    original_ = *std::move(made);
    // long double takes ten times as long as the reference of the type itself.
    constexpr double kOps = Reference::kDefaultMaxOps / 10;
    if (const auto* p = std::get_if<jit::AttentionProblem>(&original_->problem_)) {
      original_->reference_ = std::make_unique<Reference>(*p, original_->attention_, kOps);
    } else {
      original_->reference_ = std::make_unique<Reference>(
          std::get<jit::SigmoidMulProblem>(original_->problem_), original_->sigmoid_mul_, kOps);
    }
  }
  double* wide = static_cast<double*>(original_->array(inputs_));
  const int64_t numbers = count(inputs_);
  auto widen = [&](const auto* narrow) {
    for (int64_t i = 0; i < numbers; ++i) wide[i] = static_cast<double>(narrow[i]);
  };
  switch (std::visit([](const auto& p) { return p.dtype; }, problem_)) {
    case jit::DType::kF64:
      widen(static_cast<const double*>(array(inputs_)));
      break;
    case jit::DType::kBF16:
      widen(static_cast<const jit::BFloat16*>(array(inputs_)));
      break;
    case jit::DType::kF16:
      widen(static_cast<const jit::Float16*>(array(inputs_)));
      break;
    default:
      widen(static_cast<const float*>(array(inputs_)));
  }
  return original_->reference_->Check(wide).max_error;
}

}  // namespace jitattn::runtime
