// Thread-local variables.

#ifndef JITATTN_BASE_THREAD_LOCAL_H_
#define JITATTN_BASE_THREAD_LOCAL_H_

// Every thread owns the memory of such variables from its start. With the default TLS model, a
// library loaded later gets a block at a thread's first use, and the C library ends the process if
// memory is out. The initial memory is scarce (some hundred bytes for all libraries): larger data
// belong to ThreadState in runtime/thread_state.h.
#define JITATTN_THREAD_LOCAL constinit thread_local __attribute__((tls_model("initial-exec")))

#endif  // JITATTN_BASE_THREAD_LOCAL_H_
