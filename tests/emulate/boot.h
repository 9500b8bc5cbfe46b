// The protocol between boot.S and the host: the operations of an image, and the answers.

#ifndef JITATTN_TESTS_EMULATE_BOOT_H_
#define JITATTN_TESTS_EMULATE_BOOT_H_

#include <cstdint>

namespace jitattn::emulate {

// Where the last page of the ROM, which is boot.S, and the image before it are copied to.
inline constexpr uint64_t kBootAddress = 0x8000, kImageAddress = 0x100000;

// The first bytes of boot.S's page.
struct BootHeader {
  uint32_t image_bytes;  // a multiple of pages
  uint32_t page_tables;  // physical address of the root
  uint64_t stack;        // its top, with 64 bytes above; a multiple of 16
  uint64_t table;        // of operations
  uint64_t xcr0;         // enabled state, hence the registers that are filled before a call
};
static_assert(sizeof(BootHeader) == 32);

// kEnd is 0, so that zeros end a table.
enum class Op : uint32_t {
  kEnd = 0,       // a Record kEnd, and the machine is turned off
  kFill = 1,      // memset(a, c, b)
  kRun = 2,       // code at a, argument b, code bytes c; answered by kRan
  kSend = 3,      // b bytes from a; answered by kData
  kDescribe = 4,  // sets XCR0; answered by kCpu
};

struct Operation {
  Op op;
  uint32_t case_number;  // after a fault, the case's remaining operations are skipped
  uint64_t a, b, c;
};
static_assert(sizeof(Operation) == 32);

enum class Answer : uint32_t {
  kCpu = 1,   // a: XCR0, b: bytes that follow, four registers for each of kLeaves
  kRan = 2,   // a: FNV-1a of the code, b: Spoilt, c: MXCSR afterwards
  kData = 3,  // a: address, b: bytes that follow
  kEnd = 4,
  kFault = 5,  // a: vector, above it from bit 32 on the error code; b: rip, c: CR2
};

struct Record {
  uint32_t magic;
  Answer kind;
  uint64_t case_number;
  uint64_t a, b, c;
};
static_assert(sizeof(Record) == 40);
inline constexpr uint32_t kMagic = 0x554D454A;  // "JEMU"

// State that a kernel changed and must not change (Record::b of kRan).
inline constexpr uint64_t kSpoiltRegister = 1, kSpoiltStack = 2, kSpoiltDirection = 4;

inline constexpr struct {
  uint32_t leaf, subleaf;
} kLeaves[] = {{0, 0}, {1, 0}, {7, 0}, {7, 1}, {0x80000002, 0}, {0x80000003, 0}, {0x80000004, 0}};

extern "C" const uint8_t jitattn_boot[], jitattn_boot_end[];

}  // namespace jitattn::emulate

#endif  // JITATTN_TESTS_EMULATE_BOOT_H_
