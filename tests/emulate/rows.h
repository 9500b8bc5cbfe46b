// Operands in the memory of a machine: rows with gaps, flush against pages that are not mapped.

#ifndef JITATTN_TESTS_EMULATE_ROWS_H_
#define JITATTN_TESTS_EMULATE_ROWS_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "base/isa.h"
#include "tests/emulate/answers.h"
#include "tests/emulate/image.h"

namespace jitattn::emulate {

// Fills the surroundings of rows, and results before they are written: all ones, NaN in every type.
inline constexpr uint8_t kUnwritten = 0xFF;

template <typename T>
struct RowShape {
  int64_t rows, cols, gap;  // in elements; no gap after the last row

  int64_t stride() const { return cols + gap; }
  int64_t stride_bytes() const { return stride() * static_cast<int64_t>(sizeof(T)); }
  uint64_t bytes() const { return rows == 0 ? 0 : ((rows - 1) * stride() + cols) * sizeof(T); }
};

// Bytes that must be readable behind rows. By Intel's manual a masked load does not touch
// masked-out elements. Bochs 2.7 gets this right for vmovups, vmovdqu16 and operands of arithmetic,
// but for vpmovzxwd and vcvtph2ps it loads everything and faults. So rows of 16-bit elements are
// followed by half a vector of NaN, which would show in a result that used it.
template <typename T>
uint64_t ReadableBehind(Isa isa) {
  return sizeof(T) == 2 && isa == Isa::kAvx512 ? 32 : 0;
}

template <typename T>
Memory AddRows(Image* image, Isa isa, const RowShape<T>& shape, const std::vector<T>& values,
               Flush flush, Access access = Access::kRead) {
  std::vector<uint8_t> bytes(shape.bytes() + ReadableBehind<T>(isa), kUnwritten);
  for (int64_t i = 0; i < shape.rows; ++i) {
    std::memcpy(&bytes[i * shape.stride_bytes()], &values[i * shape.cols], shape.cols * sizeof(T));
  }
  return image->AddContents(bytes, flush, access);
}

// Memory that is filled with kUnwritten at this point of case `number`.
inline Memory AddUnwritten(Image* image, uint32_t number, uint64_t bytes, Flush flush) {
  const Memory m = image->AddVariable(bytes, flush);
  image->Add({Op::kFill, number, m.pages, m.pages_bytes, kUnwritten});
  return m;
}

// Sends the rows with the pages around them, so that ReadRows can find writes beside the rows.
inline void SendRows(Image* image, uint32_t number, const Memory& m) {
  image->Add({Op::kSend, number, m.pages, m.pages_bytes});
}

// Returns the rows without gaps; `wrong` names a write beside them. REQUIRES: SendRows was called.
template <typename T>
std::vector<T> ReadRows(const CaseAnswers& answers, const Memory& m, const RowShape<T>& shape,
                        std::string* wrong) {
  std::vector<T> values(shape.rows * shape.cols);
  const auto found = answers.data.find(m.pages);
  if (found == answers.data.end()) {
    *wrong = "the machine stopped: no results";
    return values;
  }
  std::vector<uint8_t> pages = found->second;
  uint8_t* at = pages.data() + (m.address - m.pages);
  for (int64_t i = 0; i < shape.rows; ++i, at += shape.stride_bytes()) {
    std::memcpy(&values[i * shape.cols], at, shape.cols * sizeof(T));
    std::fill_n(at, shape.cols * sizeof(T), kUnwritten);
  }
  if (std::any_of(pages.begin(), pages.end(), [](uint8_t b) { return b != kUnwritten; })) {
    *wrong = "wrote between or beside the output's rows";
  }
  return values;
}

}  // namespace jitattn::emulate

#endif  // JITATTN_TESTS_EMULATE_ROWS_H_
