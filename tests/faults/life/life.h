/* Helpers shared by the tests of the life cycle. */
#ifndef JITATTN_TESTS_FAULTS_LIFE_LIFE_H_
#define JITATTN_TESTS_FAULTS_LIFE_LIFE_H_

#include <jitattn/jitattn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kRight = 0, kWrong = 1, kCannotBeTried = 77 };

/* Ends with _exit, so that no destructors run after a failed check. */
#define CHECK(condition, ...)                                         \
  do {                                                                \
    if (!(condition)) {                                               \
      fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition); \
      fprintf(stderr, __VA_ARGS__);                                   \
      fputc('\n', stderr);                                            \
      _exit(kWrong);                                                  \
    }                                                                 \
  } while (0)

#define CHECK_OK(call)                                                     \
  do {                                                                     \
    const jitattn_status status_ = (call);                                 \
    CHECK(status_ == JITATTN_OK, "%d: %s", status_, jitattn_last_error()); \
  } while (0)

/* Runs sigmoid-mul on the n floats of x into y. Returns 0 if the result is right. */
static inline int SiluIsWrong(jitattn_status (*call)(const jitattn_sigmoid_mul_problem*,
                                                     const jitattn_sigmoid_mul_args*),
                              const float* x, float* y, int64_t n) {
  jitattn_sigmoid_mul_problem problem = {sizeof problem, JITATTN_F32, 1, n};
  jitattn_sigmoid_mul_args args = {sizeof args, x, y, 1, n, n, n};
  memset(y, 0xff, (size_t)n * sizeof *y);
  if (call(&problem, &args) != JITATTN_OK) return 1;
  for (int64_t i = 0; i < n; ++i) {
    const double right = x[i] / (1 + exp(-(double)x[i]));
    if (!(fabs(y[i] - right) <= 1e-5)) return 2;
  }
  return 0;
}

static inline void FillSmall(float* x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) x[i] = (float)(i % 23 - 11) / 4;
}

/* Memory of `bytes` bytes in front of an unmapped page. */
static inline char* BeforeAPageOfNobody(size_t bytes) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (bytes + page - 1) / page * page;
  char* memory = (char*)mmap(NULL, whole + page, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == (char*)MAP_FAILED) return NULL;
  if (mprotect(memory + whole, page, PROT_NONE) != 0) return NULL;
  return memory + whole - bytes;
}

/* Runs body(data) in a child process. Returns its exit status, or 128 plus the number of the signal
 * that ended the child; SIGALRM ends the child after `seconds`. */
static inline int InAChild(int (*body)(void*), void* data, unsigned seconds) {
  fflush(NULL);
  const pid_t child = fork();
  CHECK(child >= 0, "fork failed");
  if (child == 0) {
    alarm(seconds);
    const int status = body(data);
    fflush(NULL);
    _exit(status);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child, "waitpid failed");
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Runs this program again as `PROGRAM again ARGUMENT`; unlike in a forked child, the library has
 * threads there. Returns the status as above. */
static inline int ExecAgain(void* argument) {
  execl("/proc/self/exe", "life", "again", (const char*)argument, (char*)NULL);
  return 126;
}
static inline int Again(int argument, unsigned seconds) {
  char text[16];
  snprintf(text, sizeof text, "%d", argument);
  return InAChild(ExecAgain, text, seconds);
}
/* The argument, or -1 in the first run. */
static inline int AgainArgument(int count, char** arguments) {
  return count == 3 && strcmp(arguments[1], "again") == 0 ? atoi(arguments[2]) : -1;
}

#endif /* JITATTN_TESTS_FAULTS_LIFE_LIFE_H_ */
