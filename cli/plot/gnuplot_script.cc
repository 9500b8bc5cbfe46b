// Titles, captions, axis labels and the legend are drawn first, on a canvas whose coordinates are
// pixels; then each panel inside margins given in pixels.

#include "cli/plot/gnuplot_script.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "cli/clean.h"
#include "cli/plot/layout.h"
#include "cli/plot/palette.h"
#include "cli/plot/words.h"

namespace jitattn::cli {
namespace {

std::string Color(uint32_t rgb, double opacity = 1) {
  const auto transparent = static_cast<uint32_t>(std::lround((1 - opacity) * 255));
  return transparent == 0 ? absl::StrFormat("rgb '#%06x'", rgb)
                          : absl::StrFormat("rgb '#%02x%06x'", transparent, rgb);
}

std::string Value(double value) {
  return std::isfinite(value) ? absl::StrFormat("%.9g", value) : "NaN";
}

std::string LineStyle(const Look& look) {
  return absl::StrFormat("lc %s lw %g dt %s", Color(look.color, look.opacity), look.width,
                         std::string(DashOf(look)));
}

std::string PointStyle(const Look& look) {
  return absl::StrFormat("pt %d ps %g", PointTypeOf(look), look.size);
}

class Writer {
 public:
  Writer(const Figure& figure, Format format) : figure_(figure), layout_(LayOut(figure)) {
    svg_ = format == Format::kSvg;
  }

  std::string Script(std::string_view output) {
    Head(output);
    Canvas();
    for (size_t i = 0; i < figure_.panels.size(); ++i) {
      DrawPanel(figure_.panels[i], layout_.panels[i]);
    }
    Add("unset multiplot\n");
    if (!output.empty()) Add("set output\n");
    return std::move(text_);
  }

 private:
  template <typename... Args>
  void Add(const absl::FormatSpec<Args...>& format, const Args&... args) {
    absl::StrAppendFormat(&text_, format, args...);
  }

  void Head(std::string_view output) {
    const PictureSize size = SizeOf(figure_);
    if (svg_) {
      Add("set terminal svg size %d,%d font 'sans,%g' noenhanced background '#ffffff'\n",
          size.width, size.height, kSmallSize);
    } else {
      // Points of three quarters of a pixel, and everything twice as large.
      Add("set terminal pngcairo size %d,%d font 'sans,%g' fontscale 2 linewidth 1.6 pointscale 2 "
          "noenhanced background '#ffffff'\n",
          2 * size.width, 2 * size.height, kSmallSize * 0.75);
    }
    if (!output.empty()) Add("set output %s\n", Quoted(output));
    Add("set encoding utf8\nset datafile missing 'NaN'\nunset key\nset multiplot\n");
  }

  void Margins(const Rect& r) {
    Add("set lmargin at screen %.6f\nset rmargin at screen %.6f\n"
        "set tmargin at screen %.6f\nset bmargin at screen %.6f\n",
        r.x / layout_.width, (r.x + r.width) / layout_.width, 1 - r.y / layout_.height,
        1 - (r.y + r.height) / layout_.height);
  }

  void Word(double x, double y, std::string_view text, std::string_view place, uint32_t color,
            double size, bool bold = false) {
    const double points = svg_ ? size : size * 0.75;
    Add("set label %s at %.2f,%.2f %s font 'sans%s,%g' textcolor %s\n", Quoted(text), x, y,
        std::string(place), bold ? ":Bold" : "", points, Color(color));
  }

