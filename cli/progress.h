// What people see while the tuner works: one line that is drawn over on a terminal, a line now and
// then elsewhere. Goes to the error stream, so that a redirected report stays clean.

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
  ~Progress();  // wipes the bar
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Update(const runtime::TuneProgress& progress);

 private:
  const ops::Problem problem_;
  const bool quiet_;
  std::FILE* const stream_;
  const bool terminal_;
  bool drawn_ = false;
  double shown_s_ = -1e9;  // elapsed when something was last printed
  double shown_best_s_ = 0;
  runtime::TuneProgress::Phase shown_phase_ = runtime::TuneProgress::Phase::kPreparing;
};

// "[3/12] attention f32 …" on the error stream, drawn over, for a table that needs its last row
// before its first can be aligned. `done` problems of `all` are done, and `problem` is next.
void ShowPlace(size_t done, size_t all, const ops::Problem& problem);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_PROGRESS_H_
