// The kernel calls of a run, without what a plan does around them.

#include "runtime/kernel_calls.h"

#include <utility>

#include "runtime/scratch.h"

namespace jitattn::runtime {

std::optional<KernelCalls> KernelCalls::Of(std::shared_ptr<const Plan> plan,
                                           const jitattn_attention_args& args) {
  const auto* problem = std::get_if<jit::AttentionProblem>(&plan->problem());
  if (problem == nullptr || plan->threads() != 1) return std::nullopt;
  const auto& config = std::get<jit::AttentionConfig>(plan->config());
  const bool columns = config.lanes == jit::LaneAxis::kColumns;
  const int64_t split = int64_t{config.kv_split} * config.kv_block;
  if (columns && split > 0 && args.kv_len > split) return std::nullopt;

  // With columns in the lanes one call takes all query heads of a kv head.
  const int64_t group = problem->heads / problem->kv_heads, together = columns ? group : 1;
  KernelCalls made;
  made.kernel_ = &plan->kernel();
  const size_t scratch_bytes = made.kernel_->scratch_bytes(args.kv_len, args.q_len * together);
  made.scratch_.reset(std::aligned_alloc(
      kScratchAlignment, (scratch_bytes / kScratchAlignment + 1) * kScratchAlignment));
  if (made.scratch_ == nullptr) return std::nullopt;

  const int64_t bytes = jit::SizeOf(problem->dtype);
  const auto at = [&](const void* base, const int64_t(&strides)[3], int64_t batch, int64_t head) {
    return static_cast<const char*>(base) + (batch * strides[0] + head * strides[1]) * bytes;
  };
  for (int64_t batch = 0; batch < args.batch; ++batch) {
    for (int64_t head = 0; head < problem->heads; head += together) {
      jit::AttentionArgs call{
          .spec = &std::get<jit::AttentionSpec>(made.kernel_->spec()),
          .q = at(args.q, args.q_strides, batch, head),
          .k = at(args.k, args.k_strides, batch, head / group),
          .v = at(args.v, args.v_strides, batch, head / group),
          .out = const_cast<char*>(at(args.out, args.out_strides, batch, head)),
          .q_stride = args.q_strides[2] * bytes,
          .k_stride = args.k_strides[2] * bytes,
          .v_stride = args.v_strides[2] * bytes,
          .out_stride = args.out_strides[2] * bytes,
          .q_rows = args.q_len,
          .kv_len = args.kv_len,
          .causal_offset = args.causal_offset,
          .scale = args.scale,
          .scratch = made.scratch_.get(),
      };
      if (columns) {
        call.group = group;
        call.q_head_stride = args.q_strides[1] * bytes;
        call.out_head_stride = args.out_strides[1] * bytes;
      }
      made.calls_.push_back(call);
    }
  }
  made.plan_ = std::move(plan);
  return made;
}

}  // namespace jitattn::runtime
