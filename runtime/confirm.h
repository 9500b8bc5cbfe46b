// Who wins among the finalists: law 4, as a function of timings and nothing else.

#ifndef JITATTN_RUNTIME_CONFIRM_H_
#define JITATTN_RUNTIME_CONFIRM_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "jit/config.h"
#include "runtime/statistics.h"

namespace jitattn::runtime {

// What a paired ratio, standing ÷ challenger, says of the challenger.
enum class Comparison {
  kFaster,
  kSlower,
  kTie,      // the whole interval lies within ±1 %, even if clear of 0
  kUnclear,  // the interval holds 1 and reaches further
};
Comparison Compare(const Ratio& ratio);

struct Finalists {
  std::vector<jit::Config> configs;          // [0] is the default
  std::vector<std::vector<double>> seconds;  // [i][r]: configs[i] in round r
  std::optional<int> record;  // where the configuration of the record to be replaced stands
  // Why the default cannot win, "" if it can: by then it is only what the gain is measured by, and
  // its seconds are empty where it could not be timed.
  std::string barred;
};

struct Decision {
  int winner = 0;
  Ratio gain;       // default ÷ winner
  std::string why;  // for people: "beats the default by 6.1 % (5.2 … 7.0)"
};

// A challenger wins only if it is faster than the default and than the record; of several, the
// fastest, or by PrefersFirst among those that tie with it. Otherwise the record stays, unless it
// is slower than the default or ties with it: then the default does. `keep_record`: the search was
// cut short, so that what does not beat the record leaves it alone. Where the default is barred the
// rule is the same with the record alone, and without a record the fastest wins. REQUIRES: two
// finalists at least if the default is barred.
Decision Decide(const Finalists& finalists, bool keep_record, uint64_t seed);

// The fixed key by which ties are broken, so that the same machine names the same winner again:
// fewest threads, then the smallest value of each field, in the order of their table.
bool PrefersFirst(const jit::Config& a, const jit::Config& b);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_CONFIRM_H_
