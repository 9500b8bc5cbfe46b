// What a process needs to know about having been forked.

#ifndef JITATTN_RUNTIME_FORK_H_
#define JITATTN_RUNTIME_FORK_H_

#include "jit/fork.h"

namespace jitattn::runtime {

using jit::ForkGeneration;
using jit::ForkSafeMutex;
using jit::InForkedChild;

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_FORK_H_
