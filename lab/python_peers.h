// Packages of Python as contenders: a process that runs them when it is asked to.

#ifndef JITATTN_LAB_PYTHON_PEERS_H_
#define JITATTN_LAB_PYTHON_PEERS_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/json.h"
#include "lab/baselines/contest.h"
#include "ops/problem.h"
#include "runtime/operands.h"

namespace jitattn::lab {

class PythonPeers {
 public:
  // Starts `python` (a path, or a name that PATH has) and asks which of `methods` it can import.
  // NotFound: there is no such program, or it does not answer as Python does.
  static absl::StatusOr<std::unique_ptr<PythonPeers>> Start(
      const std::string& python, const std::vector<std::string>& methods);
  ~PythonPeers();  // ends it
  PythonPeers(const PythonPeers&) = delete;
  PythonPeers& operator=(const PythonPeers&) = delete;

  struct Method {
    std::string name, version;
    std::string error;        // why it cannot be had; empty if it can
    bool has_threads = true;  // their number can be set
  };
  const std::vector<Method>& methods() const { return methods_; }
  const std::string& version() const { return version_; }  // Python's
  bool alive() const { return alive_; }

  // Gives it copies of the operands.
  absl::Status SetProblem(const ops::Problem& problem, const runtime::Operands& operands);
  // A method on that problem, compiled where it has to be. Both must outlive it.
  absl::StatusOr<std::unique_ptr<Contender>> Prepare(const std::string& method,
                                                     const runtime::Operands& operands);

  // One question, one answer. DeadlineExceeded after `limit_s`, Unavailable where it has ended: in
  // both cases it is gone. Internal: its own error.
  absl::StatusOr<cli::Json> Ask(const cli::Json& question, double limit_s);
  // The result of a method's last run, to the operands' output.
  absl::Status Fetch(const std::string& method, const runtime::Operands& operands);

 private:
  PythonPeers() = default;
  absl::Status Spawn(const std::string& python, const std::string& methods);
  absl::StatusOr<std::string> ReadLine(double limit_s);
  void End();

  pid_t pid_ = -1;
  int socket_ = -1, memory_ = -1;
  bool alive_ = false;
  std::string buffer_;  // of a line that is not whole yet
  std::string version_;
  std::vector<Method> methods_;
  std::vector<int64_t> offsets_;  // of the operands in the shared file
};

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_PYTHON_PEERS_H_
