// Stages keys and values: copies them, from pages too, into scratch as contiguous rows of the
// compute type, or floats as pairs of bf16.

#include "jit/attention/emit_stage.h"

#include <optional>

#include "jit/attention/emit_pages.h"
#include "jit/attention/kv_io.h"
#include "jit/vector_io.h"

namespace jitattn::jit {
namespace {

using Xbyak::Reg64;

// Rows up to this length are copied without a loop over their vectors.
constexpr int kStraightVecs = 8;

// Keys or values: their columns, and where AttentionArgs describes them.
struct Source {
  int dim;
  PagedRows rows, scales;
};
constexpr Source Keys(const AttentionSpec& spec) {
  return {spec.head_dim, kPagedKeys, kPagedKeyScales};
}
constexpr Source Values(const AttentionSpec& spec) {
  return {spec.value_dim, kPagedValues, kPagedValueScales};
}

// The scales of the rows that a copy reads, if they lie in an array.
class Scales {
 public:
  Scales(const TilesContext& ctx, const Source& source)
      : a_(ctx.a),
        source_(source),
        row_(ctx.spec, source.dim),
        x_(ctx.a.pool().LeaseVecs("scale", row_.integers ? 1 : 0)),
        at_(ctx.a.pool().LeaseGprs("scales", row_.has_scale_array() ? 1 : 0)),
        ctx_(ctx) {}

  // Moves to the row `first`; null: to the first one.
  void Start(const Reg64* first) {
    if (at_.size() == 0) return;
    first == nullptr ? a_.mov(at_[0], 0) : a_.mov(at_[0], *first);
    if (first != nullptr) a_.imul(at_[0], ctx_.arg(source_.scales.stride));
    a_.add(at_[0], ctx_.arg(source_.scales.base));
  }
  // Pages: moves to the part of the page whose entry is the one before `next_entry`. Its first row
  // is `part_scales` bytes into the page's scales; the next part begins at a page's row 0.
  void StartPart(const Reg64& next_entry) {
    if (at_.size() == 0) return;
    a_.movsxd(at_[0], a_.dword[next_entry - 4]);
    a_.imul(at_[0], ctx_.arg(source_.scales.page_stride));
    a_.add(at_[0], ctx_.at(&TilesFrame::part_scales));
    a_.add(at_[0], ctx_.arg(source_.scales.base));
    a_.mov(ctx_.at(&TilesFrame::part_scales), 0);
  }
  void StartRow() {
    if (row_.scaled_at_once()) a_.Broadcast(x_, a_.ptr[at_[0]]);
  }
  void NextRow() {
    if (at_.size() > 0) a_.add(at_[0], ctx_.arg(source_.scales.stride));
  }
  // x ← vector `vec` of the row at `row`, scaled. (With one scale a row, see KvIo, any vectors.)
  void Load(KvIo& io, const Vec& x, const Reg64& row, int vec, const TailMask* tail) {
    if (!row_.integers) return io.Load(x, row, vec, tail);
    if (row_.scaled_in_blocks() && io.StartsBlock(vec)) {
      const Xbyak::RegExp array =
          at_.size() == 0 ? Xbyak::RegExp(row) : at_[0] + io.BlockOf(vec) * a_.elem_bytes();
      io.LoadScale(x_, row, vec, array);
    }
    io.Load(x, row, vec, tail, x_);
  }

