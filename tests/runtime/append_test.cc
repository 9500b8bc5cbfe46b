// jitattn_append against its formula in double: random types, norms, rotations, strides, lengths,
// pages and blocks, between unreadable pages.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "jitattn/jitattn.h"
#include "tests/faults/elements.h"
#include "tests/long_tests.h"
#include "tests/runtime/guarded_rows.h"

namespace jitattn::runtime {
namespace {

using faults::BytesOf;
using faults::Load;
using faults::Store;

constexpr int64_t kTableRows = 50;

// A number and the most by which a computed one may be off.
struct Bounded {
  double value, bound;
};

// The relative error of one rounding in the type that is computed in, and in the type of `to`.
double RoundingOf(int32_t dtype) {
  return dtype == JITATTN_F64    ? 0x1p-53
         : dtype == JITATTN_F32  ? 0x1p-24
         : dtype == JITATTN_BF16 ? 0x1p-8
                                 : 0x1p-11;
}

class AppendRun {
 public:
  explicit AppendRun(uint64_t seed) : random_(seed) {
    jitattn_attention_problem problem;
    jitattn_attention_problem_init(&problem, 1, 1, 1);
    jitattn_append_args_init(&args_, JITATTN_APPEND_K, &problem);
    DrawSizes();
    DrawSequences();
    DrawTarget();
    DrawNorm();
    DrawRope();
    FillSource();
  }

  std::string Describe() const {
    const jitattn_append_args& a = args_;
    return absl::StrCat("from ", a.from_type, " to ", a.to_type, " batch ", a.batch, " heads ",
                        a.heads, " rows ", a.rows, " dim ", a.dim, " page ", a.page_size, " block ",
                        a.scale_block, a.fixed_scales ? " fixed" : "", " norm ", a.norm, " weight ",
                        a.norm_weight != nullptr, " rope ", a.rope, ": ", a.rotary_begin, "+",
                        a.rotary_dim, " stride ", a.rotary_stride, " inner ", a.rotary_inner,
                        " positions ", a.positions != nullptr, " ragged ",
                        a.from_offsets != nullptr, " lens ", a.from_lens != nullptr);
  }

  // "", or what is wrong.
  std::string Run() {
    if (jitattn_append(&args_) != JITATTN_OK) return jitattn_last_error();
    for (int64_t b = 0; b < args_.batch; ++b) {
      for (int64_t i = 0; i < CountOf(b); ++i) {
        for (int64_t head = 0; head < args_.heads; ++head) {
          const std::string wrong = CompareRow(b, head, i);
          if (wrong != "") return absl::StrCat(wrong, " of ", b, ", ", head, ", ", i);
        }
      }
    }
    if (!to_->OthersUntouched()) return "wrote beside the rows of to";
    if (scales_ && !scales_->OthersUntouched()) return "wrote beside the scales";
    return "";
  }

 private:
  int64_t Upto(int64_t most) { return 1 + static_cast<int64_t>(random_() % most); }
  bool Maybe(int one_in = 2) { return random_() % one_in == 0; }
  bool is_i8() const { return args_.to_type == JITATTN_KV_I8; }
  bool is_q8() const { return args_.to_type == JITATTN_KV_Q8_0; }
  int32_t ToType() const {
    switch (args_.to_type) {
      case JITATTN_KV_F32:
        return JITATTN_F32;
      case JITATTN_KV_BF16:
        return JITATTN_BF16;
      case JITATTN_KV_F16:
        return JITATTN_F16;
      default:
        return args_.from_type;
    }
  }

  void DrawSizes() {
    constexpr int64_t kDims[] = {1, 2, 7, 16, 32, 40, 64, 96, 100, 128, 256};
    args_.from_type = static_cast<int32_t>(random_() % 4);
    args_.to_type = args_.from_type == JITATTN_F64 ? 0 : static_cast<int32_t>(random_() % 6);
    args_.batch = Upto(3);
    args_.heads = Upto(3);
    args_.rows = Upto(6);
    args_.dim = is_q8() ? 32 * Upto(4) : kDims[random_() % std::size(kDims)];
  }

