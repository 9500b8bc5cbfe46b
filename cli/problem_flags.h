// The flags that say what is asked and of which machine, shared by every command, and the problems
// they stand for.

#ifndef JITATTN_CLI_PROBLEM_FLAGS_H_
#define JITATTN_CLI_PROBLEM_FLAGS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/cpu.h"
#include "ops/conditions.h"
#include "ops/operation.h"

namespace CLI {
class App;
}

namespace jitattn::cli {

// Checks for CLI11's option->check(): an error message, or nothing.
using Check = std::function<std::string(const std::string&)>;
Check WholeNumber(int64_t least, int64_t most);
Check PositiveNumber();
Check OneOf(std::string what, std::vector<std::string_view> words);

// The flags of all operations' sizes and options, each name once.
struct SizeFlag {
  std::string_view name, help;  // "--seq"
  int64_t least;
};
std::vector<SizeFlag> SizeFlags();

// --dim N stands for one problem of each operation: Q, K, V of N × N (one head, length N, head size
// N), a sigmoid-mul over N × N; --heads H splits the N columns in H heads; every other flag
// overrides its one size.
struct ProblemFlags {
  std::string op;  // empty: whatever the sizes describe
  std::vector<int64_t> dims;
  std::map<std::string, int64_t, std::less<>> sizes;  // by flag: {"--seq", 128}
  std::set<std::string, std::less<>> chosen;          // options: "--causal"
  std::string dtype;                                  // empty: f32
  bool takes_empty = false;  // whether sizes may be 0 where a run may be empty; set before AddTo

  void AddTo(CLI::App* command);

  // One problem of each operation that is meant for each --dim; a repeated --dim counts once.
  // InvalidArgument with the flags and the rule that they break.
  absl::StatusOr<std::vector<ops::Problem>> Problems() const;

  // The same where one problem is meant.
  absl::StatusOr<ops::Problem> OneProblem() const;

  DType dtype_or_default() const;
  std::optional<int64_t> size(std::string_view flag) const;
  // A size or an option that was given; empty if none was. With an operation: one that it has, or
  // one that it has not.
  std::string_view SizeOrOption() const;
  std::string_view FlagOf(const ops::Operation& operation) const;
  std::string_view FlagNotOf(const ops::Operation& operation) const;
  // Any of those above that was given; empty if none was.
  std::string_view AnyFlag() const;

 private:
  absl::StatusOr<ops::Problem> ProblemOf(const ops::Operation& operation,
                                         std::optional<int64_t> dim) const;
};

// The CPU as --isa lets it be seen, and the conditions of runs on it.
struct Machine {
  Cpu cpu;
  ops::Conditions conditions;
};

// More is no machine's; ThreadBudget has the limit that holds.
inline constexpr int kMostThreadsAsked = 4096;

struct MachineFlags {
  std::optional<int> threads;
  std::string isa;      // empty: the best this process may use
  std::string buffers;  // empty: hot

  void AddTo(CLI::App* command);

  // InvalidArgument where the CPU has no such instructions.
  absl::StatusOr<Machine> Resolve(ops::Layout layout = ops::Layout::kHeads) const;
};

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_PROBLEM_FLAGS_H_
