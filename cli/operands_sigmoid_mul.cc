// The input of sigmoid-mul that `jitattn run` reads from a file.

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cli/operands.h"
#include "jitattn/jitattn.h"
#include "ops/sigmoid_mul/problem.h"

namespace jitattn::cli {
namespace {

absl::StatusOr<RunOperands> Load(const std::map<std::string, std::string>& paths,
                                 ProblemFlags flags) {
  const std::string& path = paths.at("--x");
  auto x = ReadOperand(path, &flags, 1, 4);
  if (!x.ok()) return x.status();
  // All elements are treated alike, so the leading axes together are the rows.
  const int64_t cols = x->shape.back();
  const int64_t rows = x->data.bytes() / SizeOf(x->dtype) / std::max<int64_t>(1, cols);
  // A plan needs at least one element; a run may have none.
  const int64_t plan_rows = std::max<int64_t>(1, rows), plan_cols = std::max<int64_t>(1, cols);
  flags.op = "sigmoid-mul";
  if (flags.dims.empty()) {
    flags.sizes.emplace("--rows", plan_rows);
    flags.sizes.emplace("--cols", plan_cols);
  }
  const auto problem = flags.OneProblem();
  if (!problem.ok()) return problem.status();
  const auto& p = problem->As<ops::SigmoidMulProblem>();
  if (p.rows != plan_rows || p.cols != plan_cols) return ExpectShape(path, *x, {p.rows, p.cols});
  auto out = Zeros(p.dtype, x->shape);
  if (!out.ok()) return out.status();

  std::vector<NpyArray> arrays;
  arrays.push_back(*std::move(x));
  arrays.push_back(*std::move(out));
  void* data[] = {arrays[0].data.data(), arrays[1].data.data()};
  ops::Args args =
      ops::kSigmoidMul.bind(*problem, ops::Layout::kHeads, std::span<void* const>(data));
  args.As<jitattn_sigmoid_mul_args>().rows = rows;
  args.As<jitattn_sigmoid_mul_args>().cols = cols;
  return RunOperands{*problem, std::move(arrays), args};
}

constexpr FileOperands::File kFiles[] = {{"--x", "the matrix of sigmoid-mul (.npy)"}};

}  // namespace

const FileOperands kSigmoidMulFiles = {&ops::kSigmoidMul, kFiles, Load};

}  // namespace jitattn::cli
