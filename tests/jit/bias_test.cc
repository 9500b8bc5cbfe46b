// Kernels with a bias, in both algorithms and on the portable path, against the formula. Operands
// are flush against unreadable pages.

#include <Zydis/Zydis.h>
#include <sys/mman.h>

#include <limits>
#include <tuple>

#include "jit/attention/rows_kernel.h"
#include "ops/attention/formula_rows.h"
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
      if (each < 4 && (each == 0 || random() % 4 == 0))
        bias.values[row * bias.keys + key] = kHidden;
  }
}

template <typename T>
bool AnySees(const AttentionCase<T>& in, int64_t key) {
  for (int64_t row = 0; row < in.q_rows; ++row)
    if (in.Keys(row).Has(key) && in.BiasAt(row, key) != kHidden) return true;
  return false;
}

template <typename T>
void SpoilKey(AttentionCase<T>* in, int64_t key) {
  constexpr T kNan = std::numeric_limits<T>::quiet_NaN();
  std::fill_n(&in->k[key * in->spec.head_dim], in->spec.head_dim, kNan);
  std::fill_n(&in->v[key * in->spec.value_dim], in->spec.value_dim, kNan);
}

// What no row sees is NaN in K and V.
template <typename T>
void Spoil(AttentionCase<T>* in) {
  for (int64_t key = 0; key < in->kv_len; ++key)
    if (!AnySees(*in, key)) SpoilKey(in, key);
}

class BiasTest : public testing::AttentionKernelTest {
 protected:
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
    in.offset = random() % 2 ? in.kv_len - in.q_rows : static_cast<int64_t>(random() % 300) - 100;
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

  // Heads lie one behind the other.
  template <typename T>
  void CheckGroup(const Kernel& kernel, const AttentionSpec& spec, const RowsConfig& config,
                  std::mt19937_64& random, uint64_t seed) {
    AttentionCase<T> all = RandomCase<T>(spec, random);  // rows [head][query]
    const int64_t heads = 1 + static_cast<int64_t>(random() % 4);
    const int64_t queries = 1 + static_cast<int64_t>(random() % 5);
    all.q_rows = heads * queries;
    all.Fill(seed);
    FillBias(&all, static_cast<Holes>(random() % 4), random);
    // 0: each row has a bias; 1: all queries of a head share one; 2: all heads; 3: all rows.
    const int shared = static_cast<int>(seed % 4);
    all.bias.stride = 1;
    for (int64_t row = 0; row < all.q_rows; ++row) {
      const int64_t from =
          (shared & 2 ? 0 : row / queries * queries) + (shared & 1 ? 0 : row % queries);
      std::copy_n(&all.bias.values[from * all.kv_len], all.kv_len,
                  &all.bias.values[row * all.kv_len]);
    }
    std::vector<AttentionCase<T>> of_heads(heads, all);
    for (int64_t head = 0; head < heads; ++head) {
      AttentionCase<T>& in = of_heads[head];
      in.q_rows = in.bias.rows = queries;
      in.q.erase(in.q.begin(), in.q.begin() + head * queries * spec.head_dim);
      in.bias.values.erase(in.bias.values.begin(),
                           in.bias.values.begin() + head * queries * in.kv_len);
    }
    for (int64_t key = 0; key < all.kv_len; ++key) {
      if (std::ranges::any_of(of_heads, [&](const auto& in) { return AnySees(in, key); })) continue;
      for (AttentionCase<T>& in : of_heads) SpoilKey(&in, key);
      SpoilKey(&all, key);
    }
    const std::vector<T> out = RunGroup(kernel, all, heads, shared, config, random);
    for (int64_t head = 0; head < heads; ++head) {
      const int64_t size = queries * spec.value_dim;
      const std::vector<T> of_head(out.begin() + head * size, out.begin() + (head + 1) * size);
      auto expected = testing::Expect(of_heads[head]);
      expected.plain_error = std::max(expected.plain_error, testing::Expect(all).plain_error);
      ASSERT_TRUE(AsExactAsAPlainLoop(expected, of_head))
          << kernel.name() << "\n"
          << all.Describe() << ", head " << head << " of " << heads << ", shared " << shared
          << ", seed " << seed;
    }
  }

