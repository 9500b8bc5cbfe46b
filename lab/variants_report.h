// What `jitattn tune --variants` found of one problem, for people and for machines.

#ifndef JITATTN_LAB_VARIANTS_REPORT_H_
#define JITATTN_LAB_VARIANTS_REPORT_H_

#include <optional>
#include <string>
#include <vector>

#include "cli/json.h"
#include "lab/measuring/variants.h"

namespace jitattn::lab {

struct JudgedVariant {
  Variant variant;
  std::string failed;  // why it has no candidate; "" if it has
  Conversion conversion;
  std::string path;       // of the record that was written, or
  std::string not_saved;  // why none was
  bool save_failed = false;
};

struct JudgedVariants {
  std::vector<JudgedVariant> variants;  // the baseline first
  std::vector<VariantCandidate> candidates;
  std::optional<size_t> final_candidate;
};

// "bf16", of several heads with their layout: "bf16, columns".
std::string NameOf(const Variant& variant);
// The final candidate and why it is.
std::string Justification(const JudgedVariants& judged);
// A table of all candidates, then what holds of them.
std::string VariantsText(const JudgedVariants& judged);
cli::Json VariantsJson(const JudgedVariants& judged);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_VARIANTS_REPORT_H_
