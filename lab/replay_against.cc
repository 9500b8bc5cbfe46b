// Reading the lines that bench/kernel_tuner.py writes.

#include "lab/replay_against.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace jitattn::lab {
namespace {

constexpr double kMilli = 1e-3;
// A recording rounds some times to seven digits. A time below the optimum by more than this share
// cannot be of a point of the recording.
constexpr double kRounding = 1e-5;

// Removes the first record from `csv` and returns its fields.
std::vector<std::string> TakeRecord(std::string_view* csv) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  size_t i = 0;
  for (; i < csv->size(); ++i) {
    const char c = (*csv)[i];
    if (c == '"') {
      // Two quotes inside a quoted field stand for one quote: the second one reopens the field.
      if (!quoted && i > 0 && (*csv)[i - 1] == '"') fields.back() += '"';
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else if (c == '\n' && !quoted) {
      break;
    } else if (c != '\r' || quoted) {
      fields.back() += c;
    }
  }
  csv->remove_prefix(std::min(csv->size(), i + 1));
  return fields;
}

template <typename T>
size_t IndexOf(std::span<const T> items, const T& item) {
  return static_cast<size_t>(std::find(items.begin(), items.end(), item) - items.begin());
}

// Outsiders by name, each with room for its costs.
class Outsiders {
 public:
  Outsiders(size_t paths, size_t budgets)
      : empty_(paths, std::vector<std::vector<double>>(budgets)) {}

  Outsider& Of(const std::string& name) {
    const auto [it, fresh] = places_.try_emplace(name, all.size());
    if (fresh) all.push_back({name, empty_});
    return all[it->second];
  }

  std::vector<Outsider> all;

 private:
  const std::vector<std::vector<std::vector<double>>> empty_;
  std::unordered_map<std::string, size_t> places_;
};

}  // namespace

absl::StatusOr<std::vector<Outsider>> ReadOutsiders(std::string_view csv,
                                                    std::span<const std::string> paths,
                                                    std::span<const ReplaySpace> spaces,
                                                    std::span<const int> budgets) {
  const std::vector<std::string> header = TakeRecord(&csv);
  const std::string names[] = {"file", "strategy", "budget", "best_time_ms"};
  size_t columns[std::size(names)];
  for (size_t i = 0; i < std::size(names); ++i) {
    columns[i] = IndexOf<std::string>(header, names[i]);
    if (columns[i] == header.size()) {
      return absl::DataLossError(absl::StrCat("line 1 lacks the column ", names[i]));
    }
  }

  Outsiders outsiders(paths.size(), budgets.size());
  for (int line = 2; !csv.empty(); ++line) {
    const std::vector<std::string> fields = TakeRecord(&csv);
    auto refuse = [line](auto... why) {
      return absl::DataLossError(absl::StrCat("line ", line, " ", why...));
    };
    if (fields.size() != header.size()) {
      return refuse("has ", fields.size(), " fields, but the header has ", header.size());
    }
    const size_t s = IndexOf(paths, fields[columns[0]]);
    int budget = 0;
    if (!absl::SimpleAtoi(fields[columns[2]], &budget)) {
      return refuse("has a budget that is not a whole number: '", fields[columns[2]], "'");
    }
    const size_t b = IndexOf(budgets, budget);
    if (s == paths.size() || b == budgets.size()) continue;
    const std::string& text = fields[columns[3]];
    double cost = spaces[s].worst();
    if (!text.empty()) {
      if (!absl::SimpleAtod(text, &cost))
        return refuse("has a time that is not a number: '", text, "'");
      cost *= kMilli;
      if (!(cost >= spaces[s].optimum() * (1 - kRounding))) {
        return refuse("has ", text, " ms, but the fastest point of ", paths[s], " takes ",
                      spaces[s].optimum() / kMilli, " ms");
      }
    }
    outsiders.Of(fields[columns[1]]).costs[s][b].push_back(cost);
  }
  if (outsiders.all.empty()) return absl::DataLossError("has no line for these files and budgets");
  for (const Outsider& outsider : outsiders.all) {
    for (size_t s = 0; s < paths.size(); ++s) {
      for (size_t b = 0; b < budgets.size(); ++b) {
        if (!outsider.costs[s][b].empty()) continue;
        return absl::DataLossError(absl::StrCat("has no line of ", outsider.name, " for ", paths[s],
                                                " at ", budgets[b], " evaluations"));
      }
    }
  }
  return std::move(outsiders.all);
}

}  // namespace jitattn::lab
