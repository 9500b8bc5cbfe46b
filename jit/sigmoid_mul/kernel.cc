// The sigmoid-mul kernel: its loop nest. "Elements" are those of the output.
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

#include "jit/sigmoid_mul/activation_io.h"
#include "jit/sigmoid_mul/config.h"
#include "jit/sigmoid_mul/emit_activation.h"
#include "jit/sigmoid_mul/run_values.h"
#include "jit/vector_io.h"

namespace jitattn::jit {
namespace {

using Xbyak::Label;
using Xbyak::Reg64;

class SigmoidMulEmitter {
 public:
  SigmoidMulEmitter(Assembler& a, const SigmoidMulSpec& spec, const SigmoidMulConfig& config)
      : a_(a),
        spec_(spec),
        config_(config),
        values_(a.pool().LeaseVecs("elements", config.vecs)),
        mask_(a),
        io_(a, spec),
        ups_(a.pool().LeaseVecs("factors", io_.has_up() ? config.vecs : 0)),
        run_(a, spec),
        activation_(a, spec, config, run_, ActivationIo::StoreVecsNeeded(spec, a.isa())),
        gprs_(a.pool().LeaseGprs(
            "x, out, elements left, rows left, count, temporary, groups before the next page", 7)),
        x_(gprs_[0]),
        out_(gprs_[1]),
        left_(gprs_[2]),
        rows_(gprs_[3]),
        count_(gprs_[4]),
        temp_(gprs_[5]),
        page_(gprs_[6]) {
    if (has_two()) up_ = a.pool().LeaseGprs("up");
    if (io_.is_pairs()) half_ = a.pool().LeaseGprs("elements of half a vector of pairs");
  }

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
  void LoadMasked();
  void Rows();
  // values_ ← the results of the first `count` vectors, from values_ and ups_.
  void Compute(int count);
  // x_, up_ and out_ move on by whole vectors, or by count_ elements.
  void Advance(int vectors);
  void AdvanceByCount();
  bool has_two() const { return spec_.gate == Gate::kTwo; }
  // True if groups consist of pairs of vectors.
  bool paired() const { return config_.vecs % 2 == 0 && io_.can_pair(); }
  // The alignment of a group's `out` for non-temporal stores.
  int alignment() const { return paired() ? io_.pair_alignment() : io_.out_bytes(); }

