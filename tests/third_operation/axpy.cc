// The third operation, declared: its problems, a kernel, a runner, a reference.

#include "tests/third_operation/axpy.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/small_float.h"
#include "jit/assembler.h"
#include "jit/compile.h"
#include "jit/vector_io.h"

namespace jitattn::third {
namespace {

using ops::Config;
using ops::Problem;

// ---- The kernel: void(const AxpyArgs*)

void Emit(jit::Assembler& a, DType dtype, const StreamConfig& config) {
  const jit::SectionScope section(a, "axpy");
  a.Prolog(ComputeType(dtype));
  {
    const jit::Gprs gprs = a.pool().LeaseGprs("x, y, out, elements left, temporary", 5);
    const jit::Vecs x = a.pool().LeaseVecs("x", config.unroll);
    const jit::Vecs y = a.pool().LeaseVecs("y", config.unroll);
    const jit::Vecs factor = a.pool().LeaseVecs("a");
    jit::TailMask mask(a);
    jit::VectorIo io(a, dtype);
    a.mov(gprs[0], a.qword[a.args() + offsetof(AxpyArgs, x)]);
    a.mov(gprs[1], a.qword[a.args() + offsetof(AxpyArgs, y)]);
    a.mov(gprs[2], a.qword[a.args() + offsetof(AxpyArgs, out)]);
    a.mov(gprs[3], a.qword[a.args() + offsetof(AxpyArgs, length)]);
    const Xbyak::Xmm low(factor[0].getIdx());
    a.vmovsd(low, a.qword[a.args() + offsetof(AxpyArgs, a)]);
    if (a.compute() == DType::kF32) a.vcvtsd2ss(low, low, low);
    a.Broadcast(factor[0], low);
    const auto step = [&](int vecs) {
      for (int i = 0; i < vecs; ++i) {
        io.Load(x[i], a.ptr[gprs[0] + i * io.vec_bytes()]);
        io.Load(y[i], a.ptr[gprs[1] + i * io.vec_bytes()]);
        a.Fma231(y[i], x[i], factor[0]);
        io.Store(a.ptr[gprs[2] + i * io.vec_bytes()], y[i]);
      }
      for (int i = 0; i < 3; ++i) a.add(gprs[i], vecs * io.vec_bytes());
    };
    a.WhileAtLeast(gprs[3], config.unroll * a.lanes(), [&] { step(config.unroll); });
    a.WhileAtLeast(gprs[3], a.lanes(), [&] { step(1); });
    mask.Set(gprs[3], gprs[4]);
    io.Load(x[0], a.ptr[gprs[0]], mask);
    io.Load(y[0], a.ptr[gprs[1]], mask);
    a.Fma231(y[0], x[0], factor[0]);
    io.Store(a.ptr[gprs[2]], y[0], mask);
  }
  a.Epilog();
}

template <typename T>
void RunPortable(const void* args) {
  const auto& run = *static_cast<const AxpyArgs*>(args);
  const auto a = static_cast<Compute<T>>(run.a);
  for (int64_t i = 0; i < run.length; ++i) {
    static_cast<T*>(run.out)[i] =
        a * static_cast<const T*>(run.x)[i] + static_cast<const T*>(run.y)[i];
  }
}

// ---- The runner: a share of whole cache lines for each thread

class AxpyRunner final : public ops::Runner {
 public:
  AxpyRunner(DType dtype, Options options) : Runner(std::move(options)), bytes_(SizeOf(dtype)) {}

 protected:
  Work WorkOf(const void* args, int threads) const override {
    const int64_t length = static_cast<const AxpyArgs*>(args)->length;
    if (length == 0) return {};
    return {.amount = 2.0 * static_cast<double>(length), .tasks = threads};
  }

  void RunTask(const RunState& state, int64_t task, int64_t, void*) const override {
    const auto& run = *static_cast<const AxpyArgs*>(state.args);
    const auto first = [&](int64_t i) {
      return i == state.tasks ? run.length : run.length / 64 * i / state.tasks * 64;
    };
    AxpyArgs share = run;
    share.x = static_cast<const char*>(run.x) + first(task) * bytes_;
    share.y = static_cast<const char*>(run.y) + first(task) * bytes_;
    share.out = static_cast<char*>(run.out) + first(task) * bytes_;
    share.length = first(task + 1) - first(task);
    if (share.length > 0) kernel().Run(share);
  }

