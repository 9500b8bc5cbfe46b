// The tables of sigmoid-mul: the operation and its algorithms.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

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

jit::SigmoidMulSpec SpecOf(const Problem& problem) { return SpecOf(problem.As<P>()); }

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
  const jit::SigmoidMulSpec spec = SpecOf(p);
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
  c = jit::CanonicalSigmoidMul(c, spec);
  // Other functions, and factors, take more registers a vector than SiLU.
  while (c.vecs > 1 && !jit::ValidateSigmoidMul(c, spec).ok()) --c.vecs;
  return c;
}

double VectorsEstimate(const Problem& problem, const Config& config, const Cpu& cpu) {
  const P& p = problem.As<P>();
  const C& c = config.As<C>();
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
  const double traffic = Bytes(problem);
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

constexpr std::string_view kTypeWords[] = {"same", "f32", "f64", "bf16", "f16"};
constexpr std::string_view kActivationWords[] = {"silu",      "quick-gelu", "gelu",
                                                 "gelu-tanh", "relu2",      "hard-swish"};
constexpr std::string_view kGateWords[] = {"none", "two", "pairs"};
constexpr std::string_view kClampedWords[] = {"no", "yes"};

constexpr Option kOptions[] = {
    OptionOf<&P::activation>(
        {.name = "function",
         .words = kActivationWords,
         .flag = "--function",
         .help = "of sigmoid-mul: silu, quick-gelu, gelu, gelu-tanh, relu2 or hard-swish (silu)",
         .takes_word = true,
         .is_extra = true}),
    OptionOf<&P::gate>({.name = "gate",
                        .words = kGateWords,
                        .flag = "--gate",
                        .help = "inputs of sigmoid-mul: none, one; two, gate and factor in two "
                                "matrices; pairs, in turn in one of twice the columns (none)",
                        .takes_word = true,
                        .is_extra = true}),
    OptionOf<&P::clamped>(
        {.name = "clamped",
         .words = kClampedWords,
         .flag = "--clamped",
         .help = "gates are bounded by a limit, and an offset is added to factors",
         .is_extra = true}),
    OptionOf<&P::out>({.name = "out_dtype",
                       .words = kTypeWords,
                       .flag = "--out-dtype",
                       .help = "type of the output of sigmoid-mul (same)",
                       .takes_word = true,
                       .is_extra = true}),
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
  if (p.out != jit::OutType::kSame && SpecOf(p).out_dtype() == p.dtype) p.out = jit::OutType::kSame;
  return p;
}

absl::Status ValidateOptions(const Problem& problem) {
  const P& p = problem.As<P>();
  const DType out = SpecOf(p).out_dtype();
  const std::string name(Name(out));
  if (p.out != jit::OutType::kSame && out == p.dtype) {
    return absl::InvalidArgumentError(
        absl::StrCat("out_dtype ", name, ": must be same if it equals dtype"));
  }
  if ((out == DType::kF64) != (p.dtype == DType::kF64)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "out_dtype ", name, " of dtype ", std::string(Name(p.dtype)), ": f64 goes only with f64"));
  }
  if (p.clamped && p.gate == jit::Gate::kNone) {
    return absl::InvalidArgumentError("clamped yes, but gate none: only gates are clamped");
  }
  return absl::OkStatus();
}

double Elements(const Problem& problem) {
  const P& p = problem.As<P>();
  return static_cast<double>(p.rows) * static_cast<double>(p.cols);
}

Arrays ArraysOf(const Problem& problem) {
  const P& p = problem.As<P>();
  // Half of the largest number of columns may be doubled without overflow; Validate refuses more.
  const bool pairs = p.gate == jit::Gate::kPairs && p.cols <= INT64_MAX / 2;
  const Array x = {"x", 1, 1, p.rows, pairs ? 2 * p.cols : p.cols};
  const Array up = {"up", 1, 1, p.rows, p.cols};
  const Array out = {"out", 1, 1, p.rows, p.cols, SpecOf(p).out_dtype()};
  if (p.gate == jit::Gate::kTwo) return {.array = {x, up, out}, .count = 3};
  return {.array = {x, out}, .count = 2};
}

