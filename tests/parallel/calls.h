// A body that counts its calls, and notes by which thread.

#ifndef JITATTN_TESTS_PARALLEL_CALLS_H_
#define JITATTN_TESTS_PARALLEL_CALLS_H_

#include <atomic>
#include <thread>
#include <vector>

namespace jitattn {

struct Calls {
  explicit Calls(int count) : times(count), threads(count) {}
  std::vector<std::atomic<int>> times;
  std::vector<std::thread::id> threads;

  static void Count(int index, void* data) {
    Calls& calls = *static_cast<Calls*>(data);
    ++calls.times[index];
    calls.threads[index] = std::this_thread::get_id();
  }
  bool EachOnce() const {
    for (const auto& count : times) {
      if (count != 1) return false;
    }
    return true;
  }
};

}  // namespace jitattn

#endif  // JITATTN_TESTS_PARALLEL_CALLS_H_
