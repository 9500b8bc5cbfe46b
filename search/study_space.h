// The space of the study that this tuner grew from, kept as a preset so that its results can be
// reproduced: threads {1,2,4,8} × block {8,16,32,64} × dtype {f32,f64}, 32 points.

#ifndef JITATTN_SEARCH_STUDY_SPACE_H_
#define JITATTN_SEARCH_STUDY_SPACE_H_

#include "search/space.h"

namespace jitattn::search {

Space StudySpace();

}  // namespace jitattn::search

#endif  // JITATTN_SEARCH_STUDY_SPACE_H_
