// Gated activations: memory between guards, in place, NaNs.

#include "tests/jit/activation_testing.h"

namespace jitattn::jit {
namespace {

using namespace testing;  // the variants and bounds of activation_testing.h

// Rows in guarded memory: `elements` of each, from the first to the last at `stride` elements.
template <typename T>
class GuardedRows {
 public:
  GuardedRows(int64_t rows, int64_t elements, int64_t stride, GuardedBuffer::Flush flush)
      : stride_(stride),
        first_(stride < 0 ? -stride * (rows - 1) : 0),
        buffer_((std::abs(stride) * (rows - 1) + elements) * sizeof(T), flush) {}
  T* row(int64_t r) { return buffer_.as<T>() + first_ + r * stride_; }
  int64_t stride_bytes() const { return stride_ * static_cast<int64_t>(sizeof(T)); }
  GuardedBuffer& buffer() { return buffer_; }

 private:
  int64_t stride_, first_;
  GuardedBuffer buffer_;
};

class GatedActivationTest : public ActivationTest {};

template <typename In, typename Out>
void CheckGated(const Kernel& kernel, const SigmoidMulSpec& spec, int64_t rows, int64_t cols,
                bool reversed, GuardedBuffer::Flush flush) {
  const Numbers numbers = {
      .alpha = 1.3, .limit = spec.clamped ? 2.5 : 0, .up_offset = spec.clamped ? 1.0 : 0};
  const int64_t x_cols = spec.gate == Gate::kPairs ? 2 * cols : cols;
  std::mt19937_64 random(11);
  std::normal_distribution<float> normal(0, 3);
  // Rows of x in reverse order and with gaps, one row of up for all, and gaps in out.
  GuardedRows<In> x(rows, x_cols, reversed ? -(x_cols + 3) : x_cols + 1, flush);
  GuardedRows<In> up(rows, cols, reversed ? 0 : cols + 2, flush);
  GuardedRows<Out> out(rows, cols, cols + 5, flush);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < x_cols; ++c) x.row(r)[c] = normal(random);
    for (int64_t c = 0; c < cols; ++c) up.row(r)[c] = normal(random);
  }
  std::vector<uint8_t> before(out.buffer().data(), out.buffer().data() + out.buffer().bytes());
  SigmoidMulArgs args = {&spec, x.row(0),         out.row(0),        rows,
                         cols,  x.stride_bytes(), out.stride_bytes()};
  if (spec.gate == Gate::kTwo) args.up = up.row(0), args.up_stride = up.stride_bytes();
  args.alpha = numbers.alpha, args.limit = numbers.limit, args.up_offset = numbers.up_offset;
  kernel.Run(args);
  ASSERT_TRUE(x.buffer().SlackUntouched() && up.buffer().SlackUntouched() &&
              out.buffer().SlackUntouched());
  const double bound = Bound<Out>(spec.activation) + (sizeof(Out) > 2 ? 2 : 0);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) {
      const bool pairs = spec.gate == Gate::kPairs;
      const long double g = static_cast<Compute<In>>(x.row(r)[pairs ? 2 * c : c]);
      const long double u = static_cast<Compute<In>>(pairs ? x.row(r)[2 * c + 1] : up.row(r)[c]);
      const long double exact = spec.gate == Gate::kNone ? Exact(spec.activation, g, 1.3)
                                                         : ExactGated(spec, g, u, numbers);
      ASSERT_LE(UlpsOff(out.row(r)[c], exact, 1e-37), bound)
          << "row " << r << ", column " << c << " of " << rows << "×" << cols << ": g "
          << static_cast<double>(g) << ", u " << static_cast<double>(u);
    }
    const auto* end = reinterpret_cast<const uint8_t*>(out.row(r) + cols);
    const size_t at = end - out.buffer().data();
    for (size_t i = 0; r + 1 < rows && i < 5 * sizeof(Out); ++i)
      ASSERT_EQ(end[i], before[at + i]) << "the gap after row " << r << " is written";
  }
}

