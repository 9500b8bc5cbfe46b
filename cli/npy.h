// Arrays in NumPy's .npy files: little-endian float32, float64, float16, and bfloat16 as uint16,
// which NumPy has no type for; in C order, versions 1 to 3 of the format
// (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).

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

struct NpyHeader {
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  int64_t data_offset = 0;  // where the elements begin in the file
  int64_t data_bytes = 0;   // how many bytes they take; below 2^62
};

struct NpyArray {
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  Buffer data;
};

// "100 × 64"
std::string ShapeText(const std::vector<int64_t>& shape);

// Reads the header from the beginning of a file. DataLoss says what is wrong with it.
absl::StatusOr<NpyHeader> ParseNpyHeader(std::string_view bytes);

// Errors carry the path. Nothing is allocated before the file is known to hold what it promises.
absl::StatusOr<NpyArray> ReadNpy(const std::string& path);

// A regular file is replaced only once the new one is complete.
absl::Status WriteNpy(const std::string& path, DType dtype, const std::vector<int64_t>& shape,
                      const void* data);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_NPY_H_
