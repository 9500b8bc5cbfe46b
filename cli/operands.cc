// Operands of a run.

#include "cli/operands.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "jit/small_float.h"
#include "search/rng.h"

namespace jitattn::cli {
namespace {

// Box–Muller at some 30 ns a number would take longer than the kernels on large operands: a stretch
// of this many is repeated. A prime, so that rows and tiles do not repeat with it.
constexpr int64_t kRandomPeriod = 1000003;

template <typename T>
void FillNormal(void* memory, int64_t count, search::Rng& rng) {
  T* const data = static_cast<T*>(memory);
  const int64_t fresh = std::min(count, kRandomPeriod);
  for (int64_t i = 0; i < fresh; ++i) data[i] = static_cast<jit::Compute<T>>(rng.Normal());
  for (int64_t i = fresh; i < count; ++i) data[i] = data[i - kRandomPeriod];
}

absl::StatusOr<NpyArray> Zeros(jit::DType dtype, std::vector<int64_t> shape) {
  int64_t bytes = jit::SizeOf(dtype);
  for (const int64_t size : shape) bytes *= size;
  auto data = Buffer::Create(bytes);
  if (!data.ok()) return data.status();
  return NpyArray{dtype, std::move(shape), *std::move(data)};
}

absl::StatusOr<NpyArray> Normal(jit::DType dtype, std::vector<int64_t> shape, search::Rng& rng) {
  auto array = Zeros(dtype, std::move(shape));
  if (!array.ok()) return array.status();
  const int64_t count = array->data.bytes() / jit::SizeOf(dtype);
  const auto fill = dtype == jit::DType::kF64    ? FillNormal<double>
                    : dtype == jit::DType::kBF16 ? FillNormal<jit::BFloat16>
                    : dtype == jit::DType::kF16  ? FillNormal<jit::Float16>
                                                 : FillNormal<float>;
  fill(array->data.data(), count, rng);
  return array;
}

absl::Status ExpectShape(const std::string& path, const NpyArray& array,
                         const std::vector<int64_t>& shape) {
  if (array.shape == shape) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrFormat("%s: its shape is %s, %s is needed", path,
                                                    ShapeText(array.shape), ShapeText(shape)));
}

// Reads `path` and holds its type and rank against what is known by now.
absl::StatusOr<NpyArray> ReadOperand(const std::string& path, ProblemFlags* flags, int min_rank,
                                     int max_rank) {
  auto array = ReadNpy(path);
  if (!array.ok()) return array.status();
  if (array->dtype == jit::DType::kBF16 && flags->dtype_or_default() != jit::DType::kBF16) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: its elements are uint16; --dtype bf16 takes them for bfloat16", path));
  }
  if (flags->dtype.empty()) flags->dtype = jit::Name(array->dtype);
  if (array->dtype != flags->dtype_or_default()) {
    return absl::InvalidArgumentError(absl::StrFormat("%s: its elements are %s, %s is needed", path,
                                                      jit::Name(array->dtype),
                                                      jit::Name(flags->dtype_or_default())));
  }
  const int rank = static_cast<int>(array->shape.size());
  if (rank < min_rank || rank > max_rank) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: its shape is %s; %d to %d dimensions are needed", path,
                        ShapeText(array->shape), min_rank, max_rank));
  }
  return array;
}

// An operand's sizes as its shape tells them; 0 where it tells heads · size together.
struct Sizes {
  int64_t batch = 1, heads = 0, length = 0, dim = 0, columns = 0;
};

Sizes SizesOf(const std::vector<int64_t>& s, bool batched) {
  if (s.size() == 2) return {.length = s[0], .columns = s[1]};
  if (s.size() == 4) return {.batch = s[0], .heads = s[1], .length = s[2], .dim = s[3]};
  if (batched) return {.batch = s[0], .length = s[1], .columns = s[2]};
  return {.heads = s[0], .length = s[1], .dim = s[2]};
}

