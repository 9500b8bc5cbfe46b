// Field entries made from pointers to members, for the tables of attention_config.cc and
// sigmoid_mul_config.cc.

#ifndef JITATTN_JIT_CONFIG_FIELD_H_
#define JITATTN_JIT_CONFIG_FIELD_H_

#include <span>
#include <string_view>
#include <variant>

#include "jit/config.h"

namespace jitattn::jit {

namespace internal {
template <typename T>
struct MemberOf;
template <typename Owner, typename Value>
struct MemberOf<Value Owner::*> {
  using OwnerType = Owner;
  using ValueType = Value;
};
}  // namespace internal

// FieldOf<&SigmoidMulConfig::vecs>("vecs", "_v", "vectors in flight", kVecs)
// `values` and `labels` must outlive the table. REQUIRES of get and set: the Config holds Owner.
template <auto kMember>
constexpr Field FieldOf(std::string_view name, std::string_view tag, std::string_view help,
                        std::span<const int> values, std::span<const std::string_view> labels = {},
                        bool is_log = false) {
  using Owner = typename internal::MemberOf<decltype(kMember)>::OwnerType;
  using Value = typename internal::MemberOf<decltype(kMember)>::ValueType;
  return Field{
      .name = name,
      .tag = tag,
      .help = help,
      .values = values,
      .labels = labels,
      .is_log = is_log,
      .get = [](const Config& c) { return static_cast<int>(std::get<Owner>(c).*kMember); },
      .set = [](Config& c, int v) { std::get<Owner>(c).*kMember = static_cast<Value>(v); },
  };
}

// What both operations share, so that a name's isa and a record's threads read alike.
inline constexpr int kIsaValues[] = {0, 1, 2};
inline constexpr std::string_view kIsaLabels[] = {"none", "avx2", "avx512"};
inline constexpr int kNoYes[] = {0, 1};
inline constexpr int kThreadValues[] = {1,  2,  3,  4,  6,  8,   12,  16,
                                        24, 32, 48, 64, 96, 128, 192, 256};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_CONFIG_FIELD_H_