  Assembler& a_;
  const SigmoidMulSpec& spec_;
  const SigmoidMulConfig& config_;
  Vecs values_;
  TailMask mask_;
  ActivationIo io_;
  Vecs ups_;
  RunValues run_;
  EmitActivation activation_;
  Gprs gprs_, up_, half_;
  const Reg64 &x_, &out_, &left_, &rows_, &count_, &temp_, &page_;
};

// A maximum or minimum keeps the NaN of its last operand.
void SigmoidMulEmitter::Compute(int count) {
  if (spec_.clamped) {
    const Vec& limit = activation_.scratch();
    for (int i = 0; i < count; ++i) {
      a_.LoadVec(limit, run_[RunValues::kLimit]);
      a_.Min(values_[i], limit, values_[i]);
      a_.Min(ups_[i], limit, ups_[i]);
      a_.LoadVec(limit, run_[RunValues::kMinusLimit]);
      a_.Max(ups_[i], limit, ups_[i]);
      a_.Add(ups_[i], ups_[i], run_[RunValues::kUpOffset]);
    }
  }
  activation_.Emit(std::span(values_.regs()).first(count));
  if (!io_.has_up()) return;
  for (int i = 0; i < count; ++i) a_.Mul(values_[i], values_[i], ups_[i]);
}

void SigmoidMulEmitter::Advance(int vectors) {
  a_.add(x_, vectors * io_.x_bytes());
  if (has_two()) a_.add(up_, vectors * io_.up_bytes());
  a_.add(out_, vectors * io_.out_bytes());
}

void SigmoidMulEmitter::AdvanceByCount() {
  if (spec_.x_step() <= 8) {
    a_.lea(x_, a_.ptr[x_ + count_ * spec_.x_step()]);
  } else {
    a_.lea(x_, a_.ptr[x_ + count_ * 8]);
    a_.lea(x_, a_.ptr[x_ + count_ * 8]);
  }
  if (has_two()) a_.lea(up_, a_.ptr[up_[0] + count_ * SizeOf(spec_.dtype)]);
  a_.lea(out_, a_.ptr[out_ + count_ * io_.out_elem_bytes()]);
}

// Takes one vector and advances past it.
void SigmoidMulEmitter::One() {
  if (io_.is_pairs()) {
    io_.LoadPairs(values_[0], ups_[0], a_.ptr[x_], activation_.scratch());
  } else {
    io_.in().Load(values_[0], a_.ptr[x_]);
    if (has_two()) io_.in().Load(ups_[0], a_.ptr[up_[0]]);
  }
  Compute(1);
  io_.Store(a_.ptr[out_], values_[0]);
  Advance(1);
}

// Loads the first `count_` elements and leaves their mask in mask_.
void SigmoidMulEmitter::LoadMasked() {
  if (io_.is_pairs()) {
    io_.LoadPairs(values_[0], ups_[0], x_, count_, mask_, activation_.scratch(), half_, temp_);
    return mask_.Set(count_, temp_);
  }
  mask_.Set(count_, temp_);
  io_.in().Load(values_[0], a_.ptr[x_], mask_);
  if (has_two()) io_.in().Load(ups_[0], a_.ptr[up_[0]], mask_);
}

// Takes the first `count_` elements, fewer than a vector, and advances past them.
void SigmoidMulEmitter::Masked() {
  LoadMasked();
  Compute(1);
  io_.Store(a_.ptr[out_], values_[0], mask_);
  AdvanceByCount();
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
  a_.test(count_, io_.out_elem_bytes() - 1);
  a_.jnz(aligned, a_.T_NEAR);
  a_.shr(count_, std::countr_zero(static_cast<unsigned>(io_.out_elem_bytes())));
  a_.cmp(count_, left_);
  a_.cmovg(count_, left_);
  if (alignment() > io_.out_bytes()) {
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
  if (has_two()) a_.prefetcht0(a_.ptr[up_[0] + ahead]);
  a_.prefetcht0(a_.ptr[out_ + ahead]);
  a_.mov(page_, kPage / step_bytes);
  a_.L(same_page);
}

// `first`: the group's first vector, counted from x_.
void SigmoidMulEmitter::LoadGroup(int first) {
  const auto load = [&](const Vecs& to, const Reg64& from, int i) {
    const Xbyak::Address src = a_.ptr[from + (first + i) * io_.up_bytes()];
    paired() ? io_.in().LoadPair(to[i], to[i + 1], src) : io_.in().Load(to[i], src);
  };
  for (int i = 0; i < config_.vecs; i += paired() ? 2 : 1) {
    if (io_.is_pairs()) {
      io_.LoadPairs(values_[i], ups_[i], a_.ptr[x_ + (first + i) * io_.x_bytes()],
                    activation_.scratch());
      continue;
    }
    load(values_, x_, i);
    if (has_two()) load(ups_, up_, i);
  }
}

void SigmoidMulEmitter::StoreGroup(int first, bool non_temporal) {
  for (int i = 0; i < config_.vecs; i += paired() ? 2 : 1) {
    const Xbyak::Address to = a_.ptr[out_ + (first + i) * io_.out_bytes()];
    if (paired()) {
      io_.StorePair(to, values_[i], values_[i + 1], non_temporal);
    } else {
      non_temporal ? io_.StoreNonTemporal(to, values_[i]) : io_.Store(to, values_[i]);
    }
  }
}

void SigmoidMulEmitter::Groups(bool non_temporal) {
  SectionScope section(a_, non_temporal ? "groups, non-temporal" : "groups");
  const int step = config_.unroll * config_.vecs;
  constexpr int kLine = 64;
  a_.WhileAtLeast(left_, step * a_.lanes(), [&] {
    if (config_.page_ahead > 0) PageAhead(step * io_.x_bytes());
    for (int group = 0; group < config_.unroll; ++group) {
      const int first = group * config_.vecs;
      LoadGroup(first);
      Compute(config_.vecs);
      StoreGroup(first, non_temporal);
    }
    if (config_.prefetch > 0) {
      for (int ahead = 0; ahead < step * io_.x_bytes(); ahead += kLine)
        a_.prefetcht0(a_.ptr[x_ + config_.prefetch * kLine + ahead]);
      for (int ahead = 0; has_two() && ahead < step * io_.up_bytes(); ahead += kLine)
        a_.prefetcht0(a_.ptr[up_[0] + config_.prefetch * kLine + ahead]);
    }
    Advance(step);
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
  Label end;
  run_.Emit(values_[0]);
  activation_.LoadConstants();
  io_.LoadConstants();
  a_.mov(rows_, field(offsetof(SigmoidMulArgs, rows)));
  a_.mov(x_, field(offsetof(SigmoidMulArgs, x)));
  if (has_two()) a_.mov(up_, field(offsetof(SigmoidMulArgs, up)));
  a_.mov(out_, field(offsetof(SigmoidMulArgs, out)));
  if (config_.page_ahead > 0) a_.mov(page_, 1);
  a_.test(rows_, rows_);
  a_.jle(end, a_.T_NEAR);
  Rows();
  a_.L(end);
  if (config_.non_temporal != 0) a_.sfence();  // orders the stores before all later ones
}

void SigmoidMulEmitter::Rows() {
  const auto field = [&](size_t offset) { return a_.ptr[a_.args() + offset]; };
  Label row;
  a_.L(row);
  a_.push(x_);
  if (has_two()) a_.push(up_);
  a_.push(out_);
  a_.mov(left_, field(offsetof(SigmoidMulArgs, cols)));
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
  if (has_two()) a_.pop(up_);
  a_.pop(x_);
  a_.add(x_, field(offsetof(SigmoidMulArgs, x_stride)));
  if (has_two()) a_.add(up_, field(offsetof(SigmoidMulArgs, up_stride)));
  a_.add(out_, field(offsetof(SigmoidMulArgs, out_stride)));
  a_.dec(rows_);
  a_.jnz(row, a_.T_NEAR);
}

}  // namespace

void EmitSigmoidMul(Assembler& a, const SigmoidMulSpec& spec, const SigmoidMulConfig& config) {
  a.Prolog(ComputeType(spec.dtype), RunValues::FrameBytes(spec, a.isa()));
  SigmoidMulEmitter(a, spec, config).Emit();
  a.Epilog();
}

}  // namespace jitattn::jit
