// Resources that the system may deny to a process.

#ifndef JITATTN_TESTS_FAULTS_HARDSHIPS_H_
#define JITATTN_TESTS_FAULTS_HARDSHIPS_H_

#include <string_view>

namespace jitattn::faults {

// From now on the system denies `words` to this process, one of
//   memory=BYTES    more address space than it has now plus BYTES, until Relieve
//   files           no further file can be opened, until Relieve
//   processes       new processes, as for an ordinary user who has reached RLIMIT_NPROC
//   threads         clone is refused by seccomp
//   executable      PROT_EXEC is refused by seccomp
//   write-execute   PR_SET_MDWE: writable memory cannot become executable
// False if the system does not support it.
bool Suffer(std::string_view words);

// Removes the limits that can be removed.
void Relieve();

}  // namespace jitattn::faults

#endif  // JITATTN_TESTS_FAULTS_HARDSHIPS_H_
