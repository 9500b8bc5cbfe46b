// The register block of both products: acc[r][c] += left[r] · right[c]. left[r] is a scalar
// broadcast from memory, right[c] a vector. With pairs, elements of both are pairs of bf16, and
// each product is the sum of two.

#ifndef JITATTN_JIT_PARTS_EMIT_TILE_GEMM_H_
#define JITATTN_JIT_PARTS_EMIT_TILE_GEMM_H_

#include <climits>
#include <functional>
#include <span>
#include <vector>

#include "jit/assembler.h"
#include "jit/vector_io.h"

namespace jitattn::jit {

// Addresses of rows a run-time stride apart, with one register per three rows: x86 scales an index
// by 1 or 2, so row r is base[r / 3] + (r mod 3)·stride.
class RowAddresses {
 public:
  static int GprsNeeded(int rows) { return (rows - 1) / 3; }  // besides `first` and `stride`

  RowAddresses(Assembler& a, const Xbyak::Reg64& first, const Xbyak::Reg64& stride, int rows);

  void Set();  // derives the other bases from `first`
  Xbyak::RegExp operator()(int row) const;
  void Advance(int bytes);  // along every row

 private:
  Assembler& a_;
  Xbyak::Reg64 first_, stride_;
  Gprs more_;
};

// reg += count · stride.
void AddMultiple(Assembler& a, const Xbyak::Reg64& reg, const Xbyak::Reg64& stride, int count);

// Prefetches the line at `address` into the L1 (level 1) or the L2 (level 2).
void EmitFetch(Assembler& a, int level, const Xbyak::Address& address);

// The sizes of blocks that cover any number of rows if a block takes at most `most`: `most` as
// often as it fits, then each smaller power of two at most once. Fewer loop bodies than one per
// remainder.
std::vector<int> BlockSizes(int most);

class EmitTileGemm {
 public:
  // Accumulators, one row of `right`, and a broadcast register unless the FMA broadcasts itself
  // (`embed`; AVX-512 only).
  static int VecsNeeded(int rows, int vecs, bool embed) {
    return rows * vecs + vecs + (embed ? 0 : 1);
  }

  EmitTileGemm(Assembler& a, std::string_view purpose, int rows, int vecs, bool embed,
               bool pairs = false);

  int rows() const { return rows_; }
  int vecs() const { return vecs_; }
  const Vec& acc(int r, int c) const { return acc_[r * vecs_ + c]; }
  // All accumulators, row by row; and the same in groups of at most `size`.
  std::span<const Vec> all() const { return acc_.regs(); }
  std::vector<std::vector<Vec>> Groups(int size) const;

  using Left = std::function<Xbyak::RegExp(int row)>;
  using LoadRight = std::function<void(const Vec& x, int col)>;

  // The part of the block that a step updates: `rows` rows and `cols` columns from the first ones
  // on, clipped to the block. In the first column, lanes selected by `hidden` are not updated,
  // whatever `left` holds for them.
  struct Part {
    int first_row = 0, first_col = 0;
    int rows = INT_MAX, cols = INT_MAX;
    TailMask* hidden = nullptr;
    // For pairs of one element and 0: the opmask of the lower words, and a register.
    const Xbyak::Opmask* lower = nullptr;
    const Vec* pair = nullptr;
  };

  // One step of the inner dimension.
  void Step(const Left& left, const LoadRight& right, const Part& part);
  void Step(const Left& left, const LoadRight& right) { Step(left, right, Part()); }

  // An operand register that is free between steps.
  const Vec& free_operand() const { return right_[0]; }
  // Returns all registers except the accumulators. REQUIRES: no Step follows.
  void ReleaseOperands();

 private:
  Assembler& a_;
  int rows_, vecs_;
  bool embed_, pairs_;
  Vecs acc_, right_, broadcast_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_PARTS_EMIT_TILE_GEMM_H_
