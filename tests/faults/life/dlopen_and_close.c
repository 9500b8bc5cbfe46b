/* A program that loads the library, computes on two threads and unloads it: the library's threads
 * must not run unmapped code. argv[1]: path of the library. */
#include <dlfcn.h>
#include <jitattn/jitattn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LOAD(name) __typeof__(&name) name##_ = (__typeof__(&name))dlsym(library, #name)

static int Use(const char* path) {
  void* library = dlopen(path, RTLD_NOW);
  if (library == NULL) return printf("dlopen: %s\n", dlerror()), 1;
  LOAD(jitattn_attention_problem_init);
  LOAD(jitattn_attention_args_init);
  LOAD(jitattn_plan_options_init);
  LOAD(jitattn_attention_plan);
  LOAD(jitattn_attention_run);
  LOAD(jitattn_plan_free);
  LOAD(jitattn_last_error);

  jitattn_attention_problem problem;
  jitattn_attention_problem_init_(&problem, 8, 64, 32);
  jitattn_attention_args args;
  jitattn_attention_args_init_(&args, &problem);
  const size_t n = 8 * 64 * 32;
  float* x = calloc(4 * n, sizeof *x);
  args.q = x, args.k = x + n, args.v = x + 2 * n, args.out = x + 3 * n;
  for (size_t i = 0; i < 3 * n; ++i) x[i] = 1;
  jitattn_plan_options options;
  jitattn_plan_options_init_(&options);
  options.threads = 2;
  options.ignore_cache = 1;
  jitattn_plan* plan;
  if (jitattn_attention_plan_(&problem, &options, &plan) != JITATTN_OK) {
    return printf("plan: %s\n", jitattn_last_error_()), 1;
  }
  for (int i = 0; i < 100; ++i) {
    if (jitattn_attention_run_(plan, &args) != JITATTN_OK) {
      return printf("run: %s\n", jitattn_last_error_()), 1;
    }
  }
  if (x[3 * n] != 1) return printf("wrong result %g\n", x[3 * n]), 1;
  jitattn_plan_free_(plan);
  free(x);
  dlclose(library);
  return 0;
}

int main(int argc, char** argv) {
  if (argc != 2) return printf("usage: %s LIBRARY\n", argv[0]), 2;
  for (int times = 0; times < 3; ++times) {
    const int failed = Use(argv[1]);
    if (failed) return failed;
    usleep(300000); /* long enough for idle helpers to fall asleep */
  }
  return 0;
}
