// The register block of both products.

#include "jit/parts/emit_tile_gemm.h"

#include <algorithm>
#include <bit>

namespace jitattn::jit {

using Xbyak::Reg64;
using Xbyak::RegExp;

RowAddresses::RowAddresses(Assembler& a, const Reg64& first, const Reg64& stride, int rows)
    : a_(a), first_(first), stride_(stride), more_(a.pool().LeaseGprs("rows", GprsNeeded(rows))) {}

void RowAddresses::Set() {
  for (int i = 0; i < more_.size(); ++i) {
    const Reg64& before = i == 0 ? first_ : more_[i - 1];
    a_.lea(more_[i], a_.ptr[before + stride_ * 2]);
    a_.add(more_[i], stride_);
  }
}

RegExp RowAddresses::operator()(int row) const {
  const Reg64& base = row < 3 ? first_ : more_[row / 3 - 1];
  const int scale = row % 3;
  return scale == 0 ? RegExp(base) : base + stride_ * scale;
}

void RowAddresses::Advance(int bytes) {
  a_.add(first_, bytes);
  for (int i = 0; i < more_.size(); ++i) a_.add(more_[i], bytes);
}

void AddMultiple(Assembler& a, const Reg64& reg, const Reg64& stride, int count) {
  while (count > 0) {
    const int scale = std::min<int>(8, std::bit_floor(static_cast<unsigned>(count)));
    a.lea(reg, a.ptr[reg + stride * scale]);
    count -= scale;
  }
}

void EmitFetch(Assembler& a, int level, const Xbyak::Address& address) {
  level == 1 ? a.prefetcht0(address) : a.prefetcht1(address);
}

std::vector<int> BlockSizes(int most) {
  std::vector<int> sizes = {most};
  for (int size = std::bit_floor(static_cast<unsigned>(most - 1)); most > 1 && size >= 1; size /= 2)
    sizes.push_back(size);
  return sizes;
}

EmitTileGemm::EmitTileGemm(Assembler& a, std::string_view purpose, int rows, int vecs, bool embed,
                           bool pairs)
    : a_(a),
      rows_(rows),
      vecs_(vecs),
      // With one vector per row a broadcast register would have no second use.
      embed_(a.avx512() && (embed || vecs == 1)),
      pairs_(pairs),
      acc_(a.pool().LeaseVecs(purpose, rows * vecs)),
      right_(a.pool().LeaseVecs("vectors", vecs)),
      broadcast_(a.pool().LeaseVecs("broadcast", embed_ ? 0 : 1)) {}

std::vector<std::vector<Vec>> EmitTileGemm::Groups(int size) const {
  std::vector<std::vector<Vec>> groups;
  for (int i = 0; i < acc_.size(); ++i) {
    if (i % size == 0) groups.emplace_back();
    groups.back().push_back(acc_[i]);
  }
  return groups;
}

void EmitTileGemm::Step(const Left& left, const LoadRight& right, const Part& part) {
  const int end_row = part.first_row + std::min(part.rows, rows_ - part.first_row);
  const int end_col = part.first_col + std::min(part.cols, vecs_ - part.first_col);
  for (int c = part.first_col; c < end_col; ++c) right(right_[c], c);
  for (int r = part.first_row; r < end_row; ++r) {
    const bool from_memory = embed_ && part.lower == nullptr;
    const auto scalar = from_memory ? a_.ptr_b[left(r)] : a_.ptr[left(r)];
    const Xbyak::Operand* x = &scalar;
    if (part.lower != nullptr) {
      a_.vpbroadcastw(*part.pair | *part.lower | Xbyak::util::T_z, scalar);
      x = part.pair;
    } else if (!embed_) {
      a_.Broadcast(broadcast_[0], scalar);
      x = &broadcast_[0];
    }
    // The hidden column comes last, since it overwrites the broadcast if there are no opmasks.
    for (int c = part.first_col + (part.hidden ? 1 : 0); c < end_col; ++c)
      pairs_ ? a_.vdpbf16ps(acc(r, c), right_[c], *x) : a_.Fma231(acc(r, c), right_[c], *x);
    if (part.hidden) part.hidden->Fma231Outside(acc(r, part.first_col), right_[part.first_col], *x);
  }
}

void EmitTileGemm::ReleaseOperands() {
  right_.Release();
  broadcast_.Release();
}

}  // namespace jitattn::jit
