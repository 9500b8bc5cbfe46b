// Tables of `jitattn replay`.

#include "lab/replay_report.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/csv.h"
#include "cli/text.h"
#include "search/strategy.h"

namespace jitattn::lab {
namespace {

using Rows = std::vector<std::vector<std::string>>;

int FailedOf(const Recording& recording) {
  return static_cast<int>(std::count_if(recording.points.begin(), recording.points.end(),
                                        [](const auto& point) { return point.failed(); }));
}

int ScoreDrawsOf(const Replayed& replayed, const ReplaySpace& space) {
  return ScoreDraws(space, *std::max_element(replayed.budgets.begin(), replayed.budgets.end()));
}

// Returns the file names if they are distinct, else the paths as given.
std::vector<std::string> ShortNames(const std::vector<std::string>& paths) {
  std::vector<std::string> names;
  for (const std::string& path : paths) names.push_back(std::filesystem::path(path).filename());
  const std::set<std::string> distinct(names.begin(), names.end());
  return distinct.size() == names.size() ? names : paths;
}

std::string FilesText(const Replayed& replayed) {
  const std::vector<std::string> names = ShortNames(replayed.paths);
  Rows rows = {{"FILE", ">POINTS", ">FAILED", ">OPTIMUM", ">MEDIAN", ">SCORED TO"}};
  for (size_t s = 0; s < replayed.spaces.size(); ++s) {
    const ReplaySpace& space = replayed.spaces[s];
    rows.push_back({names[s], absl::StrCat(space.recording().points.size()),
                    absl::StrCat(FailedOf(space.recording())), cli::Seconds(space.optimum()),
                    absl::StrFormat("×%.2f", space.median() / space.optimum()),
                    absl::StrFormat("%d draws", ScoreDrawsOf(replayed, space))});
  }
  return cli::Table(rows);
}

std::string Label(const Entrant& entrant) {
  return entrant.name == search::DefaultStrategy() ? entrant.name + " (auto)" : entrant.name;
}

// Returns whether a strategy scored below random search. Without noise, the reference is 0, the
// exact expectation of random search; with noise, it is the score of "random" itself. "random" is
// exempt, since it misses its own expectation only by chance.
bool IsBelowRandom(const Replayed& replayed, const Entrant& entrant) {
  if (entrant.name == "random" || entrant.outsider) return false;
  if (!replayed.noisy) return entrant.score < 0;
  const auto& entrants = replayed.tournament.entrants;
  const auto random = std::find_if(entrants.begin(), entrants.end(),
                                   [](const Entrant& other) { return other.name == "random"; });
  return random != entrants.end() && entrant.score < random->score;
}

// Returns whether any p-value can be significant. The least p-value of n pairs is 2 / 2^n, which
// Holm's correction multiplies by the number of strategies.
bool IsPEverSmall(const Replayed& replayed) {
  const auto pairs = static_cast<int>(replayed.spaces.size());
  const auto tests = static_cast<double>(replayed.tournament.entrants.size()) - 1;
  return tests * std::exp2(1 - pairs) < kSignificance;
}

std::string ScoresText(const Replayed& replayed) {
  Rows rows = {{"STRATEGY", ">SCORE", ">LOWEST", ">HIGHEST", ""}};
  for (const Entrant& entrant : replayed.tournament.entrants) {
    if (entrant.outsider) continue;
    const auto [low, high] = std::minmax_element(entrant.scores.begin(), entrant.scores.end());
    rows.push_back({Label(entrant), absl::StrFormat("%+.3f", entrant.score),
                    absl::StrFormat("%+.3f", *low), absl::StrFormat("%+.3f", *high),
                    IsBelowRandom(replayed, entrant) ? "below random" : ""});
  }
  return cli::Table(rows);
}

std::string BalanceText(const Balance& balance) {
  return absl::StrFormat("%d/%d/%d", balance.wins, balance.ties, balance.losses);
}

std::string BudgetText(const Replayed& replayed, size_t budget) {
  Rows rows = {{"STRATEGY", ">SCORE", ">OF OPTIMUM", ">10TH PCT", ">WITHIN 5 %", ">VS RANDOM", ">P",
                ">VS ALL"}};
  std::vector<const Entrant*> order;
  for (const Entrant& entrant : replayed.tournament.entrants) order.push_back(&entrant);
  std::stable_sort(order.begin(), order.end(), [budget](const Entrant* a, const Entrant* b) {
    return a->budgets[budget].score > b->budgets[budget].score;
  });
  for (const Entrant* entrant : order) {
    const Entrant::AtBudget& at = entrant->budgets[budget];
    const bool random = entrant->name == "random";
    rows.push_back({Label(*entrant), absl::StrFormat("%+.3f", at.score),
                    absl::StrFormat("%.3f", at.mean), absl::StrFormat("%.3f", at.tenth_percentile),
                    absl::StrFormat("%.0f %%", 100 * at.within_5_percent),
                    random ? "" : BalanceText(at.against_random),
                    random ? "" : absl::StrFormat("%.2g", at.p_random),
                    BalanceText(at.against_all)});
  }
  return cli::Table(rows);
}

cli::Json ToJson(const Balance& balance) {
  return {{"wins", balance.wins}, {"ties", balance.ties}, {"losses", balance.losses}};
}

cli::Json FilesJson(const Replayed& replayed) {
  cli::Json files = cli::Json::array();
  for (size_t s = 0; s < replayed.spaces.size(); ++s) {
    const ReplaySpace& space = replayed.spaces[s];
    const Recording& recording = space.recording();
    files.push_back({{"path", replayed.paths[s]},
                     {"device", cli::OrNull(recording.device)},
                     {"kernel", cli::OrNull(recording.kernel)},
                     {"points", recording.points.size()},
                     {"failed", FailedOf(recording)},
                     {"seeds", recording.seeds.size()},
                     {"optimum_seconds", cli::Number(space.optimum())},
                     {"median_seconds", cli::Number(space.median())},
                     {"score_draws", ScoreDrawsOf(replayed, space)}});
  }
  return files;
}

cli::Json CurvesJson(const Entrant& entrant) {
  cli::Json curves = cli::Json::array();
  for (const std::vector<Entrant::Held>& curve : entrant.curves) {
    cli::Json mean = cli::Json::array(), p10 = cli::Json::array(), p50 = cli::Json::array(),
              p90 = cli::Json::array();
    for (const Entrant::Held& held : curve) {
      mean.push_back(cli::Number(held.mean));
      p10.push_back(cli::Number(held.p10));
      p50.push_back(cli::Number(held.p50));
      p90.push_back(cli::Number(held.p90));
    }
    curves.push_back({{"mean", std::move(mean)},
                      {"p10", std::move(p10)},
                      {"p50", std::move(p50)},
                      {"p90", std::move(p90)}});
  }
  return curves;
}

cli::Json EntrantJson(const Replayed& replayed, const Entrant& entrant) {
  cli::Json budgets = cli::Json::array();
  for (size_t b = 0; b < replayed.budgets.size(); ++b) {
    const Entrant::AtBudget& at = entrant.budgets[b];
    cli::Json files = cli::Json::array();
    for (const BudgetResult& result : at.spaces) {
      files.push_back({{"mean", cli::Number(result.mean)},
                       {"tenth_percentile", cli::Number(result.tenth_percentile)},
                       {"within_5_percent", cli::Number(result.within_5_percent)},
                       {"score", cli::Number(result.score)}});
    }
    budgets.push_back({{"budget", replayed.budgets[b]},
                       {"mean", cli::Number(at.mean)},
                       {"tenth_percentile", cli::Number(at.tenth_percentile)},
                       {"within_5_percent", cli::Number(at.within_5_percent)},
                       {"score", cli::Number(at.score)},
                       {"against_random", ToJson(at.against_random)},
                       {"p_random", cli::Number(at.p_random)},
                       {"against_all", ToJson(at.against_all)},
                       {"files", std::move(files)}});
  }
  return {{"name", entrant.name},          {"auto", entrant.name == search::DefaultStrategy()},
          {"outsider", entrant.outsider},  {"score", cli::Number(entrant.score)},
          {"scores", entrant.scores},      {"below_random", IsBelowRandom(replayed, entrant)},
          {"budgets", std::move(budgets)}, {"curves", CurvesJson(entrant)}};
}

}  // namespace

std::string ReplayText(const Replayed& replayed) {
  std::string text = FilesText(replayed);
  absl::StrAppendFormat(&text,
                        "\nScore 0: random search, 1: the optimum at once; %d %srepeats per file, "
                        "seed %d%s\n",
                        replayed.repeats, replayed.noisy ? "noisy " : "", replayed.seed,
                        replayed.seeds ? ", first guesses given" : "");
  absl::StrAppend(&text, ScoresText(replayed));
  for (size_t b = 0; b < replayed.budgets.size(); ++b) {
    absl::StrAppendFormat(&text, "\nAt %d evaluations\n%s", replayed.budgets[b],
                          BudgetText(replayed, b));
  }
  absl::StrAppend(&text,
                  "\nWins/ties/losses count files: Wilcoxon over repeats, Holm, 5 %. P: Wilcoxon "
                  "over files against random, Holm",
                  IsPEverSmall(replayed) ? ".\n" : "; too few files for any P below 0.05.\n");
  return text;
}

cli::Json ReplayJson(const Replayed& replayed) {
  cli::Json json = cli::JsonHead("replay");
  json["repeats"] = replayed.repeats;
  json["seed"] = replayed.seed;
  json["seeds"] = replayed.seeds;
  json["noisy"] = replayed.noisy;
  json["own_time"] = replayed.own_time;
  json["files"] = FilesJson(replayed);
  cli::Json& strategies = json["strategies"] = cli::Json::array();
  for (const Entrant& entrant : replayed.tournament.entrants) {
    strategies.push_back(EntrantJson(replayed, entrant));
  }
  cli::Json& comparisons = json["comparisons"] = cli::Json::array();
  for (const Pairing& c : replayed.tournament.comparisons) {
    cli::Json comparison = {{"budget", replayed.budgets[c.budget]},
                            {"a", replayed.tournament.entrants[c.a].name},
                            {"b", replayed.tournament.entrants[c.b].name}};
    comparison.update(ToJson(c.balance));
    comparisons.push_back(std::move(comparison));
  }
  return json;
}

std::string ReplayCsv(const Replayed& replayed) {
  std::string csv =
      "file,strategy,score,budget,mean,tenth_percentile,within_5_percent,score_at_budget\n";
  for (size_t s = 0; s < replayed.spaces.size(); ++s) {
    for (const Entrant& entrant : replayed.tournament.entrants) {
      for (size_t b = 0; b < replayed.budgets.size(); ++b) {
        const BudgetResult& result = entrant.budgets[b].spaces[s];
        absl::StrAppendFormat(&csv, "%s,%s,%s,%d,%.6g,%.6g,%.6g,%.6g\n",
                              cli::CsvField(replayed.paths[s]), cli::CsvField(entrant.name),
                              entrant.outsider ? "" : absl::StrFormat("%.6g", entrant.scores[s]),
                              replayed.budgets[b], result.mean, result.tenth_percentile,
                              result.within_5_percent, result.score);
      }
    }
  }
  return csv;
}

std::string ReplayCurvesCsv(const Replayed& replayed) {
  std::string csv =
      "space,strategy,evaluations,fraction_mean,fraction_p10,fraction_p50,fraction_p90\n";
  for (size_t s = 0; s < replayed.spaces.size(); ++s) {
    for (const Entrant& entrant : replayed.tournament.entrants) {
      if (entrant.outsider) continue;
      int evaluations = 0;
      for (const Entrant::Held& held : entrant.curves[s]) {
        absl::StrAppendFormat(&csv, "%s,%s,%d,%.6g,%.6g,%.6g,%.6g\n",
                              cli::CsvField(replayed.paths[s]), entrant.name, ++evaluations,
                              held.mean, held.p10, held.p50, held.p90);
      }
    }
  }
  return csv;
}

}  // namespace jitattn::lab
