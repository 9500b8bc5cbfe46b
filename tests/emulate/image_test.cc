// What an image maps, with which rights, and how a ROM ends.

#include "tests/emulate/image.h"

#include <cstring>
#include <optional>
#include <string>

#include "gtest/gtest.h"

namespace jitattn::emulate {
namespace {

constexpr uint64_t kPresent = 1, kWrite = 2, kNoExecute = uint64_t{1} << 63;

std::vector<uint8_t> Bytes(size_t count, int first) {
  std::vector<uint8_t> bytes(count);
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<uint8_t>(first + i * 7);
  return bytes;
}

// A ROM as the machine sees it once boot.S has copied it.
class Machine {
 public:
  explicit Machine(std::vector<uint8_t> rom) : rom_(std::move(rom)) {
    std::memcpy(&header_, rom_.data() + rom_.size() - kPageBytes, sizeof header_);
  }

  const BootHeader& header() const { return header_; }
  const std::vector<uint8_t>& rom() const { return rom_; }

  // The entry of the page that `address` lies in, by the tables that the CPU walks.
  std::optional<uint64_t> Entry(uint64_t address) const {
    uint64_t table = header_.page_tables;
    for (int shift = 39; shift > 12; shift -= 9) {
      const uint64_t entry = Physical<uint64_t>(table + (address >> shift & 511) * 8);
      if ((entry & kPresent) == 0) return std::nullopt;
      table = entry & ~uint64_t{0xFFF};
    }
    const uint64_t entry = Physical<uint64_t>(table + (address >> 12 & 511) * 8);
    if ((entry & kPresent) == 0) return std::nullopt;
    return entry;
  }

  template <typename T>
  T Read(uint64_t address) const {
    const auto entry = Entry(address);
    EXPECT_TRUE(entry.has_value()) << std::hex << address;
    return Physical<T>((entry.value_or(kImageAddress) & 0x000FFFFFFFFFF000) + (address & 0xFFF));
  }

  // The rights of every page of `m`, which are one; and no page before and behind it.
  uint64_t Rights(const Memory& m) const {
    EXPECT_FALSE(Entry(m.pages - 1)) << "the page before is mapped";
    EXPECT_FALSE(Entry(m.pages + m.pages_bytes)) << "the page behind is mapped";
    const uint64_t rights = Entry(m.pages).value_or(0) & (kPresent | kWrite | kNoExecute);
    for (uint64_t at = m.pages; at < m.pages + m.pages_bytes; at += kPageBytes)
      EXPECT_EQ(Entry(at).value_or(0) & (kPresent | kWrite | kNoExecute), rights);
    return rights;
  }

 private:
  template <typename T>
  T Physical(uint64_t address) const {
    T value = {};
    EXPECT_GE(address, kImageAddress);
    EXPECT_LE(address + sizeof(T), kImageAddress + header_.image_bytes);
    std::memcpy(&value, rom_.data() + (address - kImageAddress), sizeof value);
    return value;
  }

