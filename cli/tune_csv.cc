// From evaluations to rows.

#include "cli/tune_csv.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "ops/config.h"
#include "search/strategy.h"

namespace jitattn::cli {
namespace {

// Pairs of a column's name and its value. AddFields makes columns of the configuration's fields.
using Columns = std::vector<std::pair<std::string, std::string>>;

std::string Text(std::string_view text) { return std::string(text); }
// For seconds and rates: 0 means not measured and gives an empty value.
std::string IfKnown(double value) { return value > 0 ? CsvNumber(value) : ""; }

std::string_view StatusName(runtime::Evaluation::Outcome outcome) {
  switch (outcome) {
    case runtime::Evaluation::Outcome::kMeasured:
      return "ok";
    case runtime::Evaluation::Outcome::kCensored:
      return "censored";
    case runtime::Evaluation::Outcome::kInfeasible:
      return "infeasible";
    case runtime::Evaluation::Outcome::kWrong:
      return "wrong";
    case runtime::Evaluation::Outcome::kFailed:
      return "failed";
  }
  return "";
}

// Adds the tunable fields of every algorithm, each name once. `isa` and the threads have columns
// already.
void AddFields(const ops::Config& config, Columns* columns) {
  std::vector<std::string_view> names;
  for (const ops::Operation* operation : ops::Operations()) {
    for (const ops::Algorithm* algorithm : operation->algorithms) {
      for (const ops::Field& field : algorithm->fields) {
        const bool known = std::find(names.begin(), names.end(), field.name) != names.end();
        if (!known && field.role == ops::Field::Role::kTunable) names.push_back(field.name);
      }
    }
  }
  for (const std::string_view name : names) {
    const ops::Field* field = ops::FindField(config.algorithm(), name);
    columns->emplace_back(name, field == nullptr ? "" : ops::ValueText(*field, field->get(config)));
  }
}

void AddTimes(const TuneCsv::Search& search, const runtime::TuneEvaluation& e, Columns* columns) {
  const runtime::Evaluation& evaluation = e.evaluation;
  const runtime::Statistics& s = evaluation.seconds;
  const ops::Problem& problem = search.key.bucket;
  const bool timed = s.samples > 0, spread = s.samples > 1;
  // Rates are of the fastest run, as in all reports, since noise only adds time.
  auto rate = [&](double amount) { return timed ? CsvNumber(amount / s.min * 1e-9) : ""; };
  const bool by_flops = problem.operation().rate == ops::Rate::kFlops;
  const double work = by_flops ? ops::Flops(problem) : ops::Bytes(problem);
  const Columns times = {
      {"samples", absl::StrCat(s.samples)},
      {"mean_s", IfKnown(s.mean)},
      {"std_s", spread ? CsvNumber(s.std) : ""},
      {"cv", spread ? CsvNumber(s.cv) : ""},
      {"min_s", IfKnown(s.min)},
      {"p50_s", IfKnown(s.median)},
      {"p95_s", IfKnown(s.p95)},
      {"p99_s", IfKnown(s.p99)},
      {"max_s", IfKnown(s.max)},
      {"mad_s", spread ? CsvNumber(s.mad) : ""},
      {"gflops", rate(ops::Flops(problem))},
      {"gbytes_per_s", rate(ops::Bytes(problem))},
      {"peak_fraction", timed && search.peak > 0 ? CsvNumber(work / s.min / search.peak) : ""},
      {"max_error", evaluation.first_call_s > 0 ? CsvNumber(evaluation.max_error) : ""},
      {"scratch_bytes", evaluation.emit_s > 0 ? absl::StrCat(evaluation.scratch_bytes) : ""},
      {"emit_s", IfKnown(evaluation.emit_s)},
      {"first_call_s", IfKnown(evaluation.first_call_s)},
      {"elapsed_s", CsvNumber(e.elapsed_s)},
      {"best_s", IfKnown(e.best_s)},
      {"default_s", IfKnown(e.default_s)},
      {"speedup_over_default", timed && e.default_s > 0 ? CsvNumber(e.default_s / s.min) : ""}};
  columns->insert(columns->end(), times.begin(), times.end());
}

Columns RowOf(const TuneCsv::Search& search, const runtime::TuneEvaluation& e) {
  const ops::Config& config = e.evaluation.config;
  const ops::Problem& problem = search.key.bucket;
  const auto block = config.algorithm().block;
  Columns columns = {
      {"strategy", search.strategy},
      {"seed", absl::StrCat(search.seed)},
      {"op", Text(problem.operation().name)},
      {"dtype", Text(Name(problem.dtype()))},
      {"isa", Text(Name(config.isa()))},
      {"problem", search.key.ToString()},
      {"N", absl::StrCat(static_cast<int64_t>(problem.operation().extents(problem)[0]))},
      {"evaluation", absl::StrCat(e.number)},
      {"phase", e.is_final ? "final" : "search"},
      {"origin", Text(runtime::Name(e.origin))},
      {"threads", absl::StrCat(config.threads())},
      {"block", absl::StrCat(block == nullptr ? 0 : block(config))}};
  columns.emplace_back("algorithm", Text(config.algorithm().name));
  AddFields(config, &columns);
  columns.emplace_back("config", ops::ToString(config));
  columns.emplace_back("status", StatusName(e.evaluation.outcome));
  columns.emplace_back("reason", e.evaluation.error);
  AddTimes(search, e, &columns);
  return columns;
}

template <typename Part>
std::vector<std::string> Parts(Columns columns, Part part) {
  std::vector<std::string> parts;
  for (auto& column : columns) parts.push_back(std::move(column.*part));
  return parts;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TuneCsv>> TuneCsv::Open(const std::string& path) {
  // Every row has the same columns, so an empty one gives the header.
  const ops::Operation& first = *ops::Operations().front();
  const runtime::Evaluation nothing{.config = first.algorithms[0]->blank()};
  const Columns columns = RowOf({.key = {first.blank()}}, {.evaluation = nothing});
  auto file = CsvFile::Open("--csv", path, Parts(columns, &Columns::value_type::first));
  if (!file.ok()) return file.status();
  return std::unique_ptr<TuneCsv>(new TuneCsv(*std::move(file)));
}

void TuneCsv::Add(const Search& search, const runtime::TuneEvaluation& evaluation) {
  if (!status_.ok()) return;
  status_ = file_->Append(Parts(RowOf(search, evaluation), &Columns::value_type::second));
}

std::string StrategyName(const runtime::TuneOptions& options) {
  const bool is_auto = options.strategy.empty() || options.strategy == "auto";
  return is_auto ? std::string(search::DefaultStrategy()) : options.strategy;
}

}  // namespace jitattn::cli
