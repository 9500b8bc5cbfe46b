// Who wins among the finalists.

#include "runtime/confirm.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace jitattn::runtime {
namespace {

constexpr double kTie = 0.01;

std::string Percent(const Ratio& ratio) {
  if (std::isinf(ratio.high)) return "some margin (too few rounds to tell)";
  return absl::StrFormat("%.1f %% (%.1f … %.1f)", (ratio.value - 1) * 100, (ratio.low - 1) * 100,
                         (ratio.high - 1) * 100);
}

// Why what stands goes on standing.
std::string Reason(Comparison best_challenger) {
  switch (best_challenger) {
    case Comparison::kTie:
      return "tie within 1 %";
    case Comparison::kUnclear:
      return "inconclusive";
    default:
      return "nothing faster was found";
  }
}

// Where there was no time for a race, the order of the finalists is that of the search.
double Low(const std::vector<double>& seconds) {
  return seconds.empty() ? std::numeric_limits<double>::infinity() : LowQuantile(seconds);
}

}  // namespace

Comparison Compare(const Ratio& ratio) {
  if (ratio.low > 1 - kTie && ratio.high < 1 + kTie) return Comparison::kTie;
  if (ratio.low > 1) return Comparison::kFaster;
  if (ratio.high < 1) return Comparison::kSlower;
  return Comparison::kUnclear;
}

bool PrefersFirst(const jit::Config& a, const jit::Config& b) {
  auto threads = [](const jit::Config& config) {
    return std::visit([](const auto& c) { return c.threads; }, config);
  };
  if (threads(a) != threads(b)) return threads(a) < threads(b);
  for (const jit::Field& field : jit::Fields(jit::OpOf(a))) {
    if (field.get(a) != field.get(b)) return field.get(a) < field.get(b);
  }
  return false;
}

Decision Decide(const Finalists& finalists, bool keep_record, uint64_t seed) {
  const std::vector<jit::Config>& configs = finalists.configs;
  const std::vector<std::vector<double>>& seconds = finalists.seconds;
  const std::optional<int> record = finalists.record;
  auto ratio = [&](int standing, int challenger) {
    return PairedRatio(seconds[standing], seconds[challenger], seed);
  };
  // Five challengers that are all as good as the default would have five chances to look better: to
  // be called faster or slower, the 5 % of doubt are shared among them (Bonferroni).
  const double confidence = 1 - 0.05 / static_cast<double>(std::max<size_t>(1, configs.size() - 1));
  auto judge = [&](int standing, int challenger) {
    const Comparison usual = Compare(ratio(standing, challenger));
    if (usual == Comparison::kTie || usual == Comparison::kUnclear) return usual;
    const Comparison strict =
        Compare(PairedRatio(seconds[standing], seconds[challenger], seed, confidence));
    return strict == usual ? usual : Comparison::kUnclear;
  };

  const bool barred = !finalists.barred.empty();
  // What stays if nobody wins; none where the default is barred and there is no record.
  std::optional<int> standing;
  if (!barred) standing = 0;
  if (record && *record != 0) {
    const Comparison old = barred ? Comparison::kFaster : judge(0, *record);
    const bool beaten = old == Comparison::kSlower || (old == Comparison::kTie && !keep_record);
    if (!beaten) standing = *record;
  }

  std::vector<int> winners;
  int leader = -1;
  Comparison closest = Comparison::kSlower;  // how the best of those that do not win did
  for (int i = 1; i < static_cast<int>(configs.size()); ++i) {
    if (record && i == *record) continue;
    const Comparison to_default = barred ? Comparison::kFaster : judge(0, i);
    const Comparison to_record = record ? judge(*record, i) : to_default;
    if (to_default == Comparison::kFaster && to_record == Comparison::kFaster) {
      winners.push_back(i);
      if (leader < 0 || Low(seconds[i]) < Low(seconds[leader])) leader = i;
      continue;
    }
    const Comparison worse = to_default == Comparison::kFaster ? to_record : to_default;
    if (worse == Comparison::kUnclear || closest == Comparison::kSlower) closest = worse;
  }
  auto gain_of = [&](int winner) {
    return winner == 0 || seconds[0].empty() ? Ratio{1, 1, 1} : ratio(0, winner);
  };
  const std::string prefix = barred ? absl::StrCat(finalists.barred, ": ") : "";
  if (leader < 0) {
    const Ratio gain = gain_of(*standing);
    if (*standing == 0) return {0, gain, absl::StrCat(Reason(closest), ": the default stays")};
    return {*standing, gain,
            absl::StrCat(prefix, Reason(closest), ": the record stays, ", Percent(gain),
                         " ahead of the default")};
  }
  int winner = leader;
  for (const int i : winners) {
    if (i != leader && judge(leader, i) == Comparison::kTie &&
        PrefersFirst(configs[i], configs[winner])) {
      winner = i;
    }
  }
  const Ratio gain = gain_of(winner);
  std::string why = barred ? absl::StrCat(prefix, "the fastest that may take its place")
                           : absl::StrCat("beats the default by ", Percent(gain));
  if (barred && !seconds[0].empty()) absl::StrAppend(&why, ", ", Percent(gain), " ahead of it");
  if (record && *record != 0) {
    absl::StrAppend(&why, barred ? "; beats" : " and", " the record by ",
                    Percent(ratio(*record, winner)));
  }
  return {winner, gain, why};
}

}  // namespace jitattn::runtime
