// The list of kinds, and what several of them share.

#include "cli/plot/pictures.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "cli/plot/words.h"

namespace jitattn::cli {
namespace {

constexpr PictureKind kKinds[] = {
    {"convergence", "how strategies come nearer to the optimum, with the spread of their runs",
     "replay --curves, tune --csv", Convergence},
    {"spaces", "how strategies come nearer to the optimum of each space", "replay --curves",
     ConvergenceBySpace},
    {"time", "time over size, a line a method", "compare --csv", TimeOverSize},
    {"speedup", "speed-up over the baseline, over size", "compare --csv", SpeedupOverSize},
    {"pairs", "the space through pairs of parameters: best and median of each cell",
     "recorded spaces, tune --csv", ParameterPairs},
    {"importance", "share of the variance of log time that each parameter explains",
     "recorded spaces, tune --csv", ParameterImportance},
    {"roofline", "kernels under the limits of the machine", "roofline --json, bench --json",
     Rooflines},
    {"fraction", "share of the machine's limit that each problem reaches, with floors and aims",
     "bench --json, bench --csv, roofline --json", Fractions},
    {"cv", "coefficient of variation by method and size, or by evaluation",
     "compare --csv, tune --csv, recorded spaces", Variation},
    {"samples", "distribution of samples with minimum, median and 95th percentile",
     "recorded spaces, bench --json", SampleSpread},
    {"regret", "distance from the optimum at each budget", "compare --strategies, replay", Regrets},
    {"wins", "wins, ties and losses of each strategy", "compare --strategies, replay --json", Wins},
    {"score", "score of each strategy on each space", "replay --csv, replay --json", Scores},
};

}  // namespace

std::span<const PictureKind> PictureKinds() { return kKinds; }

std::vector<Picture> MakePictures(Sources sources, std::span<const std::string> kinds) {
  std::vector<Picture> pictures;
  std::set<std::string> names;
  for (const PictureKind& kind : kKinds) {
    if (!kinds.empty() && std::find(kinds.begin(), kinds.end(), kind.name) == kinds.end()) continue;
    for (Figure& figure : kind.make(sources)) {
      std::string name = figure.name;
      for (int i = 2; !names.insert(name).second; ++i) name = absl::StrCat(figure.name, "-", i);
      figure.name = name;
      pictures.push_back({kind.name, std::move(figure)});
    }
  }
  return pictures;
}

std::vector<SeenSpace> SeenSpaces(Sources sources) {
  std::vector<SeenSpace> spaces;
  for (const Source& source : sources) {
    if (source.recording) {
      spaces.push_back({FileStem(source.path), Slug(FileStem(source.path)),
                        source.recording->device, *source.recording});
    }
    for (const TuningRun& run : source.runs) {
      auto recording = RecordingOf(run);
      if (!recording.ok()) continue;  // one configuration: there is no space to see
      std::string name = absl::StrCat(run.problem, ", ", run.strategy);
      if (!run.seed.empty()) absl::StrAppend(&name, ", seed ", run.seed);
      spaces.push_back({name, Slug(name), "", *std::move(recording)});
    }
  }
  return spaces;
}

std::string ValueLabel(const search::Parameter& parameter, int index) {
  return parameter.labels.empty() ? NumberWord(parameter.values[index]) : parameter.labels[index];
}

int IndexOf(std::vector<std::string>* names, const std::string& name) {
  const auto it = std::find(names->begin(), names->end(), name);
  if (it != names->end()) return static_cast<int>(it - names->begin());
  names->push_back(name);
  return static_cast<int>(names->size()) - 1;
}

}  // namespace jitattn::cli
