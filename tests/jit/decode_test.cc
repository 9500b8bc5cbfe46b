// The "rows" kernels, where they differ from "tiles": several heads in one run, and keys that are
// taken apart and merged. (The sweeps of attention_test.cc and attention_specials_test.cc draw half
// of their kernels from it.)

#include <cstdint>
#include <limits>
#include <numeric>
#include <tuple>

#include "jit/attention/rows_kernel.h"
#include "tests/jit/attention_reference.h"
#include "tests/jit/score_parts.h"
#include "tests/long_tests.h"

namespace jitattn::jit {
namespace {

using testing::AsExactAsAPlainLoop;
using testing::AttentionCase;
using testing::GuardedBuffer;
using testing::GuardedRows;

// The bytes of a part, which a caller must know, follow from the configuration.
struct RowsKernel {
  RowsConfig config;
  std::shared_ptr<const Kernel> kernel;
};

class DecodeTest : public testing::AttentionKernelTest {
 protected:
  // Any point of the space; its kernel is null where the test has failed.
  RowsKernel RandomKernel(const AttentionSpec& spec, std::mt19937_64& random) const {
    const RowsConfig config = testing::RandomRows(isa(), spec, HostCpu(), random);
    auto kernel = testing::CompileFor(spec, config, HostCpu());
    EXPECT_TRUE(kernel.ok()) << kernel.status();
    return {config, kernel.ok() ? *std::move(kernel) : nullptr};
  }
};

// Heads that share keys and values; rows lie [query][head] or [head][query].
template <typename T>
struct Group {
  std::vector<AttentionCase<T>> heads;
  bool queries_first = true;

  Group(const AttentionCase<T>& first, int count, uint64_t seed) : heads(count, first) {
    for (AttentionCase<T>& head : heads) {
      AttentionCase<T> other = first;
      other.Fill(seed++);
      head.q = other.q;
      head.first.head = first.first.head + (&head - heads.data());
    }
  }

