// Descriptors of appends at powers of two and beside them: what lies in memory gives the right
// result, what lies nowhere is refused, and nothing takes long.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "jitattn/jitattn.h"
#include "tests/runtime/guarded_rows.h"

namespace jitattn::runtime {
namespace {

using Args = jitattn_append_args;

constexpr size_t kArenaBytes = 1 << 20;
constexpr int64_t kRows = 2, kDim = 64;

std::vector<int64_t> PowersOfTwo() {
  std::vector<int64_t> numbers = {INT64_MIN, INT64_MIN + 1, -1, INT64_MAX};
  for (int power = 0; power < 63; ++power) {
    for (const int64_t near : {-1, 0, 1}) numbers.push_back((int64_t{1} << power) + near);
    numbers.push_back(-(int64_t{1} << power));
  }
  return numbers;
}

class AppendSizes : public ::testing::Test {
 protected:
  AppendSizes() : from_(kArenaBytes), to_(kArenaBytes), scales_(kArenaBytes), table_(kDim * 2) {
    for (size_t i = 0; i < kArenaBytes / 4; ++i) {
      from_.As<float>()[i] = static_cast<float>(i % 1000) - 300;
    }
    std::fill_n(table_.As<float>(), kDim / 2, 0.5f);
  }

  // Two rows of a sequence, rotated, to int8 in pages of which there is one.
  Args Valid() {
    jitattn_attention_problem problem;
    jitattn_attention_problem_init(&problem, 1, kRows, kDim);
    Args args;
    jitattn_append_args_init(&args, JITATTN_APPEND_K, &problem);
    args.to_type = JITATTN_KV_I8;
    args.from = from_.data(), args.to = to_.data(), args.scales = scales_.As<float>();
    args.page_size = kRows;
    args.block_table = &page_;
    args.rope = JITATTN_ROPE_HALVES;
    args.cos_table = args.sin_table = table_.As<float>();
    args.rotary_len = 1;
    args.positions = zeros_;
    args.from_lens = &lens_;
    return args;
  }

  GuardedBytes from_, to_, scales_, table_;
  const int32_t page_ = 0;
  const int64_t zeros_[kRows] = {}, lens_ = kRows;
};

// Numbers on which these two rows do not depend.
TEST_F(AppendSizes, OfWhatIsNotUsed) {
  const Args valid = Valid();
  ASSERT_EQ(jitattn_append(&valid), JITATTN_OK) << jitattn_last_error();
  const std::vector<uint8_t> right(to_.data(), to_.data() + kRows * kDim);
  const std::pair<const char*, int64_t& (*)(Args&)> fields[] = {
      {"rows", [](Args& a) -> int64_t& { return a.rows; }},
      {"to_len", [](Args& a) -> int64_t& { return a.to_len; }},
      {"page_size", [](Args& a) -> int64_t& { return a.page_size; }},
      {"block_table_stride", [](Args& a) -> int64_t& { return a.block_table_stride; }},
      {"scale_block", [](Args& a) -> int64_t& { return a.scale_block; }},
      {"rotary_len", [](Args& a) -> int64_t& { return a.rotary_len; }},
      {"rotary_stride", [](Args& a) -> int64_t& { return a.rotary_stride; }},
      {"position_stride", [](Args& a) -> int64_t& { return a.position_stride; }},
      {"from_strides[0]", [](Args& a) -> int64_t& { return a.from_strides[0]; }},
      {"to_strides[0]", [](Args& a) -> int64_t& { return a.to_strides[0]; }},
      {"to_strides[1]", [](Args& a) -> int64_t& { return a.to_strides[1]; }},
      {"scale_strides[0]", [](Args& a) -> int64_t& { return a.scale_strides[0]; }}};
  for (const auto& [name, field] : fields) {
    int accepted = 0;
    for (const int64_t number : PowersOfTwo()) {
      if (std::string(name) == "page_size" && number == 1) continue;  // the second page is nowhere
      // Smaller blocks have other bytes.
      if (std::string(name) == "scale_block" && number > 0 && number < kDim) continue;
      Args args = Valid();
      field(args) = number;
      std::memset(to_.data(), 0, kRows * kDim);
      if (jitattn_append(&args) != JITATTN_OK) {
        ASSERT_STRNE(jitattn_last_error(), "") << name << " " << number;
        continue;
      }
      ++accepted;
      ASSERT_EQ(std::memcmp(to_.data(), right.data(), right.size()), 0) << name << " " << number;
    }
    EXPECT_GT(accepted, 30) << name;
  }
}

// Sizes and the strides that go with them. A call is made if its rows are in memory, or nowhere.
TEST_F(AppendSizes, OfWhatIsMoved) {
  int accepted = 0, refused = 0;
  int64_t Args::*const sizes[] = {&Args::batch, &Args::heads, &Args::rows};
  for (int axis = 0; axis < 3; ++axis) {
    for (const int64_t size : PowersOfTwo()) {
      for (const int64_t stride : PowersOfTwo()) {
        Args args = Valid();
        args.page_size = 0;
        args.from_lens = nullptr, args.positions = nullptr;
        args.to_type = JITATTN_KV_OWN, args.rope = JITATTN_ROPE_NONE;
        args.batch = args.heads = args.rows = 1;
        args.*sizes[axis] = size;
        args.to_len = std::max<int64_t>(args.rows, 0);
        args.from_strides[axis] = 0;
        args.to_strides[axis] = stride;
        const __int128 reach = (static_cast<__int128>(size) - 1) * stride + kDim;
        const bool inside = size < 2 || (reach > 0 && reach <= kArenaBytes / 4 && stride > 0);
        const bool nowhere = size < 0 || stride == 0 || reach * 4 > INT64_MAX ||
                             static_cast<__int128>(size) * kDim > INT64_MAX ||
                             (stride > 0 && stride < kDim && size > 1);
        if (!inside && !nowhere) continue;
        const bool ok = jitattn_append(&args) == JITATTN_OK;
        (ok ? accepted : refused)++;
        ASSERT_EQ(ok, !nowhere || (size >= 0 && size < 2))
            << axis << ": " << size << " at " << stride << ": " << jitattn_last_error();
        if (!ok || size < 1) continue;
        const float* last = to_.As<float>() + (size - 1) * (size > 1 ? stride : 0);
        ASSERT_EQ(std::memcmp(last, from_.data(), kDim * 4), 0) << size << " at " << stride;
      }
    }
  }
  EXPECT_GT(accepted, 1000);
  EXPECT_GT(refused, 10000);
}

}  // namespace
}  // namespace jitattn::runtime
