// Compares types and layouts.

#include "lab/measuring/variants.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/format.h"
#include "lab/measuring/bench_timing.h"
#include "runtime/confirm.h"
#include "runtime/plan.h"

namespace jitattn::lab {
namespace {

constexpr int kConversionRuns = 5;
constexpr int kRaceRounds = 101;  // more than 100, so that p99 is not the maximum

// Index of the first element of row (b, h, r).
int64_t At(const ops::Array& array, ops::Layout layout, int64_t b, int64_t h, int64_t r) {
  const ops::Strides strides = ops::DenseStrides(array, layout);
  return b * strides[0] + h * strides[1] + r * strides[2];
}

template <typename From, typename To>
void ConvertAs(const ops::Array& shape, const void* from, ops::Layout from_layout, void* to,
               ops::Layout to_layout) {
  for (int64_t b = 0; b < shape.batch; ++b) {
    for (int64_t h = 0; h < shape.heads; ++h) {
      for (int64_t r = 0; r < shape.rows; ++r) {
        const From* source = static_cast<const From*>(from) + At(shape, from_layout, b, h, r);
        To* target = static_cast<To*>(to) + At(shape, to_layout, b, h, r);
        for (int64_t c = 0; c < shape.cols; ++c) {
          target[c] = static_cast<To>(static_cast<Compute<To>>(source[c]));
        }
      }
    }
  }
}

void Convert(const ops::Array& shape, DType from_type, const void* from, ops::Layout from_layout,
             DType to_type, void* to, ops::Layout to_layout) {
  ops::CallWithType(from_type, [&]<typename From>() {
    ops::CallWithType(to_type, [&]<typename To>() {
      ConvertAs<From, To>(shape, from, from_layout, to, to_layout);
    });
  });
}

}  // namespace

int64_t OperandBytes(const ops::Problem& problem) {
  const ops::Arrays arrays = problem.operation().arrays(problem);
  int64_t numbers = 0;
  for (int i = 0; i < arrays.count; ++i) numbers += arrays[i].count();
  return numbers * SizeOf(problem.dtype());
}

absl::Status RaceVariants(std::span<const Variant> variants, const Cpu& cpu,
                          const runtime::MeasureOptions& options, double seconds,
                          std::vector<VariantCandidate>* candidates) {
  std::vector<std::unique_ptr<runtime::Operands>> operands;
  for (const Variant& variant : variants) {
    ops::Conditions conditions = options.conditions;
    conditions.layout = variant.layout;
    auto made = runtime::Operands::Create(variant.problem, conditions, options.seed);
    if (!made.ok()) return made.status();
    operands.push_back(*std::move(made));
  }
  std::vector<std::shared_ptr<const runtime::Plan>> plans;
  std::vector<std::function<void()>> runs;
  for (const VariantCandidate& candidate : *candidates) {
    auto plan = runtime::Plan::Create(variants[candidate.variant].problem, cpu,
                                      {.conditions = options.conditions,
                                       .use_cache = false,
                                       .config = candidate.evaluation.config});
    if (!plan.ok()) return plan.status();
    plans.push_back(*plan);
    runs.push_back([plan = *plan, &own = *operands[candidate.variant], set = int64_t{0}]() mutable {
      own.Run(*plan, set).IgnoreError();  // OK, as in the tuning of this configuration
      if (++set == own.sets()) set = 0;
    });
  }
  const std::vector<Timing> timings =
      TimeInTurn(runs, nullptr, {.rounds = kRaceRounds, .seconds = seconds});
  for (size_t i = 0; i < candidates->size(); ++i) {
    VariantCandidate& candidate = (*candidates)[i];
    candidate.evaluation.samples = timings[i].seconds;
    candidate.evaluation.seconds = runtime::Summarise(timings[i].seconds);
    candidate.gain =
        i == 0 ? runtime::Ratio{1, 1, 1}
               : runtime::PairedRatio(timings[0].seconds, timings[i].seconds, options.seed);
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
      c.reason = Format("error %.2g is above %.2g", error, gates.max_error);
    } else if (i == 0) {
      c.kept = true;
      c.reason = "the baseline";
    } else if (!c.winner) {
      c.reason = "did not win its own tuning";
    } else if (c.gain.low < 1 + gates.min_gain) {
      c.reason = Format("gain not certain to be %.3g %% or more", 100 * gates.min_gain);
    } else {
      c.kept = true;
      c.reason = Format("gains more than %.3g %%", 100 * gates.min_gain);
    }
    if (!c.kept) continue;
    if (!best) {
      best = i;
      continue;
    }
    const runtime::Ratio over_best =
        runtime::PairedRatio((*candidates)[*best].evaluation.samples, c.evaluation.samples, seed);
    if (runtime::Compare(over_best) == runtime::Comparison::kFaster) best = i;
  }
  return best;
}

absl::StatusOr<Conversion> TimeConversion(const Variant& from, const Variant& to, uint64_t seed) {
  const DType from_type = from.problem.dtype(), to_type = to.problem.dtype();
  const bool relayout = Effective(from.layout, from.problem) != Effective(to.layout, to.problem);
  if (from_type == to_type && !relayout) return Conversion{};
  auto theirs = runtime::Operands::Create(from.problem, {.layout = from.layout}, seed);
  if (!theirs.ok()) return theirs.status();
  auto ours = runtime::Operands::Create(to.problem, {.layout = to.layout}, seed);
  if (!ours.ok()) return ours.status();
  const ops::Arrays arrays = from.problem.operation().arrays(from.problem);
  const int out = arrays.count - 1;
  // Arrays with a type of their own, and further results, are the same in every variant.
  std::vector<int> inputs;
  std::vector<std::string> names;
  for (int i = 0; i < out; ++i) {
    if (arrays[i].dtype) continue;
    inputs.push_back(i);
    names.emplace_back(arrays[i].name);
  }
  Conversion conversion{.seconds = std::numeric_limits<double>::infinity()};
  for (int run = 0; run < kConversionRuns; ++run) {
    const double start = SteadyNow();
    for (const int i : inputs) {
      Convert(arrays[i], from_type, (*theirs)->array(i), from.layout, to_type, (*ours)->array(i),
              to.layout);
    }
    Convert(arrays[out], to_type, (*ours)->array(out), to.layout, from_type, (*theirs)->array(out),
            from.layout);
    conversion.seconds = std::min(conversion.seconds, SteadyNow() - start);
  }
  conversion.what = absl::StrCat(absl::StrJoin(names, ", "), " to ");
  if (from_type != to_type) conversion.what += Name(to_type);
  if (relayout) {
    absl::StrAppend(&conversion.what, from_type != to_type ? ", " : "",
                    std::string(Name(to.layout)));
  }
  conversion.what += "; out back";
  return conversion;
}

}  // namespace jitattn::lab