  const AttentionCase<T>& first() const { return heads[0]; }
  int64_t count() const { return static_cast<int64_t>(heads.size()); }
  int64_t Row(int64_t head, int64_t query) const {
    return queries_first ? query * count() + head : head * first().q_rows + query;
  }
};

std::unique_ptr<GuardedBuffer> Scratch(int64_t bytes) {
  auto buffer = std::make_unique<GuardedBuffer>((bytes + 63) / 64 * 64, GuardedBuffer::kBack);
  std::memset(buffer->data(), 0xFF, buffer->bytes());
  return buffer;
}

// Makes one call for each range of keys between `cuts`, and a final call that merges.
void RunParts(const RowsKernel& of_rows, const AttentionArgs& all,
              const std::vector<int64_t>& cuts) {
  const int64_t part_bytes = RowsPartBytes(*all.spec, of_rows.config, all.q_rows * all.group);
  const int64_t parts = std::ssize(cuts) + 1;
  const auto memory = Scratch(parts * part_bytes);
  for (int64_t part = 0; part < parts; ++part) {
    const int64_t first = part == 0 ? 0 : cuts[part - 1];
    AttentionArgs some = all;
    some.k = static_cast<const char*>(all.k) + first * all.k_stride;
    some.v = static_cast<const char*>(all.v) + first * all.v_stride;
    some.kv_len = (part + 1 == parts ? all.kv_len : cuts[part]) - first;
    some.right = all.right - first;
    some.left = all.left - first;
    some.first_key = all.first_key + first;
    some.parts = AttentionArgs::kPart;
    some.part = memory->data() + part * part_bytes;
    some.out = nullptr;
    of_rows.kernel->Run(some);
  }
  AttentionArgs merge = all;
  merge.parts = parts;
  merge.part = memory->data();
  merge.part_stride = part_bytes;
  merge.k = merge.v = nullptr;  // not read
  of_rows.kernel->Run(merge);
  EXPECT_TRUE(memory->SlackUntouched());
}

// Runs all heads at once, the keys cut behind each of `cuts`; none: in one go. The outputs by head.
template <typename T>
std::vector<std::vector<T>> RunGroup(const RowsKernel& of_rows, const Group<T>& group,
                                     const std::vector<int64_t>& cuts) {
  const Kernel& kernel = *of_rows.kernel;
  const AttentionCase<T>& in = group.first();
  const int64_t head_dim = in.spec.head_dim, value_dim = in.spec.value_dim;
  const int64_t rows = group.count() * in.q_rows;
  std::vector<T> all_q(rows * head_dim);
  for (int64_t head = 0; head < group.count(); ++head) {
    for (int64_t i = 0; i < in.q_rows; ++i) {
      std::copy_n(&group.heads[head].q[i * head_dim], head_dim,
                  &all_q[group.Row(head, i) * head_dim]);
    }
  }
  constexpr auto kFlush = GuardedBuffer::kBack;
  GuardedRows<T> q(rows, head_dim, in.gap, kFlush), out(rows, value_dim, in.gap, kFlush);
  GuardedRows<T> k(in.kv_len, head_dim, in.gap, kFlush), v(in.kv_len, value_dim, in.gap, kFlush);
  q.Write(all_q);
  k.Write(in.k);
  v.Write(in.v);
  const auto scratch = Scratch(kernel.scratch_bytes(in.kv_len, rows));
  const AttentionArgs args{
      .spec = &in.spec,
      .q = q.data(),
      .k = k.data(),
      .v = v.data(),
      .out = out.data(),
      .q_stride = q.stride_bytes() * (group.queries_first ? group.count() : 1),
      .k_stride = k.stride_bytes(),
      .v_stride = v.stride_bytes(),
      .out_stride = out.stride_bytes() * (group.queries_first ? group.count() : 1),
      .q_rows = in.q_rows,
      .kv_len = in.kv_len,
      .right = in.offset,
      .scale = in.scale,
      .scratch = scratch->data(),
      .group = group.count(),
      .q_head_stride = q.stride_bytes() * (group.queries_first ? 1 : in.q_rows),
      .out_head_stride = out.stride_bytes() * (group.queries_first ? 1 : in.q_rows),
      // Fetched ahead, not read.
      .next_k = k.data() + in.kv_len * k.stride_bytes(),
      .next_keys = 100,
      .left = in.left,
      .first_query = in.first.query,
      .first_key = in.first.key,
      .first_head = in.first.head};
  if (cuts.empty()) {
    kernel.Run(args);
  } else {
    RunParts(of_rows, args, cuts);
  }
  EXPECT_TRUE(out.GapsUntouched());
  EXPECT_TRUE(scratch->SlackUntouched());
  const std::vector<T> all_out = out.Read();
  std::vector<std::vector<T>> outs(group.count());
  for (int64_t head = 0; head < group.count(); ++head) {
    for (int64_t i = 0; i < in.q_rows; ++i) {
      const T* row = &all_out[group.Row(head, i) * value_dim];
      outs[head].insert(outs[head].end(), row, row + value_dim);
    }
  }
  return outs;
}

template <typename T>
void Check(const RowsKernel& kernel, const Group<T>& group, const std::vector<int64_t>& cuts) {
  const auto outs = RunGroup(kernel, group, cuts);
  testing::Wider<T> plain_error = 0;
  std::vector<testing::Expected<T>> expected;
  for (const auto& head : group.heads) {
    expected.push_back(testing::Expect(head));
    plain_error = std::max(plain_error, expected.back().plain_error);
  }
  for (size_t head = 0; head < outs.size(); ++head) {
    expected[head].plain_error = plain_error;
    ASSERT_TRUE(AsExactAsAPlainLoop(expected[head], outs[head]))
        << kernel.kernel->name() << "\n"
        << group.first().Describe() << ", head " << head << " of " << group.count() << ", "
        << cuts.size() + 1 << " parts";
  }
}

TEST_P(DecodeTest, GroupsAndParts) {
  constexpr uint64_t kSeed = 41;
  constexpr int kDims[] = {1, 5, 8, 16, 17, 33, 64, 100};
  constexpr int kGroups[] = {1, 2, 3, 5, 7, 8, 12, 17};
  constexpr int64_t kQueries[] = {1, 2, 3, 4, 9, 16}, kKeys[] = {1, 15, 33, 64, 130, 300};
  const testing::DistanceBias kBias(1.0 / 1024);
  std::mt19937_64 random(kSeed);
  const auto pick = [&](const auto& from) { return from[random() % std::size(from)]; };
  for (int i = 0; i < AllOrSome(200, 25) && !HasFailure(); ++i) {
    AttentionSpec spec = {dtype(), mask(), pick(kDims), pick(kDims)};
    if (i % 3 == 0) spec.score_parts = {&kBias};
    const RowsKernel kernel = RandomKernel(spec, random);
    ASSERT_NE(kernel.kernel, nullptr);
    for (int j = 0; j < 4; ++j) {
      ForType([&](auto zero) {
        using T = decltype(zero);
        AttentionCase<T> in{.spec = spec, .q_rows = pick(kQueries), .kv_len = pick(kKeys)};
        in.scale = j == 3 ? -0.4 : 1 / std::sqrt(spec.head_dim);
        in.gap = j % 2 * 3;
        in.offset = j == 0 ? in.kv_len - in.q_rows : static_cast<int64_t>(random() % 160) - 20;
        in.left = in.offset + 3 - static_cast<int64_t>(random() % 140);
        in.first = {.query = 3, .key = 20, .head = 1};
        in.Fill(random());
        Group<T> group(in, pick(kGroups), random());
        group.queries_first = random() % 2;
        std::vector<int64_t> cuts;
        for (int64_t cut = 0; j > 0 && (cut += 1 + random() % 90) < in.kv_len;) cuts.push_back(cut);
        Check(kernel, group, cuts);
      });
    }
  }
}

// A part that no row sees, a part with scores of −∞ only, and a part with the highest score do not
// spoil each other. Keys behind every row's last key may have any value.
TEST_P(DecodeTest, PartsOfSpecials) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  std::mt19937_64 random(42);
  const AttentionSpec spec = {dtype(), mask(), 4, 19};
  for (int i = 0; i < 12 && !HasFailure(); ++i) {
    const RowsKernel kernel = RandomKernel(spec, random);
    ASSERT_NE(kernel.kernel, nullptr);
    ForType([&](auto zero) {
      using T = decltype(zero);
      AttentionCase<T> in{.spec = spec, .q_rows = 3, .kv_len = 160, .offset = 90};
      in.Fill(i);
      Group<T> group(in, 4, 7);
      for (auto& head : group.heads) {
        for (int64_t row = 0; row < in.q_rows; ++row) head.q[row * 4] = 1;
        for (int key = 0; key < 40; ++key) head.k[key * 4] = -kInf;
        head.k[70 * 4] = 300;
        head.left = 60;
        if (mask() == Mask::kWindow) {
          for (int key = 0; key < 60; ++key) {
            std::fill_n(&head.k[key * 4], 4, kNan);
            std::fill_n(&head.v[key * 19], 19, kInf);
          }
        }
        if (mask() != Mask::kNone) {
          for (int64_t key = 93; key < in.kv_len; ++key) {
            std::fill_n(&head.k[key * 4], 4, kNan);
            std::fill_n(&head.v[key * 19], 19, kInf);
          }
        }
      }
      Check(kernel, group, {20, 40, 80, 93, 120});
      // The first two queries see nothing; windows reach to before the first key.
      for (auto& head : group.heads) head.offset = -2, head.left = -10;
      Check(kernel, group, {20, 40, 80, 93, 120});
      if (mask() == Mask::kNone) {
        for (auto& head : group.heads)
          for (int64_t key = 0; key < in.kv_len; ++key) head.k[key * 4] = -kInf;
        Check(kernel, group, {20, 40});  // all −∞: NaN
        for (auto& head : group.heads) head.k[100 * 4] = kNan;
        Check(kernel, group, {20, 40});
      }
    });
  }
}

// Without keys the rows are 0, in one go and merged.
TEST_P(DecodeTest, NoKeys) {
  const AttentionSpec spec = {dtype(), mask(), 8, 9};
  std::mt19937_64 random(43);
  const RowsKernel kernel = RandomKernel(spec, random);
  ASSERT_NE(kernel.kernel, nullptr);
  ForType([&](auto zero) {
    using T = decltype(zero);
    AttentionCase<T> in{.spec = spec, .q_rows = 2, .kv_len = 0};
    in.Fill(1);
    const Group<T> group(in, 3, 5);
    for (const std::vector<int64_t>& cuts : {std::vector<int64_t>{}, std::vector<int64_t>{0}}) {
      for (const auto& head : RunGroup(kernel, group, cuts))
        for (const T x : head) ASSERT_EQ(static_cast<double>(x), 0);
    }
  });
}

INSTANTIATE_TEST_SUITE_P(
    All, DecodeTest,
    ::testing::Combine(::testing::Values(Isa::kAvx2, Isa::kAvx512),
                       ::testing::Values(DType::kF32, DType::kF64, DType::kBF16, DType::kF16),
                       ::testing::Values(Mask::kNone, Mask::kCausal, Mask::kWindow)),
    [](const auto& info) {
      return absl::StrCat(std::string(Name(std::get<0>(info.param))), "_",
                          std::string(Name(std::get<1>(info.param))), "_",
                          testing::NameOf(std::get<2>(info.param)));
    });

}  // namespace
}  // namespace jitattn::jit
