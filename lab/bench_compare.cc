// Compares this run of `jitattn bench` with an earlier one.

#include "lab/bench_compare.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/text.h"
#include "cli/text_file.h"
#include "lab/replay/json_text.h"

namespace jitattn::lab {
namespace {

// Two minima of interleaved repeats of the same kernel agree within 0.1 to 0.3 %. The addresses of
// the operands, which change from process to process, add to that.
constexpr double kLeastNoise = 0.005;

using Document = nlohmann::json;

std::optional<double> NumberAt(const Document& row, const char* key) {
  if (!row.contains(key) || !row[key].is_number()) return std::nullopt;
  return row[key].get<double>();
}

std::string TextAt(const Document& row, const char* key) {
  return row.contains(key) && row[key].is_string() ? row[key].get<std::string>() : "";
}

const BenchFigures* Find(const EarlierRun& earlier, const BenchRow& row) {
  const BenchFigures* other = nullptr;
  int others = 0;
  for (const auto& [name, asked, figures] : earlier) {
    if (name != row.name()) continue;
    if (asked == row.asked) return &figures;
    other = &figures;
    ++others;
  }
  return others == 1 ? other : nullptr;
}

}  // namespace

std::string_view Name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kSame:
      return "same";
    case Verdict::kFaster:
      return "faster";
    case Verdict::kSlower:
      return "slower";
    case Verdict::kMachine:
      return "machine";
  }
  return "";
}

absl::StatusOr<EarlierRun> ReadEarlierRun(const std::string& path) {
  const absl::StatusOr<std::string> text = cli::ReadTextFile(path);
  if (!text.ok()) return text.status();
  const absl::StatusOr<Document> parsed = ParseJson(*text);
  const Document json = parsed.ok() ? *parsed : Document();
  if (!json.is_object() || !json.contains("rows") || !json["rows"].is_array()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": not the output of jitattn bench --json"));
  }
  EarlierRun run;
  for (const Document& row : json["rows"]) {
    const std::string name = row.is_object() ? TextAt(row, "name") : "";
    if (name.empty()) {
      return absl::InvalidArgumentError(
          absl::StrFormat("%s: row %d has no name", path, run.size() + 1));
    }
    const auto seconds = NumberAt(row, "seconds_min");
    if (!seconds || *seconds <= 0) continue;  // a wrong result was not timed
    run.emplace_back(
        name, TextAt(row, "asked"),
        BenchFigures{*seconds, NumberAt(row, "fraction"), NumberAt(row, "spread").value_or(0)});
  }
  return run;
}

Comparison Compare(const BenchFigures& earlier, const BenchFigures& now) {
  Comparison result;
  result.gain = earlier.seconds / now.seconds - 1;
  result.noise = std::max(kLeastNoise, earlier.spread + now.spread);
  if (std::abs(result.gain) <= result.noise) return result;
  const bool faster = result.gain > 0;
  if (earlier.fraction && now.fraction) {
    const double gain = *now.fraction / *earlier.fraction - 1;
    if (faster ? gain <= result.noise : gain >= -result.noise) {
      result.verdict = Verdict::kMachine;
      return result;
    }
  }
  result.verdict = faster ? Verdict::kFaster : Verdict::kSlower;
  return result;
}

std::vector<ComparedRow> CompareRuns(const EarlierRun& earlier, std::span<const BenchRow> rows) {
  std::vector<ComparedRow> compared;
  for (const BenchRow& row : rows) {
    if (!row.result.wrong.empty()) continue;
    ComparedRow& result = compared.emplace_back(ComparedRow{row.name(), row.asked, {}});
    if (const BenchFigures* before = Find(earlier, row)) {
      result.comparison = Compare(
          *before, {row.result.seconds.min, row.Figure(Metric::kFraction), row.result.spread()});
    }
  }
  return compared;
}

std::string ComparisonText(std::span<const ComparedRow> rows) {
  std::vector<std::vector<std::string>> table = {{"ROW", "CONFIG", ">CHANGE", ">NOISE", "VERDICT"}};
  int same = 0, unknown = 0;
  for (const ComparedRow& row : rows) {
    if (!row.comparison) {
      ++unknown;
    } else if (row.comparison->verdict == Verdict::kSame) {
      ++same;
    } else {
      const bool machine = row.comparison->verdict == Verdict::kMachine;
      table.push_back({row.name, row.asked, cli::Percent(row.comparison->gain),
                       absl::StrFormat("%.1f %%", row.comparison->noise * 100),
                       machine ? "machine: its peak changed as much"
                               : std::string(Name(row.comparison->verdict))});
    }
  }
  std::string text = table.size() > 1 ? cli::Table(table) : "";
  absl::StrAppendFormat(&text, "%d of %d rows differ beyond noise", table.size() - 1, rows.size());
  absl::StrAppendFormat(&text, ", %d do not", same);
  if (unknown > 0) absl::StrAppendFormat(&text, ", %d were not in the earlier run", unknown);
  return text + "\n";
}

cli::Json ComparisonJson(std::span<const ComparedRow> rows) {
  cli::Json json = cli::Json::array();
  for (const ComparedRow& row : rows) {
    cli::Json entry = {{"name", row.name}, {"asked", row.asked}, {"verdict", nullptr}};
    if (row.comparison) {
      entry["verdict"] = Name(row.comparison->verdict);
      entry["gain"] = cli::Number(row.comparison->gain);
      entry["noise"] = cli::Number(row.comparison->noise);
    }
    json.push_back(std::move(entry));
  }
  return json;
}

}  // namespace jitattn::lab
