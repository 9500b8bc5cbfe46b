// What all cases share.

#include "tests/emulate/cases.h"

#include <iterator>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "ops/operation.h"

namespace jitattn::emulate {
namespace {

// The bits of MXCSR that are modes; the others are flags that any operation may raise.
constexpr uint32_t kMxcsrModes = 0xFFC0, kDefaultMxcsr = 0x1F80;

}  // namespace

std::vector<Case> Cases(const Cpu& cpu) {
  std::vector<Case> cases;
  for (const auto make : {AttentionCases, SigmoidMulCases, ActivationCases, FaultCases}) {
    std::vector<Case> more = make(cpu);
    cases.insert(cases.end(), std::make_move_iterator(more.begin()),
                 std::make_move_iterator(more.end()));
  }
  return cases;
}

std::shared_ptr<const jit::Kernel> MustCompile(const ops::Problem& problem,
                                               const ops::Config& config, const Cpu& cpu) {
  auto kernel = ops::Compile(problem, config, cpu);
  if (!kernel.ok()) throw std::runtime_error(std::string(kernel.status().message()));
  return *std::move(kernel);
}

uint64_t SeedOf(const std::string& name) {
  return jit::CodeHash({reinterpret_cast<const uint8_t*>(name.data()), name.size()});
}

std::vector<Isa> EmittedIsas(const Cpu& cpu) {
  std::vector<Isa> isas;
  for (const Isa isa : {Isa::kAvx2, Isa::kAvx512})
    if (isa <= cpu.isa) isas.push_back(isa);
  return isas;
}

KernelInImage::KernelInImage(Image* image, uint32_t number,
                             std::shared_ptr<const jit::Kernel> kernel)
    : image_(image),
      number_(number),
      kernel_(std::move(kernel)),
      code_(image->AddCode(kernel_->code())) {}

void KernelInImage::RunWith(std::span<const uint8_t> args) {
  const Memory in_image = image_->AddContents(args, Flush::kBack);
  image_->Add({Op::kRun, number_, code_.address, in_image.address, code_.bytes});
  ++runs_;
}

std::string KernelInImage::CheckRuns(const CaseAnswers& answers) const {
  if (answers.fault) {
    return absl::StrCat(Describe(*answers.fault), ", byte ", answers.fault->rip - code_.address,
                        " of the kernel's ", code_.bytes);
  }
  if (answers.runs.size() != runs_) {
    return absl::StrCat("the machine stopped: ", answers.runs.size(), " of ", runs_,
                        " runs returned");
  }
  for (const Ran& ran : answers.runs) {
    if (ran.code_hash != kernel_->code_hash()) return "the code has changed";
    if (ran.spoilt & kSpoiltRegister) return "a register that belongs to the caller is spoilt";
    if (ran.spoilt & kSpoiltStack) return "the stack pointer is spoilt";
    if (ran.spoilt & kSpoiltDirection) return "the direction flag is set";
    if ((ran.mxcsr & kMxcsrModes) != (kDefaultMxcsr & kMxcsrModes)) {
      return absl::StrCat("MXCSR is 0x", absl::Hex(ran.mxcsr));
    }
  }
  return "";
}

}  // namespace jitattn::emulate
