// From C++: attention with grouped heads through a plan, then SiLU in place by a one-shot call.
#include <algorithm>
#include <cstdio>
#include <jitattn/jitattn.hpp>
#include <random>
#include <vector>

namespace {

std::vector<float> Normal(size_t size) {
  static std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> values(size);
  std::generate(values.begin(), values.end(), [&] { return normal(random); });
  return values;
}

int Fail(const jitattn::Status& status) {
  std::fprintf(stderr, "%s\n", status.message().c_str());
  return 1;
}

}  // namespace

int main() {
  const jitattn::AttentionShape shape{
      .heads = 8, .kv_heads = 2, .q_len = 128, .kv_len = 512, .head_dim = 64, .causal = true};
  const std::vector<float> q = Normal(8 * 128 * 64), k = Normal(2 * 512 * 64);
  const std::vector<float> v(2 * 512 * 64, 0.5f);  // every weighted mean of these is 0.5
  std::vector<float> out(8 * 128 * 64);

  auto plan = jitattn::AttentionPlan<float>::Make(shape);
  if (!plan) return Fail(plan.error());
  const auto status = plan->Run(q.data(), k.data(), v.data(), out.data());
  if (!status) return Fail(status);
  const auto [low, high] = std::minmax_element(out.begin(), out.end());
  std::printf("%s: outputs from %.6f to %.6f, expected 0.5\n", plan->Info().kernel, *low, *high);

  std::vector<float> x = {-2, -1, 0, 1, 2};
  const auto silu = jitattn::SigmoidMul<float>({.cols = 5}, x.data(), x.data());
  if (!silu) return Fail(silu);
  std::printf("silu(-2 … 2): %.4f %.4f %.4f %.4f %.4f\n", x[0], x[1], x[2], x[3], x[4]);
  return 0;
}
