/* The system refuses threads, by a limit on processes or on address space: calls succeed
 * on fewer threads or return a status, and the process lives. */
#include <jitattn/jitattn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kHeads = 8, kLength = 256, kHeadDim = 64 };
static const size_t kElements = (size_t)kHeads * kLength * kHeadDim;

static size_t AddressSpace(void) {
  long pages = 0;
  FILE* file = fopen("/proc/self/statm", "r");
  if (file != NULL) {
    if (fscanf(file, "%ld", &pages) != 1) pages = 0;
    fclose(file);
  }
  return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Runs in a fresh process, in which the library has not been used. Returns 0 if the result is
 * right, 3 for a status with a message, another number if wrong. */
static int Compute(void) {
  float* x = malloc(4 * kElements * sizeof *x);
  if (x == NULL) return 3;
  for (size_t i = 0; i < 4 * kElements; ++i) x[i] = i < 3 * kElements ? 1 : 0;
  jitattn_attention_problem problem;
  jitattn_attention_problem_init(&problem, kHeads, kLength, kHeadDim);
  jitattn_attention_args args;
  jitattn_attention_args_init(&args, &problem);
  args.q = x, args.k = x + kElements, args.v = x + 2 * kElements, args.out = x + 3 * kElements;
  const jitattn_status status = jitattn_attention(&problem, &args);
  if (status == JITATTN_OUT_OF_MEMORY || status == JITATTN_UNAVAILABLE) return 3;
  if (status != JITATTN_OK) return printf("status %d: %s\n", status, jitattn_last_error()), 1;
  for (size_t i = 3 * kElements; i < 4 * kElements; ++i) {
    if (x[i] != 1) return printf("wrong result %g\n", x[i]), 1;
  }
  return 0;
}

static int Limited(const char* self, const char* kind, size_t room) {
  const pid_t child = fork();
  if (child < 0) return -1;
  if (child == 0) {
    char text[32];
    snprintf(text, sizeof text, "%zu", room);
    execl(self, self, kind, text, (char*)NULL);
    _exit(1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int SetLimit(int resource, size_t limit) {
  const struct rlimit limits = {limit, limit};
  return setrlimit(resource, &limits);
}

int main(int argc, char** argv) {
  if (argc == 3) { /* the process with the limit */
    const size_t room = strtoull(argv[2], NULL, 10);
    if (argv[1][0] == 'a') {
      if (SetLimit(RLIMIT_AS, AddressSpace() + room) != 0) return 77;
    } else {
      /* the limit does not hold for root */
      if (geteuid() == 0 && setuid(65534) != 0) return 77;
      if (SetLimit(RLIMIT_NPROC, room) != 0) return 77;
    }
    return Compute();
  }
  const int few = Limited("/proc/self/exe", "processes", 0);
  printf("no process more: exit %d\n", few);
  if (few != 0 && few != 77) return 1;
  int counts[3] = {0, 0, 0}; /* right, refused, wrong */
  for (size_t room = 0; room <= (40u << 20); room += 1u << 20) {
    const int code = Limited("/proc/self/exe", "address space", room);
    ++counts[code == 0 ? 0 : code == 3 ? 1 : 2];
    if (code != 0 && code != 3) printf("address space + %zu bytes: exit %d\n", room, code);
  }
  printf("address space: %d right, %d refused, %d wrong\n", counts[0], counts[1], counts[2]);
  return counts[2] != 0 || counts[0] == 0;
}
