// The report of a tuning, as text and as JSON.

#ifndef JITATTN_CLI_TUNE_REPORT_H_
#define JITATTN_CLI_TUNE_REPORT_H_

#include <optional>
#include <string>

#include "cli/json.h"
#include "runtime/peak.h"
#include "runtime/tuner.h"

namespace jitattn::cli {

// The recording that --record wrote.
struct Recorded {
  std::string path;
  int points = 0, space_size = 0;
};

struct Tuned {
  runtime::TuneReport report;
  double peak = 0;  // of this machine, measured during the tuning: flop/s or bytes/s
  std::string peak_describe;
  std::optional<Recorded> recorded;
  Json log = Json::array();  // every evaluation of a candidate, from LookJson
};

// flop/s or bytes/s of the fastest run. The peak is compared with this rate, since the peak is the
// best sample too.
double FastestRate(const cache::Record& record);

// Several aligned lines; the caller prints the problem above them.
std::string ReportText(const Tuned& tuned);
// One line, for --quiet.
std::string ReportLine(const Tuned& tuned);
// "recorded 312 of 480 points: FILE"
std::string RecordedText(const Recorded& recorded);
Json ReportJson(const Tuned& tuned);
// One candidate's measurements, for "finalists" and "front".
Json EvaluationJson(const runtime::Evaluation& evaluation);
// One evaluation of a candidate, for "log". `peak`: flop/s or bytes/s, as measured so far; 0:
// unknown.
Json LookJson(const ops::Problem& problem, const runtime::TuneEvaluation& look, double peak);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_TUNE_REPORT_H_
