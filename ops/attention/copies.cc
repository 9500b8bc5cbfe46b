// Copies of operands whose rows have gaps between their elements.

#include "ops/attention/copies.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/sizes.h"
#include "ops/attention/append.h"
#include "ops/attention/kv.h"
#include "ops/attention/sequence.h"
#include "parallel/allocator.h"
#include "parallel/parallel.h"
#include "parallel/scratch.h"

namespace jitattn::ops {
namespace {

// Below this size, starting threads takes longer than copying.
constexpr int64_t kBytesOfAThread = 256 << 10;

// The rows and columns of a matrix in memory, distances in bytes.
struct Matrix {
  char* data;
  int64_t row, column;
};

// By blocks of rows, since the columns may be further apart than the rows.
template <int kBytes>
void CopyMatrix(const Matrix& from, const Matrix& to, int64_t rows, int64_t cols) {
  constexpr int64_t kRows = 16;
  for (int64_t first = 0; first < rows; first += kRows) {
    const int64_t end = std::min(rows, first + kRows);
    for (int64_t c = 0; c < cols; ++c) {
      for (int64_t r = first; r < end; ++r) {
        std::memcpy(to.data + r * to.row + c * to.column,
                    from.data + r * from.row + c * from.column, kBytes);
      }
    }
  }
}

void CopyMatrix(int element_bytes, const Matrix& from, const Matrix& to, int64_t rows,
                int64_t cols) {
  switch (element_bytes) {
    case 1:
      return CopyMatrix<1>(from, to, rows, cols);
    case 2:
      return CopyMatrix<2>(from, to, rows, cols);
    case 4:
      return CopyMatrix<4>(from, to, rows, cols);
    default:
      return CopyMatrix<8>(from, to, rows, cols);
  }
}

void TellOnce(const jitattn_attention_args& run) {
  constinit static std::atomic<bool> told{false};
  if (told.exchange(true, std::memory_order_relaxed)) return;
  Log(LogLevel::kInfo,
      absl::StrCat("attention copies operands whose elements do not adjoin: q_inner ", run.q_inner,
                   ", k_inner ", run.k_inner, ", v_inner ", run.v_inner, ", out_inner ",
                   run.out_inner, "; this is told once"));
}

}  // namespace

// An operand and its copy.
struct OperandCopies::Operand {
  char* data;  // the caller's; an input is only read
  int64_t strides[3], inner;
  // In copied_; one of the pointers is null.
  const void** input;
  void** output;
  const int64_t (*copy_strides)[3];
  int64_t heads, cols, bytes;
  int element_bytes;
  bool of_keys;

  bool is_output() const { return output != nullptr; }
  char* copy() const {
    return static_cast<char*>(is_output() ? *output : const_cast<void*>(*input));
  }
};

struct OperandCopies::Job {
  const OperandCopies* copies;
  bool outputs;
  std::atomic<int64_t> next{0};
};

OperandCopies::OperandCopies(const AttentionProblem& problem, const jitattn_attention_args& run,
                             int threads)
    : problem_(problem), run_(run), threads_(threads), copied_(run) {
  Add(copied_.q, copied_.q_strides, copied_.q_inner, /*of_keys=*/false, problem.head_dim);
  Add(copied_.k, copied_.k_strides, copied_.k_inner, /*of_keys=*/true, problem.head_dim);
  Add(copied_.v, copied_.v_strides, copied_.v_inner, /*of_keys=*/true, problem.value_dim);
  Add(copied_.out, copied_.out_strides, copied_.out_inner, /*of_keys=*/false, problem.value_dim);
}

OperandCopies::~OperandCopies() { Release(memory_); }

// The rows of a ragged batch are those of part 0, as in the caller's memory.
template <typename Pointer>
void OperandCopies::Add(Pointer& base, int64_t (&strides)[3], int64_t& inner, bool of_keys,
                        int64_t cols) {
  if (AreAdjoining(inner)) return;
  const int64_t* const offsets = of_keys ? run_.kv_offsets : run_.q_offsets;
  const int64_t parts = offsets != nullptr ? 1 : run_.batch;
  const int64_t length = of_keys ? run_.kv_len : run_.q_len;
  const int64_t rows = offsets != nullptr ? offsets[run_.batch] : length;
  const int64_t heads = of_keys ? problem_.kv_heads : problem_.heads;
  const int element_bytes =
      of_keys ? jit::KvElementBytes(KvSpecOf(problem_)) : SizeOf(problem_.dtype);
  Operand operand = {
      .data = static_cast<char*>(const_cast<void*>(base)),
      .inner = inner,
      .copy_strides = &strides,
      .heads = heads,
      .cols = cols,
      .bytes = AlignedScratch(SizeProduct({parts, heads, rows, cols, element_bytes})),
      .element_bytes = element_bytes,
      .of_keys = of_keys};
  if constexpr (std::is_same_v<Pointer, void*>) {
    operand.output = &base;
  } else {
    operand.input = &base;
  }
  std::copy_n(strides, 3, operand.strides);
  operands_.push_back(operand);
  strides[0] = SizeProduct({heads, rows, cols});
  strides[1] = SizeProduct({rows, cols});
  strides[2] = cols;
  inner = 0;
}

absl::Status OperandCopies::Gather() {
  TellOnce(run_);
  int64_t bytes = 0;
  for (const Operand& operand : operands_) bytes = SizeSum({bytes, operand.bytes});
  memory_ = Allocate(std::max<int64_t>(bytes, 1), kScratchAlignment);
  if (memory_ == nullptr) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "no memory for copies of operands whose elements do not adjoin: ", bytes, " bytes"));
  }
  char* next = static_cast<char*>(memory_);
  for (const Operand& operand : operands_) {
    if (operand.is_output()) {
      *operand.output = next;
    } else {
      *operand.input = next;
    }
    next += operand.bytes;
  }
  Copy(/*outputs=*/false);
  return absl::OkStatus();
}