  void DrawSequences() {
    args_.to_len = args_.rows + static_cast<int64_t>(random_() % 12);
    args_.to_begin = static_cast<int64_t>(random_() % (args_.to_len - args_.rows + 1));
    offsets_.push_back(static_cast<int64_t>(random_() % 4));
    for (int64_t b = 0; b < args_.batch; ++b) {
      lens_.push_back(static_cast<int64_t>(random_() % (args_.rows + 1)));
      offsets_.push_back(offsets_.back() + lens_.back() + (Maybe() ? args_.rows - lens_[b] : 0));
      begins_.push_back(static_cast<int64_t>(random_() % (args_.to_len - args_.rows + 1)));
    }
    if (Maybe()) args_.from_lens = lens_.data();
    if (Maybe(3)) args_.from_offsets = offsets_.data();
    if (Maybe()) args_.to_begins = begins_.data();
  }

  int64_t CountOf(int64_t b) const {
    if (args_.from_lens != nullptr) return lens_[b];
    return args_.from_offsets != nullptr ? offsets_[b + 1] - offsets_[b] : args_.rows;
  }
  int64_t BeginOf(int64_t b) const {
    return args_.to_begins != nullptr ? begins_[b] : args_.to_begin;
  }
  int64_t SourceRow(int64_t b, int64_t i) const {
    return args_.from_offsets != nullptr ? offsets_[b] + i : i;
  }
  int64_t SourcePart(int64_t b) const { return args_.from_offsets != nullptr ? 0 : b; }

  // Pages in any order, with an entry of -1 for every page to which no row goes.
  void DrawPages() {
    args_.page_size = Upto(5);
    const int64_t pages = (args_.to_len + args_.page_size - 1) / args_.page_size;
    args_.block_table_stride = pages + static_cast<int64_t>(random_() % 3);
    std::vector<int32_t> order(args_.batch * pages);
    for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int32_t>(i);
    std::shuffle(order.begin(), order.end(), random_);
    block_table_.assign(args_.batch * args_.block_table_stride, -1);
    for (int64_t b = 0; b < args_.batch; ++b) {
      for (int64_t i = 0; i < CountOf(b); ++i) {
        const int64_t page = (BeginOf(b) + i) / args_.page_size;
        block_table_[b * args_.block_table_stride + page] = order[b * pages + page];
      }
    }
    args_.block_table = block_table_.data();
    parts_ = args_.batch * pages;
  }

  void DrawTarget() {
    parts_ = args_.batch;
    if (Maybe(3)) DrawPages();
    const int64_t rows = args_.page_size > 0 ? args_.page_size : args_.to_len;
    to_.emplace(is_q8()   ? 34
                : is_i8() ? 1
                          : BytesOf(ToType()),
                parts_, args_.heads, rows, is_q8() ? args_.dim / 32 : args_.dim, random_);
    args_.to = to_->data();
    to_->CopyStrides(args_.to_strides);
    if (!is_i8()) return;
    constexpr int64_t kBlocks[] = {0, 32, 64, 96};
    args_.scale_block = kBlocks[random_() % 4];
    block_ = args_.scale_block == 0 ? args_.dim : args_.scale_block;
    args_.fixed_scales = Maybe(4);
    const int64_t blocks = (args_.dim + block_ - 1) / block_;
    if (args_.fixed_scales == 0) {
      scales_.emplace(4, parts_, args_.heads, rows, blocks, random_);
      args_.scales = static_cast<float*>(scales_->data());
      scales_->CopyStrides(args_.scale_strides);
      return;
    }
    // The same for all rows; the clamp is reached now and then.
    fixed_.emplace(blocks * 4);
    args_.scales = fixed_->As<float>();
    std::fill_n(args_.scales, blocks, 0.02f);
    std::fill_n(args_.scale_strides, 3, 0);
  }

  void DrawNorm() {
    if (Maybe()) return;
    args_.norm = JITATTN_NORM_RMS;
    args_.norm_eps = Maybe() ? 1e-6 : 0.1;
    args_.norm_offset = Maybe();
    if (Maybe(4)) return;
    args_.norm_weight_type = static_cast<int32_t>(random_() % 4);
    weight_.emplace(args_.dim * BytesOf(args_.norm_weight_type));
    for (int64_t e = 0; e < args_.dim; ++e) {
      Store(args_.norm_weight_type, weight_->data(), e, Normal());
    }
    args_.norm_weight = weight_->data();
  }

