// Pages, page tables, and the ROM of them all.

#include "tests/emulate/image.h"

#include <algorithm>
#include <cstring>

namespace jitattn::emulate {
namespace {

// Rights of a page table entry.
constexpr uint64_t kPresent = 1, kWrite = 2, kNoExecute = uint64_t{1} << 63;
constexpr int kLevels = 4, kLevelBits = 9, kPageBits = 12;

// Above 4 GB, so that an address that has lost its upper half is not mapped.
constexpr uint64_t kFirstPage = 0x5500'0000'0000;
constexpr uint64_t kStackBytes = 16 << 10, kAboveStack = 64;

constexpr uint8_t kInt3 = 0xCC, kAllOnes = 0xFF;

std::span<const uint8_t> BytesOf(const std::vector<Operation>& table) {
  return {reinterpret_cast<const uint8_t*>(table.data()), table.size() * sizeof(Operation)};
}

}  // namespace

Image::Image(uint64_t xcr0)
    : xcr0_(xcr0), next_page_(kFirstPage), next_variable_(kImageAddress + kMaxRomBytes) {
  page_entries_[kBootAddress] = kBootAddress | kPresent;
  stack_ = AddVariable(kStackBytes, Flush::kFront).address + kStackBytes - kAboveStack;
}

uint64_t Image::ram_bytes() const { return next_variable_; }

Memory Image::Place(uint64_t bytes, Flush flush) {
  Memory m = {.bytes = bytes, .pages = next_page_ + kPageBytes};
  m.pages_bytes = std::max<uint64_t>(1, (bytes + kPageBytes - 1) / kPageBytes) * kPageBytes;
  m.address = flush == Flush::kFront ? m.pages : m.pages + m.pages_bytes - bytes;
  next_page_ = m.pages + m.pages_bytes;
  return m;
}

void Image::Map(const Memory& memory, uint64_t physical, uint64_t rights) {
  for (uint64_t at = 0; at < memory.pages_bytes; at += kPageBytes)
    page_entries_[memory.pages + at] = (physical + at) | rights | kPresent;
}

uint64_t Image::AppendPages(uint64_t bytes, uint8_t filled_with) {
  const uint64_t at = contents_.size();
  contents_.resize(at + bytes, filled_with);
  return kImageAddress + at;
}

Memory Image::AddCode(std::span<const uint8_t> code) {
  const Memory m = Place(code.size(), Flush::kFront);
  const uint64_t physical = AppendPages(m.pages_bytes, kInt3);
  std::copy(code.begin(), code.end(), At(physical));
  Map(m, physical, 0);
  return m;
}

Memory Image::AddContents(std::span<const uint8_t> contents, Flush flush, Access access) {
  const Memory m = Place(contents.size(), flush);
  const uint64_t physical = AppendPages(m.pages_bytes, kAllOnes);
  std::copy(contents.begin(), contents.end(), At(physical + (m.address - m.pages)));
  Map(m, physical, kNoExecute | (access == Access::kReadAndWrite ? kWrite : 0));
  return m;
}

Memory Image::AddVariable(uint64_t bytes, Flush flush) {
  const Memory m = Place(bytes, flush);
  Map(m, next_variable_, kNoExecute | kWrite);
  next_variable_ += m.pages_bytes;
  return m;
}

// A table is a page of 512 entries; those of the lower levels are made when an address needs them.
uint64_t Image::BuildPageTables() {
  const auto add_table = [&] { return AppendPages(kPageBytes, 0); };
  const uint64_t root = add_table();
  for (const auto& [address, page] : page_entries_) {
    uint64_t table = root;
    for (int level = kLevels - 1; level >= 0; --level) {
      const uint64_t index =
          address >> (kPageBits + level * kLevelBits) & ((uint64_t{1} << kLevelBits) - 1);
      const uint64_t at = table + index * sizeof(uint64_t);
      if (level == 0) {
        std::memcpy(At(at), &page, sizeof page);
        break;
      }
      uint64_t entry;
      std::memcpy(&entry, At(at), sizeof entry);
      if (entry == 0) {
        entry = add_table() | kPresent | kWrite;
        std::memcpy(At(at), &entry, sizeof entry);
      }
      table = entry & ~(kPageBytes - 1);
    }
  }
  return root;
}

std::vector<uint8_t> Image::Rom() {
  table_.push_back({Op::kEnd});
  const Memory table = AddContents(BytesOf(table_), Flush::kFront);
  const uint64_t root = BuildPageTables();
  const BootHeader header = {.image_bytes = static_cast<uint32_t>(contents_.size()),
                             .page_tables = static_cast<uint32_t>(root),
                             .stack = stack_,
                             .table = table.address,
                             .xcr0 = xcr0_};
  std::vector<uint8_t> rom = contents_;
  rom.insert(rom.end(), jitattn_boot, jitattn_boot_end);
  std::memcpy(rom.data() + contents_.size(), &header, sizeof header);
  return rom;
}

}  // namespace jitattn::emulate
