// State of a thread between its calls.

#include "runtime/thread_state.h"

#include <cxxabi.h>
#include <pthread.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <span>

#if defined(_LIBCPP_VERSION)
// LLVM's header lacks this function of the C++ ABI.
namespace __cxxabiv1 {
struct __cxa_eh_globals;
extern "C" __cxa_eh_globals* __cxa_get_globals();
}  // namespace __cxxabiv1
#endif

namespace jitattn::runtime {
namespace {

JITATTN_THREAD_LOCAL bool ended = false;
JITATTN_THREAD_LOCAL char short_error[128] = "";

// Not a thread_local's destructor: the C library terminates the process if it has no memory to
// register one.
void End(void* of_this_thread) {
  ended = true;
  thread_state = nullptr;
  static_cast<ThreadState*>(of_this_thread)->~ThreadState();
  std::free(of_this_thread);
}

// Made when the library is loaded. Deleted when it is unloaded: a thread that ends later must not
// call End.
struct Key {
  Key() : made(pthread_key_create(&key, End) == 0) {}
  ~Key() {
    if (made) pthread_key_delete(key);
  }
  pthread_key_t key;
  const bool made;
};
const Key key;

}  // namespace

JITATTN_THREAD_LOCAL ThreadState* thread_state = nullptr;

ThreadState* MakeThreadState() {
  if (ended || !key.made) return nullptr;
  void* memory = std::malloc(sizeof(ThreadState));  // nothrow new throws, and catches
  if (memory == nullptr || pthread_setspecific(key.key, memory) != 0) {
    std::free(memory);
    return nullptr;
  }
  // Allocates the C++ library's state for exceptions while there is memory (see MayThrow).
  // Volatile, since the compiler may otherwise remove the call.
  [[maybe_unused]] void* volatile of_exceptions = abi::__cxa_get_globals();
  return thread_state = new (memory) ThreadState;
}

bool MayThrowWithoutState() { return ended || !key.made; }

void KeepError(std::string_view message) {
  ThreadState* mine = ThisThread();
  const std::span<char> kept = mine != nullptr ? std::span<char>(mine->error) : short_error;
  size_t length = message.size();
  if (length >= kept.size()) {
    length = kept.size() - 1;
    while (length > 0 && (message[length] & 0xC0) == 0x80) --length;  // a character's later bytes
  }
  std::memcpy(kept.data(), message.data(), length);
  kept[length] = '\0';
}

const char* LastError() {
  return thread_state != nullptr && thread_state->error[0] != '\0' ? thread_state->error
                                                                   : short_error;
}

}  // namespace jitattn::runtime
