// The result of one evaluation of a point.

#ifndef JITATTN_SEARCH_TRIAL_H_
#define JITATTN_SEARCH_TRIAL_H_

#include <limits>
#include <string>
#include <vector>

namespace jitattn::search {

struct Trial {
  enum class Outcome {
    kMeasured,
    kCensored,  // dropped by a race: the true cost is at least `cost`
    kFailed,    // wrong result, could not be compiled, or crashed; `cost` is infinite
  };

  int rank = -1;  // of the point in its space
  Outcome outcome = Outcome::kMeasured;
  double cost = std::numeric_limits<double>::infinity();  // seconds; smaller is better
  double spread = 0;  // standard error of log(cost), estimated by the measurement
  int resource = 1;   // the measuring effort (Ask::resource)
  std::string error;  // why it failed
};

}  // namespace jitattn::search

#endif  // JITATTN_SEARCH_TRIAL_H_
