// The image that a bare machine boots (boot.S): memory with known contents, its page tables, and
// the table of operations.

#ifndef JITATTN_TESTS_EMULATE_IMAGE_H_
#define JITATTN_TESTS_EMULATE_IMAGE_H_

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "tests/emulate/boot.h"

namespace jitattn::emulate {

inline constexpr uint64_t kPageBytes = 4096;

// Memory of the machine: `bytes` of it at `address`, in whole pages from `pages` on. The page
// before these and the page behind them are not mapped.
struct Memory {
  uint64_t address, bytes;
  uint64_t pages, pages_bytes;
};

// The end of the memory that adjoins an unmapped page.
enum class Flush { kFront, kBack };
enum class Access { kRead, kReadAndWrite };

class Image {
 public:
  explicit Image(uint64_t xcr0);

  // The rest of the pages is filled with ones, or with int3 for code.
  Memory AddCode(std::span<const uint8_t> code);  // executed and read
  Memory AddContents(std::span<const uint8_t> contents, Flush flush, Access access = Access::kRead);
  Memory AddVariable(uint64_t bytes, Flush flush);  // read and written, arbitrary at first

  void Add(const Operation& operation) { table_.push_back(operation); }

  // Of the image as it is; Rom() may be 1 % longer. Bochs takes kMaxRomBytes.
  uint64_t bytes() const { return contents_.size(); }
  uint64_t ram_bytes() const;
  static constexpr uint64_t kMaxRomBytes = 2 << 20;

  // The ROM. REQUIRES: called once, last.
  std::vector<uint8_t> Rom();

 private:
  Memory Place(uint64_t bytes, Flush flush);
  void Map(const Memory& memory, uint64_t physical, uint64_t rights);
  uint64_t AppendPages(uint64_t bytes, uint8_t filled_with);  // returns where, physically
  uint8_t* At(uint64_t physical) { return contents_.data() + (physical - kImageAddress); }
  uint64_t BuildPageTables();

  uint64_t xcr0_;
  uint64_t stack_;                             // its top
  uint64_t next_page_;                         // virtual
  uint64_t next_variable_;                     // physical, behind everything that ROM fills
  std::vector<uint8_t> contents_;              // from kImageAddress on
  std::map<uint64_t, uint64_t> page_entries_;  // by virtual address
  std::vector<Operation> table_;
};

}  // namespace jitattn::emulate

#endif  // JITATTN_TESTS_EMULATE_IMAGE_H_
