// The structs of the C API filled with arbitrary bytes. Accepted calls are run on operands between
// unreadable pages. Arguments that reach beyond the operands are the caller's fault and are not
// run.

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

#include "faults/guarded.h"
#include "fuzz.h"
#include "jitattn/jitattn.h"

namespace jitattn::fuzz {
namespace {

constexpr size_t kArenaBytes = 1 << 16;
constexpr double kMostWork = 1e6;  // multiplications of a run: more only take longer

// Reads the input from front to back; zeros follow its end.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  uint8_t Byte() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }
  int64_t Word() {
    uint64_t word = 0;
    for (int i = 0; i < 8; ++i) word |= uint64_t{Byte()} << 8 * i;
    return static_cast<int64_t>(word);
  }
  // Mostly small, since most large numbers are alike; now and then a power of two or any number.
  int64_t Size() {
    const uint8_t kind = Byte();
    if (kind < 200) return kind % 67;
    if (kind < 230) return (int64_t{1} << Byte() % 63) + Byte() % 3 - 1;
    return Word();
  }
  int32_t Enum() {
    const uint8_t kind = Byte();
    return kind < 250 ? kind % 4 : static_cast<int32_t>(Word());
  }
  size_t StructSize(size_t right) { return Byte() < 250 ? right : static_cast<size_t>(Word()); }
  std::string Rest() { return {reinterpret_cast<const char*>(data_), size_}; }

 private:
  const uint8_t* data_;
  size_t size_;
};

struct Operands {
  faults::Arena q{kArenaBytes}, k{kArenaBytes}, v{kArenaBytes}, out{kArenaBytes}, scratch{1 << 20};
};
Operands& TheOperands() {
  static Operands& operands = *new Operands;
  return operands;
}

int ElementBytes(int32_t dtype) { return dtype == JITATTN_F64 ? 8 : dtype == JITATTN_F32 ? 4 : 2; }

// Whether {batch, head, row} of these strides lie in the arena, seen from `base`.
bool Inside(const faults::Arena& arena, const void* base, int bytes, const int64_t (&count)[3],
            const int64_t (&strides)[3], int64_t cols) {
  __int128 low = reinterpret_cast<uintptr_t>(base), high = low + __int128{cols} * bytes;
  for (int i = 0; i < 3; ++i) {
    if (count[i] == 0) return true;
    const __int128 reach = __int128{count[i] - 1} * strides[i] * bytes;
    (reach < 0 ? low : high) += reach;
  }
  const auto begin = reinterpret_cast<uintptr_t>(arena.begin());
  return low >= begin && high <= begin + arena.bytes();
}

// Somewhere in the arena, mostly so that `bytes` fit up to its end.
void* Place(Input& in, const faults::Arena& arena, int64_t bytes) {
  const uint8_t kind = in.Byte();
  if (kind == 255) return nullptr;
  if (kind >= 240) return arena.begin() + in.Byte();
  if (kind % 2 == 0 || bytes < 0 || bytes > static_cast<int64_t>(arena.bytes())) {
    return arena.begin();
  }
  return arena.AtEnd(bytes);
}

void MaybeStrange(Input& in, int64_t* value) {
  if (in.Byte() >= 240) *value = in.Size();
}

bool Accepted(jitattn_status status) {
  Require(status >= JITATTN_OK && status < JITATTN_INTERNAL, "every refusal has its status");
  Require(status == JITATTN_OK || *jitattn_last_error() != '\0', "and its reason");
  return status == JITATTN_OK;
}

// A struct whose stated size may be that of a newer version, followed by as many of the caller's
// bytes as the library may read.
template <typename T>
struct Grown {
  T fields = {};
  char added[9 * sizeof(T)] = {};

