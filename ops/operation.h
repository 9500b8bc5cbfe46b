// An operation and its algorithms: one constant each, from which everything else follows.
//
// The planner, the tuner, the cache and the command walk these tables and name no operation. A new
// operation is a folder with one such constant, and one line where it is registered.
// docs/adding.md goes through all that they say.

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

// What people compare runs of an operation by.
enum class Rate { kFlops, kBytes };

// Bytes that are read when they have been read already.
struct Rereads {
  double bytes = 0;      // in a run, each operand's first reading left out
  double set_bytes = 0;  // read between two readings of the same byte: a cache of this size has it
};

// A way to solve the problems of one operation. Members with "null" in their comment may be left
// out.
struct Algorithm {
  std::string_view name;          // in records and kernel names: "tiles"
  std::span<const Field> fields;  // `isa` first, one for the threads
  // A configuration with the struct's own values, for a reader to fill.
  Config (*blank)();
  // Rules beside the ladders; null: there are none.
  absl::Status (*validate)(const Config& config, const Problem& problem, const Cpu& cpu) = nullptr;
  // The one of the configurations that are the same kernel and schedule; null: no two are.
  Config (*canonical)(const Config& config, const Problem& problem) = nullptr;
  // The best guess for this algorithm without measuring. REQUIRES: cpu.isa is one of its.
  Config (*heuristic)(const Problem& problem, const Cpu& cpu, int threads);
  // Cycles of one run; only the order of two estimates for the same problem means something.
  double (*estimate)(const Problem& problem, const Config& config, const Cpu& cpu);
  // Whether a search should look at this algorithm at all for this problem; null: it should.
  bool (*worth_searching)(const Problem& problem, const Cpu& cpu) = nullptr;
  // REQUIRES: Validate is OK.
  absl::StatusOr<std::shared_ptr<const jit::Kernel>> (*compile)(const Problem& problem,
                                                                const Config& config,
                                                                const Cpu& cpu);
  std::unique_ptr<Runner> (*make_runner)(const Problem& problem, const Config& config,
                                         std::shared_ptr<const jit::Kernel> kernel, int threads,
                                         double worthwhile_flops);
  // How much one pass of the inner loops takes, in elements or vectors; null: there is no block.
  int (*block)(const Config& config) = nullptr;
  // Operations over all pairs, where an axis that lies in the lanes counts as whole vectors; null:
  // nobody asks for cliffs of this algorithm.
  double (*padded_flops)(const Problem& problem, const Config& config) = nullptr;
  // What a run reads more than once; null: nothing.
  Rereads (*rereads)(const Problem& problem, const Config& config) = nullptr;
  // Of the struct that one call of the kernel is given.
  size_t call_bytes;
};

// Members with "null" in their comment may be left out.
struct Operation {
  std::string_view name;  // in flags, records and messages: "sigmoid-mul"
  Rate rate;
  std::span<const Dim> dims;
  std::span<const Option> options;
  std::span<const Algorithm* const> algorithms;  // the first is the usual one; one is portable

  Problem (*blank)();  // sizes of the struct itself, for a reader to fill
  // The problem that flags state: the sizes that were `given`, `dim` where --dim was.
  // InvalidArgument says which flags are missing.
  absl::StatusOr<Problem> (*from_flags)(const Problem& stated, std::span<const char> given,
                                        std::optional<int64_t> dim);
  // Whether --dim N may stand for this problem.
  bool (*is_of_dim)(const Problem& problem, int64_t dim);
  // Rules beside the sizes' bounds; null: there are none.
  absl::Status (*validate)(const Problem& problem) = nullptr;
  double (*flops)(const Problem& problem);
  double (*bytes)(const Problem& problem);
  std::string (*describe)(const Problem& problem);
  // Of what is burnt into code: begins the name of every kernel. "attn_f32_d64_causal".
  std::string (*code_name)(const Problem& problem);
  // Problems of one bucket share a record.
  Problem (*bucket)(const Problem& problem);
  // Numbers ≥ 1 whose ratios tell how near two problems of the same code are.
  std::array<double, 4> (*extents)(const Problem& problem);

  Arrays (*arrays)(const Problem& problem);
  // Whether `bind` lays arrays out differently for different Layouts.
  bool has_layouts;
  // The C struct of a run on arrays without gaps; `data` are their addresses, inputs first.
  Args (*bind)(const Problem& problem, Layout layout, std::span<void* const> data);
  // Whether `args` stay within the problem, and its memory is sound: InvalidArgument with the value
  // and the rule. Costs some ten nanoseconds where nothing is wrong.
  absl::Status (*check_args)(const Problem& problem, const void* args);
  // The one reference. Input pointers in `args` must live as long as the checker.
  std::unique_ptr<Checker> (*make_checker)(const Problem& problem, const void* args,
                                           double max_ops);

  // The best guess without measuring: an algorithm's heuristic. REQUIRES: cpu.isa can be used.
  Config (*heuristic)(const Problem& problem, const Cpu& cpu, int threads);
  // Operations of the formula in a cycle of one core at best, reading included: what a thread must
  // be given to be worth waking follows.
  double (*flops_per_cycle)(const Problem& problem, const Cpu& cpu);
  // Further numbers that floors of `jitattn bench` may ask for: {"group", 4}; null: there are none.
  std::vector<std::pair<std::string_view, int64_t>> (*facts)(const Problem& problem) = nullptr;
  // The algorithm of a configuration in a record before format 1.4, which did not name it. `word`
  // gives the text of its keys, "" where there is none. Null: the words are no such record's.
  const Algorithm* (*algorithm_of_old)(const std::function<std::string(std::string_view)>& word) =
      nullptr;
};

// Those of the library, and those that a program registered, in that order.
std::span<const Operation* const> Operations();
// Null if there is none of that name.
const Operation* FindOperation(std::string_view name);
const Algorithm* FindAlgorithm(const Operation& operation, std::string_view name);
inline constexpr size_t kMostOperations = 32;
// Adds an operation of the program's own, which must live as long as the program. Before any other
// call of this library. AlreadyExists where an operation of the same name or the same name of code
// is there, InvalidArgument where it has no name or no algorithm or two algorithms of one name,
// ResourceExhausted beyond kMostOperations.
absl::Status RegisterOperation(const Operation& operation);

// Always valid for (problem, cpu); uses at most `threads`, fewer where the problem is too small to
// pay for them.
Config DefaultConfig(const Problem& problem, const Cpu& cpu, int threads);

// Floating-point operations that a thread must be given to be worth waking, and how many of
// `threads` the problem is large enough for.
double WorthwhileFlops(const Problem& problem, const Cpu& cpu);
int WorthwhileThreads(const Problem& problem, const Cpu& cpu, int threads);

// REQUIRES: an algorithm of the problem's operation.
double EstimateCycles(const Problem& problem, const Config& config, const Cpu& cpu);

// Emits the kernel. InvalidArgument where Validate(config, problem, cpu) refuses; else as
// jit/compile.h.
absl::StatusOr<std::shared_ptr<const jit::Kernel>> Compile(const Problem& problem,
                                                           const Config& config, const Cpu& cpu);

// The cases of `make` for the problem's type: CallWithType(dtype, []<typename T>() { … }).
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
