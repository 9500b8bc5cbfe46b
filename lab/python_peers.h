// Python packages as contenders, run in a Python process on request.

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
  // Starts `python` (a path, or a name on PATH) and asks which of `methods` it can import.
  // NotFound: there is no such program, or it does not behave like Python.
  static absl::StatusOr<std::unique_ptr<PythonPeers>> Start(
      const std::string& python, const std::vector<std::string>& methods);
  ~PythonPeers();  // ends the process
  PythonPeers(const PythonPeers&) = delete;
  PythonPeers& operator=(const PythonPeers&) = delete;

  struct Method {
    std::string name, version;
    std::string error;        // why the method is not available; empty if it is
    bool has_threads = true;  // whether the number of threads can be set
  };
  const std::vector<Method>& methods() const { return methods_; }
  const std::string& version() const { return version_; }  // Python's
  bool alive() const { return alive_; }

  // Gives the process copies of the operands.
  absl::Status SetProblem(const ops::Problem& problem, const runtime::Operands& operands);
  // Prepares (and if necessary compiles) a method for the problem of SetProblem. REQUIRES: this
  // object and the operands outlive the result.
  absl::StatusOr<std::unique_ptr<Contender>> Prepare(const std::string& method,
                                                     const runtime::Operands& operands);

  // Sends a question and returns its answer. DeadlineExceeded: no answer within `limit_s`.
  // Unavailable: the process has ended. After either error the process is gone. Internal: an error
  // that the process reported.
  absl::StatusOr<cli::Json> Ask(const cli::Json& question, double limit_s);
  // Copies the result of the method's last run to the operands' output.
  absl::Status Fetch(const std::string& method, const runtime::Operands& operands);

 private:
  PythonPeers() = default;
  absl::Status Spawn(const std::string& python, const std::string& methods);
  absl::StatusOr<std::string> ReadLine(double limit_s);
  void End();

  pid_t pid_ = -1;
  int socket_ = -1, memory_ = -1;
  bool alive_ = false;
  std::string buffer_;  // the incomplete last line
  std::string version_;
  std::vector<Method> methods_;
  std::vector<int64_t> offsets_;  // of the operands in the shared file
};

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_PYTHON_PEERS_H_
