// Ranges and ticks that fit the numbers.

#ifndef JITATTN_CLI_PLOT_AXES_H_
#define JITATTN_CLI_PLOT_AXES_H_

#include <functional>
#include <limits>
#include <string>

#include "cli/plot/figure.h"

namespace jitattn::cli {

using Word = std::function<std::string(double)>;

// The least and greatest of what was added; numbers that are not finite are passed over.
struct Extent {
  double least = std::numeric_limits<double>::infinity();
  double greatest = -std::numeric_limits<double>::infinity();

  void Add(double value);
  void AddPositive(double value);  // on a log axis there is nothing else
  bool empty() const { return least > greatest; }
};

// Round steps of 1, 2 or 5; the range ends on a tick where `tight` is false, else just beyond the
// numbers. One number alone, or none, still gives a range.
Axis LinearAxis(std::string label, Extent extent, const Word& word, int ticks = 6,
                bool tight = false);
// From 0.
Axis ZeroAxis(std::string label, double greatest, const Word& word, int ticks = 6);
// Decades; with 2 and 5 between, or linear steps, where there are few.
Axis LogAxis(std::string label, Extent extent, const Word& word);
// Powers of two; the numbers themselves where they span less than two octaves. `most`: labels.
Axis PowerOfTwoAxis(std::string label, Extent extent, int most = 9);
// Whole numbers 1 … n with the names in order, read downwards (a vertical axis) or along.
Axis NameAxis(const std::vector<std::string>& names, bool downwards);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_PLOT_AXES_H_
