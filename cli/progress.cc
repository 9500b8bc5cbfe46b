// The progress line, and plain lines for streams that are not a terminal.

#include "cli/progress.h"

#include <sys/ioctl.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/text.h"

namespace jitattn::cli {
namespace {

using Phase = runtime::TuneProgress::Phase;

constexpr double kRedrawS = 0.1;   // smooth enough, at negligible cost
constexpr double kPlainLineS = 5;  // plain lines go to logs, so they are rare

int Columns(std::FILE* stream) {
  winsize size = {};
  const bool known = ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

std::string BestText(const ops::Problem& problem, const runtime::TuneProgress& progress) {
  if (progress.best_s <= 0) return "";
  std::string text = absl::StrCat("best ", RateText(problem, progress.best_s));
  if (progress.default_s > 0) {
    absl::StrAppend(&text, ", ", Percent(progress.default_s / progress.best_s - 1),
                    " over the default");
  }
  return text;
}

std::string_view PhaseText(Phase phase) {
  switch (phase) {
    case Phase::kPreparing:
      return "preparing";
    case Phase::kSearching:
      return "searching";
    case Phase::kConfirming:
      return "re-timing the best against the default";
    case Phase::kDone:
      return "done";
  }
  return "";
}

std::string Bar(const runtime::TuneProgress& progress, int width) {
  const double share = progress.budget > 0 ? 1.0 * progress.evaluations / progress.budget : 0;
  const int full = std::clamp(static_cast<int>(std::lround(share * width)), 0, width);
  return absl::StrCat("[", std::string(full, '#'), std::string(width - full, '-'), "]");
}

// The first `columns` columns of UTF-8 text, in whole characters.
std::string Cut(const std::string& text, int columns) {
  size_t end = 0;
  for (int used = 0; end < text.size(); ++end) {
    if ((text[end] & 0xc0) != 0x80 && used++ == columns) break;
  }
  return text.substr(0, end);
}

}  // namespace

std::string ProgressLine(const ops::Problem& problem, const runtime::TuneProgress& progress,
                         int columns) {
  std::string line =
      absl::StrFormat("%s %d/%d  ", Bar(progress, 20), progress.evaluations, progress.budget);
  const std::string best = BestText(problem, progress);
  if (progress.phase == Phase::kSearching) {
    absl::StrAppend(&line, best, best.empty() ? "" : "  ");
  } else {
    absl::StrAppend(&line, std::string(PhaseText(progress.phase)), "  ");
  }
  if (progress.phase != Phase::kDone) {
    absl::StrAppendFormat(&line, "%.0f s left", std::max(0.0, progress.left_s));
  }
  return Cut(line, columns);
}

Progress::Progress(const ops::Problem& problem, bool quiet, std::FILE* stream)
    : problem_(problem), quiet_(quiet), stream_(stream), terminal_(IsTerminal(stream)) {}

Progress::~Progress() {
  if (drawn_) std::fputs("\r\033[K", stream_);
}

void Progress::Update(const runtime::TuneProgress& progress) {
  if (quiet_) return;
  const bool new_phase = progress.phase != shown_phase_;
  const bool better =
      progress.best_s > 0 && (shown_best_s_ <= 0 || progress.best_s < shown_best_s_);
  const double since = progress.elapsed_s - shown_s_;
  const bool due = terminal_ ? since >= kRedrawS : since >= kPlainLineS || (better && since >= 1);
  if (!due && !new_phase) return;
  if (terminal_) {
    // One column stays free, since a full line wraps on some terminals.
    const std::string line = ProgressLine(problem_, progress, Columns(stream_) - 1);
    std::fprintf(stream_, "\r%s\033[K", line.c_str());
    drawn_ = true;
  } else {
    const std::string best = BestText(problem_, progress);
    std::fprintf(stream_, "%s: %d of %d evaluations%s%s, %.0f s left\n",
                 std::string(PhaseText(progress.phase)).c_str(), progress.evaluations,
                 progress.budget, best.empty() ? "" : ", ", best.c_str(),
                 std::max(0.0, progress.left_s));
  }
  std::fflush(stream_);
  shown_s_ = progress.elapsed_s;
  shown_best_s_ = progress.best_s;
  shown_phase_ = progress.phase;
}

void ShowPlace(size_t done, size_t all, const ops::Problem& problem) {
  std::fprintf(stderr, "\r\033[K[%zu/%zu] %s", done + 1, all, ops::Describe(problem).c_str());
  std::fflush(stderr);
}

}  // namespace jitattn::cli
