// `jitattn tune --csv`: every evaluation, written as it happens. docs/compare.md lists the columns.

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
  // As CsvFile::Open.
  static absl::StatusOr<std::unique_ptr<TuneCsv>> Open(const std::string& path);

  // What the rows of one search have in common.
  struct Search {
    cache::Key key;  // the exact problem, not its bucket
    std::string strategy;
    uint64_t seed = 0;
    double peak = 0;  // flop/s or bytes/s, as far as it is known; 0: not
  };
  // After the first failure nothing more is written.
  void Add(const Search& search, const runtime::TuneEvaluation& evaluation);
  const absl::Status& status() const { return status_; }

 private:
  explicit TuneCsv(std::unique_ptr<CsvFile> file) : file_(std::move(file)) {}

  const std::unique_ptr<CsvFile> file_;
  absl::Status status_;
};

// The strategy that `options` stand for: "auto" and "" have names.
std::string StrategyName(const runtime::TuneOptions& options);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_TUNE_CSV_H_
