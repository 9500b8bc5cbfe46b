// Small problems of both operations through the C API, with their right results.

#ifndef JITATTN_TESTS_FAULTS_TASK_H_
#define JITATTN_TESTS_FAULTS_TASK_H_

#include <vector>

#include "jitattn/jitattn.h"

namespace jitattn::faults {

// Large enough for two threads. The constructor allocates everything, so that a failing allocation
// in a run is the library's.
class AttentionTask {
 public:
  AttentionTask();
  const jitattn_attention_problem& problem() const { return problem_; }
  const jitattn_attention_args& args();  // overwrites `out` first
  bool Correct() const;                  // against the formula in double

 private:
  jitattn_attention_problem problem_;
  jitattn_attention_args args_;
  std::vector<float> q_, k_, v_, out_;
  std::vector<double> right_;
};

class SigmoidMulTask {
 public:
  SigmoidMulTask();
  const jitattn_sigmoid_mul_problem& problem() const { return problem_; }
  const jitattn_sigmoid_mul_args& args();
  bool Correct() const;

 private:
  jitattn_sigmoid_mul_problem problem_;
  jitattn_sigmoid_mul_args args_;
  std::vector<float> x_, out_;
};

}  // namespace jitattn::faults

#endif  // JITATTN_TESTS_FAULTS_TASK_H_
