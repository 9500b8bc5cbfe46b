// Which kind a file is of.

#include "cli/plot/source.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/gzip.h"
#include "cli/plot/readers.h"
#include "cli/text_file.h"
#include "search/json_text.h"

namespace jitattn::cli {
namespace {

struct TableKind {
  const char* what;
  std::vector<std::string_view> columns;  // all there: the table is of this kind
  absl::Status (*read)(const CsvTable&, Source*);
};

const TableKind kTables[] = {
    {"jitattn tune --csv", {"strategy", "evaluation", "phase", "status"}, ReadTuningLog},
    {"jitattn compare --csv", {"method", "N", "p50_s"}, ReadComparison},
    {"jitattn replay --curves", {"strategy", "evaluations", "fraction_p50"}, ReadCurves},
    {"jitattn compare --strategies --csv", {"strategy", "budget", "regret_p50"}, ReadStandings},
    {"jitattn replay --csv", {"file", "strategy", "score", "budget"}, ReadReplayTable},
    {"jitattn bench --csv", {"name", "seconds_min", "fraction"}, ReadBenchTable},
};

void AddFact(const char* name, const Document& json, const char* key, Source* source) {
  const auto it = json.find(key);
  if (it == json.end() || it->is_null()) return;
  const std::string text = it->is_string() ? it->get<std::string>() : it->dump();
  if (!text.empty() && text != "[]") source->facts.emplace_back(name, text);
}

absl::Status ReadRecordingSource(std::string_view text, Source* source) {
  absl::StatusOr<search::Recording> recording = search::ReadRecording(text);
  if (!recording.ok()) return recording.status();
  source->what = "recorded space";
  if (!recording->device.empty()) source->facts.emplace_back("machine", recording->device);
  if (!recording->kernel.empty()) source->facts.emplace_back("problem", recording->kernel);
  source->facts.emplace_back("points", absl::StrCat(recording->points.size()));
  source->recording = *std::move(recording);
  return absl::OkStatus();
}

absl::Status ReadJson(std::string_view text, Source* source) {
  const absl::StatusOr<Document> parsed = search::ParseJson(text);
  if (!parsed.ok()) {
    // A recording that was not closed, as an interrupted tuner leaves it, is read all the same.
    if (text.find("\"tune_params_keys\"") != text.npos && ReadRecordingSource(text, source).ok()) {
      return absl::OkStatus();
    }
    return parsed.status();
  }
  const Document& json = *parsed;
  if (json.is_object() && (json.contains("tune_params_keys") || json.contains("results"))) {
    return ReadRecordingSource(text, source);
  }
  const auto command = json.is_object() ? json.find("command") : json.end();
  if (command == json.end() || !command->is_string() || !json.contains("jitattn")) {
    return absl::InvalidArgumentError(
        "line 1: neither the JSON of bench, roofline or replay nor a recorded space");
  }
  const std::string name = *command;
  source->what = absl::StrCat("jitattn ", name, " --json");
  AddFact("version", json, "jitattn", source);
  if (const auto machine = json.find("machine"); machine != json.end() && machine->is_object()) {
    AddFact("machine", *machine, "brand", source);
    AddFact("cores", *machine, "physical_cores", source);
    AddFact("beware", *machine, "flags", source);
  }
  if (name == "bench" || name == "roofline") return ReadBenchJson(json, source);
  if (name == "replay") {
    AddFact("seed", json, "seed", source);
    AddFact("repeats", json, "repeats", source);
    return ReadReplayJson(json, source);
  }
  return absl::InvalidArgumentError(
      absl::StrFormat("line 1: no picture is made of the JSON of jitattn %s", name));
}

absl::Status ReadTable(std::string_view text, Source* source) {
  const absl::StatusOr<CsvTable> table = ReadCsv(text);
  if (!table.ok()) return table.status();
  for (const TableKind& kind : kTables) {
    if (!std::all_of(kind.columns.begin(), kind.columns.end(),
                     [&](std::string_view column) { return table->Has(column); })) {
      continue;
    }
    source->what = kind.what;
    if (table->rows.empty()) return absl::InvalidArgumentError("line 1: a header and no rows");
    source->facts.emplace_back("rows", absl::StrCat(table->rows.size()));
    return kind.read(*table, source);
  }
  return absl::InvalidArgumentError(
      "line 1: the header is of none of tune --csv, compare --csv, replay --curves, replay --csv, "
      "bench --csv");
}

}  // namespace

absl::StatusOr<Source> ReadSource(const std::string& path) {
  absl::StatusOr<std::string> text = ReadTextFile(path);
  if (!text.ok()) return text.status();
  if (IsGzip(*text)) {
    text = Gunzip(*text);
    if (!text.ok()) {
      return absl::DataLossError(absl::StrCat(path, ": ", std::string(text.status().message())));
    }
  }
  Source source{.path = path};
  const size_t first = text->find_first_not_of(" \t\r\n");
  absl::Status status;
  if (first == text->npos) {
    status = absl::InvalidArgumentError("line 1: the file is empty");
  } else if ((*text)[first] == '{' || (*text)[first] == '[') {
    status = ReadJson(*text, &source);
  } else {
    status = ReadTable(*text, &source);
  }
  if (!status.ok()) {
    return absl::DataLossError(absl::StrCat(path, ": ", status.message()));
  }
  return source;
}

}  // namespace jitattn::cli
