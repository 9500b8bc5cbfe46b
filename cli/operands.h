// The matrices of one run: from .npy files or random, with the strides of their layout.

#ifndef JITATTN_CLI_OPERANDS_H_
#define JITATTN_CLI_OPERANDS_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/buffer.h"
#include "cli/npy.h"
#include "cli/problem_flags.h"
#include "ops/operation.h"

namespace jitattn::cli {

// Shapes of an attention operand with B batches, H heads, length S and head size D. Rank 2 and 3
// hold the heads side by side in the columns, as --dim N --heads H means it, except a rank 3 with
// batch 1: its first axis are the heads.
//   rank 2   S × H·D              batch 1
//   rank 3   H × S × D            batch 1
//            B × S × H·D          batch above 1
//   rank 4   B × H × S × D
std::vector<int64_t> ShapeOf(int rank, int64_t batch, int64_t heads, int64_t length, int64_t dim);

// Elements from one batch, head and row to the next, in C order of that shape.
ops::Strides StridesOf(int rank, int64_t batch, int64_t heads, int64_t length, int64_t dim);

// The matrices of one run. `problem` is what a plan is made for; of the sizes that a run may leave
// empty and a plan may not, a file without elements has 0, and the problem 1.
struct RunOperands {
  ops::Problem problem;
  std::vector<NpyArray> arrays;  // inputs, then the output
  ops::Args args;                // of the run: pointers into the arrays

  const NpyArray& out() const { return arrays.back(); }
};

// The data that a tuning measures with, for the same seed; the heads side by side in the columns.
absl::StatusOr<RunOperands> RandomOperands(const ops::Problem& problem, uint64_t seed);

// A matrix of zeros.
absl::StatusOr<NpyArray> Zeros(DType dtype, std::vector<int64_t> shape);

// Reads `path` and holds its type and rank against what is known by now; the flags' type is the
// file's where they have none.
absl::StatusOr<NpyArray> ReadOperand(const std::string& path, ProblemFlags* flags, int min_rank,
                                     int max_rank);
absl::Status ExpectShape(const std::string& path, const NpyArray& array,
                         const std::vector<int64_t>& shape);

// What `jitattn run` can take from files: each operation's inputs (operands_attention.cc,
// operands_sigmoid_mul.cc).
struct FileOperands {
  const ops::Operation* operation;
  struct File {
    std::string_view flag, help;  // "--q"
  };
  std::span<const File> files;
  // `paths`: by flag, all that were given. Sizes that the flags leave open come from the shapes;
  // what the flags say must agree with them, and the files with each other. Errors name the file,
  // its shape and the one that is needed.
  absl::StatusOr<RunOperands> (*load)(const std::map<std::string, std::string>& paths,
                                      ProblemFlags flags);
};
extern const FileOperands kAttentionFiles, kSigmoidMulFiles;
std::span<const FileOperands* const> AllFileOperands();

// Query i sees keys up to i + offset. InvalidArgument where the problem is no attention.
absl::Status SetCausalOffset(int64_t offset, RunOperands* operands);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_OPERANDS_H_
