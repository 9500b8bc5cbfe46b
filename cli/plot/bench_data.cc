// Rows of `jitattn bench` and `jitattn roofline`, as CSV and as JSON.

#include <stdexcept>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/plot/readers.h"

namespace jitattn::cli {
namespace {

// A row's values by key: JSON has them typed, a table as text.
struct JsonRow {
  const Document& json;

  std::string Text(const char* key) const {
    const auto it = json.find(key);
    return it == json.end() || it->is_null() ? "" : it->get<std::string>();
  }
  std::optional<double> Number(const char* key) const {
    const auto it = json.find(key);
    if (it == json.end() || it->is_null()) return std::nullopt;
    return it->get<double>();
  }
  int Count(const char* key) const {
    const std::optional<int> count = ToCount(Number(key).value_or(0));
    if (!count) throw std::range_error(absl::StrCat(key, " is no count"));
    return *count;
  }
};

struct TableRow {
  CsvCells& cells;

  std::string Text(const char* key) const { return cells.Text(key); }
  std::optional<double> Number(const char* key) const { return cells.Number(key); }
  int Count(const char* key) const { return cells.Count(key); }
};

template <typename Row>
BenchEntry Entry(const Row& row) {
  BenchEntry entry;
  entry.name = row.Text("name");
  entry.describe = row.Text("describe");
  entry.op = row.Text("op");
  entry.dtype = row.Text("dtype");
  entry.isa = row.Text("isa");
  entry.asked = row.Text("asked");
  entry.wrong = row.Text("wrong");
  entry.bound = row.Text("bound");
  entry.floor_of = row.Text("floor_of");
  entry.threads = row.Count("threads");
  entry.min = row.Number("seconds_min");
  entry.median = row.Number("seconds_median");
  entry.gflops = row.Number("gflops");
  entry.gbytes_per_s = row.Number("gbytes_per_s");
  entry.peak = row.Number("peak");
  entry.fraction = row.Number("fraction");
  entry.floor = row.Number("floor");
  entry.aim = row.Number("aim");
  return entry;
}

void AddRows(const Document& rows, Source* source) {
  for (const Document& row : rows) {
    BenchEntry entry = Entry(JsonRow{row});
    if (const auto times = row.find("times"); times != row.end() && times->is_array()) {
      entry.times = times->get<std::vector<double>>();
    }
    source->bench.push_back(std::move(entry));
  }
}

}  // namespace

absl::Status ReadBenchTable(const CsvTable& table, Source* source) {
  CsvCells cells(table);
  for (const CsvTable::Row& row : table.rows) {
    cells.Move(&row);
    cells.NeedText("name");
    source->bench.push_back(Entry(TableRow{cells}));
    // JSON within the table: [1.5e-05,1.6e-05].
    std::string times = cells.Text("times");
    for (char& c : times) {
      if (c == '[' || c == ']' || c == ',') c = ' ';
    }
    for (const auto word : absl::StrSplit(times, ' ', absl::SkipEmpty())) {
      double value = 0;
      if (!absl::SimpleAtod(word, &value)) cells.Break("times", "holds what is no number");
      source->bench.back().times.push_back(value);
    }
    if (!cells.status().ok()) return cells.status();
  }
  return absl::OkStatus();
}

absl::Status ReadBenchJson(const Document& json, Source* source) {
  try {
    if (json.contains("rows")) AddRows(json.at("rows"), source);
    if (!json.contains("roofs")) return absl::OkStatus();
    for (const Document& roof : json.at("roofs")) {
      Roof read{.op = roof.at("op"),
                .dtype = roof.at("dtype"),
                .isa = roof.at("isa"),
                .threads = JsonRow{roof}.Count("threads"),
                .fma_gflops = roof.at("fma_gflops")};
      for (const Document& level : roof.at("levels")) {
        if (level.at("gbytes_per_s").is_null()) continue;
        read.levels.emplace_back(level.at("level"), level.at("gbytes_per_s").get<double>());
      }
      source->roofs.push_back(std::move(read));
      AddRows(roof.at("rows"), source);
    }
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("bench's JSON (docs/bench.md): ", error.what()));
  }
  return absl::OkStatus();
}

}  // namespace jitattn::cli
