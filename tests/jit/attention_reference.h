// Attention problems for tests: inputs with strides, flush against unreadable pages on both sides;
// the formula in a precision of choice; and the bound that a kernel has to keep.

#ifndef JITATTN_TESTS_JIT_ATTENTION_REFERENCE_H_
#define JITATTN_TESTS_JIT_ATTENTION_REFERENCE_H_

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/small_float.h"
#include "gtest/gtest.h"
#include "jit/attention/args.h"
#include "jit/attention/band.h"
#include "jit/attention/config_rules.h"
#include "jit/attention/score_part.h"
#include "jit/kernel.h"
#include "tests/jit/bias_rows.h"
#include "tests/jit/jit_testing.h"
#include "tests/jit/needs.h"
#include "tests/jit/problems.h"

namespace jitattn::jit::testing {

// A test of emitted kernels, skipped where they cannot run.
class AttentionKernelTest : public ::testing::TestWithParam<std::tuple<Isa, DType, Mask>> {
 protected:
  void SetUp() override {
    if (const std::string needs = Needs(isa(), dtype()); !needs.empty()) GTEST_SKIP() << needs;
  }
  Isa isa() const { return std::get<0>(GetParam()); }
  DType dtype() const { return std::get<1>(GetParam()); }
  Mask mask() const { return std::get<2>(GetParam()); }

  // check(spec with random head sizes, a form's kernel, a zero of the type, random, seed) for
  // `seeds` seeds and every form (RandomForms).
  template <typename F>
  void ForRandomForms(AttentionSpec spec, uint64_t seeds, F check);

  // f(T()) with T the type of the parameter.
  template <typename F>
  void ForType(F f) {
    switch (dtype()) {
      case DType::kF32:
        return f(float());
      case DType::kF64:
        return f(double());
      case DType::kBF16:
        return f(BFloat16());
      case DType::kF16:
        return f(Float16());
    }
  }
};

// "avx2_f32_causal".
inline std::string ParamName(const ::testing::TestParamInfo<AttentionKernelTest::ParamType>& info) {
  const auto& [isa, dtype, mask] = info.param;
  return absl::StrCat(std::string(Name(isa)), "_", std::string(Name(dtype)), "_", NameOf(mask));
}

template <typename T>
struct AttentionCase {
  AttentionSpec spec;
  int64_t q_rows = 1, kv_len = 1;
  int64_t offset = 0;  // of the right end of the keys that a row sees
  int64_t left = 0;    // windows: of the left one
  int64_t gap = 0;     // elements between the end of a row and the next one, in every operand
  double scale = 1;
  ScorePlace first;                     // where the case begins in its operation
  float sink = 0, slope = 0;            // with sinks, Alibi()
  double softcap = 0;                   // with Softcap()
  std::vector<T> q, k, v;               // rows of head_dim, head_dim, value_dim, adjoining
  std::vector<T> gate;                  // rows of value_dim, if the spec has one
  BiasRows bias;                        // if the spec has one
  std::vector<float> other_k, other_v;  // in place of k and v: numbers of another type

  // Normal values times `sigma`.
  void Fill(uint64_t seed, double sigma = 1) {
    std::mt19937_64 random(seed);
    std::normal_distribution<Compute<T>> normal(0, sigma);
    q.resize(q_rows * spec.head_dim);
    k.resize(kv_len * spec.head_dim);
    v.resize(kv_len * spec.value_dim);
    for (std::vector<T>* m : {&q, &k, &v})
      for (T& x : *m) x = normal(random);
    if (!spec.gate) return;
    gate.resize(q_rows * spec.value_dim);
    for (T& x : gate) x = 4 * normal(random);
  }

