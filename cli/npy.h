// Arrays in NumPy's .npy files, versions 1 to 3 of the format, in C order. Elements are
// little-endian float32, float64 or float16, or the bits of bfloat16 as uint16, since NumPy has no
// bfloat16 (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html). A reader may
// also take bytes (bool, uint8) or integers.

#ifndef JITATTN_CLI_NPY_H_
#define JITATTN_CLI_NPY_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/buffer.h"
#include "ops/problem.h"

namespace jitattn::cli {

// What the elements of a file are. Only numbers have a DType.
enum class NpyElement { kNumber, kByte, kInt32, kInt64 };
// The elements that a reader takes.
enum class NpyKind { kNumbers, kNumbersOrBytes, kIntegers };

struct NpyHeader {
  NpyElement element = NpyElement::kNumber;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  int64_t data_offset = 0;  // where the elements begin in the file
  int64_t data_bytes = 0;   // size of the elements; below 2^62
};

struct NpyArray {
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  Buffer data;
  NpyElement element = NpyElement::kNumber;

  int64_t count() const;
};
// "float32", "uint8", …: as NumPy calls them.
std::string_view ElementName(const NpyArray& array);

// "100 × 64"; "a single number" for rank 0.
std::string ShapeText(const std::vector<int64_t>& shape);

// Reads the header from `bytes`, the beginning of a file. DataLoss, with the reason, if the header
// is damaged or the array is of a kind that is not supported.
absl::StatusOr<NpyHeader> ParseNpyHeader(std::string_view bytes, NpyKind kind = NpyKind::kNumbers);

// Reads a whole file. Errors carry the path. Memory for the elements is allocated only after the
// size of the file was checked against the header.
absl::StatusOr<NpyArray> ReadNpy(const std::string& path, NpyKind kind = NpyKind::kNumbers);

// Checks, before work that takes time, that WriteNpy can succeed. The message begins with `flag`.
//   InvalidArgument     there is no file name
//   FailedPrecondition  the path is a folder, or the system does not let this process write it
absl::Status CheckNpyTarget(std::string_view flag, const std::string& path);

// Writes a file. An existing regular file is replaced only after the new one is complete.
// Unavailable, with the path, if the system refuses.
absl::Status WriteNpy(const std::string& path, DType dtype, const std::vector<int64_t>& shape,
                      const void* data);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_NPY_H_
