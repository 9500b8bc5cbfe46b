// Attention by OpenBLAS's sgemm: with scores in main memory, or tiled with an online softmax. The
// compiler vectorises the row loops, with libmvec's exp (-ffast-math).

#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "bench/peers/peer.h"
#include "jitattn/jitattn.h"
#include "ops/attention/problem.h"
#include "parallel/parallel.h"

namespace jitattn::bench {
namespace {

// Tiles of 64 … 256 × 256 … 512 were within 3 % of each other. The scores of a tile take 256 KiB.
constexpr int64_t kQueryTile = 128, kKeyTile = 512;

// One head's rows: C = alpha · A·op(B) + beta · C, all row-major.
void Gemm(CBLAS_TRANSPOSE transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float* a,
          const float* b, float beta, float* c) {
  const int ldb = static_cast<int>(transpose_b == CblasTrans ? k : n);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, transpose_b, static_cast<int>(m), static_cast<int>(n),
              static_cast<int>(k), alpha, a, static_cast<int>(k), b, ldb, beta, c,
              static_cast<int>(n));
}

float Max(const float* x, int64_t n) {
  float max = -std::numeric_limits<float>::max();
  for (int64_t i = 0; i < n; ++i) max = std::max(max, x[i]);
  return max;
}

// x ← e^(x − max); returns the sum.
float Exp(float* x, int64_t n, float max) {
  float sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    x[i] = std::exp(x[i] - max);
    sum += x[i];
  }
  return sum;
}

void Scale(float* x, int64_t n, float by) {
  for (int64_t i = 0; i < n; ++i) x[i] *= by;
}

// Consecutive queries of one head.
struct Rows {
  const float *q, *k, *v;
  float* out;
  int64_t first, count;
};

class OpenBlasAttention {
 public:
  OpenBlasAttention(const PeerTask& task, bool tiled)
      : task_(task),
        p_(task.problem.As<ops::AttentionProblem>()),
        args_(task.args.As<jitattn_attention_args>()),
        tiled_(tiled) {
    // Only as many pieces as the threads need, since sgemm is faster with larger products.
    const int64_t heads = p_.batch * p_.heads;
    const int64_t pieces = (task.threads + heads - 1) / heads;
    rows_a_piece_ = std::max<int64_t>(1, (p_.q_len + pieces - 1) / pieces);
    scratch_.resize(task.threads);
    for (std::vector<float>& scratch : scratch_) {
      scratch.resize(tiled ? kQueryTile * (kKeyTile + 2) : rows_a_piece_ * p_.kv_len);
    }
  }

  void Run() { ParallelFor(task_.threads, Work, this); }

 private:
  static void Work(int worker, void* self) { static_cast<OpenBlasAttention*>(self)->Work(worker); }

  void Work(int worker) {
    const int64_t pieces = (p_.q_len + rows_a_piece_ - 1) / rows_a_piece_;
    const int64_t all = p_.batch * p_.heads * pieces;
    for (int64_t i = worker; i < all; i += task_.threads) {
      const int64_t head = i / pieces, first = i % pieces * rows_a_piece_;
      const int64_t kv_head = head / (p_.heads / p_.kv_heads);
      const Rows rows = {
          static_cast<const float*>(args_.q) + (head * p_.q_len + first) * p_.head_dim,
          static_cast<const float*>(args_.k) + kv_head * p_.kv_len * p_.head_dim,
          static_cast<const float*>(args_.v) + kv_head * p_.kv_len * p_.value_dim,
          static_cast<float*>(args_.out) + (head * p_.q_len + first) * p_.value_dim,
          first,
          std::min(rows_a_piece_, p_.q_len - first)};
      tiled_ ? Tiled(rows, scratch_[worker].data()) : Materialised(rows, scratch_[worker].data());
    }
  }

  // The number of keys that query `row` of the head sees.
  int64_t Seen(int64_t row) const {
    if (p_.mask == jit::Mask::kNone) return p_.kv_len;
    return std::clamp<int64_t>(row + 1 + p_.kv_len - p_.q_len, 0, p_.kv_len);
  }

