// What a process may be denied by the system it runs on.

#ifndef JITATTN_TESTS_FAULTS_HARDSHIPS_H_
#define JITATTN_TESTS_FAULTS_HARDSHIPS_H_

#include <string_view>

namespace jitattn::faults {

// From now on this process suffers from `words`, one of
//   memory=BYTES    no more address space than it has plus so much, until Relieve
//   files           no further file can be opened, until Relieve
//   processes       as an ordinary user who has used up RLIMIT_NPROC
//   threads         clone is refused by seccomp
//   executable      PROT_EXEC is refused by seccomp
//   write-execute   PR_SET_MDWE: what was writable cannot become executable
// False where the system has no such thing.
bool Suffer(std::string_view words);

// Takes back the limits that can be taken back.
void Relieve();

}  // namespace jitattn::faults

#endif  // JITATTN_TESTS_FAULTS_HARDSHIPS_H_
