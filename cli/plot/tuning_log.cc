// The log of a tuning, and the space that it saw.

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <unordered_map>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "cli/plot/readers.h"

namespace jitattn::cli {
namespace {

// Everything of the agreed columns that is no field of a configuration.
const std::set<std::string_view>& OtherColumns() {
  static const std::set<std::string_view> columns = {"strategy",
                                                     "seed",
                                                     "op",
                                                     "dtype",
                                                     "isa",
                                                     "problem",
                                                     "N",
                                                     "evaluation",
                                                     "phase",
                                                     "origin",
                                                     "block",
                                                     "config",
                                                     "status",
                                                     "reason",
                                                     "samples",
                                                     "mean_s",
                                                     "std_s",
                                                     "cv",
                                                     "min_s",
                                                     "p50_s",
                                                     "p95_s",
                                                     "p99_s",
                                                     "max_s",
                                                     "mad_s",
                                                     "gflops",
                                                     "gbytes_per_s",
                                                     "peak_fraction",
                                                     "max_error",
                                                     "emit_s",
                                                     "scratch_bytes",
                                                     "elapsed_s",
                                                     "first_call_s",
                                                     "best_s",
                                                     "default_s",
                                                     "speedup_over_default"};
  return columns;
}

// Columns from the first field (`threads`) up to `config`: the configuration.
std::vector<int> FieldColumns(const CsvTable& table) {
  std::vector<int> columns;
  const int end = table.Find("config").value_or(static_cast<int>(table.columns.size()));
  for (int i = 0; i < end; ++i) {
    if (!OtherColumns().contains(table.columns[i])) columns.push_back(i);
  }
  return columns;
}

bool IsNumber(const std::string& text, double* value) { return absl::SimpleAtod(text, value); }

search::Parameter MakeParameter(const std::string& name, const std::set<std::string>& values) {
  search::Parameter parameter{.name = name};
  std::vector<std::pair<double, std::string>> numbers;
  for (const std::string& value : values) {
    double number = 0;
    if (!IsNumber(value, &number)) break;
    numbers.emplace_back(number, value);
  }
  std::sort(numbers.begin(), numbers.end());
  const bool numeric = numbers.size() == values.size() &&
                       std::adjacent_find(numbers.begin(), numbers.end(), [](auto& a, auto& b) {
                         return a.first == b.first;
                       }) == numbers.end();
  if (!numeric) {
    parameter.kind = search::Parameter::Kind::kCategorical;
    for (const std::string& value : values) {
      parameter.values.push_back(static_cast<double>(parameter.values.size()));
      parameter.labels.push_back(value);
    }
    return parameter;
  }
  for (const auto& [number, label] : numbers) {
    parameter.values.push_back(number);
    parameter.labels.push_back(label);
  }
  return parameter;
}

}  // namespace

absl::Status ReadTuningLog(const CsvTable& table, Source* source) {
  const std::vector<int> columns = FieldColumns(table);
  std::map<std::string, size_t> runs;
  CsvCells cells(table);
  for (const CsvTable::Row& row : table.rows) {
    cells.Move(&row);
    const std::string strategy = cells.NeedText("strategy"), seed = cells.Text("seed"),
                      problem = cells.Text("problem");
    Evaluation evaluation;
    evaluation.number = cells.NeedCount("evaluation", 0);
    evaluation.phase = cells.Text("phase");
    const auto [it, fresh] =
        runs.try_emplace(absl::StrCat(strategy, "\n", seed, "\n", problem), source->runs.size());
    // One file may hold several tunings: then evaluations are counted from 1 again.
    const bool again = !fresh && evaluation.phase != "final" &&
                       evaluation.number <= source->runs[it->second].evaluations.back().number;
    if (again) it->second = source->runs.size();
    if (fresh || again) {
      TuningRun run{.strategy = strategy, .problem = problem, .seed = seed};
      for (int column : columns) run.fields.push_back(table.columns[column]);
      source->runs.push_back(std::move(run));
    }
    evaluation.status = cells.NeedText("status");
    evaluation.min = cells.Number("min_s");
    if (evaluation.min && *evaluation.min <= 0) cells.Break("min_s", "a time must be above 0");
    evaluation.best = cells.Number("best_s");
    if (evaluation.best && *evaluation.best <= 0) cells.Break("best_s", "a time must be above 0");
    evaluation.cv = cells.Number("cv");
    for (int column : columns) evaluation.values.push_back(row.fields[column]);
    if (!cells.status().ok()) return cells.status();
    source->runs[it->second].evaluations.push_back(std::move(evaluation));
  }
  return absl::OkStatus();
}

absl::StatusOr<search::Recording> RecordingOf(const TuningRun& run) {
  std::map<std::vector<std::string>, double> costs;  // of each configuration, once
  for (const Evaluation& evaluation : run.evaluations) {
    if (evaluation.phase == "final") continue;  // candidates that the search had before
    const bool worked = evaluation.status == "ok" && evaluation.min;
    const double cost = worked ? *evaluation.min : std::numeric_limits<double>::infinity();
    const auto [it, fresh] = costs.try_emplace(evaluation.values, cost);
    if (!fresh) it->second = std::min(it->second, cost);
  }
  std::vector<search::Parameter> parameters;
  std::vector<size_t> columns;
  for (size_t i = 0; i < run.fields.size(); ++i) {
    std::set<std::string> values;
    for (const auto& [point, cost] : costs) values.insert(point[i]);
    if (values.size() < 2) continue;
    parameters.push_back(MakeParameter(run.fields[i], values));
    columns.push_back(i);
  }
  if (parameters.empty()) {
    return absl::InvalidArgumentError("one configuration alone has no parameters that vary");
  }
  std::vector<search::Point> points;
  std::vector<std::unordered_map<std::string, int>> places(parameters.size());  // of labels
  for (size_t p = 0; p < parameters.size(); ++p) {
    for (const std::string& label : parameters[p].labels) {
      places[p].try_emplace(label, static_cast<int>(places[p].size()));
    }
  }
  for (const auto& [values, cost] : costs) {
    search::Point point;
    for (size_t p = 0; p < columns.size(); ++p) {
      point.push_back(places[p].at(values[columns[p]]));
    }
    points.push_back(std::move(point));
  }
  auto space = search::Space::FromPoints(parameters, points);
  if (!space.ok()) return space.status();
  search::Recording recording;
  recording.kernel = run.problem;
  recording.space = *std::move(space);
  recording.points.resize(points.size());
  size_t i = 0;
  for (const auto& [values, cost] : costs) {
    search::RecordedPoint& point = recording.points[*recording.space.RankOf(points[i++])];
    point.cost = cost;
    if (std::isinf(cost)) point.error = "failed";
  }
  return recording;
}

}  // namespace jitattn::cli
