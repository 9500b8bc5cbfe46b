// A problem, its configuration, its kernel, and the split of the work over threads.

#include "runtime/plan.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/checker.h"
#include "runtime/choose_config.h"

namespace jitattn::runtime {
namespace {

absl::Status WrongOperation(const ops::Problem& problem) {
  return absl::InvalidArgumentError(
      absl::StrCat("arguments of another operation: the plan is for ", ops::Describe(problem)));
}

}  // namespace

struct Plan::Impl {
  ops::Problem problem;
  Choice choice;
  int threads = 1;
  std::unique_ptr<ops::Runner> runner;
};

Plan::Plan(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Plan::~Plan() = default;

absl::StatusOr<std::shared_ptr<const Plan>> Plan::Create(const ops::Problem& problem,
                                                         const Cpu& cpu,
                                                         const PlanOptions& options) {
  if (absl::Status status = ops::Validate(problem); !status.ok()) return status;
  absl::StatusOr<Choice> choice = ChooseConfig(problem, cpu, options);
  if (!choice.ok()) return choice.status();
  auto impl = std::make_unique<Impl>();
  impl->problem = problem;
  impl->choice = *std::move(choice);
  impl->threads = std::min(options.conditions.threads, impl->choice.config.threads());
  const Choice& made = impl->choice;
  impl->runner =
      made.config.algorithm().make_runner(problem, made.config, made.compiled.kernel, impl->threads,
                                          ops::WorthwhileFlops(problem, cpu));
  if (absl::Status status = impl->runner->Init(); !status.ok()) return status;
  return std::shared_ptr<const Plan>(new Plan(std::move(impl)));
}

absl::Status Plan::Run(const ops::Operation& operation, const void* args) const {
  if (&operation != &impl_->problem.operation()) return WrongOperation(impl_->problem);
  if (absl::Status status = operation.check_args(impl_->problem, args); !status.ok()) return status;
  if (absl::Status status = impl_->runner->CheckScratch(args); !status.ok()) return status;
  return RunUnchecked(args);
}

absl::Status Plan::Run(const jitattn_sigmoid_mul_args& args) const {
  const auto* problem = impl_->problem.If<ops::SigmoidMulProblem>();
  if (problem == nullptr) return WrongOperation(impl_->problem);
  if (ops::SpecOf(*problem) != jit::SigmoidMulSpec{.dtype = problem->dtype}) {
    return absl::InvalidArgumentError(
        absl::StrCat("the plan is of ", ops::Describe(impl_->problem),
                     ": jitattn_sigmoid_mul_run runs plans of SiLU of one input and one type"));
  }
  return Run(ops::ActivationArgsOf(args));
}

absl::Status Plan::RunUnchecked(const void* args) const {
  const auto run = impl_->problem.operation().run;
  if (run != nullptr) return run(impl_->problem, *impl_->runner, args);
  impl_->runner->Run(args);
  return absl::OkStatus();
}

const ops::Problem& Plan::problem() const { return impl_->problem; }
const ops::Config& Plan::config() const { return impl_->choice.config; }
const jit::Kernel& Plan::kernel() const { return *impl_->choice.compiled.kernel; }
const PlanSource& Plan::source() const { return impl_->choice.source; }
double Plan::emit_seconds() const { return impl_->choice.compiled.emit_seconds; }
int Plan::threads() const { return impl_->threads; }
int64_t Plan::thread_scratch_bytes() const { return impl_->runner->thread_scratch_bytes(); }
// The plan itself has allocated as many bytes, so the sum fits into size_t.
size_t Plan::scratch_bytes() const { return static_cast<size_t>(impl_->runner->scratch_bytes()); }

}  // namespace jitattn::runtime