  explicit Grown(Input& in) {
    fields.struct_size = in.StructSize(sizeof(T));
    if (in.Byte() >= 250) added[static_cast<size_t>(in.Byte()) % sizeof added] = 1;
  }
};

Grown<jitattn_plan_options> Options(Input& in) {
  Grown<jitattn_plan_options> grown(in);
  jitattn_plan_options& options = grown.fields;
  const size_t size = options.struct_size;
  jitattn_plan_options_init(&options);
  options.struct_size = size;
  options.ignore_cache = 1;
  options.threads = in.Byte() < 250 ? 1 : in.Enum();
  options.buffers = in.Byte() < 250 ? 0 : in.Enum();
  if (in.Byte() >= 250) {
    const int64_t seconds = in.Word();
    std::memcpy(&options.tune_seconds, &seconds, sizeof seconds);
  }
  return grown;
}

// An append of rows of operand q to operand out, with tables, weights and scales in k and v.
struct DrawnAppend {
  static constexpr int64_t kMostBatch = 8, kMostPositions = 4096;

  explicit DrawnAppend(Input& in) : grown(in) {
    jitattn_append_args& a = grown.fields;
    const size_t size = a.struct_size;
    jitattn_attention_problem p;
    jitattn_attention_problem_init(&p, in.Byte() % 5, in.Byte() % 19, in.Byte() % 99);
    p.batch = in.Byte() % 4;
    p.kv_len = in.Byte() % 40;
    p.dtype = in.Byte() % 4;
    p.kv_type = in.Byte() % 6;
    p.kv_scale_block = in.Byte() % 4 * 32;
    p.page_size = in.Byte() % 3 ? 0 : in.Byte() % 9;
    jitattn_append_args_init(&a, in.Byte() % 3, &p);
    a.struct_size = size;
    for (int32_t* value : {&a.from_type, &a.to_type, &a.norm_weight_type}) {
      if (in.Byte() >= 240) *value = in.Enum();
    }
    for (int64_t* value : {&a.batch, &a.heads, &a.rows, &a.dim, &a.to_len, &a.to_begin,
                           &a.page_size, &a.block_table_stride, &a.scale_block}) {
      MaybeStrange(in, value);
    }
    for (auto* strides : {&a.from_strides, &a.to_strides, &a.scale_strides}) {
      for (int64_t& stride : *strides) MaybeStrange(in, &stride);
    }
    DrawNumbers(in);
    DrawArrays(in);
    DrawMemory(in);
    runnable = Within();
  }

  void DrawNumbers(Input& in) {
    jitattn_append_args& a = grown.fields;
    a.fixed_scales = in.Byte() % 4 == 0;
    a.norm = in.Byte() < 240 ? in.Byte() % 2 : in.Enum();
    a.rope = in.Byte() < 240 ? in.Byte() % 3 : in.Enum();
    if (in.Byte() >= 240) {
      const int64_t eps = in.Word();
      std::memcpy(&a.norm_eps, &eps, sizeof eps);
    }
    a.rotary_len = in.Byte() % 64;
    for (int64_t* value : {&a.rotary_begin, &a.rotary_dim, &a.rotary_len, &a.rotary_stride,
                           &a.rotary_inner, &a.position_stride}) {
      MaybeStrange(in, value);
    }
  }

  // Lengths, offsets, pages and positions, which a batch of any size would exceed.
  void DrawArrays(Input& in) {
    jitattn_append_args& a = grown.fields;
    const auto maybe = [&](int64_t* array, int64_t count) -> const int64_t* {
      if (in.Byte() % 3 != 0 || a.batch > kMostBatch) return nullptr;
      for (int64_t i = 0; i < count; ++i) array[i] = in.Byte() < 250 ? in.Byte() % 20 : in.Size();
      return array;
    };
    a.from_lens = maybe(lens, kMostBatch);
    a.to_begins = maybe(begins, kMostBatch);
    a.from_offsets = maybe(offsets, kMostBatch + 1);
    if (in.Byte() < 240) std::sort(offsets, offsets + kMostBatch + 1);
    for (int64_t i = 0; i < kMostPositions; ++i) {
      positions[i] = i < 16 ? in.Byte() % 64 : i % 32;
    }
    for (int i = 0; i < kPages; ++i) {
      pages[i] = i >= 16 ? i % 6 : in.Byte() < 250 ? in.Byte() % 6 : in.Enum();
    }
    if (in.Byte() % 2 == 0) a.positions = positions;
    if (in.Byte() < 250) a.block_table = pages;
  }

