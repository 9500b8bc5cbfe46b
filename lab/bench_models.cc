// The tables of models.

#include "lab/bench_models.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace jitattn::lab {
namespace {

using jit::Activation;
using jit::Bias;
using jit::Gate;
using jit::Mask;
using ops::AttentionProblem;
using ops::SigmoidMulProblem;
using Lengths = std::vector<std::pair<int64_t, int64_t>>;

// Prompts of 512 and 2048 tokens, and a token behind 2048 others.
const Lengths kDecoder = {{512, 512}, {2048, 2048}, {1, 2048}};

AttentionProblem Heads(int64_t heads, int64_t kv_heads, int64_t head_dim) {
  return {.heads = heads, .kv_heads = kv_heads, .head_dim = head_dim, .value_dim = head_dim};
}

AttentionProblem Causal(int64_t heads, int64_t kv_heads, int64_t head_dim, int64_t value_dim = 0) {
  AttentionProblem layer = Heads(heads, kv_heads, head_dim);
  layer.mask = Mask::kCausal;
  if (value_dim != 0) layer.value_dim = value_dim;
  return layer;
}

// A query sees `width` keys: its own and those before it.
AttentionProblem Window(AttentionProblem layer, int64_t width) {
  layer.mask = Mask::kWindow;
  layer.window_left = width - 1;
  return layer;
}

AttentionProblem Around(AttentionProblem layer, int64_t radius) {
  layer.mask = Mask::kWindow;
  layer.window_left = layer.window_right = radius;
  return layer;
}

AttentionProblem Chunks(AttentionProblem layer, int64_t chunk) {
  layer.chunk = chunk;
  return layer;
}

AttentionProblem Softcap(AttentionProblem layer) {
  layer.softcap = true;
  return layer;
}

AttentionProblem Sinks(AttentionProblem layer) {
  layer.sinks = true;
  return layer;
}

AttentionProblem With(Bias bias, AttentionProblem layer) {
  layer.bias = bias;
  return layer;
}

// Head counts and sizes are those of configurations that the models' authors publish. Padding is a
// boolean mask. A layer with fewer heads than its model has is one of several that share them.
const ModelAttention kAttention[] = {
    {"Llama 3.2 1B", kDecoder, Causal(32, 8, 64)},
    {"Llama 3 8B, Qwen3 8B, Mistral 7B", kDecoder, Causal(32, 8, 128)},
    {"Llama 3 8B, Qwen3 8B, Mistral 7B in bf16", kDecoder, Causal(32, 8, 128), "bf16"},
    {"Llama 4, local", {{2048, 2048}, {1, 2048}, {1, 12288}}, Chunks(Causal(40, 8, 128), 8192)},
    {"Qwen3-Next", kDecoder, Causal(16, 2, 256)},
    {"SmolLM3", kDecoder, Causal(16, 4, 128)},
    {"Phi-3 mini", kDecoder, Causal(32, 32, 96)},
    {"Phi-4", kDecoder, Causal(40, 10, 128)},
    {"Gemma 2 2B", kDecoder, Softcap(Causal(8, 4, 256))},
    {"Gemma 2 2B, local", {{2048, 2048}, {1, 8192}}, Softcap(Window(Heads(8, 4, 256), 4096))},
    {"Gemma 3 270M", kDecoder, Causal(4, 1, 256)},
    {"Gemma 3 270M, local", kDecoder, Window(Heads(4, 1, 256), 512)},
    {"Gemma 3 270M, local, in bf16", kDecoder, Window(Heads(4, 1, 256), 512), "bf16"},
    {"Gemma 4, global", kDecoder, Causal(8, 2, 512)},
    {"GPT-OSS", kDecoder, Sinks(Causal(64, 8, 64))},
    {"GPT-OSS, local", kDecoder, Sinks(Window(Heads(64, 8, 64), 128))},
    {"GPT-OSS, local, in bf16", kDecoder, Sinks(Window(Heads(64, 8, 64), 128)), "bf16"},
    {"DeepSeek V3, 16 of 128 heads", kDecoder, Causal(16, 16, 192, 128)},
    {"DeepSeek V3, absorbed", {{1, 512}, {1, 2048}}, Causal(128, 1, 576, 512)},
    {"DeepSeek V4, local, 16 of 64 heads", kDecoder, Sinks(Window(Heads(16, 1, 512), 128))},
    {"Mistral 4, absorbed", {{1, 512}, {1, 2048}}, Causal(128, 1, 320, 256)},
    {"BERT base", {{128, 128}, {512, 512}}, With(Bias::kSeen, Heads(12, 12, 64))},
    {"BERT base in bf16", {{128, 128}, {512, 512}}, With(Bias::kSeen, Heads(12, 12, 64)), "bf16"},
    {"MiniLM, E5 small", {{32, 32}, {128, 128}, {512, 512}}, With(Bias::kSeen, Heads(12, 12, 32))},
    {"ModernBERT", {{512, 512}, {2048, 2048}}, Heads(12, 12, 64)},
    {"ModernBERT, local", {{512, 512}, {2048, 2048}}, Around(Heads(12, 12, 64), 64)},
    {"EmbeddingGemma, local", {{512, 512}, {2048, 2048}}, Around(Heads(4, 2, 256), 512)},
    {"T5 base", {{512, 512}}, With(Bias::kF32, Heads(12, 12, 64))},
    {"Whisper base, encoder", {{1500, 1500}}, Heads(8, 8, 64)},
    {"Whisper base, cross", {{1, 1500}, {5, 1500}}, Heads(8, 8, 64)},
    {"Whisper base, decoder", {{4, 4}, {1, 448}}, Causal(8, 8, 64)},
    {"ViT-S/16, DINOv2 S", {{197, 197}, {1025, 1025}}, Heads(6, 6, 64)},
    {"ViT-B/16", {{197, 197}, {577, 577}}, Heads(12, 12, 64)},
    {"SigLIP So400m, Qwen3.5 vision", {{256, 256}, {729, 729}}, Heads(16, 16, 72)},
    {"CLIP text", {{77, 77}}, With(Bias::kSeen, Causal(8, 8, 64))},
    {"Stable Diffusion 1.5, 64 × 64", {{4096, 4096}, {4096, 77}}, Heads(8, 8, 40)},
    {"Stable Diffusion 1.5, 32 × 32", {{1024, 1024}, {1024, 77}}, Heads(8, 8, 80)},
    {"Stable Diffusion 1.5, 16 × 16", {{256, 256}, {256, 77}}, Heads(8, 8, 160)},
    {"SDXL, 32 × 32", {{1024, 1024}, {1024, 77}}, Heads(20, 20, 64)},
    {"Stable Diffusion 3, 512 px", {{1178, 1178}}, Heads(24, 24, 64)},
    {"Flux, 512 px", {{1536, 1536}}, Heads(24, 24, 128)},
    {"PP-OCR recognition", {{40, 40}, {80, 80}}, Heads(8, 8, 15)},
};

SigmoidMulProblem Of(Activation activation, Gate gate, int64_t cols) {
  return {.activation = activation, .gate = gate, .cols = cols};
}

// One token and a prompt.
const std::vector<int64_t> kTokens = {1, 512};

const ModelActivation kActivations[] = {
    {"Llama 3.2 1B", kTokens, Of(Activation::kSilu, Gate::kTwo, 8192)},
    {"Llama 3 8B", kTokens, Of(Activation::kSilu, Gate::kTwo, 14336)},
    {"Llama 3 8B in bf16", kTokens, Of(Activation::kSilu, Gate::kTwo, 14336), "bf16"},
    {"Qwen3 8B", kTokens, Of(Activation::kSilu, Gate::kTwo, 12288)},
    {"Gemma 2 2B", kTokens, Of(Activation::kGeluTanh, Gate::kTwo, 9216)},
    {"Gemma 3 270M, T5 v1.1 base", kTokens, Of(Activation::kGeluTanh, Gate::kTwo, 2048)},
    {"GPT-OSS",
     kTokens,
     {.activation = Activation::kQuickGelu, .gate = Gate::kPairs, .clamped = true, .cols = 2880}},
    {"Nemotron 4", kTokens, Of(Activation::kRelu2, Gate::kNone, 24576)},
    {"BERT base, ViT-B/16", {197, 512}, Of(Activation::kGelu, Gate::kNone, 3072)},
    {"MiniLM, ViT-S/16", {128, 197}, Of(Activation::kGelu, Gate::kNone, 1536)},
    {"ModernBERT", {512, 2048}, Of(Activation::kGelu, Gate::kTwo, 1152)},
    {"Whisper base", {1, 1500}, Of(Activation::kGelu, Gate::kNone, 2048)},
    {"SigLIP So400m", {256, 729}, Of(Activation::kGeluTanh, Gate::kNone, 4304)},
    {"CLIP text", {77}, Of(Activation::kQuickGelu, Gate::kNone, 2048)},
    {"Stable Diffusion 1.5, 32 × 32", {1024}, Of(Activation::kGelu, Gate::kTwo, 2560)},
    {"MobileNetV3, 14 × 14", {196}, Of(Activation::kHardSwish, Gate::kNone, 480)},
};

}  // namespace

