// Reports of `jitattn tune --variants`.

#include "lab/variants_report.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/text.h"
#include "cli/tune_report.h"

namespace jitattn::lab {
namespace {

std::string GainText(const runtime::Ratio& gain) {
  return absl::StrFormat("%s (%s … %s)", cli::Percent(gain.value - 1), cli::Percent(gain.low - 1),
                         cli::Percent(gain.high - 1));
}

int64_t MemoryBytes(const JudgedVariants& judged, const VariantCandidate& c) {
  return c.evaluation.scratch_bytes + OperandBytes(judged.variants[c.variant].variant.problem);
}

}  // namespace

std::string NameOf(const Variant& variant) {
  std::string name(Name(variant.problem.dtype()));
  // With one head, both layouts are the same.
  if (ops::Effective(ops::Layout::kColumns, variant.problem) == ops::Layout::kColumns)
    absl::StrAppend(&name, ", ", std::string(Name(variant.layout)));
  return name;
}

std::string Justification(const JudgedVariants& judged) {
  if (!judged.final_candidate) return "none: no candidate is within the allowed error";
  const std::string baseline = NameOf(judged.variants[0].variant);
  if (*judged.final_candidate == 0) {
    return baseline +
           " as asked for: no other candidate is within the error and gains enough over it";
  }
  const VariantCandidate& c = judged.candidates[*judged.final_candidate];
  return absl::StrFormat("%s: %s over %s, error %.2g", NameOf(judged.variants[c.variant].variant),
                         GainText(c.gain), baseline, c.evaluation.max_error);
}

std::string VariantsText(const JudgedVariants& judged) {
  std::vector<std::vector<std::string>> rows = {{"VARIANT", "", ">ERROR", ">MEAN", ">P50", ">P95",
                                                 ">P99", ">MEMORY", ">GAIN", "", "WHY", "CONFIG"}};
  for (size_t i = 0; i < judged.candidates.size(); ++i) {
    const VariantCandidate& c = judged.candidates[i];
    const runtime::Statistics& s = c.evaluation.seconds;
    rows.push_back({NameOf(judged.variants[c.variant].variant), c.winner ? "tuned" : "finalist",
                    absl::StrFormat("%.2g", c.evaluation.max_error), cli::Seconds(s.mean),
                    cli::Seconds(s.median), cli::Seconds(s.p95), cli::Seconds(s.p99),
                    cli::Bytes(static_cast<double>(MemoryBytes(judged, c))),
                    i == 0 ? "" : GainText(c.gain), c.kept ? "kept" : "dropped", c.reason,
                    ops::ToString(c.evaluation.config)});
  }
  std::vector<std::pair<std::string, std::string>> fields;
  const std::string baseline = NameOf(judged.variants[0].variant);
  fields.emplace_back("final", Justification(judged));
  fields.emplace_back("baseline", baseline + ", tuned: gains are over it, paired");
  for (const JudgedVariant& v : judged.variants) {
    if (v.failed.empty()) continue;
    fields.emplace_back("dropped", absl::StrCat(NameOf(v.variant), ": ", v.failed));
  }
  for (const JudgedVariant& v : judged.variants) {
    if (v.conversion.what.empty()) continue;
    fields.emplace_back("apart",
                        absl::StrCat(v.conversion.what, ": ", cli::Seconds(v.conversion.seconds)));
  }
  for (const JudgedVariant& v : judged.variants) {
    if (!v.path.empty()) fields.emplace_back("saved", v.path);
    if (v.not_saved.empty()) continue;
    fields.emplace_back("not saved", absl::StrCat(NameOf(v.variant), ": ", v.not_saved));
  }
  return cli::Table(rows) + cli::Fields(fields);
}

cli::Json VariantsJson(const JudgedVariants& judged) {
  cli::Json variants = cli::Json::array(), candidates = cli::Json::array();
  for (const JudgedVariant& v : judged.variants) {
    variants.push_back({{"name", NameOf(v.variant)},
                        {"problem", cli::ToJson(v.variant.problem)},
                        {"layout", Name(v.variant.layout)},
                        {"operand_bytes", OperandBytes(v.variant.problem)},
                        {"failed", cli::OrNull(v.failed)},
                        {"conversion", cli::OrNull(v.conversion.what)},
                        {"conversion_seconds", cli::Number(v.conversion.seconds)},
                        {"path", cli::OrNull(v.path)},
                        {"not_saved", cli::OrNull(v.not_saved)}});
  }
  for (const VariantCandidate& c : judged.candidates) {
    candidates.push_back({{"variant", c.variant},
                          {"tuned", c.winner},
                          {"evaluation", cli::EvaluationJson(c.evaluation)},
                          {"gain", cli::Number(c.gain.value)},
                          {"gain_low", cli::Number(c.gain.low)},
                          {"gain_high", cli::Number(c.gain.high)},
                          {"kept", c.kept},
                          {"reason", c.reason}});
  }
  return {
      {"baseline", NameOf(judged.variants[0].variant)},
      {"variants", variants},
      {"candidates", candidates},
      {"final", judged.final_candidate ? cli::Json(*judged.final_candidate) : cli::Json(nullptr)},
      {"justification", Justification(judged)}};
}

}  // namespace jitattn::lab
