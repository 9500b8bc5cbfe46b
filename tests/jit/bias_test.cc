// Kernels with a bias, in both algorithms and on the portable path, against the formula. Operands
// are flush against unreadable pages.

#include <limits>
#include <tuple>

#include "jit/attention/rows_kernel.h"
#include "tests/jit/attention_reference.h"
#include "tests/jit/described_cpus.h"
#include "tests/jit/score_parts.h"

namespace jitattn::jit {
namespace {

using testing::AsExactAsAPlainLoop;
using testing::AttentionCase;
using testing::BiasMemory;
using testing::BiasRows;
using testing::GuardedBuffer;
using testing::RunKernel;

constexpr double kHidden = -std::numeric_limits<double>::infinity();
constexpr double kLowest = std::numeric_limits<double>::lowest();

constexpr int kDims[] = {1, 3, 8, 16, 17, 20, 33, 64};
constexpr int64_t kRows[] = {1, 2, 5, 13, 16, 33, 64, 70, 130};
constexpr int64_t kKeys[] = {1, 7, 16, 33, 64, 97, 200, 333, 700};

template <typename T>
T Pick(std::span<const T> from, std::mt19937_64& random) {
  return from[random() % from.size()];
}

std::vector<Bias> Kinds(DType dtype) {
  if (dtype == DType::kF32) return {Bias::kF32, Bias::kSeen};
  return {Bias::kF32, Bias::kOwn, Bias::kSeen};
}

// The lowest finite number of the bias's type.
double LowestBias(const AttentionSpec& spec) {
  if (spec.bias == Bias::kSeen) return 0;
  switch (BiasType(spec)) {
    case DType::kF64:
      return kLowest;
    case DType::kBF16:
      return std::numeric_limits<BFloat16>::lowest();
    case DType::kF16:
      return std::numeric_limits<Float16>::lowest();
    default:
      return std::numeric_limits<float>::lowest();
  }
}

// How keys are hidden.
enum class Holes { kNone, kSingle, kRuns, kMost };

// Holes that all rows share, some that they do not share, and rows that see nothing.
template <typename T>
void FillBias(AttentionCase<T>* in, Holes holes, std::mt19937_64& random) {
  BiasRows& bias = in->bias;
  bias.rows = in->q_rows, bias.keys = in->kv_len;
  bias.values.assign(bias.rows * bias.keys, 0);
  std::normal_distribution<double> normal(0, 2);
  for (double& x : bias.values) x = testing::RoundedToBias(in->spec, normal(random));
  if (holes == Holes::kNone) return;
  for (int64_t key = 0; key < bias.keys;) {
    const bool hide = holes == Holes::kMost ? random() % 8 != 0 : random() % 3 == 0;
    int64_t end = key + 1 + (holes == Holes::kSingle ? 0 : random() % (hide ? 150 : 60));
    for (end = std::min(end, bias.keys); key < end; ++key)
      for (int64_t row = 0; hide && row < bias.rows; ++row)
        bias.values[row * bias.keys + key] = kHidden;
  }
  for (int64_t row = 0; row < bias.rows; ++row) {
    const int each = static_cast<int>(random() % 6);  // 0: the whole row
    for (int64_t key = 0; key < bias.keys; ++key)
      if (each < 4 && (each == 0 || random() % 4 == 0)) bias.values[row * bias.keys + key] = kHidden;
  }
}

template <typename T>
bool AnySees(const AttentionCase<T>& in, int64_t key) {
  for (int64_t row = 0; row < in.q_rows; ++row)
    if (in.Keys(row).Has(key) && in.BiasAt(row, key) != kHidden) return true;
  return false;
}

// What no row sees is NaN in K and V; some keys that only some rows see are NaN in K.
template <typename T>
void Spoil(AttentionCase<T>* in) {
  constexpr T kNan = std::numeric_limits<T>::quiet_NaN();
  for (int64_t key = 0; key < in->kv_len; ++key) {
    if (AnySees(*in, key)) continue;
    std::fill_n(&in->k[key * in->spec.head_dim], in->spec.head_dim, kNan);
    std::fill_n(&in->v[key * in->spec.value_dim], in->spec.value_dim, kNan);
  }
}

class BiasTest : public testing::AttentionKernelTest {
 protected:
  // One configuration of each form: "tiles" by the form of P·V, with exponentials on the
  // accumulators and on stored scores, and "rows" with and without pairs.
  std::vector<ops::Config> RandomConfigs(const AttentionSpec& spec, std::mt19937_64& random) const {
    if (isa() == Isa::kPortable) return {ops::PortableAttentionConfig{}};
    const bool pairs = dtype() == DType::kBF16 && isa() == Isa::kAvx512 && HostCpu().avx512_bf16;
    std::vector<ops::Config> configs;
    for (const PvForm pv : {PvForm::kNatural, PvForm::kTransposed, PvForm::kPairs}) {
      for (const int fuse : {0, 1}) {
        if (pv == PvForm::kPairs && (fuse == 1 || !pairs)) continue;
        configs.push_back(
            testing::DrawConfig<TilesConfig>(isa(), spec, HostCpu(), random, [&](TilesConfig& c) {
              c.pv = pv;
              c.fuse_exp = fuse;
            }));
      }
    }
    for (const int in_pairs : {0, 1}) {
      if (in_pairs > pairs) continue;
      configs.push_back(testing::DrawConfig<RowsConfig>(
          isa(), spec, HostCpu(), random, [&](RowsConfig& c) { c.pairs = in_pairs; }));
    }
    return configs;
  }