  void Canvas() {
    Margins({0, 0, layout_.width, layout_.height});
    Add("unset border\nunset tics\nset xrange [0:%.2f]\nset yrange [%.2f:0]\n", layout_.width,
        layout_.height);
    for (size_t i = 0; i < layout_.title.size(); ++i) {
      Word(layout_.margin, layout_.title_y + i * kTitleLine, layout_.title[i], "left", kInk,
           kTitleSize, true);
    }
    for (size_t i = 0; i < layout_.caption.size(); ++i) {
      Word(layout_.margin, layout_.caption_y + i * kCaptionLine, layout_.caption[i], "left", kFaint,
           kSmallSize);
    }
    for (size_t i = 0; i < figure_.panels.size(); ++i) {
      const Panel& panel = figure_.panels[i];
      const Rect& r = layout_.panels[i];
      if (!panel.title.empty()) {
        Word(r.x, r.y - 12, Fit(panel.title, r.width + 20, kTextSize * 1.05), "left", kInk,
             kTextSize, true);
      }
      if (!panel.x.label.empty()) {
        Word(r.x + r.width / 2, layout_.label_y[i], panel.x.label, "center", kInk, kSmallSize);
      }
      if (!panel.y.label.empty()) {
        Word(layout_.label_x[i], r.y + r.height / 2, panel.y.label, "center rotate by 90", kInk,
             kSmallSize);
      }
    }
    Legend();
    Add("plot NaN\nunset label\n");
  }

  // Samples of lines and markers; boxes and bands as small rectangles.
  void Legend() {
    double y = layout_.legend_y;
    if (!figure_.legend_title.empty()) {
      Word(layout_.legend_x, y, figure_.legend_title, "left", kFaint, kSmallSize);
      y += kLegendLine;
    }
    const double x = layout_.legend_x, end = x + kLegendSample - 6;
    for (const LegendEntry& entry : layout_.legend) {
      for (const Series* series : entry.series) {
        const Look& look = series->look;
        const uint32_t color = series->colors.empty() ? look.color : series->colors.front();
        const bool area = series->mark == Mark::kBand || series->mark == Mark::kBoxes;
        if (area) {
          Add("set object rect from %.2f,%.2f to %.2f,%.2f fc %s fs solid noborder behind\n", x,
              y - 5, end, y + 5, Color(color, look.opacity));
        }
        if (series->mark == Mark::kLine || series->mark == Mark::kSteps ||
            series->mark == Mark::kSegments) {
          Add("set arrow from %.2f,%.2f to %.2f,%.2f nohead %s\n", x, y, end, y, LineStyle(look));
        }
        if (look.marker >= 0 && !area) {
          Add("set label '' at %.2f,%.2f point lc %s %s\n", (x + end) / 2, y, Color(look.color),
              PointStyle(look));
        }
      }
      Word(x + kLegendSample, y, entry.name, "left", kInk, kSmallSize);
      y += kLegendLine;
    }
  }

  void SetAxis(const char* name, const Axis& axis) {
    // The range first: a logarithm of the one before may not exist.
    Add("unset logscale %s\nset %srange [%.9g:%.9g]\n", name, name, axis.from, axis.to);
    if (axis.log) Add("set logscale %s\n", name);
    if (axis.ticks.empty()) {
      Add("unset %stics\n", name);
      return;
    }
    // gnuplot's SVG leaves more room between axis and label than its PNG.
    const bool across = name[0] == 'x';
    const char* offset = !svg_ || axis.upright ? "" : across ? " offset 0,0.55" : " offset 0.7,0";
    Add("set %stics out nomirror scale %g%s%s textcolor %s font 'sans,%g' (", name,
        axis.line ? 0.45 : 0, across && axis.upright ? " rotate by 90 right" : "", offset,
        Color(kInk), svg_ ? kSmallSize : kSmallSize * 0.75);
    for (size_t i = 0; i < axis.ticks.size(); ++i) {
      // A label's percent sign would format its position.
      Add("%s%s %.9g", i == 0 ? "" : ", ",
          Quoted(absl::StrReplaceAll(axis.ticks[i].label, {{"%", "%%"}})), axis.ticks[i].at);
    }
    Add(")\n");
    if (axis.grid) Add("set grid %stics back lt 1 lc %s lw 0.7\n", name, Color(kGrid));
  }

  void Data(size_t number, const Series& series) {
    Add("$s%d << EOD\n", number);
    for (size_t i = 0; i < series.x.size(); ++i) {
      const bool nothing = !std::isfinite(series.x[i]) || !std::isfinite(series.y[i]);
      if (nothing) {
        Add("\n");  // interrupts a line
        continue;
      }
      absl::StrAppend(&text_, Value(series.x[i]), " ", Value(series.y[i]));
      if (series.mark == Mark::kBand) absl::StrAppend(&text_, " ", Value(series.y2[i]));
      if (series.mark == Mark::kSegments) {
        absl::StrAppend(&text_, " ", Value(series.x2[i] - series.x[i]), " ",
                        Value(series.y2[i] - series.y[i]));
      }
      if (series.mark == Mark::kBoxes) {
        const uint32_t color = series.colors.empty() ? series.look.color : series.colors[i];
        absl::StrAppend(&text_, " ", Value(series.x2[i]), " ", Value(series.y2[i]), " ", color);
      }
      Add("\n");
    }
    Add("EOD\n");
  }

