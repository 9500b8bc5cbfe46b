// `jitattn tune --csv`: one row per evaluation, written immediately. docs/compare.md lists the
// columns.

#ifndef JITATTN_CLI_TUNE_CSV_H_
#define JITATTN_CLI_TUNE_CSV_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "cache/record.h"
#include "cli/csv.h"
#include "ops/problem.h"
#include "runtime/tuner.h"

namespace jitattn::cli {

class TuneCsv {
 public:
  // Errors are those of CsvFile::Open.
  static absl::StatusOr<std::unique_ptr<TuneCsv>> Open(const std::string& path);

  // The values that all rows of one search share.
  struct Search {
    cache::Key key;  // the exact problem, not its bucket
    std::string strategy;
    uint64_t seed = 0;
    double peak = 0;  // flop/s or bytes/s, as measured so far; 0: unknown
  };
  // Writes one row. After the first failure, status() has the error and nothing more is written.
  void Add(const Search& search, const runtime::TuneEvaluation& evaluation);
  const absl::Status& status() const { return status_; }

 private:
  explicit TuneCsv(std::unique_ptr<CsvFile> file) : file_(std::move(file)) {}

  const std::unique_ptr<CsvFile> file_;
  absl::Status status_;
};

// The name of the strategy that `options` select; "auto" and "" are resolved to a strategy.
std::string StrategyName(const runtime::TuneOptions& options);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_TUNE_CSV_H_
