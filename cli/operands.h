// The matrices of one run: from .npy files or random, with the strides of their layout.

#ifndef JITATTN_CLI_OPERANDS_H_
#define JITATTN_CLI_OPERANDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/buffer.h"
#include "cli/npy.h"
#include "cli/problem_flags.h"
#include "jit/problem.h"
#include "jitattn/jitattn.h"

namespace jitattn::cli {

// Shapes of an attention operand with B batches, H heads, length S and head size D. Rank 2 and 3
// hold the heads side by side in the columns, as --dim N --heads H means it, except a rank 3 with
// batch 1: its first axis are the heads.
//   rank 2   S × H·D              batch 1
//   rank 3   H × S × D            batch 1
//            B × S × H·D          batch above 1
//   rank 4   B × H × S × D
std::vector<int64_t> ShapeOf(int rank, int64_t batch, int64_t heads, int64_t length, int64_t dim);

// {batch, head, row} in elements, for elements in C order of that shape.
struct Strides {
  int64_t batch, head, row;
};
Strides StridesOf(int rank, int64_t batch, int64_t heads, int64_t length, int64_t dim);

// Where inputs come from; all of an operation's files, or none.
struct InputFiles {
  std::string q, k, v;  // attention
  std::string x;        // sigmoid-mul
};

// `problem` is what a plan is made for; of the sizes that a run may leave empty and a plan may not,
// a file without elements has 0, and the problem 1.
struct AttentionOperands {
  jit::AttentionProblem problem;
  NpyArray q, k, v, out;
  int64_t batch = problem.batch;        // of the run
  jitattn_attention_args args() const;  // pointers into the arrays; default scale and offset
};

struct SigmoidMulOperands {
  jit::SigmoidMulProblem problem;
  NpyArray x, out;
  int64_t rows = problem.rows, cols = problem.cols;  // of the run
  jitattn_sigmoid_mul_args args() const;
};

// Standard normal data, the same for the same seed.
absl::StatusOr<AttentionOperands> RandomOperands(const jit::AttentionProblem& problem,
                                                 uint64_t seed);
absl::StatusOr<SigmoidMulOperands> RandomOperands(const jit::SigmoidMulProblem& problem,
                                                  uint64_t seed);

// Sizes that the flags leave open come from the shapes; what the flags say must agree with them,
// and the files with each other. Errors name the file, its shape and the one that is needed.
absl::StatusOr<AttentionOperands> LoadAttention(const InputFiles& files, ProblemFlags flags);
absl::StatusOr<SigmoidMulOperands> LoadSigmoidMul(const InputFiles& files, ProblemFlags flags);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_OPERANDS_H_