  std::string Plotted(size_t number, const Series& series) {
    const Look& look = series.look;
    const std::string data = absl::StrCat("$s", number);
    switch (series.mark) {
      case Mark::kLine:
        if (look.marker < 0) {
          return absl::StrCat(data, " using 1:2 with lines ", LineStyle(look));
        }
        return absl::StrFormat("%s using 1:2 with linespoints %s %s pi %d", data, LineStyle(look),
                               PointStyle(look), std::max(series.marker_every, 1));
      case Mark::kSteps:
        return absl::StrCat(data, " using 1:2 with steps ", LineStyle(look));
      case Mark::kPoints:
        return absl::StrFormat("%s using 1:2 with points lc %s %s", data,
                               Color(look.color, look.opacity), PointStyle(look));
      case Mark::kBand:
        return absl::StrFormat(
            "%s using 1:2:3 with filledcurves fs transparent solid %g noborder lc %s", data,
            look.opacity, Color(look.color));
      case Mark::kSegments:
        return absl::StrCat(data, " using 1:2:3:4 with vectors nohead ", LineStyle(look));
      case Mark::kBoxes:
        return absl::StrFormat(
            "%s using (($1+$3)/2):(($2+$4)/2):1:3:2:4:5 with boxxyerror fs solid noborder "
            "lc rgb variable",
            data);
    }
    return data;
  }

  void DrawPanel(const Panel& panel, const Rect& rect) {
    Margins(rect);
    Add("unset label\nunset arrow\nunset object\nunset grid\n");
    const int border = (panel.x.line ? 1 : 0) + (panel.y.line ? 2 : 0);
    if (border == 0) {
      Add("unset border\n");
    } else {
      Add("set border %d back lc %s lw 0.8\n", border, Color(kInk));
    }
    SetAxis("x", panel.x);
    SetAxis("y", panel.y);
    for (const Note& note : panel.notes) {
      const char* place = note.anchor == Note::Anchor::kLeft     ? "left"
                          : note.anchor == Note::Anchor::kCentre ? "center"
                                                                 : "right";
      // Pixels to gnuplot's screen coordinates.
      Add("set label %s at first %.9g,%.9g %s front font 'sans,%g' textcolor %s offset screen "
          "%.6f,%.6f\n",
          Quoted(note.text), note.x, note.y, place, svg_ ? kSmallSize - 1 : (kSmallSize - 1) * 0.75,
          Color(note.color), note.dx / layout_.width, -note.dy / layout_.height);
    }
    std::string plots;
    for (size_t i = 0; i < panel.series.size(); ++i) {
      if (panel.series[i].x.empty()) continue;
      Data(i, panel.series[i]);
      absl::StrAppend(&plots, plots.empty() ? "" : ", \\\n     ", Plotted(i, panel.series[i]));
    }
    Add("plot %s\n", plots.empty() ? "NaN" : plots);
  }

  const Figure& figure_;
  const Layout layout_;
  bool svg_ = true;
  std::string text_;
};

}  // namespace

PictureSize SizeOf(const Figure& figure) {
  const Layout layout = LayOut(figure);
  return {static_cast<int>(std::ceil(layout.width)), static_cast<int>(std::ceil(layout.height))};
}

std::string Quoted(std::string_view text) {
  // A doubled quote at the beginning would read as an empty string (gnuplot 5.4); so none is left.
  return absl::StrCat("'", absl::StrReplaceAll(Clean(text), {{"'", "’"}}), "'");
}

std::string GnuplotScript(const Figure& figure, Format format, std::string_view output) {
  return Writer(figure, format).Script(output);
}

}  // namespace jitattn::cli