 private:
  const int64_t bytes_;
};

std::unique_ptr<ops::Runner> MakeRunner(const Problem& problem, const Config&,
                                        std::shared_ptr<const jit::Kernel> kernel, int threads,
                                        double worthwhile_flops) {
  return std::make_unique<AxpyRunner>(problem.dtype(),
                                      ops::Runner::Options{.kernel = std::move(kernel),
                                                           .threads = threads,
                                                           .planned_work = ops::Flops(problem),
                                                           .worthwhile_work = worthwhile_flops});
}

// ---- The reference

template <typename T>
class AxpyChecker final : public ops::Checker {
 public:
  explicit AxpyChecker(const AxpyArgs& args) {
    for (int64_t i = 0; i < args.length; ++i) {
      const auto x = static_cast<ops::Wide<T>>(static_cast<const T*>(args.x)[i]);
      const auto y = static_cast<ops::Wide<T>>(static_cast<const T*>(args.y)[i]);
      truth_.push_back(static_cast<ops::Wide<T>>(args.a) * x + y);
      // The product and the sum are each rounded once, in the compute type, and then to T.
      const double size =
          std::abs(args.a * static_cast<double>(x)) + std::abs(static_cast<double>(y));
      allowed_.push_back(2 * static_cast<double>(std::numeric_limits<T>::epsilon()) * size +
                         static_cast<double>(std::numeric_limits<T>::denorm_min()));
    }
  }

  int64_t rows() const override { return 1; }

  ops::Verdict Check(const void* out) const override {
    ops::Verdict verdict{.correct = true};
    for (size_t i = 0; i < truth_.size(); ++i) {
      const double error = ops::ErrorOf<T>(static_cast<const T*>(out)[i], truth_[i]);
      verdict.max_error = std::max(verdict.max_error, error);
      if (!(error <= allowed_[i])) {
        verdict.correct = false;
        verdict.what = absl::StrCat("element ", i);
      }
    }
    return verdict;
  }

