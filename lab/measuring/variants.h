// One problem in other types and layouts: which of them is worth having?

#ifndef JITATTN_LAB_MEASURING_VARIANTS_H_
#define JITATTN_LAB_MEASURING_VARIANTS_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cache/record.h"
#include "ops/problem.h"
#include "runtime/measure.h"
#include "runtime/operands.h"
#include "runtime/statistics.h"

namespace jitattn::lab {

struct Variant {
  ops::Problem problem;  // in the variant's type
  ops::Layout layout = ops::Layout::kHeads;
};

// Of all its operands, the output included.
int64_t OperandBytes(const ops::Problem& problem);

// A candidate of a variant's tuning. Variant 0 is what was asked for.
struct VariantCandidate {
  size_t variant = 0;
  bool winner = false;  // of that tuning
  runtime::Evaluation
      evaluation;       // its error is to the data before rounding, its times of the last race
  runtime::Ratio gain;  // the baseline's time ÷ its own, paired
  bool kept = false;
  std::string reason;  // why it is kept or dropped
};

struct VariantGates {
  double max_error = std::numeric_limits<double>::infinity();
  double min_gain = 0.05;
};

// Times all in turn on operands of their own, and fills in times and gains over the first.
// Fails as Plan::Create and Operands::Create.
absl::Status RaceVariants(std::span<const Variant> variants, const Cpu& cpu,
                          const runtime::MeasureOptions& options, double seconds,
                          std::vector<VariantCandidate>* candidates);

// The rule by which a change is kept: its error is within the gate, it won its own tuning, and the
// low end of its gain over the baseline, the first, is at least `min_gain`. The baseline stays by
// its error alone. Returns the fastest of those kept, the earlier one of those that tie; none where
// nothing is kept.
std::optional<size_t> JudgeVariants(const VariantGates& gates, uint64_t seed,
                                    std::vector<VariantCandidate>* candidates);

// What a caller pays who has the operands of `from` and wants the plan of `to`: reading every input
// and writing it in the other type and layout, and the output back. A plain loop on one thread, the
// fastest of a few runs. Nothing where they are the same.
struct Conversion {
  std::string what;  // "q, k, v to bf16, columns; out back"; "" for nothing
  double seconds = 0;
};
absl::StatusOr<Conversion> TimeConversion(const Variant& from, const Variant& to, uint64_t seed);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_MEASURING_VARIANTS_H_
