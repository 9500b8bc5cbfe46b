// The sigmoid-mul kernel: its loop nest.
//
//   for each row
//     [non-temporal] the elements before out's first boundary            (the last masked)
//     while n ≥ unroll·vecs vectors: unroll groups of `vecs`              (stores of either kind)
//     while n ≥ 1 vector: one
//     the rest                                                            (masked)
//
// With page_ahead, one line of x and one of out, `page_ahead` pages ahead, are prefetched once per
// 4 KiB of groups, to translate the pages' addresses early. A page walk (in a guest, also through
// the host's tables) takes as long as several lines of the page. Hardware prefetchers do not cross
// pages, and with arithmetic on every vector too few lines are in flight to hide the walk. One line
// of a page table holds 8 page addresses, so less than 8 pages ahead stays within that line.

#include "jit/sigmoid_mul/kernel.h"

#include <bit>
#include <cstddef>

#include "jit/sigmoid_mul/config.h"
#include "jit/sigmoid_mul/emit_sigmoid.h"
#include "jit/vector_io.h"

namespace jitattn::jit {
namespace {

using Xbyak::Label;
using Xbyak::Reg64;

class SigmoidMulEmitter {
 public:
  SigmoidMulEmitter(Assembler& a, DType storage, const SigmoidMulConfig& config)
      : a_(a),
        config_(config),
        values_(a.pool().LeaseVecs("elements", config.vecs)),
        mask_(a),
        io_(a, storage, Denormals::kKeep, Ties::kAway),
        sigmoid_(a, {.storage = storage,
                     .table = config.table,
                     .reciprocal = config.reciprocal != 0,
                     .in_flight = config.vecs,
                     .constant_registers =
                         a.pool().free_vecs() -
                         EmitSigmoid::VecsNeeded(config.vecs, config.table, a.isa(), storage) -
                         VectorIo::StoreVecsNeeded(a.isa(), storage, Ties::kAway)}),
        gprs_(a.pool().LeaseGprs(
            "x, out, elements left, rows left, count, temporary, groups before the next page", 7)),
        x_(gprs_[0]),
        out_(gprs_[1]),
        left_(gprs_[2]),
        rows_(gprs_[3]),
        count_(gprs_[4]),
        temp_(gprs_[5]),
        page_(gprs_[6]) {}

  void Emit();

 private:
  void Head();
  void Body();
  void Groups(bool non_temporal);
  void PageAhead(int step_bytes);
  void LoadGroup(int begin);
  void StoreGroup(int begin, bool non_temporal);
  void One();
  void Masked();
  // True if groups consist of pairs of vectors.
  bool paired() const { return config_.vecs % 2 == 0; }
  // The alignment of a group's `out` for non-temporal stores.
  int alignment() const { return paired() ? io_.pair_alignment() : io_.vec_bytes(); }

