// A roofline drawn with characters: operations per byte to the right, operations per second
// upwards, both logarithmic.

#ifndef JITATTN_LAB_ROOFLINE_CHART_H_
#define JITATTN_LAB_ROOFLINE_CHART_H_

#include <span>
#include <string>
#include <vector>

#include "lab/measuring/bench_roofline.h"

namespace jitattn::lab {

struct ChartPoint {
  char mark;         // 'a', 'b', …
  double intensity;  // flop a byte
  double rate;       // flop/s
};

// Draws the bandwidths of the four levels as slopes of '/', FMA as a line of '-', and the points.
std::string RooflineChart(const Roof& roof, std::span<const ChartPoint> points, int width,
                          int height);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_ROOFLINE_CHART_H_
