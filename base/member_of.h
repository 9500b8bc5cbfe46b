// The parts of a pointer to a member: MemberOf<decltype(&Point::x)> has Owner Point and Value int.

#ifndef JITATTN_BASE_MEMBER_OF_H_
#define JITATTN_BASE_MEMBER_OF_H_

namespace jitattn::inline base {

template <typename T>
struct MemberOf;

template <typename OwnerType, typename ValueType>
struct MemberOf<ValueType OwnerType::*> {
  using Owner = OwnerType;
  using Value = ValueType;
};

}  // namespace jitattn::inline base

#endif  // JITATTN_BASE_MEMBER_OF_H_
