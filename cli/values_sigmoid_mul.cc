// The numbers of activations that `jitattn run` takes.

#include <cmath>
#include <limits>
#include <memory>
#include <optional>

#include "absl/strings/str_format.h"
#include "cli/operands.h"
#include "cli/problem_flags.h"
#include "cli/run_values.h"
#include "jitattn/jitattn.h"
#include "ops/sigmoid_mul/problem.h"

namespace jitattn::cli {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kLargest = std::numeric_limits<double>::max();

class SigmoidMulValues : public RunValues {
 public:
  absl::Status AddOptions(ProblemFlags* flags) const override {
    const auto function = flags->words.find("--function");
    const bool is_quick = function != flags->words.end() &&
                          function->second == static_cast<int>(jit::Activation::kQuickGelu);
    if (alpha && !is_quick) {
      return absl::InvalidArgumentError("--alpha is a number of --function quick-gelu");
    }
    if (limit || up_offset) flags->chosen.insert("--clamped");
    return absl::OkStatus();
  }

  absl::Status Fill(RunOperands* operands) const override {
    if (!operands->problem.Is<ops::SigmoidMulProblem>()) return absl::OkStatus();
    auto& args = operands->args.As<jitattn_activation_args>();
    args.alpha = alpha.value_or(args.alpha);
    args.limit = limit.value_or(args.limit);
    args.up_offset = up_offset.value_or(args.up_offset);
    return absl::OkStatus();
  }

  std::optional<double> alpha, limit, up_offset;
};

absl::StatusOr<std::unique_ptr<RunValues>> Read(const ValueTexts& texts) {
  auto values = std::make_unique<SigmoidMulValues>();
  const auto alpha = NumberOf("--alpha", texts, ops::kLeastAlpha, 1 / ops::kLeastAlpha,
                              "a number from 2^-16 to 2^16");
  const auto limit = NumberOf("--limit", texts, std::numeric_limits<double>::denorm_min(),
                              kInfinity, "a number above 0, or inf");
  const auto up_offset = NumberOf("--up-offset", texts, -kLargest, kLargest, "a finite number");
  for (const auto* number : {&alpha, &limit, &up_offset}) {
    if (!number->ok()) return number->status();
  }
  values->alpha = *alpha, values->limit = *limit, values->up_offset = *up_offset;
  return values;
}

using Kind = ValueFlag::Kind;
constexpr ValueFlag kFlags[] = {
    {"--alpha", "of --function quick-gelu: x * sigmoid(alpha * x) (1.702)", Kind::kNumber},
    {"--limit", "largest gate and magnitude of factors; implies --clamped (7)", Kind::kNumber},
    {"--up-offset", "added to factors; implies --clamped (1)", Kind::kNumber},
};

}  // namespace

const ValuesOfOperation kSigmoidMulValues = {&ops::kSigmoidMul, kFlags, Read};

}  // namespace jitattn::cli
