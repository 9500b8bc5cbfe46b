// Random numbers that are equal for all compilers and libraries. (std::mt19937 is portable, but the
// standard's distributions are not.)

#ifndef JITATTN_BASE_RNG_H_
#define JITATTN_BASE_RNG_H_

#include <cmath>
#include <cstdint>
#include <numbers>
#include <span>
#include <utility>

namespace jitattn::inline base {

// SplitMix64 (Steele, Lea, Flood 2014). Every seed is good, also neighbouring seeds.
class Rng {
 public:
  explicit Rng(uint64_t seed) : state_(seed) {}

  uint64_t Bits() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  // In [0,1), one of 2^53 evenly spaced doubles.
  double Uniform() { return static_cast<double>(Bits() >> 11) * 0x1p-53; }
  double Uniform(double low, double high) { return low + (high - low) * Uniform(); }
  bool Chance(double probability) { return Uniform() < probability; }

  // In [0, n). The bias is below n / 2^53.
  int Below(int n) { return static_cast<int>(Uniform() * n); }

  // Normal including the tails, by Box–Muller; 1 − u keeps the logarithm's argument above 0.
  double Normal() {
    const double radius = std::sqrt(-2 * std::log(1 - Uniform()));
    return radius * std::cos(2 * std::numbers::pi * Uniform());
  }

  // Nearly normal with mean 0 and variance 1: the sum of four uniform numbers (Irwin–Hall), within
  // ±3.46. Costs one draw instead of a logarithm and a cosine; meant for large arrays.
  double NearlyNormal() {
    const uint64_t bits = Bits();
    const int sum = static_cast<int>((bits & 0xffff) + (bits >> 16 & 0xffff) +
                                     (bits >> 32 & 0xffff) + (bits >> 48));
    // The variance of a uniform 16-bit number is 2³²/12, of the sum of four 2³²/3.
    return std::numbers::sqrt3 / 65536 * (sum - 131070);
  }

  void Shuffle(std::span<int> items) {
    for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[Below(i)]);
  }

 private:
  uint64_t state_;
};

}  // namespace jitattn::inline base

#endif  // JITATTN_BASE_RNG_H_
