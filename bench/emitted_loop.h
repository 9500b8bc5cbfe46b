// Runs a single emitter in a loop, for Google Benchmark, to find which part of a kernel is slow.

#ifndef JITATTN_BENCH_EMITTED_LOOP_H_
#define JITATTN_BENCH_EMITTED_LOOP_H_

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <string>

#include "base/cpu.h"
#include "jit/assembler.h"
#include "jit/attention/args.h"
#include "jit/executable_memory.h"
#include "runtime/peak.h"

namespace jitattn::bench {

// The arguments of every emitted loop. The kernel's own arguments come first, for emitters that
// read them.
struct LoopArgs {
  jit::AttentionArgs attention = {};
  void* data = nullptr;  // 64-byte aligned
  int64_t repeats = 1;
};

// Zeroed memory, 64-byte aligned.
class Data {
 public:
  explicit Data(size_t bytes) : memory_(std::aligned_alloc(64, (bytes + 63) / 64 * 64)) {
    std::fill_n(static_cast<char*>(memory_.get()), bytes, 0);
  }
  void* get() const { return memory_.get(); }

 private:
  struct Free {
    void operator()(void* p) const { std::free(p); }
  };
  std::unique_ptr<void, Free> memory_;
};

class EmittedLoop {
 public:
  // emit(a, data, repeat) emits the setup and calls repeat(body) once; body() emits one repeat of
  // the loop. Code that is emitted after repeat() lies behind the loop's return. `data` is the
  // register that holds LoopArgs::data; setup and body must preserve it.
  template <typename Emit>
  EmittedLoop(Isa isa, DType dtype, int frame_bytes, Emit emit) {
    try {
      jit::Assembler a(isa, HostCpu());
      a.Prolog(dtype, frame_bytes);
      const jit::Gprs data = a.pool().LeaseGprs("data"), left = a.pool().LeaseGprs("repeats left");
      a.mov(data, a.ptr[a.args() + static_cast<int>(offsetof(LoopArgs, data))]);
      a.mov(left, a.ptr[a.args() + static_cast<int>(offsetof(LoopArgs, repeats))]);
      emit(a, data[0], [&](auto body) {
        Xbyak::Label top;
        a.align(64);
        a.L(top);
        body();
        a.dec(left);
        a.jnz(top, a.T_NEAR);
        a.Epilog();
      });
      auto memory = jit::ExecutableMemory::Create(a.Finish());
      if (memory.ok()) memory_.emplace(*std::move(memory));
      if (!memory.ok()) error_ = std::string(memory.status().message());
    } catch (const std::exception& e) {  // an Xbyak::Error, where registers run out
      error_ = std::string("cannot be emitted: ") + e.what();
    }
  }

  // Runs the loop under `state`, kRepeats repeats per iteration, and reports as `counter` the
  // cycles per unit of work (vectors, FMAs), of which a repeat does `units`.
  void Run(benchmark::State& state, LoopArgs args, double units, const char* counter) {
    if (!memory_) return state.SkipWithError(error_.c_str());
    args.repeats = kRepeats;
    const auto entry = reinterpret_cast<void (*)(const LoopArgs*)>(
        reinterpret_cast<uintptr_t>(memory_->code().data()));
    // Measure the clock at the same time: cores slow down under wide vectors and busy neighbours.
    double seconds = 1e300, clock_hz = runtime::MeasureClockHz();
    for (auto _ : state) {
      const auto start = std::chrono::steady_clock::now();
      entry(&args);
      const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
      seconds = std::min(seconds, elapsed.count());
    }
    clock_hz = std::max(clock_hz, runtime::MeasureClockHz());
    state.counters[counter] = seconds * clock_hz / kRepeats / units;  // the fastest iteration
  }

 private:
  static constexpr int64_t kRepeats = 1000;
  std::optional<jit::ExecutableMemory> memory_;
  std::string error_;
};

// True if this CPU has the ISA; otherwise skips the benchmark.
inline bool HasIsa(benchmark::State& state, Isa isa) {
  if (isa <= HostCpu().isa) return true;
  state.SkipWithError("this CPU has no such instructions");
  return false;
}

}  // namespace jitattn::bench

#endif  // JITATTN_BENCH_EMITTED_LOOP_H_
