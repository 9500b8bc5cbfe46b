// "rows": the addresses of the keys and values of a block that lie in pages.

#include "jit/attention/emit_addresses.h"

#include <algorithm>
#include <bit>

#include "base/sizes.h"
#include "jit/attention/rows_prefetch.h"

namespace jitattn::jit {

using Xbyak::Label;
using Xbyak::Reg64;
using Frame = RowsFrame;

namespace {

constexpr int kStepBytes = 64;  // a vector of distances, of K or of V
// Entries that a whole vector may write behind a list.
constexpr int kSlack = 8;

// A block's first keys that are fetched during the block before.
int KeysAhead(const RowsConfig& config) { return std::min(config.prefetch, config.kv_block); }

}  // namespace

int64_t EmitAddresses::Bytes(const RowsConfig& config) {
  const int64_t entries = 2 * int64_t{config.kv_block} + KeysAhead(config) + kSlack;
  return 2 * kStepBytes + SizeRoundedUp(entries * 8, 64);
}

Xbyak::Address EmitAddresses::steps(const PagedRows& rows) const {
  const bool values = rows.base == kPagedValues.base;
  return ctx_.in_scratch(ctx_.layout.addresses + (values ? kStepBytes : 0));
}

// steps = 0, stride, 2 · stride, …
void EmitAddresses::EmitFirst() {
  const Gprs distance = a_.pool().LeaseGprs("distance"), to = a_.pool().LeaseGprs("distances");
  const Gprs count = a_.pool().LeaseGprs("count");
  for (const PagedRows& rows : {kPagedKeys, kPagedValues}) {
    a_.xor_(distance[0].cvt32(), distance[0].cvt32());
    a_.lea(to, steps(rows));
    a_.Repeat(count, entries(), [&] {
      a_.mov(a_.qword[to[0]], distance);
      a_.add(distance, ctx_.arg(rows.stride));
      a_.add(to, 8);
    });
  }
}

void EmitAddresses::EmitBlock() {
  SectionScope section(a_, "addresses");
  RegPool& pool = a_.pool();
  const Gprs to = pool.LeaseGprs("list"), entry = pool.LeaseGprs("entry of the table");
  const Gprs row = pool.LeaseGprs("row in its page"), left = pool.LeaseGprs("keys left");
  a_.mov(row, ctx_.at(&Frame::first_key));
  EmitFindPage(a_, row, entry);
  a_.mov(ctx_.at(&Frame::row), row);
  a_.mov(ctx_.at(&Frame::entry), entry);
  a_.lea(to, ctx_.in_scratch(ctx_.layout.addresses + 2 * kStepBytes));
  a_.mov(ctx_.at(&Frame::k), to);
  a_.mov(left, ctx_.at(&Frame::block));
  EmitList(kPagedKeys, ctx_.arg(kPagedKeys.base), KvRow(ctx_.spec, ctx_.spec.head_dim).bytes, to,
           entry, row, left);
  a_.mov(ctx_.at(&Frame::v), to);
  a_.mov(row, ctx_.at(&Frame::row));
  a_.mov(entry, ctx_.at(&Frame::entry));
  a_.mov(left, ctx_.at(&Frame::block));
  EmitList(kPagedValues, ctx_.arg(kPagedValues.base), KvRow(ctx_.spec, ctx_.spec.value_dim).bytes,
           to, entry, row, left);
  if (ctx_.config.prefetch > 0) EmitNextKeys(to, entry, row, left);
}

// The next keys of this run, or the first ones of the next run, which are fetched ahead.
void EmitAddresses::EmitNextKeys(const Reg64& to, const Reg64& entry, const Reg64& row,
                                 const Reg64& left) {
  Label none;
  {
    Label within, known;
    a_.mov(left, ctx_.at(&Frame::seen));
    if (ctx_.has_bias()) {
      a_.mov(row, ctx_.at(&Frame::next_key));
    } else {
      a_.mov(row, ctx_.at(&Frame::first_key));
      a_.add(row, ctx_.at(&Frame::block));
    }
    a_.sub(left, row);
    a_.jg(within, a_.T_NEAR);
    a_.mov(left, ctx_.arg(offsetof(AttentionArgs, next_k)));
    a_.mov(ctx_.at(&Frame::next_k), left);
    a_.mov(entry, ctx_.arg(offsetof(AttentionArgs, next_block_table)));
    a_.mov(row, ctx_.arg(offsetof(AttentionArgs, next_page_row)));
    a_.mov(left, ctx_.arg(offsetof(AttentionArgs, next_keys)));
    a_.test(left, left);
    a_.jg(known, a_.T_NEAR);
    a_.jmp(none, a_.T_NEAR);
    a_.L(within);
    a_.mov(entry, ctx_.arg(offsetof(AttentionArgs, k)));
    a_.mov(ctx_.at(&Frame::next_k), entry);
    EmitFindPage(a_, row, entry);
    a_.L(known);
  }
  {
    const Gprs temp = a_.pool().LeaseGprs("temp");
    a_.Clamp(left, KeysAhead(ctx_.config), temp);
    if (ctx_.has_bias()) {  // only of the first page it is known that a row sees one of its keys
      a_.mov(temp, ctx_.arg(offsetof(AttentionArgs, page_size)));
      a_.sub(temp, row);
      a_.cmp(left, temp);
      a_.cmovg(left, temp);
    }
  }
  EmitList(kPagedKeys, ctx_.at(&Frame::next_k), KvRow(ctx_.spec, ctx_.spec.head_dim).bytes, to,
           entry, row, left);
  a_.L(none);
  a_.mov(ctx_.at(&Frame::list_end), to);
}

// for each part of the keys, in one page:
//   list[i] = address + i · stride    a vector at a time; the next part overwrites its surplus
//   fetch a line of each page of memory, or of each row if rows are further apart
void EmitAddresses::EmitList(const PagedRows& rows, const Xbyak::Operand& base, int row_bytes,
                             const Reg64& to, const Reg64& entry, const Reg64& row,
                             const Reg64& left) {
  const Vecs first = a_.pool().LeaseVecs("distances"), next = a_.pool().LeaseVecs("distance");
  const Vecs x = a_.pool().LeaseVecs("addresses");
  const Gprs end = a_.pool().LeaseGprs("end of the part");
  const Gprs step = a_.pool().LeaseGprs("to the next page of memory");
  const auto broadcast = [&](const Vec& vec, const Reg64& number) {
    const Xbyak::Xmm low(vec.getIdx());
    a_.vmovq(low, number);
    a_.vpbroadcastq(vec, low);
  };
  a_.mov(end, ctx_.arg(rows.stride));
  a_.shl(end, std::countr_zero(static_cast<unsigned>(entries())));
  broadcast(next, end);
  a_.LoadVec(first, steps(rows));
  a_.mov(step, kMemoryPageBytes);
  if (row_bytes < kMemoryPageBytes) {
    a_.cmp(step, ctx_.arg(rows.stride));
    a_.cmovl(step, ctx_.arg(rows.stride));
  }
  EmitParts(a_, rows, base, entry, row, left, [&](const Reg64& address, const Reg64& count) {
    Label more;
    broadcast(x, address);
    a_.vpaddq(x[0], x[0], first[0]);
    a_.lea(end, a_.ptr[to + count * 8]);
    a_.L(more);
    a_.StoreVec(a_.ptr[to], x);
    a_.vpaddq(x[0], x[0], next[0]);
    a_.add(to, a_.vec_bytes());
    a_.cmp(to, end);
    a_.jl(more, a_.T_NEAR);
    a_.mov(to, end);
    if (ctx_.config.prefetch == 0) return;
    Label fetch;
    a_.imul(count, ctx_.arg(rows.stride));
    a_.add(count, address);
    a_.L(fetch);
    a_.prefetcht1(a_.ptr[address]);
    a_.add(address, step);
    a_.cmp(address, count);
    a_.jl(fetch, a_.T_NEAR);
  });
}

}  // namespace jitattn::jit
