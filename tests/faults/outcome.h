// The outcome of a call in which something failed: the exit codes of faults_victim.

#ifndef JITATTN_TESTS_FAULTS_OUTCOME_H_
#define JITATTN_TESTS_FAULTS_OUTCOME_H_

namespace jitattn::faults {

enum class Outcome : int {
  kOk = 0,         // the right result
  kPortable = 10,  // the right result, by the portable path
  kOutOfMemory = 11,
  kRefused = 12,  // the store said why it could not do its work
  // The library is at fault.
  kWrong = 20,       // OK was said, and the result is wrong
  kBadStatus = 21,   // neither OK nor an expected status
  kNextFailed = 22,  // the next call, in which nothing failed, was not OK
  kNextWrong = 23,   // or its result was wrong
  kRecordLost = 24,  // the record that was there before can no longer be used
  kLeftOver = 25,    // a temporary file stays
  // Not a fault: this system cannot make the experiment.
  kSkipped = 77,
  kUsage = 99,
};

}  // namespace jitattn::faults

#endif  // JITATTN_TESTS_FAULTS_OUTCOME_H_
