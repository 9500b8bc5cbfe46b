// `jitattn tune --variants`: the problem in other types and layouts, under gates.

#ifndef JITATTN_CLI_TUNE_VARIANTS_H_
#define JITATTN_CLI_TUNE_VARIANTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "jit/cpu.h"
#include "runtime/tuner.h"
#include "runtime/variants.h"

namespace jitattn::cli {

// Words of --variants: "dtype" for every type, "layout" for both layouts, or single ones.
std::vector<std::string_view> VariantWords();

// The problem as it was asked for, then each other combination of the types and the layouts that
// are named; where only types are named the layout stays, and the other way round.
std::vector<runtime::Variant> ExpandVariants(const jit::Problem& problem, runtime::Layout layout,
                                             const std::vector<std::string>& words);

struct VariantsJob {
  runtime::TuneOptions tune;  // of each variant; its layout is the baseline's
  std::vector<std::string> words;
  double min_gain = 0.05;
  bool quiet = false, json = false;
};

// Tunes and reports; adds to document->variants. Returns the exit code.
int TuneVariants(const std::vector<jit::Problem>& problems, const VariantsJob& job,
                 const jit::Cpu& cpu, Json document, const Interrupt& interrupt);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_TUNE_VARIANTS_H_
