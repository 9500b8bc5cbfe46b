// Sums across the lanes of vectors.

#include "jit/parts/emit_fold.h"

#include <bit>

namespace jitattn::jit {
namespace {

using Xbyak::Ymm;
using Xbyak::Zmm;

int Log2(int x) { return std::countr_zero(static_cast<unsigned>(x)); }

}  // namespace

void EmitSwapLanes(Assembler& a, const Vec& x, const Vec& from, int distance) {
  switch (distance * a.elem_bytes()) {
    case 4:
      return a.vpermilps(x, from, 0xB1);
    case 8:
      return a.vpermilps(x, from, 0x4E);
    case 16:
      if (!a.avx512())
        return a.vperm2f128(Ymm(x.getIdx()), Ymm(from.getIdx()), Ymm(from.getIdx()), 1);
      return a.vshuff32x4(Zmm(x.getIdx()), Zmm(from.getIdx()), Zmm(from.getIdx()), 0xB1);
    default:
      return a.vshuff32x4(Zmm(x.getIdx()), Zmm(from.getIdx()), Zmm(from.getIdx()), 0x4E);
  }
}

int EmitFold::VecsNeeded(int lanes, int together) { return Log2(lanes / together) + 1 + 1; }

EmitFold::EmitFold(Assembler& a, int together)
    : a_(a),
      waiting_(a.pool().LeaseVecs("partial sums", Log2(a.lanes() / together) + 1)),
      temp_(a.pool().LeaseVecs("fold")) {}

void EmitFold::Add(std::span<const Vec> x) {
  const int together = static_cast<int>(x.size());
  int level = 0;
  for (int step = 1; step < together; step *= 2, ++level)
    for (int i = 0; i < together; i += 2 * step) Merge(x[i], x[i + step], level);
  // Carry: merges the sum with the waiting sum of its level, while there is one.
  int digits = count_ / together, place = 0;
  Vec sum = x[0];
  for (; digits & 1; digits >>= 1, ++place, ++level) {
    Merge(waiting_[place], sum, level);
    sum = waiting_[place];
  }
  a_.Move(waiting_[place], sum);
  count_ += together;
}

// One shuffle takes the even pieces of x and y, another the odd pieces; their sum has x's sums in
// front. The pieces are elements or pairs of elements within 128 bits, and quarters or halves of
// the vector beyond.
void EmitFold::Merge(const Vec& x, const Vec& y, int level) {
  const Vec& t = temp_[0];
  const int bytes = a_.elem_bytes() << level;
  if (bytes == 4) {
    a_.vunpckhps(t, x, y);
    a_.vunpcklps(x, x, y);
  } else if (bytes == 8) {
    a_.vunpckhpd(t, x, y);
    a_.vunpcklpd(x, x, y);
  } else if (!a_.avx512()) {
    const Ymm x_y(x.getIdx()), y_y(y.getIdx()), t_y(t.getIdx());
    a_.vperm2f128(t_y, x_y, y_y, 0x31);
    a_.vperm2f128(x_y, x_y, y_y, 0x20);
  } else {
    const Zmm x_z(x.getIdx()), y_z(y.getIdx()), t_z(t.getIdx());
    a_.vshuff32x4(t_z, x_z, y_z, 0xDD);
    a_.vshuff32x4(x_z, x_z, y_z, 0x88);
  }
  a_.Add(x, x, t);
}

}  // namespace jitattn::jit