void OperandCopies::Scatter() const { Copy(/*outputs=*/true); }

// The ends of the visible keys rise with the queries, so the first and the last query bound them. A
// query that sees none may have ends behind the last key.
jit::IndexRange OperandCopies::Rows(const Operand& operand, int64_t batch) const {
  const Sequence sequence = SequenceOf(run_, batch);
  if (!operand.of_keys) return {0, sequence.q_len};
  if (sequence.q_len == 0) return {0, 0};
  const auto within = [&](int64_t key) { return std::min(key, sequence.kv_end); };
  const int64_t first = within(KeysOf(problem_, sequence, 0).first);
  return {first, std::max(first, within(KeysOf(problem_, sequence, sequence.q_len - 1).end))};
}

void OperandCopies::CopyHead(const Operand& operand, int64_t batch, int64_t head) const {
  const Sequence sequence = SequenceOf(run_, batch);
  const jit::IndexRange rows = Rows(operand, batch);
  if (rows.size() == 0) return;
  const int bytes = operand.element_bytes;
  const auto at = [&](const int64_t(&strides)[3]) {
    return bytes * (operand.of_keys ? sequence.KeyAt(strides, head, rows.first)
                                    : sequence.QueryAt(strides, head, rows.first));
  };
  const int64_t(&copy_strides)[3] = *operand.copy_strides;
  const Matrix theirs = {operand.data + at(operand.strides), operand.strides[2] * bytes,
                         operand.inner * bytes};
  const Matrix ours = {operand.copy() + at(copy_strides), copy_strides[2] * bytes, int64_t{bytes}};
  operand.is_output() ? CopyMatrix(bytes, ours, theirs, rows.size(), operand.cols)
                      : CopyMatrix(bytes, theirs, ours, rows.size(), operand.cols);
}

// A head of a sequence at a time.
void OperandCopies::Work(int, void* context) {
  Job& job = *static_cast<Job*>(context);
  const OperandCopies& copies = *job.copies;
  const auto take = [&] { return job.next.fetch_add(1, std::memory_order_relaxed); };
  int64_t first = 0, index = take();
  for (const Operand& operand : copies.operands_) {
    if (operand.is_output() != job.outputs) continue;
    const int64_t count = copies.run_.batch * operand.heads;
    for (; index < first + count; index = take()) {
      copies.CopyHead(operand, (index - first) / operand.heads, (index - first) % operand.heads);
    }
    first += count;
  }
}

void OperandCopies::Copy(bool outputs) const {
  int64_t bytes = 0;
  for (const Operand& operand : operands_) {
    if (operand.is_output() == outputs) bytes += operand.bytes;
  }
  if (bytes == 0) return;
  Job job{.copies = this, .outputs = outputs};
  const int64_t worthwhile = 1 + bytes / kBytesOfAThread;
  ParallelFor(static_cast<int>(std::min<int64_t>(threads_, worthwhile)), Work, &job);
}

absl::Status RunAttention(const Problem& problem, const Runner& runner, const void* args) {
  const auto& run = *static_cast<const jitattn_attention_args*>(args);
  if (run.append_count > 0) RunAppends(run, runner.threads());
  const bool has_work = run.batch > 0 && run.q_len > 0;
  if (HasAdjoiningElements(run) || !has_work) {
    runner.Run(args);
    return absl::OkStatus();
  }
  OperandCopies copies(problem.As<AttentionProblem>(), run, runner.threads());
  if (absl::Status status = copies.Gather(); !status.ok()) return status;
  runner.Run(&copies.args());
  copies.Scatter();
  return absl::OkStatus();
}

}  // namespace jitattn::ops
