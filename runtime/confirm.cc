// Decides which finalist wins.

#include "runtime/confirm.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/format.h"
#include "ops/operation.h"

namespace jitattn::runtime {
namespace {

constexpr double kTie = 0.01;
constexpr double kSame = kTie / 2;  // a tie where there is no interval

std::string Margin(const Ratio& ratio) {
  if (std::isinf(ratio.high)) return "an unknown margin (too few rounds)";
  return Format("%.1f %% (%.1f … %.1f)", (ratio.value - 1) * 100, (ratio.low - 1) * 100,
                (ratio.high - 1) * 100);
}

// Why the incumbent stays.
std::string Reason(Comparison challenger) {
  switch (challenger) {
    case Comparison::kTie:
      return "tie within 1 %";
    case Comparison::kNotAhead:
      return "the challenger is not ahead";
    case Comparison::kUnclear:
      return "inconclusive";
    case Comparison::kFaster:
    case Comparison::kSlower:
      break;
  }
  return "nothing faster was found";
}

}  // namespace

Comparison Compare(const Ratio& ratio) {
  if (ratio.low > 1 - kTie && ratio.high < 1 + kTie) return Comparison::kTie;
  if (ratio.low > 1 && ratio.value > 1 + kTie) return Comparison::kFaster;
  if (ratio.high < 1 && ratio.value < 1 - kTie) return Comparison::kSlower;
  return ratio.value <= kAhead ? Comparison::kNotAhead : Comparison::kUnclear;
}

size_t Choose(std::span<const ops::Config> configs, std::span<const std::vector<double>> seconds) {
  std::vector<double> low;
  for (const std::vector<double>& s : seconds) low.push_back(LowQuantile(s));
  const double limit = (1 + kSame) * *std::min_element(low.begin(), low.end());
  size_t chosen = configs.size();
  for (size_t i = 0; i < configs.size(); ++i) {
    if (low[i] > limit) continue;
    if (chosen == configs.size() || PrefersFirst(configs[i], configs[chosen])) chosen = i;
  }
  return chosen;
}

bool PrefersFirst(const ops::Config& a, const ops::Config& b) {
  if (a.threads() != b.threads()) return a.threads() < b.threads();
  if (&a.algorithm() != &b.algorithm()) return a.algorithm().name < b.algorithm().name;
  for (const ops::Field& field : a.algorithm().fields) {
    if (field.get(a) != field.get(b)) return field.get(a) < field.get(b);
  }
  return false;
}

Decision Decide(const Finalists& finalists, bool keep_record, uint64_t seed) {
  const std::vector<std::vector<double>>& seconds = finalists.seconds;
  const std::optional<int> record = finalists.record, challenger = finalists.challenger;
  auto judge = [&](int standing, int other) {
    if (seconds[standing].empty() || seconds[other].empty()) return Comparison::kUnclear;
    return Compare(PairedRatio(seconds[standing], seconds[other], seed));
  };
  auto gain_of = [&](int winner) {
    return winner == 0 || seconds[0].empty() ? Ratio{1, 1, 1}
                                             : PairedRatio(seconds[0], seconds[winner], seed);
  };
  const bool barred = !finalists.barred.empty();
  const std::string prefix = barred ? absl::StrCat(finalists.barred, ": ") : "";

  Comparison doubt = Comparison::kSlower;  // the result of a challenger that does not win
  if (challenger) {
    const Comparison to_default = barred ? Comparison::kFaster : judge(0, *challenger);
    const Comparison to_record = record ? judge(*record, *challenger) : Comparison::kFaster;
    if (to_default == Comparison::kFaster && to_record == Comparison::kFaster) {
      const Ratio gain = gain_of(*challenger);
      std::string why = barred ? absl::StrCat(prefix, "the fastest challenger takes its place")
                               : absl::StrCat("beats the default by ", Margin(gain));
      if (barred && !seconds[0].empty()) absl::StrAppend(&why, ", ", Margin(gain), " ahead of it");
      if (record && *record != 0) {
        absl::StrAppend(&why, barred ? "; beats" : " and", " the record by ",
                        Margin(PairedRatio(seconds[*record], seconds[*challenger], seed)));
      }
      return {*challenger, gain, why};
    }
    doubt = to_default == Comparison::kFaster ? to_record : to_default;
  }

  int standing = barred ? *record : 0;
  if (!barred && record && *record != 0) {
    const Comparison old = judge(0, *record);
    const bool beaten = old == Comparison::kSlower || (old == Comparison::kTie && !keep_record);
    if (!beaten) standing = *record;
  }
  const Ratio gain = gain_of(standing);
  if (standing == 0) return {0, gain, absl::StrCat(Reason(doubt), ": the default stays")};
  return {standing, gain,
          absl::StrCat(prefix, Reason(doubt), ": the record stays, ", Margin(gain),
                       " ahead of the default")};
}

}  // namespace jitattn::runtime
