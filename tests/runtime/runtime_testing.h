// Shared by the tests of plans: operands with a naive reference, and child processes.

#ifndef JITATTN_TESTS_RUNTIME_RUNTIME_TESTING_H_
#define JITATTN_TESTS_RUNTIME_RUNTIME_TESTING_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "jitattn/jitattn.h"
#include "ops/attention/problem.h"

namespace jitattn::runtime {

// Contiguous operands of an attention problem in its type, normal data from a fixed seed.
class AttentionData {
 public:
  explicit AttentionData(const ops::AttentionProblem& problem, uint64_t seed = 1);

  const ops::AttentionProblem& problem() const { return problem_; }
  jitattn_attention_args args();  // of the whole problem; out is this object's
  std::string out_bytes() const;  // to compare bit by bit
  void SpoilOut();                // fills `out` with NaN, so that missing writes show

  // Greatest difference of out to the formula computed in double, for the run that `args`
  // describes. NaN where out is NaN.
  double MaxError(const jitattn_attention_args& args) const;

 private:
  double Value(const std::vector<char>& bytes, int64_t index) const;

  const ops::AttentionProblem problem_;
  std::vector<char> q_, k_, v_, out_;
};

// Runs `body` in a forked child; "" if it returned "", else what it returned or how it died. A
// child that hangs is killed after `seconds`.
std::string InChild(const std::function<std::string()>& body, int seconds = 30);

// From now on this process gets no executable memory, as under a hardened system's policy. False
// where the kernel has no seccomp.
bool DenyExecutableMemory();

// From now on the system refuses new threads and processes to this process with EAGAIN, as at a
// resource limit. False if this is not possible here.
bool RefuseNewThreads();

// Calls of malloc by this process so far; −1 where it is not counted (sanitizers bring their own).
int64_t MallocCalls();

// Mappings of this process that are writable and executable at once, as /proc has them.
std::string WritableExecutableMappings();
// Requests for such a mapping or protection so far (0 under sanitizers, which cannot be watched).
int64_t WritableExecutableRequests();

}  // namespace jitattn::runtime

#endif  // JITATTN_TESTS_RUNTIME_RUNTIME_TESTING_H_
