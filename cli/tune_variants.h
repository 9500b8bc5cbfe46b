// `jitattn tune --variants`: the problem in other types and layouts, under gates.

#ifndef JITATTN_CLI_TUNE_VARIANTS_H_
#define JITATTN_CLI_TUNE_VARIANTS_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/cpu.h"
#include "cli/interrupt.h"
#include "cli/tune_jobs.h"
#include "runtime/variants.h"

namespace jitattn::cli {

// Words of --variants: "dtype" for every type, "layout" for both layouts, or single ones.
std::vector<std::string_view> VariantWords();

// The problem as it was asked for, then each other combination of the types and the layouts that
// are named; where only types are named the layout stays, and the other way round.
std::vector<runtime::Variant> ExpandVariants(const ops::Problem& problem, ops::Layout layout,
                                             const std::vector<std::string>& words);

struct VariantsOptions {
  std::vector<std::string> words;
  double min_gain = 0.05;
};

// Tunes each job's problem in its variants, by the job's options, and reports; with output.json one
// document with "variants". Returns the exit code.
int TuneVariants(const std::vector<TuneJob>& jobs, const VariantsOptions& options, const Cpu& cpu,
                 TuneOutput output, const Interrupt& interrupt);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_TUNE_VARIANTS_H_
