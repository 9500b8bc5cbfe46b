// Kernels of keys and values in pages: bit for bit the results of the same rows in one piece, in
// both algorithms, every form of P·V, and the portable path.

#include <cstring>
#include <limits>
#include <tuple>

#include "jit/attention/rows_kernel.h"
#include "jit/attention/softcap.h"
#include "tests/jit/attention_reference.h"
#include "tests/jit/paged_memory.h"
#include "tests/long_tests.h"

namespace jitattn::jit {
namespace {

using testing::AttentionCase;
using testing::GuardedBuffer;
using testing::PagedMemory;
using testing::RunKernel;
using testing::RunWith;

constexpr int64_t kPageSizes[] = {1, 3, 16, 17, 64, 1000};
constexpr int kDims[] = {1, 5, 8, 16, 17, 33, 64, 100};
constexpr int64_t kRows[] = {1, 2, 3, 5, 16, 33, 70};
constexpr int64_t kKeys[] = {1, 7, 16, 33, 64, 97, 200, 333, 700};

class PagedTest : public testing::AttentionKernelTest {
 protected:
  template <typename From>
  static auto Pick(const From& from, std::mt19937_64& random) {
    return from[random() % std::size(from)];
  }

  AttentionSpec RandomSpec(std::mt19937_64& random, Bias bias) const {
    return {.dtype = dtype(),
            .mask = mask(),
            .head_dim = Pick(kDims, random),
            .value_dim = Pick(kDims, random),
            .bias = bias,
            .lse = random() % 4 == 0};
  }

  // Keys are hidden in runs from everybody, and here and there from one row.
  template <typename T>
  static void DrawBias(AttentionCase<T>* in, std::mt19937_64& random) {
    constexpr double kInf = std::numeric_limits<double>::infinity();
    testing::BiasRows& bias = in->bias;
    bias = {.rows = in->q_rows, .keys = in->kv_len, .gap = 1};
    std::vector<bool> hidden(in->kv_len);
    for (int64_t key = 0, run = 0; key < in->kv_len; ++key, --run) {
      if (run <= 0) run = 1 + static_cast<int64_t>(random() % 90);
      hidden[key] = run <= 1 ? random() % 2 : key == 0 ? random() % 2 : hidden[key - 1];
      if (run == 1) hidden[key] = !hidden[key];
    }
    for (int64_t row = 0; row < bias.rows; ++row) {
      for (int64_t key = 0; key < bias.keys; ++key) {
        const double x = static_cast<double>(random() % 64) / 16 - 2;
        bias.values.push_back(
            hidden[key] || random() % 8 == 0 ? -kInf : testing::RoundedToBias(in->spec, x));
      }
    }
  }

  template <typename T>
  static AttentionCase<T> RandomCase(const AttentionSpec& spec, std::mt19937_64& random) {
    AttentionCase<T> in{.spec = spec};
    in.q_rows = Pick(kRows, random);
    in.kv_len = Pick(kKeys, random);
    in.gap = random() % 2 * 3;
    in.scale = 1 / std::sqrt(static_cast<double>(spec.head_dim));
    in.offset = random() % 2 ? in.kv_len - in.q_rows : static_cast<int64_t>(random() % 300) - 100;
    in.left = in.offset + 1 - static_cast<int64_t>(random() % (random() % 2 ? 20 : 300));
    in.first = {.query = 3, .key = 20, .head = 1};
    in.softcap = 3;
    in.Fill(random());
    if (spec.bias != Bias::kNone) DrawBias(&in, random);
    return in;
  }

  template <typename T>
  static bool SameBits(const std::vector<T>& a, const std::vector<T>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
  }

  template <typename T>
  void Check(const ops::Config& config, AttentionCase<T> in, std::mt19937_64& random) {
    const auto whole = testing::CompileFor(in.spec, config, HostCpu());
    ASSERT_TRUE(whole.ok()) << whole.status();
    std::vector<Compute<T>> lse, paged_lse;
    const std::vector<T> expected = RunKernel(**whole, in, GuardedBuffer::kBack, &lse);
    in.spec.paged = true;
    const auto paged = testing::CompileFor(in.spec, config, HostCpu());
    ASSERT_TRUE(paged.ok()) << paged.status();
    const int64_t page_size = Pick(kPageSizes, random);
    const PagedMemory<T> memory(in, page_size, random);
    const auto run = [&](AttentionArgs args) {
      memory.Set(args);
      (*paged)->Run(args);
    };
    const std::vector<T> got = RunWith(**paged, in, GuardedBuffer::kBack, &paged_lse, run);
    EXPECT_TRUE(SameBits(got, expected) && (!in.spec.lse || SameBits(paged_lse, lse)))
        << (*paged)->name() << "\n"
        << in.Describe() << ", pages of " << page_size;
    EXPECT_TRUE(testing::AsExactAsAPlainLoop(in, got)) << (*paged)->name();
  }