  Band band() const { return Band::Of(spec.mask, left, offset); }
  IndexRange Keys(int64_t row) const { return band().Keys(row, kv_len); }
  int64_t SeenBy(int64_t row) const { return Keys(row).end; }
  // The factor of an output.
  template <typename R>
  R GateAt(int64_t row, int64_t column) const {
    if (!spec.gate) return 1;
    return 1 / (1 + std::exp(-static_cast<R>(gate[row * spec.value_dim + column])));
  }
  double BiasAt(int64_t row, int64_t key) const {
    return spec.bias == Bias::kNone ? 0 : bias.at(row, key);
  }

  // The arguments that score parts read.
  AttentionArgs PartArgs() const {
    return {.alibi_slopes = &slope, .softcap = softcap, .first_head = first.head};
  }

  std::string Describe() const {
    return absl::StrCat(NameOf(spec), " v", spec.value_dim, " ", q_rows, "×", kv_len, " left ",
                        left, " offset ", offset, " gap ", gap, " scale ", scale);
  }
};

// Rows of `cols` elements with a gap after each but the last, in guarded memory.
template <typename T>
class GuardedRows {
 public:
  GuardedRows(int64_t rows, int64_t cols, int64_t gap, GuardedBuffer::Flush flush)
      : rows_(rows),
        cols_(cols),
        stride_(cols + gap),
        buffer_(rows == 0 ? 0 : ((rows - 1) * stride_ + cols) * sizeof(T), flush) {
    std::fill_n(buffer_.as<T>(), buffer_.bytes() / sizeof(T), kGap());
  }

  void Write(const std::vector<T>& from) {
    for (int64_t i = 0; i < rows_; ++i)
      std::memcpy(buffer_.as<T>() + i * stride_, &from[i * cols_], cols_ * sizeof(T));
  }
  std::vector<T> Read() const {
    std::vector<T> to(rows_ * cols_);
    for (int64_t i = 0; i < rows_; ++i)
      std::memcpy(&to[i * cols_], buffer_.as<T>() + i * stride_, cols_ * sizeof(T));
    return to;
  }
  bool GapsUntouched() const {
    for (int64_t i = 0; i + 1 < rows_; ++i)
      for (int64_t d = cols_; d < stride_; ++d)
        if (!std::isnan(buffer_.as<T>()[i * stride_ + d])) return false;
    return buffer_.SlackUntouched();
  }
  T* data() const { return buffer_.as<T>(); }
  int64_t stride_bytes() const { return stride_ * sizeof(T); }

 private:
  // What lies between rows is NaN, so that a kernel that uses it shows it.
  static T kGap() { return std::numeric_limits<T>::quiet_NaN(); }

