// Structs of the C ABI from callers of other versions.

#include "runtime/c_struct.h"

#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/mentions.h"

namespace jitattn::runtime {

// As it would be after growing twice.
struct Grown {
  size_t struct_size;
  int64_t first;
  double second;  // since the second version
  int64_t third;  // since the third
};
template <>
inline constexpr std::array<size_t, 3> kStructSizes<Grown> = {
    offsetof(Grown, second), offsetof(Grown, third), sizeof(Grown)};

namespace {

std::vector<char> Bytes(const Grown& full, size_t size) {
  std::vector<char> bytes(size, '\0');
  std::memcpy(bytes.data(), &full, std::min(size, sizeof full));
  std::memcpy(bytes.data(), &size, sizeof size);
  return bytes;
}

const Grown kFull{.struct_size = sizeof(Grown), .first = 1, .second = 2.5, .third = 3};

TEST(CStruct, WhatAnOlderCallerLacksIsZero) {
  for (size_t size : kStructSizes<Grown>) {
    std::vector<char> theirs = Bytes(kFull, size);
    Taken<Grown> taken;
    ASSERT_TRUE(taken.Take("grown", reinterpret_cast<const Grown*>(theirs.data())).ok()) << size;
    EXPECT_EQ(taken->struct_size, sizeof(Grown));
    EXPECT_EQ(taken->first, 1);
    EXPECT_EQ(taken->second, size >= kStructSizes<Grown>[1] ? 2.5 : 0) << size;
    EXPECT_EQ(taken->third, size == sizeof(Grown) ? 3 : 0) << size;
    // This version's own is not copied.
    EXPECT_EQ(taken.get() == reinterpret_cast<const Grown*>(theirs.data()), size == sizeof(Grown));
  }
}

TEST(CStruct, WhatANewerCallerAddsMustBeZero) {
  std::vector<char> theirs = Bytes(kFull, sizeof(Grown) + 16);
  Taken<Grown> taken;
  ASSERT_TRUE(taken.Take("grown", reinterpret_cast<const Grown*>(theirs.data())).ok());
  EXPECT_EQ(taken->struct_size, sizeof(Grown));
  EXPECT_EQ(taken->third, 3);
  theirs.back() = 1;
  EXPECT_THAT(taken.Take("grown", reinterpret_cast<const Grown*>(theirs.data())).message(),
              Mentions({"grown"}));
}

TEST(CStruct, SizesThatNoVersionHadAreRefused) {
  for (size_t size = 0; size < sizeof(Grown); ++size) {
    const bool known = size == 16 || size == 24;
    std::vector<char> theirs = Bytes(kFull, sizeof(Grown));
    std::memcpy(theirs.data(), &size, sizeof size);
    Taken<Grown> taken;
    const absl::Status status = taken.Take("grown", reinterpret_cast<const Grown*>(theirs.data()));
    EXPECT_EQ(status.ok(), known) << size;
    if (known) continue;
    EXPECT_THAT(status.message(),
                Mentions({"grown.struct_size", absl::StrCat(size), "16", "24", "32"}));
  }
  Taken<Grown> taken;
  EXPECT_FALSE(taken.Take("grown", nullptr).ok());
}

TEST(CStruct, AnOlderCallerIsGivenWhatItHasRoomFor) {
  for (size_t size : {size_t{16}, size_t{24}, size_t{32}, size_t{48}}) {
    std::vector<char> theirs(size + 8, 'x');
    std::memcpy(theirs.data(), &size, sizeof size);
    ASSERT_TRUE(Give("grown", kFull, reinterpret_cast<Grown*>(theirs.data())).ok()) << size;
    std::vector<char> expected = Bytes(kFull, size);
    expected.resize(size + 8, 'x');
    EXPECT_EQ(theirs, expected) << size;
  }
}

// The first entry is what programs were compiled against, for ever; the last is this header's.
TEST(CStruct, FirstVersions) {
  if (sizeof(void*) != 8) GTEST_SKIP() << "sizes of 64-bit hosts";
  EXPECT_EQ(kStructSizes<jitattn_attention_problem>.front(), 72u);
  EXPECT_EQ(kStructSizes<jitattn_sigmoid_mul_problem>.front(), 32u);
  EXPECT_EQ(kStructSizes<jitattn_attention_args>.front(), 184u);
  EXPECT_EQ(kStructSizes<jitattn_sigmoid_mul_args>.front(), 56u);
  EXPECT_EQ(kStructSizes<jitattn_activation_problem>.front(), 48u);
  EXPECT_EQ(kStructSizes<jitattn_activation_args>.front(), 96u);
  EXPECT_EQ(kStructSizes<jitattn_append_args>.front(), 328u);
  EXPECT_EQ(kStructSizes<jitattn_plan_options>.front(), 40u);
  EXPECT_EQ(kStructSizes<jitattn_plan_info>.front(), 64u);
  EXPECT_EQ(kStructSizes<jitattn_attention_args>.back(), sizeof(jitattn_attention_args));
}

}  // namespace
}  // namespace jitattn::runtime
