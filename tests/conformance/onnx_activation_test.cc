// ONNX's activations as their definitions have them, against the C API.
//
// Of finite numbers: at −∞ the definitions of Gelu and HardSwish give −∞ · 0, NaN, where jitattn
// gives 0, as the limit is. An alpha of 0 or less is no activation of jitattn.

#include <algorithm>
#include <cmath>
#include <numbers>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "jitattn/jitattn.h"
#include "tests/runtime/tensor.h"

namespace jitattn {
namespace {

using runtime::Tensor;
using Real = long double;

Real Sigmoid(Real x) { return 1 / (1 + std::exp(-x)); }

// 0.5 · x · (1 + erf(x / √2))
Real Gelu(Real x, Real) { return x * std::erfc(-x / std::numbers::sqrt2_v<Real>) / 2; }

// 0.5 · x · (1 + tanh(√(2 / π) · (x + 0.044715 · x³)))
Real GeluTanh(Real x, Real) {
  const Real root = std::sqrt(2 / std::numbers::pi_v<Real>);
  return x * Sigmoid(2 * root * (x + 0.044715L * x * x * x));
}

// x · max(0, min(1, x / 6 + 0.5))
Real HardSwish(Real x, Real) { return x * std::max<Real>(0, std::min<Real>(1, x / 6 + 0.5L)); }

// x · sigmoid(alpha · x)
Real Swish(Real x, Real alpha) { return x * Sigmoid(alpha * x); }

Real SquareOfRelu(Real x, Real) { return x > 0 ? x * x : 0; }

struct Node {
  const char* name;  // operator, opset, attributes
  int32_t function;
  Real (*f)(Real x, Real alpha);
  double alpha = 1;
  bool has_b = false;  // the result is f(a) · b

  friend void PrintTo(const Node& node, std::ostream* out) { *out << node.name; }
};

constexpr Node kNodes[] = {
    {"Gelu_20", JITATTN_GELU, Gelu},
    {"Gelu_20_tanh", JITATTN_GELU_TANH, GeluTanh},
    {"HardSwish_14", JITATTN_HARD_SWISH, HardSwish},
    {"Swish_24", JITATTN_SILU, Swish},
    {"Swish_24_by_quick_gelu", JITATTN_QUICK_GELU, Swish},
    {"Swish_24_alpha_half", JITATTN_QUICK_GELU, Swish, 0.5},
    {"Swish_24_alpha_quick", JITATTN_QUICK_GELU, Swish, 1.702},
    {"Swish_24_alpha_8", JITATTN_QUICK_GELU, Swish, 8},
    {"Relu_14_Mul_14", JITATTN_RELU2, SquareOfRelu},
    {"SwiGLU_28", JITATTN_SILU, Swish, 1, true},
    {"SwiGLU_28_alpha_half", JITATTN_QUICK_GELU, Swish, 0.5, true},
    {"SwiGLU_28_alpha_quick", JITATTN_QUICK_GELU, Swish, 1.702, true},
    {"Gelu_20_Mul_14", JITATTN_GELU, Gelu, 1, true},
    {"Gelu_20_tanh_Mul_14", JITATTN_GELU_TANH, GeluTanh, 1, true},
};

// Of a result, and of a product that is far below it.
struct Bound {
  double relative, absolute;
};
Bound BoundOf(int32_t type) {
  switch (type) {
    case JITATTN_F64:
      return {9 * 0x1p-52, 1e-300};
    case JITATTN_BF16:
      return {0x1p-8, 1e-36};
    case JITATTN_F16:
      return {0x1p-11 * 1.4, 0x1p-24};
    default:
      return {7 * 0x1p-23, 1e-36};
  }
}

// The cases of the standard are [3][4][5] and [2][4]; some of other sizes, with tails.
constexpr int64_t kShapes[][2] = {{12, 5}, {2, 4}, {1, 1}, {3, 257}, {64, 31}};

// "", or what is wrong. a runs through [−12, 12], b through [−2, 2].
std::string RunNode(const Node& node, int32_t type, int64_t rows, int64_t cols) {
  Tensor a(type, 1, 1, rows, cols), b(type, 1, 1, rows, cols), y(type, 1, 1, rows, cols);
  for (int64_t i = 0; i < rows * cols; ++i) {
    const auto at = static_cast<double>(i * 101 % (rows * cols));
    a.Put(0, 0, i / cols, i % cols, 24 * at / static_cast<double>(rows * cols) - 12);
    b.Put(0, 0, i / cols, i % cols, static_cast<double>(i % 41) / 10 - 2);
  }
  jitattn_activation_problem problem;
  jitattn_activation_problem_init(&problem, rows, cols);
  problem.dtype = problem.out_dtype = type;
  problem.function = node.function;
  problem.gate = node.has_b ? JITATTN_GATE_TWO : JITATTN_GATE_NONE;
  jitattn_activation_args args;
  jitattn_activation_args_init(&args, &problem);
  args.x = a.data(), args.up = b.data(), args.out = y.data();
  args.alpha = node.alpha;
  if (jitattn_activation(&problem, &args) != JITATTN_OK) return jitattn_last_error();
  const Bound bound = BoundOf(type);
  for (int64_t i = 0; i < rows * cols; ++i) {
    const double x = a.Get(0, 0, i / cols, i % cols), got = y.Get(0, 0, i / cols, i % cols);
    Real expected = node.f(x, node.alpha);
    if (node.has_b) expected *= b.Get(0, 0, i / cols, i % cols);
    const double error = static_cast<double>(std::abs(got - expected));
    if (!(error <= bound.relative * static_cast<double>(std::abs(expected)) + bound.absolute)) {
      return absl::StrCat("of ", x, ": ", got, " instead of ", static_cast<double>(expected));
    }
  }
  return "";
}

class OnnxActivationTest : public testing::TestWithParam<Node> {};

TEST_P(OnnxActivationTest, GivesY) {
  for (const int32_t type : {JITATTN_F32, JITATTN_F64, JITATTN_BF16, JITATTN_F16}) {
    for (const auto& [rows, cols] : kShapes) {
      EXPECT_EQ(RunNode(GetParam(), type, rows, cols), "")
          << "type " << type << ", " << rows << "×" << cols;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Nodes, OnnxActivationTest, testing::ValuesIn(kNodes),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace jitattn
