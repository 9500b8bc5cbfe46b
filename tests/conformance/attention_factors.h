// The options of attention as factors, each with its choices. A new option is a line of a table.

#ifndef JITATTN_TESTS_CONFORMANCE_ATTENTION_FACTORS_H_
#define JITATTN_TESTS_CONFORMANCE_ATTENTION_FACTORS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "jitattn/jitattn.h"
#include "tests/conformance/covering_array.h"

namespace jitattn {

// Where the sequences of a batch begin and end.
enum class LengthsAre {
  kUniform,     // as long as the plan allows
  kShorter,     // shorter, all of them
  kKvLens,      // q_len queries, kv_lens
  kBothLens,    // q_lens and kv_lens
  kRagged,      // q_offsets and kv_offsets
  kRaggedQ,     // q_offsets and kv_lens
  kLeftPadded,  // kv_begins
  kOffsets,     // kv_lens and causal_offsets
  kPrefixes,    // kv_lens and prefix_lens
};
enum class LayoutIs { kHeads, kColumns, kAny, kOneKvHead };
enum class OffsetIs { kBottomRight, kTopLeft, kFarLeft };
// What a bias hides: nothing, single keys, runs of keys, the last keys, whole rows; or its numbers
// are the lowest ones, which hide nothing.
enum class BiasHides { kNothing, kKeys, kRuns, kTail, kRows, kLowest };

// One combination, before its numbers are drawn.
struct AttentionDraft {
  jitattn_attention_problem problem;  // all members
  LengthsAre lengths = LengthsAre::kUniform;
  LayoutIs layout = LayoutIs::kHeads;
  OffsetIs offset = OffsetIs::kBottomRight;
  // Whether a bias differs from one to the next.
  bool bias_of_batch = true, bias_of_head = true, bias_of_row = true, bias_of_key = true;
  BiasHides hides = BiasHides::kNothing;
  bool has_short_bias = false;  // of fewer keys than there are
  bool is_spread = false;       // elements of a row of q, k, v and out lie apart
  double scale = 0;             // 0: 1/√head_dim
  double softcap = 0;
  double sigma = 1;          // of queries: how far scores spread
  bool is_one_shot = false;  // no plan of its own
  bool at_front = false;     // operands begin at an unreadable page, instead of ending at one
  int threads = 1;
  std::string config;
};

struct Choice {
  const char* name;
  void (*choose)(AttentionDraft&);
};
struct Factor {
  const char* name;
  std::vector<Choice> choices;
};

// Choices that cannot stand beside each other; the first factor is that above in the table.
struct Excluded {
  const char *factor, *choice, *other, *other_choice;
};

struct FactorTable {
  std::span<const Factor> factors;
  std::span<const Excluded> excluded;
  int64_t most_products;  // of dots and sums in one combination
};

// Every option of the C API with every other.
extern const FactorTable kAttentionFactors;
// scaled_dot_product_attention, as PyTorch's tests of fused against unfused CPU code have it.
extern const FactorTable kTorchFactors;

// Combinations of the choices with every pair that is not excluded.
CoveringOptions PairsOf(const FactorTable& table, uint64_t seed);

AttentionDraft DraftOf(const FactorTable& table, const Combination& combination);
int64_t ProductsOf(const jitattn_attention_problem& problem);
// "type f32, mask causal, …"
std::string Describe(const FactorTable& table, const Combination& combination);

}  // namespace jitattn

#endif  // JITATTN_TESTS_CONFORMANCE_ATTENTION_FACTORS_H_