Args Bind(const Problem& problem, Layout, std::span<void* const> data) {
  const P& p = problem.As<P>();
  const bool two = p.gate == jit::Gate::kTwo;
  jitattn_activation_args args{.struct_size = sizeof(jitattn_activation_args),
                               .x = data[0],
                               .up = two ? data[1] : nullptr,
                               .out = data[data.size() - 1],
                               .rows = p.rows,
                               .cols = p.cols,
                               .x_stride = p.gate == jit::Gate::kPairs ? 2 * p.cols : p.cols,
                               .up_stride = two ? p.cols : 0,
                               .out_stride = p.cols,
                               .alpha = kQuickAlpha};
  if (p.clamped) {  // the numbers of the GPT-OSS models
    args.limit = 7;
    args.up_offset = 1;
  }
  return Args(args);
}

// The cost depends only on the number of elements, so a bucket has one row.
Problem BucketOf(const Problem& problem) {
  const P& p = problem.As<P>();
  P bucket = p;
  bucket.rows = 1;
  bucket.cols = LengthBucket(p.rows * p.cols);
  return bucket;
}

// "silu_f32", "quick_gelu_pairs_clamped_bf16_to_f32".
std::string CodeName(const Problem& problem) {
  const P& p = problem.As<P>();
  constexpr std::string_view kNames[] = {"silu",      "quick_gelu", "gelu",
                                         "gelu_tanh", "relu2",      "hard_swish"};
  std::string name(kNames[static_cast<int>(p.activation)]);
  if (p.gate != jit::Gate::kNone) {
    absl::StrAppend(&name, "_", std::string(kGateWords[static_cast<int>(p.gate)]));
  }
  if (p.clamped) name += "_clamped";
  absl::StrAppend(&name, "_", std::string(Name(p.dtype)));
  if (p.out != jit::OutType::kSame) {
    absl::StrAppend(&name, "_to_", std::string(Name(SpecOf(p).out_dtype())));
  }
  return name;
}

// "sigmoid-mul f32 64×64", "sigmoid-mul gelu f32 to bf16 64×64, gate two, clamped".
std::string DescribeProblem(const Problem& problem) {
  const P& p = problem.As<P>();
  std::string text = "sigmoid-mul ";
  if (p.activation != jit::Activation::kSilu) {
    absl::StrAppend(&text, std::string(kActivationWords[static_cast<int>(p.activation)]), " ");
  }
  absl::StrAppend(&text, std::string(Name(p.dtype)));
  if (p.out != jit::OutType::kSame) {
    absl::StrAppend(&text, " to ", std::string(Name(SpecOf(p).out_dtype())));
  }
  absl::StrAppend(&text, " ", p.rows, "×", p.cols);
  if (p.gate != jit::Gate::kNone) {
    absl::StrAppend(&text, ", gate ", std::string(kGateWords[static_cast<int>(p.gate)]));
  }
  return p.clamped ? text + ", clamped" : text;
}

double BytesOf(const Problem& problem) {
  const P& p = problem.As<P>();
  const int inputs = p.gate == jit::Gate::kNone ? 1 : 2;
  return (inputs * SizeOf(p.dtype) + SizeOf(SpecOf(p).out_dtype())) * Elements(problem);
}

