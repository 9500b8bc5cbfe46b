// The values that options of a problem read in `jitattn run`, from flags: numbers, lists, files.
// What no flag gives is made up.

#ifndef JITATTN_CLI_RUN_VALUES_H_
#define JITATTN_CLI_RUN_VALUES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/npy.h"
#include "ops/operation.h"

namespace CLI {
class App;
}

namespace jitattn::cli {

struct ProblemFlags;
struct RunOperands;

// The texts that a user gave, by flag: {"--scale", "0.5"}.
using ValueTexts = std::map<std::string, std::string, std::less<>>;

struct ValueFlag {
  enum class Kind {
    kNumber,
    kWhole,  // a whole number
    kList,   // whole numbers, "7,9", or the path of a file of them
    kFile,   // a file to read
    kResult  // a file to write
  };
  std::string_view flag, help;  // "--scale"
  Kind kind;
  // The flag is that of an option, whose value may follow it: ProblemFlags::with_value.
  bool is_option = false;
};

// The values of one operation, with their files read.
class RunValues {
 public:
  virtual ~RunValues() = default;
  // Switches on the options that read a given value. REQUIRES: the type in `flags` is final.
  // InvalidArgument if other flags contradict a value.
  virtual absl::Status AddOptions(ProblemFlags* flags) const = 0;
  // Puts the values in the place of those made up. REQUIRES: these values outlive the operands.
  // InvalidArgument, with the flag, the value and the rule, if a value does not fit the problem.
  virtual absl::Status Fill(RunOperands* operands) const = 0;
};

// The flags of one operation's values (values_attention.cc, values_sigmoid_mul.cc).
struct ValuesOfOperation {
  const ops::Operation* operation;
  std::span<const ValueFlag> flags;
  // Reads the files and checks what can be checked without a problem. `texts` may hold flags of
  // other operations.
  absl::StatusOr<std::unique_ptr<RunValues>> (*read)(const ValueTexts& texts);
};
extern const ValuesOfOperation kAttentionValues, kSigmoidMulValues;
std::span<const ValuesOfOperation* const> AllRunValues();

// Adds the flags of all operations, except those of options, which ProblemFlags has.
void AddValueFlags(CLI::App* command, ValueTexts* texts);

// The first of an operation's value flags that was given; "" if none was.
std::string_view GivenFlag(const ValuesOfOperation& values, const ValueTexts& texts);

// ---- For the implementations

// The number that a flag gives, if it was given. InvalidArgument unless it is one, and from `least`
// to `most`; `rule` says that in words, "a finite number".
absl::StatusOr<std::optional<double>> NumberOf(std::string_view flag, const ValueTexts& texts,
                                               double least, double most, std::string_view rule);
absl::StatusOr<std::optional<int64_t>> WholeOf(std::string_view flag, const ValueTexts& texts);
// The numbers of a list, or of the file that the flag names.
absl::StatusOr<std::optional<std::vector<int64_t>>> ListOf(std::string_view flag,
                                                           const ValueTexts& texts);
// The array in the file that the flag names.
absl::StatusOr<std::optional<NpyArray>> FileOf(std::string_view flag, const ValueTexts& texts,
                                               NpyKind kind);
// `status` with "flag: " before its message, unless it is OK.
absl::Status WithFlag(std::string_view flag, const absl::Status& status);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_RUN_VALUES_H_