// Heads by flag or shape, then the head's size by flag, shape or division.
absl::Status Fill(const std::string& path, const Sizes& sizes, std::optional<int64_t>* heads,
                  std::optional<int64_t>* dim) {
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

// The sizes that the flags leave open. Where --dim is given they follow from it, and the shapes are
// only held against them.
absl::Status FillFromShapes(const InputFiles& files, const NpyArray& q, const NpyArray& k,
                            const NpyArray& v, ProblemFlags* flags) {
  flags->op = "attention";
  if (!flags->dims.empty()) return absl::OkStatus();
  const bool batched = flags->batch.value_or(1) > 1;
  const Sizes q_sizes = SizesOf(q.shape, batched), k_sizes = SizesOf(k.shape, batched),
              v_sizes = SizesOf(v.shape, batched);
  if (!flags->batch) flags->batch = std::max<int64_t>(1, q_sizes.batch);
  if (!flags->seq) flags->seq = q_sizes.length;
  if (!flags->kv_seq) flags->kv_seq = k_sizes.length;
  absl::Status status = Fill(files.q, q_sizes, &flags->heads, &flags->head_dim);
  if (!status.ok()) return status;
  if (*flags->head_dim == 0) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: its shape %s has heads of size 0", files.q, ShapeText(q.shape)));
  }
  if (!flags->kv_heads) {
    // Key heads are as wide as query heads, so the columns tell how many there are.
    const int64_t by_columns = std::max<int64_t>(1, k_sizes.columns / *flags->head_dim);
    flags->kv_heads = k_sizes.heads > 0 ? k_sizes.heads : by_columns;
  }
  return Fill(files.v, v_sizes, &flags->kv_heads, &flags->value_dim);
}

}  // namespace

std::vector<int64_t> ShapeOf(int rank, int64_t batch, int64_t heads, int64_t length, int64_t dim) {
  if (rank == 4) return {batch, heads, length, dim};
  if (rank == 2) return {length, heads * dim};
  if (batch > 1) return {batch, length, heads * dim};
  return {heads, length, dim};
}

Strides StridesOf(int rank, int64_t batch, int64_t heads, int64_t length, int64_t dim) {
  const bool heads_in_columns = rank == 2 || (rank == 3 && batch > 1);
  if (heads_in_columns) return {length * heads * dim, dim, heads * dim};
  return {heads * length * dim, length * dim, dim};
}

jitattn_attention_args AttentionOperands::args() const {
  const auto& p = problem;
  jitattn_attention_problem plain;
  jitattn_attention_problem_init(&plain, p.heads, p.q_len, p.head_dim);
  plain.batch = p.batch;
  plain.kv_len = p.kv_len;
  plain.kv_heads = p.kv_heads;
  plain.value_dim = p.value_dim;
  jitattn_attention_args args;
  jitattn_attention_args_init(&args, &plain);
  args.q = q.data.data();
  args.k = k.data.data();
  args.v = v.data.data();
  args.out = out.data.data();
  args.batch = batch;
  auto set = [&](int64_t* to, const NpyArray& array, int64_t heads, int64_t length, int64_t dim) {
    const Strides strides =
        StridesOf(static_cast<int>(array.shape.size()), p.batch, heads, length, dim);
    to[0] = strides.batch;
    to[1] = strides.head;
    to[2] = strides.row;
  };
  set(args.q_strides, q, p.heads, p.q_len, p.head_dim);
  set(args.k_strides, k, p.kv_heads, p.kv_len, p.head_dim);
  set(args.v_strides, v, p.kv_heads, p.kv_len, p.value_dim);
  set(args.out_strides, out, p.heads, p.q_len, p.value_dim);
  return args;
}

jitattn_sigmoid_mul_args SigmoidMulOperands::args() const {
  jitattn_sigmoid_mul_problem plain;
  jitattn_sigmoid_mul_problem_init(&plain, problem.rows, problem.cols);
  jitattn_sigmoid_mul_args args;
  jitattn_sigmoid_mul_args_init(&args, &plain);
  args.x = x.data.data();
  args.out = out.data.data();
  args.rows = rows;
  args.cols = cols;
  return args;
}

