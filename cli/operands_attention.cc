// The inputs of attention that `jitattn run` reads from files.

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
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

// The arrays of a run in the problem's order: q, k and v as read, and what options read and the
// results as MakeArray makes them.
absl::StatusOr<std::vector<NpyArray>> ArraysOf(const ops::Problem& problem, uint64_t seed,
                                               std::map<std::string_view, NpyArray*> given) {
  std::vector<NpyArray> arrays;
  const ops::Arrays shapes = ops::kAttention.arrays(problem);
  for (int i = 0; i < shapes.count; ++i) {
    const auto found = given.find(shapes[i].name);
    if (found != given.end()) {
      arrays.push_back(std::move(*found->second));
      continue;
    }
    auto made = MakeArray(problem, i, seed);
    if (!made.ok()) return made.status();
    arrays.push_back(*std::move(made));
  }
  return arrays;
}

// Each file may have a different rank, so each gets its own strides.
void SetStrides(const ops::Problem& problem, const std::vector<NpyArray>& arrays,
                jitattn_attention_args* args) {
  const std::pair<std::string_view, int64_t*> operands[] = {{"q", args->q_strides},
                                                            {"k", args->k_strides},
                                                            {"v", args->v_strides},
                                                            {"out", args->out_strides}};
  const ops::Arrays shapes = ops::kAttention.arrays(problem);
  for (int i = 0; i < shapes.count; ++i) {
    const ops::Array& a = shapes[i];
    const auto* operand =
        std::ranges::find(operands, a.name, [](const auto& o) { return o.first; });
    if (operand == std::end(operands)) continue;
    const int rank = static_cast<int>(arrays[static_cast<size_t>(i)].shape.size());
    std::ranges::copy(StridesOf(rank, a.batch, a.heads, a.rows, a.cols), operand->second);
  }
}

absl::StatusOr<RunOperands> Load(const std::map<std::string, std::string>& paths,
                                 ProblemFlags flags, const RunValues& values, uint64_t seed) {
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
  if (absl::Status status = values.AddOptions(&flags); !status.ok()) return status;
  const auto problem = flags.OneProblem();
  if (!problem.ok()) return problem.status();
  const auto& p = problem->As<ops::AttentionProblem>();
  if (p.kv_type != jit::KvType::kOwn) {
    return absl::InvalidArgumentError(
        "--kv-type: the files of --q, --k and --v have the same type; without files, the data is "
        "made up");
  }
  if (p.paged()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--page-size ", p.page_size,
                     ": the files of --k and --v hold keys in order; without files, the data is "
                     "made up, in pages"));
  }
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

  auto arrays = ArraysOf(*problem, seed, {{"q", &*q}, {"k", &*k}, {"v", &*v}, {"out", &*out}});
  if (!arrays.ok()) return arrays.status();
  std::vector<void*> data;
  for (const NpyArray& array : *arrays) data.push_back(array.data.data());
  ops::Args bound = ops::kAttention.bind(*problem, ops::Layout::kHeads, data);
  auto& args = bound.As<jitattn_attention_args>();
  args.batch = batch;
  SetStrides(*problem, *arrays, &args);
  return RunOperands{*problem, *std::move(arrays), bound};
}

constexpr FileOperands::File kFiles[] = {
    {"--q", "queries (.npy): length x columns, or heads x length x size"},
    {"--k", "keys (.npy), in the same form"},
    {"--v", "values (.npy), in the same form"}};

}  // namespace

const FileOperands kAttentionFiles = {&ops::kAttention, kFiles, Load};

}  // namespace jitattn::cli