  template <typename T>
  std::vector<T> RunGroup(const Kernel& kernel, const AttentionCase<T>& in, int64_t heads,
                          int shared, const RowsConfig& config, std::mt19937_64& random) {
    constexpr auto kFlush = GuardedBuffer::kBack;
    const int64_t queries = in.q_rows / heads, all_keys = in.kv_len;
    testing::GuardedRows<T> q(in.q_rows, in.spec.head_dim, in.gap, kFlush);
    testing::GuardedRows<T> k(all_keys, in.spec.head_dim, in.gap, kFlush);
    testing::GuardedRows<T> v(all_keys, in.spec.value_dim, in.gap, kFlush);
    testing::GuardedRows<T> out(in.q_rows, in.spec.value_dim, in.gap, kFlush);
    q.Write(in.q), k.Write(in.k), v.Write(in.v);
    const BiasMemory bias(in.spec, in.bias, kFlush);
    GuardedBuffer scratch((kernel.scratch_bytes(all_keys, in.q_rows) + 63) / 64 * 64, kFlush);
    std::memset(scratch.data(), 0xFF, scratch.bytes());
    const AttentionArgs all{.spec = &in.spec,
                            .q = q.data(),
                            .k = k.data(),
                            .v = v.data(),
                            .out = out.data(),
                            .q_stride = q.stride_bytes(),
                            .k_stride = k.stride_bytes(),
                            .v_stride = v.stride_bytes(),
                            .out_stride = out.stride_bytes(),
                            .q_rows = queries,
                            .kv_len = all_keys,
                            .right = in.offset,
                            .scale = in.scale,
                            .scratch = scratch.data(),
                            .group = heads,
                            .q_head_stride = q.stride_bytes() * queries,
                            .out_head_stride = out.stride_bytes() * queries,
                            .left = in.left,
                            .bias = bias.first(),
                            .bias_stride = shared & 1 ? 0 : bias.stride(),
                            .bias_head_stride = shared & 2 ? 0 : bias.stride() * queries};
    std::vector<int64_t> cuts = {0};
    while (cuts.back() < all_keys)
      cuts.push_back(std::min<int64_t>(all_keys, cuts.back() + 1 + random() % 200));
    if (cuts.size() == 2) {
      kernel.Run(all);
      return out.Read();
    }
    const int64_t part_bytes = RowsPartBytes(in.spec, config, in.q_rows);
    GuardedBuffer parts((std::ssize(cuts) - 1) * part_bytes, kFlush);
    AttentionArgs merge = all;
    merge.parts = 0, merge.part = parts.data(), merge.part_stride = part_bytes;
    for (size_t i = 0; i + 1 < cuts.size(); ++i, ++merge.parts) {
      AttentionArgs some = all;
      some.k = static_cast<const char*>(all.k) + cuts[i] * all.k_stride;
      some.v = static_cast<const char*>(all.v) + cuts[i] * all.v_stride;
      some.bias = static_cast<const char*>(all.bias) + cuts[i] * BiasBytes(in.spec);
      some.kv_len = cuts[i + 1] - cuts[i];
      some.right = all.right - cuts[i], some.left = all.left - cuts[i];
      some.parts = AttentionArgs::kPart;
      some.part = parts.data() + i * part_bytes;
      kernel.Run(some);
    }
    merge.k = merge.v = merge.bias = nullptr;  // not read
    kernel.Run(merge);
    EXPECT_TRUE(out.GapsUntouched());
    EXPECT_TRUE(parts.SlackUntouched());
    return out.Read();
  }

