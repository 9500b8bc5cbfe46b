// The shapes of models: what `jitattn bench --preset models` measures.

#ifndef JITATTN_LAB_BENCH_MODELS_H_
#define JITATTN_LAB_BENCH_MODELS_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ops/attention/problem.h"
#include "ops/sigmoid_mul/problem.h"

namespace jitattn::lab {

// A layer of a model with the sizes at which it is measured, one sequence each.
struct ModelAttention {
  std::string_view name;
  std::vector<std::pair<int64_t, int64_t>> lengths;  // queries and keys
  ops::AttentionProblem layer;                       // its heads, head sizes and options
  std::string_view dtype = "f32";
};
struct ModelActivation {
  std::string_view name;
  std::vector<int64_t> rows;     // tokens, or patches
  ops::SigmoidMulProblem layer;  // its function, gate and columns
  std::string_view dtype = "f32";
};

std::span<const ModelAttention> AttentionOfModels();
std::span<const ModelActivation> ActivationsOfModels();

// The problems of a layer, in the order of its sizes.
std::vector<ops::Problem> ProblemsOf(const ModelAttention& model);
std::vector<ops::Problem> ProblemsOf(const ModelActivation& model);

// "Llama 3 8B, 512×512 / 2048×2048 / 1×2048"
std::string TitleOf(const ModelAttention& model);
std::string TitleOf(const ModelActivation& model);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_BENCH_MODELS_H_
