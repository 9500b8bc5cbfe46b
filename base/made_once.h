// A value made by its first user and shared by all.

#ifndef JITATTN_BASE_MADE_ONCE_H_
#define JITATTN_BASE_MADE_ONCE_H_

#include <atomic>
#include <memory>

namespace jitattn::inline base {

// Replaces a function-local static, without its lock: a child forked while another thread
// initialises such a static would wait for that thread for ever. Here every thread that finds no
// value makes one, and the first finished value is kept. The value is never destroyed, since
// threads and destructors may use it during exit. If `make` throws, the next caller tries again.
// REQUIRES: declared constinit.
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
