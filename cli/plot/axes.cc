// Steps of 1, 2, 5 and powers.

#include "cli/plot/axes.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "cli/plot/words.h"

namespace jitattn::cli {
namespace {

double NiceStep(double span, int ticks) {
  const double rough = span / std::max(ticks - 1, 1);
  const double decade = std::pow(10, std::floor(std::log10(rough)));
  for (double step : {1.0, 2.0, 5.0}) {
    if (step * decade >= rough * 0.999) return step * decade;
  }
  return 10 * decade;
}

// A range around a single number, or [0, 1] without any.
Extent Opened(Extent extent) {
  if (extent.empty()) return {0, 1};
  const double span = extent.greatest - extent.least,
               size = std::max(std::abs(extent.least), std::abs(extent.greatest));
  if (span > 1e-9 * size) return extent;
  const double half = size > 0 ? 0.05 * size : 1;
  return {extent.least - half, extent.greatest + half};
}

void AddTicks(double step, const Word& word, Axis* axis) {
  // In whole multiples of the step, so that 0.3 is not 0.30000000000000004.
  const double slack = 1e-6;
  for (double i = std::ceil(axis->from / step - slack); i <= axis->to / step + slack; ++i) {
    const double at = i == 0 ? 0 : i * step;  // ceil gives −0
    axis->ticks.push_back({at, word(at)});
  }
}

}  // namespace

void Extent::Add(double value) {
  if (!std::isfinite(value)) return;
  least = std::min(least, value);
  greatest = std::max(greatest, value);
}

void Extent::AddPositive(double value) {
  if (value > 0) Add(value);
}

Axis LinearAxis(std::string label, Extent extent, const Word& word, int ticks, bool tight) {
  const Extent open = Opened(extent);
  const double step = NiceStep(open.greatest - open.least, ticks);
  Axis axis{.label = std::move(label)};
  const double margin = 0.03 * (open.greatest - open.least);
  axis.from = tight ? open.least - margin : std::floor(open.least / step + 1e-9) * step;
  axis.to = tight ? open.greatest + margin : std::ceil(open.greatest / step - 1e-9) * step;
  AddTicks(step, word, &axis);
  return axis;
}

Axis ZeroAxis(std::string label, double greatest, const Word& word, int ticks) {
  const double end = greatest > 0 ? greatest : 1;
  Axis axis = LinearAxis(std::move(label), {0, end}, word, ticks, /*tight=*/true);
  axis.from = 0;
  return axis;
}

Axis LogAxis(std::string label, Extent extent, const Word& word) {
  if (extent.empty()) extent = {1, 10};
  Axis axis{.label = std::move(label), .log = true};
  // Room beside the outermost numbers; at least an octave in all.
  const double margin = std::min(std::pow(extent.greatest / extent.least, 0.04), 10.0);
  axis.from = extent.least / margin;
  axis.to = extent.greatest * margin;
  if (axis.to / axis.from < 1.1) {
    const double middle = std::sqrt(axis.from * axis.to);
    axis.from = middle / 1.1, axis.to = middle * 1.1;
  }
  const double decades = std::log10(axis.to) - std::log10(axis.from);
  if (decades < 0.6) {
    AddTicks(NiceStep(axis.to - axis.from, 5), word, &axis);
    return axis;
  }
  const int every = std::max(1, static_cast<int>(std::ceil(decades / 8)));
  for (int d = static_cast<int>(std::floor(std::log10(axis.from))) - 1; std::pow(10, d) <= axis.to;
       ++d) {
    if (d % every != 0) continue;
    for (double step : {1.0, 2.0, 5.0}) {
      if (step != 1 && decades > 2.5) continue;
      const double at = step * std::pow(10, d);
      if (at >= axis.from * 0.9999 && at <= axis.to * 1.0001) axis.ticks.push_back({at, word(at)});
    }
  }
  return axis;
}

Axis PowerOfTwoAxis(std::string label, Extent extent, int most) {
  if (extent.empty()) extent = {1, 2};
  Axis axis{.label = std::move(label), .log = true};
  const double octaves = std::log2(extent.greatest / extent.least);
  const double margin = std::exp2(std::max(octaves * 0.04, 0.15));
  axis.from = extent.least / margin;
  axis.to = extent.greatest * margin;
  if (octaves < 1) {
    for (double at : std::set<double>{extent.least, extent.greatest}) {
      axis.ticks.push_back({at, CountWord(at)});
    }
    if (octaves < 0.25) axis.ticks.resize(1);  // two labels would touch
    return axis;
  }
  const int every = std::max(1, static_cast<int>(std::ceil(octaves / most)));
  for (int power = static_cast<int>(std::ceil(std::log2(axis.from) - 1e-9));
       std::exp2(power) <= axis.to * 1.0001; ++power) {
    if (((power % every) + every) % every != 0) continue;
    axis.ticks.push_back({std::exp2(power), CountWord(std::exp2(power))});
  }
  return axis;
}

Axis NameAxis(const std::vector<std::string>& names, bool downwards) {
  const auto count = static_cast<double>(names.size());
  Axis axis{.from = 0.4, .to = count + 0.6, .grid = false};
  if (downwards) std::swap(axis.from, axis.to);
  for (size_t i = 0; i < names.size(); ++i) {
    axis.ticks.push_back({static_cast<double>(i + 1), names[i]});
  }
  return axis;
}

}  // namespace jitattn::cli
