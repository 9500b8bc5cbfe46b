// The study's 32-point space.

#include "search/study_space.h"

namespace jitattn::search {

Space StudySpace() {
  using Kind = Parameter::Kind;
  return *Space::Create({{"threads", {1, 2, 4, 8}, Kind::kLog, {}},
                         {"block", {8, 16, 32, 64}, Kind::kLog, {}},
                         {"dtype", {0, 1}, Kind::kCategorical, {"f32", "f64"}}},
                        nullptr);
}

}  // namespace jitattn::search
