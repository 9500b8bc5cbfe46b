// A decoder layer's attention with a growing KV cache, in C++: a sliding window with sinks, grouped
// heads, bfloat16 operands. The last token's result is compared with the formula in double.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <jitattn/jitattn.hpp>
#include <vector>

namespace {

constexpr int64_t kHeads = 8, kKvHeads = 2, kDim = 64, kCapacity = 300, kWindow = 128;
using Element = jitattn::BFloat16;

double Uniform() { return 4.0 * std::rand() / RAND_MAX - 2; }

// The upper half of a float; here its lower half is 0, so nothing is rounded.
Element ToElement(double x) {
  const auto f = static_cast<float>(x);
  uint32_t bits;
  std::memcpy(&bits, &f, sizeof bits);
  return {static_cast<uint16_t>(bits >> 16)};
}
double ToDouble(Element x) {
  const uint32_t bits = uint32_t{x.bits} << 16;
  float f;
  std::memcpy(&f, &bits, sizeof f);
  return f;
}

std::vector<Element> Random(int64_t count) {
  std::vector<Element> x(count);
  for (Element& e : x) e = ToElement(Uniform());
  return x;
}

// The attention of one query of a head: the last `kWindow` keys, and the sink.
std::vector<double> Formula(const Element* q, const Element* k, const Element* v, int64_t keys,
                            float sink) {
  double sum = std::exp(static_cast<double>(sink));
  std::vector<double> out(kDim, 0);
  for (int64_t j = std::max<int64_t>(0, keys - kWindow); j < keys; ++j) {
    double score = 0;
    for (int64_t d = 0; d < kDim; ++d) score += ToDouble(q[d]) * ToDouble(k[j * kDim + d]);
    const double weight = std::exp(score / std::sqrt(static_cast<double>(kDim)));
    sum += weight;
    for (int64_t d = 0; d < kDim; ++d) out[d] += weight * ToDouble(v[j * kDim + d]);
  }
  for (double& x : out) x /= sum;
  return out;
}

}  // namespace

int main() {
  // One plan for every length up to the cache's capacity.
  const jitattn::AttentionShape shape{.heads = kHeads,
                                      .kv_heads = kKvHeads,
                                      .q_len = 200,
                                      .kv_len = kCapacity,
                                      .head_dim = kDim,
                                      .window_left = kWindow - 1,
                                      .options = JITATTN_SINKS};
  auto plan = jitattn::AttentionPlan<Element>::Make(shape);
  if (!plan) return std::fprintf(stderr, "%s\n", plan.error().message().c_str()), 1;

  const std::vector<Element> k = Random(kKvHeads * kCapacity * kDim);
  const std::vector<Element> v = Random(kKvHeads * kCapacity * kDim);
  std::vector<Element> q = Random(kHeads * 200 * kDim), out(q.size());
  std::vector<float> sinks(kHeads);
  for (float& sink : sinks) sink = static_cast<float>(Uniform());

  auto args = jitattn::Args<Element>(plan->problem(), q.data(), k.data(), v.data(), out.data());
  args.sinks = sinks.data();
  double worst = 0;
  int64_t keys = 0;
  for (const int64_t tokens : {200, 1, 1, 1}) {  // a prefill, then one token at a time
    keys += tokens;
    args.q_len = tokens;
    args.kv_len = keys;
    args.causal_offset = keys - tokens;  // a token sees itself and the window before it
    jitattn::SetStrides(args.q_strides, {.head = tokens * kDim, .row = kDim});
    jitattn::SetStrides(args.out_strides, {.head = tokens * kDim, .row = kDim});
    if (const jitattn::Status status = plan->Run(args); !status) {
      return std::fprintf(stderr, "%s\n", status.message().c_str()), 1;
    }
    for (int64_t head = 0; head < kHeads; ++head) {
      const int64_t kv = head / (kHeads / kKvHeads) * kCapacity * kDim;
      const int64_t last = (head * tokens + tokens - 1) * kDim;
      const auto expected = Formula(&q[last], &k[kv], &v[kv], keys, sinks[head]);
      for (int64_t d = 0; d < kDim; ++d) {
        worst = std::fmax(worst, std::fabs(ToDouble(out[last + d]) - expected[d]));
      }
    }
  }
  std::printf("%s: off by %.1e\n", plan->Info().kernel, worst);
  return worst < 0.01 ? 0 : 1;  // results below 2 are rounded by up to 2^-8
}
