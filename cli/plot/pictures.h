// Which pictures there are, and what each is made of.

#ifndef JITATTN_CLI_PLOT_PICTURES_H_
#define JITATTN_CLI_PLOT_PICTURES_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/plot/figure.h"
#include "cli/plot/source.h"

namespace jitattn::cli {

using Sources = std::span<const Source>;

struct PictureKind {
  std::string_view name, what, from;
  std::vector<Figure> (*make)(Sources sources);
};
std::span<const PictureKind> PictureKinds();

// All figures that the files give, of the kinds named (empty: of all), their names distinct.
struct Picture {
  std::string_view kind;
  Figure figure;
};
std::vector<Picture> MakePictures(Sources sources, std::span<const std::string> kinds);

std::vector<Figure> Convergence(Sources sources);
std::vector<Figure> ConvergenceBySpace(Sources sources);
std::vector<Figure> TimeOverSize(Sources sources);
std::vector<Figure> SpeedupOverSize(Sources sources);
std::vector<Figure> ParameterPairs(Sources sources);
std::vector<Figure> ParameterImportance(Sources sources);
std::vector<Figure> Rooflines(Sources sources);
std::vector<Figure> Fractions(Sources sources);
std::vector<Figure> Variation(Sources sources);
std::vector<Figure> SampleSpread(Sources sources);
std::vector<Figure> Regrets(Sources sources);
std::vector<Figure> Wins(Sources sources);
std::vector<Figure> Scores(Sources sources);

// A recorded space, or what a tuning saw of one.
struct SeenSpace {
  std::string name;  // for people
  std::string slug;  // for files
  std::string device;
  search::Recording recording;
};
std::vector<SeenSpace> SeenSpaces(Sources sources);
std::string ValueLabel(const search::Parameter& parameter, int index);

// "3 of 12 rows": where a table would be too long for a page.
inline constexpr size_t kMostTableRows = 400;

// In the order in which they first appear.
int IndexOf(std::vector<std::string>* names, const std::string& name);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_PLOT_PICTURES_H_
