// Environment variables, for programs that may trust their environment.

#include "base/env.h"

#include <stdlib.h>

namespace jitattn::inline base {

const char* Env(const char* name) {
  const char* value = secure_getenv(name);
  return value != nullptr && *value != '\0' ? value : nullptr;
}

}  // namespace jitattn::inline base
