// The flags of every command that describe problems and the machine, and the problems that these
// flags stand for.

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
class Option;
}  // namespace CLI

namespace jitattn::cli {

// Checks for CLI11's option->check(): returns an error message, or "" for a valid text.
using Check = std::function<std::string(const std::string&)>;
Check WholeNumber(int64_t least, int64_t most);
Check PositiveNumber();
Check FileName();  // any text but ""
Check OneOf(std::string what, std::vector<std::string_view> words);

// The flags of the sizes of all operations, each name once.
struct SizeFlag {
  std::string_view name, help;  // "--seq"
  int64_t least;
};
std::vector<SizeFlag> SizeFlags();

// --dim N stands for one problem of each operation: attention on Q, K, V of N × N (one head, length
// N, head size N), and sigmoid-mul on an N × N matrix. --heads H splits the N columns into H heads.
// Every other flag overrides one size.
struct ProblemFlags {
  std::string op;  // empty: every operation that the sizes describe
  std::vector<int64_t> dims;
  std::map<std::string, int64_t, std::less<>> sizes;       // by flag: {"--seq", 128}
  std::set<std::string, std::less<>> chosen;               // options without a word: "--causal"
  std::map<std::string, int, std::less<>> words;           // options with one: {"--gate", 2}
  std::string dtype;                                       // empty: f32
  std::map<std::string, std::string, std::less<>> values;  // {"--softcap", "30"}

  // Both are set before AddTo.
  bool takes_empty = false;  // sizes may be 0 where the operation allows it
  // Options without a word whose flags a value may follow, with the help about it.
  std::map<std::string_view, std::string_view> with_value;

  void AddTo(CLI::App* command);

  // For each --dim, one problem of each operation that the flags describe. A repeated --dim counts
  // once. InvalidArgument, with the flags and the rule that they break.
  absl::StatusOr<std::vector<ops::Problem>> Problems() const;

  // Problems(), for a command that needs exactly one. InvalidArgument if there are several.
  absl::StatusOr<ops::Problem> OneProblem() const;

  DType dtype_or_default() const;
  std::optional<int64_t> size(std::string_view flag) const;
  // The value that the flags give to an option, if they do.
  std::optional<int> option(const ops::Option& option) const;
  // A flag of a size or an option that was given; empty if none was. FlagOf: one that `operation`
  // has. FlagNotOf: one that it does not have.
  std::string_view SizeOrOption() const;
  std::string_view FlagOf(const ops::Operation& operation) const;
  std::string_view FlagNotOf(const ops::Operation& operation) const;
  // Any flag of this struct that was given; empty if none was.
  std::string_view AnyFlag() const;

 private:
  CLI::Option* AddOption(CLI::App* command, const ops::Option& option);
  absl::StatusOr<ops::Problem> ProblemOf(const ops::Operation& operation,
                                         std::optional<int64_t> dim) const;
};

// The CPU, capped by --isa, and the conditions of runs on it.
struct Machine {
  Cpu cpu;
  ops::Conditions conditions;
};

// The largest value that --threads accepts. It catches typing errors only: the limit that applies
// is ThreadBudget's.
inline constexpr int kMostThreadsAsked = 4096;

struct MachineFlags {
  std::optional<int> threads;
  std::string isa;      // empty: the best this process may use
  std::string buffers;  // empty: hot

  void AddTo(CLI::App* command);

  // InvalidArgument if the CPU lacks the instructions that --isa names.
  absl::StatusOr<Machine> Resolve(ops::Layout layout = ops::Layout::kHeads) const;
};

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_PROBLEM_FLAGS_H_
