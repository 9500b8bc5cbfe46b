// The kernel calls of a run, without what a plan does around them.

#include "runtime/kernel_calls.h"

#include <algorithm>
#include <utility>

#include "runtime/kernel_args.h"
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
  const int64_t needed = made.kernel_->scratch_bytes(args.kv_len, args.q_len * together);
  // A run of no keys may need none.
  const int64_t bytes = AlignedScratch(std::max<int64_t>(needed, 1));
  if (bytes == jit::kTooLarge) return std::nullopt;
  made.scratch_.reset(std::aligned_alloc(kScratchAlignment, bytes));
  if (made.scratch_ == nullptr) return std::nullopt;

  const auto& spec = std::get<jit::AttentionSpec>(made.kernel_->spec());
  for (int64_t batch = 0; batch < args.batch; ++batch) {
    for (int64_t head = 0; head < problem->heads; head += together) {
      const CallRange range{.batch = batch,
                            .head = head,
                            .kv_head = head / group,
                            .heads = together,
                            .rows = args.q_len,
                            .keys = args.kv_len};
      made.calls_.push_back(KernelArgs(spec, args, range, made.scratch_.get()));
    }
  }
  made.plan_ = std::move(plan);
  return made;
}

}  // namespace jitattn::runtime
