// What the library asks of OpenMP, and the answers in a build without it. Only parallel.cc includes
// this file.

#ifndef JITATTN_PARALLEL_OPENMP_H_
#define JITATTN_PARALLEL_OPENMP_H_

#if JITATTN_OPENMP
#include <omp.h>
#else
#include <charconv>
#include <climits>
#include <string_view>

#include "base/env.h"
#endif

#include <cstddef>
#include <vector>

namespace jitattn::inline base {

#if JITATTN_OPENMP

inline constexpr bool kHasOpenMp = true;

// num_threads changes no setting of the program. It is an upper bound: if the runtime grants fewer
// threads (a limit, a dynamic adjustment), each takes several bodies.
template <typename Body>
void RunOnOpenMp(int count, const Body& body) {
#pragma omp parallel num_threads(count)
  {
    const int stride = omp_get_num_threads();
    for (int i = omp_get_thread_num(); i < count; i += stride) body(i);
  }
}

inline bool InOpenMpRegion() { return omp_in_parallel() != 0; }
inline int OpenMpThreadLimit() { return omp_get_thread_limit(); }

// OMP_NUM_THREADS if set, or the program's last omp_set_num_threads(), or every logical CPU. It is
// below the number of cores only if somebody wants that.
inline int OpenMpMaxThreads() { return omp_get_max_threads(); }

// With OMP_PROC_BIND or OMP_PLACES, OpenMP binds the thread that loads it, before anyone can read
// the process's affinity. OpenMP's places are that affinity.
inline std::vector<int> CpusOfPlaces() {
  std::vector<int> cpus;
  if (omp_get_proc_bind() == omp_proc_bind_false) return cpus;
  for (int place = 0; place < omp_get_num_places(); ++place) {
    std::vector<int> ids(static_cast<size_t>(omp_get_place_num_procs(place)));
    omp_get_place_proc_ids(place, ids.data());
    cpus.insert(cpus.end(), ids.begin(), ids.end());
  }
  return cpus;
}

#else

inline constexpr bool kHasOpenMp = false;

template <typename Body>
void RunOnOpenMp(int count, const Body& body) {
  for (int i = 0; i < count; ++i) body(i);
}

inline bool InOpenMpRegion() { return false; }

// OMP_NUM_THREADS and OMP_THREAD_LIMIT are how users limit threads, with OpenMP or without. The
// former may be a list, of which the first number counts.
inline int NumberInEnv(const char* name) {
  const char* text = Env(name);
  if (text == nullptr) return INT_MAX;
  const std::string_view digits = text;
  int number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number > 0 ? number : INT_MAX;
}

inline int OpenMpThreadLimit() { return NumberInEnv("OMP_THREAD_LIMIT"); }
inline int OpenMpMaxThreads() { return NumberInEnv("OMP_NUM_THREADS"); }
inline std::vector<int> CpusOfPlaces() { return {}; }

#endif

}  // namespace jitattn::inline base

#endif  // JITATTN_PARALLEL_OPENMP_H_