  void DrawRope() {
    args_.rope = static_cast<int32_t>(random_() % 3);
    args_.rotary_dim = (Maybe() ? args_.dim : Upto(args_.dim)) / 2 * 2;
    args_.rotary_begin =
        Maybe() ? 0 : static_cast<int64_t>(random_() % (args_.dim - args_.rotary_dim + 1));
    args_.rotary_len = kTableRows;
    args_.rotary_inner = static_cast<int64_t>(random_() % 3);
    inner_ = std::max<int64_t>(args_.rotary_inner, 1);
    const int64_t pairs = args_.rotary_dim / 2;
    stride_ = pairs * inner_ + static_cast<int64_t>(random_() % 3);
    if (inner_ == 1 && Maybe()) stride_ = pairs;
    args_.rotary_stride = stride_ == pairs && Maybe() ? 0 : stride_;
    if (stride_ == 0) args_.rotary_stride = 0;
    const int64_t size = pairs == 0 ? 1 : stride_ * (kTableRows - 1) + inner_ * (pairs - 1) + 1;
    cos_.emplace(size * 4), sin_.emplace(size * 4);
    for (int64_t i = 0; i < size; ++i) {
      const double angle = 10.0 * Normal();
      cos_->As<float>()[i] = static_cast<float>(std::cos(angle));
      sin_->As<float>()[i] = static_cast<float>(std::sin(angle));
    }
    args_.cos_table = cos_->As<float>(), args_.sin_table = sin_->As<float>();
    args_.position_stride = Maybe() ? args_.rows : 0;
    if (Maybe()) return;
    for (int64_t i = 0; i < std::max(args_.batch * args_.rows, offsets_.back()); ++i) {
      positions_.push_back(static_cast<int64_t>(random_() % kTableRows));
    }
    args_.positions = positions_.data();
  }

  float Normal() { return std::normal_distribution<float>()(random_); }

  // Rows that are not moved stay NaN.
  void FillSource() {
    const bool ragged = args_.from_offsets != nullptr;
    from_.emplace(BytesOf(args_.from_type), ragged ? 1 : args_.batch, args_.heads,
                  ragged ? offsets_.back() : args_.rows, args_.dim, random_);
    for (int64_t b = 0; b < args_.batch; ++b) {
      for (int64_t i = 0; i < CountOf(b); ++i) {
        for (int64_t head = 0; head < args_.heads; ++head) {
          const float size = std::exp2(static_cast<float>(random_() % 10) - 6);
          uint8_t* row = from_->Row(SourcePart(b), head, SourceRow(b, i));
          for (int64_t e = 0; e < args_.dim; ++e) Store(args_.from_type, row, e, size * Normal());
        }
      }
    }
    args_.from = from_->data();
    from_->CopyStrides(args_.from_strides);
  }

  int64_t PositionOf(int64_t b, int64_t i) const {
    if (args_.positions == nullptr) return BeginOf(b) + i;
    return positions_[args_.from_offsets != nullptr ? offsets_[b] + i
                                                    : b * args_.position_stride + i];
  }

  // The row by the formula, and how far what is computed may be from it.
  std::vector<Bounded> RightRow(int64_t b, int64_t head, int64_t i) const {
    const double u = RoundingOf(args_.from_type == JITATTN_F64 ? JITATTN_F64 : JITATTN_F32);
    const uint8_t* row = from_->Row(SourcePart(b), head, SourceRow(b, i));
    std::vector<Bounded> x(args_.dim);
    double squares = 0;
    for (int64_t e = 0; e < args_.dim; ++e) {
      x[e] = {Load(args_.from_type, row, e), 0};
      squares += x[e].value * x[e].value;
    }
    const auto dim = static_cast<double>(args_.dim);
    for (Bounded& y : x) {
      if (args_.norm == JITATTN_NORM_NONE) break;
      y.value /= std::sqrt(squares / dim + args_.norm_eps);
      if (args_.norm_weight != nullptr) {
        y.value *= Load(args_.norm_weight_type, args_.norm_weight, &y - &x[0]) + args_.norm_offset;
      }
      y.bound = (dim / 32 + 9) * u * std::abs(y.value);
    }
    if (args_.rope != JITATTN_ROPE_NONE) RotateRow(PositionOf(b, i), u, x);
    return x;
  }

  void RotateRow(int64_t position, double u, std::vector<Bounded>& x) const {
    const int64_t pairs = args_.rotary_dim / 2, begin = args_.rotary_begin;
    const bool halves = args_.rope == JITATTN_ROPE_HALVES;
    for (int64_t e = 0; e < pairs; ++e) {
      Bounded& x1 = x[begin + (halves ? e : 2 * e)];
      Bounded& x2 = x[begin + (halves ? e + pairs : 2 * e + 1)];
      const double c = args_.cos_table[position * stride_ + e * inner_];
      const double s = args_.sin_table[position * stride_ + e * inner_];
      const auto turned = [&](const Bounded& a, double by_a, const Bounded& b, double by_b) {
        const double size = std::abs(a.value * by_a) + std::abs(b.value * by_b);
        const double bound = a.bound * std::abs(by_a) + b.bound * std::abs(by_b);
        return Bounded{a.value * by_a + b.value * by_b, bound + 2.01 * u * size};
      };
      const Bounded y1 = turned(x1, c, x2, -s), y2 = turned(x2, c, x1, s);
      x1 = y1, x2 = y2;
    }
  }

