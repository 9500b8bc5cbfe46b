// The study's 32-point space.

#include "lab/replay/study_space.h"

namespace jitattn::lab {

search::Space StudySpace() {
  using Kind = search::Parameter::Kind;
  return *search::Space::Create({{"threads", {1, 2, 4, 8}, Kind::kLog, {}},
                                 {"block", {8, 16, 32, 64}, Kind::kLog, {}},
                                 {"dtype", {0, 1}, Kind::kCategorical, {"f32", "f64"}}},
                                nullptr);
}

}  // namespace jitattn::lab
