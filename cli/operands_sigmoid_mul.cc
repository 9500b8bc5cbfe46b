// The inputs of sigmoid-mul that `jitattn run` reads from files.

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "cli/operands.h"
#include "jitattn/jitattn.h"
#include "ops/sigmoid_mul/problem.h"

namespace jitattn::cli {
namespace {

// The leading axes of an array together are the rows, since all rows are treated alike.
struct Matrix {
  int64_t rows, cols;
};
Matrix MatrixOf(const NpyArray& array) {
  const int64_t cols = array.shape.back();
  return {array.data.bytes() / SizeOf(array.dtype) / std::max<int64_t>(1, cols), cols};
}

// The problem of an input of this shape. A plan needs at least one element; a run may have none.
absl::StatusOr<ops::SigmoidMulProblem> ProblemOfFile(ProblemFlags flags, const std::string& path,
                                                     const NpyArray& x) {
  const auto pairs = flags.words.find("--gate");
  const bool in_pairs =
      pairs != flags.words.end() && pairs->second == static_cast<int>(jit::Gate::kPairs);
  const Matrix matrix = MatrixOf(x);
  if (in_pairs && matrix.cols % 2 != 0) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s: its rows have %d elements; --gate pairs needs an even number", path, matrix.cols));
  }
  const int64_t rows = std::max<int64_t>(1, matrix.rows);
  const int64_t cols = std::max<int64_t>(1, in_pairs ? matrix.cols / 2 : matrix.cols);
  flags.op = "sigmoid-mul";
  if (flags.dims.empty()) {
    flags.sizes.emplace("--rows", rows);
    flags.sizes.emplace("--cols", cols);
  }
  const auto problem = flags.OneProblem();
  if (!problem.ok()) return problem.status();
  const auto& p = problem->As<ops::SigmoidMulProblem>();
  if (p.rows != rows || p.cols != cols) {
    return ExpectShape(path, x, {p.rows, in_pairs ? 2 * p.cols : p.cols});
  }
  return p;
}

// The second input, which `paths` must name if and only if the problem has one.
absl::Status LoadUp(const std::map<std::string, std::string>& paths, bool two, ProblemFlags* flags,
                    std::vector<NpyArray>* arrays) {
  const auto path = paths.find("--up");
  if (two != (path != paths.end())) {
    return absl::InvalidArgumentError(two ? "--gate two needs --up, the matrix of factors"
                                          : "--up is the matrix of factors of --gate two");
  }
  if (!two) return absl::OkStatus();
  auto up = ReadOperand(path->second, flags, 1, 4);
  if (!up.ok()) return up.status();
  if (absl::Status s = ExpectShape(path->second, *up, arrays->front().shape); !s.ok()) return s;
  arrays->push_back(*std::move(up));
  return absl::OkStatus();
}

absl::StatusOr<RunOperands> Load(const std::map<std::string, std::string>& paths,
                                 ProblemFlags flags, const RunValues& values, uint64_t) {
  const auto path = paths.find("--x");
  if (path == paths.end()) return absl::InvalidArgumentError("--up needs --x, the other input");
  auto x = ReadOperand(path->second, &flags, 1, 4);
  if (!x.ok()) return x.status();
  if (absl::Status s = values.AddOptions(&flags); !s.ok()) return s;
  const auto problem = ProblemOfFile(flags, path->second, *x);
  if (!problem.ok()) return problem.status();
  const Matrix matrix = MatrixOf(*x);
  const bool in_pairs = problem->gate == jit::Gate::kPairs;
  std::vector<int64_t> shape = x->shape;
  if (in_pairs) shape.back() /= 2;

  std::vector<NpyArray> arrays;
  arrays.push_back(*std::move(x));
  const bool two = problem->gate == jit::Gate::kTwo;
  if (absl::Status s = LoadUp(paths, two, &flags, &arrays); !s.ok()) return s;
  auto out = Zeros(ops::SpecOf(*problem).out_dtype(), std::move(shape));
  if (!out.ok()) return out.status();
  arrays.push_back(*std::move(out));
  std::vector<void*> data;
  for (NpyArray& array : arrays) data.push_back(array.data.data());
  ops::Args args = ops::kSigmoidMul.bind(*problem, ops::Layout::kHeads, data);
  args.As<jitattn_activation_args>().rows = matrix.rows;
  args.As<jitattn_activation_args>().cols = in_pairs ? matrix.cols / 2 : matrix.cols;
  return RunOperands{*problem, std::move(arrays), args};
}

constexpr FileOperands::File kFiles[] = {
    {"--x", "the matrix of sigmoid-mul, or its gate (.npy)"},
    {"--up", "the matrix of factors of --gate two (.npy)"},
};

}  // namespace

const FileOperands kSigmoidMulFiles = {&ops::kSigmoidMul, kFiles, Load};

}  // namespace jitattn::cli
