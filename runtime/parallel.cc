// Running a function on several threads. The only file that includes OpenMP.

#include "runtime/parallel.h"

#include <omp.h>
#include <strings.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "jit/cpu.h"
#include "jit/env.h"
#include "runtime/fork.h"
#include "runtime/fp_environment.h"
#include "runtime/hooks.h"

namespace jitattn::runtime {
namespace {

struct HostPool {
  ParallelForHook parallel_for = nullptr;
  void* context = nullptr;
};

constinit SetOnce<HostPool> host_pool;

struct Job {
  void (*body)(int index, void* context);
  void* context;
};

// Every body has its own guard: a thread of a pool starts with whatever MXCSR its creator had.
void RunBody(int32_t index, void* data) {
  const Job& job = *static_cast<const Job*>(data);
  DefaultFpEnvironment environment;
  job.body(index, job.context);
}

// What libgomp reads when it is loaded.
bool ThreadsSleep() {
  const char* policy = jit::Env("OMP_WAIT_POLICY");
  const char* spins = jit::Env("GOMP_SPINCOUNT");
  return (policy != nullptr && strcasecmp(policy, "passive") == 0) ||
         (spins != nullptr && strcmp(spins, "0") == 0);
}

}  // namespace

double WorthwhileCycles() {
  if (host_pool.get() != nullptr) return 40e3;
  static const bool sleep = ThreadsSleep();
  return sleep ? 200e3 : 12e3;
}

int ThreadsFor(double work, double planned_work, double worthwhile, int threads) {
  if (threads <= 1 || work >= planned_work / 2) return threads;
  return static_cast<int>(std::clamp<double>(work / worthwhile, 1, threads));
}

void ParallelFor(int count, void (*body)(int index, void* context), void* context) {
  Job job{body, context};
  if (count <= 1 || InForkedChild() || omp_in_parallel()) {
    for (int i = 0; i < count; ++i) RunBody(i, &job);
    return;
  }
  if (const HostPool* pool = host_pool.get()) {
    pool->parallel_for(count, RunBody, &job, pool->context);
    return;
  }
  // num_threads touches no setting of the program. It is an upper bound: where the runtime gives
  // fewer threads (a limit, a dynamic adjustment), each takes several bodies.
#pragma omp parallel num_threads(count)
  {
    const int stride = omp_get_num_threads();
    for (int i = omp_get_thread_num(); i < count; i += stride) RunBody(i, &job);
  }
}

bool SetParallelForHook(ParallelForHook hook, void* context) {
  return host_pool.Set({hook, context});
}

int ThreadBudget(int requested) {
  if (requested > 0) return requested;
  // OpenMP's own answer is OMP_NUM_THREADS where that is set, what the program last asked for by
  // omp_set_num_threads, else every logical CPU: never less than the cores unless somebody wants
  // so.
  return std::max(1, std::min(jit::HostCpu().physical_cores, omp_get_max_threads()));
}

}  // namespace jitattn::runtime
