// How a problem is solved: a configuration of some algorithm, and the table that describes it.
//
// An algorithm has a plain struct of tunables (TilesConfig), which begins with the instruction set
// and the threads, and one table of fields. A Config holds such a struct of any algorithm. The
// kernel's name, records, JSON, the search space and the command line are made from the table: a
// new tunable is one line there and its use in an emitter.

#ifndef JITATTN_OPS_CONFIG_H_
#define JITATTN_OPS_CONFIG_H_

#include <concepts>
#include <cstddef>
#include <cstring>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/cpu.h"
#include "base/isa.h"
#include "base/member_of.h"
#include "ops/problem.h"

namespace jitattn::ops {

struct Algorithm;

// The algorithm whose configurations are T's. Each algorithm specialises it for its struct.
template <typename T>
inline constexpr std::nullptr_t AlgorithmOf{};  // by its type, as OperationOf

template <typename T>
concept ConfigStruct = std::has_unique_object_representations_v<T> && requires(T t) {
  { t.isa } -> std::convertible_to<Isa>;
  { t.threads } -> std::convertible_to<int>;
} && !std::is_null_pointer_v<decltype(AlgorithmOf<T>)>;

class Config {
 public:
  // A configuration of no algorithm, which may only be assigned to, compared, or asked Is and If.
  Config() = default;

  template <ConfigStruct T>
  Config(const T& config) : algorithm_(AlgorithmOf<T>) {  // NOLINT: a T is a configuration
    static_assert(sizeof(T) <= sizeof bytes_ && offsetof(T, isa) == 0 &&
                  offsetof(T, threads) == sizeof(Isa));
    new (bytes_) T(config);
  }

  // All members except Is and If: REQUIRES that the configuration has an algorithm.
  const Algorithm& algorithm() const { return *algorithm_; }
  Isa isa() const { return static_cast<Isa>(Int(0)); }
  int threads() const { return Int(sizeof(Isa)); }
  void set_threads(int threads) { std::memcpy(bytes_ + sizeof(Isa), &threads, sizeof threads); }

  template <ConfigStruct T>
  bool Is() const {
    return algorithm_ == AlgorithmOf<T>;
  }
  // Null if the configuration is of another algorithm.
  template <ConfigStruct T>
  const T* If() const {
    return Is<T>() ? std::launder(reinterpret_cast<const T*>(bytes_)) : nullptr;
  }
  // REQUIRES: Is<T>().
  template <ConfigStruct T>
  const T& As() const {
    return *std::launder(reinterpret_cast<const T*>(bytes_));
  }
  template <ConfigStruct T>
  T& As() {
    return *std::launder(reinterpret_cast<T*>(bytes_));
  }

  friend bool operator==(const Config& a, const Config& b) {
    return a.algorithm_ == b.algorithm_ && std::memcmp(a.bytes_, b.bytes_, sizeof a.bytes_) == 0;
  }

 private:
  int Int(size_t offset) const {
    int value;
    std::memcpy(&value, bytes_ + offset, sizeof value);
    return value;
  }

  const Algorithm* algorithm_ = nullptr;
  alignas(8) std::byte bytes_[96] = {};  // zero beyond the struct
};

// Reads a member of a configuration. Each member has its own instance, so that the address of the
// function identifies a field within its algorithm.
template <auto kMember>
int GetMember(const Config& config) {
  using Owner = typename MemberOf<decltype(kMember)>::Owner;
  return static_cast<int>(config.As<Owner>().*kMember);
}

struct Field {
  enum class Role {
    kTunable,
    kIsa,      // chosen before a search begins
    kThreads,  // any number from 1 to kMaxThreads is valid, on the ladder or not
  };

  std::string_view name;  // in records, CSV, JSON and on the command line
  std::string_view tag;   // before the value in a kernel's name, separator included: "_q", "k";
                          // empty: the field does not affect the code
  std::string_view help;
  std::span<const int> values;                    // the valid values, called the ladder; ascending
  std::span<const std::string_view> labels = {};  // words for 0, 1, …; empty for plain numbers
  bool is_log = false;                            // spaced by ratio: a surrogate sees log2(value)
  Role role = Role::kTunable;

