// The inputs of attention that `jitattn run` reads from files.

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "cli/operands.h"
#include "jitattn/jitattn.h"
#include "ops/attention/problem.h"

namespace jitattn::cli {
namespace {

using Size = std::optional<int64_t>;

struct Files {
  std::string q, k, v;
};

// The sizes in an operand's shape. If the shape has only `columns`, heads · dim, those two are 0.
struct Sizes {
  int64_t batch = 1, heads = 0, length = 0, dim = 0, columns = 0;
};

Sizes SizesOf(const std::vector<int64_t>& s, bool batched) {
  if (s.size() == 2) return {.length = s[0], .columns = s[1]};
  if (s.size() == 4) return {.batch = s[0], .heads = s[1], .length = s[2], .dim = s[3]};
  if (batched) return {.batch = s[0], .length = s[1], .columns = s[2]};
  return {.heads = s[0], .length = s[1], .dim = s[2]};
}

// Sets the number of heads by flag, else by shape; then the head's size by flag, shape or division.
absl::Status Fill(const std::string& path, const Sizes& sizes, Size* heads, Size* dim) {
  if (!*heads && sizes.heads > 0) *heads = sizes.heads;
  if (*dim) return absl::OkStatus();
  const int64_t count = heads->value_or(1);
  if (sizes.columns % count != 0) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: %d heads do not divide its %d columns", path, count, sizes.columns));
  }
  *dim = sizes.dim > 0 ? sizes.dim : sizes.columns / count;
  return absl::OkStatus();
}

// Sets the sizes that the flags leave open. With --dim all sizes follow from it, and Load() only
// checks the shapes.
absl::Status FillFromShapes(const Files& files, const NpyArray& q, const NpyArray& k,
                            const NpyArray& v, ProblemFlags* flags) {
  flags->op = "attention";
  if (!flags->dims.empty()) return absl::OkStatus();
  const auto set = [flags](const char* flag, int64_t size) { flags->sizes.emplace(flag, size); };
  const bool batched = flags->size("--batch").value_or(1) > 1;
  const Sizes q_sizes = SizesOf(q.shape, batched), k_sizes = SizesOf(k.shape, batched),
              v_sizes = SizesOf(v.shape, batched);
  set("--batch", std::max<int64_t>(1, q_sizes.batch));
  set("--seq", q_sizes.length);
  set("--kv-seq", k_sizes.length);
  Size heads = flags->size("--heads"), head_dim = flags->size("--head-dim");
  absl::Status status = Fill(files.q, q_sizes, &heads, &head_dim);
  if (!status.ok()) return status;
  if (*head_dim == 0) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: its shape %s has heads of size 0", files.q, ShapeText(q.shape)));
  }
  if (heads) set("--heads", *heads);
  set("--head-dim", *head_dim);
  Size kv_heads = flags->size("--kv-heads"), value_dim = flags->size("--value-dim");
  if (!kv_heads) {
    // Key heads are as wide as query heads, so the number of columns gives the number of heads.
    const int64_t by_columns = std::max<int64_t>(1, k_sizes.columns / *head_dim);
    kv_heads = k_sizes.heads > 0 ? k_sizes.heads : by_columns;
  }
  status = Fill(files.v, v_sizes, &kv_heads, &value_dim);
  if (!status.ok()) return status;
  set("--kv-heads", *kv_heads);
  set("--value-dim", *value_dim);
  return absl::OkStatus();
}

absl::StatusOr<RunOperands> Load(const std::map<std::string, std::string>& paths,
                                 ProblemFlags flags) {
  if (paths.size() != 3)
    return absl::InvalidArgumentError("--q, --k and --v must be given together");
  const Files files{paths.at("--q"), paths.at("--k"), paths.at("--v")};
  auto q = ReadOperand(files.q, &flags, 2, 4);
  if (!q.ok()) return q.status();
  auto k = ReadOperand(files.k, &flags, 2, 4);
  if (!k.ok()) return k.status();
  auto v = ReadOperand(files.v, &flags, 2, 4);
  if (!v.ok()) return v.status();

  if (absl::Status status = FillFromShapes(files, *q, *k, *v, &flags); !status.ok()) return status;
  const auto problem = flags.OneProblem();
  if (!problem.ok()) return problem.status();
  const auto& p = problem->As<ops::AttentionProblem>();
  const bool no_batch = q->shape.size() == 4 && q->shape[0] == 0 && p.batch == 1;
  const int64_t batch = no_batch ? 0 : p.batch;
  auto expect = [&](const std::string& path, const NpyArray& array, int64_t heads, int64_t length,
                    int64_t dim) {
    return ExpectShape(path, array,
                       ShapeOf(static_cast<int>(array.shape.size()), batch, heads, length, dim));
  };
  for (const absl::Status& status : {expect(files.q, *q, p.heads, p.q_len, p.head_dim),
                                     expect(files.k, *k, p.kv_heads, p.kv_len, p.head_dim),
                                     expect(files.v, *v, p.kv_heads, p.kv_len, p.value_dim)}) {
    if (!status.ok()) return status;
  }
  const int rank = static_cast<int>(q->shape.size());
  auto out = Zeros(p.dtype, ShapeOf(rank, batch, p.heads, p.q_len, p.value_dim));
  if (!out.ok()) return out.status();

  std::vector<NpyArray> arrays;
  for (NpyArray* array : {&*q, &*k, &*v, &*out}) arrays.push_back(std::move(*array));
  void* data[] = {arrays[0].data.data(), arrays[1].data.data(), arrays[2].data.data(),
                  arrays[3].data.data()};
  ops::Args bound =
      ops::kAttention.bind(*problem, ops::Layout::kHeads, std::span<void* const>(data));
  auto& args = bound.As<jitattn_attention_args>();
  args.batch = batch;
  // Each file may have a different rank, so each gets its own strides.
  const ops::Arrays shapes = ops::kAttention.arrays(*problem);
  int64_t* const strides[] = {args.q_strides, args.k_strides, args.v_strides, args.out_strides};
  for (int i = 0; i < shapes.count; ++i) {
    const ops::Array& a = shapes[i];
    std::ranges::copy(StridesOf(static_cast<int>(arrays[static_cast<size_t>(i)].shape.size()),
                                a.batch, a.heads, a.rows, a.cols),
                      strides[i]);
  }
  return RunOperands{*problem, std::move(arrays), bound};
}

constexpr FileOperands::File kFiles[] = {
    {"--q", "queries (.npy): length x columns, or heads x length x size"},
    {"--k", "keys (.npy), in the same form"},
    {"--v", "values (.npy), in the same form"}};

}  // namespace

const FileOperands kAttentionFiles = {&ops::kAttention, kFiles, Load};

absl::Status SetCausalOffset(int64_t offset, RunOperands* operands) {
  if (!operands->problem.Is<ops::AttentionProblem>()) {
    return absl::InvalidArgumentError("--causal-offset has an effect on attention only");
  }
  operands->args.As<jitattn_attention_args>().causal_offset = offset;
  return absl::OkStatus();
}

}  // namespace jitattn::cli
