// ALiBi: score − slope of the head · |key − query| (Press, Smith & Lewis 2022).

#ifndef JITATTN_JIT_ATTENTION_ALIBI_H_
#define JITATTN_JIT_ATTENTION_ALIBI_H_

namespace jitattn::jit {

class ScorePart;

// The slopes are AttentionArgs::alibi_slopes.
const ScorePart& Alibi();

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_ALIBI_H_
