// The tables that describe an operation and its algorithms: one constant for each.
//
// The planner, the tuner, the cache and the command line work on these tables and name no
// operation. A new operation is a folder with one such constant, and one line that registers it.
// docs/adding.md explains every member.

#ifndef JITATTN_OPS_OPERATION_H_
#define JITATTN_OPS_OPERATION_H_

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/cpu.h"
#include "base/small_float.h"
#include "jit/kernel.h"
#include "ops/checker.h"
#include "ops/config.h"
#include "ops/operands.h"
#include "ops/problem.h"
#include "ops/runner.h"

namespace jitattn::ops {

// The unit in which runs of an operation are compared: operations or bytes a second.
enum class Rate { kFlops, kBytes };

// Bytes that a run reads more than once.
struct Rereads {
  double bytes = 0;      // of one run, without the first reading of each operand
  double set_bytes = 0;  // working set: read between two readings of the same byte, so that a cache
                         // of this size serves the second
};

// A way to solve the problems of one operation. Members are optional if their comment gives a
// meaning to null.
struct Algorithm {
  std::string_view name;          // in records and kernel names: "tiles"
  std::span<const Field> fields;  // `isa` first; one of them for the threads
  // Returns a configuration with the struct's default values, for a reader to fill.
  Config (*blank)();
  // The rules of validity beyond the ladders. Null: there are none.
  absl::Status (*validate)(const Config& config, const Problem& problem, const Cpu& cpu) = nullptr;
  // Maps all configurations of the same kernel and schedule to one of them. Null: all of them
  // differ.
  Config (*canonical)(const Config& config, const Problem& problem) = nullptr;
  // The best guess for this algorithm without measuring. REQUIRES: the algorithm supports cpu.isa.
  Config (*heuristic)(const Problem& problem, const Cpu& cpu, int threads);
  // Estimated cycles of one run. Only the order of two estimates for the same problem is
  // meaningful.
  double (*estimate)(const Problem& problem, const Config& config, const Cpu& cpu);
  // Whether a search should try this algorithm at all for this problem. Null: always.
  bool (*worth_searching)(const Problem& problem, const Cpu& cpu) = nullptr;
  // Emits the kernel. REQUIRES: Validate(config, problem, cpu) is OK.
  absl::StatusOr<std::shared_ptr<const jit::Kernel>> (*compile)(const Problem& problem,
                                                                const Config& config,
                                                                const Cpu& cpu);
  std::unique_ptr<Runner> (*make_runner)(const Problem& problem, const Config& config,
                                         std::shared_ptr<const jit::Kernel> kernel, int threads,
                                         double worthwhile_flops);
  // Size of the block that one pass of the inner loops covers, in elements or vectors. Null: there
  // is no block.
  int (*block)(const Config& config) = nullptr;
  // Operations over all pairs, with the axis in the lanes rounded up to whole vectors. Null: the
  // algorithm takes no part in the search for cliffs (sizes with a sudden loss of speed).
  double (*padded_flops)(const Problem& problem, const Config& config) = nullptr;
  // The bytes that a run reads more than once. Null: none.
  Rereads (*rereads)(const Problem& problem, const Config& config) = nullptr;
  // Size of the struct that one call of the kernel receives.
  size_t call_bytes;
};

// An operation. Members are optional if their comment gives a meaning to null.
struct Operation {
  std::string_view name;  // in flags, records and messages: "sigmoid-mul"
  Rate rate;
  std::span<const Dim> dims;
  std::span<const Option> options;
  std::span<const Algorithm* const> algorithms;  // the usual one first; one of them portable

  Problem (*blank)();  // a problem with the struct's default sizes, for a reader to fill
  // The problem that flags describe. `given`: for each of `dims`, whether `stated` has its size
  // from a flag; `dim`: the value of --dim, if given. InvalidArgument names the missing flags.
  absl::StatusOr<Problem> (*from_flags)(const Problem& stated, std::span<const char> given,
                                        std::optional<int64_t> dim);
  // Whether `--dim dim` describes this problem.
  bool (*is_of_dim)(const Problem& problem, int64_t dim);
  // The rules beyond the bounds of the sizes. Null: there are none.
  absl::Status (*validate)(const Problem& problem) = nullptr;
  // Whether its kernels convert f16, for which AVX2 code needs F16C. Null: if that is the type.
  bool (*needs_f16c)(const Problem& problem) = nullptr;
  double (*flops)(const Problem& problem);
  double (*bytes)(const Problem& problem);
  std::string (*describe)(const Problem& problem);
  // Names the parts of the problem that are burnt into code: "attn_f32_d64_causal". The name of
  // every kernel begins with it.
  std::string (*code_name)(const Problem& problem);
  // Rounds the sizes up that a run may have smaller. A plan for the bucket serves every problem of
  // it.
  Problem (*bucket)(const Problem& problem);
  // Problems with the same result share a record: also rounds sizes that affect little more than
  // the amount of work, and drops options that cost next to nothing. Null: as `bucket`.
  Problem (*of_record)(const Problem& problem) = nullptr;
  // Sizes ≥ 1 whose ratios measure the distance between two problems of the same code.
  std::array<double, 4> (*extents)(const Problem& problem);

