// Keys and values of another type than the queries, in every algorithm, against the formula over
// the numbers that they stand for.

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "jit/attention/alibi.h"
#include "jit/attention/softcap.h"
#include "tests/jit/attention_reference.h"
#include "tests/jit/described_cpus.h"
#include "tests/jit/kv_memory.h"

namespace jitattn::jit {
namespace {

using testing::AttentionCase;
using testing::GuardedBuffer;
using testing::GuardedRows;
using testing::KvMemory;

constexpr double kHidden = -std::numeric_limits<double>::infinity();
constexpr int64_t kPortableBlock = 64;  // keys that the portable path reads together

struct Storage {
  KvType type;
  int block = 0;
};
constexpr Storage kStorages[] = {{KvType::kF32}, {KvType::kBF16},   {KvType::kF16},
                                 {KvType::kI8},  {KvType::kI8, 32}, {KvType::kI8, 64},
                                 {KvType::kQ8_0}};

std::string NameOf(const Storage& storage) {
  const AttentionSpec spec = {
      .head_dim = 32, .value_dim = 32, .kv_type = storage.type, .kv_scale_block = storage.block};
  return testing::NameOf(spec);
}

template <typename T>
T Pick(std::span<const T> from, std::mt19937_64& random) {
  return from[random() % from.size()];
}

class KvTypeTest : public testing::AttentionKernelTest {
 protected:
  AttentionSpec SpecOf(const Storage& storage, int head_dim, int value_dim) const {
    const bool blocks = storage.type == KvType::kQ8_0;
    const auto dim = [&](int wanted) { return blocks ? (wanted + 31) / 32 * 32 : wanted; };
    return {.dtype = dtype(),
            .mask = mask(),
            .head_dim = dim(head_dim),
            .value_dim = dim(value_dim),
            .kv_type = storage.type,
            .kv_scale_block = storage.block};
  }

  template <typename T>
  AttentionCase<T> RandomCase(const AttentionSpec& spec, int64_t most_rows, int64_t most_keys,
                              std::mt19937_64& random) const {
    AttentionCase<T> in{.spec = spec};
    in.q_rows = 1 + static_cast<int64_t>(random() % most_rows);
    in.kv_len = 1 + static_cast<int64_t>(random() % most_keys);
    in.gap = static_cast<int64_t>(random() % 3);
    in.scale = 1 / std::sqrt(static_cast<double>(spec.head_dim));
    // Behind the last key, or before the first one, of some rows; no key of some rows.
    in.offset = in.kv_len - in.q_rows - static_cast<int64_t>(random() % 30) + 10;
    in.left = in.offset - static_cast<int64_t>(random() % 100);
    in.softcap = 5, in.slope = 1.0f / 16;
    in.Fill(random());
    if (spec.bias != Bias::kNone) FillBias(&in, random);
    return in;
  }

  // Runs of keys that all rows, and some that only one row, does not see.
  template <typename T>
  static void FillBias(AttentionCase<T>* in, std::mt19937_64& random) {
    in->bias.rows = in->q_rows, in->bias.keys = in->kv_len;
    in->bias.values.assign(in->q_rows * in->kv_len, 0);
    for (int64_t key = 0; key < in->kv_len; ++key) {
      const bool all = key / 40 % 2 == 1;
      for (int64_t row = 0; row < in->q_rows; ++row)
        if (all || random() % 8 == 0) in->bias.values[row * in->kv_len + key] = kHidden;
    }
  }

  // Runs the kernel on random keys and values, and compares. Keys that no row sees are NaN, and
  // those before and behind all seen ones are no memory.
  template <typename T>
  void Check(const Kernel& kernel, AttentionCase<T> in, std::mt19937_64& random,
             const std::string& what) {
    const auto flush = random() % 2 ? GuardedBuffer::kFront : GuardedBuffer::kBack;
    const auto seen = [&](int64_t key) {
      for (int64_t row = 0; row < in.q_rows; ++row)
        if (in.Keys(row).Has(key) && in.BiasAt(row, key) != kHidden) return true;
      return false;
    };
    int64_t first = 0, end = in.kv_len;
    while (end > 0 && !seen(end - 1)) --end;
    while (first < end && !seen(first)) ++first;
    if (isa() == Isa::kPortable) {
      first = first / kPortableBlock * kPortableBlock;
      end = std::min(in.kv_len, (end + kPortableBlock - 1) / kPortableBlock * kPortableBlock);
    }
    const KvMemory k(in.spec, in.spec.head_dim, first, end, in.gap, seen, random, flush);
    const KvMemory v(in.spec, in.spec.value_dim, first, end, in.gap, seen, random, flush);
    const auto whole = [&](std::vector<float> numbers, int dim) {
      numbers.resize(in.kv_len * dim, std::numeric_limits<float>::quiet_NaN());
      return numbers;
    };
    in.other_k = whole(k.numbers(), in.spec.head_dim);
    in.other_v = whole(v.numbers(), in.spec.value_dim);
    auto expected = testing::Expect(in);
    // Few rows may be exact by luck, and the plain loop's score parts are in double.
    expected.plain_error *= 4;
    ASSERT_TRUE(testing::AsExactAsAPlainLoop(expected, Run(kernel, in, k, v, flush)))
        << kernel.name() << "\n"
        << in.Describe() << ", " << what;
  }

