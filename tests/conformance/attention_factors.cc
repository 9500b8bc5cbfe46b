// Combinations of the choices of a table.

#include "tests/conformance/attention_factors.h"

#include <cstring>

#include "absl/strings/str_cat.h"

namespace jitattn {
namespace {

bool IsExcluded(const FactorTable& table, int a, int x, int b, int y) {
  const auto is = [&](int factor, int choice, const char* name, const char* choice_name) {
    return std::strcmp(table.factors[factor].name, name) == 0 &&
           std::strcmp(table.factors[factor].choices[choice].name, choice_name) == 0;
  };
  for (const Excluded& pair : table.excluded) {
    if (is(a, x, pair.factor, pair.choice) && is(b, y, pair.other, pair.other_choice)) return true;
  }
  return false;
}

bool IsAllowed(const FactorTable& table, const Combination& combination) {
  const int factors = static_cast<int>(combination.size());
  for (int a = 0; a < factors; ++a) {
    for (int b = a + 1; b < factors; ++b) {
      if (IsExcluded(table, a, combination[a], b, combination[b])) return false;
    }
  }
  return ProductsOf(DraftOf(table, combination).problem) <= table.most_products;
}

}  // namespace

CoveringOptions PairsOf(const FactorTable& table, uint64_t seed) {
  CoveringOptions options = {
      .allowed = [&table](const Combination& c) { return IsAllowed(table, c); },
      .excluded = [&table](int a, int x, int b, int y) { return IsExcluded(table, a, x, b, y); },
      .seed = seed};
  for (const Factor& factor : table.factors) {
    options.levels.push_back(static_cast<int>(factor.choices.size()));
  }
  return options;
}

AttentionDraft DraftOf(const FactorTable& table, const Combination& combination) {
  AttentionDraft draft;
  jitattn_attention_problem_init(&draft.problem, 1, 1, 1);
  for (size_t i = 0; i < combination.size(); ++i) {
    table.factors[i].choices[combination[i]].choose(draft);
  }
  draft.problem.heads *= draft.problem.kv_heads;
  return draft;
}

int64_t ProductsOf(const jitattn_attention_problem& p) {
  return p.batch * p.heads * p.q_len * p.kv_len * (p.head_dim + p.value_dim);
}

std::string Describe(const FactorTable& table, const Combination& combination) {
  std::string text;
  for (size_t i = 0; i < combination.size(); ++i) {
    const Factor& factor = table.factors[i];
    absl::StrAppend(&text, i == 0 ? "" : ", ", factor.name, " ",
                    factor.choices[combination[i]].name);
  }
  return text;
}

}  // namespace jitattn
