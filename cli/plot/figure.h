// A picture before it is drawn: panels with axes and series in data coordinates, words, and the
// table of the numbers behind it. Knows no program that draws.

#ifndef JITATTN_CLI_PLOT_FIGURE_H_
#define JITATTN_CLI_PLOT_FIGURE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace jitattn::cli {

struct Tick {
  double at = 0;
  std::string label;
};

struct Axis {
  std::string label;        // with its unit
  bool log = false;         // then from and to are above 0
  double from = 0, to = 1;  // from > to: the axis runs the other way, as lists are read
  std::vector<Tick> ticks;  // all there are
  bool grid = true;
  bool line = true;      // the axis itself
  bool upright = false;  // labels of a horizontal axis turned by a right angle
};

// How a series looks. Colour, dashes and marker differ together, so that none alone has to be seen.
struct Look {
  uint32_t color = 0x4d4d4d;
  int dash = 0;     // index into the dashes of palette.h; 0 is solid
  int marker = -1;  // index into its markers; −1: none
  double width = 1.6;
  double size = 0.75;  // of a marker
  double opacity = 1;
};

enum class Mark {
  kLine,      // x, y; a NaN interrupts it
  kSteps,     // x, y: y stays until the next x
  kPoints,    // x, y
  kBand,      // x, y … y2
  kSegments,  // (x, y) – (x2, y2)
  kBoxes,     // x … x2, y … y2, filled; of one colour each where `colors` is given
};

struct Series {
  std::string name;  // in the legend; empty: not there
  Mark mark = Mark::kLine;
  Look look;
  std::vector<double> x, y, x2, y2;
  std::vector<uint32_t> colors;  // of kBoxes
  int marker_every = 1;          // of kLine with a marker
};

// Words inside a panel.
struct Note {
  enum class Anchor { kLeft, kCentre, kRight };
  double x = 0, y = 0;
  std::string text;
  Anchor anchor = Anchor::kLeft;
  double dx = 0, dy = 0;  // pixels right and down
  uint32_t color = 0x1a1a1a;
};

struct Panel {
  std::string title;
  Axis x, y;
  std::vector<Series> series;
  std::vector<Note> notes;
  double width = 420, height = 260;  // of the area inside the axes, pixels
  int row = 0, column = 0;           // place in the figure
};

// Columns and cells of text. Columns whose heading begins with '>' hold numbers.
struct FigureTable {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
};

struct Figure {
  std::string name;  // of its file: letters, digits, '-'
  std::string title;
  std::string caption;  // what is drawn and how it was computed; wrapped
  std::vector<Panel> panels;
  std::string legend_title;
  FigureTable table;
};

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_PLOT_FIGURE_H_