 private:
  std::vector<ops::Wide<T>> truth_;
  std::vector<double> allowed_;
};

// ---- The algorithms

constexpr int kUnrolls[] = {1, 2, 4};
constexpr ops::Field kStreamFields[] = {
    ops::IsaField<StreamConfig>(),
    ops::FieldOf<&StreamConfig::unroll>({.name = "unroll",
                                         .tag = "_u",
                                         .help = "vectors an iteration",
                                         .values = kUnrolls,
                                         .is_log = true}),
    ops::ThreadsField<StreamConfig>(),
};
constexpr ops::Field kPortableFields[] = {ops::IsaField<PortableConfig>(ops::kNoIsa),
                                          ops::ThreadsField<PortableConfig>()};

double Estimate(const Problem& problem, const Config& config, const Cpu&) {
  return ops::Bytes(problem) / config.threads();
}

// ---- The operation

constexpr ops::Dim kDims[] = {
    ops::DimOf<&AxpyProblem::length>({.name = "length",
                                      .tag = "n",
                                      .flag = "--length",
                                      .help = "elements of axpy",
                                      .role = ops::Dim::Role::kAtMost,
                                      .least = 1,
                                      .most = int64_t{1} << 40}),
};
constexpr const ops::Algorithm* kAlgorithms[] = {&kStream, &kPortable};

double Length(const Problem& problem) {
  return static_cast<double>(problem.As<AxpyProblem>().length);
}

ops::Arrays ArraysOf(const Problem& problem) {
  const int64_t length = problem.As<AxpyProblem>().length;
  return {
      .array = {ops::Array{"x", 1, 1, 1, length}, {"y", 1, 1, 1, length}, {"out", 1, 1, 1, length}},
      .count = 3};
}

Config Heuristic(const Problem& problem, const Cpu& cpu, int threads) {
  const int paying = ops::WorthwhileThreads(problem, cpu, threads);
  if (cpu.isa == Isa::kPortable) return PortableConfig{.threads = paying};
  return StreamConfig{.isa = cpu.isa, .threads = paying};
}

}  // namespace

const ops::Algorithm kStream = {
    .name = "stream",
    .fields = kStreamFields,
    .blank = [] { return Config(StreamConfig{}); },
    .heuristic = Heuristic,
    .estimate = Estimate,
    .compile = [](const Problem& problem, const Config& config,
                  const Cpu& cpu) -> absl::StatusOr<std::shared_ptr<const jit::Kernel>> {
      return jit::Compile(
          ops::KernelName(problem, config), config.isa(), cpu, {},
          [&](jit::Assembler& a) { Emit(a, problem.dtype(), config.As<StreamConfig>()); });
    },
    .make_runner = MakeRunner,
    .block = [](const Config& config) { return config.As<StreamConfig>().unroll; },
    .call_bytes = sizeof(AxpyArgs),
};

const ops::Algorithm kPortable = {
    .name = "portable",
    .fields = kPortableFields,
    .blank = [] { return Config(PortableConfig{}); },
    .heuristic = Heuristic,
    .estimate = Estimate,
    .compile = [](const Problem& problem, const Config& config,
                  const Cpu&) -> absl::StatusOr<std::shared_ptr<const jit::Kernel>> {
      void (*const run)(const void*) =
          ops::CallWithType(problem.dtype(), []<typename T>() { return &RunPortable<T>; });
      return jit::PortableKernel(ops::KernelName(problem, config), run, {});
    },
    .make_runner = MakeRunner,
    .call_bytes = sizeof(AxpyArgs),
};

const ops::Operation kAxpy = {
    .name = "axpy",
    .rate = ops::Rate::kBytes,
    .dims = kDims,
    .options = {},
    .algorithms = kAlgorithms,
    .blank = [] { return Problem(AxpyProblem{}); },
    .from_flags = [](const Problem& stated, std::span<const char> given,
                     std::optional<int64_t> dim) -> absl::StatusOr<Problem> {
      AxpyProblem problem = stated.As<AxpyProblem>();
      if (!given[0] && !dim) return absl::InvalidArgumentError("axpy needs --length or --dim");
      if (!given[0]) problem.length = *dim;
      return problem;
    },
    .is_of_dim = [](const Problem& problem,
                    int64_t dim) { return problem.As<AxpyProblem>().length == dim; },
    .flops = [](const Problem& problem) { return 2 * Length(problem); },
    .bytes = [](const Problem& problem) { return 3.0 * SizeOf(problem.dtype()) * Length(problem); },
    .describe =
        [](const Problem& problem) {
          return absl::StrCat("axpy ", std::string(Name(problem.dtype())), " ",
                              problem.As<AxpyProblem>().length);
        },
    .code_name =
        [](const Problem& problem) {
          return absl::StrCat("axpy_", std::string(Name(problem.dtype())));
        },
    .bucket = [](const Problem& problem) -> Problem {
      AxpyProblem bucket = problem.As<AxpyProblem>();
      bucket.length = ops::LengthBucket(bucket.length);
      return bucket;
    },
    .extents =
        [](const Problem& problem) {
          return std::array<double, 4>{Length(problem), 1, 1, 1};
        },
    .arrays = ArraysOf,
    .has_layouts = false,
    .bind =
        [](const Problem& problem, ops::Layout, std::span<void* const> data) {
          return ops::Args(
              AxpyArgs{data[0], data[1], data[2], problem.As<AxpyProblem>().length, 0.75});
        },
    .check_args =
        [](const Problem& problem, const void* args) {
          const int64_t length = static_cast<const AxpyArgs*>(args)->length;
          const bool fits = length >= 0 && length <= problem.As<AxpyProblem>().length;
          return fits ? absl::OkStatus()
                      : absl::InvalidArgumentError(absl::StrCat("length ", length));
        },
    .make_checker =
        [](const Problem& problem, const void* args, double) {
          return ops::CallWithType(
              problem.dtype(), [&]<typename T>() -> std::unique_ptr<ops::Checker> {
                return std::make_unique<AxpyChecker<T>>(*static_cast<const AxpyArgs*>(args));
              });
        },
    .heuristic = Heuristic,
    .flops_per_cycle = [](const Problem&, const Cpu&) { return 2.0; },
};

}  // namespace jitattn::third
