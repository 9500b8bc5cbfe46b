// Kernels that must fault, to show that the machine and its pages catch an instruction that the CPU
// lacks, a read behind an operand, and a write to an input.

#include <utility>

#include "absl/strings/str_cat.h"
#include "jit/sigmoid_mul/args.h"
#include "ops/sigmoid_mul/algorithms.h"
#include "ops/sigmoid_mul/problem.h"
#include "tests/emulate/cases.h"
#include "tests/emulate/rows.h"

namespace jitattn::emulate {
namespace {

constexpr uint32_t kWriteError = 2;  // of a page fault's error code
constexpr int64_t kElements = 40;

struct Operands {
  Memory x, out;
};

// Sigmoid-mul of kElements floats and `more`, for a CPU that may have more than the machine.
Check RunSigmoidMul(Image& image, uint32_t number, const Cpu& cpu, const Operands& operands,
                    int64_t more, const std::function<std::string(const Fault&)>& judge) {
  KernelInImage kernel(
      &image, number,
      MustCompile(ops::SigmoidMulProblem{}, jit::SigmoidMulConfig{.isa = cpu.isa, .vecs = 2}, cpu));
  kernel.Run(jit::SigmoidMulArgs{.x = reinterpret_cast<const void*>(operands.x.address),
                                 .out = reinterpret_cast<void*>(operands.out.address),
                                 .rows = 1,
                                 .cols = kElements + more});
  return [judge](const CaseAnswers& answers) {
    if (!answers.fault) return std::string("no fault");
    const std::string wrong = judge(*answers.fault);
    return wrong.empty() ? "" : absl::StrCat(wrong, ": ", Describe(*answers.fault));
  };
}

Operands AddOperands(Image& image, uint32_t number, const Cpu& cpu, Access access_to_out) {
  const std::vector<float> x(kElements, 1);
  const RowShape<float> shape = {.rows = 1, .cols = kElements};
  Operands operands = {.x = AddRows(&image, cpu.isa, shape, x, Flush::kBack)};
  operands.out = access_to_out == Access::kRead
                     ? AddRows(&image, cpu.isa, shape, x, Flush::kBack)
                     : AddUnwritten(&image, number, shape.bytes() + kPageBytes, Flush::kFront);
  return operands;
}

Case ReadsBehind(const std::string& name, const Cpu& cpu) {
  return {name, [=](Image& image, uint32_t number) {
            const Operands operands = AddOperands(image, number, cpu, Access::kReadAndWrite);
            const uint64_t end = operands.x.address + operands.x.bytes;
            return RunSigmoidMul(image, number, cpu, operands, 1, [end](const Fault& fault) {
              const bool right = fault.vector == kPageFault && (fault.error & kWriteError) == 0 &&
                                 fault.address >= end && fault.address < end + kPageBytes;
              return right ? "" : absl::StrCat("no read from 0x", absl::Hex(end), " on");
            });
          }};
}

Case WritesToInput(const std::string& name, const Cpu& cpu) {
  return {name, [=](Image& image, uint32_t number) {
            const Operands operands = AddOperands(image, number, cpu, Access::kRead);
            const Memory out = operands.out;
            return RunSigmoidMul(image, number, cpu, operands, 0, [out](const Fault& fault) {
              const bool right = fault.vector == kPageFault && (fault.error & kWriteError) != 0 &&
                                 fault.address >= out.address &&
                                 fault.address < out.address + out.bytes;
              return right ? "" : absl::StrCat("no write to 0x", absl::Hex(out.address));
            });
          }};
}

// A kernel for a CPU that has more.
Case Undefined(const std::string& name, const Cpu& better) {
  return {name, [=](Image& image, uint32_t number) {
            const Operands operands = AddOperands(image, number, better, Access::kReadAndWrite);
            return RunSigmoidMul(image, number, better, operands, 0, [](const Fault& fault) {
              return fault.vector == kUndefinedInstruction ? "" : "no undefined instruction";
            });
          }};
}

}  // namespace

std::vector<Case> FaultCases(const Cpu& cpu) {
  std::vector<Case> cases;
  for (const Isa isa : EmittedIsas(cpu)) {
    const std::string of_isa(Name(isa));
    cases.push_back(ReadsBehind(absl::StrCat("fault.", of_isa, ".read-behind"), Capped(cpu, isa)));
    cases.push_back(
        WritesToInput(absl::StrCat("fault.", of_isa, ".write-to-input"), Capped(cpu, isa)));
  }
  if (cpu.isa == Isa::kAvx2) {
    Cpu better = cpu;
    better.isa = better.detected_isa = Isa::kAvx512;
    cases.push_back(Undefined("fault.avx512.undefined", better));
  }
  return cases;
}

}  // namespace jitattn::emulate