  Assembler& a_;
  const SigmoidMulConfig& config_;
  Vecs values_;
  TailMask mask_;
  VectorIo io_;
  EmitSigmoid sigmoid_;
  Gprs gprs_;
  const Reg64 &x_, &out_, &left_, &rows_, &count_, &temp_, &page_;
};

// Takes one vector and advances past it.
void SigmoidMulEmitter::One() {
  io_.Load(values_[0], a_.ptr[x_]);
  sigmoid_.Emit(std::span(values_.regs()).first(1));
  io_.Store(a_.ptr[out_], values_[0]);
  a_.add(x_, io_.vec_bytes());
  a_.add(out_, io_.vec_bytes());
}

// Takes the first `count_` elements, fewer than a vector, and advances past them.
void SigmoidMulEmitter::Masked() {
  mask_.Set(count_, temp_);
  io_.Load(values_[0], a_.ptr[x_], mask_);
  sigmoid_.Emit(std::span(values_.regs()).first(1));
  io_.Store(a_.ptr[out_], values_[0], mask_);
  a_.lea(x_, a_.ptr[x_ + count_ * io_.elem_bytes()]);
  a_.lea(out_, a_.ptr[out_ + count_ * io_.elem_bytes()]);
  a_.sub(left_, count_);
}

// Non-temporal stores need aligned addresses. An `out` that is not even aligned to elements never
// reaches one; Body() then uses ordinary stores.
void SigmoidMulEmitter::Head() {
  SectionScope section(a_, "head");
  Label aligned;
  a_.mov(count_, out_);
  a_.neg(count_);
  a_.and_(count_, alignment() - 1);  // bytes to the boundary
  a_.test(count_, io_.elem_bytes() - 1);
  a_.jnz(aligned, a_.T_NEAR);
  a_.shr(count_, std::countr_zero(static_cast<unsigned>(io_.elem_bytes())));
  a_.cmp(count_, left_);
  a_.cmovg(count_, left_);
  if (alignment() > io_.vec_bytes()) {
    a_.WhileAtLeast(count_, a_.lanes(), [&] {
      One();
      a_.sub(left_, a_.lanes());
    });
  }
  a_.test(count_, count_);
  a_.jz(aligned, a_.T_NEAR);
  Masked();
  a_.L(aligned);
}

// Counts over all rows, so that many short rows do not fetch a line each.
void SigmoidMulEmitter::PageAhead(int step_bytes) {
  constexpr int kPage = 4096;
  const int ahead = config_.page_ahead * kPage;
  Label same_page;
  a_.dec(page_);
  a_.jnz(same_page);
  a_.prefetcht0(a_.ptr[x_ + ahead]);
  a_.prefetcht0(a_.ptr[out_ + ahead]);
  a_.mov(page_, kPage / step_bytes);
  a_.L(same_page);
}

void SigmoidMulEmitter::LoadGroup(int begin) {
  for (int i = 0; i < config_.vecs; i += paired() ? 2 : 1) {
    const Xbyak::Address from = a_.ptr[x_ + begin + i * io_.vec_bytes()];
    paired() ? io_.LoadPair(values_[i], values_[i + 1], from) : io_.Load(values_[i], from);
  }
}

void SigmoidMulEmitter::StoreGroup(int begin, bool non_temporal) {
  for (int i = 0; i < config_.vecs; i += paired() ? 2 : 1) {
    const Xbyak::Address to = a_.ptr[out_ + begin + i * io_.vec_bytes()];
    if (paired()) {
      const Vec &x = values_[i], &y = values_[i + 1];
      non_temporal ? io_.StorePairNonTemporal(to, x, y) : io_.StorePair(to, x, y);
    } else {
      non_temporal ? io_.StoreNonTemporal(to, values_[i]) : io_.Store(to, values_[i]);
    }
  }
}

void SigmoidMulEmitter::Groups(bool non_temporal) {
  SectionScope section(a_, non_temporal ? "groups, non-temporal" : "groups");
  const int step = config_.unroll * config_.vecs;
  const int step_bytes = step * io_.vec_bytes();
  constexpr int kLine = 64;
  a_.WhileAtLeast(left_, step * a_.lanes(), [&] {
    if (config_.page_ahead > 0) PageAhead(step_bytes);
    for (int group = 0; group < config_.unroll; ++group) {
      const int begin = group * config_.vecs * io_.vec_bytes();
      LoadGroup(begin);
      sigmoid_.Emit(values_.regs());
      StoreGroup(begin, non_temporal);
    }
    if (config_.prefetch > 0) {
      for (int ahead = 0; ahead < step_bytes; ahead += kLine)
        a_.prefetcht0(a_.ptr[x_ + config_.prefetch * kLine + ahead]);
    }
    a_.add(x_, step_bytes);
    a_.add(out_, step_bytes);
  });
}

void SigmoidMulEmitter::Body() {
  if (config_.non_temporal == 0) return Groups(false);
  Label ordinary, done;
  a_.test(out_, alignment() - 1);
  a_.jnz(ordinary, a_.T_NEAR);
  Groups(true);
  a_.jmp(done, a_.T_NEAR);
  a_.L(ordinary);
  Groups(false);
  a_.L(done);
}

void SigmoidMulEmitter::Emit() {
  const auto field = [&](size_t offset) { return a_.ptr[a_.args() + offset]; };
  const Reg64& args = a_.args();
  Label row, end;
  sigmoid_.LoadConstants();
  a_.mov(rows_, field(offsetof(SigmoidMulArgs, rows)));
  a_.mov(x_, field(offsetof(SigmoidMulArgs, x)));
  a_.mov(out_, field(offsetof(SigmoidMulArgs, out)));
  if (config_.page_ahead > 0) a_.mov(page_, 1);
  a_.test(rows_, rows_);
  a_.jle(end, a_.T_NEAR);

  a_.L(row);
  a_.push(x_);
  a_.push(out_);
  a_.mov(left_, a_.ptr[args + offsetof(SigmoidMulArgs, cols)]);
  if (config_.non_temporal != 0) Head();
  Body();
  {
    SectionScope section(a_, "single vectors");
    a_.WhileAtLeast(left_, a_.lanes(), [&] { One(); });
  }
  {
    SectionScope section(a_, "row end");
    Label whole;
    a_.mov(count_, left_);
    a_.test(count_, count_);
    a_.jle(whole, a_.T_NEAR);
    Masked();
    a_.L(whole);
  }
  a_.pop(out_);
  a_.pop(x_);
  a_.add(x_, field(offsetof(SigmoidMulArgs, x_stride)));
  a_.add(out_, field(offsetof(SigmoidMulArgs, out_stride)));
  a_.dec(rows_);
  a_.jnz(row, a_.T_NEAR);

  a_.L(end);
  if (config_.non_temporal != 0) a_.sfence();  // orders the stores before all later ones
}

}  // namespace

void EmitSigmoidMul(Assembler& a, const SigmoidMulSpec& spec, const SigmoidMulConfig& config) {
  a.Prolog(ComputeType(spec.dtype));
  SigmoidMulEmitter(a, spec.dtype, config).Emit();
  a.Epilog();
}

}  // namespace jitattn::jit