  std::string CompareRow(int64_t b, int64_t head, int64_t i) {
    int64_t part = b, at = BeginOf(b) + i;
    if (args_.page_size > 0) {
      part = block_table_[b * args_.block_table_stride + at / args_.page_size];
      at %= args_.page_size;
    }
    to_->Mark(part, head, at);
    const std::vector<Bounded> right = RightRow(b, head, i);
    const uint8_t* row = to_->Row(part, head, at);
    if (is_q8()) return CompareQ8(right, row);
    if (is_i8()) {
      if (scales_) scales_->Mark(part, head, at);
      const void* scales = scales_ ? scales_->Row(part, head, at) : fixed_->data();
      return CompareI8(right, reinterpret_cast<const int8_t*>(row),
                       static_cast<const float*>(scales));
    }
    const double rounding = RoundingOf(ToType());
    const double smallest = ToType() == JITATTN_F16 ? 0x1p-25 : 1e-40;
    for (int64_t e = 0; e < args_.dim; ++e) {
      const double got = Load(ToType(), row, e);
      const double bound = right[e].bound + rounding * std::abs(right[e].value) + smallest;
      if (!(std::abs(got - right[e].value) <= 1.01 * bound)) {
        return absl::StrCat(got, " instead of ", right[e].value, ": element ", e);
      }
    }
    return "";
  }

  std::string CompareQ8(const std::vector<Bounded>& right, const uint8_t* row) const {
    for (int64_t e = 0; e < args_.dim; ++e) {
      const uint8_t* block = row + e / 32 * 34;
      const double scale = faults::LoadAs<Float16>(block);
      const double got = scale * static_cast<int8_t>(block[2 + e % 32]);
      // Half a scale, and the rounding of the scale itself, of 127 of which an element may consist.
      const double bound = 0.501 * scale + right[e].bound + 127 * (scale * 0x1p-11 + 0x1p-25);
      if (!(std::abs(got - right[e].value) <= bound)) {
        return absl::StrCat(got, " instead of ", right[e].value, ": element ", e);
      }
    }
    return "";
  }

  std::string CompareI8(const std::vector<Bounded>& right, const int8_t* row,
                        const float* scales) const {
    for (int64_t first = 0; first < args_.dim; first += block_) {
      const double scale = scales[first / block_];
      double greatest = 0, off = 0;
      for (int64_t e = first; e < std::min(first + block_, args_.dim); ++e) {
        const double limit = args_.fixed_scales != 0 ? 127 * scale : INFINITY;
        const double value = std::clamp(right[e].value, -limit, limit);
        greatest = std::max(greatest, std::abs(right[e].value));
        off = std::max(off, right[e].bound);
        if (std::abs(row[e] * scale - value) <= scale * 0.5001 + right[e].bound) continue;
        return absl::StrCat(row[e] * scale, " instead of ", value, ": element ", e);
      }
      if (args_.fixed_scales != 0) continue;
      if (std::abs(127 * scale - greatest) <= off + 0x1p-22 * greatest) continue;
      return absl::StrCat("scale ", scale, " instead of ", greatest / 127);
    }
    return "";
  }

  std::mt19937_64 random_;
  jitattn_append_args args_;
  std::vector<int64_t> lens_, offsets_, begins_, positions_;
  std::vector<int32_t> block_table_;
  int64_t parts_ = 1, block_ = 0, stride_ = 0, inner_ = 1;
  std::optional<GuardedRows> from_, to_, scales_;
  std::optional<GuardedBytes> fixed_, weight_, cos_, sin_;
};

class Append : public ::testing::TestWithParam<int> {};

TEST_P(Append, GivesTheFormula) {
  const int count = AllOrSome(20000, 400), first = GetParam() * count;
  for (int seed = first; seed < first + count; ++seed) {
    AppendRun run(static_cast<uint64_t>(seed));
    const std::string wrong = run.Run();
    ASSERT_EQ(wrong, "") << "seed " << seed << ": " << run.Describe();
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Append, ::testing::Range(0, 10));

}  // namespace
}  // namespace jitattn::runtime
