// The 16-bit types as C++ values for storage and conversion; arithmetic happens in float.

#ifndef JITATTN_BASE_SMALL_FLOAT_H_
#define JITATTN_BASE_SMALL_FLOAT_H_

#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace jitattn::inline base {

// The upper half of a float: 8 bits of exponent, 8 of precision.
struct BFloat16 {
  uint16_t bits;

  BFloat16() = default;
  // Rounds to nearest, ties to even; NaN stays NaN.
  constexpr BFloat16(float value) : bits(Round(std::bit_cast<uint32_t>(value))) {}
  constexpr operator float() const { return std::bit_cast<float>(uint32_t{bits} << 16); }

 private:
  static constexpr uint16_t Round(uint32_t x) {
    // Makes a NaN quiet: the payload might be in the lower half only, and dropping it would give
    // infinity.
    if ((x & 0x7fffffff) > 0x7f800000) return static_cast<uint16_t>(x >> 16 | 0x40);
    // Carries into the exponent are correct, also from the largest number to infinity.
    return static_cast<uint16_t>((x + 0x7fff + (x >> 16 & 1)) >> 16);
  }
};

// IEEE 754 binary16: 5 bits of exponent, 11 of precision, up to 65504.
struct Float16 {
  uint16_t bits;

  Float16() = default;
  // Rounds to nearest, ties to even; infinity from 65520 on; NaN stays NaN.
  constexpr Float16(float value) : bits(Round(std::bit_cast<uint32_t>(value))) {}
  constexpr operator float() const {
    const uint32_t sign = uint32_t{bits} << 16 & 0x80000000, magnitude = bits & 0x7fff;
    float value = 0;
    if (magnitude >= 0x7c00) {  // infinity, or NaN, made quiet as by vcvtph2ps
      const uint32_t quiet = magnitude > 0x7c00 ? 0x400000 : 0;
      value = std::bit_cast<float>(0x7f800000 | quiet | (magnitude & 0x3ff) << 13);
    } else if (magnitude >= 0x0400) {
      value = std::bit_cast<float>((magnitude << 13) + (uint32_t{127 - 15} << 23));
    } else {  // below 2^-14: a multiple of 2^-24
      value = static_cast<float>(magnitude) * 0x1p-24f;
    }
    return std::bit_cast<float>(std::bit_cast<uint32_t>(value) | sign);
  }

 private:
  static constexpr uint16_t Round(uint32_t x) {
    const uint32_t sign = x >> 16 & 0x8000;
    x &= 0x7fffffff;
    uint32_t magnitude = 0x7c00;
    if (x > 0x7f800000) {
      magnitude = 0x7e00 | (x >> 13 & 0x3ff);
    } else if (x < 0x38800000) {  // below 2^-14; the last place of ½ is 2^-24
      magnitude = std::bit_cast<uint32_t>(std::bit_cast<float>(x) + 0.5f) - 0x3f000000;
    } else if (x < 0x477ff000) {  // 65520
      magnitude = (x - (uint32_t{127 - 15} << 23) + 0xfff + (x >> 13 & 1)) >> 13;
    }
    return static_cast<uint16_t>(sign | magnitude);
  }
};

template <typename T>
inline constexpr bool kIsSmallFloat = std::is_same_v<T, BFloat16> || std::is_same_v<T, Float16>;

// The type in which numbers of type T are computed.
template <typename T>
using Compute = std::conditional_t<kIsSmallFloat<T>, float, T>;

}  // namespace jitattn::inline base

namespace jitattn::inline base::internal {

template <typename T, int kDigits, int kMinExponent, int kMaxExponent>
struct SmallLimits {
  static constexpr bool is_specialized = true, is_signed = true, is_integer = false,
                        is_exact = false, has_infinity = true, has_quiet_NaN = true;
  static constexpr int radix = 2, digits = kDigits, min_exponent = kMinExponent,
                       max_exponent = kMaxExponent;

  static constexpr T FromBits(int bits) {
    T value{};
    value.bits = static_cast<uint16_t>(bits);
    return value;
  }
  static constexpr int kInfinityBits = (2 * kMaxExponent - 1) << (kDigits - 1);
  static constexpr T min() { return FromBits(1 << (kDigits - 1)); }
  static constexpr T max() { return FromBits(kInfinityBits - 1); }
  static constexpr T lowest() { return FromBits(0x8000 | (kInfinityBits - 1)); }
  static constexpr T denorm_min() { return FromBits(1); }
  static constexpr T infinity() { return FromBits(kInfinityBits); }
  static constexpr T quiet_NaN() { return FromBits(kInfinityBits | 1 << (kDigits - 2)); }
  static constexpr T epsilon() { return FromBits((kMaxExponent - kDigits) << (kDigits - 1)); }
};

}  // namespace jitattn::inline base::internal

template <>
struct std::numeric_limits<jitattn::BFloat16>
    : jitattn::internal::SmallLimits<jitattn::BFloat16, 8, -125, 128> {};
template <>
struct std::numeric_limits<jitattn::Float16>
    : jitattn::internal::SmallLimits<jitattn::Float16, 11, -13, 16> {};

#endif  // JITATTN_BASE_SMALL_FLOAT_H_