std::span<const ModelAttention> AttentionOfModels() { return kAttention; }
std::span<const ModelActivation> ActivationsOfModels() { return kActivations; }

std::vector<ops::Problem> ProblemsOf(const ModelAttention& model) {
  std::vector<ops::Problem> problems;
  for (const auto& [q_len, kv_len] : model.lengths) {
    AttentionProblem problem = model.layer;
    problem.q_len = q_len, problem.kv_len = kv_len;
    problems.emplace_back(problem);
  }
  return problems;
}

std::vector<ops::Problem> ProblemsOf(const ModelActivation& model) {
  std::vector<ops::Problem> problems;
  for (const int64_t rows : model.rows) {
    SigmoidMulProblem problem = model.layer;
    problem.rows = rows;
    problems.emplace_back(problem);
  }
  return problems;
}

std::string TitleOf(const ModelAttention& model) {
  const auto size = [](std::string* out, const std::pair<int64_t, int64_t>& lengths) {
    absl::StrAppend(out, lengths.first, "×", lengths.second);
  };
  return absl::StrCat(std::string(model.name), ", ", absl::StrJoin(model.lengths, " / ", size));
}

std::string TitleOf(const ModelActivation& model) {
  const auto size = [&](std::string* out, int64_t rows) {
    absl::StrAppend(out, rows, "×", model.layer.cols);
  };
  return absl::StrCat(std::string(model.name), ", activation, ",
                      absl::StrJoin(model.rows, " / ", size));
}

}  // namespace jitattn::lab