  void CheckForms(int seeds, std::initializer_list<Bias> biases, bool softcap) {
    for (int seed = 0; seed < seeds && !HasFailure(); ++seed) {
      std::mt19937_64 random(static_cast<uint64_t>(seed));
      AttentionSpec spec = RandomSpec(random, *(biases.begin() + seed % biases.size()));
      if (softcap && isa() != Isa::kPortable) spec.score_parts = {&Softcap()};
      for (const ops::Config& config : testing::RandomForms(isa(), spec, random)) {
        ForType([&](auto zero) {
          for (int i = 0; i < 3 && !HasFailure(); ++i)
            Check(config, RandomCase<decltype(zero)>(spec, random), random);
        });
      }
    }
  }
};

TEST_P(PagedTest, AsInOnePiece) { CheckForms(AllOrSome(60, 5), {Bias::kNone}, false); }

TEST_P(PagedTest, WithHiddenKeys) {
  CheckForms(AllOrSome(60, 5), {Bias::kF32, Bias::kSeen, Bias::kOwn}, false);
}

TEST_P(PagedTest, WithScoreParts) { CheckForms(AllOrSome(20, 2), {Bias::kNone}, true); }

class PagedPartsTest : public PagedTest {};

// "rows": the keys taken apart anywhere, and merged.
TEST_P(PagedPartsTest, AsInOnePiece) {
  std::mt19937_64 random(7);
  for (int i = 0; i < AllOrSome(60, 8) && !HasFailure(); ++i) {
    AttentionSpec spec = RandomSpec(random, i % 3 == 0 ? Bias::kF32 : Bias::kNone);
    const RowsConfig config = testing::RandomRows(isa(), spec, HostCpu(), random);
    spec.lse = false;
    spec.paged = true;
    const auto kernel = testing::CompileFor(spec, config, HostCpu());
    ASSERT_TRUE(kernel.ok()) << kernel.status();
    ForType([&](auto zero) {
      using T = decltype(zero);
      const auto in = RandomCase<T>(spec, random);
      const PagedMemory<T> memory(in, Pick(kPageSizes, random), random);
      const int64_t cut = static_cast<int64_t>(random() % (in.kv_len + 1));
      const int64_t part_bytes = RowsPartBytes(spec, config, in.q_rows);
      GuardedBuffer parts(2 * part_bytes, GuardedBuffer::kBack);
      const auto run = [&](AttentionArgs args) {
        AttentionArgs part = args;
        part.parts = AttentionArgs::kPart;
        part.part = parts.data();
        part.kv_len = cut;
        memory.Set(part);
        // The keys of the second part are those that are read next, if a row sees the first one.
        if (in.band().Queries(cut, in.q_rows).size() > 0 && cut < in.kv_len &&
            spec.bias == Bias::kNone) {
          AttentionArgs next = args;
          memory.Set(next, cut);
          part.next_k = next.k;
          part.next_block_table = next.block_table;
          part.next_page_row = next.page_row;
          part.next_keys = 1;
        }
        (*kernel)->Run(part);
        memory.Set(part, cut);
        part.next_keys = 0;
        part.part = parts.data() + part_bytes;
        part.kv_len = in.kv_len - cut;
        part.right -= cut;
        part.left -= cut;
        part.first_key += cut;
        if (spec.bias != Bias::kNone) {
          part.bias = static_cast<const char*>(part.bias) + cut * BiasBytes(spec);
        }
        (*kernel)->Run(part);
        args.parts = 2;
        args.part = parts.data();
        args.part_stride = part_bytes;
        (*kernel)->Run(args);
      };
      const auto got = RunWith<T>(**kernel, in, GuardedBuffer::kBack, nullptr, run);
      EXPECT_TRUE(testing::AsExactAsAPlainLoop(in, got)) << (*kernel)->name() << "\n"
                                                         << in.Describe() << ", cut " << cut;
    });
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, PagedTest,
    ::testing::Combine(::testing::Values(Isa::kPortable, Isa::kAvx2, Isa::kAvx512),
                       ::testing::Values(DType::kF32, DType::kF64, DType::kBF16, DType::kF16),
                       ::testing::Values(Mask::kNone, Mask::kCausal, Mask::kWindow)),
    testing::ParamName);

INSTANTIATE_TEST_SUITE_P(
    All, PagedPartsTest,
    ::testing::Combine(::testing::Values(Isa::kAvx2, Isa::kAvx512),
                       ::testing::Values(DType::kF32, DType::kF64, DType::kBF16, DType::kF16),
                       ::testing::Values(Mask::kNone, Mask::kCausal, Mask::kWindow)),
    testing::ParamName);

}  // namespace
}  // namespace jitattn::jit
