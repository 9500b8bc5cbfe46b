// Logit softcap: cap · tanh(score / cap), as in Gemma 2.

#ifndef JITATTN_JIT_ATTENTION_SOFTCAP_H_
#define JITATTN_JIT_ATTENTION_SOFTCAP_H_

#include "jit/attention/score_part.h"

namespace jitattn::jit {

// The cap is AttentionArgs::softcap.
const ScorePart& Softcap();

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_SOFTCAP_H_