  // The values that a search tries. Empty: the whole ladder.
  std::span<const int> steps = {};
  // Removes from `steps` the values that a search need not try for this problem. Null: keeps all.
  void (*narrow)(const Problem& problem, const Cpu& cpu, std::vector<int>& steps) = nullptr;
  // Whether the enumeration of a space keeps `config`, whose fields up to this one are set and
  // canonical (except the `varied_alone` ones). `base` is the configuration that the search starts
  // from. Null: always.
  bool (*worth_trying)(const Problem& problem, const Config& config, const Config& base) = nullptr;
  // True if the field changed the time by 1 % or less wherever it was measured: the small space
  // has only the default's value. `small_steps`, if not empty: the values in the small space.
  bool minor = false;
  std::span<const int> small_steps = {};
  // True if a search changes this field only while the other fields with this flag have their
  // default values: no other field's validity depends on it, and the effects of these fields are
  // nearly independent.
  bool varied_alone = false;
  // For the rows of a register block: the `get` of the last field that the register count depends
  // on. Once that field is set, only the largest valid number of rows is tried: a block with fewer
  // rows than fit has more loads for each multiply-add and fewer independent chains to hide
  // latency. Null: not such a field.
  int (*full_once_set)(const Config&) = nullptr;

  // True if the value 1 makes results bypass the caches, so that their next reader goes to memory.
  bool bypasses_caches = false;

  // How to read records before format 1.4.
  std::string_view old_name = {};   // the name there, if it was another
  int (*old_value)(int) = nullptr;  // converts the number in such a record; null: it is the value
  int since = 0;                    // minor format of the first records that have the field; in
                                    // older ones the field has the struct's default

  int (*get)(const Config&) = nullptr;
  void (*set)(Config&, int) = nullptr;

  bool shapes_code() const { return !tag.empty(); }
};

// FieldOf<&TilesConfig::q_vecs>({.name = "q_vecs", …}): `get` and `set` of that member.
template <auto kMember>
constexpr Field FieldOf(Field field) {
  using Owner = typename MemberOf<decltype(kMember)>::Owner;
  using Value = typename MemberOf<decltype(kMember)>::Value;
  field.get = GetMember<kMember>;
  field.set = [](Config& c, int value) { c.As<Owner>().*kMember = static_cast<Value>(value); };
  return field;
}

// The two fields that every algorithm has.
inline constexpr int kEmittedIsas[] = {1, 2};
inline constexpr int kNoIsa[] = {0};
inline constexpr std::string_view kIsaWords[] = {"none", "avx2", "avx512"};
inline constexpr int kNoYes[] = {0, 1};
inline constexpr int kThreads[] = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256};
template <typename T>
constexpr Field IsaField(std::span<const int> isas = kEmittedIsas) {
  return FieldOf<&T::isa>({.name = "isa",
                           .tag = "_",
                           .help = "instruction set",
                           .values = isas,
                           .labels = kIsaWords,
                           .role = Field::Role::kIsa});
}
template <typename T>
constexpr Field ThreadsField() {
  return FieldOf<&T::threads>({.name = "threads",
                               .tag = "",
                               .help = "threads",
                               .values = kThreads,
                               .is_log = true,
                               .role = Field::Role::kThreads});
}

// Null if there is none of that name.
const Field* FindField(const Algorithm& algorithm, std::string_view name);

// "avx2" where the field has words for its values, else the number.
std::string ValueText(const Field& field, int value);
// The inverse of ValueText; also accepts the number of a word. InvalidArgument: "pv=x: expected …".
absl::StatusOr<int> ParseValue(const Field& field, std::string_view text);

// InvalidArgument if the value is not on the field's ladder; for threads, if it is not between 1
// and kMaxThreads.
absl::Status CheckLadder(const Field& field, int value);

// Decides whether `config` is valid for the problem on this CPU; no other code does.
// InvalidArgument names the rule that failed, with numbers: "qk_keys × qk_vecs 9 × 4 needs 41
// vector registers, avx512 has 32".
absl::Status Validate(const Config& config, const Problem& problem, const Cpu& cpu);

// `config` with every field that has no effect set to its canonical value, so that two
// configurations of the same kernel and schedule are equal. Unchanged if its algorithm belongs to
// another operation.
Config Canonical(const Config& config, const Problem& problem);

// The kernel's name, the same everywhere: the operation's code_name, the algorithm, and the tags
// and values of the fields that affect the code.
std::string KernelName(const Problem& problem, const Config& config);

// "algorithm=tiles isa=avx512 q_vecs=4 …" for people and logs.
std::string ToString(const Config& config);

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_CONFIG_H_
