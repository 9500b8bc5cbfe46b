// A reader for each kind of file: from a parsed table or document to plain structs.

#ifndef JITATTN_CLI_PLOT_READERS_H_
#define JITATTN_CLI_PLOT_READERS_H_

#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "cli/plot/csv_reader.h"
#include "cli/plot/source.h"

namespace jitattn::cli {

using Document = nlohmann::json;  // as search::ParseJson gives it

// InvalidArgument, without the path: what rule is broken and where.
absl::Status ReadTuningLog(const CsvTable& table, Source* source);
absl::Status ReadComparison(const CsvTable& table, Source* source);
absl::Status ReadCurves(const CsvTable& table, Source* source);
absl::Status ReadStandings(const CsvTable& table, Source* source);
absl::Status ReadReplayTable(const CsvTable& table, Source* source);
absl::Status ReadBenchTable(const CsvTable& table, Source* source);
absl::Status ReadReplayJson(const Document& json, Source* source);
absl::Status ReadBenchJson(const Document& json, Source* source);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_PLOT_READERS_H_