 private:
  Assembler& a_;
  const Source source_;
  const KvRow row_;
  const Vecs x_;
  const Gprs at_;
  const TilesContext& ctx_;
};

// to[row] = the rows at `from`, padded with zeros to `row_bytes`. start(scales) moves to the scales
// of the first of them. Clobbers `from`, `to`, `count`.
template <typename Start>
void EmitCopy(const TilesContext& ctx, const Source& source, int row_bytes, const Reg64& from,
              const Reg64& to, const Reg64& count, Start start) {
  Assembler& a = ctx.a;
  const int whole = source.dim / a.lanes(), tail = source.dim % a.lanes();
  KvIo io(a, ctx.spec, source.dim);
  VectorIo copy(a, ctx.layout.rounds ? DType::kBF16 : a.compute(), Denormals::kMayFlush);
  const Vecs x = a.pool().LeaseVecs("copied", 2);
  Scales scales(ctx, source);
  const Gprs columns = a.pool().LeaseGprs("columns"), blocks = a.pool().LeaseGprs("blocks");
  std::optional<TailMask> mask;
  if (tail > 0) {
    mask.emplace(a);
    mask->Set(tail, blocks);
  }
  start(scales);
  a.WhileAtLeast(count, 1, [&] {
    int copied = 0;  // vectors behind the loop's
    a.mov(columns, from);
    scales.StartRow();
    // The place of a block's scale is constant in straight code only.
    const bool straight = whole <= kStraightVecs || io.row().scaled_in_blocks();
    if (straight) {
      for (; copied < whole; ++copied) {
        scales.Load(io, x[copied % 2], columns, copied, nullptr);
        copy.Store(a.ptr[to + copied * copy.vec_bytes()], x[copied % 2]);
      }
    } else {
      a.Repeat(blocks, whole, [&] {
        scales.Load(io, x[0], columns, 0, nullptr);
        copy.Store(a.ptr[to], x[0]);
        a.add(columns, io.vec_bytes());
        a.add(to, copy.vec_bytes());
      });
    }
    if (tail > 0) {
      scales.Load(io, x[0], columns, copied, &*mask);
      copy.Store(a.ptr[to + copied * copy.vec_bytes()], x[0]);
    }
    const int behind = row_bytes - (straight ? 0 : whole * copy.vec_bytes());
    if (behind > 0) a.add(to, behind);
    a.add(from, ctx.arg(source.rows.stride));
    scales.NextRow();
  });
}

enum class Taken {
  kRows,    // `count` rows
  kSecond,  // one row, the second of its pair; its partners are zeros
  kJoined,  // one row, the second of its pair; its partners are in place already
};

// to[pair] = pairs of the elements of rows 2·pair and 2·pair + 1. The partners of an odd last row
// are zeros.
void EmitInterleave(const TilesContext& ctx, const Reg64& from, const Reg64& to, const Reg64& count,
                    Taken taken = Taken::kRows) {
  const bool second = taken != Taken::kRows;
  Assembler& a = ctx.a;
  const int vecs = (ctx.spec.value_dim + a.lanes() - 1) / a.lanes();
  const int tail = ctx.spec.value_dim % a.lanes();
  const VectorIo io(a, ctx.spec.dtype);
  const Vecs low = a.pool().LeaseVecs("first of each pair"), high = a.pool().LeaseVecs("second");
  const Gprs next = a.pool().LeaseGprs("next row"), temp = a.pool().LeaseGprs("temp");
  const Opmasks end = a.pool().LeaseMasks("row end");
  a.mov(temp[0].cvt32(), tail == 0 ? 0xFFFF : (1 << tail) - 1);
  a.kmovw(end[0], temp[0].cvt32());
  const auto row = [&](bool odd) {
    for (int i = 0; i < vecs; ++i) {
      const auto load = [&](const Vec& x, const Reg64& base) {
        const auto src = a.ptr[base + i * io.vec_bytes()];
        const auto zeroed = i + 1 == vecs ? x | end[0] | Xbyak::util::T_z : x;
        if (!ctx.layout.rounds) return a.vpmovzxwd(zeroed, src);
        a.vmovups(zeroed, src);
        const Xbyak::Ymm rounded(x.getIdx());
        a.vcvtneps2bf16(rounded, x);
        a.vpmovzxwd(x, rounded);
      };
      load(low, from);
      if (second) a.vpslld(low, low, 16);
      if (taken == Taken::kJoined) a.vpord(low[0], low[0], a.ptr[to + i * a.vec_bytes()]);
      if (!odd) {
        load(high, next);
        a.vpslld(high, high, 16);
        a.vpord(low, low, high);
      }
      a.StoreVec(a.ptr[to + i * a.vec_bytes()], low);
    }
  };
  if (second) return row(true);
  Xbyak::Label done;
  const auto stride = ctx.arg(offsetof(AttentionArgs, v_stride));
  a.WhileAtLeast(count, 2, [&] {
    a.mov(next, from);
    a.add(next, stride);
    row(false);
    a.mov(from, next);
    a.add(from, stride);
    a.add(to, ctx.layout.value_row_bytes);
  });
  a.test(count, count);
  a.jle(done, a.T_NEAR);
  row(true);
  a.L(done);
}

// first, seen ← the first key that a query of the call sees under the mask, and the number of keys
// from there on; with a bias, the end of these keys.
void EmitKeysInBand(const TilesContext& ctx, const Reg64* first, const Reg64& seen,
                    const Reg64& temp) {
  Assembler& a = ctx.a;
  a.mov(seen, ctx.arg(offsetof(AttentionArgs, kv_len)));
  if (ctx.has_right_end()) {  // the last query sees the most keys
    a.mov(temp, ctx.at(&TilesFrame::diagonal));
    a.add(temp, ctx.arg(offsetof(AttentionArgs, q_rows)));
    a.cmp(temp, seen);
    a.cmovl(seen, temp);
  }
  if (ctx.has_left_end()) {  // the first query's left end
    a.mov(*first, ctx.at(&TilesFrame::left));
    a.Clamp(*first, ctx.arg(offsetof(AttentionArgs, kv_len)), temp);
    if (ctx.spec.paged) a.mov(ctx.at(&TilesFrame::band_first), *first);
    // With pages the key before may be in a page of which nobody sees a key.
    if (ctx.layout.pairs && (!ctx.spec.paged || ctx.has_bias())) a.and_(*first, -2);
    if (!ctx.has_bias()) a.sub(seen, *first);
  }
}

// Bias: first, seen ← the next run of keys, from scan_key on, that some query sees. Jumps to `done`
// if there is none. Clobbers `from`.
void EmitNextRun(const TilesContext& ctx, EmitBias& bias, const Reg64& first, const Reg64& seen,
                 const Reg64& from, const Xbyak::Label& done) {
  Assembler& a = ctx.a;
  const TilesLayout& layout = ctx.layout;
  bias.EmitFind();
  a.mov(first, ctx.at(&TilesFrame::scan_key));
  a.cmp(first, ctx.at(&TilesFrame::kv_end));
  a.jge(done, a.T_NEAR);
  a.mov(seen, ctx.at(&TilesFrame::scan_bits));
  a.not_(seen);
  a.tzcnt(seen, seen);
  a.lea(from, a.ptr[first + seen]);
  if (layout.pairs) {  // a scan always begins with the first key of a pair
    a.inc(from);
    a.and_(from, -2);
  }
  a.mov(ctx.at(&TilesFrame::scan_key), from);
  if (!layout.pairs || !ctx.spec.paged || !ctx.has_left_end()) return;
  // The scan begins with a whole pair, of which the first key may lie outside of the band.
  Xbyak::Label inside;
  a.cmp(first, ctx.at(&TilesFrame::band_first));
  a.jge(inside, a.T_NEAR);
  a.inc(first);
  a.dec(seen);
  a.L(inside);
}

// Pairs: a run that begins with the second key of a pair has a hidden first key, which becomes 0.
// Takes that pair out of the run, if there is one. Clobbers `from`, `to`.
void EmitHalfPair(const TilesContext& ctx, const Reg64& first, const Reg64& seen, const Reg64& from,
                  const Reg64& to) {
  Assembler& a = ctx.a;
  const TilesLayout& layout = ctx.layout;
  Xbyak::Label even;
  a.test(first, 1);
  a.jz(even, a.T_NEAR);
  EmitStagedAddresses(ctx, from, to);
  a.imul(from, first, layout.value_row_bytes / 2);
  a.lea(to, a.ptr[to + from - layout.value_row_bytes / 2]);
  a.mov(from, first);
  a.imul(from, ctx.arg(offsetof(AttentionArgs, v_stride)));
  a.add(from, ctx.arg(offsetof(AttentionArgs, v)));
  EmitInterleave(ctx, from, to, from, Taken::kSecond);
  a.inc(first);
  a.dec(seen);
  a.L(even);
}

// to[row] = the rows of head_dim bf16 at `from`. Clobbers `from`, `to`, `count`.
void EmitCopyWords(const TilesContext& ctx, const Reg64& from, const Reg64& to,
                   const Reg64& count) {
  Assembler& a = ctx.a;
  const int words = a.vec_bytes() / 2;
  const int whole = ctx.spec.head_dim / words, tail = ctx.spec.head_dim % words;
  const Vecs x = a.pool().LeaseVecs("copied");
  const Gprs temp = a.pool().LeaseGprs("temp");
  const Opmasks end = a.pool().LeaseMasks("row end");
  a.mov(temp[0].cvt32(), (1u << tail) - 1);
  a.kmovd(end[0], temp[0].cvt32());
  a.WhileAtLeast(count, 1, [&] {
    for (int i = 0; i < whole + (tail > 0); ++i) {
      const auto src = a.ptr[from + i * a.vec_bytes()];
      i < whole ? a.LoadVec(x, src) : a.vmovdqu16(x[0] | end[0] | Xbyak::util::T_z, src);
      a.StoreVec(a.ptr[to + i * a.vec_bytes()], x);
    }
    a.add(from, ctx.arg(offsetof(AttentionArgs, k_stride)));
    a.add(to, ctx.layout.key_row_bytes);
  });
}

// The registers of a run of keys to be staged.
struct StagedRun {
  const Reg64* first;                 // its first key; null: 0
  const Reg64 &seen, &keys, &values;  // number of keys; where they and their values go
  const Reg64 &from, &count;          // free
};

// Pages: stages the run's keys, or their values, page by page. body(from, count) takes a part.
template <typename Body>
void EmitStageParts(const TilesContext& ctx, const Source& source, const StagedRun& run,
                    Body body) {
  Assembler& a = ctx.a;
  const Reg64 &entry = run.from, &row = run.count;
  run.first != nullptr ? a.mov(row, *run.first) : a.mov(row, 0);
  EmitFindPage(a, row, entry);
  if (KvRow(ctx.spec, source.dim).has_scale_array()) {
    const Gprs bytes = a.pool().LeaseGprs("bytes before the first row's scales");
    a.mov(bytes, row);
    a.imul(bytes, ctx.arg(source.scales.stride));
    a.mov(ctx.at(&TilesFrame::part_scales), bytes);
  }
  EmitParts(a, source.rows, ctx.arg(source.rows.base), entry, row, ctx.at(&TilesFrame::keys_left),
            body);
}

// A page may end within a pair.
void EmitStagePairs(const TilesContext& ctx, const StagedRun& run) {
  Assembler& a = ctx.a;
  const Reg64& key = run.seen;
  run.first != nullptr ? a.mov(key, *run.first) : a.mov(key, 0);
  a.mov(run.count, key);
  a.shr(run.count, 1);
  a.imul(run.count, run.count, ctx.layout.value_row_bytes);
  a.add(run.values, run.count);
  EmitStageParts(ctx, Values(ctx.spec), run, [&](const Reg64& from, const Reg64& count) {
    Xbyak::Label even, joined, taken;
    a.test(key, 1);
    a.jz(even, a.T_NEAR);
    if (run.first != nullptr) {
      a.cmp(key, *run.first);
      a.jne(joined, a.T_NEAR);
      EmitInterleave(ctx, from, run.values, from, Taken::kSecond);
      a.jmp(taken, a.T_NEAR);
    }
    a.L(joined);
    EmitInterleave(ctx, from, run.values, from, Taken::kJoined);
    a.L(taken);
    a.add(from, ctx.arg(offsetof(AttentionArgs, v_stride)));
    a.add(run.values, ctx.layout.value_row_bytes);
    a.inc(key);
    a.dec(count);
    a.L(even);
    a.add(key, count);
    EmitInterleave(ctx, from, run.values, count);
  });
}

// Pages: stages a run of keys and their values.
void EmitStagePages(const TilesContext& ctx, const StagedRun& run) {
  Assembler& a = ctx.a;
  const TilesLayout& layout = ctx.layout;
  Xbyak::Label none;
  const auto start = [&](const Reg64& to, int row_bytes) {
    a.mov(ctx.at(&TilesFrame::keys_left), run.seen);
    if (run.first == nullptr || row_bytes == 0) return;
    a.imul(run.count, *run.first, row_bytes);
    a.add(to, run.count);
  };
  const auto copy = [&](const Source& source, const Reg64& to, int row_bytes) {
    EmitStageParts(ctx, source, run, [&](const Reg64& from, const Reg64& count) {
      EmitCopy(ctx, source, row_bytes, from, to, count,
               [&](Scales& scales) { scales.StartPart(run.from); });
    });
  };
  a.test(run.seen, run.seen);
  a.jle(none, a.T_NEAR);
  start(run.keys, layout.key_row_bytes);
  if (layout.pairs && !layout.rounds) {
    EmitStageParts(ctx, Keys(ctx.spec), run, [&](const Reg64& from, const Reg64& count) {
      EmitCopyWords(ctx, from, run.keys, count);
    });
  } else {
    copy(Keys(ctx.spec), run.keys, layout.key_row_bytes);
  }
  start(run.values, layout.pairs ? 0 : layout.value_row_bytes);
  layout.pairs ? EmitStagePairs(ctx, run)
               : copy(Values(ctx.spec), run.values, layout.value_row_bytes);
  a.L(none);
}

// Stages a run of keys and their values that lie in one array.
void EmitStageRows(const TilesContext& ctx, const StagedRun& run) {
  Assembler& a = ctx.a;
  const TilesLayout& layout = ctx.layout;
  // from, to ← the addresses of the first row and of its copy.
  const auto start = [&](const Source& source, const Reg64& to, int row_bytes) {
    a.mov(run.from, ctx.arg(source.rows.base));
    if (run.first == nullptr) return;
    a.imul(run.count, *run.first, row_bytes);
    a.add(to, run.count);
    a.mov(run.count, *run.first);
    a.imul(run.count, ctx.arg(source.rows.stride));
    a.add(run.from, run.count);
  };
  const auto copy = [&](const Source& source, const Reg64& to, int row_bytes) {
    start(source, to, row_bytes);
    a.mov(run.count, run.seen);
    EmitCopy(ctx, source, row_bytes, run.from, to, run.count,
             [&](Scales& scales) { scales.Start(run.first); });
  };
  if (layout.stages_keys()) {
    EmitStagedAddresses(ctx, run.keys, run.values);
    copy(Keys(ctx.spec), run.keys, layout.key_row_bytes);
  }
  if (layout.pairs) {
    if (ctx.has_bias()) EmitHalfPair(ctx, *run.first, run.seen, run.from, run.values);
    EmitStagedAddresses(ctx, run.keys, run.values);
    start(Values(ctx.spec), run.values, layout.value_row_bytes / 2);
    EmitInterleave(ctx, run.from, run.values, run.seen);
  } else {
    copy(Values(ctx.spec), run.values, layout.value_row_bytes);
  }
}

}  // namespace

void EmitStagedAddresses(const TilesContext& ctx, const Reg64& keys, const Reg64& values) {
  Assembler& a = ctx.a;
  a.mov(keys, ctx.arg(offsetof(AttentionArgs, scratch)));
  // Pairs: an odd number of keys ends half a row behind kv_len · staged_bytes.
  const int odd = ctx.layout.pairs ? ctx.layout.value_row_bytes : 0;
  a.add(keys, static_cast<int>(ctx.layout.bytes) - odd);
  a.imul(values, ctx.arg(offsetof(AttentionArgs, kv_len)), ctx.layout.key_row_bytes);
  a.add(values, keys);
  if (!ctx.layout.stages_keys()) a.mov(keys, ctx.arg(offsetof(AttentionArgs, k)));
}

void EmitStage(const TilesContext& ctx, EmitBias& bias) {
  Assembler& a = ctx.a;
  SectionScope section(a, "stage keys and values");
  const Gprs seen = a.pool().LeaseGprs("keys seen"), count = a.pool().LeaseGprs("rows left");
  const Gprs keys = a.pool().LeaseGprs("staged keys"), values = a.pool().LeaseGprs("staged values");
  const Gprs from = a.pool().LeaseGprs("rows");
  const bool from_zero = !ctx.has_left_end() && !ctx.has_bias();
  const Gprs first = a.pool().LeaseGprs("first key seen", from_zero ? 0 : 1);
  EmitKeysInBand(ctx, from_zero ? nullptr : &first[0], seen, count);
  Xbyak::Label next_run, done;
  if (ctx.has_bias()) {
    if (!ctx.has_left_end()) a.mov(first[0], 0);
    a.mov(ctx.at(&TilesFrame::scan_key), first[0]);
    a.mov(ctx.at(&TilesFrame::kv_end), seen);
    a.L(next_run);
    EmitNextRun(ctx, bias, first[0], seen, from, done);
  }
  const StagedRun run = {.first = from_zero ? nullptr : &first[0],
                         .seen = seen,
                         .keys = keys,
                         .values = values,
                         .from = from,
                         .count = count};
  if (ctx.spec.paged) {
    EmitStagedAddresses(ctx, keys, values);
    EmitStagePages(ctx, run);
  } else {
    EmitStageRows(ctx, run);
  }
  if (!ctx.has_bias()) return;
  a.jmp(next_run, a.T_NEAR);
  a.L(done);
}

}  // namespace jitattn::jit
