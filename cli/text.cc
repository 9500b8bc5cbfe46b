// Units, tables and suggestions.

#include "cli/text.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/clean.h"
#include "ops/operation.h"

namespace jitattn::cli {
namespace {

// Four significant digits without an exponent, for values from 1 up to 1000.
std::string FourDigits(double value) {
  const int decimals = value >= 999.95 ? 0 : value >= 99.995 ? 1 : value >= 9.9995 ? 2 : 3;
  return absl::StrFormat("%.*f", decimals, value);
}

// The number of edits from a to b: a letter inserted, deleted, changed, or swapped with the next.
int EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::vector<int>> edits(a.size() + 1, std::vector<int>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      int& best = edits[i][j];
      if (i == 0 || j == 0) {
        best = static_cast<int>(i + j);
        continue;
      }
      best = std::min(
          {edits[i - 1][j] + 1, edits[i][j - 1] + 1, edits[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        best = std::min(best, edits[i - 2][j - 2] + 1);
      }
    }
  }
  return edits[a.size()][b.size()];
}

}  // namespace

std::string Seconds(double seconds) {
  if (seconds >= 1) return absl::StrCat(FourDigits(seconds), " s");
  if (seconds >= 1e-3) return absl::StrCat(FourDigits(seconds * 1e3), " ms");
  if (seconds >= 1e-6) return absl::StrCat(FourDigits(seconds * 1e6), " µs");
  return absl::StrFormat("%.0f ns", seconds * 1e9);
}

std::string Bytes(double bytes) {
  static constexpr const char* kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
  int unit = 0;
  while (bytes >= 1024 && unit < 5) {
    bytes /= 1024;
    ++unit;
  }
  const bool whole = bytes == std::floor(bytes);
  return absl::StrFormat("%.*f %s", whole ? 0 : 1, bytes, kUnits[unit]);
}

std::string Percent(double fraction) { return absl::StrFormat("%+.1f %%", fraction * 100); }

std::string_view RateUnit(const ops::Problem& problem) {
  return problem.operation().rate == ops::Rate::kFlops ? "GFLOP/s" : "GB/s";
}

double Rate(const ops::Problem& problem, double seconds) {
  const bool by_flops = problem.operation().rate == ops::Rate::kFlops;
  return (by_flops ? ops::Flops(problem) : ops::Bytes(problem)) / seconds * 1e-9;
}

std::string RateText(const ops::Problem& problem, double seconds) {
  return absl::StrFormat("%.1f %s", Rate(problem, seconds), RateUnit(problem));
}

std::string_view ReferenceName(const ops::Problem& problem) {
  const DType dtype = problem.dtype();
  return dtype == DType::kF64 ? "long double" : "float64";
}

int Width(std::string_view text) {
  return static_cast<int>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string PadTo(std::string_view text, int width) {
  std::string padded(text);
  padded.append(std::max(0, width - Width(text)), ' ');
  return padded;
}

std::string Table(std::vector<std::vector<std::string>> rows) {
  if (rows.empty()) return "";
  const size_t columns = rows[0].size();
  std::vector<bool> right(columns);
  for (size_t c = 0; c < columns; ++c) right[c] = rows[0][c].starts_with('>');
  for (auto& row : rows) {
    for (std::string& text : row) text = Clean(text);
  }
  auto cell = [&](size_t r, size_t c) {
    return std::string_view(rows[r][c]).substr(r == 0 && right[c] ? 1 : 0);
  };
  std::vector<int> widths(columns);
  for (size_t r = 0; r < rows.size(); ++r) {
    for (size_t c = 0; c < columns; ++c) widths[c] = std::max(widths[c], Width(cell(r, c)));
  }
  std::string text;
  for (size_t r = 0; r < rows.size(); ++r) {
    std::string line;
    for (size_t c = 0; c < columns; ++c) {
      if (c > 0) line += "  ";
      if (right[c]) line.append(widths[c] - Width(cell(r, c)), ' ');
      line += right[c] ? std::string(cell(r, c)) : PadTo(cell(r, c), widths[c]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

std::string Fields(const std::vector<std::pair<std::string, std::string>>& fields) {
  int widest = 0;
  for (const auto& [label, value] : fields) widest = std::max(widest, Width(label));
  std::string text;
  for (const auto& [label, value] : fields) {
    absl::StrAppend(&text, "  ", PadTo(label, widest), "  ", Clean(value), "\n");
  }
  return text;
}

std::string_view Closest(std::string_view word, std::span<const std::string_view> candidates) {
  std::string_view best;
  // At most one edit in words below four letters, two below eight, else three.
  int limit = word.size() < 4 ? 1 : word.size() < 8 ? 2 : 3;
  for (const std::string_view candidate : candidates) {
    const int distance = EditDistance(word, candidate);
    if (distance <= limit) {
      best = candidate;
      limit = distance - 1;
    }
  }
  return best;
}

std::string Unknown(std::string_view what, std::string_view word,
                    std::span<const std::string_view> candidates) {
  auto append = [](std::string* out, std::string_view item) { out->append(item); };
  std::string text = absl::StrFormat("unknown %s '%s'; expected one of %s", what, word,
                                     absl::StrJoin(candidates, ", ", append));
  const std::string_view meant = Closest(word, candidates);
  if (!meant.empty()) absl::StrAppendFormat(&text, "; did you mean %s?", meant);
  return text;
}

bool IsTerminal(std::FILE* stream) {
  const char* term = std::getenv("TERM");
  return isatty(fileno(stream)) && term != nullptr && std::string_view(term) != "dumb";
}

std::string Bold(std::string_view text, std::FILE* stream) {
  const char* no_color = std::getenv("NO_COLOR");  // no-color.org: any non-empty value
  const bool plain = !IsTerminal(stream) || (no_color != nullptr && *no_color != '\0');
  return plain ? Clean(text) : absl::StrFormat("\033[1m%s\033[0m", Clean(text));
}

}  // namespace jitattn::cli
