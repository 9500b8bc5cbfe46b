// Keys and values in pages, for tests of kernels.

#ifndef JITATTN_TESTS_JIT_PAGED_MEMORY_H_
#define JITATTN_TESTS_JIT_PAGED_MEMORY_H_

#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "jit/attention/args.h"
#include "tests/jit/attention_reference.h"

namespace jitattn::jit::testing {

// Places for pages, each flush against unreadable memory. What was not put into one is unreadable
// as well.
class PagePool {
 public:
  PagePool(int64_t places, int64_t page_bytes, bool back, bool backwards)
      : page_bytes_(page_bytes),
        readable_((page_bytes + kUnit - 1) / kUnit * kUnit),
        bytes_(static_cast<size_t>(places * (readable_ + kUnit) + kUnit)),
        stride_((readable_ + kUnit) * (backwards ? -1 : 1)) {
    mapping_ = static_cast<char*>(
        mmap(nullptr, bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    first_ = mapping_ + kUnit + (back ? readable_ - page_bytes : 0) +
             (backwards ? (places - 1) * (readable_ + kUnit) : 0);
  }
  ~PagePool() { munmap(mapping_, bytes_); }
  PagePool(const PagePool&) = delete;

  // Makes page `place` readable, filled with NaN.
  char* Add(int64_t place) {
    char* const page = first_ + place * stride_;
    char* const unit = mapping_ + (page - mapping_) / kUnit * kUnit;
    mprotect(unit, static_cast<size_t>(readable_), PROT_READ | PROT_WRITE);
    std::memset(unit, 0xFF, static_cast<size_t>(readable_));
    return page;
  }
  const char* first() const { return first_; }
  int64_t stride() const { return stride_; }

 private:
  static constexpr int64_t kUnit = 4096;
  const int64_t page_bytes_, readable_;
  const size_t bytes_;
  const int64_t stride_;
  char *mapping_, *first_;
};

// The keys and values of a case in pages in random order. Pages of which no row sees a key are
// nowhere, and their entries of the table are wild. Rows of other pages that no row sees are NaN.
template <typename T>
class PagedMemory {
 public:
  PagedMemory(const AttentionCase<T>& in, int64_t page_size, std::mt19937_64& random)
      : in_(in),
        page_size_(page_size),
        page_row_(static_cast<int64_t>(random() % page_size)),
        pages_((page_row_ + in.kv_len + page_size - 1) / page_size),
        table_(static_cast<size_t>(pages_) * sizeof(int32_t), GuardedBuffer::kBack),
        k_(pages_ + 2, Bytes(in.spec.head_dim), random() % 2, random() % 2),
        v_(pages_ + 2, Bytes(in.spec.value_dim), random() % 2, random() % 2) {
    std::vector<int32_t> places(pages_ + 2);
    std::iota(places.begin(), places.end(), 0);
    std::shuffle(places.begin(), places.end(), random);
    for (int64_t page = 0; page < pages_; ++page) {
      int32_t& entry = table_.template as<int32_t>()[page];
      entry = random() % 2 ? -1234567 : std::numeric_limits<int32_t>::max();
      const int64_t first = page * page_size - page_row_;
      const auto sees = [&](int64_t key) { return Seen(key); };
      std::vector<int64_t> keys(page_size);
      std::iota(keys.begin(), keys.end(), first);
      if (std::none_of(keys.begin(), keys.end(), sees)) continue;
      entry = places[page];
      char *const k = k_.Add(entry), *const v = v_.Add(entry);
      for (int64_t key : keys) {
        if (!sees(key)) continue;
        Put(k, key - first, in.spec.head_dim, in.k, key);
        Put(v, key - first, in.spec.value_dim, in.v, key);
      }
    }
  }

  // Arguments for the case's keys from `first` on.
  void Set(AttentionArgs& args, int64_t first = 0) const {
    args.k = k_.first(), args.v = v_.first();
    args.k_stride = Stride(in_.spec.head_dim), args.v_stride = Stride(in_.spec.value_dim);
    args.k_page_stride = k_.stride(), args.v_page_stride = v_.stride();
    args.page_size = page_size_;
    args.page_row = (page_row_ + first) % page_size_;
    args.block_table = table_.template as<int32_t>() + (page_row_ + first) / page_size_;
  }

 private:
  int64_t Stride(int64_t dim) const { return (dim + in_.gap) * static_cast<int64_t>(sizeof(T)); }
  int64_t Bytes(int64_t dim) const {
    return (page_size_ - 1) * Stride(dim) + dim * static_cast<int64_t>(sizeof(T));
  }

  bool Seen(int64_t key) const {
    if (key < 0 || key >= in_.kv_len) return false;
    const IndexRange rows = in_.band().Queries(key, in_.q_rows);
    for (int64_t row = rows.first; row < rows.end; ++row) {
      if (!std::isinf(in_.BiasAt(row, key))) return true;
    }
    return false;
  }

  void Put(char* page, int64_t row, int64_t dim, const std::vector<T>& from, int64_t key) const {
    std::memcpy(page + row * Stride(dim), &from[key * dim], dim * sizeof(T));
  }

  const AttentionCase<T>& in_;
  const int64_t page_size_, page_row_, pages_;
  GuardedBuffer table_;
  PagePool k_, v_;
};

}  // namespace jitattn::jit::testing

#endif  // JITATTN_TESTS_JIT_PAGED_MEMORY_H_