absl::StatusOr<AttentionOperands> RandomOperands(const jit::AttentionProblem& p, uint64_t seed) {
  search::Rng rng(seed);
  const int rank = p.batch > 1 ? 3 : 2;  // heads side by side in the columns
  auto shape = [&](int64_t heads, int64_t length, int64_t dim) {
    return ShapeOf(rank, p.batch, heads, length, dim);
  };
  auto q = Normal(p.dtype, shape(p.heads, p.q_len, p.head_dim), rng);
  if (!q.ok()) return q.status();
  auto k = Normal(p.dtype, shape(p.kv_heads, p.kv_len, p.head_dim), rng);
  if (!k.ok()) return k.status();
  auto v = Normal(p.dtype, shape(p.kv_heads, p.kv_len, p.value_dim), rng);
  if (!v.ok()) return v.status();
  auto out = Zeros(p.dtype, shape(p.heads, p.q_len, p.value_dim));
  if (!out.ok()) return out.status();
  return AttentionOperands{p, *std::move(q), *std::move(k), *std::move(v), *std::move(out)};
}

absl::StatusOr<SigmoidMulOperands> RandomOperands(const jit::SigmoidMulProblem& p, uint64_t seed) {
  search::Rng rng(seed);
  auto x = Normal(p.dtype, {p.rows, p.cols}, rng);
  if (!x.ok()) return x.status();
  auto out = Zeros(p.dtype, {p.rows, p.cols});
  if (!out.ok()) return out.status();
  return SigmoidMulOperands{p, *std::move(x), *std::move(out)};
}

absl::StatusOr<AttentionOperands> LoadAttention(const InputFiles& files, ProblemFlags flags) {
  if (files.q.empty() || files.k.empty() || files.v.empty()) {
    return absl::InvalidArgumentError("--q, --k and --v belong together");
  }
  auto q = ReadOperand(files.q, &flags, 2, 4);
  if (!q.ok()) return q.status();
  auto k = ReadOperand(files.k, &flags, 2, 4);
  if (!k.ok()) return k.status();
  auto v = ReadOperand(files.v, &flags, 2, 4);
  if (!v.ok()) return v.status();

  if (absl::Status status = FillFromShapes(files, *q, *k, *v, &flags); !status.ok()) return status;
  const auto problem = flags.OneProblem();
  if (!problem.ok()) return problem.status();
  const auto p = std::get<jit::AttentionProblem>(*problem);
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
  return AttentionOperands{p, *std::move(q), *std::move(k), *std::move(v), *std::move(out), batch};
}

absl::StatusOr<SigmoidMulOperands> LoadSigmoidMul(const InputFiles& files, ProblemFlags flags) {
  auto x = ReadOperand(files.x, &flags, 1, 4);
  if (!x.ok()) return x.status();
  // Elements are all alike: leading axes are rows.
  const int64_t cols = x->shape.back();
  const int64_t rows = x->data.bytes() / jit::SizeOf(x->dtype) / std::max<int64_t>(1, cols);
  // A plan is for one element at least, a run may have none.
  const int64_t plan_rows = std::max<int64_t>(1, rows), plan_cols = std::max<int64_t>(1, cols);
  flags.op = "sigmoid-mul";
  if (flags.dims.empty()) {
    if (!flags.rows) flags.rows = plan_rows;
    if (!flags.cols) flags.cols = plan_cols;
  }
  const auto problem = flags.OneProblem();
  if (!problem.ok()) return problem.status();
  const auto p = std::get<jit::SigmoidMulProblem>(*problem);
  if (p.rows != plan_rows || p.cols != plan_cols) {
    return ExpectShape(files.x, *x, {p.rows, p.cols});
  }
  auto out = Zeros(p.dtype, x->shape);
  if (!out.ok()) return out.status();
  return SigmoidMulOperands{p, *std::move(x), *std::move(out), rows, cols};
}

}  // namespace jitattn::cli