  void DrawMemory(Input& in) {
    jitattn_append_args& a = grown.fields;
    Operands& operands = TheOperands();
    const auto extent = [&](int64_t stride, int64_t count, int bytes) {
      int64_t all = 0;
      return __builtin_mul_overflow(stride, count, &all) ||
                     __builtin_mul_overflow(all, int64_t{bytes}, &all)
                 ? int64_t{-1}
                 : all;
    };
    const int64_t parts = a.page_size > 0 ? 6 : a.batch;
    a.from = Place(in, operands.q, extent(a.from_strides[0], a.batch, ElementBytes(a.from_type)));
    a.to = in.Byte() < 20 ? const_cast<void*>(a.from)
                          : Place(in, operands.out, extent(a.to_strides[0], parts, ToBytes()));
    a.scales = static_cast<float*>(Place(in, operands.k, -1));
    a.norm_weight = Place(in, operands.v, -1);
    a.cos_table = static_cast<const float*>(Place(in, operands.v, -1));
    a.sin_table = static_cast<const float*>(Place(in, operands.v, -1));
  }

  int ToBytes() const {
    switch (grown.fields.to_type) {
      case JITATTN_KV_I8:
        return 1;
      case JITATTN_KV_Q8_0:
        return 34;
      case JITATTN_KV_OWN:
        return ElementBytes(grown.fields.from_type);
      default:
        return grown.fields.to_type == JITATTN_KV_F32 ? 4 : 2;
    }
  }

  // Whether everything that an accepted call may touch is in the operands. Small sizes only.
  bool Within() const {
    const jitattn_append_args& a = grown.fields;
    for (const int64_t size : {a.batch, a.heads, a.rows, a.dim, a.to_len, a.page_size}) {
      if (size < 0 || size > 4096) return false;
    }
    if (static_cast<double>(a.batch) * static_cast<double>(a.heads * a.rows * a.dim) > kMostWork) {
      return false;
    }
    const bool ragged = a.from_offsets != nullptr, paged = a.page_size > 0;
    if (a.batch > kMostBatch && (a.positions != nullptr || paged)) return false;
    const int64_t last = ragged ? offsets[a.batch] : a.rows;
    if (last < 0 || last > kMostPositions) return false;
    if (a.positions != nullptr && !ragged &&
        (a.position_stride < 0 || a.position_stride > 64 ||
         a.batch * a.position_stride + a.rows > kMostPositions)) {
      return false;
    }
    if (paged && (a.block_table_stride < 0 || a.block_table_stride > 16 ||
                  a.batch * a.block_table_stride + a.to_len / a.page_size >= kPages)) {
      return false;
    }
    return MemoryWithin(last);
  }

  bool MemoryWithin(int64_t last) const {
    const jitattn_append_args& a = grown.fields;
    const Operands& operands = TheOperands();
    const bool ragged = a.from_offsets != nullptr, paged = a.page_size > 0;
    const int64_t from[] = {ragged ? 1 : a.batch, a.heads, last};
    int64_t to[] = {a.batch, a.heads, a.to_len};
    if (paged) {
      to[0] = 1 + *std::max_element(pages, pages + kPages);
      to[2] = a.page_size;
    }
    const faults::Arena& target = a.to == a.from ? operands.q : operands.out;
    const int64_t to_units = a.to_type == JITATTN_KV_Q8_0 ? a.dim / 32 : a.dim;
    const int64_t table[] = {1, a.rotary_len, a.rotary_dim / 2};
    const int64_t pairs = std::max<int64_t>(a.rotary_dim / 2, 1);
    const int64_t steps[] = {0, a.rotary_stride == 0 ? pairs : a.rotary_stride,
                             a.rotary_inner == 0 ? 1 : a.rotary_inner};
    const bool has_tables =
        a.rope == JITATTN_ROPE_NONE || (a.rotary_len >= 0 && a.rotary_dim >= 0 &&
                                        Inside(operands.v, a.cos_table, 4, table, steps, 1) &&
                                        Inside(operands.v, a.sin_table, 4, table, steps, 1));
    const int64_t one[] = {1, 1, 1}, none[] = {0, 0, 0};
    return has_tables &&
           Inside(operands.q, a.from, ElementBytes(a.from_type), from, a.from_strides, a.dim) &&
           Inside(target, a.to, ToBytes(), to, a.to_strides, to_units) &&
           (a.norm_weight == nullptr || Inside(operands.v, a.norm_weight, 8, one, none, a.dim)) &&
           (a.to_type != JITATTN_KV_I8 ||
            Inside(operands.k, a.scales, 4, to, a.scale_strides, a.dim));
  }

