// Markers by which faults_victim tells its tracer where the calls that may fail begin and end.

#ifndef JITATTN_TESTS_FAULTS_MARKER_H_
#define JITATTN_TESTS_FAULTS_MARKER_H_

namespace jitattn::faults {

// Options of prctl that no kernel knows: each is one system call that does nothing.
inline constexpr int kMarkBegin = 0x6a697441, kMarkEnd = 0x6a697442;

}  // namespace jitattn::faults

#endif  // JITATTN_TESTS_FAULTS_MARKER_H_
