// Compares one problem in several types and layouts: which of them is worth using?

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

// Size of all operands of the problem, the output included.
int64_t OperandBytes(const ops::Problem& problem);

// A candidate of a variant's tuning. Variant 0 is the problem as it was asked for.
struct VariantCandidate {
  size_t variant = 0;
  bool winner = false;  // of its variant's tuning
  // The error is relative to the data before rounding; the times are of the last race.
  runtime::Evaluation evaluation;
  runtime::Ratio gain;  // baseline's time ÷ candidate's time, paired
  bool kept = false;
  std::string reason;  // why the candidate is kept or dropped
};

struct VariantGates {
  double max_error = std::numeric_limits<double>::infinity();
  double min_gain = 0.05;
};

// Times all candidates in turn, each on its variant's operands, and fills in their times and gains
// over the first candidate. Errors: those of Plan::Create and Operands::Create.
absl::Status RaceVariants(std::span<const Variant> variants, const Cpu& cpu,
                          const runtime::MeasureOptions& options, double seconds,
                          std::vector<VariantCandidate>* candidates);

// Decides which candidates are kept. A candidate is kept if its error is within the gate, it won
// its own tuning, and the low end of its gain over the baseline is at least `min_gain`. The
// baseline, which is the first candidate, only needs an error within the gate. Returns the index
// of the fastest kept candidate, the earlier one of a tie; nothing if none is kept.
std::optional<size_t> JudgeVariants(const VariantGates& gates, uint64_t seed,
                                    std::vector<VariantCandidate>* candidates);

// Cost of calling the plan of `to` with operands of `from`: every input is converted to the other
// type and layout, and the output is converted back. Measured as a plain loop on one thread, the
// fastest of a few runs; 0 if type and layout are the same.
struct Conversion {
  std::string what;  // "q, k, v to bf16, columns; out back"; "" for nothing
  double seconds = 0;
};
absl::StatusOr<Conversion> TimeConversion(const Variant& from, const Variant& to, uint64_t seed);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_MEASURING_VARIANTS_H_
