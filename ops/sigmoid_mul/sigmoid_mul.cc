// The tables of sigmoid-mul: the operation and its algorithms.

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/small_float.h"
#include "jit/compile.h"
#include "jit/sigmoid_mul/kernel.h"
#include "jit/sigmoid_mul/portable.h"
#include "jitattn/jitattn.h"
#include "ops/check_operand.h"
#include "ops/estimate_parts.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/algorithms.h"
#include "ops/sigmoid_mul/checker.h"
#include "ops/sigmoid_mul/problem.h"
#include "ops/sigmoid_mul/runner.h"

namespace jitattn::ops {
namespace {

using P = SigmoidMulProblem;
using C = jit::SigmoidMulConfig;

jit::SigmoidMulSpec SpecOf(const Problem& problem) { return {.dtype = problem.dtype()}; }

// ---- The "vectors" algorithm

constexpr int kVecs[] = {1, 2, 3, 4, 5, 6};
constexpr int kUnroll[] = {1, 2, 4};
constexpr int kTable[] = {0, 1, 2};
constexpr int kPrefetch[] = {0, 4, 8, 16, 32, 64};
constexpr int kPageAhead[] = {0, 8, 16, 32};
constexpr std::string_view kTableWords[] = {"none", "register", "wide"};

// If the data fit in the L2, so do the page table entries: fetching them ahead gains nothing.
void NarrowPageAhead(const Problem& problem, const Cpu& cpu, std::vector<int>& steps) {
  if (Bytes(problem) <= static_cast<double>(cpu.l2_bytes)) steps = {0};
}

constexpr Field kFields[] = {
    IsaField<C>(),
    FieldOf<&C::vecs>({.name = "vecs", .tag = "_v", .help = "vectors in flight", .values = kVecs}),
    FieldOf<&C::unroll>({.name = "unroll",
                         .tag = "u",
                         .help = "groups of `vecs` vectors an iteration",
                         .values = kUnroll,
                         .is_log = true}),
    FieldOf<&C::table>({.name = "table",
                        .tag = "_t",
                        .help =
                            "powers of two: by shifts (none), from a table in a register with a "
                            "shorter polynomial (register), or wide: with more additions (f32), "
                            "from two registers (f64), by vscalef alone (16-bit types)",
                        .values = kTable,
                        .labels = kTableWords}),
    FieldOf<&C::reciprocal>({.name = "reciprocal",
                             .tag = "_r",
                             .help = "1: vrcp14 and Newton steps, no division",
                             .values = kNoYes}),
    FieldOf<&C::non_temporal>({.name = "non_temporal",
                               .tag = "_nt",
                               .help = "1: stores that bypass the caches",
                               .values = kNoYes,
                               .bypasses_caches = true}),
    FieldOf<&C::prefetch>({.name = "prefetch",
                           .tag = "_p",
                           .help = "cache lines fetched ahead, 0: none",
                           .values = kPrefetch}),
    FieldOf<&C::page_ahead>({.name = "page_ahead",
                             .tag = "a",
                             .help = "prefetch of one line a page, this many pages ahead; 0: none",
                             .values = kPageAhead,
                             .narrow = NarrowPageAhead,
                             .since = 2}),
    ThreadsField<C>(),
};

Config VectorsHeuristic(const Problem& problem, const Cpu& cpu, int threads) {
  const P& p = problem.As<P>();
  C c{.isa = cpu.isa, .threads = WorthwhileThreads(problem, cpu, threads), .vecs = 4};
  if (cpu.isa != Isa::kAvx512) {
    const bool two = p.dtype == DType::kF32 || p.dtype == DType::kBF16;  // bf16: a pair
    c.vecs = two ? 2 : 3;
    c.unroll = p.dtype == DType::kF32 ? 4 : 2;
  }
  // AMD has separate pipes for additions and multiplications; on Intel they share ports.
  if (cpu.vendor == "AuthenticAMD") c.table = jit::PowerTable::kWide;
  if (cpu.isa == Isa::kAvx512 && SizeOf(p.dtype) == 2 && c.table == jit::PowerTable::kWide) {
    c.vecs = 6;
    c.reciprocal = p.dtype == DType::kBF16;  // its results need a second product in either form
  }
  // Non-temporal stores save reading the lines that are overwritten, but lose if these lines are in
  // the cache: for data of 0.9 times the L3, two threads take 1.5 times as long.
  c.non_temporal = Bytes(problem) > static_cast<double>(cpu.l3_bytes);
  // Beyond the L2 the page table entries come from as far away as the data.
  if (Bytes(problem) > static_cast<double>(cpu.l2_bytes)) c.page_ahead = 16;
  return c;
}

double VectorsEstimate(const Problem& problem, const Config& config, const Cpu& cpu) {
  const P& p = problem.As<P>();
  const C& c = config.As<C>();
  const double bytes = SizeOf(p.dtype);
  const double elements = static_cast<double>(p.rows) * static_cast<double>(p.cols);
  const double group = c.vecs * c.unroll;
  // `busy`: cycles in which a vector's polynomial, division and the rest occupy the units.
  // `waiting`: its share of a dependency chain of some 60 cycles, which few vectors do not hide.
  const double lanes = Lanes(c.isa, p.dtype);
  const double busy = (12.0 / cpu.fma_units) * (VecBytes(c.isa) / lanes / 4) + 0.2 / group;
  const double waiting = 60.0 / c.vecs;
  const double vectors = elements / lanes;
  const double compute = vectors * std::max(busy, waiting) / c.threads;
  // Memory delivers about 8 bytes a cycle to one core and twice that to all of them. Ordinary
  // stores read a line before they write it: three transfers instead of two.
  const double traffic = 2 * elements * bytes;
  const bool in_cache = traffic <= 0.8 * static_cast<double>(cpu.l3_bytes);
  double memory;
  if (in_cache) {
    memory = traffic / 25 / c.threads * (c.non_temporal != 0 ? 2 : 1);
  } else {
    memory = traffic / 8 / std::min(c.threads, 2) * (c.non_temporal != 0 ? 1 : 1.35) *
             (c.page_ahead != 0 ? 1 : 1.25);
  }
  return std::max(compute, memory) + (c.threads > 1 ? kForkJoinCycles : 0);
}

absl::StatusOr<std::shared_ptr<const jit::Kernel>> CompileVectors(const Problem& problem,
                                                                  const Config& config,
                                                                  const Cpu& cpu) {
  const C& c = config.As<C>();
  return jit::Compile(KernelName(problem, config), c.isa, cpu, {},
                      [&](jit::Assembler& a) { jit::EmitSigmoidMul(a, SpecOf(problem), c); });
}

std::unique_ptr<Runner> MakeRunner(const Problem& problem, const Config&,
                                   std::shared_ptr<const jit::Kernel> kernel, int threads,
                                   double worthwhile) {
  return MakeSigmoidMulRunner(problem.As<P>(), std::move(kernel), threads, worthwhile);
}

// ---- The portable algorithm

using PortableC = PortableSigmoidMulConfig;

constexpr Field kPortableFields[] = {IsaField<PortableC>(kNoIsa), ThreadsField<PortableC>()};

Config PortableHeuristic(const Problem& problem, const Cpu& cpu, int threads) {
  return PortableC{.threads = WorthwhileThreads(problem, cpu, threads)};
}

// ---- The operation

constexpr Dim kDims[] = {
    DimOf<&P::rows>({.name = "rows",
                     .tag = "r",
                     .flag = "--rows",
                     .help = "rows of sigmoid-mul",
                     .role = Dim::Role::kAtMost,
                     .least = 1}),
    DimOf<&P::cols>({.name = "cols",
                     .tag = "c",
                     .flag = "--cols",
                     .help = "columns of sigmoid-mul",
                     .role = Dim::Role::kAtMost,
                     .least = 1}),
};

constexpr const Algorithm* kAlgorithms[] = {&kVectors, &kPortableSigmoidMul};

absl::StatusOr<Problem> FromFlags(const Problem& stated, std::span<const char> given,
                                  std::optional<int64_t> dim) {
  if (!dim && (!given[0] || !given[1])) {
    return absl::InvalidArgumentError("sigmoid-mul needs --dim, or --rows and --cols");
  }
  P p = stated.As<P>();
  if (!given[0]) p.rows = *dim;
  if (!given[1]) p.cols = *dim;
  return p;
}

double Elements(const Problem& problem) {
  const P& p = problem.As<P>();
  return static_cast<double>(p.rows) * static_cast<double>(p.cols);
}

Arrays ArraysOf(const Problem& problem) {
  const P& p = problem.As<P>();
  return {.array = {Array{"x", 1, 1, p.rows, p.cols}, {"out", 1, 1, p.rows, p.cols}}, .count = 2};
}

Args Bind(const Problem& problem, Layout, std::span<void* const> data) {
  const P& p = problem.As<P>();
  return Args(jitattn_sigmoid_mul_args{.struct_size = sizeof(jitattn_sigmoid_mul_args),
                                       .x = data[0],
                                       .out = data[1],
                                       .rows = p.rows,
                                       .cols = p.cols,
                                       .x_stride = p.cols,
                                       .out_stride = p.cols});
}

// The cost depends only on the number of elements, so a bucket has one row.
Problem BucketOf(const Problem& problem) {
  const P& p = problem.As<P>();
  return P{.dtype = p.dtype, .rows = 1, .cols = LengthBucket(p.rows * p.cols)};
}

}  // namespace

absl::Status CheckArgs(const SigmoidMulProblem& p, const jitattn_sigmoid_mul_args& args) {
  if (absl::Status s = CheckSize("rows", args.rows, p.rows); !s.ok()) return s;
  if (absl::Status s = CheckSize("cols", args.cols, p.cols); !s.ok()) return s;
  if (args.rows == 0 || args.cols == 0) return absl::OkStatus();

  const int bytes = SizeOf(p.dtype);
  Operand x = MakeOperand("x", args.x, bytes, 1, 1, args.rows, args.cols, {0, 0, args.x_stride});
  Operand out =
      MakeOperand("out", args.out, bytes, 1, 1, args.rows, args.cols, {0, 0, args.out_stride});
  if (absl::Status s = CheckOperand(x, bytes); !s.ok()) return s;
  if (absl::Status s = CheckOperand(out, bytes); !s.ok()) return s;
  // In place is allowed: each element is read before it is written, by the same thread.
  if (args.x == args.out && (args.rows == 1 || args.x_stride == args.out_stride)) {
    return CheckOut(out, {});
  }
  return CheckOut(out, {&x});
}

const Algorithm kVectors = {
    .name = "vectors",
    .fields = kFields,
    .blank = [] { return Config(C{}); },
    .validate = [](const Config& config, const Problem& problem,
                   const Cpu&) { return jit::ValidateSigmoidMul(config.As<C>(), SpecOf(problem)); },
    .canonical = [](const Config& config, const Problem&) -> Config {
      return jit::CanonicalSigmoidMul(config.As<C>());
    },
    .heuristic = VectorsHeuristic,
    .estimate = VectorsEstimate,
    .compile = CompileVectors,
    .make_runner = MakeRunner,
    .block = [](const Config& config) { return config.As<C>().vecs * config.As<C>().unroll; },
    .call_bytes = sizeof(jit::SigmoidMulArgs),
};

const Algorithm kPortableSigmoidMul = {
    .name = "portable",
    .fields = kPortableFields,
    .blank = [] { return Config(PortableC{}); },
    .heuristic = PortableHeuristic,
    .estimate =
        [](const Problem& problem, const Config& config, const Cpu&) {
          return Flops(problem) / 2 / config.threads() +
                 (config.threads() > 1 ? kForkJoinCycles : 0);
        },
    .compile = [](const Problem& problem, const Config& config,
                  const Cpu&) -> absl::StatusOr<std::shared_ptr<const jit::Kernel>> {
      return jit::PortableKernel(KernelName(problem, config), &jit::RunPortableSigmoidMul, {});
    },
    .make_runner = MakeRunner,
    .call_bytes = sizeof(jit::SigmoidMulArgs),
};

const Operation kSigmoidMul = {
    .name = "sigmoid-mul",
    .rate = Rate::kBytes,
    .dims = kDims,
    .options = {},
    .algorithms = kAlgorithms,
    .blank = [] { return Problem(P{}); },
    .from_flags = FromFlags,
    .is_of_dim =
        [](const Problem& problem, int64_t dim) {
          const P& p = problem.As<P>();
          return p.rows == dim && p.cols == dim;
        },
    .flops = [](const Problem& problem) { return kSigmoidMulFlops * Elements(problem); },
    .bytes =
        [](const Problem& problem) { return 2.0 * SizeOf(problem.dtype()) * Elements(problem); },
    .describe =
        [](const Problem& problem) {
          const P& p = problem.As<P>();
          return absl::StrCat("sigmoid-mul ", std::string(Name(p.dtype)), " ", p.rows, "×", p.cols);
        },
    .code_name =
        [](const Problem& problem) {
          return absl::StrCat("silu_", std::string(Name(problem.dtype())));
        },
    .bucket = BucketOf,
    .extents =
        [](const Problem& problem) {
          return std::array<double, 4>{std::max(1.0, Elements(problem)), 1, 1, 1};
        },
    .arrays = ArraysOf,
    .has_layouts = false,
    .bind = Bind,
    .check_args =
        [](const Problem& problem, const void* args) {
          return CheckArgs(problem.As<P>(), *static_cast<const jitattn_sigmoid_mul_args*>(args));
        },
    .make_checker =
        [](const Problem& problem, const void* args, double max_ops) {
          return MakeSigmoidMulChecker(
              problem.As<P>(), *static_cast<const jitattn_sigmoid_mul_args*>(args), max_ops);
        },
    .heuristic =
        [](const Problem& problem, const Cpu& cpu, int threads) {
          return cpu.isa == Isa::kPortable ? PortableHeuristic(problem, cpu, threads)
                                           : VectorsHeuristic(problem, cpu, threads);
        },
    // 64 bytes take about 10 cycles with AVX-512, 20 with AVX2.
    .flops_per_cycle =
        [](const Problem& problem, const Cpu& cpu) {
          return 64.0 / SizeOf(problem.dtype()) / (cpu.isa == Isa::kAvx512 ? 10 : 20) *
                 kSigmoidMulFlops;
        },
    .algorithm_of_old =
        [](const std::function<std::string(std::string_view)>& word) {
          return word("isa") == "none" ? &kPortableSigmoidMul : &kVectors;
        },
};

}  // namespace jitattn::ops
