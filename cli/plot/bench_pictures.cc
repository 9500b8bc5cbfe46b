// Rows of `jitattn bench` and `jitattn roofline`: under the roof, against floors, their samples.

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/plot/axes.h"
#include "cli/plot/palette.h"
#include "cli/plot/pictures.h"
#include "cli/plot/words.h"

namespace jitattn::cli {
namespace {

std::string Percent(double fraction) { return absl::StrFormat("%.3g %%", 100 * fraction); }

std::string RoofName(const std::string& op, const std::string& dtype, const std::string& isa,
                     int threads) {
  return absl::StrFormat("%s %s, %s, %d %s", op, dtype, isa, threads,
                         threads == 1 ? "thread" : "threads");
}
std::string RoofName(const BenchEntry& entry) {
  return RoofName(entry.op, entry.dtype, entry.isa, entry.threads);
}

std::string Label(const BenchEntry& entry) {
  std::string label = entry.describe.empty() ? entry.name : entry.describe;
  if (entry.threads > 0) absl::StrAppend(&label, ", ", entry.threads, " thr");
  if (!entry.asked.empty() && entry.asked != "tuned") absl::StrAppend(&label, ", ", entry.asked);
  return label;
}

// Beside a title that names operation, type and threads.
std::string ShortLabel(const BenchEntry& entry) {
  std::string label = entry.describe.empty() ? entry.name : entry.describe;
  const std::string known = absl::StrCat(entry.op, " ", entry.dtype, " ");
  if (label.starts_with(known)) label.erase(0, known.size());
  if (!entry.asked.empty() && entry.asked != "tuned") absl::StrAppend(&label, ", ", entry.asked);
  return label;
}

// Roofs that were measured; of groups of rows that have none, the FMA rate, if a row
// tells it: bandwidths in rows are of as large a buffer each, and no one roof.
std::vector<Roof> RoofsOf(Sources sources) {
  std::vector<Roof> roofs;
  std::vector<std::string> names;
  for (const Source& source : sources) {
    for (const Roof& roof : source.roofs) {
      const std::string name = RoofName(roof.op, roof.dtype, roof.isa, roof.threads);
      if (std::find(names.begin(), names.end(), name) != names.end()) continue;
      names.push_back(name);
      roofs.push_back(roof);
    }
  }
  const size_t measured = names.size();
  for (const Source& source : sources) {
    for (const BenchEntry& entry : source.bench) {
      if (!entry.peak || !entry.gflops || !entry.gbytes_per_s) continue;
      const size_t at = IndexOf(&names, RoofName(entry));
      if (at < measured) continue;
      if (at == roofs.size()) {
        roofs.push_back({entry.op, entry.dtype, entry.isa, entry.threads, 0, {}});
      }
      if (entry.bound == "fma") roofs[at].fma_gflops = std::max(roofs[at].fma_gflops, *entry.peak);
    }
  }
  return roofs;
}

double Quantile(const std::vector<double>& sorted, double q) {
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<size_t>(at);
  const size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (at - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

// A strip of samples a row, with minimum, median and 95th percentile.
struct Strip {
  std::string name;
  std::vector<double> samples;
};

Figure StripsFigure(std::vector<Strip> strips) {
  Figure figure;
  figure.table.columns = {"of", ">samples", ">minimum", ">median", ">95th percentile", ">greatest"};
  Panel panel;
  Series samples{.name = "sample",
                 .mark = Mark::kPoints,
                 .look = {.color = kSky, .marker = 0, .size = 0.45, .opacity = 0.6}};
  Series least{.name = "minimum", .mark = Mark::kPoints, .look = {.color = kBlue, .marker = 3}};
  Series median{
      .name = "median", .mark = Mark::kPoints, .look = {.color = kVermilion, .marker = 4}};
  Series high{.name = "95th percentile",
              .mark = Mark::kPoints,
              .look = {.color = kGreen, .marker = 1, .size = 0.6}};
  Series span{.mark = Mark::kSegments, .look = {.color = 0xb0b0b0, .width = 1.2}};
  Extent times;
  std::vector<std::string> names;
  for (Strip& strip : strips) {
    std::vector<double>& sorted = strip.samples;
    std::sort(sorted.begin(), sorted.end());
    names.push_back(Fit(strip.name, 330, 11));
    const auto y = static_cast<double>(names.size());
    const double q50 = Quantile(sorted, 0.5), q95 = Quantile(sorted, 0.95);
    for (size_t i = 0; i < sorted.size(); ++i) {
      // Set apart in a fixed pattern, so that equal samples are seen as many.
      samples.x.push_back(sorted[i]);
      samples.y.push_back(y + 0.16 * (static_cast<double>(i % 3) - 1));
      times.AddPositive(sorted[i]);
    }
    span.x.push_back(sorted.front()), span.x2.push_back(q95);
    span.y.push_back(y), span.y2.push_back(y);
    least.x.push_back(sorted.front()), least.y.push_back(y);
    median.x.push_back(q50), median.y.push_back(y);
    high.x.push_back(q95), high.y.push_back(y);
    figure.table.rows.push_back({strip.name, absl::StrCat(sorted.size()),
                                 SecondsWord(sorted.front()), SecondsWord(q50), SecondsWord(q95),
                                 SecondsWord(sorted.back())});
  }
  panel.y = NameAxis(names, true);
  panel.x = LogAxis("time of a sample", times, SecondsWord);
  panel.width = 420;
  panel.height = std::max(60.0, 21.0 * static_cast<double>(names.size()));
  panel.series = {span, samples, least, median, high};
  figure.panels = {std::move(panel)};
  return figure;
}

// The fastest points, and how far all samples lie above the minimum of their point.
Figure RecordedSamples(const Source& source) {
  constexpr size_t kShown = 20;
  const search::Recording& recording = *source.recording;
  const search::Space& space = recording.space;
  std::vector<int> ranks;
  std::vector<double> above;
  for (int rank = 0; rank < space.size(); ++rank) {
    const search::RecordedPoint& point = recording.points[rank];
    if (point.failed() || point.samples.size() < 2) continue;
    const double least = *std::min_element(point.samples.begin(), point.samples.end());
    if (least <= 0) continue;
    ranks.push_back(rank);
    for (double sample : point.samples) above.push_back(sample / least);
  }
  if (ranks.empty()) return {};
  std::stable_sort(ranks.begin(), ranks.end(), [&](int a, int b) {
    return recording.points[a].cost < recording.points[b].cost;
  });
  const size_t all = ranks.size();
  ranks.resize(std::min(ranks.size(), kShown));
  std::vector<Strip> strips;
  auto varies = [&](int p) {
    return std::any_of(ranks.begin(), ranks.end(),
                       [&](int rank) { return space.Row(rank)[p] != space.Row(ranks[0])[p]; });
  };
  for (int rank : ranks) {
    std::string name;
    for (int p = 0; p < space.dimensions(); ++p) {
      const search::Parameter& parameter = space.parameters()[p];
      if (ranks.size() > 1 && !varies(p)) continue;  // in the others too
      absl::StrAppend(&name, name.empty() ? "" : " ", parameter.name, "=",
                      ValueLabel(parameter, space.Row(rank)[p]));
    }
    strips.push_back({name, recording.points[rank].samples});
  }
  Figure figure = StripsFigure(std::move(strips));
  const std::string stem = FileStem(source.path);
  figure.name = absl::StrCat("samples-", Slug(stem));
  figure.title = absl::StrCat("Samples: ", stem);
  figure.caption = absl::StrCat("Left: the ", ranks.size(), " fastest of ", all,
                                " points, named by what differs among them. Right: share of all "
                                "samples that are at most so many times the "
                                "minimum of their point (empirical distribution).");
  std::sort(above.begin(), above.end());
  Panel panel{.title = "all points"};
  panel.column = 1;
  panel.width = 220, panel.height = figure.panels[0].height;
  Series ecdf{.mark = Mark::kSteps, .look = {.color = kBlue, .width = 1.8}};
  const size_t every = std::max<size_t>(1, above.size() / 1000);
  const double end = std::max(Quantile(above, 0.99), 1.001);
  for (size_t i = 0; i < above.size() && above[i] <= end; i += every) {
    ecdf.x.push_back(above[i]);
    ecdf.y.push_back(static_cast<double>(i + 1) / static_cast<double>(above.size()));
  }
  panel.x = LinearAxis("sample ÷ minimum, to the 99th percentile", {1, end}, NumberWord, 4);
  panel.x.from = 1;
  panel.x.ticks.erase(std::remove_if(panel.x.ticks.begin(), panel.x.ticks.end(),
                                     [](const Tick& tick) { return tick.at < 1; }),
                      panel.x.ticks.end());
  if (panel.x.ticks.empty() || panel.x.ticks[0].at > 1) {
    panel.x.ticks.insert(panel.x.ticks.begin(), {1, "1"});
  }
  panel.y = LinearAxis("share of the samples", {0, 1}, Percent);
  panel.series = {std::move(ecdf)};
  figure.panels.push_back(std::move(panel));
  return figure;
}

}  // namespace

std::vector<Figure> Rooflines(Sources sources) {
  std::vector<Figure> figures;
  for (const Roof& roof : RoofsOf(sources)) {
    const std::string name = RoofName(roof.op, roof.dtype, roof.isa, roof.threads);
    Figure figure{.name = absl::StrCat("roofline-", Slug(name)),
                  .title = absl::StrCat("Roofline: ", name)};
    figure.caption =
        "Operations of the formula a byte of operands read or written once; speed of the fastest "
        "sample. Kernels may exceed a level's roof whose data lie nearer.";
    figure.table.columns = {"problem", ">flop/byte", ">GFLOP/s", ">share of its limit"};
    Extent intensity, speed;
    std::vector<std::pair<std::string, std::pair<double, double>>> points;
    Series limits{.name = "limit of the problem",
                  .mark = Mark::kPoints,
                  .look = {.color = kInk, .marker = 8, .size = 0.7}};
    for (const Source& source : sources) {
      for (const BenchEntry& entry : source.bench) {
        if (RoofName(entry) != name || !entry.gflops || !entry.gbytes_per_s) continue;
        if (*entry.gbytes_per_s <= 0 || *entry.gflops <= 0) continue;
        const double x = *entry.gflops / *entry.gbytes_per_s;
        points.push_back({ShortLabel(entry), {x, *entry.gflops}});
        if (roof.levels.empty() && entry.fraction && *entry.fraction > 0) {
          limits.x.push_back(x), limits.y.push_back(*entry.gflops / *entry.fraction);
          speed.AddPositive(limits.y.back());
        }
        intensity.AddPositive(x);
        speed.AddPositive(*entry.gflops);
        figure.table.rows.push_back({Label(entry), absl::StrFormat("%.2f", x),
                                     absl::StrFormat("%.1f", *entry.gflops),
                                     entry.fraction ? Percent(*entry.fraction) : ""});
      }
    }
    // Without levels and FMA rate there are no roofs to stand under.
    if (points.empty() || (roof.levels.empty() && roof.fma_gflops <= 0)) continue;
    for (const auto& [level, rate] : roof.levels) {
      if (roof.fma_gflops > 0 && rate > 0) intensity.AddPositive(roof.fma_gflops / rate);
    }
    intensity.least /= 2, intensity.greatest *= 2;
    Panel panel;
    panel.width = 460, panel.height = 320;
    std::vector<std::string> names;
    int index = 0;
    for (const auto& [level, rate] : roof.levels) {
      if (rate <= 0) continue;
      Series line{.name = absl::StrFormat("%s, %.3g GB/s", level, rate),
                  .mark = Mark::kLine,
                  .look = {.color = 0x4d4d4d, .dash = index++, .width = 1.3}};
      const double ridge = roof.fma_gflops > 0 ? roof.fma_gflops / rate : intensity.greatest;
      line.x = {intensity.least, std::min(ridge, intensity.greatest)};
      line.y = {intensity.least * rate, std::min(ridge, intensity.greatest) * rate};
      speed.AddPositive(line.y[0]);
      panel.series.push_back(std::move(line));
    }
    if (roof.fma_gflops > 0) {
      Series flat{.name = absl::StrFormat("FMA, %.4g GFLOP/s", roof.fma_gflops),
                  .mark = Mark::kLine,
                  .look = {.color = kInk, .width = 2}};
      double from = intensity.greatest;
      for (const auto& [level, rate] : roof.levels) {
        if (rate > 0) from = std::min(from, roof.fma_gflops / rate);
      }
      if (roof.levels.empty()) from = intensity.least;
      flat.x = {from, intensity.greatest};
      flat.y = {roof.fma_gflops, roof.fma_gflops};
      speed.AddPositive(roof.fma_gflops);
      panel.series.push_back(std::move(flat));
    }
    if (!limits.x.empty()) panel.series.push_back(std::move(limits));
    constexpr size_t kNamed = 14;  // more entries make a list of the legend
    index = 0;
    for (const auto& [label, at] : points) {
      Series point{.name = points.size() <= kNamed ? label : "problem",
                   .mark = Mark::kPoints,
                   .look = points.size() <= kNamed ? LookOf(index) : LookOf(0)};
      ++index;
      point.look.size = 1.1;
      point.x = {at.first}, point.y = {at.second};
      panel.series.push_back(std::move(point));
    }
    speed.greatest *= 1.5;
    panel.x = LogAxis("flop/byte", intensity, NumberWord);
    panel.y = LogAxis("GFLOP/s", speed, NumberWord);
    figure.panels = {std::move(panel)};
    figures.push_back(std::move(figure));
  }
  return figures;
}

std::vector<Figure> Fractions(Sources sources) {
  std::vector<Figure> figures;
  constexpr size_t kMostRows = 48;
  for (const Source& source : sources) {
    Figure figure{.title = absl::StrCat("Share of the machine's limit: ", FileStem(source.path))};
    figure.name = absl::StrCat("fraction-", Slug(FileStem(source.path)));
    figure.caption =
        "Time that the binding limit alone allows ÷ fastest sample. Floor and aim of "
        "this kind of CPU, where there are any.";
    figure.table.columns = {"problem", "limit", ">share", ">floor", ">aim"};
    Panel panel;
    Series fma{.name = "FMA bound", .mark = Mark::kBoxes, .look = {.color = kBlue}};
    Series memory{.name = "memory bound", .mark = Mark::kBoxes, .look = {.color = kOrange}};
    Series floors{.name = "floor", .mark = Mark::kSegments, .look = {.color = kInk, .width = 2.2}};
    Series aims{
        .name = "aim", .mark = Mark::kSegments, .look = {.color = kInk, .dash = 2, .width = 2.2}};
    std::vector<std::string> names;
    double most = 1;
    size_t all = 0;
    for (const BenchEntry& entry : source.bench) {
      if (!entry.fraction) continue;
      ++all;
      const bool of = entry.floor_of == "fraction";
      if (figure.table.rows.size() < kMostTableRows) {
        figure.table.rows.push_back({Label(entry), entry.bound,
                                     absl::StrFormat("%.3f", *entry.fraction),
                                     of && entry.floor ? NumberWord(*entry.floor) : "",
                                     of && entry.aim ? NumberWord(*entry.aim) : ""});
      }
      if (names.size() >= kMostRows) continue;
      names.push_back(Fit(Label(entry), 330, 11));
      const auto y = static_cast<double>(names.size());
      Series& bars = entry.bound == "memory" ? memory : fma;
      bars.x.push_back(0), bars.x2.push_back(*entry.fraction);
      bars.y.push_back(y - 0.3), bars.y2.push_back(y + 0.3);
      most = std::max(most, *entry.fraction);
      auto line = [&](Series* series, double at) {
        series->x.push_back(at), series->x2.push_back(at);
        series->y.push_back(y - 0.42), series->y2.push_back(y + 0.42);
        most = std::max(most, at);
      };
      if (of && entry.floor) line(&floors, *entry.floor);
      if (of && entry.aim) line(&aims, *entry.aim);
    }
    if (names.empty()) continue;
    if (all > names.size()) {
      absl::StrAppend(&figure.caption, " The first ", names.size(), " of ", all, " rows.");
    }
    panel.y = NameAxis(names, true);
    panel.x = ZeroAxis("share of the limit", most, Percent);
    panel.width = 360;
    panel.height = std::max(60.0, 20.0 * static_cast<double>(names.size()));
    for (Series* series : {&fma, &memory, &floors, &aims}) {
      if (!series->x.empty()) panel.series.push_back(std::move(*series));
    }
    figure.panels = {std::move(panel)};
    figures.push_back(std::move(figure));
  }
  return figures;
}

std::vector<Figure> SampleSpread(Sources sources) {
  constexpr size_t kMostStrips = 40;
  std::vector<Figure> figures;
  for (const Source& source : sources) {
    if (source.recording) {
      Figure figure = RecordedSamples(source);
      if (!figure.panels.empty()) figures.push_back(std::move(figure));
    }
    std::vector<Strip> strips;
    size_t all = 0;
    for (const BenchEntry& entry : source.bench) {
      Strip strip{Label(entry), {}};
      for (double time : entry.times) {
        if (time > 0 && std::isfinite(time)) strip.samples.push_back(time);
      }
      if (strip.samples.empty()) continue;
      if (++all <= kMostStrips) strips.push_back(std::move(strip));
    }
    if (strips.empty()) continue;
    Figure figure = StripsFigure(std::move(strips));
    figure.name = absl::StrCat("samples-", Slug(FileStem(source.path)));
    figure.title = absl::StrCat("Samples of each problem: ", FileStem(source.path));
    figure.caption = "Every sample that was timed.";
    if (all > kMostStrips) {
      absl::StrAppend(&figure.caption, " The first ", kMostStrips, " of ", all, " rows.");
    }
    figures.push_back(std::move(figure));
  }
  return figures;
}

}  // namespace jitattn::cli
