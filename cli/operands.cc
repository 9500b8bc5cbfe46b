// Operands of a run: shapes, strides and random data.

#include "cli/operands.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "runtime/operands.h"

namespace jitattn::cli {

absl::StatusOr<NpyArray> Zeros(DType dtype, std::vector<int64_t> shape) {
  int64_t bytes = SizeOf(dtype);
  for (const int64_t size : shape) bytes *= size;
  auto data = Buffer::Create(bytes);
  if (!data.ok()) return data.status();
  return NpyArray{dtype, std::move(shape), *std::move(data)};
}

absl::Status ExpectShape(const std::string& path, const NpyArray& array,
                         const std::vector<int64_t>& shape) {
  if (array.shape == shape) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrFormat("%s: its shape is %s; expected %s", path,
                                                    ShapeText(array.shape), ShapeText(shape)));
}

absl::StatusOr<NpyArray> ReadOperand(const std::string& path, ProblemFlags* flags, int min_rank,
                                     int max_rank) {
  auto array = ReadNpy(path);
  if (!array.ok()) return array.status();
  if (array->dtype == DType::kBF16 && flags->dtype_or_default() != DType::kBF16) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: its elements are uint16; --dtype bf16 reads them as bfloat16", path));
  }
  if (flags->dtype.empty()) flags->dtype = Name(array->dtype);
  if (array->dtype != flags->dtype_or_default()) {
    return absl::InvalidArgumentError(absl::StrFormat("%s: its elements are %s; expected %s", path,
                                                      Name(array->dtype),
                                                      Name(flags->dtype_or_default())));
  }
  const int rank = static_cast<int>(array->shape.size());
  if (rank < min_rank || rank > max_rank) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: its shape is %s; expected %d to %d dimensions", path,
                        ShapeText(array->shape), min_rank, max_rank));
  }
  return array;
}

std::vector<int64_t> ShapeOf(int rank, int64_t batch, int64_t heads, int64_t length, int64_t dim) {
  if (rank == 4) return {batch, heads, length, dim};
  if (rank == 2) return {length, heads * dim};
  if (batch > 1) return {batch, length, heads * dim};
  return {heads, length, dim};
}

ops::Strides StridesOf(int rank, int64_t batch, int64_t heads, int64_t length, int64_t dim) {
  const bool heads_in_columns = rank == 2 || (rank == 3 && batch > 1);
  if (heads_in_columns) return {length * heads * dim, dim, heads * dim};
  return {heads * length * dim, length * dim, dim};
}

absl::StatusOr<NpyArray> MakeArray(const ops::Problem& problem, int index, uint64_t seed) {
  const ops::Arrays arrays = problem.operation().arrays(problem);
  const ops::Array& a = arrays[index];
  std::vector<int64_t> shape = {a.rows, a.heads * a.cols};
  if (a.batch > 1) shape.insert(shape.begin(), a.batch);
  auto array = Zeros(a.TypeIn(problem), std::move(shape));
  const bool is_result = index + 1 == arrays.count || a.fill == ops::Fill::kOutput;
  if (array.ok() && !is_result) runtime::FillArray(problem, index, seed, array->data.data());
  return array;
}

absl::StatusOr<RunOperands> RandomOperands(const ops::Problem& problem, uint64_t seed) {
  const int count = problem.operation().arrays(problem).count;
  std::vector<NpyArray> made;
  std::vector<void*> data;
  for (int i = 0; i < count; ++i) {
    auto array = MakeArray(problem, i, seed);
    if (!array.ok()) return array.status();
    made.push_back(*std::move(array));
    data.push_back(made.back().data.data());
  }
  ops::Args args = problem.operation().bind(problem, ops::Layout::kColumns, data);
  return RunOperands{problem, std::move(made), args};
}

std::span<const FileOperands* const> AllFileOperands() {
  static constexpr const FileOperands* kAll[] = {&kAttentionFiles, &kSigmoidMulFiles};
  return kAll;
}

}  // namespace jitattn::cli
