// A problem of some operation, and the tables that describe problems.
//
// An operation has a plain struct for its problems (AttentionProblem), which begins with the type
// of the numbers, and one table of its sizes and one of its options. A Problem holds such a struct
// of any operation. Flags, records, JSON, keys and descriptions are made from the tables, so that
// their code names no operation.

#ifndef JITATTN_OPS_PROBLEM_H_
#define JITATTN_OPS_PROBLEM_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "absl/status/status.h"
#include "base/dtype.h"
#include "base/member_of.h"

namespace jitattn::ops {

struct Operation;

// The operation whose problems are T's. Each problem struct specialises it beside its definition.
// By the type of null: with -fsanitize=undefined GCC takes no comparison of addresses for a
// constant.
template <typename T>
inline constexpr std::nullptr_t OperationOf{};

template <typename T>
concept ProblemStruct = std::is_trivially_copyable_v<T> && requires(T t) {
  { t.dtype } -> std::convertible_to<DType>;
} && !std::is_null_pointer_v<decltype(OperationOf<T>)>;

class Problem {
 public:
  // A problem of no operation, which may only be assigned to, compared, or asked Is and If.
  Problem() = default;

  template <ProblemStruct T>
  Problem(const T& problem) : operation_(OperationOf<T>) {  // NOLINT: a T is a problem
    static_assert(sizeof(T) <= sizeof bytes_ && offsetof(T, dtype) == 0);
    new (bytes_) T(problem);
  }

  // All members except Is and If: REQUIRES that the problem has an operation.
  const Operation& operation() const { return *operation_; }
  DType dtype() const {
    DType dtype;
    std::memcpy(&dtype, bytes_, sizeof dtype);
    return dtype;
  }
  void set_dtype(DType dtype) { std::memcpy(bytes_, &dtype, sizeof dtype); }

  template <ProblemStruct T>
  bool Is() const {
    return operation_ == OperationOf<T>;
  }
  // Null if the problem is of another operation.
  template <ProblemStruct T>
  const T* If() const {
    return Is<T>() ? std::launder(reinterpret_cast<const T*>(bytes_)) : nullptr;
  }
  // REQUIRES: Is<T>().
  template <ProblemStruct T>
  const T& As() const {
    return *std::launder(reinterpret_cast<const T*>(bytes_));
  }
  template <ProblemStruct T>
  T& As() {
    return *std::launder(reinterpret_cast<T*>(bytes_));
  }

  // The same operation, type, options and sizes.
  friend bool operator==(const Problem& a, const Problem& b);

 private:
  const Operation* operation_ = nullptr;
  alignas(8) std::byte bytes_[128] = {};
};

// A size of a problem.
struct Dim {
  enum class Role {
    kInCode,  // burnt into emitted code
    kExact,   // a run has the same size as its plan
    kAtMost,  // a run may have a smaller size than its plan
  };

  std::string_view name;  // in records, JSON and CSV: "head_dim"
  std::string_view tag;   // before the value in a record's key, separator included: "b", ".q";
                          // empty if the kernel's name contains the size
  std::string_view flag;  // on the command line: "--head-dim"
  std::string_view help;  // of the flag
  Role role;
  int64_t least;
  // Problems have the size 0 unless it is stated. Records and their keys leave it out if it is 0.
  bool is_extra = false;
  // Extra sizes only: problems that have this size have other code than those that do not.
  bool is_feature = false;
  // Only for sizes with a limit of their own; Validate bounds all of them by the bytes of arrays.
  int64_t most = std::numeric_limits<int64_t>::max();
  int64_t (*get)(const Problem&);
  void (*set)(Problem&, int64_t);
};

// A property of a problem with a few named values.
struct Option {
  std::string_view name;                    // in records, JSON and CSV: "mask"
  std::span<const std::string_view> words;  // for the values 0, 1, …: "none", "causal"
  // With takes_word, `--flag WORD`; else the flag stands alone and sets the option to 1.
  std::string_view flag, help;
  bool takes_word = false;
  bool is_extra = false;  // records leave the value 0 out
  int (*get)(const Problem&);
  void (*set)(Problem&, int);
};

// DimOf<&AttentionProblem::heads>({.name = "heads", …}): `get` and `set` of that member.
template <auto kMember>
constexpr Dim DimOf(Dim dim) {
  using Owner = typename MemberOf<decltype(kMember)>::Owner;
  dim.get = [](const Problem& p) -> int64_t { return p.As<Owner>().*kMember; };
  dim.set = [](Problem& p, int64_t value) { p.As<Owner>().*kMember = value; };
  return dim;
}

template <auto kMember>
constexpr Option OptionOf(Option option) {
  using Owner = typename MemberOf<decltype(kMember)>::Owner;
  using Value = typename MemberOf<decltype(kMember)>::Value;
  option.get = [](const Problem& p) { return static_cast<int>(p.As<Owner>().*kMember); };
  option.set = [](Problem& p, int value) { p.As<Owner>().*kMember = static_cast<Value>(value); };
  return option;
}

// InvalidArgument, with the value and the rule, unless every size is within its table's bounds, the
// operation's own rules hold, and every array has less than 2^62 bytes. A size of 0 counts as 1 in
// the bytes of an array, so that products of the other sizes cannot overflow either.
absl::Status Validate(const Problem& problem);

// The operations of the formula, and the bytes of inputs and output, each byte counted once.
double Flops(const Problem& problem);
double Bytes(const Problem& problem);

// One line for people: "attention f32 1×16 heads, 1024×1024, head size 64, causal".
std::string Describe(const Problem& problem);

// Whether the same code solves both problems: everything is equal except the sizes that are not
// burnt into code.
bool SameCode(const Problem& a, const Problem& b);

// A length rounded up to the next 2^n or 1.5 · 2^n: 1, 2, 3, 4, 6, 8, 12, 16, 24 … Problems with
// the same bucket share a record.
int64_t LengthBucket(int64_t length);
Problem Bucket(const Problem& problem);  // REQUIRES: valid
// The problem that stands for all that share a record with this one.
Problem OfRecord(const Problem& problem);  // REQUIRES: valid

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_PROBLEM_H_
