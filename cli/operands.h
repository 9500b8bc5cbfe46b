// The matrices of one run, from .npy files or random, with the strides of their layout.

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
#include "cli/run_values.h"
#include "ops/operation.h"

namespace jitattn::cli {

// The shape of an attention operand with B batches, H heads, length S and head size D. Ranks 2 and
// 3 hold the heads side by side in the columns, as --dim N --heads H does. The exception is rank 3
// with batch 1, whose first axis is the heads.
//   rank 2   S × H·D              batch 1
//   rank 3   H × S × D            batch 1
//            B × S × H·D          batch above 1
//   rank 4   B × H × S × D
std::vector<int64_t> ShapeOf(int rank, int64_t batch, int64_t heads, int64_t length, int64_t dim);

// The number of elements from one batch, head and row to the next, for that shape in C order.
ops::Strides StridesOf(int rank, int64_t batch, int64_t heads, int64_t length, int64_t dim);

// The matrices of one run. The plan is made for `problem`. A run may have sizes of 0 where a plan
// may not: for a file without elements, `args` has 0 and `problem` has 1.
struct RunOperands {
  ops::Problem problem;
  std::vector<NpyArray> arrays;  // inputs, then the output
  ops::Args args;                // of the run: pointers into the arrays

  // Further results, each with the flag that asks for its file.
  struct Result {
    std::string flag, path;
    NpyArray array;
  };
  std::vector<Result> results = {};
  std::vector<std::vector<int64_t>> lists = {};  // that `args` point to

  const NpyArray& out() const { return arrays.back(); }
};

// The same data that a tuning with this seed measures on, with the heads side by side in the
// columns.
absl::StatusOr<RunOperands> RandomOperands(const ops::Problem& problem, uint64_t seed);

// A matrix of zeros.
absl::StatusOr<NpyArray> Zeros(DType dtype, std::vector<int64_t> shape);

// Array `index` of the problem's run, with the heads side by side in its columns: random data as
// for RandomOperands, or zeros for a result.
absl::StatusOr<NpyArray> MakeArray(const ops::Problem& problem, int index, uint64_t seed);

// Reads `path` and checks its type against the flags and its rank against the two bounds. If the
// flags name no type, they get the type of the file.
absl::StatusOr<NpyArray> ReadOperand(const std::string& path, ProblemFlags* flags, int min_rank,
                                     int max_rank);
// InvalidArgument, with the path and both shapes, if the array has another shape.
absl::Status ExpectShape(const std::string& path, const NpyArray& array,
                         const std::vector<int64_t>& shape);

// The inputs of one operation that `jitattn run` can read from files (operands_attention.cc,
// operands_sigmoid_mul.cc).
struct FileOperands {
  const ops::Operation* operation;
  struct File {
    std::string_view flag, help;  // "--q"
  };
  std::span<const File> files;
  // Reads the files. `paths` maps each given flag to its path. Sizes that the flags leave open come
  // from the shapes. The flags must agree with the shapes, and the files with each other. Errors
  // name the file, its shape and the required shape. `values` add their options to the problem but
  // are not filled in; what options read is made up from `seed`.
  absl::StatusOr<RunOperands> (*load)(const std::map<std::string, std::string>& paths,
                                      ProblemFlags flags, const RunValues& values, uint64_t seed);
};
extern const FileOperands kAttentionFiles, kSigmoidMulFiles;
std::span<const FileOperands* const> AllFileOperands();

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_OPERANDS_H_
