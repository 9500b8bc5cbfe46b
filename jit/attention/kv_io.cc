// Loads vectors of keys and values, widened to the compute type.

#include "jit/attention/kv_io.h"

namespace jitattn::jit {

using Xbyak::RegExp;
using Xbyak::Xmm;

int KvIo::Offset(int vec) const {
  if (!row_.inline_scales) return vec * vec_bytes();
  const int element = vec * a_.lanes();
  return element / kQ8Elements * kQ8Bytes + (kQ8Bytes - kQ8Elements) + element % kQ8Elements;
}

void KvIo::Load(const Vec& x, const RegExp& row, int vec, const TailMask* tail) {
  const RegExp from = row + Offset(vec);
  if (!row_.integers) {
    tail != nullptr ? io_.Load(x, a_.ptr[from], *tail) : io_.Load(x, a_.ptr[from]);
    return;
  }
  if (tail == nullptr) {
    a_.vpmovsxbd(x, a_.ptr[from]);
  } else if (a_.avx512()) {
    a_.vpmovsxbd(x | tail->mask_[0] | Xbyak::util::T_z, a_.ptr[from]);
  } else {
    const Xmm low(x.getIdx());
    LoadBytes(low, from, row_.dim % a_.lanes());
    a_.vpmovsxbd(x, low);
  }
  a_.vcvtdq2ps(x, x);
}

void KvIo::Load(const Vec& x, const RegExp& row, int vec, const TailMask* tail, const Vec& scale) {
  Load(x, row, vec, tail);
  a_.Mul(x, x, scale);
}

void KvIo::LoadScale(const Vec& scale, const RegExp& row, int vec, const RegExp& array) {
  if (!row_.inline_scales) return a_.Broadcast(scale, a_.ptr[array]);
  const Vec half(a_.avx512() ? static_cast<Vec>(Xbyak::Ymm(scale.getIdx())) : Xmm(scale.getIdx()));
  a_.vpbroadcastw(half, a_.ptr[row + BlockOf(vec) * kQ8Bytes]);
  a_.vcvtph2ps(scale, half);
}

// Seven bytes at most: the binary digits of their number.
void KvIo::LoadBytes(const Xmm& x, const RegExp& from, int count) {
  const int fours = count & 4, pairs = count & 6;
  fours != 0 ? a_.vmovd(x, a_.dword[from]) : a_.vpxor(x, x, x);
  if (count & 2) a_.vpinsrw(x, x, a_.word[from + fours], fours / 2);
  if (count & 1) a_.vpinsrb(x, x, a_.byte[from + pairs], pairs);
}

}  // namespace jitattn::jit
