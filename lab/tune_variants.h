// `jitattn tune --variants`: tunes the problem in other types and layouts, with gates on error and
// gain.

#ifndef JITATTN_LAB_TUNE_VARIANTS_H_
#define JITATTN_LAB_TUNE_VARIANTS_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/cpu.h"
#include "cli/interrupt.h"
#include "cli/tune_jobs.h"
#include "lab/measuring/variants.h"

namespace jitattn::lab {

// Returns the problem as it was asked for, then each other combination of the types and layouts in
// `words`, the values of --variants. If `words` has no layout, the layout stays; likewise the type.
std::vector<Variant> ExpandVariants(const ops::Problem& problem, ops::Layout layout,
                                    const std::vector<std::string>& words);

struct VariantsOptions {
  std::vector<std::string> words;
  double min_gain = 0.05;
};

// Tunes the variants of each job's problem with the job's options and prints a report; with
// output.json, one document with "variants". Returns the exit code.
int TuneVariants(const std::vector<cli::TuneJob>& jobs, const VariantsOptions& options,
                 const Cpu& cpu, cli::TuneOutput output, const cli::Interrupt& interrupt);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_TUNE_VARIANTS_H_
