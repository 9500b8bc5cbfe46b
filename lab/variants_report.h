// The result of `jitattn tune --variants` for one problem, for people and for machines.

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
  std::string failed;  // why the variant has no candidate; "" if it has one
  Conversion conversion;
  std::string path;       // of the written record; "" if none was written
  std::string not_saved;  // why none was written
  bool save_failed = false;
};

struct JudgedVariants {
  std::vector<JudgedVariant> variants;  // the baseline first
  std::vector<VariantCandidate> candidates;
  std::optional<size_t> final_candidate;
};

// The type, "bf16", and with several heads also the layout: "bf16, columns".
std::string NameOf(const Variant& variant);
// Names the final candidate, and says why it was chosen.
std::string Justification(const JudgedVariants& judged);
// A table of all candidates, then the decision and remarks.
std::string VariantsText(const JudgedVariants& judged);
cli::Json VariantsJson(const JudgedVariants& judged);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_VARIANTS_REPORT_H_
