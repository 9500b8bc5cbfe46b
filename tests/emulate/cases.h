// The kernels that are run in an emulated CPU, and their expected results.

#ifndef JITATTN_TESTS_EMULATE_CASES_H_
#define JITATTN_TESTS_EMULATE_CASES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "jit/kernel.h"
#include "ops/config.h"
#include "ops/problem.h"
#include "tests/emulate/answers.h"
#include "tests/emulate/image.h"

namespace jitattn::emulate {

// Returns what is wrong with a machine's answers; "" if they are right.
using Check = std::function<std::string(const CaseAnswers&)>;

struct Case {
  std::string name;  // "attention.avx512.f32.causal.rows.parts"
  // Emits the kernel, lays out its operands and adds the operations of this case number.
  std::function<Check(Image&, uint32_t number)> prepare;
};

// Returns cases for everything that `cpu` can run, and for code that it must refuse. Cases,
// configurations and operands are the same every time.
std::vector<Case> Cases(const Cpu& cpu);

std::vector<Case> AttentionCases(const Cpu& cpu);
std::vector<Case> SigmoidMulCases(const Cpu& cpu);
std::vector<Case> ActivationCases(const Cpu& cpu);
std::vector<Case> FaultCases(const Cpu& cpu);

// ---- Parts of cases ----

std::shared_ptr<const jit::Kernel> MustCompile(const ops::Problem& problem,
                                               const ops::Config& config,
                                               const Cpu& cpu);  // throws std::runtime_error

// A seed made of a name, so that a case's operands do not depend on the other cases.
uint64_t SeedOf(const std::string& name);

// The instruction sets that kernels of `cpu` are emitted for.
std::vector<Isa> EmittedIsas(const Cpu& cpu);

// A kernel in the memory of a machine, run under the number of a case.
class KernelInImage {
 public:
  KernelInImage(Image* image, uint32_t number, std::shared_ptr<const jit::Kernel> kernel);

  template <typename Args>
  void Run(const Args& args) {
    RunWith({reinterpret_cast<const uint8_t*>(&args), sizeof args});
  }
  // "" if every run returned, and left the code, the registers and MXCSR as they were.
  std::string CheckRuns(const CaseAnswers& answers) const;

  const jit::Kernel& kernel() const { return *kernel_; }

 private:
  void RunWith(std::span<const uint8_t> args);

  Image* image_;  // until the last Run
  uint32_t number_;
  std::shared_ptr<const jit::Kernel> kernel_;
  Memory code_;
  size_t runs_ = 0;
};

}  // namespace jitattn::emulate

#endif  // JITATTN_TESTS_EMULATE_CASES_H_
