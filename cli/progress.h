// Progress of a tuning: on a terminal one line that is redrawn, elsewhere a line every few seconds.
// It goes to the error stream, so a redirected report stays clean.

#ifndef JITATTN_CLI_PROGRESS_H_
#define JITATTN_CLI_PROGRESS_H_

#include <cstdio>
#include <string>

#include "ops/problem.h"
#include "runtime/tuner.h"

namespace jitattn::cli {

// "[########--------] 40/100  best 108.3 GFLOP/s, +6.1 % over the default  12 s left", cut to
// `columns`.
std::string ProgressLine(const ops::Problem& problem, const runtime::TuneProgress& progress,
                         int columns);

class Progress {
 public:
  Progress(const ops::Problem& problem, bool quiet, std::FILE* stream = stderr);
  ~Progress();  // erases the line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Prints `progress` if enough time has passed or something has changed; may be called often.
  void Update(const runtime::TuneProgress& progress);

 private:
  const ops::Problem problem_;
  const bool quiet_;
  std::FILE* const stream_;
  const bool terminal_;
  bool drawn_ = false;
  double shown_s_ = -1e9;  // elapsed_s of the last update that was printed
  double shown_best_s_ = 0;
  runtime::TuneProgress::Phase shown_phase_ = runtime::TuneProgress::Phase::kPreparing;
};

// Draws "[3/12] attention f32 …" over the last line of the error stream. Commands that print a
// table use it: the table cannot be aligned and printed before its last row is known. `done` of
// `all` problems are done, and `problem` is next.
void ShowPlace(size_t done, size_t all, const ops::Problem& problem);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_PROGRESS_H_
