// Transposes a square of elements in registers.

#include "jit/parts/emit_transpose.h"

#include <utility>

namespace jitattn::jit {
namespace {

using Xbyak::Ymm;
using Xbyak::Zmm;

}  // namespace

EmitTranspose::EmitTranspose(Assembler& a, std::string_view purpose)
    : a_(a),
      lease_(a.pool().LeaseVecs(purpose, VecsNeeded(a.lanes()))),
      rows_(lease_.regs().begin(), lease_.regs().end() - 1),
      spare_(lease_.regs().back()) {}

template <typename Low, typename High>
void EmitTranspose::Pair(int x, int y, Low low, High high) {
  low(spare_, rows_[x], rows_[y]);
  high(rows_[y], rows_[x], rows_[y]);
  std::swap(spare_, rows_[x]);
}

void EmitTranspose::Emit() {
  TransposeWithinLanes();
  TransposeLanes();
}

// Transposes each m × m square within each 128-bit lane, m elements per lane. Afterwards lane k of
// row m·g + i holds column m·k + i of rows m·g … m·g + m − 1.
void EmitTranspose::TransposeWithinLanes() {
  const int n = a_.lanes();
  auto low_pd = [&](const Vec& d, const Vec& x, const Vec& y) { a_.vunpcklpd(d, x, y); };
  auto high_pd = [&](const Vec& d, const Vec& x, const Vec& y) { a_.vunpckhpd(d, x, y); };
  if (a_.elem_bytes() == 8) {
    for (int i = 0; i < n; i += 2) Pair(i, i + 1, low_pd, high_pd);
    return;
  }
  auto low_ps = [&](const Vec& d, const Vec& x, const Vec& y) { a_.vunpcklps(d, x, y); };
  auto high_ps = [&](const Vec& d, const Vec& x, const Vec& y) { a_.vunpckhps(d, x, y); };
  for (int i = 0; i < n; i += 2) Pair(i, i + 1, low_ps, high_ps);
  for (int i = 0; i < n; i += 4) {
    // Rows i, i+1 hold columns (0, 1) and (2, 3) of the first pair, i+2, i+3 those of the second.
    Pair(i, i + 2, low_pd, high_pd);
    Pair(i + 1, i + 3, low_pd, high_pd);
    std::swap(rows_[i + 1], rows_[i + 2]);
  }
}

// Transposes the 128-bit lanes as elements: lane k of group g moves to lane g of group k.
void EmitTranspose::TransposeLanes() {
  const int m = 16 / a_.elem_bytes();
  if (!a_.avx512()) {
    auto low = [&](const Vec& d, const Vec& x, const Vec& y) {
      a_.vperm2f128(Ymm(d.getIdx()), Ymm(x.getIdx()), Ymm(y.getIdx()), 0x20);
    };
    auto high = [&](const Vec& d, const Vec& x, const Vec& y) {
      a_.vperm2f128(Ymm(d.getIdx()), Ymm(x.getIdx()), Ymm(y.getIdx()), 0x31);
    };
    for (int i = 0; i < m; ++i) Pair(i, m + i, low, high);
    return;
  }
  // vshuff32x4 takes two lanes of each source: 0x44 the lower two, 0xEE the upper two, 0x88 the
  // even ones, 0xDD the odd ones.
  auto shuffle = [&](uint8_t lanes) {
    return [this, lanes](const Vec& d, const Vec& x, const Vec& y) {
      a_.vshuff32x4(Zmm(d.getIdx()), Zmm(x.getIdx()), Zmm(y.getIdx()), lanes);
    };
  };
  for (int i = 0; i < m; ++i) {
    Pair(i, m + i, shuffle(0x44), shuffle(0xEE));              // lanes 01 01 | 23 23 of groups 0, 1
    Pair(2 * m + i, 3 * m + i, shuffle(0x44), shuffle(0xEE));  // of groups 2, 3
    Pair(i, 2 * m + i, shuffle(0x88), shuffle(0xDD));          // column groups 0 and 1
    Pair(m + i, 3 * m + i, shuffle(0x88), shuffle(0xDD));      // 2 and 3
    std::swap(rows_[m + i], rows_[2 * m + i]);
  }
}

}  // namespace jitattn::jit
