// Drawing a roofline.

#include "lab/roofline_chart.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace jitattn::lab {
namespace {

constexpr int kLabelWidth = 8;  // "  118.2 "

// A logarithmic axis: maps a value to a position.
class Axis {
 public:
  Axis(double low, double high, int places)
      : low_(std::log2(low)), step_((std::log2(high) - std::log2(low)) / (places - 1)) {}

  int Place(double value) const {
    return static_cast<int>(std::lround((std::log2(value) - low_) / step_));
  }
  double Value(int place) const { return std::exp2(low_ + step_ * place); }

 private:
  double low_, step_;
};

class Canvas {
 public:
  Canvas(int width, int height) : rows_(height, std::string(width, ' ')) {}

  // Row 0 is the lowest.
  void Put(int x, int y, char c) {
    if (x < 0 || y < 0 || y >= height() || x >= static_cast<int>(rows_[0].size())) return;
    rows_[y][x] = c;
  }
  int height() const { return static_cast<int>(rows_.size()); }
  const std::string& row(int y) const { return rows_[y]; }

 private:
  std::vector<std::string> rows_;
};

std::string Short(double value) {
  return absl::StrFormat("%.*f", value < 10 ? 2 : value < 100 ? 1 : 0, value);
}

}  // namespace

std::string RooflineChart(const Roof& roof, std::span<const ChartPoint> points, int width,
                          int height) {
  // The axes span all points and ridges, between powers of two.
  double left = roof.Ridge(Level::kL1), right = roof.Ridge(Level::kMemory);
  double lowest = roof.fma / 16;
  for (const ChartPoint& point : points) {
    left = std::min(left, point.intensity);
    right = std::max(right, point.intensity);
    lowest = std::min(lowest, point.rate);
  }
  left = std::exp2(std::floor(std::log2(left)) - 1);
  right = std::exp2(std::ceil(std::log2(right)) + 1);
  const Axis x(left, right, width),
      y(std::exp2(std::floor(std::log2(lowest))), roof.fma * 1.2, height);
  Canvas canvas(width, height);
  for (int column = 0; column < width; ++column) {
    const double intensity = x.Value(column);
    for (const double bandwidth : roof.bandwidth) {
      const double rate = bandwidth * intensity;
      if (rate < roof.fma) canvas.Put(column, y.Place(rate), '/');
    }
    if (intensity >= roof.Ridge(Level::kL1)) canvas.Put(column, y.Place(roof.fma), '-');
  }
  for (const ChartPoint& point : points) {
    canvas.Put(x.Place(point.intensity), y.Place(point.rate), point.mark);
  }

  std::string text = "GFLOP/s\n";
  for (int row = height - 1; row >= 0; --row) {
    const bool labelled = row == y.Place(roof.fma) || row == 0 || row == height / 2;
    const double value = row == y.Place(roof.fma) ? roof.fma : y.Value(row);
    std::string line = absl::StrFormat("%*s |%s", kLabelWidth, labelled ? Short(value * 1e-9) : "",
                                       canvas.row(row));
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&text, line, "\n");
  }
  absl::StrAppend(&text, std::string(kLabelWidth + 1, ' '), "+", std::string(width, '-'), "\n");
  std::string ticks(kLabelWidth + 2 + width, ' ');
  size_t free_from = 0;
  for (double value = left; value <= right; value *= 2) {
    const size_t place = static_cast<size_t>(kLabelWidth + 2 + x.Place(value));
    const std::string label = absl::StrFormat("%g", value);
    if (place < free_from || place + label.size() > ticks.size()) continue;
    ticks.replace(place, label.size(), label);
    free_from = place + label.size() + 2;
  }
  ticks.erase(ticks.find_last_not_of(' ') + 1);
  return absl::StrCat(text, ticks, "  flop/byte\n");
}

}  // namespace jitattn::lab
