// The methods of solving a problem that `jitattn compare` measures in turn.

#ifndef JITATTN_LAB_COMPARE_METHODS_H_
#define JITATTN_LAB_COMPARE_METHODS_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cache/record.h"
#include "cli/problem_flags.h"
#include "lab/baselines/contest.h"
#include "lab/python_peers.h"
#include "runtime/operands.h"

namespace jitattn::lab {

// A method of a library that this program is linked with. The command jitattn has none; bench/peers
// has those that CMake found.
struct LinkedMethod {
  std::string name, version;
  // Makes a contender. Unimplemented, with the reason: the library does not support the problem.
  // REQUIRES: the operands outlive the contender.
  std::function<absl::StatusOr<std::unique_ptr<Contender>>(const ops::Problem& problem,
                                                           const runtime::Operands& operands)>
      make;
};
// The linked methods. REQUIRES: filled before the command line is parsed.
std::vector<LinkedMethod>& LinkedMethods();

// Returns jitattn, jitattn-default, the baselines, the linked methods, numpy, numba, torch,
// onnxruntime, openvino.
std::vector<std::string_view> MethodNames();
bool IsPython(std::string_view method);
const LinkedMethod* FindLinked(std::string_view method);  // null: not a linked method

// The Python process of the methods that need one, or the reason why there is none.
struct PythonSide {
  std::string program;
  std::unique_ptr<PythonPeers> peers;  // null: see `error`
  std::string error;

  const PythonPeers::Method* Find(std::string_view method) const;
  // Returns why the method is not available; empty if it is.
  std::string WhyNot(std::string_view method) const;
};
PythonSide StartPython(const std::string& program, const std::vector<std::string>& methods);

struct CompareRow {
  cache::Key key;  // the exact problem, not its bucket
  std::string method;
  Standing standing;     // without samples, `failure` or `note` says why
  std::string baseline;  // of the speed-ups
  // Baseline's time ÷ this method's: by the fastest samples, by medians. Empty if either has no
  // time.
  std::optional<double> speedup, speedup_median;
  bool baseline_unstable = false;

  const ops::Problem& problem() const { return key.bucket; }
  bool timed() const { return standing.seconds.samples > 0; }
  bool unstable() const;
};

// Above this coefficient of variation a row is unstable: other work disturbed the measurement, and
// mean and median are unreliable.
inline constexpr double kUnstable = 0.1;

struct CompareOptions {
  std::vector<std::string> methods;
  std::string baseline;  // one of `methods`; empty: see DefaultBaseline()
  cli::Machine machine;
  uint64_t seed = 1;
  ContestOptions contest;
};

// Makes contenders of one problem. REQUIRES: the constructor's arguments outlive this object and
// its contenders.
class ContenderMaker {
 public:
  ContenderMaker(const ops::Problem& problem, const CompareOptions& options, PythonSide& python,
                 const runtime::Operands& operands)
      : problem_(problem), options_(options), python_(python), operands_(operands) {}

  // Returns a contender and fills in the other members of `entry`. Null: the method does not take
  // part; `standing->failure` says why.
  absl::StatusOr<std::unique_ptr<Contender>> Make(const std::string& method, ContestEntry* entry,
                                                  Standing* standing);

 private:
  absl::StatusOr<std::unique_ptr<Contender>> MakePlan(const std::string& config,
                                                      Standing* standing);
  std::unique_ptr<Contender> MakePython(const std::string& method, ContestEntry* entry,
                                        Standing* standing);
  absl::StatusOr<std::unique_ptr<Contender>> MakeLinked(const LinkedMethod& method,
                                                        Standing* standing);

  const ops::Problem& problem_;
  const CompareOptions& options_;
  PythonSide& python_;
  const runtime::Operands& operands_;
  std::optional<ops::Config> tuned_;  // set when "jitattn" is made
  bool python_has_problem_ = false;
};

// Measures all methods in turn on the same operands. Returns a row for each method.
absl::StatusOr<std::vector<CompareRow>> CompareMethods(const ops::Problem& problem,
                                                       const CompareOptions& options,
                                                       PythonSide& python);

// Fills in the speed-ups. REQUIRES: all rows are of one problem.
void FillSpeedups(const std::string& baseline, std::vector<CompareRow>* rows);
// Returns the baseline to use if none was named: the first of numpy, two-pass, … that has a time.
std::string DefaultBaseline(const std::vector<CompareRow>& rows);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_COMPARE_METHODS_H_
