// Who wins among the finalists: law 4, as a function of timings and nothing else.

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

// To win is to be more than 1 % faster, and ahead in every quarter of the race. What is so little
// ahead, by the ratio itself, after a part of it will not win.
inline constexpr double kAhead = 1.005;

// What a paired ratio, standing ÷ challenger, says of the challenger.
enum class Comparison {
  kFaster,    // by more than a tie, the whole interval beyond 1
  kSlower,    // likewise
  kTie,       // the whole interval lies within ±1 %, even if clear of 1
  kNotAhead,  // nothing of these, and not beyond kAhead, wherever the interval ends
  kUnclear,   // anything else
};
Comparison Compare(const Ratio& ratio);

// The challenger that is to be confirmed, by a race that decides nothing else: the fastest, or by
// PrefersFirst among those that are within half of a tie of it. REQUIRES: there is one; as many
// seconds[i] (paired) as configs.
size_t Choose(std::span<const ops::Config> configs, std::span<const std::vector<double>> seconds);

struct Finalists {
  std::vector<ops::Config> configs;          // [0] is the default
  std::vector<std::vector<double>> seconds;  // [i][r]: configs[i] in round r
  std::optional<int> record;  // where the configuration of the record to be replaced stands
  std::optional<int> challenger;
  // Why the default cannot win, "" if it can: by then it is only what the gain is measured by, and
  // its seconds are empty where it could not be timed.
  std::string barred;
};

struct Decision {
  int winner = 0;
  Ratio gain;       // default ÷ winner
  std::string why;  // for people: "beats the default by 6.1 % (5.2 … 7.0)"
};

// The challenger wins only if it is faster than the default and than the record. Otherwise the
// record stays, unless it is slower than the default or ties with it: then the default does.
// `keep_record`: the search was cut short, so that what does not beat the record leaves it alone.
// Where the default is barred the rule is the same with the record alone, and without a record the
// challenger wins. REQUIRES: no seconds that chose one of the finalists; a record or a challenger
// if the default is barred.
Decision Decide(const Finalists& finalists, bool keep_record, uint64_t seed);

// The fixed key by which ties are broken, so that the same machine names the same winner again:
// fewest threads, then the smallest value of each field, in the order of their table.
bool PrefersFirst(const ops::Config& a, const ops::Config& b);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_CONFIRM_H_
