// Logit softcap: cap · tanh(score / cap), as in Gemma 2.

#ifndef JITATTN_JIT_ATTENTION_SOFTCAP_H_
#define JITATTN_JIT_ATTENTION_SOFTCAP_H_

namespace jitattn::jit {

class ScorePart;

// The cap is AttentionArgs::softcap.
const ScorePart& Softcap();

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_SOFTCAP_H_
