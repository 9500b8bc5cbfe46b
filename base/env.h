// Environment variables, for programs that may trust their environment.

#ifndef JITATTN_BASE_ENV_H_
#define JITATTN_BASE_ENV_H_

namespace jitattn::inline base {

// The variable's value. Null if it is unset or empty, or if the kernel marked this process
// AT_SECURE (set-user-id and the like): then someone with fewer rights controls the environment and
// could choose where this process writes. All environment variables of the library are read through
// this function.
const char* Env(const char* name);

}  // namespace jitattn::inline base

#endif  // JITATTN_BASE_ENV_H_
