// Headers of .npy files.

#include "cli/npy.h"

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using jitattn::fuzz::Require;
  const auto header = jitattn::cli::ParseNpyHeader(jitattn::fuzz::Text(data, size));
  if (!header.ok()) {
    Require(absl::IsDataLoss(header.status()), "a refusal is DataLoss");
    return 0;
  }
  Require(header->data_offset > 0 && static_cast<size_t>(header->data_offset) <= size,
          "the header ends within the file");
  __int128 bytes = SizeOf(header->dtype);
  for (const int64_t length : header->shape) {
    Require(length >= 0, "no length is negative");
    bytes *= length;
    Require(bytes < __int128{1} << 62, "the elements fit into memory");
  }
  Require(bytes == header->data_bytes, "the bytes are those of the shape");
  return 0;
}