  template <typename T>
  std::vector<T> Run(const Kernel& kernel, const AttentionCase<T>& in, const KvMemory& k,
                     const KvMemory& v, GuardedBuffer::Flush flush) {
    GuardedRows<T> q(in.q_rows, in.spec.head_dim, in.gap, flush);
    GuardedRows<T> out(in.q_rows, in.spec.value_dim, in.gap, flush);
    q.Write(in.q);
    GuardedBuffer scratch((kernel.scratch_bytes(in.kv_len, in.q_rows) + 63) / 64 * 64, flush);
    std::memset(scratch.data(), 0xFF, scratch.bytes());
    const testing::BiasMemory bias(in.spec, in.bias, flush);
    kernel.Run(AttentionArgs{.spec = &in.spec,
                             .q = q.data(),
                             .k = k.data(),
                             .v = v.data(),
                             .out = out.data(),
                             .q_stride = q.stride_bytes(),
                             .k_stride = k.stride(),
                             .v_stride = v.stride(),
                             .out_stride = out.stride_bytes(),
                             .q_rows = in.q_rows,
                             .kv_len = in.kv_len,
                             .right = in.offset,
                             .scale = in.scale,
                             .scratch = scratch.data(),
                             .left = in.left,
                             .bias = bias.first(),
                             .bias_stride = bias.stride(),
                             .alibi_slopes = &in.slope,
                             .softcap = in.softcap,
                             .k_scales = k.scales(),
                             .v_scales = v.scales(),
                             .k_scale_stride = k.scale_stride(),
                             .v_scale_stride = v.scale_stride()});
    EXPECT_TRUE(out.GapsUntouched()) << "wrote between or beside the output's rows";
    EXPECT_TRUE(scratch.SlackUntouched()) << "wrote beside the scratch";
    return out.Read();
  }

