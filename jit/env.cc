// Environment variables, for programs that may trust theirs.

#include "jit/env.h"

#include <stdlib.h>

namespace jitattn::jit {

const char* Env(const char* name) {
  const char* value = secure_getenv(name);
  return value != nullptr && *value != '\0' ? value : nullptr;
}

}  // namespace jitattn::jit
