// Runs of keys that the bias leaves visible, for both algorithms.

#ifndef JITATTN_JIT_ATTENTION_EMIT_KEY_RUNS_H_
#define JITATTN_JIT_ATTENTION_EMIT_KEY_RUNS_H_

#include <cstdint>

#include "jit/assembler.h"

namespace jitattn::jit {

// The caller's subroutine `scan` sets scan_bits: which of the next `scanned` keys from scan_key on,
// before Frame::*end, some row sees. Its frame also has first_key and next_key.
template <typename Context, typename Frame>
class EmitKeyRuns {
 public:
  EmitKeyRuns(const Context& ctx, int scanned, int64_t Frame::*end)
      : ctx_(ctx), a_(ctx.a), scanned_(scanned), end_(end) {}

  Xbyak::Label& scan() { return scan_; }
  const Xbyak::Label& find() const { return find_; }

  // The subroutine `find`: scan_key ← the next key from scan_key on that some row sees, scan_bits ←
  // which keys from there on some row sees. If there is none, scan_key ≥ Frame::*end.
  void EmitFind() {
    const Gprs key = a_.pool().LeaseGprs("key"), seen = a_.pool().LeaseGprs("keys seen");
    Xbyak::Label next, found, none;
    a_.AlignCode(32);
    a_.L(find_);
    a_.L(next);
    a_.mov(key, ctx_.at(&Frame::scan_key));
    a_.cmp(key, ctx_.at(end_));
    a_.jge(none, a_.T_NEAR);
    a_.call(scan_);
    a_.mov(seen, ctx_.at(&Frame::scan_bits));
    a_.test(seen, seen);
    a_.jnz(found, a_.T_NEAR);
    a_.add(ctx_.at(&Frame::scan_key), scanned_);
    a_.jmp(next, a_.T_NEAR);
    a_.L(found);
    a_.tzcnt(key, seen);
    a_.add(ctx_.at(&Frame::scan_key), key);
    a_.shrx(seen, seen, key);
    a_.mov(ctx_.at(&Frame::scan_bits), seen);
    a_.L(none);
    a_.ret();
  }

  // keys ← the number of visible keys from first_key on up to the first hidden one, at most `most`,
  // a multiple of scanned. next_key ← the next visible key behind them, or Frame::*end. Clobbers
  // all registers. `widen` changes the bits of a scan.
  template <typename Widen>
  void EmitRun(int64_t Frame::*keys, int most, Widen widen) {
    const Gprs key = a_.pool().LeaseGprs("key"), seen = a_.pool().LeaseGprs("keys seen");
    Xbyak::Label more, end, within;
    a_.mov(ctx_.at(keys), 0);
    a_.L(more);
    a_.mov(key, ctx_.at(&Frame::first_key));
    a_.add(key, ctx_.at(keys));
    a_.mov(ctx_.at(&Frame::scan_key), key);
    a_.cmp(key, ctx_.at(end_));
    a_.jge(end, a_.T_NEAR);
    a_.call(scan_);
    a_.mov(seen, ctx_.at(&Frame::scan_bits));
    widen(seen);
    a_.not_(seen);
    a_.tzcnt(seen, seen);
    a_.mov(key, ctx_.at(keys));
    a_.add(key, seen);
    a_.mov(ctx_.at(keys), key);
    a_.cmp(seen, scanned_);
    a_.jl(end, a_.T_NEAR);
    a_.cmp(key, most);
    a_.jl(more, a_.T_NEAR);
    a_.L(end);
    a_.mov(key, ctx_.at(&Frame::first_key));
    a_.add(key, ctx_.at(keys));
    a_.mov(ctx_.at(&Frame::scan_key), key);
    a_.call(find_);
    a_.mov(key, ctx_.at(&Frame::scan_key));
    a_.cmp(key, ctx_.at(end_));
    a_.cmovg(key, ctx_.at(end_));
    a_.mov(ctx_.at(&Frame::next_key), key);
  }

 private:
  const Context& ctx_;
  Assembler& a_;
  const int scanned_;
  int64_t Frame::*const end_;
  Xbyak::Label scan_, find_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_EMIT_KEY_RUNS_H_