TEST_P(GatedActivationTest, GuardedRowsAgreeWithTheFormula) {
  const auto& [types, isa] = GetParam();
  ForEach(GatedVariants(types, isa),
          []<typename In, typename Out>(const Variant& v, const Kernel& kernel, In, Out) {
            for (int64_t cols : {1, 2, 3, 5, 7, 8, 9, 15, 17, 31, 67, 130}) {
              SCOPED_TRACE(cols);
              CheckGated<In, Out>(kernel, v.spec, 1, cols, false, GuardedBuffer::kFront);
              CheckGated<In, Out>(kernel, v.spec, 3, cols, false, GuardedBuffer::kBack);
              CheckGated<In, Out>(kernel, v.spec, 3, cols, true, GuardedBuffer::kBack);
              if (HasFatalFailure()) return;
            }
          });
}

// The bits of a run in place are those of another one.
template <typename In>
void CheckInPlace(const Kernel& kernel, const SigmoidMulSpec& spec) {
  constexpr int64_t kCols = 131;
  std::mt19937_64 random(3);
  std::normal_distribution<float> normal(0, 3);
  std::vector<In> x(kCols), up(kCols), out(kCols);
  for (int64_t c = 0; c < kCols; ++c) x[c] = normal(random), up[c] = normal(random);
  const auto run = [&](const void* from, const void* factors, void* to) {
    SigmoidMulArgs args = {&spec, from, to, 1, kCols, 0, 0};
    args.up = factors, args.limit = 3, args.up_offset = 1;
    kernel.Run(args);
  };
  run(x.data(), up.data(), out.data());
  std::vector<In> in_x = x, in_up = up;
  run(in_x.data(), up.data(), in_x.data());
  EXPECT_EQ(std::memcmp(in_x.data(), out.data(), kCols * sizeof(In)), 0);
  if (spec.gate == Gate::kNone) return;
  run(x.data(), in_up.data(), in_up.data());
  EXPECT_EQ(std::memcmp(in_up.data(), out.data(), kCols * sizeof(In)), 0);
}

TEST_P(GatedActivationTest, InPlace) {
  const auto& [types, isa] = GetParam();
  ForEach(GatedVariants(types, isa),
          []<typename In>(const Variant& v, const Kernel& kernel, In, auto) {
            if (v.spec.gate == Gate::kPairs || v.spec.out != OutType::kSame) return;
            CheckInPlace<In>(kernel, v.spec);
          });
}

// A NaN of the gate or of the factor is not bounded away.
TEST_P(GatedActivationTest, NansStay) {
  const auto& [types, isa] = GetParam();
  ForEach(GatedVariants(types, isa), []<typename In, typename Out>(const Variant& v,
                                                                   const Kernel& kernel, In, Out) {
    if (v.spec.gate == Gate::kNone) return;
    const bool pairs = v.spec.gate == Gate::kPairs;
    for (const bool of_gate : {true, false}) {
      std::vector<In> x(pairs ? 80 : 40, static_cast<In>(1.0f)), up(40, static_cast<In>(1.0f));
      std::vector<Out> out(40);
      const In nan = std::numeric_limits<In>::quiet_NaN();
      for (size_t place : {3u, 38u}) {
        (pairs ? x[2 * place + (of_gate ? 0 : 1)] : of_gate ? x[place] : up[place]) = nan;
      }
      SigmoidMulArgs args = {&v.spec, x.data(), out.data(), 1, 40, 0, 0};
      args.up = up.data(), args.limit = 7, args.up_offset = 1;
      kernel.Run(args);
      for (size_t i = 0; i < 40; ++i) {
        EXPECT_EQ(std::isnan(static_cast<float>(out[i])), i == 3 || i == 38) << i;
      }
    }
  });
}

INSTANTIATE_TEST_SUITE_P(All, GatedActivationTest,
                         ::testing::Combine(::testing::ValuesIn(kTypes),
                                            ::testing::ValuesIn(kIsas)),
                         NameOfParam);

// ---- Emission for described CPUs

}  // namespace
}  // namespace jitattn::jit