  // Checks every form of kernel for the spec.
  void CheckForms(const AttentionSpec& spec, int64_t most_rows, int64_t most_keys, uint64_t seed) {
    std::mt19937_64 random(seed);
    for (const ops::Config& config : testing::RandomForms(isa(), spec, random)) {
      const auto kernel = testing::CompileFor(spec, config, HostCpu());
      ASSERT_TRUE(kernel.ok()) << kernel.status();
      ForType([&](auto zero) {
        using T = decltype(zero);
        Check(**kernel, RandomCase<T>(spec, most_rows, most_keys, random), random,
              "seed " + std::to_string(seed));
      });
      if (HasFatalFailure()) return;
    }
  }
};

TEST_P(KvTypeTest, HeadSizes) {
  constexpr int kDims[] = {1, 15, 31, 33, 64, 72, 100, 128};
  uint64_t seed = 100;
  for (const Storage& storage : kStorages) {
    for (int i = 0; i < 2; ++i) {
      std::mt19937_64 random(++seed);
      const int head_dim = Pick<int>(kDims, random), value_dim = Pick<int>(kDims, random);
      CheckForms(SpecOf(storage, head_dim, value_dim), 40, 300, seed);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(KvTypeTest, Bias) {
  uint64_t seed = 200;
  for (const Storage& storage : kStorages) {
    AttentionSpec spec = SpecOf(storage, 40, 72);
    spec.bias = ++seed % 2 ? Bias::kF32 : Bias::kSeen;
    CheckForms(spec, 40, 300, seed);
    if (HasFatalFailure()) return;
  }
}

TEST_P(KvTypeTest, ScoreParts) {
  uint64_t seed = 300;
  for (const Storage& storage : kStorages) {
    AttentionSpec spec = SpecOf(storage, 64, 64);
    spec.score_parts = {&Softcap(), &Alibi()};
    CheckForms(spec, 20, 200, ++seed);
    if (HasFatalFailure()) return;
  }
}

// Many vectors in a row, and many scales (DeepSeek's sizes).
TEST_P(KvTypeTest, LongRows) {
  uint64_t seed = 400;
  for (const Storage& storage : kStorages) {
    CheckForms(SpecOf(storage, 576, 512), 6, 80, ++seed);
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, KvTypeTest,
    ::testing::Combine(::testing::Values(Isa::kPortable, Isa::kAvx2, Isa::kAvx512),
                       ::testing::Values(DType::kF32, DType::kBF16, DType::kF16),
                       ::testing::Values(Mask::kNone, Mask::kCausal, Mask::kWindow)),
    testing::ParamName);

TEST(KvRow, HasTheBytesOfItsType) {
  const auto row = [](KvType type, int block, int dim) {
    return KvRow({.dtype = DType::kF32, .kv_type = type, .kv_scale_block = block}, dim);
  };
  EXPECT_EQ(row(KvType::kOwn, 0, 72).bytes, 288);
  EXPECT_EQ(row(KvType::kBF16, 0, 72).bytes, 144);
  EXPECT_EQ(row(KvType::kI8, 0, 72).bytes, 72);
  EXPECT_EQ(row(KvType::kQ8_0, 0, 96).bytes, 102);
  EXPECT_EQ(row(KvType::kQ8_0, 0, 96).scales, 3);
  EXPECT_EQ(row(KvType::kI8, 0, 72).scales, 1);
  EXPECT_EQ(row(KvType::kI8, 32, 72).scales, 3);
  // One block is as good as none.
  EXPECT_TRUE(row(KvType::kI8, 96, 72).scaled_at_once());
  EXPECT_FALSE(row(KvType::kI8, 64, 72).scaled_at_once());
}

TEST(KvTypes, HaveKernelsOfTheirOwnNames) {
  std::set<std::string> names = {testing::NameOf(AttentionSpec{.head_dim = 32, .value_dim = 32})};
  for (const Storage& storage : kStorages) EXPECT_TRUE(names.insert(NameOf(storage)).second);
}

// Pairs multiply bf16 as it lies in memory.
TEST(KvTypes, OfAnotherTypeHaveNoPairs) {
  Cpu cpu = HostCpu();
  cpu.isa = cpu.detected_isa = Isa::kAvx512;
  cpu.avx512_bf16 = true;
  AttentionSpec spec = {.dtype = DType::kBF16};
  const TilesConfig tiles = {.q_vecs = 1,
                             .qk_keys = 1,
                             .qk_vecs = 1,
                             .fuse_exp = 0,
                             .exp_vecs = 2,
                             .pv = PvForm::kPairs,
                             .pv_rows = 1,
                             .pv_vecs = 1};
  const RowsConfig rows = {.tile_rows = 1, .pairs = 1, .pv_rows = 1, .pv_vecs = 1};
  EXPECT_TRUE(ValidateTiles(tiles, spec, cpu).ok()) << ValidateTiles(tiles, spec, cpu);
  EXPECT_TRUE(ValidateRows(rows, spec, cpu).ok()) << ValidateRows(rows, spec, cpu);
  spec.kv_type = KvType::kBF16;  // the same type by another name
  EXPECT_TRUE(ValidateTiles(tiles, spec, cpu).ok());
  EXPECT_EQ(CanonicalTiles(tiles, spec).pv, PvForm::kPairs);
  spec.kv_type = KvType::kI8;
  EXPECT_FALSE(ValidateTiles(tiles, spec, cpu).ok());
  EXPECT_FALSE(ValidateRows(rows, spec, cpu).ok());
  EXPECT_EQ(CanonicalTiles(tiles, spec).pv, PvForm::kNatural);
  EXPECT_EQ(CanonicalRows(rows, spec).pairs, 0);
}

// On CPUs that are not at hand, the code is emitted and its instructions exist there.
TEST(KvTypes, AreEmittedForDescribedCpus) {
  int emitted = 0;
  for (const testing::DescribedCpu& described : testing::CpusOfDifferentCode()) {
    const Cpu& cpu = described.cpu;
    for (const Storage& storage : kStorages) {
      if (!testing::HasKernels(cpu, DType::kF16)) continue;  // F16C
      const AttentionSpec spec = {.dtype = DType::kF32,
                                  .mask = Mask::kWindow,
                                  .head_dim = 96,
                                  .value_dim = 160,
                                  .kv_type = storage.type,
                                  .kv_scale_block = storage.block};
      std::mt19937_64 random(1);
      for (int i = 0; i < 3; ++i) {
        const ops::Config config = testing::RandomConfig(cpu.isa, spec, cpu, random);
        Assembler a(config.isa(), cpu);
        if (const auto* tiles = config.If<TilesConfig>()) {
          EmitTiles(a, spec, *tiles);
        } else {
          EmitRows(a, spec, config.As<RowsConfig>());
        }
        const std::span<const uint8_t> code = a.Finish().first(a.constants_begin());
        const std::string evex = testing::FirstEvexInstruction(code);
        EXPECT_EQ(evex.empty(), cpu.isa != Isa::kAvx512) << evex;
        ++emitted;
      }
    }
  }
  EXPECT_GT(emitted, 40);
}

}  // namespace
}  // namespace jitattn::jit