  void Materialised(const Rows& rows, float* scores) const {
    const int64_t keys = Seen(rows.first + rows.count - 1);
    Gemm(CblasTrans, rows.count, keys, p_.head_dim, static_cast<float>(args_.scale), rows.q, rows.k,
         0, scores);
    for (int64_t i = 0; i < rows.count; ++i) {
      float* row = scores + i * keys;
      const int64_t seen = Seen(rows.first + i);
      const float sum = Exp(row, seen, Max(row, seen));
      Scale(row, seen, sum > 0 ? 1 / sum : 0);
      std::fill(row + seen, row + keys, 0.0f);
    }
    Gemm(CblasNoTrans, rows.count, p_.value_dim, keys, 1, scores, rows.v, 0, rows.out);
  }

  void Tiled(const Rows& rows, float* scratch) const {
    float *max = scratch + kQueryTile * kKeyTile, *sum = max + kQueryTile;
    for (int64_t tile = 0; tile < rows.count; tile += kQueryTile) {
      const int64_t count = std::min(kQueryTile, rows.count - tile);
      float* out = rows.out + tile * p_.value_dim;
      std::fill(max, max + count, -std::numeric_limits<float>::max());
      std::fill(sum, sum + count, 0.0f);
      std::fill(out, out + count * p_.value_dim, 0.0f);
      const int64_t end = Seen(rows.first + tile + count - 1);
      for (int64_t key = 0; key < end; key += kKeyTile) {
        const int64_t keys = std::min(kKeyTile, end - key);
        Gemm(CblasTrans, count, keys, p_.head_dim, static_cast<float>(args_.scale),
             rows.q + tile * p_.head_dim, rows.k + key * p_.head_dim, 0, scratch);
        for (int64_t i = 0; i < count; ++i) {
          float* row = scratch + i * keys;
          const int64_t seen = std::clamp<int64_t>(Seen(rows.first + tile + i) - key, 0, keys);
          std::fill(row + seen, row + keys, 0.0f);
          if (seen == 0) continue;
          const float now = std::max(max[i], Max(row, seen));
          const float alpha = std::exp(max[i] - now);
          sum[i] = sum[i] * alpha + Exp(row, seen, now);
          if (alpha != 1) Scale(out + i * p_.value_dim, p_.value_dim, alpha);
          max[i] = now;
        }
        Gemm(CblasNoTrans, count, p_.value_dim, keys, 1, scratch, rows.v + key * p_.value_dim, 1,
             out);
      }
      for (int64_t i = 0; i < count; ++i) {
        Scale(out + i * p_.value_dim, p_.value_dim, sum[i] > 0 ? 1 / sum[i] : 0);
      }
    }
  }

  const PeerTask& task_;
  const ops::AttentionProblem p_;
  const jitattn_attention_args& args_;
  const bool tiled_;
  int64_t rows_a_piece_;
  std::vector<std::vector<float>> scratch_;  // one per worker
};

absl::StatusOr<PeerRun> Make(const PeerTask& task, bool tiled) {
  const auto* p = task.problem.If<ops::AttentionProblem>();
  if (p == nullptr) return absl::UnimplementedError("has attention only");
  if (p->has_extras()) return absl::UnimplementedError("written here without options");
  if (p->dtype != DType::kF32) return absl::UnimplementedError("written here for f32 only");
  openblas_set_num_threads(1);  // the threads of ParallelFor split the work
  return [attention = std::make_shared<OpenBlasAttention>(task, tiled)] { attention->Run(); };
}

// "0.3.21" of "OpenBLAS 0.3.21 NO_AFFINITY …".
std::string Version() {
  const std::vector<std::string> words = absl::StrSplit(openblas_get_config(), ' ');
  return words.size() > 1 ? words[1] : words[0];
}

}  // namespace

std::vector<Peer> OpenBlasPeers() {
  const std::string version = Version();
  return {{"openblas", version, [](const PeerTask& task) { return Make(task, false); }},
          {"openblas-tiled", version, [](const PeerTask& task) { return Make(task, true); }}};
}

}  // namespace jitattn::bench
