// The memory layout of the "rows" kernel.

#include "jit/attention/rows_layout.h"

#include <iterator>

#include "base/sizes.h"
#include "jit/attention/emit_addresses.h"
#include "jit/attention/rows_kernel.h"

namespace jitattn::jit {
RowsLayout::RowsLayout(const AttentionSpec& spec, const RowsConfig& config)
    : vec_bytes(VecBytes(config.isa)),
      elem_bytes(SizeOf(ComputeType(spec.dtype))),
      pairs(config.pairs != 0),
      depth(pairs ? (spec.head_dim + 1) / 2 : spec.head_dim),
      odd(pairs && spec.head_dim % 2 != 0),
      rows(config.tile_rows),
      pv_rows(config.pv_rows) {
  lanes = vec_bytes / elem_bytes;
  keys = lanes / rows;
  query_bytes = static_cast<int>(SizeRoundedUp(depth * elem_bytes, vec_bytes));
  output_bytes = static_cast<int>(SizeRoundedUp(spec.value_dim * elem_bytes, vec_bytes));

  sum = vec_bytes;
  outputs = 2 * vec_bytes;
  part_bytes = SizeRoundedUp(outputs + int64_t{rows} * output_bytes, 64);

  scores = SizeRoundedUp(kAlpha + vec_bytes, 64);
  // Room for padding of the last vector and of the last group of exponentials.
  const int64_t vectors = (config.kv_block + keys - 1) / keys + config.exp_vecs - 1;
  sums = SizeRoundedUp(scores + vectors * vec_bytes, 64);
  coordinates = SizeRoundedUp(sums + int64_t{rows} * output_bytes, 64);
  bias_block = SizeRoundedUp(
      coordinates + (spec.has_score_parts() ? std::ssize(kCoordinates) * vec_bytes : 0), 64);
  const int64_t bias_bytes = int64_t{config.kv_block} * rows * elem_bytes + vec_bytes;
  k_scales = SizeRoundedUp(bias_block + (spec.bias == Bias::kNone ? 0 : bias_bytes), 64);
  scale_plane = SizeRoundedUp(int64_t{config.kv_block} * rows * elem_bytes + vec_bytes, 64);
  const auto planes = [&](int dim) {
    const KvRow row(spec, dim);
    return row.has_scale_array() ? (row.scales + pv_rows - 1) / pv_rows : 0;
  };
  v_scales = k_scales + planes(spec.head_dim) * scale_plane;
  addresses = v_scales + planes(spec.value_dim) * scale_plane;
  tiles = addresses + (spec.paged ? EmitAddresses::Bytes(config) : 0);

  outs = kLimits + int64_t{rows} * 8;
  const int64_t list = int64_t{rows} * 8;
  starts = outs + list;
  of_query = starts + (HasLeftEnd(spec.mask) ? list : 0);
  of_head = of_query + list;
  lses = spec.has_score_parts() || spec.sinks ? of_head + list : of_query;
  biases = lses + (spec.lse ? list : 0);
  gates = biases + (spec.bias == Bias::kNone ? 0 : list);
  queries = SizeRoundedUp(gates + (spec.gate ? list : 0), 64);
  part = SizeRoundedUp(queries + int64_t{rows} * query_bytes, 64);
  tile_bytes = part + part_bytes;
}

int64_t RowsPartBytes(const AttentionSpec& spec, const RowsConfig& config, int64_t rows) {
  const RowsLayout layout(spec, config);
  return layout.Tiles(rows) * layout.part_bytes;
}

}  // namespace jitattn::jit
