// A value that its first users make and everybody then shares.

#ifndef JITATTN_BASE_MADE_ONCE_H_
#define JITATTN_BASE_MADE_ONCE_H_

#include <atomic>
#include <memory>

namespace jitattn::inline base {

// What a function-local static is for, without its lock: a child that is forked while another
// thread makes such a static waits for that thread for ever, since the child does not have it. Here
// a thread that finds no value makes one; the first that is done is kept, for the life of the
// process, and never destroyed: threads and destructors use the value until the last moment. Where
// `make` throws, the next caller tries again. To be declared constinit.
template <typename T>
class MadeOnce {
 public:
  constexpr MadeOnce() = default;

  template <typename Make>
  const T& Get(const Make& make) {
    if (const T* value = value_.load(std::memory_order_acquire)) return *value;
    auto made = std::make_unique<const T>(make());
    const T* present = nullptr;
    if (!value_.compare_exchange_strong(present, made.get(), std::memory_order_acq_rel)) {
      return *present;
    }
    return *made.release();
  }

 private:
  std::atomic<const T*> value_{nullptr};
};

}  // namespace jitattn::inline base

#endif  // JITATTN_BASE_MADE_ONCE_H_
