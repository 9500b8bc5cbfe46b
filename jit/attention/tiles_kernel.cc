// The "tiles" attention kernel: its loop nest.

#include "jit/attention/tiles_kernel.h"

#include <optional>

#include "jit/attention/emit_band.h"
#include "jit/attention/emit_bias.h"
#include "jit/attention/emit_pack.h"
#include "jit/attention/emit_scale.h"
#include "jit/attention/emit_scores.h"
#include "jit/attention/emit_softmax.h"
#include "jit/attention/emit_stage.h"
#include "jit/attention/emit_sum.h"
#include "jit/attention/emit_transposed_values.h"
#include "jit/attention/emit_values.h"
#include "jit/attention/tiles_layout.h"
#include "jit/vector_io.h"

namespace jitattn::jit {
namespace {

using Xbyak::Label;
using Xbyak::Reg64;
using Frame = TilesFrame;

class TilesEmitter {
 public:
  TilesEmitter(Assembler& a, const AttentionSpec& spec, const TilesConfig& config)
      : a_(a),
        frame_(a.pool().LeaseGprs("frame")),
        state_(a.pool().LeaseGprs("state of the tile")),
        ctx_{a, spec, config, TilesLayout(spec, config), frame_[0]},
        softmax_(ctx_),
        scores_(ctx_, state_),
        bias_(ctx_, state_),
        values_(ctx_, state_),
        transposed_(ctx_, state_) {}

  void Emit();

 private:
  bool transposed() const { return ctx_.config.pv == PvForm::kTransposed; }
  void EmitBand();
  void EmitBounds(const Label& nothing_seen);
  void EmitChunk();
  void EmitSkip(int64_t Frame::*keys);
  void EmitZeroRows();
  void EmitSinkOfHead();
  void EmitStoreLse();
  void Copy(int64_t Frame::*to, const Xbyak::Operand& from, const Reg64& temp);

