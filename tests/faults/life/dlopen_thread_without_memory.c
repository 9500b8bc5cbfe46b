/* The library is loaded late, and a thread's first call finds no memory: the call returns a status,
 * and the process lives. */

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>

#include "life.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
int main(void) { return kCannotBeTried; } /* a sanitizer's allocator cannot be replaced */
#else

void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);

static __thread int allowed = -1; /* negative: unlimited */
static __thread int asked;

static int Refuse(void) {
  ++asked;
  if (allowed > 0) --allowed;
  if (allowed != 0) return 0;
  errno = ENOMEM;
  return 1;
}
#pragma GCC visibility push(default)
void* malloc(size_t bytes) { return Refuse() ? NULL : __libc_malloc(bytes); }
void* calloc(size_t count, size_t bytes) { return Refuse() ? NULL : __libc_calloc(count, bytes); }
void* realloc(void* old, size_t bytes) { return Refuse() ? NULL : __libc_realloc(old, bytes); }
void* memalign(size_t to, size_t bytes) { return Refuse() ? NULL : __libc_memalign(to, bytes); }
void* aligned_alloc(size_t to, size_t bytes) { return memalign(to, bytes); }
int posix_memalign(void** out, size_t to, size_t bytes) {
  *out = memalign(to, bytes);
  return *out == NULL ? ENOMEM : 0;
}

#pragma GCC visibility pop

typedef jitattn_status (*Silu)(const jitattn_sigmoid_mul_problem*, const jitattn_sigmoid_mul_args*);
static Silu silu;
static const char* (*last_error)(void);
static float x[256], y[256];

/* The thread's calls may allocate `*data` times, then never again. */
static void* Thread(void* data) {
  jitattn_sigmoid_mul_problem problem = {sizeof problem, JITATTN_F32, 1, 256};
  jitattn_sigmoid_mul_args args = {sizeof args, x, y, 1, 256, 256, 256};
  allowed = *(int*)data + 1;
  asked = 0;
  const jitattn_status status = silu(&problem, &args);
  const jitattn_status refused = silu(NULL, NULL);
  const int after = asked;
  allowed = -1;
  CHECK(status == JITATTN_OK || status == JITATTN_OUT_OF_MEMORY, "%d: %s", status, last_error());
  CHECK(refused == JITATTN_INVALID_ARGUMENT || refused == JITATTN_OUT_OF_MEMORY, "%d", refused);
  CHECK(strcmp(last_error(), "problem is a null pointer") == 0 ||
            strcmp(last_error(), "out of memory") == 0,
        "%s", last_error());
  CHECK(SiluIsWrong(silu, x, y, 256) == 0, "the next call: %s", last_error());
  return (void*)(intptr_t)after;
}

static intptr_t AThread(int allowed_first) {
  pthread_t thread;
  void* calls;
  CHECK(pthread_create(&thread, NULL, Thread, &allowed_first) == 0, "no thread");
  pthread_join(thread, &calls);
  return (intptr_t)calls;
}

int main(int count, char** arguments) {
  CHECK(count == 2, "the library's path is needed");
  void* library = dlopen(arguments[1], RTLD_NOW);
  CHECK(library != NULL, "%s", dlerror());
  *(void**)&silu = dlsym(library, "jitattn_sigmoid_mul");
  *(void**)&last_error = dlsym(library, "jitattn_last_error");
  CHECK(silu != NULL && last_error != NULL, "%s", dlerror());
  FillSmall(x, 256);
  /* The process's first call, then that of threads when the plan is there. Not 1: the second thing
   * asked for is the C++ library's own block for a thread, without which nobody can be told. */
  for (int allowed_first = 0; allowed_first < 12; ++allowed_first) {
    if (allowed_first != 1) AThread(allowed_first);
  }
  CHECK(AThread(0) > 0, "nothing was asked for: this tries nothing");
  return kRight;
}
#endif