  Arrays (*arrays)(const Problem& problem);
  // Whether `bind` depends on the layout.
  bool has_layouts;
  // The C struct of a run on arrays without gaps. `data`: the addresses of the arrays, inputs
  // first.
  Args (*bind)(const Problem& problem, Layout layout, std::span<void* const> data);
  // InvalidArgument, with the value and the rule, if `args` exceed the problem, are misaligned or
  // overlap. Takes some ten nanoseconds for valid arguments.
  absl::Status (*check_args)(const Problem& problem, const void* args);
  // Runs `runner` on checked arguments, and what has to be done besides its kernels.
  // ResourceExhausted if there is no memory for that. Null: runner.Run(args).
  absl::Status (*run)(const Problem& problem, const Runner& runner, const void* args) = nullptr;
  // The reference results of one run. The inputs that `args` point to must live as long as the
  // checker. `max_ops`: limit on the multiplications; beyond it the checker samples rows.
  std::unique_ptr<Checker> (*make_checker)(const Problem& problem, const void* args,
                                           double max_ops);

  // The best guess without measuring, from the heuristic of one of the algorithms. REQUIRES: this
  // process may use cpu.isa.
  Config (*heuristic)(const Problem& problem, const Cpu& cpu, int threads);
  // The problem whose default configuration for one thread serves plans with fixed bits: without
  // the sizes that other sequences, or the batch, may change. Null: no size changes the bits of the
  // default configuration's results.
  Problem (*of_fixed_bits)(const Problem& problem) = nullptr;
  // Upper bound on the operations of the formula that one core completes in a cycle, with the time
  // for reading. Determines the least work for which waking a thread pays.
  double (*flops_per_cycle)(const Problem& problem, const Cpu& cpu);
  // Further numbers for the conditions of floors of `jitattn bench`: {"group", 4}. Null: none.
  std::vector<std::pair<std::string_view, int64_t>> (*facts)(const Problem& problem) = nullptr;
  // The algorithm of a configuration in a record before format 1.4, which did not name it.
  // `word(key)` is the text of a key, "" if there is none. Returns null if no such record has these
  // words. Null: the operation has no records of that age.
  const Algorithm* (*algorithm_of_old)(const std::function<std::string(std::string_view)>& word) =
      nullptr;
};

// The operations of the library, then those that the program registered.
std::span<const Operation* const> Operations();
// Null if no operation, or no algorithm of the operation, has that name.
const Operation* FindOperation(std::string_view name);
const Algorithm* FindAlgorithm(const Operation& operation, std::string_view name);
inline constexpr size_t kMostOperations = 32;
// Adds an operation of the program's own. AlreadyExists if another operation has the same name or
// code_name; InvalidArgument if it has no name, no algorithm, or two algorithms of one name;
// ResourceExhausted beyond kMostOperations.
//   REQUIRES: called before any other function of this library; `operation` lives as long as the
//   program.
absl::Status RegisterOperation(const Operation& operation);

// The configuration for a problem that was not tuned. Always valid for (problem, cpu). Uses at most
// `threads` threads, fewer if the problem is too small for waking them to pay.
Config DefaultConfig(const Problem& problem, const Cpu& cpu, int threads);

// As DefaultConfig, but apart from the threads the same whatever the batch, the lengths and the
// number of threads are; see Operation::of_fixed_bits.
Config FixedBitsConfig(const Problem& problem, const Cpu& cpu, int threads);

// The least floating-point operations for which waking a thread pays, and the number of threads, at
// most `threads`, that the problem has enough work for.
double WorthwhileFlops(const Problem& problem, const Cpu& cpu);
int WorthwhileThreads(const Problem& problem, const Cpu& cpu, int threads);

// Algorithm::estimate. REQUIRES: the algorithm of `config` belongs to the problem's operation.
double EstimateCycles(const Problem& problem, const Config& config, const Cpu& cpu);

// Emits the kernel. Fails with the error of Validate(config, problem, cpu), or with an error of
// jit::Compile (jit/compile.h).
absl::StatusOr<std::shared_ptr<const jit::Kernel>> Compile(const Problem& problem,
                                                           const Config& config, const Cpu& cpu);

// Operation::needs_f16c.
bool NeedsF16c(const Problem& problem);

// Calls the template lambda `make` with the C++ type of `dtype`:
// CallWithType(dtype, []<typename T>() { … }).
template <typename Make>
auto CallWithType(DType dtype, const Make& make) {
  switch (dtype) {
    case DType::kF64:
      return make.template operator()<double>();
    case DType::kBF16:
      return make.template operator()<BFloat16>();
    case DType::kF16:
      return make.template operator()<Float16>();
    default:
      return make.template operator()<float>();
  }
}

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_OPERATION_H_
