// How a tuning ended, for people and for machines.

#ifndef JITATTN_CLI_TUNE_REPORT_H_
#define JITATTN_CLI_TUNE_REPORT_H_

#include <optional>
#include <string>

#include "cli/json.h"
#include "runtime/peak.h"
#include "runtime/tuner.h"

namespace jitattn::cli {

// What --record wrote.
struct Recorded {
  std::string path;
  int points = 0, space_size = 0;
};

struct Tuned {
  runtime::TuneReport report;
  double peak = 0;  // of this machine in the same run: flop/s or bytes/s
  std::string peak_describe;
  std::optional<Recorded> recorded;
  Json log = Json::array();  // every look at a candidate, as LookJson has it
};

// flop/s or bytes/s of the fastest run, which is what a peak is compared to: it is the best that
// was seen too.
double FastestRate(const cache::Record& record);

// Several aligned lines under the problem's own.
std::string ReportText(const Tuned& tuned);
// The same in one line, for --quiet.
std::string ReportLine(const Tuned& tuned);
// "recorded 312 of 480 points: FILE"
std::string RecordedText(const Recorded& recorded);
Json ReportJson(const Tuned& tuned);
// What a race or a search knows of one candidate, for "finalists" and "front".
Json EvaluationJson(const runtime::Evaluation& evaluation);
// A look at a candidate, for "log". `peak`: flop/s or bytes/s, as far as it is known; 0: not.
Json LookJson(const ops::Problem& problem, const runtime::TuneEvaluation& look, double peak);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_TUNE_REPORT_H_
