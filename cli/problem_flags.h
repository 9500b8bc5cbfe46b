// The flags that say what is asked and of which machine, shared by every command, and the problems
// they stand for.

#ifndef JITATTN_CLI_PROBLEM_FLAGS_H_
#define JITATTN_CLI_PROBLEM_FLAGS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cache/record.h"
#include "jit/cpu.h"
#include "jit/problem.h"

namespace CLI {
class App;
}

namespace jitattn::cli {

// Checks for CLI11's option->check(): an error message, or nothing.
using Check = std::function<std::string(const std::string&)>;
Check WholeNumber(int64_t least, int64_t most);
Check PositiveNumber();
Check OneOf(std::string what, std::vector<std::string_view> words);

// --dim N stands for Q, K, V of N × N (one head, length N, head size N) and a sigmoid-mul over
// N × N; --heads H splits the N columns in H heads; every other flag overrides its one size.
struct ProblemFlags {
  std::string op;  // empty: whatever the sizes describe
  std::vector<int64_t> dims;
  std::optional<int64_t> seq, kv_seq, heads, kv_heads, head_dim, value_dim, batch;  // attention
  std::optional<int64_t> rows, cols;                                                // sigmoid-mul
  std::string dtype;                                                                // empty: f32
  bool causal = false;
  int64_t least_length = 1;  // that --seq and --kv-seq take; set before AddTo

  void AddTo(CLI::App* command);

  // One or two problems for each --dim, attention first; a repeated --dim counts once.
  // InvalidArgument with the flags and the rule that they break.
  absl::StatusOr<std::vector<jit::Problem>> Problems() const;

  // The same where one problem is meant.
  absl::StatusOr<jit::Problem> OneProblem() const;

  jit::DType dtype_or_default() const;
  // The flag of attention, or of sigmoid-mul, that was given; empty if none was.
  std::string_view AttentionFlag() const;
  std::string_view SigmoidMulFlag() const;
  // Any of those above that was given; empty if none was.
  std::string_view AnyFlag() const;

 private:
  absl::StatusOr<jit::Problem> Attention(std::optional<int64_t> dim) const;
  absl::StatusOr<jit::Problem> SigmoidMul(std::optional<int64_t> dim) const;
};

struct MachineFlags {
  std::optional<int> threads;
  std::string isa;      // empty: the best this process may use
  std::string buffers;  // empty: hot

  void AddTo(CLI::App* command);

  // The CPU as --isa lets it be seen. InvalidArgument where it has no such instructions.
  absl::StatusOr<jit::Cpu> Cpu() const;
  int Threads() const;  // the budget: --threads, else one for each physical core
  cache::Buffers Buffers() const;
};

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_PROBLEM_FLAGS_H_
