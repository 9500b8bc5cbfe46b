// Rows of `jitattn bench` as tables, JSON and CSV.

#include "lab/bench_report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "cache/fingerprint.h"
#include "cli/text.h"

namespace jitattn::lab {
namespace {

constexpr std::string_view kUnknown = "–";

std::string Text(Metric metric, std::optional<double> value) {
  if (!value) return std::string(kUnknown);
  return absl::StrFormat("%.*f", metric == Metric::kFraction || metric == Metric::kOverhead ? 3 : 2,
                         *value);
}

// FIELD=VALUE pairs are shown as differences from the default, since a whole configuration would be
// wider than the rest of the table.
std::string ConfigText(const BenchRow& row) {
  if (row.asked.find('=') == row.asked.npos) return row.asked;
  return row.differs.empty() ? "as the default" : row.differs;
}

// The heading of a configuration's column in the table of lines. Long pairs are shown as a number:
// their differences from the default vary by problem.
std::string Heading(std::span<const std::string> asked, size_t index) {
  constexpr size_t kWidest = 30;
  if (asked[index].size() <= kWidest) return asked[index];
  return absl::StrCat("--config ", index + 1);
}

// The problem of a cell's worst figure; for a cliff, the size matters.
std::string Place(const BenchCell& cell) {
  return absl::StrFormat(" (%s)", ops::Describe(cell.at->problem()));
}

std::string FloorText(const BenchRow& row) {
  if (!row.floor) return "";
  const std::string floor = Text(row.floor->metric, row.floor->floor);
  // The fraction has its own column; other metrics are named together with their floor.
  if (row.floor->metric == Metric::kFraction) return floor;
  if (!row.Figure(row.floor->metric)) return "";
  return absl::StrFormat("%s: %s of %s", Name(row.floor->metric),
                         Text(row.floor->metric, row.Figure(row.floor->metric)), floor);
}

// Says whether the figure reaches the aim, the floor or neither.
std::string Standing(Metric metric, double value, const Floor& floor) {
  if (Reaches(metric, value, floor.aim)) return "aim reached";
  if (!floor.floor) return "below the aim";
  return Reaches(metric, value, *floor.floor) ? "floor reached" : "BELOW THE FLOOR";
}

cli::Json OptionalNumber(std::optional<double> value) {
  return value ? cli::Number(*value) : cli::Json(nullptr);
}

std::string CsvField(const cli::Json& value) {
  if (value.is_null()) return "";
  std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  if (text.find_first_of(",\"\n") == text.npos) return text;
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

}  // namespace

std::string RowsText(std::span<const BenchRow> rows) {
  std::vector<std::vector<std::string>> table = {{"PROBLEM", "ISA", ">THREADS", "CONFIG", ">MIN",
                                                  ">MEDIAN", ">SPREAD", ">SPEED", "", ">CYC/VEC",
                                                  ">PEAK", ">FRACTION", ">FLOOR"}};
  for (const BenchRow& row : rows) {
    std::vector<std::string> cells = {ops::Describe(row.problem()),
                                      std::string(Name(row.key.conditions.isa)),
                                      absl::StrCat(row.key.conditions.threads), ConfigText(row)};
    if (row.result.wrong.empty()) {
      const auto cycles = row.Figure(Metric::kCycles);
      const bool memory = row.memory_bound();
      cells.insert(cells.end(),
                   {cli::Seconds(row.result.seconds.min), cli::Seconds(row.result.seconds.median),
                    absl::StrFormat("%.1f %%", row.result.spread() * 100),
                    absl::StrFormat("%.1f", memory ? row.gbytes_per_s() : row.gflops()),
                    memory ? "GB/s" : "GFLOP/s", cycles ? Text(Metric::kCycles, cycles) : "",
                    row.peak() > 0 ? absl::StrFormat("%.1f", row.peak()) : std::string(kUnknown),
                    Text(Metric::kFraction, row.Figure(Metric::kFraction)), FloorText(row)});
    } else {
      cells.insert(cells.end(), {"wrong", "", "", "", "", "", "", "", row.result.wrong});
    }
    table.push_back(std::move(cells));
  }
  return cli::Table(table);
}

BenchCell CellOf(std::span<const BenchRow> rows, int line, int cell, Metric metric,
                 const std::string& asked) {
  BenchCell found;
  for (const BenchRow& row : rows) {
    if (row.line != line || row.cell != cell || row.asked != asked) continue;
    const std::optional<double> value = row.Figure(metric);
    if (!value || !row.result.wrong.empty()) continue;
    if (!found.worst || Reaches(metric, *found.worst, *value)) {
      found.worst = value;
      found.at = &row;
    }
    if (row.floor && row.floor->metric == metric) found.floor = row.floor;
  }
  return found;
}

std::string LinesText(std::span<const BenchLine> lines, std::span<const BenchRow> rows,
                      std::span<const std::string> asked) {
  if (lines.empty()) return "";
  std::vector<std::vector<std::string>> table = {{"ROW"}};
  for (size_t i = 0; i < asked.size(); ++i) table[0].push_back(Heading(asked, i));
  for (const char* heading : {"FLOOR", "AIM", "STANDS"}) table[0].push_back(heading);
  for (size_t l = 0; l < lines.size(); ++l) {
    const BenchLine& line = lines[l];
    std::vector<std::string> cells = {line.title}, floors, aims, stands;
    for (const std::string& config : asked) {
      std::vector<std::string> values;
      for (int c = 0; c < line.cells; ++c) {
        const BenchCell cell = CellOf(rows, static_cast<int>(l), c, line.metric, config);
        values.push_back(Text(line.metric, cell.worst));
        if (line.metric == Metric::kCliff && cell.at != nullptr) values.back() += Place(cell);
        if (&config != &asked.front()) continue;  // floors hold for the first configuration
        floors.push_back(cell.floor ? Text(line.metric, cell.floor->floor) : std::string(kUnknown));
        aims.push_back(cell.floor ? Text(line.metric, cell.floor->aim) : std::string(kUnknown));
        stands.push_back(cell.floor ? Standing(line.metric, *cell.worst, *cell.floor)
                                    : std::string(kUnknown));
      }
      cells.push_back(absl::StrJoin(values, " / "));
    }
    if (std::all_of(stands.begin(), stands.end(), [&](auto& s) { return s == stands[0]; })) {
      stands.resize(1);
    }
    for (const auto& column : {floors, aims, stands}) cells.push_back(absl::StrJoin(column, " / "));
    table.push_back(std::move(cells));
  }
  return cli::Table(table);
}

cli::Json ToJson(const BenchRow& row) {
  const BenchResult& result = row.result;
  cli::Json json = {{"name", row.name()}};
  json.update(cli::ToJson(row.problem()));
  json["isa"] = Name(row.key.conditions.isa);
  json["threads"] = row.key.conditions.threads;
  json["buffers"] = ops::Name(row.key.conditions.buffers);
  json["layout"] = Name(row.layout());
  json["asked"] = row.asked;
  json["source"] = row.source;
  json["kernel"] = row.kernel;
  json["config"] = cli::ToJson(row.config);
  json["wrong"] = cli::OrNull(result.wrong);
  if (!result.wrong.empty()) return json;
  const Limit* binding = result.limits.binding();
  json["samples"] = result.seconds.samples;
  json["times"] = cli::Json::array();
  for (const double seconds : result.samples) json["times"].push_back(cli::Number(seconds));
  json["seconds_min"] = cli::Number(result.seconds.min);
  json["seconds_median"] = cli::Number(result.seconds.median);
  json["seconds_mad"] = cli::Number(result.seconds.mad);
  json["spread"] = cli::Number(result.spread());
  json["gflops"] = cli::Number(row.gflops());
  json["gbytes_per_s"] = cli::Number(row.gbytes_per_s());
  json["cycles_per_vector"] = OptionalNumber(row.Figure(Metric::kCycles));
  json["speedup"] = OptionalNumber(row.speedup);
  json["cliff"] = OptionalNumber(row.cliff);
  json["overhead"] = OptionalNumber(row.overhead());
  json["bound"] =
      binding == nullptr ? cli::Json(nullptr) : cli::Json(row.memory_bound() ? "memory" : "fma");
  json["peak"] = binding == nullptr ? cli::Json(nullptr) : cli::Number(row.peak());
  json["peak_describe"] = binding == nullptr ? cli::Json(nullptr) : cli::Json(binding->what);
  json["fraction"] = OptionalNumber(row.Figure(Metric::kFraction));
  json["floor"] = row.floor ? OptionalNumber(row.floor->floor) : cli::Json(nullptr);
  json["aim"] = row.floor ? cli::Number(row.floor->aim) : cli::Json(nullptr);
  json["floor_of"] = row.floor ? cli::Json(Name(row.floor->metric)) : cli::Json(nullptr);
  json["max_error"] = cli::Number(result.max_error);
  return json;
}

cli::Json LinesJson(std::span<const BenchLine> lines, std::span<const BenchRow> rows,
                    std::span<const std::string> asked) {
  cli::Json json = cli::Json::array();
  for (size_t l = 0; l < lines.size(); ++l) {
    for (const std::string& config : asked) {
      cli::Json cells = cli::Json::array();
      for (int c = 0; c < lines[l].cells; ++c) {
        const BenchCell cell = CellOf(rows, static_cast<int>(l), c, lines[l].metric, config);
        cells.push_back(
            {{"value", OptionalNumber(cell.worst)},
             {"at", cell.at ? cli::Json(cell.at->name()) : cli::Json(nullptr)},
             {"floor", cell.floor ? OptionalNumber(cell.floor->floor) : cli::Json(nullptr)},
             {"aim", cell.floor ? cli::Number(cell.floor->aim) : cli::Json(nullptr)}});
      }
      json.push_back({{"title", lines[l].title},
                      {"of", Name(lines[l].metric)},
                      {"asked", config},
                      {"cells", std::move(cells)}});
    }
  }
  return json;
}

cli::Json MachineOf(const Cpu& cpu, std::span<const std::string> beware) {
  return {{"brand", cpu.brand},
          {"fingerprint", cache::FolderName(cache::HostFingerprint(cpu))},
          {"isa", Name(cpu.isa)},
          {"physical_cores", cpu.physical_cores},
          {"logical_cpus", cpu.logical_cpus},
          {"l1d_bytes", cpu.l1d_bytes},
          {"l2_bytes", cpu.l2_bytes},
          {"l3_bytes", cpu.l3_bytes},
          {"flags", beware}};
}

std::string RowsCsv(std::span<const BenchRow> rows) {
  std::vector<std::string> keys;  // of all rows, in order of first appearance
  std::vector<cli::Json> values;
  for (const BenchRow& row : rows) {
    values.push_back(ToJson(row));
    values.back()["config"] = ops::ToString(row.config);
    values.back().erase("times");  // lists are in the JSON only
    for (const auto& [key, value] : values.back().items()) {
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
    }
  }
  std::string text = absl::StrCat(absl::StrJoin(keys, ","), "\n");
  for (const cli::Json& row : values) {
    auto field = [&](std::string* out, const std::string& key) {
      if (row.contains(key)) out->append(CsvField(row[key]));
    };
    absl::StrAppend(&text, absl::StrJoin(keys, ",", field), "\n");
  }
  return text;
}

}  // namespace jitattn::lab
