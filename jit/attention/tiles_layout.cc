// The memory layout of the "tiles" kernel.

#include "jit/attention/tiles_layout.h"

#include "jit/attention/kv_row.h"

namespace jitattn::jit {

TilesLayout::TilesLayout(const AttentionSpec& spec, const TilesConfig& config)
    : vec_bytes(VecBytes(config.isa)), elem_bytes(SizeOf(ComputeType(spec.dtype))) {
  lanes = vec_bytes / elem_bytes;
  tile_bytes = config.q_vecs * vec_bytes;
  tile_rows = config.q_vecs * lanes;
  scores = int64_t{kStateRows} * tile_bytes;
  // Exponentials of stored scores run in groups of keys; leave room for the last group's padding.
  queries = scores + int64_t{config.kv_block + config.exp_vecs - 1} * tile_bytes;
  pairs = config.pv == PvForm::kPairs;
  depth = pairs ? (spec.head_dim + 1) / 2 : spec.head_dim;
  rounds = pairs && spec.dtype == DType::kF32;
  odd = pairs && !rounds && spec.head_dim % 2 != 0;
  outputs = queries + int64_t{depth} * tile_bytes;
  bytes = outputs + (config.pv == PvForm::kTransposed ? int64_t{spec.value_dim} * tile_bytes : 0);
  converts = SizeOf(spec.dtype) < elem_bytes;
  staged = converts || rounds || config.pack != 0 || !HasOwnKv(spec) || spec.paged;
  if (!staged) return;
  const auto row_bytes = [&](int dim) {
    return (dim * elem_bytes + vec_bytes - 1) / vec_bytes * vec_bytes;
  };
  key_row_bytes = row_bytes(spec.head_dim);
  value_row_bytes = row_bytes(spec.value_dim);
  staged_bytes = key_row_bytes + value_row_bytes;
  if (pairs) {
    key_row_bytes = rounds || spec.paged ? row_bytes(depth) : 0;
    staged_bytes = key_row_bytes + value_row_bytes / 2;
    bytes += value_row_bytes;  // an odd key has a row of its own
  }
  if (converts && config.pv != PvForm::kTransposed) bytes += int64_t{tile_rows} * value_row_bytes;
}

}  // namespace jitattn::jit
