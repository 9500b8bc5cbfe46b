// Tables of `jitattn compare`.

#include "lab/compare_report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/csv.h"
#include "cli/text.h"

namespace jitattn::lab {
namespace {

using Rows = std::vector<std::vector<std::string>>;

std::string SpeedupText(const CompareRow& row, std::optional<double> speedup) {
  if (!speedup) return "";
  return absl::StrFormat("%.2f%s", *speedup, row.unstable() || row.baseline_unstable ? "?" : " ");
}

std::string NoteOf(const CompareRow& row) {
  return row.standing.failure.empty() ? row.standing.note : row.standing.failure;
}

std::string_view DTypeName(const ops::Problem& problem) { return Name(problem.dtype()); }

int64_t LengthOf(const ops::Problem& problem) {
  return static_cast<int64_t>(problem.operation().extents(problem)[0]);
}

double Gflops(const CompareRow& row) {
  return ops::Flops(row.problem()) / row.standing.seconds.min * 1e-9;
}
double Gbytes(const CompareRow& row) {
  return ops::Bytes(row.problem()) / row.standing.seconds.min * 1e-9;
}

std::vector<std::span<const CompareRow>> ByProblem(std::span<const CompareRow> rows) {
  std::vector<std::span<const CompareRow>> groups;
  for (size_t begin = 0, end; begin < rows.size(); begin = end) {
    end = begin + 1;
    while (end < rows.size() && rows[end].problem() == rows[begin].problem()) ++end;
    groups.push_back(rows.subspan(begin, end - begin));
  }
  return groups;
}

const CompareRow* FindMethod(std::span<const CompareRow> rows, std::string_view method) {
  for (const CompareRow& row : rows) {
    if (row.method == method && row.timed()) return &row;
  }
  return nullptr;
}

}  // namespace

std::string CompareText(std::span<const CompareRow> rows) {
  if (rows.empty()) return "";
  const std::string& baseline = rows[0].baseline;
  const std::string over = baseline.empty() ? "OVER NOTHING" : absl::StrCat("OVER ", baseline);
  Rows table = {{"  METHOD", ">THREADS", ">FASTEST", ">MEDIAN", ">CV", ">SAMPLES", ">ERROR",
                 ">SPEED", ">" + over + " ", ">BY MEDIAN ", ""}};
  for (const CompareRow& row : rows) {
    const runtime::Statistics& s = row.standing.seconds;
    std::vector<std::string> cells = {"  " + row.method};
    if (row.timed()) {
      cells.insert(
          cells.end(),
          {absl::StrCat(row.standing.threads), cli::Seconds(s.min), cli::Seconds(s.median),
           s.samples > 1 ? absl::StrFormat("%.1f %%%s", s.cv * 100, row.unstable() ? "!" : " ")
                         : "",
           absl::StrCat(s.samples), absl::StrFormat("%.1e", row.standing.max_error),
           cli::RateText(row.problem(), s.min), SpeedupText(row, row.speedup),
           SpeedupText(row, row.speedup_median)});
    }
    cells.resize(table[0].size());
    cells.back() = NoteOf(row);
    table.push_back(std::move(cells));
  }
  return cli::Table(table);
}

std::string MarksText(std::span<const CompareRow> rows) {
  const bool marked = std::any_of(rows.begin(), rows.end(), [](const CompareRow& row) {
    return row.unstable() || row.baseline_unstable;
  });
  if (!marked) return "";
  return absl::StrFormat(
      "! coefficient of variation above %.0f %%: other work disturbed the measurement. Mean and "
      "median are\n  unreliable; the fastest sample is less so, since noise only adds time. "
      "? a speed-up with ! on either side.\n",
      kUnstable * 100);
}

std::string SummaryText(std::span<const CompareRow> rows) {
  const auto groups = ByProblem(rows);
  if (groups.size() < 2) return "";
  std::vector<std::string> methods;
  for (const CompareRow& row : rows) {
    const bool known = std::find(methods.begin(), methods.end(), row.method) != methods.end();
    if (!known && row.method != "jitattn" && row.timed()) methods.push_back(row.method);
  }
  Rows table = {{"PROBLEM", ">jitattn"}};
  for (const std::string& method : methods) table[0].push_back(">OVER " + method + " ");
  for (const auto& group : groups) {
    const CompareRow* ours = FindMethod(group, "jitattn");
    if (ours == nullptr) continue;
    std::vector<std::string> cells = {ops::Describe(ours->problem()),
                                      cli::Seconds(ours->standing.seconds.min)};
    for (const std::string& method : methods) {
      const CompareRow* theirs = FindMethod(group, method);
      const bool doubtful = ours->unstable() || (theirs != nullptr && theirs->unstable());
      cells.push_back(
          theirs == nullptr
              ? "-  "
              : absl::StrFormat("%.2f%s", theirs->standing.seconds.min / ours->standing.seconds.min,
                                doubtful ? "?" : " "));
    }
    table.push_back(std::move(cells));
  }
  if (table.size() < 2 || methods.empty()) return "";
  return "Speed-up of jitattn over each method, by the fastest samples\n" + cli::Table(table);
}

std::string CompareCsv(std::span<const CompareRow> rows) {
  std::string csv =
      "op,dtype,N,problem,method,threads,samples,mean_s,std_s,cv,min_s,p50_s,p95_s,p99_s,max_s,"
      "max_error,gflops,gbytes_per_s,speedup,speedup_over,unstable,note,speedup_median,mad_s\n";
  for (const CompareRow& row : rows) {
    const runtime::Statistics& s = row.standing.seconds;
    const bool timed = row.timed(), spread = s.samples > 1;
    auto number = [](bool known, double value) { return known ? cli::CsvNumber(value) : ""; };
    csv += cli::CsvLine({std::string(row.problem().operation().name),
                         std::string(DTypeName(row.problem())),
                         absl::StrCat(LengthOf(row.problem())),
                         row.key.ToString(),
                         row.method,
                         timed ? absl::StrCat(row.standing.threads) : "",
                         absl::StrCat(s.samples),
                         number(timed, s.mean),
                         number(spread, s.std),
                         number(spread, s.cv),
                         number(timed, s.min),
                         number(timed, s.median),
                         number(timed, s.p95),
                         number(timed, s.p99),
                         number(timed, s.max),
                         number(timed, row.standing.max_error),
                         number(timed, timed ? Gflops(row) : 0),
                         number(timed, timed ? Gbytes(row) : 0),
                         number(row.speedup.has_value(), row.speedup.value_or(0)),
                         row.speedup ? row.baseline : "",
                         timed ? (row.unstable() ? "1" : "0") : "",
                         NoteOf(row),
                         number(row.speedup_median.has_value(), row.speedup_median.value_or(0)),
                         number(spread, s.mad)});
  }
  return csv;
}

cli::Json CompareJson(std::span<const CompareRow> rows) {
  cli::Json list = cli::Json::array();
  for (const CompareRow& row : rows) {
    const bool timed = row.timed();
    auto number = [](std::optional<double> value) {
      return value ? cli::Number(*value) : cli::Json(nullptr);
    };
    list.push_back({{"name", row.key.ToString()},
                    {"problem", cli::ToJson(row.problem())},
                    {"method", row.method},
                    {"threads", timed ? cli::Json(row.standing.threads) : cli::Json(nullptr)},
                    {"seconds", timed ? cli::ToJson(row.standing.seconds) : cli::Json(nullptr)},
                    {"times", row.standing.samples},
                    {"max_error", timed ? cli::Number(row.standing.max_error) : cli::Json(nullptr)},
                    {"gflops", timed ? cli::Number(Gflops(row)) : cli::Json(nullptr)},
                    {"gbytes_per_s", timed ? cli::Number(Gbytes(row)) : cli::Json(nullptr)},
                    {"speedup", number(row.speedup)},
                    {"speedup_median", number(row.speedup_median)},
                    {"speedup_over", cli::OrNull(row.baseline)},
                    {"unstable", timed ? cli::Json(row.unstable()) : cli::Json(nullptr)},
                    {"wrong", row.standing.wrong},
                    {"note", cli::OrNull(NoteOf(row))}});
  }
  return list;
}

}  // namespace jitattn::lab