  Assembler& a_;
  const Gprs frame_, state_;
  const TilesContext ctx_;
  EmitSoftmax softmax_;
  EmitScores scores_;
  EmitBias bias_;
  EmitValues values_;                // config.pv selects which of these two …
  EmitTransposedValues transposed_;  // … is emitted
  Label done_;
};

// for each tile of queries:
//   Qt = scale · (rows of Q)ᵀ;  m = l = 0
//   for each chunk of kv_block keys that any row of the tile sees:
//     P = 2^(Qt·K − m), l += sums of P     [if a score is far above m: m moves, alpha < 1]
//     [bias: Qt·K + bias; a chunk is a run of at most kv_block such keys]
//     [last chunk: 1/l]
//     O = O · alpha + P·V                  [last chunk: · 1/l]
//   no such key: O = 0
//   [gate: O = O · sigmoid(gate)]
void TilesEmitter::Emit() {
  SectionScope section(a_, "attention");
  Label main, next_tile, next_chunk, nothing_seen, tile_done;
  a_.Prolog(ComputeType(ctx_.spec.dtype), ctx_.frame_bytes());
  a_.mov(frame_, a_.rsp);
  a_.jmp(main, a_.T_NEAR);
  scores_.EmitSubroutines();
  if (ctx_.has_bias()) bias_.EmitSubroutines();
  a_.AlignCode(32);
  a_.L(main);
  EmitScale(a_, ctx_.at(&Frame::scale), scores_.unit());
  scores_.EmitPrepareParts();
  if (ctx_.spec.sinks) EmitSinkOfHead();
  {
    const Gprs temp = a_.pool().LeaseGprs("temp");
    Copy(&Frame::q, ctx_.arg(offsetof(AttentionArgs, q)), temp);
    Copy(&Frame::out, ctx_.arg(offsetof(AttentionArgs, out)), temp);
    Copy(&Frame::rows_left, ctx_.arg(offsetof(AttentionArgs, q_rows)), temp);
    if (ctx_.spec.lse) Copy(&Frame::lse, ctx_.arg(offsetof(AttentionArgs, lse)), temp);
  }
  if (ctx_.has_right_end()) EmitBand();
  if (ctx_.has_bias()) bias_.EmitReset();
  if (ctx_.layout.staged) EmitStage(ctx_, bias_);

  a_.L(next_tile);
  EmitBounds(nothing_seen);
  if (ctx_.has_bias()) bias_.EmitFirst(nothing_seen);
  a_.mov(state_, ctx_.arg(offsetof(AttentionArgs, scratch)));
  EmitPackQueries(ctx_, state_);
  softmax_.EmitReset(state_);
  {
    const Gprs temp = a_.pool().LeaseGprs("temp");
    if (ctx_.layout.staged) {
      const Gprs values = a_.pool().LeaseGprs("staged values");
      EmitStagedAddresses(ctx_, temp, values);
      a_.mov(ctx_.at(&Frame::k), temp);
      a_.mov(ctx_.at(&Frame::v), values);
    } else {
      Copy(&Frame::k, ctx_.arg(offsetof(AttentionArgs, k)), temp);
      Copy(&Frame::v, ctx_.arg(offsetof(AttentionArgs, v)), temp);
    }
    a_.mov(ctx_.at(&Frame::flags), Frame::kFirst);
    if (!ctx_.has_left_end() && !ctx_.has_bias()) a_.mov(ctx_.at(&Frame::first_key), 0);
  }
  if (ctx_.has_left_end() || ctx_.has_bias()) EmitSkip(&Frame::first_key);
  a_.L(next_chunk);
  EmitChunk();
  a_.jl(next_chunk, a_.T_NEAR);
  if (transposed()) {
    transposed_.EmitOutput();
  } else if (ctx_.layout.converts || ctx_.spec.gate) {
    values_.EmitOutput();
  }
  a_.jmp(tile_done, a_.T_NEAR);

  a_.L(nothing_seen);
  if (ctx_.spec.lse) softmax_.EmitLseOfNoKeys(state_);
  EmitZeroRows();
  a_.L(tile_done);
  if (ctx_.spec.lse) EmitStoreLse();
  {
    const Gprs stride = a_.pool().LeaseGprs("stride");
    const auto advance = [&](int64_t Frame::*row, size_t offset) {
      a_.imul(stride, ctx_.arg(offset), ctx_.layout.tile_rows);
      a_.add(ctx_.at(row), stride);
    };
    advance(&Frame::q, offsetof(AttentionArgs, q_stride));
    advance(&Frame::out, offsetof(AttentionArgs, out_stride));
    if (ctx_.spec.lse) advance(&Frame::lse, offsetof(AttentionArgs, lse_stride));
    if (ctx_.has_right_end()) a_.add(ctx_.at(&Frame::diagonal), ctx_.layout.tile_rows);
    if (ctx_.has_left_end()) a_.add(ctx_.at(&Frame::left), ctx_.layout.tile_rows);
    if (ctx_.has_bias()) bias_.EmitNextTile();
    a_.sub(ctx_.at(&Frame::rows_left), ctx_.layout.tile_rows);
    a_.jmp(next_tile, a_.T_NEAR);
  }
  a_.L(done_);
  a_.Epilog();
}

void TilesEmitter::Copy(int64_t Frame::*to, const Xbyak::Operand& from, const Reg64& temp) {
  a_.mov(temp, from);
  a_.mov(ctx_.at(to), temp);
}

// Sets the ends of the band. If the left end lies behind the right one, moves the right end to
// where no query sees a key.
void TilesEmitter::EmitBand() {
  const Gprs diagonal = a_.pool().LeaseGprs("diagonal"), temp = a_.pool().LeaseGprs("temp");
  EmitBandEnd(a_, offsetof(AttentionArgs, right), diagonal, temp);
  if (ctx_.has_left_end()) {
    const Gprs left = a_.pool().LeaseGprs("left end");
    EmitBandEnd(a_, offsetof(AttentionArgs, left), left, temp);
    a_.mov(ctx_.at(&Frame::left), left);
    a_.neg(left);
    a_.lea(left, a_.ptr[left[0] + diagonal[0] + 1]);
    a_.mov(ctx_.at(&Frame::span), left);
    a_.mov(temp, ctx_.arg(offsetof(AttentionArgs, q_rows)));
    a_.neg(temp);
    a_.test(left, left);
    a_.cmovle(diagonal, temp);
  }
  a_.mov(ctx_.at(&Frame::diagonal), diagonal);
}

// Sets the rows of the tile, the vectors they fill, and the keys that any of them sees: keys before
// kv_end, in windows from first_key on. (Pairs begin with an even key, since a pair shares a row of
// P.)
void TilesEmitter::EmitBounds(const Label& nothing_seen) {
  const Gprs rows = a_.pool().LeaseGprs("rows"), keys = a_.pool().LeaseGprs("keys seen");
  const Gprs temp = a_.pool().LeaseGprs("temp");
  a_.mov(rows, ctx_.at(&Frame::rows_left));
  a_.Clamp(rows[0], ctx_.layout.tile_rows, temp);
  a_.test(rows, rows);
  a_.jz(done_, a_.T_NEAR);
  a_.mov(ctx_.at(&Frame::rows), rows);
  if (ctx_.has_right_end()) {
    a_.mov(keys, rows);
    a_.add(keys, ctx_.at(&Frame::diagonal));
    a_.Clamp(keys[0], ctx_.arg(offsetof(AttentionArgs, kv_len)), temp);
  } else {
    a_.mov(keys, ctx_.arg(offsetof(AttentionArgs, kv_len)));
  }
  a_.mov(ctx_.at(&Frame::kv_end), keys);
  a_.add(rows, ctx_.layout.lanes - 1);
  a_.shr(rows, std::countr_zero(static_cast<unsigned>(ctx_.layout.lanes)));
  a_.mov(ctx_.at(&Frame::vecs), rows);
  a_.test(keys, keys);
  a_.jz(nothing_seen, a_.T_NEAR);
  if (!ctx_.has_left_end()) return;
  a_.mov(rows, ctx_.at(&Frame::left));
  a_.Clamp(rows[0], ctx_.arg(offsetof(AttentionArgs, kv_len)), temp);
  a_.cmp(rows, keys);
  a_.jge(nothing_seen, a_.T_NEAR);
  if (ctx_.layout.pairs) a_.and_(rows, -2);
  a_.mov(ctx_.at(&Frame::first_key), rows);
}

// Leaves the CPU flags of first_key <=> kv_end.
void TilesEmitter::EmitChunk() {
  if (ctx_.has_bias()) {
    bias_.EmitChunk();
  } else {
    const Gprs keys = a_.pool().LeaseGprs("keys"), temp = a_.pool().LeaseGprs("temp");
    a_.mov(keys, ctx_.at(&Frame::kv_end));
    a_.sub(keys, ctx_.at(&Frame::first_key));
    Label more;
    a_.cmp(keys, ctx_.config.kv_block);
    a_.jg(more, a_.T_NEAR);
    a_.or_(ctx_.at(&Frame::flags), Frame::kLast);
    a_.L(more);
    a_.Clamp(keys[0], ctx_.config.kv_block, temp);
    a_.mov(ctx_.at(&Frame::keys), keys);
  }
  scores_.EmitChunk();
  Label not_last;
  a_.test(ctx_.at(&Frame::flags), Frame::kLast);
  a_.jz(not_last, a_.T_NEAR);
  softmax_.EmitInverse(state_);
  a_.L(not_last);
  transposed() ? transposed_.EmitChunk() : values_.EmitChunk();

  a_.mov(ctx_.at(&Frame::flags), 0);
  if (ctx_.has_bias()) bias_.EmitToNextChunk();
  EmitSkip(&Frame::keys);
  const Gprs step = a_.pool().LeaseGprs("step");
  a_.mov(step, ctx_.at(&Frame::keys));
  a_.add(step, ctx_.at(&Frame::first_key));
  a_.mov(ctx_.at(&Frame::first_key), step);
  a_.cmp(step, ctx_.at(&Frame::kv_end));
}

// Advances K and V by `keys`.
void TilesEmitter::EmitSkip(int64_t Frame::*keys) {
  const Gprs step = a_.pool().LeaseGprs("step");
  for (const bool key : {true, false}) {
    const auto& layout = ctx_.layout;
    a_.mov(step, ctx_.at(keys));
    if (!layout.staged || (key && !layout.stages_keys())) {
      a_.imul(step, ctx_.arg(key ? offsetof(AttentionArgs, k_stride)
                                 : offsetof(AttentionArgs, v_stride)));
    } else {
      a_.imul(step, step, key ? layout.key_row_bytes : layout.value_row_bytes / (layout.pairs + 1));
    }
    a_.add(ctx_.at(key ? &Frame::k : &Frame::v), step);
  }
}

void TilesEmitter::EmitZeroRows() {
  SectionScope section(a_, "no keys");
  const int whole = ctx_.spec.value_dim / a_.lanes(), tail = ctx_.spec.value_dim % a_.lanes();
  VectorIo io(a_, ctx_.spec.dtype);
  const Vecs zero = a_.pool().LeaseVecs("0");
  const Gprs row = a_.pool().LeaseGprs("output row"), rows = a_.pool().LeaseGprs("rows left");
  const Gprs to = a_.pool().LeaseGprs("output"), count = a_.pool().LeaseGprs("count");
  std::optional<TailMask> mask;
  if (tail > 0) {
    mask.emplace(a_);
    mask->Set(tail, count);
  }
  a_.Zero(zero);
  a_.mov(row, ctx_.at(&Frame::out));
  a_.mov(rows, ctx_.at(&Frame::rows));
  a_.WhileAtLeast(rows, 1, [&] {
    a_.mov(to, row);
    a_.Repeat(count, whole, [&] {
      io.Store(a_.ptr[to[0]], zero);
      a_.add(to, io.vec_bytes());
    });
    if (tail > 0) io.Store(a_.ptr[to[0]], zero, *mask);
    a_.add(row, ctx_.arg(offsetof(AttentionArgs, out_stride)));
  });
}

void TilesEmitter::EmitSinkOfHead() {
  const Vecs lease = a_.pool().LeaseVecs("sink");
  const Gprs sinks = a_.pool().LeaseGprs("sinks");
  const Xbyak::Xmm sink(lease[0].getIdx());
  a_.mov(sinks, ctx_.arg(offsetof(AttentionArgs, sinks)));
  EmitSink(a_, sink, a_.ptr[sinks[0]]);
  a_.vmovq(ctx_.at(&Frame::sink), sink);
}

// Stores the tile's log-sum-exps, which the softmax has left in the state.
void TilesEmitter::EmitStoreLse() {
  const Gprs from = a_.pool().LeaseGprs("state"), to = a_.pool().LeaseGprs("log-sum-exp");
  const Gprs rows = a_.pool().LeaseGprs("rows left"), value = a_.pool().LeaseGprs("value");
  const bool f64 = a_.compute() == DType::kF64;
  a_.mov(from, ctx_.arg(offsetof(AttentionArgs, scratch)));
  a_.add(from, ctx_.layout.state(EmitSoftmax::kLse));
  a_.mov(to, ctx_.at(&Frame::lse));
  a_.mov(rows, ctx_.at(&Frame::rows));
  a_.WhileAtLeast(rows, 1, [&] {
    if (f64) {
      a_.mov(value, a_.qword[from[0]]);
      a_.mov(a_.qword[to[0]], value);
    } else {
      a_.mov(value[0].cvt32(), a_.dword[from[0]]);
      a_.mov(a_.dword[to[0]], value[0].cvt32());
    }
    a_.add(from, a_.elem_bytes());
    a_.add(to, ctx_.arg(offsetof(AttentionArgs, lse_stride)));
  });
}

}  // namespace

void EmitTiles(Assembler& a, const AttentionSpec& spec, const TilesConfig& config) {
  TilesEmitter(a, spec, config).Emit();
}

ScratchNeeds TilesScratch(const AttentionSpec& spec, const TilesConfig& config) {
  const TilesLayout layout(spec, config);
  return {.bytes = layout.bytes, .bytes_per_key = layout.staged_bytes};
}

}  // namespace jitattn::jit