  std::vector<uint8_t> rom_;
  BootHeader header_;
};

TEST(Image, MapsCodeContentsAndVariablesWithTheirRights) {
  Image image(7);
  const Memory code = image.AddCode(Bytes(5000, 1));
  const Memory input = image.AddContents(Bytes(100, 2), Flush::kBack);
  const Memory both = image.AddContents(Bytes(10, 3), Flush::kFront, Access::kReadAndWrite);
  const Memory variable = image.AddVariable(8192, Flush::kBack);
  const Memory nothing = image.AddVariable(0, Flush::kBack);
  const uint64_t ram_before = image.ram_bytes();
  const Machine machine(image.Rom());
  EXPECT_EQ(machine.Rights(code), kPresent);
  EXPECT_EQ(machine.Rights(input), kPresent | kNoExecute);
  EXPECT_EQ(machine.Rights(both), kPresent | kWrite | kNoExecute);
  EXPECT_EQ(machine.Rights(variable), kPresent | kWrite | kNoExecute);
  EXPECT_EQ(machine.Rights(nothing), kPresent | kWrite | kNoExecute);
  EXPECT_EQ(variable.pages_bytes, 8192u);
  // Variables lie behind all that the ROM may fill, apart from each other.
  const uint64_t physical = *machine.Entry(variable.pages) & 0x000FFFFFFFFFF000;
  EXPECT_GE(physical, kImageAddress + Image::kMaxRomBytes);
  EXPECT_EQ((*machine.Entry(nothing.pages) & 0x000FFFFFFFFFF000), physical + 8192);
  EXPECT_EQ(ram_before, physical + 8192 + kPageBytes);
}

TEST(Image, ContentsLieFlushAgainstAPageThatIsNotMapped) {
  Image image(7);
  const auto code = Bytes(5000, 1), input = Bytes(100, 2);
  const Memory at_code = image.AddCode(code);
  const Memory back = image.AddContents(input, Flush::kBack);
  const Memory front = image.AddContents(input, Flush::kFront);
  const Machine machine(image.Rom());
  EXPECT_EQ(at_code.address, at_code.pages);
  EXPECT_EQ(back.address + back.bytes, back.pages + back.pages_bytes);
  EXPECT_EQ(front.address, front.pages);
  for (size_t i = 0; i < code.size(); ++i)
    ASSERT_EQ(machine.Read<uint8_t>(at_code.address + i), code[i]);
  for (size_t i = 0; i < input.size(); ++i) {
    ASSERT_EQ(machine.Read<uint8_t>(back.address + i), input[i]);
    ASSERT_EQ(machine.Read<uint8_t>(front.address + i), input[i]);
  }
  EXPECT_EQ(machine.Read<uint8_t>(back.address - 1), 0xFF);
  EXPECT_EQ(machine.Read<uint8_t>(front.address + front.bytes), 0xFF);
  EXPECT_EQ(machine.Read<uint8_t>(at_code.address + code.size()), 0xCC);
}

TEST(Image, TheTableEndsWithEnd) {
  Image image(0xE7);
  image.Add({Op::kFill, 5, 6, 7, 8});
  image.Add({Op::kSend, 9, 10, 11, 12});
  const Machine machine(image.Rom());
  const uint64_t table = machine.header().table;
  const auto at = [&](int i) { return machine.Read<Operation>(table + i * sizeof(Operation)); };
  EXPECT_EQ(at(0).op, Op::kFill);
  EXPECT_EQ(at(0).c, 8u);
  EXPECT_EQ(at(1).op, Op::kSend);
  EXPECT_EQ(at(1).case_number, 9u);
  EXPECT_EQ(at(2).op, Op::kEnd);
  EXPECT_EQ(machine.header().xcr0, 0xE7u);
}

// The CPU's first fetch is from the last 16 bytes; the page they are in is mapped where it runs.
TEST(Image, TheRomEndsWithTheBootPage) {
  Image image(7);
  const Machine machine(image.Rom());
  const std::vector<uint8_t>& rom = machine.rom();
  ASSERT_EQ(jitattn_boot_end - jitattn_boot, static_cast<ptrdiff_t>(kPageBytes));
  ASSERT_EQ(rom.size(), machine.header().image_bytes + kPageBytes);
  EXPECT_EQ(machine.header().image_bytes % kPageBytes, 0u);
  EXPECT_EQ(std::memcmp(rom.data() + rom.size() - kPageBytes + sizeof(BootHeader),
                        jitattn_boot + sizeof(BootHeader), kPageBytes - sizeof(BootHeader)),
            0);
  const uint8_t* reset = rom.data() + rom.size() - 16;
  EXPECT_EQ(reset[0], 0xE9) << "a near jump of 16 bits";
  int16_t distance;
  std::memcpy(&distance, reset + 1, sizeof distance);
  const int64_t target = static_cast<int64_t>(kPageBytes) - 16 + 3 + distance;
  EXPECT_GE(target, static_cast<int64_t>(sizeof(BootHeader)));
  EXPECT_LT(target, static_cast<int64_t>(kPageBytes) - 16);
  EXPECT_EQ(machine.Entry(kBootAddress), kBootAddress | kPresent);
  // The stack is written from below its top, and 64 bytes above.
  const uint64_t stack = machine.header().stack;
  EXPECT_EQ(stack % 16, 0u);
  EXPECT_TRUE(machine.Entry(stack - 8));
  EXPECT_TRUE(machine.Entry(stack + 63));
}

}  // namespace
}  // namespace jitattn::emulate