  static constexpr int kPages = 256;
  Grown<jitattn_append_args> grown;
  int64_t lens[kMostBatch], begins[kMostBatch], offsets[kMostBatch + 1], positions[kMostPositions];
  int32_t pages[kPages];
  bool runnable = false;
};

void Append(Input& in) {
  const DrawnAppend append(in);
  if (append.runnable) Accepted(jitattn_append(&append.grown.fields));
}

void Attention(Input& in) {
  Grown<jitattn_attention_problem> grown_problem(in);
  jitattn_attention_problem& p = grown_problem.fields;
  p.dtype = in.Enum();
  p.mask = in.Enum() % 2;
  for (int64_t* size : {&p.batch, &p.kv_heads, &p.q_len, &p.kv_len, &p.head_dim, &p.value_dim}) {
    *size = in.Size();
  }
  p.heads = p.kv_heads;
  if (__builtin_mul_overflow(p.heads, int64_t{in.Byte() % 3 + 1}, &p.heads)) p.heads = in.Size();
  MaybeStrange(in, &p.heads);

  Grown<jitattn_attention_args> grown_args(in);
  jitattn_attention_args& a = grown_args.fields;
  const size_t args_size = a.struct_size;
  jitattn_attention_args_init(&a, &p);
  a.struct_size = args_size;
  for (int64_t* length : {&a.batch, &a.q_len, &a.kv_len}) MaybeStrange(in, length);
  for (auto* strides : {&a.q_strides, &a.k_strides, &a.v_strides, &a.out_strides}) {
    for (int64_t& stride : *strides) MaybeStrange(in, &stride);
  }
  MaybeStrange(in, &a.causal_offset);
  if (in.Byte() >= 250) {
    const int64_t scale = in.Word();
    std::memcpy(&a.scale, &scale, sizeof scale);
  }
  const int bytes = ElementBytes(p.dtype);
  Operands& operands = TheOperands();
  const auto extent = [&](int64_t stride, int64_t count) {
    int64_t all = 0;
    return __builtin_mul_overflow(stride, count, &all) ||
                   __builtin_mul_overflow(all, int64_t{bytes}, &all)
               ? int64_t{-1}
               : all;
  };
  a.q = Place(in, operands.q, extent(a.q_strides[0], a.batch));
  a.k = Place(in, operands.k, extent(a.k_strides[0], a.batch));
  a.v = Place(in, operands.v, extent(a.v_strides[0], a.batch));
  a.out = Place(in, operands.out, extent(a.out_strides[0], a.batch));
  const Grown<jitattn_plan_options> grown_options = Options(in);
  const jitattn_plan_options& options = grown_options.fields;
  const bool own_scratch = in.Byte() % 2 != 0;

  jitattn_plan* plan = nullptr;
  if (!Accepted(jitattn_attention_plan(&p, &options, &plan))) return;
  const double work = static_cast<double>(a.batch) * static_cast<double>(p.heads) *
                      static_cast<double>(a.q_len) *
                      static_cast<double>(std::max<int64_t>(a.kv_len, 1)) *
                      static_cast<double>(p.head_dim + p.value_dim);
  const int64_t queries[] = {a.batch, p.heads, a.q_len}, keys[] = {a.batch, p.kv_heads, a.kv_len};
  if (work <= kMostWork && a.batch >= 0 && a.q_len >= 0 && a.kv_len >= 0 &&
      Inside(operands.q, a.q, bytes, queries, a.q_strides, p.head_dim) &&
      Inside(operands.k, a.k, bytes, keys, a.k_strides, p.head_dim) &&
      Inside(operands.v, a.v, bytes, keys, a.v_strides, p.value_dim) &&
      Inside(operands.out, a.out, bytes, queries, a.out_strides, p.value_dim)) {
    const size_t scratch = (jitattn_plan_scratch_bytes(plan) + 63) / 64 * 64;
    if (own_scratch && scratch <= operands.scratch.bytes()) {
      a.scratch = operands.scratch.AtEnd(scratch);
    }
    std::optional<DrawnAppend> append;
    if (in.Byte() % 2 != 0) {
      a.append_count = in.Byte() < 250 ? 1 : std::min<int64_t>(in.Size(), 1);
      if (append.emplace(in).runnable) a.appends = &append->grown.fields;
    }
    Accepted(jitattn_attention_run(plan, &a));
  }
  jitattn_plan_free(plan);
}

void SigmoidMul(Input& in) {
  Grown<jitattn_sigmoid_mul_problem> grown_problem(in);
  jitattn_sigmoid_mul_problem& p = grown_problem.fields;
  p.dtype = in.Enum();
  p.rows = in.Size();
  p.cols = in.Size();
  Grown<jitattn_sigmoid_mul_args> grown_args(in);
  jitattn_sigmoid_mul_args& a = grown_args.fields;
  const size_t args_size = a.struct_size;
  jitattn_sigmoid_mul_args_init(&a, &p);
  a.struct_size = args_size;
  for (int64_t* value : {&a.rows, &a.cols, &a.x_stride, &a.out_stride}) MaybeStrange(in, value);
  const int bytes = ElementBytes(p.dtype);
  Operands& operands = TheOperands();
  int64_t all = -1;
  if (__builtin_mul_overflow(a.rows, a.cols, &all) ||
      __builtin_mul_overflow(all, int64_t{bytes}, &all)) {
    all = -1;
  }
  a.x = Place(in, operands.q, all);
  a.out = in.Byte() < 20 ? const_cast<void*>(a.x) : Place(in, operands.out, all);
  const faults::Arena& out = a.out == a.x ? operands.q : operands.out;
  const Grown<jitattn_plan_options> grown_options = Options(in);
  const jitattn_plan_options& options = grown_options.fields;

  jitattn_plan* plan = nullptr;
  if (!Accepted(jitattn_sigmoid_mul_plan(&p, &options, &plan))) return;
  const int64_t count[] = {1, 1, a.rows}, x_strides[] = {0, 0, a.x_stride},
                out_strides[] = {0, 0, a.out_stride};
  if (a.rows >= 0 && a.cols >= 0 &&
      static_cast<double>(a.rows) * static_cast<double>(a.cols) <= kMostWork &&
      (a.cols == 0 || (Inside(operands.q, a.x, bytes, count, x_strides, a.cols) &&
                       Inside(out, a.out, bytes, count, out_strides, a.cols)))) {
    Accepted(jitattn_sigmoid_mul_run(plan, &a));
  }
  jitattn_plan_free(plan);
}

// Any text as a configuration.
void Config(Input& in) {
  jitattn_attention_problem p;
  jitattn_attention_problem_init(&p, 1, in.Byte() % 40 + 1, in.Byte() % 40 + 1);
  p.dtype = in.Byte() % 4;
  jitattn_plan_options options;
  jitattn_plan_options_init(&options);
  options.ignore_cache = 1;
  const std::string config = in.Rest();
  options.config = config.c_str();
  jitattn_plan* plan = nullptr;
  if (Accepted(jitattn_attention_plan(&p, &options, &plan))) jitattn_plan_free(plan);
}

}  // namespace
}  // namespace jitattn::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace jitattn::fuzz;
  static const jitattn_status hook = jitattn_set_allocator(
      jitattn::faults::AllocateGuarded, jitattn::faults::ReleaseGuarded, nullptr);
  Require(hook == JITATTN_OK, "the allocator can be set before any other call");
  Input in(data, size);
  const uint8_t kind = in.Byte();
  if (kind >= 192) {
    Append(in);
    return 0;
  }
  switch (kind % 4) {
    case 0:
      SigmoidMul(in);
      break;
    case 1:
      Config(in);
      break;
    default:
      Attention(in);
  }
  return 0;
}
