// Runs a function on several threads. Only this file uses OpenMP.

#include "parallel/parallel.h"

#include <strings.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/cpu.h"
#include "base/cpu_topology.h"
#include "base/env.h"
#include "base/fork.h"
#include "base/log.h"
#include "base/thread_local.h"
#include "parallel/fp_environment.h"
#include "parallel/hooks.h"
#include "parallel/openmp.h"
#include "parallel/thread_pool.h"

namespace jitattn::inline base {
namespace {

struct HostPool {
  ParallelForHook parallel_for = nullptr;
  void* context = nullptr;
};

constinit SetOnce<HostPool> host_pool;
JITATTN_THREAD_LOCAL HostPool host_pool_of_thread;

const HostPool* HostPoolInUse() {
  if (host_pool_of_thread.parallel_for != nullptr) return &host_pool_of_thread;
  return host_pool.get();
}

struct Job {
  void (*body)(int index, void* context);
  void* context;
  std::atomic<bool> has_thrown{false};
  std::exception_ptr thrown;  // by the first body that threw
};

JITATTN_THREAD_LOCAL bool in_body = false;

// Every body has its own guard: a pool's thread starts with its creator's MXCSR, whatever that is.
void RunBody(int32_t index, void* data) noexcept {
  Job& job = *static_cast<Job*>(data);
  const bool outer = std::exchange(in_body, true);
  try {
    DefaultFpEnvironment environment;
    job.body(index, job.context);
  } catch (...) {
    if (!job.has_thrown.exchange(true)) job.thrown = std::current_exception();
  }
  in_body = outer;
}

enum class Threads : int { kUnknown, kOwn, kOpenMp };

Threads ReadThreads() {
  const char* word = Env("JITATTN_THREADS");
  if (word == nullptr || std::string_view(word) == "pool") return Threads::kOwn;
  if (kHasOpenMp && std::string_view(word) == "openmp") return Threads::kOpenMp;
  Log(LogLevel::kWarning,
      absl::StrCat("ignoring JITATTN_THREADS=", word, ": expected pool",
                   kHasOpenMp ? " or openmp" : ", as this build has no OpenMP"));
  return Threads::kOwn;
}

// Usually read once. Several first callers may each read the variable, with the same result.
Threads ThreadsOfChoice() {
  static constinit std::atomic<Threads> choice{Threads::kUnknown};
  Threads threads = choice.load(std::memory_order_relaxed);
  if (threads == Threads::kUnknown) {
    threads = ReadThreads();
    choice.store(threads, std::memory_order_relaxed);
  }
  return threads;
}

// Initialised when the library is loaded, since the CPU is described only once, for the first
// caller.
[[maybe_unused]] const bool bound_cpus_are_told = [] {
  SetBoundCpus(CpusOfPlaces());
  return true;
}();

}  // namespace

bool HelpersSleepAtOnce() {
  const char* policy = Env("OMP_WAIT_POLICY");
  const char* spins = Env("GOMP_SPINCOUNT");
  return (policy != nullptr && strcasecmp(policy, "passive") == 0) ||
         (spins != nullptr && strcmp(spins, "0") == 0);
}

double WorthwhileCycles() {
  if (HostPoolInUse() != nullptr) return 40e3;
  return HelpersSleepAtOnce() ? 200e3 : 12e3;
}

int ThreadsFor(double work, double planned_work, double worthwhile, int threads) {
  if (threads <= 1 || work >= planned_work / 2) return threads;
  return static_cast<int>(std::clamp<double>(work / worthwhile, 1, threads));
}

void ParallelFor(int count, void (*body)(int index, void* context), void* context) {
  Job job{.body = body, .context = context};
  if (count <= 1 || in_body || InForkedChild() || InOpenMpRegion()) {
    for (int i = 0; i < count; ++i) RunBody(i, &job);
  } else if (const HostPool* pool = HostPoolInUse()) {
    pool->parallel_for(count, RunBody, &job, pool->context);
  } else if (ThreadsOfChoice() == Threads::kOpenMp) {
    RunOnOpenMp(count, [&](int i) { RunBody(i, &job); });
  } else {
    RunOnPool(count, RunBody, &job);
  }
  if (job.has_thrown.load(std::memory_order_relaxed)) std::rethrow_exception(job.thrown);
}

bool SetParallelForHook(ParallelForHook hook, void* context) {
  return host_pool.Set({hook, context});
}

void SetParallelForHookOfThread(ParallelForHook hook, void* context) {
  host_pool_of_thread = {hook, context};
}

int ThreadBudget(int requested) {
  const int limit = std::clamp(OpenMpThreadLimit(), 1, kMaxThreads);
  if (requested > 0) return std::min(requested, limit);
  return std::clamp(std::min(HostCpu().physical_cores, OpenMpMaxThreads()), 1, limit);
}

}  // namespace jitattn::inline base