  int64_t rows_, cols_, stride_;
  GuardedBuffer buffer_;
};

// Calls run(args) with the arguments of a call. `lse`: receives the log-sum-exps, with spec.lse.
template <typename T, typename Run>
std::vector<T> RunWith(const Kernel& kernel, const AttentionCase<T>& in, GuardedBuffer::Flush flush,
                       std::vector<Compute<T>>* lse, Run run) {
  GuardedRows<T> q(in.q_rows, in.spec.head_dim, in.gap, flush);
  GuardedRows<T> k(in.kv_len, in.spec.head_dim, in.gap, flush);
  GuardedRows<T> v(in.kv_len, in.spec.value_dim, in.gap, flush);
  GuardedRows<T> out(in.q_rows, in.spec.value_dim, in.gap, flush);
  GuardedRows<Compute<T>> sums(in.q_rows, 1, in.gap, flush);
  GuardedRows<T> gate(in.spec.gate ? in.q_rows : 0, in.spec.value_dim, in.gap, flush);
  gate.Write(in.gate);
  q.Write(in.q);
  k.Write(in.k);
  v.Write(in.v);
  // Scratch is promised to be aligned, its contents are not: here they are NaN.
  GuardedBuffer scratch((kernel.scratch_bytes(in.kv_len, in.q_rows) + 63) / 64 * 64, flush);
  std::memset(scratch.data(), 0xFF, scratch.bytes());
  const BiasMemory bias(in.spec, in.bias, flush);
  run(AttentionArgs{.spec = &in.spec,
                    .q = q.data(),
                    .k = k.data(),
                    .v = v.data(),
                    .out = out.data(),
                    .q_stride = q.stride_bytes(),
                    .k_stride = k.stride_bytes(),
                    .v_stride = v.stride_bytes(),
                    .out_stride = out.stride_bytes(),
                    .q_rows = in.q_rows,
                    .kv_len = in.kv_len,
                    .right = in.offset,
                    .scale = in.scale,
                    .scratch = scratch.data(),
                    .left = in.left,
                    .bias = bias.first(),
                    .bias_stride = bias.stride(),
                    .sinks = &in.sink,
                    .alibi_slopes = &in.slope,
                    .softcap = in.softcap,
                    .lse = sums.data(),
                    .lse_stride = sums.stride_bytes(),
                    .first_query = in.first.query,
                    .first_key = in.first.key,
                    .first_head = in.first.head,
                    .gate = gate.data(),
                    .gate_stride = gate.stride_bytes()});
  EXPECT_TRUE(out.GapsUntouched()) << "wrote between or beside the output's rows";
  EXPECT_TRUE(scratch.SlackUntouched()) << "wrote beside the scratch";
  EXPECT_TRUE(sums.GapsUntouched()) << "wrote between or beside the log-sum-exps";
  if (lse != nullptr) *lse = sums.Read();
  return out.Read();
}

template <typename T>
std::vector<T> RunKernel(const Kernel& kernel, const AttentionCase<T>& in,
                         GuardedBuffer::Flush flush = GuardedBuffer::kBack,
                         std::vector<Compute<T>>* lse = nullptr) {
  return RunWith(kernel, in, flush, lse, [&](const AttentionArgs& args) { kernel.Run(args); });
}

template <typename T>
using Wider = std::conditional_t<std::is_same_v<Compute<T>, float>, double, long double>;

// The bound on a kernel's error: twice the error of the straightforward loop in T (for 16-bit
// types, in float with roundings to T), or 4 ε · max|V|. The result is NaN where the formula gives
// NaN, and not finite where the formula is not finite.
template <typename T>
struct Expected {
  std::vector<Wider<T>> exact;  // [row][column], in a wider type
  // Taken over many inputs if a single one has only few rows with visible rounding, where the plain
  // loop may be exact by luck.
  Wider<T> plain_error = 0;
  Wider<T> least_bound = 0;
  int64_t columns = 0;
};

// Compute it once if several kernels get the same input.
template <typename T>
Expected<T> Expect(const AttentionCase<T>& in);

// The log-sum-exp of each row.
template <typename T>
std::vector<Wider<T>> ExactLse(const AttentionCase<T>& in);

template <typename T>
::testing::AssertionResult AsExactAsAPlainLoop(const Expected<T>& expected,
                                               const std::vector<T>& got);

template <typename T>
::testing::AssertionResult AsExactAsAPlainLoop(const AttentionCase<T>& in,
                                               const std::vector<T>& got) {
  return AsExactAsAPlainLoop(Expect(in), got);
}

// This many draws always contain a valid configuration in these tests: for AVX2, one in 60 is
// valid.
constexpr int kMostDraws = 20000;

// Draws a point of the space of C's algorithm and `isa`, each field uniformly from its values, and
// applies change(config). Configurations that `cpu` refuses are drawn again; if none is found, the
// test fails.
template <typename C, typename Change>
C DrawConfig(Isa isa, const AttentionSpec& spec, const Cpu& cpu, std::mt19937_64& random,
             Change change) {
  absl::Status refusal;
  for (int draw = 0; draw < kMostDraws; ++draw) {
    ops::Config config = C{.isa = isa};
    for (const ops::Field& field : config.algorithm().fields) {
      if (field.role != ops::Field::Role::kTunable) continue;
      field.set(config, field.values[random() % field.values.size()]);
    }
    change(config.As<C>());
    config = CanonicalFor(spec, config);
    refusal = ValidateFor(spec, config, cpu);
    if (refusal.ok()) return config.As<C>();
  }
  throw std::runtime_error(absl::StrCat(
      "none of ", kMostDraws, " configurations of ", std::string(ops::AlgorithmOf<C>->name),
      " and ", std::string(Name(isa)), " drawn for ", NameOf(spec),
      " is valid; the last one: ", std::string(refusal.message())));
}

template <typename C>
C RandomConfigOf(Isa isa, const AttentionSpec& spec, const Cpu& cpu, std::mt19937_64& random) {
  return DrawConfig<C>(isa, spec, cpu, random, [](C&) {});
}

inline TilesConfig RandomTiles(Isa isa, const AttentionSpec& spec, const Cpu& cpu,
                               std::mt19937_64& random) {
  return RandomConfigOf<TilesConfig>(isa, spec, cpu, random);
}

inline RowsConfig RandomRows(Isa isa, const AttentionSpec& spec, const Cpu& cpu,
                             std::mt19937_64& random) {
  return RandomConfigOf<RowsConfig>(isa, spec, cpu, random);
}

// The two emitted algorithms with equal chance; without an ISA the portable one.
inline ops::Config RandomConfig(Isa isa, const AttentionSpec& spec, const Cpu& cpu,
                                std::mt19937_64& random) {
  if (isa == Isa::kPortable) {
    return RandomConfigOf<ops::PortableAttentionConfig>(isa, spec, cpu, random);
  }
  if (random() % 2 != 0) return RandomRows(isa, spec, cpu, random);
  return RandomTiles(isa, spec, cpu, random);
}

// One configuration of each form: "tiles" by the form of P·V, with exponentials on the accumulators
// and on stored scores, and "rows" with and without pairs. Without an ISA the portable one.
inline std::vector<ops::Config> RandomForms(Isa isa, const AttentionSpec& spec,
                                            std::mt19937_64& random) {
  if (isa == Isa::kPortable) return {ops::PortableAttentionConfig{}};
  const bool pairs = FitsPairs(isa, spec) && HostCpu().avx512_bf16;
  std::vector<ops::Config> configs;
  for (const PvForm pv : {PvForm::kNatural, PvForm::kTransposed, PvForm::kPairs}) {
    for (const int fuse : {0, 1}) {
      if (pv == PvForm::kPairs && (fuse == 1 || !pairs)) continue;
      configs.push_back(DrawConfig<TilesConfig>(isa, spec, HostCpu(), random, [&](TilesConfig& c) {
        c.pv = pv;
        c.fuse_exp = fuse;
      }));
    }
  }
  for (const int in_pairs : {0, 1}) {
    if (in_pairs > pairs) continue;
    configs.push_back(DrawConfig<RowsConfig>(isa, spec, HostCpu(), random,
                                             [&](RowsConfig& c) { c.pairs = in_pairs; }));
  }
  return configs;
}

template <typename F>
void AttentionKernelTest::ForRandomForms(AttentionSpec spec, uint64_t seeds, F check) {
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    std::mt19937_64 random(seed);
    spec.head_dim = 1 + static_cast<int>(random() % 40);
    spec.value_dim = 1 + static_cast<int>(random() % 40);
    for (const ops::Config& config : RandomForms(isa(), spec, random)) {
      const auto kernel = CompileFor(spec, config, HostCpu());
      ASSERT_TRUE(kernel.ok()) << kernel.status();
      ForType([&](auto zero) { check(spec, **kernel, zero, random, seed); });
      if (HasFatalFailure()) return;
    }
  }
}

}  // namespace jitattn::jit::testing

#endif  // JITATTN_TESTS_JIT_ATTENTION_REFERENCE_H_
