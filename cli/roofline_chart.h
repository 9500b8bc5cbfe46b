// A roofline drawn with characters: operations a byte to the right, operations a second upwards,
// both by ratio.

#ifndef JITATTN_CLI_ROOFLINE_CHART_H_
#define JITATTN_CLI_ROOFLINE_CHART_H_

#include <span>
#include <string>
#include <vector>

#include "runtime/bench_roofline.h"

namespace jitattn::cli {

struct ChartPoint {
  char mark;         // 'a', 'b', …
  double intensity;  // flop a byte
  double rate;       // flop/s
};

// Roofs of the four levels as slopes of '/', FMA as a line of '-', the points over them.
std::string RooflineChart(const runtime::Roof& roof, std::span<const ChartPoint> points, int width,
                          int height);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_ROOFLINE_CHART_H_
