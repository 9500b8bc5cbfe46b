// Tables of comparisons and of strategies.

#include <algorithm>
#include <map>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "cli/plot/readers.h"
#include "cli/plot/words.h"

namespace jitattn::cli {
namespace {

constexpr double kAnything = -1e300;

template <typename Read>
absl::Status EachRow(const CsvTable& table, Read read) {
  CsvCells cells(table);
  for (const CsvTable::Row& row : table.rows) {
    cells.Move(&row);
    read(cells);
    if (!cells.status().ok()) return cells.status();
  }
  return absl::OkStatus();
}

int CountOf(const Document& json, const char* key) {
  const std::optional<int> count = ToCount(json.at(key).get<double>());
  if (!count) throw std::range_error(absl::StrCat(key, " is no count"));
  return *count;
}

double Regret(double fraction) { return 1 / fraction - 1; }

}  // namespace

absl::Status ReadComparison(const CsvTable& table, Source* source) {
  return EachRow(table, [&](CsvCells& cells) {
    ComparisonRow row;
    row.op = cells.Text("op");
    row.dtype = cells.Text("dtype");
    row.problem = cells.Text("problem");
    row.method = cells.NeedText("method");
    row.speedup_over = cells.Text("speedup_over");
    row.note = cells.Text("note");
    row.n = cells.Need("N", 1);
    row.median = cells.Number("p50_s");
    if (row.median && *row.median <= 0) cells.Break("p50_s", "a time must be above 0");
    row.p95 = cells.Number("p95_s");
    row.cv = cells.Number("cv");
    row.speedup = cells.Number("speedup");
    row.unstable = cells.Text("unstable") == "1";
    source->comparison.push_back(std::move(row));
  });
}

absl::Status ReadCurves(const CsvTable& table, Source* source) {
  return EachRow(table, [&](CsvCells& cells) {
    CurvePoint point;
    point.space = cells.Text("space");
    point.strategy = cells.NeedText("strategy");
    point.evaluations = cells.NeedCount("evaluations", 1);
    point.mean = cells.Need("fraction_mean", 0);
    point.p10 = cells.Need("fraction_p10", 0);
    point.p50 = cells.Need("fraction_p50", 0);
    point.p90 = cells.Need("fraction_p90", 0);
    source->curves.push_back(std::move(point));
  });
}

absl::Status ReadStandings(const CsvTable& table, Source* source) {
  return EachRow(table, [&](CsvCells& cells) {
    Standing standing;
    standing.space = cells.Text("space");
    standing.strategy = cells.NeedText("strategy");
    standing.budget = cells.NeedCount("budget", 1);
    standing.fraction = cells.Need("fraction_mean", 0);
    standing.regret_p10 = cells.Number("regret_p10");
    standing.regret_p50 = cells.Number("regret_p50");
    standing.regret_p90 = cells.Number("regret_p90");
    standing.wins = cells.Number("wins");
    standing.ties = cells.Number("ties");
    standing.losses = cells.Number("losses");
    source->standings.push_back(std::move(standing));
  });
}

absl::Status ReadReplayTable(const CsvTable& table, Source* source) {
  return EachRow(table, [&](CsvCells& cells) {
    Standing standing;
    standing.space = FileStem(cells.NeedText("file"));
    standing.strategy = cells.NeedText("strategy");
    standing.budget = cells.NeedCount("budget", 1);
    standing.score = cells.Need("score", kAnything);
    standing.fraction = cells.Need("mean", 0);
    const double tenth = cells.Need("tenth_percentile", 0);
    if (standing.fraction > 0) standing.regret_p50 = Regret(standing.fraction);
    if (tenth > 0) standing.regret_p90 = Regret(tenth);
    source->standings.push_back(std::move(standing));
  });
}

absl::Status ReadReplayJson(const Document& json, Source* source) {
  // A key that is missing or of another type: the library names it.
  try {
    std::vector<std::string> files;
    for (const Document& file : json.at("files"))
      files.push_back(FileStem(file.at("path").get<std::string>()));
    for (const Document& strategy : json.at("strategies")) {
      for (const Document& at : strategy.at("budgets")) {
        for (size_t f = 0; f < files.size(); ++f) {
          const Document& file = at.at("files").at(f);
          Standing standing;
          standing.space = files[f];
          standing.strategy = strategy.at("name");
          standing.budget = CountOf(at, "budget");
          standing.score = strategy.at("scores").at(f).get<double>();
          standing.fraction = file.at("mean");
          const double tenth = file.at("tenth_percentile");
          if (standing.fraction > 0) standing.regret_p50 = Regret(standing.fraction);
          if (tenth > 0) standing.regret_p90 = Regret(tenth);
          // Counted over all files: told once.
          if (f == 0) {
            const Document& all = at.at("against_all");
            standing.wins = all.at("wins").get<double>();
            standing.ties = all.at("ties").get<double>();
            standing.losses = all.at("losses").get<double>();
          }
          source->standings.push_back(std::move(standing));
        }
      }
    }
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("replay's JSON (docs/json.md): ", error.what()));
  }
  return absl::OkStatus();
}

}  // namespace jitattn::cli
