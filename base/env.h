// Environment variables, for programs that may trust theirs.

#ifndef JITATTN_BASE_ENV_H_
#define JITATTN_BASE_ENV_H_

namespace jitattn::inline base {

// The variable's value, or null where it is unset or empty, or where the kernel marked this process
// AT_SECURE (set-user-id and the like): there the environment is in the hands of someone with fewer
// rights, who could choose where we write. Every variable of ours is read through this.
const char* Env(const char* name);

}  // namespace jitattn::inline base

#endif  // JITATTN_BASE_ENV_H_