  // check(kernel, zero of the type, random, seed) for each kind of bias and form of kernel.
  template <typename F>
  void ForKernels(uint64_t first_seed, uint64_t seeds, F check) {
    for (uint64_t seed = first_seed; seed < first_seed + seeds; ++seed) {
      for (const Bias bias : Kinds(dtype())) {
        std::mt19937_64 random(seed);
        const AttentionSpec spec = RandomSpec(bias, random);
        for (const ops::Config& config : testing::RandomForms(isa(), spec, random)) {
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
  ForKernels(0, 4,
             [&](const Kernel& kernel, const AttentionSpec& spec, const ops::Config&, auto zero,
                 std::mt19937_64& random, uint64_t seed) {
               for (int i = 0; i < 4 && !HasFatalFailure(); ++i)
                 Check(kernel, RandomCase<decltype(zero)>(spec, random), seed);
             });
}

// A key that is NaN for the rows that see it has no effect on the others.
TEST_P(BiasTest, HiddenScoresMayBeNan) {
  ForKernels(20, 3,
             [&](const Kernel& kernel, const AttentionSpec& spec, const ops::Config&, auto zero,
                 std::mt19937_64& random, uint64_t seed) {
               using T = decltype(zero);
               AttentionCase<T> in = RandomCase<T>(spec, random);
               for (int i = 0; i < 3; ++i) {
                 const int64_t key = static_cast<int64_t>(random() % in.kv_len);
                 std::fill_n(&in.k[key * spec.head_dim], spec.head_dim,
                             i == 0 ? std::numeric_limits<T>::infinity()
                                    : std::numeric_limits<T>::quiet_NaN());
               }
               Check(kernel, in, seed);
             });
}

// The lowest finite number is no −∞, although its product with log2 e is: a row of such numbers
// gives the mean of the values. Beside other numbers they weigh nothing.
TEST_P(BiasTest, TheLowestNumberHidesNothing) {
  ForKernels(
      30, 1,
      [&](const Kernel& kernel, const AttentionSpec& spec, const ops::Config&, auto zero,
          std::mt19937_64&, uint64_t seed) {
        AttentionCase<decltype(zero)> in{.spec = spec, .q_rows = 37, .kv_len = 150, .offset = 113};
        in.left = 40;
        in.Fill(seed);
        in.bias = {.rows = in.q_rows, .keys = in.kv_len};
        for (int64_t row = 0; row < in.q_rows; ++row)
          for (int64_t key = 0; key < in.kv_len; ++key)
            in.bias.values.push_back(row % 3 == 0 || key % 2 == row % 2 ? LowestBias(spec) : 0);
        Check(kernel, in, seed);
      });
}

TEST_P(BiasTest, RowsThatSeeNothingAreZero) {
  ForKernels(40, 1,
             [&](const Kernel& kernel, const AttentionSpec& spec, const ops::Config&, auto zero,
                 std::mt19937_64&, uint64_t seed) {
               using T = decltype(zero);
               for (const int64_t stride : {0, 1}) {
                 AttentionCase<T> in{.spec = spec, .q_rows = 21, .kv_len = 70, .offset = 49};
                 in.Fill(seed);
                 in.bias = {.rows = in.q_rows, .keys = in.kv_len, .stride = stride};
                 in.bias.values.assign(in.q_rows * in.kv_len, kHidden);
                 Spoil(&in);
                 for (const T x : RunKernel(kernel, in)) ASSERT_EQ(x, 0) << kernel.name();
               }
             });
}

TEST_P(BiasTest, AfterScoreParts) {
  const testing::Softcap softcap(3);
  const testing::DistanceBias distance(1.0 / 32);
  for (const Bias bias : Kinds(dtype())) {
    std::mt19937_64 random(50);
    AttentionSpec spec = RandomSpec(bias, random);
    spec.score_parts = {&softcap, &distance};
    for (const ops::Config& config : testing::RandomForms(isa(), spec, random)) {
      const auto kernel = testing::CompileFor(spec, config, HostCpu());
      ASSERT_TRUE(kernel.ok()) << kernel.status();
      ForType([&](auto zero) { Check(**kernel, RandomCase<decltype(zero)>(spec, random), 1); });
      if (HasFatalFailure()) return;
    }
  }
}

// Chunks that no row sees are not mapped.
TEST_P(BiasTest, ChunksThatNobodySeesAreNotRead) {
  ForKernels(
      60, 1,
      [&](const Kernel& kernel, AttentionSpec spec, const ops::Config& config, auto zero,
          std::mt19937_64& random, uint64_t) {
        using T = decltype(zero);
        const auto* tiles = config.If<TilesConfig>();
        const auto* rows = config.If<RowsConfig>();
        const int64_t block = tiles ? tiles->kv_block : rows ? rows->kv_block : 64;
        const int64_t page = 4096, blocks = 5;
        AttentionCase<T> in{.spec = spec, .q_rows = 19, .kv_len = blocks * block - 3};
        in.offset = in.kv_len;
        in.left = 0;
        in.Fill(7);
        in.bias.stride = static_cast<int64_t>(random() % 2);
        FillBias(&in, Holes::kSingle, random);
        for (int64_t key = 0; key < in.kv_len; ++key)
          for (int64_t row = 0; row < in.q_rows && key / block % 2 == 0; ++row)
            in.bias.values[row * in.kv_len + key] = kHidden;
        Spoil(&in);
        // One row a page, so that each key has its own protection.
        testing::GuardedBuffer k(in.kv_len * page, GuardedBuffer::kBack);
        testing::GuardedBuffer v(in.kv_len * page, GuardedBuffer::kBack);
        for (int64_t key = 0; key < in.kv_len; ++key) {
          std::memcpy(k.data() + key * page, &in.k[key * spec.head_dim], spec.head_dim * sizeof(T));
          std::memcpy(v.data() + key * page, &in.v[key * spec.value_dim],
                      spec.value_dim * sizeof(T));
        }
        const auto protect = [&](int protection) {
          for (int64_t at = 0; at < blocks; at += 2) {
            const int64_t keys = std::min(block, in.kv_len - at * block);
            for (const auto* memory : {&k, &v})
              ASSERT_EQ(mprotect(memory->data() + at * block * page, keys * page, protection), 0);
          }
        };
        protect(PROT_NONE);
        std::vector<T> out(in.q_rows * spec.value_dim);
        std::vector<uint8_t> scratch(kernel.scratch_bytes(in.kv_len, in.q_rows) + 64, 0xFF);
        const BiasMemory bias(spec, in.bias, GuardedBuffer::kBack);
        kernel.Run(AttentionArgs{
            .spec = &in.spec,
            .q = in.q.data(),
            .k = k.data(),
            .v = v.data(),
            .out = out.data(),
            .q_stride = static_cast<int64_t>(spec.head_dim * sizeof(T)),
            .k_stride = page,
            .v_stride = page,
            .out_stride = static_cast<int64_t>(spec.value_dim * sizeof(T)),
            .q_rows = in.q_rows,
            .kv_len = in.kv_len,
            .right = in.offset,
            .scale = in.scale,
            .scratch =
                scratch.data() + (64 - reinterpret_cast<uintptr_t>(scratch.data()) % 64) % 64,
            .left = in.left,
            .bias = bias.first(),
            .bias_stride = bias.stride()});
        protect(PROT_READ | PROT_WRITE);
        ASSERT_TRUE(AsExactAsAPlainLoop(in, out)) << kernel.name();
      });
}

// "rows": heads of a group with biases of their own or one for all, and keys in parts, some of
// which see nothing.
TEST_P(BiasTest, GroupsAndParts) {
  if (isa() == Isa::kPortable) return;  // it has neither
  for (const Bias kind : Kinds(dtype())) {
    for (uint64_t seed = 70; seed < 76; ++seed) {
      std::mt19937_64 random(seed);
      const AttentionSpec spec = RandomSpec(kind, random);
      const RowsConfig config = testing::RandomRows(isa(), spec, HostCpu(), random);
      const auto kernel = testing::CompileFor(spec, config, HostCpu());
      ASSERT_TRUE(kernel.ok()) << kernel.status();
      ForType([&](auto zero) { CheckGroup<decltype(zero)>(**kernel, spec, config, random, seed); });
      if (HasFatalFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, BiasTest,
    ::testing::Combine(::testing::Values(Isa::kPortable, Isa::kAvx2, Isa::kAvx512),
                       ::testing::Values(DType::kF32, DType::kF64, DType::kBF16, DType::kF16),
                       ::testing::Values(Mask::kNone, Mask::kCausal, Mask::kWindow)),
    testing::ParamName);

// The library's own reference has the bias of a kernel's arguments.
TEST(FormulaBiasTest, AgreesWithTheFormulaOfTheTests) {
  std::mt19937_64 random(90);
  for (const Bias kind : {Bias::kNone, Bias::kF32, Bias::kOwn, Bias::kSeen}) {
    for (const Mask mask : {Mask::kNone, Mask::kCausal}) {
      AttentionCase<BFloat16> in{.spec = {DType::kBF16, mask, 12, 7, kind},
                                 .q_rows = 17,
                                 .kv_len = 43,
                                 .offset = 20,
                                 .scale = 0.3};
      in.Fill(91);
      if (kind != Bias::kNone) {
        FillBias(&in, Holes::kSingle, random);
        Spoil(&in);
      }
      const BiasMemory memory(in.spec, in.bias, GuardedBuffer::kBack);
      jitattn_attention_args args{.q = in.q.data(),
                                  .k = in.k.data(),
                                  .v = in.v.data(),
                                  .q_len = in.q_rows,
                                  .kv_len = in.kv_len,
                                  .q_strides = {0, 0, 12},
                                  .k_strides = {0, 0, 12},
                                  .v_strides = {0, 0, 7},
                                  .scale = in.scale,
                                  .causal_offset = in.offset,
                                  .bias = memory.first()};
      if (kind != Bias::kNone) args.bias_strides[2] = memory.stride() / BiasBytes(in.spec);
      std::vector<ops::RowId> rows(in.q_rows);
      for (int64_t row = 0; row < in.q_rows; ++row) rows[row] = {.row = row};
      const ops::FormulaRows<BFloat16, double> formula(testing::ProblemOf(in.spec), args, rows);
      const auto expected = testing::Expect(in);
      for (size_t i = 0; i < expected.exact.size(); ++i)
        ASSERT_NEAR(formula.out()[i], expected.exact[i], 1e-12) << static_cast<int>(kind);
      EXPECT_GT(formula.Spread(), 0.1);
    }
  }
}

// Code for CPUs that are not at hand decodes, and AVX2 kernels have no EVEX instructions.
TEST(BiasCodeTest, EncodingsFitTheIsa) {
  for (const testing::DescribedCpu& described : testing::CpusOfDifferentCode()) {
    const Cpu& cpu = described.cpu;
    std::mt19937_64 random(80);
    for (const DType dtype : {DType::kF32, DType::kF64, DType::kBF16, DType::kF16}) {
      if (!testing::HasKernels(cpu, dtype)) continue;
      for (int i = 0; i < 40; ++i) {
        const std::vector<Bias> kinds = Kinds(dtype);
        const AttentionSpec spec = {
            dtype, static_cast<Mask>(random() % 3), 1 + static_cast<int>(random() % 100),
            1 + static_cast<int>(random() % 100), kinds[random() % kinds.size()]};
        const ops::Config config = testing::RandomConfig(cpu.isa, spec, cpu, random);
        Assembler a(cpu.isa, cpu);
        if (const auto* tiles = config.If<TilesConfig>()) {
          EmitTiles(a, spec, *tiles);
        } else {
          EmitRows(a, spec, config.As<RowsConfig>());
        }
        const std::span<const uint8_t> code = a.Finish();
        ZydisDisassembledInstruction instruction;
        for (size_t at = 0; at < a.sections()[0].end; at += instruction.info.length) {
          ASSERT_TRUE(ZYAN_SUCCESS(ZydisDisassembleIntel(ZYDIS_MACHINE_MODE_LONG_64, at, &code[at],
                                                         code.size() - at, &instruction)))
              << testing::NameFor(spec, config) << " at byte " << at;
          ASSERT_FALSE(cpu.isa == Isa::kAvx2 &&
                       instruction.info.encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX)
              << testing::NameFor(spec, config) << ": " << instruction.text;
          ASSERT_NE(instruction.info.meta.category, ZYDIS_CATEGORY_SSE)
              << testing::NameFor(spec, config) << ": " << instruction.text;
        }
      }
    }
  }
}

}  // namespace
}  // namespace jitattn::jit
