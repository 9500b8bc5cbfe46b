// Headers of .npy files.

#include "cli/npy.h"

#include "fuzz.h"

namespace jitattn::cli {
namespace {

using fuzz::Require;

int64_t BytesOf(const NpyHeader& header) {
  switch (header.element) {
    case NpyElement::kNumber:
      return SizeOf(header.dtype);
    case NpyElement::kByte:
      return 1;
    case NpyElement::kInt32:
      return 4;
    case NpyElement::kInt64:
      break;
  }
  return 8;
}

void Parse(std::string_view file, NpyKind kind) {
  const auto header = ParseNpyHeader(file, kind);
  if (!header.ok()) {
    Require(absl::IsDataLoss(header.status()), "a refusal is DataLoss");
    return;
  }
  Require(header->data_offset > 0 && static_cast<size_t>(header->data_offset) <= file.size(),
          "the header ends within the file");
  __int128 bytes = BytesOf(*header);
  for (const int64_t length : header->shape) {
    Require(length >= 0, "no length is negative");
    bytes *= length;
    Require(bytes < __int128{1} << 62, "the elements fit into memory");
  }
  Require(bytes == header->data_bytes, "the bytes are those of the shape");
  const bool is_number = header->element == NpyElement::kNumber;
  Require(is_number ? kind != NpyKind::kIntegers : kind != NpyKind::kNumbers,
          "the elements are of the kind that was asked for");
}

}  // namespace
}  // namespace jitattn::cli

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using jitattn::cli::NpyKind;
  for (const NpyKind kind : {NpyKind::kNumbers, NpyKind::kNumbersOrBytes, NpyKind::kIntegers}) {
    jitattn::cli::Parse(jitattn::fuzz::Text(data, size), kind);
  }
  return 0;
}
