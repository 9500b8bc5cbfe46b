/* The caller's rounding mode while plans are made changes neither the emitted code nor a result. */

#include <fenv.h>

#include "life.h"

enum { kHeads = 2, kLength = 50, kDim = 24, kNumbers = kHeads * kLength * kDim };

/* FNV-1a, continued. */
static uint64_t Hash(uint64_t hash, const void* data, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) hash = (hash ^ ((const uint8_t*)data)[i]) * 0x100000001b3;
  return hash;
}

/* The hash of anonymous executable pages, which hold the emitted code. */
static uint64_t HashOfCode(uint64_t hash, int* mappings) {
  FILE* maps = fopen("/proc/self/maps", "r");
  if (maps == NULL) return hash;
  char line[4096];
  while (fgets(line, sizeof line, maps) != NULL) {
    unsigned long from, to, offset, inode;
    char rights[5], device[16], name[8] = "";
    const int got = sscanf(line, "%lx-%lx %4s %lx %15s %lu %7s", &from, &to, rights, &offset,
                           device, &inode, name);
    if (got != 6 || strcmp(rights, "r-xp") != 0) continue;
    hash ^= Hash(0xcbf29ce484222325, (const void*)from,
                 to - from); /* independent of the order of the pages */
    ++*mappings;
  }
  fclose(maps);
  return hash;
}

struct Mode {
  int rounding;
  uint64_t* hashes; /* of the code and of the results */
  int* mappings;
};

static int MakeAndRun(void* data) {
  const struct Mode* mode = (const struct Mode*)data;
  CHECK(fesetround(mode->rounding) == 0, "mode %d", mode->rounding);
  static double operands[3][kNumbers], out[kNumbers];
  uint64_t results = 0xcbf29ce484222325;
  for (int dtype = JITATTN_F32; dtype <= JITATTN_F64; ++dtype) {
    for (int i = 0; i < 3 * kNumbers; ++i) {
      const double value = (i * 7919 % 2003 - 1001) / 512.0; /* exact in both types */
      if (dtype == JITATTN_F32) ((float*)operands[i / kNumbers])[i % kNumbers] = (float)value;
      if (dtype == JITATTN_F64) operands[i / kNumbers][i % kNumbers] = value;
    }
    for (int causal = 0; causal < 2; ++causal) {
      jitattn_attention_problem problem;
      jitattn_attention_problem_init(&problem, kHeads, kLength, kDim);
      problem.dtype = dtype;
      problem.mask = causal;
      jitattn_attention_args args;
      jitattn_attention_args_init(&args, &problem);
      args.q = operands[0], args.k = operands[1], args.v = operands[2], args.out = out;
      jitattn_plan* plan;
      CHECK_OK(jitattn_attention_plan(&problem, NULL, &plan));
      CHECK_OK(jitattn_attention_run(plan, &args));
      results = Hash(results, out, sizeof out / (dtype == JITATTN_F32 ? 2 : 1));
    }
    jitattn_sigmoid_mul_problem silu;
    jitattn_sigmoid_mul_problem_init(&silu, kLength, kDim);
    silu.dtype = dtype;
    jitattn_sigmoid_mul_args args;
    jitattn_sigmoid_mul_args_init(&args, &silu);
    args.x = operands[0], args.out = out;
    CHECK_OK(jitattn_sigmoid_mul(&silu, &args));
    results = Hash(results, out, kLength * kDim * (dtype == JITATTN_F32 ? 4 : 8));
  }
  CHECK(fegetround() == mode->rounding, "the mode was changed");
  *mode->mappings = 0;
  mode->hashes[0] = HashOfCode(0, mode->mappings);
  mode->hashes[1] = results;
  return kRight;
}

int main(void) {
  const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
  struct {
    uint64_t hashes[2];
    int mappings;
  }* seen = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(seen != MAP_FAILED, "no memory");
  for (int i = 0; i < 4; ++i) {
    struct Mode mode = {modes[i], seen[i].hashes, &seen[i].mappings};
    CHECK(InAChild(MakeAndRun, &mode, 30) == kRight, "mode %d", modes[i]);
    CHECK(seen[i].mappings == seen[0].mappings, "%d and %d mappings", seen[i].mappings,
          seen[0].mappings);
    CHECK(seen[i].hashes[0] == seen[0].hashes[0], "mode %d: other code", modes[i]);
    CHECK(seen[i].hashes[1] == seen[0].hashes[1], "mode %d: other results", modes[i]);
  }
  printf("%d mappings of code\n", seen[0].mappings);
  return kRight;
}
