// The space of the study that this tuner grew from, kept as a preset so that the study can be
// reproduced: threads {1,2,4,8} × block {8,16,32,64} × dtype {f32,f64}, 32 points.

#ifndef JITATTN_LAB_REPLAY_STUDY_SPACE_H_
#define JITATTN_LAB_REPLAY_STUDY_SPACE_H_

#include "search/space.h"

namespace jitattn::lab {

search::Space StudySpace();

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_REPLAY_STUDY_SPACE_H_
