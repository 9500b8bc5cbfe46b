// The ways of solving a problem that `jitattn compare` measures in turn.

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

// A library that this program is linked with. The command has none, bench/peers has those that
// CMake found.
struct LinkedMethod {
  std::string name, version;
  // Unimplemented, with the reason, where it cannot do the problem. The operands outlive it.
  std::function<absl::StatusOr<std::unique_ptr<Contender>>(const ops::Problem& problem,
                                                           const runtime::Operands& operands)>
      make;
};
// To be filled before the command line is read.
std::vector<LinkedMethod>& LinkedMethods();

// jitattn, jitattn-default, the baselines, what is linked, numpy, numba, torch, onnxruntime,
// openvino.
std::vector<std::string_view> MethodNames();
bool IsPython(std::string_view method);
const LinkedMethod* FindLinked(std::string_view method);  // null: it is not one

// A Python process for the methods that need one, and why it cannot be had.
struct PythonSide {
  std::string program;
  std::unique_ptr<PythonPeers> peers;  // null: see `error`
  std::string error;

  const PythonPeers::Method* Find(std::string_view method) const;
  // Empty if the method can be had.
  std::string WhyNot(std::string_view method) const;
};
PythonSide StartPython(const std::string& program, const std::vector<std::string>& methods);

struct CompareRow {
  cache::Key key;  // the exact problem, not its bucket
  std::string method;
  Standing standing;     // no samples: `failure` or `note` says why
  std::string baseline;  // of the speed-ups
  // Times as fast as the baseline: by fastest, by median. Nothing where one of both has no time.
  std::optional<double> speedup, speedup_median;
  bool baseline_unstable = false;

  const ops::Problem& problem() const { return key.bucket; }
  bool timed() const { return standing.seconds.samples > 0; }
  bool unstable() const;
};

// Above it a mean, and what is built on it, says little: the machine was not quiet.
inline constexpr double kUnstable = 0.1;

struct CompareOptions {
  std::vector<std::string> methods;
  std::string
      baseline;  // of `methods`; empty: numpy where there is one, else two-pass, else naive, …
  cli::Machine machine;
  uint64_t seed = 1;
  ContestOptions contest;
};

// Makes contenders of one problem. The arguments of the constructor outlive it and what it makes.
class ContenderMaker {
 public:
  ContenderMaker(const ops::Problem& problem, const CompareOptions& options, PythonSide& python,
                 const runtime::Operands& operands)
      : problem_(problem), options_(options), python_(python), operands_(operands) {}

  // Fills the entry in, but for the contender. Null: `standing` says why.
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
  std::optional<ops::Config> tuned_;  // once it takes part
  bool python_has_problem_ = false;
};

// A row a method, all measured in turn on the same operands.
absl::StatusOr<std::vector<CompareRow>> CompareMethods(const ops::Problem& problem,
                                                       const CompareOptions& options,
                                                       PythonSide& python);

// Fills speed-ups in. Rows are of one problem.
void FillSpeedups(const std::string& baseline, std::vector<CompareRow>* rows);
// The baseline where none was named: the first of numpy, two-pass, … among the methods that have a
// time.
std::string DefaultBaseline(const std::vector<CompareRow>& rows);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_COMPARE_METHODS_H_
