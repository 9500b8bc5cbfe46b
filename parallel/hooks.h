// A setting that the host program can make once, readable without a lock.

#ifndef JITATTN_PARALLEL_HOOKS_H_
#define JITATTN_PARALLEL_HOOKS_H_

#include <atomic>

namespace jitattn::inline base {

template <typename T>
class SetOnce {
 public:
  constexpr SetOnce() = default;

  // Returns false, without effect, if the setting was set or closed before.
  bool Set(const T& value) {
    State expected = State::kOpen;
    if (!state_.compare_exchange_strong(expected, State::kBeingSet)) return false;
    value_ = value;
    state_.store(State::kSet, std::memory_order_release);
    return true;
  }

  // Null while unset.
  const T* get() const {
    return state_.load(std::memory_order_acquire) == State::kSet ? &value_ : nullptr;
  }

  // Makes every later Set() fail: work done under the default must be undone under the default.
  void Close() {
    State expected = State::kOpen;
    state_.compare_exchange_strong(expected, State::kClosed);
  }

 private:
  enum class State { kOpen, kBeingSet, kSet, kClosed };
  std::atomic<State> state_{State::kOpen};
  T value_{};
};

}  // namespace jitattn::inline base

#endif  // JITATTN_PARALLEL_HOOKS_H_