  AttentionSpec RandomSpec(Bias bias, std::mt19937_64& random) const {
    return {dtype(), mask(), Pick<int>(kDims, random), Pick<int>(kDims, random), bias};
  }

  template <typename T>
  AttentionCase<T> RandomCase(const AttentionSpec& spec, std::mt19937_64& random) const {
    AttentionCase<T> in{.spec = spec};
    in.q_rows = Pick<int64_t>(kRows, random);
    in.kv_len = Pick<int64_t>(kKeys, random);
    in.gap = static_cast<int64_t>(random() % 2 * 3);
    in.scale = 1 / std::sqrt(static_cast<double>(spec.head_dim));
    in.offset =
        random() % 2 ? in.kv_len - in.q_rows : static_cast<int64_t>(random() % 300) - 100;
    constexpr int kMost[] = {3, 20, 80, 400};
    in.left = in.offset + 1 - static_cast<int64_t>(random() % kMost[random() % 4]);
    in.bias.stride = static_cast<int64_t>(random() % 3) - 1;
    in.bias.gap = static_cast<int64_t>(random() % 2 * 5);
    in.Fill(random());
    FillBias(&in, static_cast<Holes>(random() % 4), random);
    Spoil(&in);
    return in;
  }

  template <typename T>
  void Check(const Kernel& kernel, const AttentionCase<T>& in, uint64_t seed) {
    const auto flush = seed % 2 ? GuardedBuffer::kFront : GuardedBuffer::kBack;
    ASSERT_TRUE(AsExactAsAPlainLoop(in, RunKernel(kernel, in, flush)))
        << kernel.name() << "\n"
        << in.Describe() << ", bias " << static_cast<int>(in.spec.bias) << " stride "
        << in.bias.stride << " gap " << in.bias.gap << ", seed " << seed;
  }

  // check(kernel, zero of the type, random, seed) for each kind of bias and form of kernel.
  template <typename F>
  void ForKernels(uint64_t first_seed, uint64_t seeds, F check) {
    for (uint64_t seed = first_seed; seed < first_seed + seeds; ++seed) {
      for (const Bias bias : Kinds(dtype())) {
        std::mt19937_64 random(seed);
        const AttentionSpec spec = RandomSpec(bias, random);
        for (const ops::Config& config : RandomConfigs(spec, random)) {
          const auto kernel = testing::CompileFor(spec, config, HostCpu());
          ASSERT_TRUE(kernel.ok()) << kernel.status();
          ForType([&](auto zero) { check(**kernel, spec, config, zero, random, seed); });
          if (HasFatalFailure()) return;
        }
      }
    }
  }
};

TEST_P(BiasTest, RandomShapesAndConfigurations) {
  ForKernels(0, 4, [&](const Kernel& kernel, const AttentionSpec& spec, const ops::Config&,
                       auto zero, std::mt19937_64& random, uint64_t seed) {
    for (int i = 0; i < 4 && !HasFatalFailure(); ++i)
      Check(kernel, RandomCase<decltype(zero)>(spec, random), seed);
  });
}

INSTANTIATE_TEST_SUITE_P(
    All, BiasTest,
    ::testing::Combine(::testing::Values(Isa::kPortable, Isa::kAvx2, Isa::kAvx512),
                       ::testing::Values(DType::kF32, DType::kF64, DType::kBF16, DType::kF16),
                       ::testing::Values(Mask::kNone, Mask::kCausal, Mask::kWindow)),
    [](const auto& info) {
      return absl::StrCat(std::string(Name(std::get<0>(info.param))), "_",
                          std::string(Name(std::get<1>(info.param))), "_",
                          testing::NameOf(std::get<2>(info.param)));
    });

}  // namespace
}  // namespace jitattn::jit
