// A problem, its configuration, its kernel, and the split of the work over threads.

#include "runtime/plan.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "runtime/attention_runner.h"
#include "runtime/check_args.h"
#include "runtime/choose_config.h"
#include "runtime/decode_runner.h"
#include "runtime/heuristic.h"
#include "runtime/parallel.h"
#include "runtime/sigmoid_mul_runner.h"

namespace jitattn::runtime {
namespace {

int ThreadsOf(const jit::Config& config) {
  return std::visit([](const auto& c) { return c.threads; }, config);
}

absl::Status WrongOperation(const jit::Problem& problem) {
  return absl::InvalidArgumentError(
      absl::StrCat("arguments of another operation: the plan is for ", jit::Describe(problem)));
}

}  // namespace

struct Plan::Impl {
  jit::Problem problem;
  Choice choice;
  int threads = 1;
  // Exactly one is there.
  std::unique_ptr<AttentionRunner> attention;
  std::unique_ptr<DecodeRunner> decode;
  std::unique_ptr<SigmoidMulRunner> sigmoid_mul;

  absl::Status MakeRunner(const jit::Cpu& cpu) {
    const double worthwhile = WorthwhileFlops(problem, cpu);
    if (const auto* p = std::get_if<jit::AttentionProblem>(&problem)) {
      const auto& config = std::get<jit::AttentionConfig>(choice.config);
      if (config.lanes == jit::LaneAxis::kColumns) {
        decode =
            std::make_unique<DecodeRunner>(*p, config, choice.compiled.kernel, threads, worthwhile);
        return decode->Init();
      }
      attention = std::make_unique<AttentionRunner>(*p, config, choice.compiled.kernel, threads,
                                                    worthwhile);
      return attention->Init();
    }
    sigmoid_mul = std::make_unique<SigmoidMulRunner>(std::get<jit::SigmoidMulProblem>(problem),
                                                     choice.compiled.kernel, threads, worthwhile);
    return absl::OkStatus();
  }
};

Plan::Plan(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Plan::~Plan() = default;

absl::StatusOr<std::shared_ptr<const Plan>> Plan::Create(const jit::Problem& problem,
                                                         const PlanOptions& options) {
  if (absl::Status status = jit::Validate(problem); !status.ok()) return status;
  const jit::Cpu cpu = jit::Capped(jit::HostCpu(), options.isa);
  // A budget that is not stated does not cut down a configuration that is.
  const int budget = options.threads == 0 && options.config.has_value()
                         ? ThreadsOf(*options.config)
                         : ThreadBudget(options.threads);

  absl::StatusOr<Choice> choice = ChooseConfig(problem, options, cpu, budget);
  if (!choice.ok()) return choice.status();
  auto impl = std::make_unique<Impl>();
  impl->problem = problem;
  impl->choice = *std::move(choice);
  impl->threads = std::min(budget, ThreadsOf(impl->choice.config));
  if (absl::Status status = impl->MakeRunner(cpu); !status.ok()) return status;
  return std::shared_ptr<const Plan>(new Plan(std::move(impl)));
}

absl::Status Plan::Run(const jitattn_attention_args& args) const {
  const auto* problem = std::get_if<jit::AttentionProblem>(&impl_->problem);
  if (problem == nullptr) return WrongOperation(impl_->problem);
  if (absl::Status status = CheckArgs(*problem, args); !status.ok()) return status;
  if (args.scratch != nullptr && args.scratch_bytes != 0 && args.scratch_bytes < scratch_bytes()) {
    return absl::InvalidArgumentError(
        absl::StrCat("scratch_bytes ", args.scratch_bytes, ": this plan needs ", scratch_bytes()));
  }
  RunUnchecked(args);
  return absl::OkStatus();
}

absl::Status Plan::Run(const jitattn_sigmoid_mul_args& args) const {
  const auto* problem = std::get_if<jit::SigmoidMulProblem>(&impl_->problem);
  if (problem == nullptr) return WrongOperation(impl_->problem);
  if (absl::Status status = CheckArgs(*problem, args); !status.ok()) return status;
  impl_->sigmoid_mul->Run(args);
  return absl::OkStatus();
}

void Plan::RunUnchecked(const jitattn_attention_args& args) const {
  impl_->decode != nullptr ? impl_->decode->Run(args) : impl_->attention->Run(args);
}
void Plan::RunUnchecked(const jitattn_sigmoid_mul_args& args) const {
  impl_->sigmoid_mul->Run(args);
}

const jit::Problem& Plan::problem() const { return impl_->problem; }
const jit::Config& Plan::config() const { return impl_->choice.config; }
const jit::Kernel& Plan::kernel() const { return *impl_->choice.compiled.kernel; }
const PlanSource& Plan::source() const { return impl_->choice.source; }
double Plan::emit_seconds() const { return impl_->choice.compiled.emit_seconds; }
int Plan::threads() const { return impl_->threads; }
size_t Plan::scratch_bytes() const {
  // A plan has allocated as much for itself, so that the sum fits.
  if (impl_->decode != nullptr) return impl_->decode->scratch_bytes();
  return impl_->attention == nullptr ? 0 : impl_->attention->scratch_bytes();
}

}  // namespace jitattn::runtime
