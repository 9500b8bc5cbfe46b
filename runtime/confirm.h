// Decides which finalist wins (law 4), from timings alone.

#ifndef JITATTN_RUNTIME_CONFIRM_H_
#define JITATTN_RUNTIME_CONFIRM_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ops/config.h"
#include "runtime/statistics.h"

namespace jitattn::runtime {

// A challenger wins if it is more than 1 % faster and ahead in every quarter of the race. If its
// median ratio is not above kAhead after a quarter, it will not win, and the race may end.
inline constexpr double kAhead = 1.005;

// The challenger's standing by a paired ratio, seconds of the incumbent ÷ seconds of the
// challenger.
enum class Comparison {
  kFaster,    // by more than 1 %, and the whole interval is above 1
  kSlower,    // by more than 1 %, and the whole interval is below 1
  kTie,       // the whole interval lies within ±1 %, even if clear of 1
  kNotAhead,  // none of these, and the ratio is at most kAhead
  kUnclear,   // anything else
};
Comparison Compare(const Ratio& ratio);

// Chooses the challenger for the deciding race: among all within half of a tie (0.5 %) of the
// fastest, the one that PrefersFirst. The race that gave `seconds` decides nothing else. REQUIRES:
// at least one config; seconds[i] are the paired seconds of configs[i].
size_t Choose(std::span<const ops::Config> configs, std::span<const std::vector<double>> seconds);

struct Finalists {
  std::vector<ops::Config> configs;          // [0] is the default
  std::vector<std::vector<double>> seconds;  // [i][r]: configs[i] in round r
  std::optional<int> record;  // index of the configuration of the record to be replaced
  std::optional<int> challenger;
  // Why the default cannot win, "" if it can. A default that cannot win still measures the gain;
  // its seconds are empty if it could not be timed.
  std::string barred;
};

struct Decision {
  int winner = 0;
  Ratio gain;       // default ÷ winner
  std::string why;  // for people: "beats the default by 6.1 % (5.2 … 7.0)"
};

// The challenger wins only if it is faster than the default and than the record. Otherwise the
// record stays, unless it is slower than the default or ties with it; then the default wins.
// `keep_record`: the search was cut short, and a tie with the default leaves the record in place.
// If the default is barred, the same rules hold with the record alone, and without a record the
// challenger wins. REQUIRES: the seconds are not those that selected a finalist; there is a record
// or a challenger if the default is barred.
Decision Decide(const Finalists& finalists, bool keep_record, uint64_t seed);

// Breaks ties by a fixed key, so that a machine finds the same winner again: fewest threads, then
// the smallest value of each field, in the order of the field table.
bool PrefersFirst(const ops::Config& a, const ops::Config& b);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_CONFIRM_H_