// The numbers of a run, as far as the problem's code has them.
absl::Status CheckNumbers(const P& p, const jitattn_activation_args& args) {
  if (p.activation == jit::Activation::kQuickGelu &&
      !(args.alpha >= kLeastAlpha && args.alpha <= 1 / kLeastAlpha)) {
    return absl::InvalidArgumentError(
        absl::StrCat("alpha ", args.alpha, ": must be in 2^-16 … 2^16"));
  }
  if (!p.clamped) {
    const bool none = (args.limit == 0 || args.limit == INFINITY) && args.up_offset == 0;
    if (none) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("limit ", args.limit, " and up_offset ", args.up_offset,
                     ": must be infinite, or 0, and 0, since the problem is not clamped"));
  }
  // Numbers beyond float's range would become infinite there.
  const double most = p.dtype == DType::kF64 ? std::numeric_limits<double>::max()
                                             : std::numeric_limits<float>::max();
  if (!(args.limit > 0) || (args.limit > most && args.limit != INFINITY)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "limit ", args.limit, ": must be above 0, and at most ", most, " or infinite"));
  }
  if (!(std::abs(args.up_offset) <= most)) {
    return absl::InvalidArgumentError(
        absl::StrCat("up_offset ", args.up_offset, ": must be at most ", most, " in magnitude"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckArgs(const SigmoidMulProblem& p, const jitattn_activation_args& args) {
  if (absl::Status s = CheckNumbers(p, args); !s.ok()) return s;
  if (absl::Status s = CheckSize("rows", args.rows, p.rows); !s.ok()) return s;
  if (absl::Status s = CheckSize("cols", args.cols, p.cols); !s.ok()) return s;
  if (args.rows == 0 || args.cols == 0) return absl::OkStatus();

  const int bytes = SizeOf(p.dtype), out_bytes = SizeOf(SpecOf(p).out_dtype());
  const bool pairs = p.gate == jit::Gate::kPairs, two = p.gate == jit::Gate::kTwo;
  const auto operand = [&](const char* name, const void* base, int size, int64_t cols,
                           int64_t stride) {
    return MakeOperand(name, base, size, 1, 1, args.rows, cols, {0, 0, stride});
  };
  Operand x = operand("x", args.x, bytes, pairs ? 2 * args.cols : args.cols, args.x_stride);
  Operand up = operand("up", two ? args.up : nullptr, bytes, args.cols, args.up_stride);
  Operand out = operand("out", args.out, out_bytes, args.cols, args.out_stride);
  if (absl::Status s = CheckOperand(x, bytes); !s.ok()) return s;
  if (two) {
    if (absl::Status s = CheckOperand(up, bytes); !s.ok()) return s;
  }
  if (absl::Status s = CheckOperand(out, out_bytes); !s.ok()) return s;
  // In place is allowed: each element is read before it is written, by the same thread.
  const auto in_place = [&](const void* input, int64_t stride) {
    return input == args.out && p.out == jit::OutType::kSame && !pairs &&
           (args.rows == 1 || stride == args.out_stride);
  };
  const Operand none = {"", {}};
  return CheckOut(out, {in_place(args.x, args.x_stride) ? &none : &x,
                        two && in_place(args.up, args.up_stride) ? &none : &up});
}

const Algorithm kVectors = {
    .name = "vectors",
    .fields = kFields,
    .blank = [] { return Config(C{}); },
    .validate = [](const Config& config, const Problem& problem,
                   const Cpu&) { return jit::ValidateSigmoidMul(config.As<C>(), SpecOf(problem)); },
    .canonical = [](const Config& config, const Problem& problem) -> Config {
      return jit::CanonicalSigmoidMul(config.As<C>(), SpecOf(problem));
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
    .options = kOptions,
    .algorithms = kAlgorithms,
    .blank = [] { return Problem(P{}); },
    .from_flags = FromFlags,
    .is_of_dim =
        [](const Problem& problem, int64_t dim) {
          const P& p = problem.As<P>();
          return p.rows == dim && p.cols == dim;
        },
    .validate = ValidateOptions,
    .flops = [](const Problem& problem) { return kSigmoidMulFlops * Elements(problem); },
    .bytes = BytesOf,
    .describe = DescribeProblem,
    .code_name = CodeName,
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
          return CheckArgs(problem.As<P>(), *static_cast<const jitattn_activation_args*>(args));
        },
    .make_checker =
        [](const Problem& problem, const void* args, double max_ops) {
          return MakeSigmoidMulChecker(problem.As<P>(),
                                       *static_cast<const jitattn_activation_args*>(args), max_ops);
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
