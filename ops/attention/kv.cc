// Keys and values of another type than the queries: rules, sizes, arrays.

#include "ops/attention/kv.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/sizes.h"

namespace jitattn::ops {
namespace {

using jit::KvType;

// Q8_0 blocks are arrays of 16-bit words, int8 rows of 32-bit words, since an array's elements have
// one of the library's types.
constexpr int kWord = 2, kWords = 4;
constexpr int kQ8Words = jit::kQ8Bytes / kWord;

// A row for each key; pages are parts of the batch.
Array RowsOfKeys(const AttentionProblem& p, std::string_view name) {
  if (!p.paged()) {
    return {.name = name, .batch = p.batch, .heads = p.kv_heads, .rows = p.kv_len};
  }
  return {.name = name,
          .batch = SizeProduct({p.batch, PagesOf(p, p.kv_len)}),
          .heads = p.kv_heads,
          .rows = p.page_size};
}

}  // namespace

absl::Status ValidateKv(const AttentionProblem& p) {
  const std::string type(kKvTypes[static_cast<size_t>(p.kv_type)]);
  if (p.dtype == DType::kF64 && p.kv_type != KvType::kOwn) {
    return absl::InvalidArgumentError(
        absl::StrCat("kv_type ", type, ": with f64, keys and values are f64"));
  }
  if (p.kv_scale_block != 0 && p.kv_type != KvType::kI8) {
    return absl::InvalidArgumentError(absl::StrCat(
        "kv_scale_block ", p.kv_scale_block, ": only kv_type i8 has it, but kv_type is ", type));
  }
  if (p.kv_scale_block % jit::kQ8Elements != 0) {
    return absl::InvalidArgumentError(absl::StrCat("kv_scale_block ", p.kv_scale_block,
                                                   " is not a multiple of ", jit::kQ8Elements));
  }
  if (p.kv_type != KvType::kQ8_0) return absl::OkStatus();
  for (const auto& [name, dim] :
       {std::pair("head_dim", p.head_dim), std::pair("value_dim", p.value_dim)}) {
    if (dim % jit::kQ8Elements != 0) {
      return absl::InvalidArgumentError(absl::StrCat(name, " ", dim, " is not a multiple of ",
                                                     jit::kQ8Elements, ", the block of q8_0"));
    }
  }
  return absl::OkStatus();
}

std::string NameOfKv(const AttentionProblem& p) {
  std::string name(kKvTypes[static_cast<size_t>(p.kv_type)]);
  if (p.kv_scale_block != 0) absl::StrAppend(&name, "b", p.kv_scale_block);
  return name;
}

bool NeedsF16c(const AttentionProblem& p) {
  return p.dtype == DType::kF16 || p.kv_type == KvType::kF16 || p.kv_type == KvType::kQ8_0;
}

double KvBytes(const AttentionProblem& p) {
  const jit::KvRow key = KeyRow(p), value = ValueRow(p);
  const int scales = key.has_scale_array() ? key.scales + value.scales : 0;
  return key.bytes + value.bytes + scales * static_cast<double>(sizeof(float));
}

Array KvArrayOf(const AttentionProblem& p, std::string_view name, int64_t dim) {
  Array array = RowsOfKeys(p, name);
  array.cols = dim;
  switch (p.kv_type) {
    case KvType::kOwn:
      break;
    case KvType::kI8:
      array.cols = (dim + kWords - 1) / kWords;
      array.dtype = DType::kF32;
      array.fill = Fill::kIntegers;
      break;
    case KvType::kQ8_0:
      array.cols = dim / jit::kQ8Elements * kQ8Words;
      array.dtype = DType::kF16;
      array.fill = Fill::kQ8Blocks;
      break;
    default:
      array.dtype = jit::KvStorage(KvSpecOf(p));
  }
  return array;
}

Array ScaleArrayOf(const AttentionProblem& p, std::string_view name, int64_t dim) {
  Array array = RowsOfKeys(p, name);
  array.cols = jit::KvRow(KvSpecOf(p), static_cast<int>(dim)).scales;
  array.dtype = DType::kF32;
  array.fill = Fill::kScales;
  return array;
}

Strides KvStrides(const AttentionProblem& p, Strides strides) {
  for (int64_t& stride : strides) {
    if (p.kv_type == KvType::kI8) stride *= kWords;
    if (p.kv_type == KvType::kQ8_0) stride /= kQ8Words;
  }
  return strides;
}

}  // namespace jitattn::ops
