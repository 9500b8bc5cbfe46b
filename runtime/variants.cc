// Types and layouts against each other.

#include "runtime/variants.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jit/format.h"
#include "runtime/bench_timing.h"
#include "runtime/confirm.h"
#include "runtime/plan.h"

namespace jitattn::runtime {
namespace {

constexpr int kConversionRuns = 5;
constexpr int kRaceRounds = 101;  // so that p99 is not the slowest

jit::DType TypeOf(const jit::Problem& problem) {
  return std::visit([](const auto& p) { return p.dtype; }, problem);
}

// An array as [batch][head][row][column], whatever its layout.
struct Shape {
  int64_t batch = 1, heads = 1, rows = 1, cols = 1;

  int64_t At(Layout layout, int64_t b, int64_t h, int64_t r) const {
    return layout == Layout::kHeads ? ((b * heads + h) * rows + r) * cols
                                    : ((b * rows + r) * heads + h) * cols;
  }
};

Shape ShapeOf(const jit::Problem& problem, int array) {
  if (const auto* p = std::get_if<jit::AttentionProblem>(&problem)) {
    const bool query = array == 0 || array == 3, value = array >= 2;
    return {p->batch, query ? p->heads : p->kv_heads, query ? p->q_len : p->kv_len,
            value ? p->value_dim : p->head_dim};
  }
  const auto& s = std::get<jit::SigmoidMulProblem>(problem);
  return {.rows = s.rows, .cols = s.cols};
}

template <typename From, typename To>
void ConvertAs(const Shape& shape, const void* from, Layout from_layout, void* to,
               Layout to_layout) {
  for (int64_t b = 0; b < shape.batch; ++b) {
    for (int64_t h = 0; h < shape.heads; ++h) {
      for (int64_t r = 0; r < shape.rows; ++r) {
        const From* source = static_cast<const From*>(from) + shape.At(from_layout, b, h, r);
        To* target = static_cast<To*>(to) + shape.At(to_layout, b, h, r);
        for (int64_t c = 0; c < shape.cols; ++c) {
          target[c] = static_cast<To>(static_cast<jit::Compute<To>>(source[c]));
        }
      }
    }
  }
}

// Calls body with a value of the C++ type of `dtype`.
template <typename Body>
void WithType(jit::DType dtype, Body body) {
  switch (dtype) {
    case jit::DType::kF64:
      return body(double());
    case jit::DType::kBF16:
      return body(jit::BFloat16(0));
    case jit::DType::kF16:
      return body(jit::Float16(0));
    default:
      return body(float());
  }
}

void Convert(const Shape& shape, jit::DType from_type, const void* from, Layout from_layout,
             jit::DType to_type, void* to, Layout to_layout) {
  WithType(from_type, [&](auto source) {
    WithType(to_type, [&](auto target) {
      ConvertAs<decltype(source), decltype(target)>(shape, from, from_layout, to, to_layout);
    });
  });
}

}  // namespace

int64_t OperandBytes(const jit::Problem& problem) {
  const int arrays = jit::OpOf(problem) == jit::Op::kAttention ? 4 : 2;
  int64_t numbers = 0;
  for (int i = 0; i < arrays; ++i) {
    const Shape s = ShapeOf(problem, i);
    numbers += s.batch * s.heads * s.rows * s.cols;
  }
  return numbers * jit::SizeOf(TypeOf(problem));
}

absl::Status RaceVariants(std::span<const Variant> variants, const MeasureOptions& options,
                          double seconds, std::vector<VariantCandidate>* candidates) {
  std::vector<std::unique_ptr<Operands>> operands;
  for (const Variant& variant : variants) {
    auto made = Operands::Create(variant.problem, options.buffers, options.seed, variant.layout);
    if (!made.ok()) return made.status();
    operands.push_back(*std::move(made));
  }
  std::vector<std::shared_ptr<const Plan>> plans;
  std::vector<std::function<void()>> runs;
  for (const VariantCandidate& candidate : *candidates) {
    auto plan =
        Plan::Create(variants[candidate.variant].problem, {.threads = options.threads,
                                                           .isa = options.isa,
                                                           .buffers = options.buffers,
                                                           .use_cache = false,
                                                           .config = candidate.evaluation.config});
    if (!plan.ok()) return plan.status();
    plans.push_back(*plan);
    runs.push_back([plan = *plan, &own = *operands[candidate.variant], set = int64_t{0}]() mutable {
      own.Run(*plan, set).IgnoreError();  // they were run with these very arguments before
      if (++set == own.sets()) set = 0;
    });
  }
  const std::vector<Timing> timings =
      TimeInTurn(runs, nullptr, {.rounds = kRaceRounds, .seconds = seconds});
  for (size_t i = 0; i < candidates->size(); ++i) {
    VariantCandidate& candidate = (*candidates)[i];
    candidate.evaluation.samples = timings[i].seconds;
    candidate.evaluation.seconds = Summarise(timings[i].seconds);
    candidate.gain =
        i == 0 ? Ratio{1, 1, 1} : PairedRatio(timings[0].seconds, timings[i].seconds, options.seed);
  }
  return absl::OkStatus();
}

std::optional<size_t> JudgeVariants(const VariantGates& gates, uint64_t seed,
                                    std::vector<VariantCandidate>* candidates) {
  std::optional<size_t> best;
  for (size_t i = 0; i < candidates->size(); ++i) {
    VariantCandidate& c = (*candidates)[i];
    const double error = c.evaluation.max_error;
    c.kept = false;
    if (!(error <= gates.max_error)) {
      c.reason = jit::Format("error %.2g is above %.2g", error, gates.max_error);
    } else if (i == 0) {
      c.kept = true;
      c.reason = "the baseline";
    } else if (!c.winner) {
      c.reason = "did not win its own tuning";
    } else if (c.gain.low < 1 + gates.min_gain) {
      c.reason = jit::Format("gains less than %.3g %%, or not for sure", 100 * gates.min_gain);
    } else {
      c.kept = true;
      c.reason = jit::Format("gains more than %.3g %%", 100 * gates.min_gain);
    }
    if (!c.kept) continue;
    if (!best) {
      best = i;
      continue;
    }
    const Ratio over_best =
        PairedRatio((*candidates)[*best].evaluation.samples, c.evaluation.samples, seed);
    if (Compare(over_best) == Comparison::kFaster) best = i;
  }
  return best;
}

absl::StatusOr<Conversion> TimeConversion(const Variant& from, const Variant& to, uint64_t seed) {
  const jit::DType from_type = TypeOf(from.problem), to_type = TypeOf(to.problem);
  const bool relayout = Effective(from.layout, from.problem) != Effective(to.layout, to.problem);
  if (from_type == to_type && !relayout) return Conversion{};
  auto theirs = Operands::Create(from.problem, cache::Buffers::kHot, seed, from.layout);
  if (!theirs.ok()) return theirs.status();
  auto ours = Operands::Create(to.problem, cache::Buffers::kHot, seed, to.layout);
  if (!ours.ok()) return ours.status();
  const int out = (*theirs)->arrays() - 1;
  Conversion conversion{.seconds = std::numeric_limits<double>::infinity()};
  for (int run = 0; run < kConversionRuns; ++run) {
    const double start = SteadyNow();
    for (int i = 0; i < out; ++i) {
      Convert(ShapeOf(from.problem, i), from_type, (*theirs)->array(i), from.layout, to_type,
              (*ours)->array(i), to.layout);
    }
    Convert(ShapeOf(from.problem, out), to_type, (*ours)->array(out), to.layout, from_type,
            (*theirs)->array(out), from.layout);
    conversion.seconds = std::min(conversion.seconds, SteadyNow() - start);
  }
  conversion.what = out == 3 ? "q, k, v to " : "x to ";
  if (from_type != to_type) conversion.what += jit::Name(to_type);
  if (relayout) {
    absl::StrAppend(&conversion.what, from_type != to_type ? ", " : "",
                    std::string(Name(to.layout)));
  }
  conversion.what += "; out back";
  return conversion;
}

}  // namespace jitattn::runtime
