// Files that NumPy could have written, and files that nobody should have.

#include "cli/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <random>

#include "tests/cli/process.h"
#include "tests/mentions.h"

namespace jitattn::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A file of format major.0 whose dictionary is `dictionary`.
std::string File(const std::string& dictionary, int major = 1, const std::string& data = "") {
  std::string file = "\x93NUMPY";
  file += static_cast<char>(major);
  file += '\0';
  const size_t length = dictionary.size();
  file += static_cast<char>(length & 0xff);
  file += static_cast<char>(length >> 8);
  if (major > 1) file += std::string(2, '\0');
  return file + dictionary + data;
}

constexpr char kGood[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n";

std::string HeaderError(const std::string& file) {
  const auto header = ParseNpyHeader(file);
  return header.ok() ? "" : std::string(header.status().message());
}

TEST(NpyTest, ReadsTheThreeFormats) {
  for (const int major : {1, 2, 3}) {
    const std::string file = File(kGood, major);
    const auto header = ParseNpyHeader(file);
    ASSERT_TRUE(header.ok()) << header.status();
    EXPECT_EQ(header->dtype, DType::kF32);
    EXPECT_THAT(header->shape, ElementsAre(2, 3));
    EXPECT_EQ(header->data_offset, static_cast<int64_t>(file.size()));
    EXPECT_EQ(header->data_bytes, 24);
  }
}

TEST(NpyTest, TakesKeysInAnyOrderAndBothQuotes) {
  const auto header =
      ParseNpyHeader(File("{\"shape\": (5L,), 'fortran_order': True, \"descr\": '<f8'}"));
  ASSERT_TRUE(header.ok()) << header.status();  // one dimension has one order
  EXPECT_EQ(header->dtype, DType::kF64);
  EXPECT_THAT(header->shape, ElementsAre(5));
}

TEST(NpyTest, SaysWhatIsWrong) {
  for (const std::string& bad :
       {std::string(), std::string("PK\x03\x04 a zip file"), std::string("\x93NUMPY\x01", 7),
        File(kGood).substr(0, 30), File("[1, 2]"), File(std::string(kGood) + "x")}) {
    EXPECT_NE(HeaderError(bad), "") << bad;
  }
  EXPECT_THAT(HeaderError(File(kGood, 9)), Mentions({"9.0"}));
  EXPECT_THAT(HeaderError(File("{'descr': '<f4', 'shape': (2, 3)}")), HasSubstr("fortran_order"));
  EXPECT_THAT(HeaderError(File("{'descr': '<f4', 'fortran_order': 0, 'shape': ()}")),
              HasSubstr("'fortran_order'"));
  EXPECT_THAT(HeaderError(File("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}")),
              HasSubstr("'shape'"));
  EXPECT_THAT(HeaderError(File("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}")),
              HasSubstr("Fortran"));
  EXPECT_THAT(HeaderError(File("{'descr': '>f4', 'fortran_order': False, 'shape': (2,)}")),
              HasSubstr("'<f4'"));
  EXPECT_THAT(HeaderError(File("{'descr': '<i8', 'fortran_order': False, 'shape': (2,)}")),
              HasSubstr("'<i8'"));
  for (const char* shape : {"(4611686018427387904, 1)", "(3037000500, 3037000500)"}) {
    const std::string beyond =
        std::string("{'descr': '<f4', 'fortran_order': False, 'shape': ") + shape + "}";
    EXPECT_NE(HeaderError(File(beyond)), "") << beyond;
  }
  EXPECT_THAT(HeaderError(File("{'descr': '<f4', 'fortran_order': False, "
                               "'shape': (99999999999999999999,)}")),
              HasSubstr("'shape'"));
}

TEST(NpyTest, DamagedHeadersAreRefusedOrHarmless) {
  const uint32_t seed = 20240607;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const std::string good = File(kGood);
  int refused = 0;
  for (int i = 0; i < 200000; ++i) {
    std::string bad = good;
    for (uint32_t flips = 1 + random() % 4; flips > 0; --flips) {
      bad[random() % bad.size()] = static_cast<char>(random());
    }
    if (random() % 8 == 0) bad.resize(random() % bad.size());
    const auto header = ParseNpyHeader(bad);
    refused += !header.ok();
    if (!header.ok()) continue;
    // What is accepted must be consistent: a caller allocates data_bytes for this shape.
    int64_t bytes = SizeOf(header->dtype);
    for (const int64_t size : header->shape) {
      ASSERT_GE(size, 0);
      bytes *= size;
    }
    ASSERT_EQ(bytes, header->data_bytes);
    ASSERT_LE(header->data_offset, static_cast<int64_t>(bad.size()));
  }
  EXPECT_GT(refused, 100000);
}

TEST(NpyTest, WritesWhatItReads) {
  const TempDir folder;
  const std::string path = folder / "a.npy";
  std::vector<double> numbers = {1, -2.5, 1e300, 0, 7, 8};
  for (const std::vector<int64_t>& shape :
       {std::vector<int64_t>{6}, {2, 3}, {1, 3, 2}, {1, 1, 6, 1}}) {
    ASSERT_TRUE(WriteNpy(path, DType::kF64, shape, numbers.data()).ok());
    const auto array = ReadNpy(path);
    ASSERT_TRUE(array.ok()) << array.status();
    EXPECT_EQ(array->shape, shape);
    EXPECT_EQ(array->dtype, DType::kF64);
    EXPECT_EQ(std::memcmp(array->data.data(), numbers.data(), 48), 0);
    EXPECT_EQ((ReadFile(path).size() - 48) % 64, 0u);  // elements are aligned in the file
  }
  EXPECT_THAT(FilesUnder(folder.path()), ElementsAre(path));  // no temporary file is left
}

TEST(NpyTest, FileErrorsNameThePath) {
  const TempDir folder;
  auto error = [&](const std::string& name) {
    const auto array = ReadNpy(folder / name);
    return array.ok() ? "" : std::string(array.status().message());
  };
  EXPECT_THAT(error("missing.npy"), Mentions({folder / "missing.npy", std::strerror(ENOENT)}));
  WriteFile(folder / "short.npy", File(kGood, 1, "1234"));
  EXPECT_THAT(error("short.npy"), Mentions({"2 × 3", "24", "4"}));
  WriteFile(folder / "long.npy", File(kGood, 1, std::string(25, 'x')));
  EXPECT_THAT(error("long.npy"), Mentions({"24", "25"}));
  // 16 EiB are promised; nothing may be allocated for them.
  WriteFile(folder / "huge.npy",
            File("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000000000,)}"));
  EXPECT_THAT(error("huge.npy"), Mentions({"0"}));
  mkdir((folder / "folder.npy").c_str(), 0700);
  EXPECT_THAT(error("folder.npy"), Mentions({folder / "folder.npy"}));
}

TEST(NpyTest, FailedWriteLeavesTheOldFile) {
  const TempDir folder;
  WriteFile(folder / "a.npy", "old");
  const float numbers[4] = {};
  const absl::Status status = WriteNpy(folder / "none/a.npy", DType::kF32, {4}, numbers);
  EXPECT_THAT(status.message(), Mentions({folder / "none/a.npy", std::strerror(ENOENT)}));
  EXPECT_EQ(ReadFile(folder / "a.npy"), "old");
  EXPECT_TRUE(WriteNpy("/dev/null", DType::kF32, {4}, numbers).ok());
  EXPECT_THAT(WriteNpy("/dev/full", DType::kF32, {4}, numbers).message(),
              Mentions({"/dev/full", std::strerror(ENOSPC)}));
}

}  // namespace
}  // namespace jitattn::cli
