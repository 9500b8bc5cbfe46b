// Variables that each thread has one of.

#ifndef JITATTN_BASE_THREAD_LOCAL_H_
#define JITATTN_BASE_THREAD_LOCAL_H_

// They lie in memory that every thread has from its start. By default a library that is loaded
// later gets a block at a thread's first use of one, and the C library ends the process where there
// is no memory for it. That memory is scarce (some hundred bytes for all libraries): what is large
// lies in runtime/thread_state.h's ThreadState.
#define JITATTN_THREAD_LOCAL constinit thread_local __attribute__((tls_model("initial-exec")))

#endif  // JITATTN_BASE_THREAD_LOCAL_H_
