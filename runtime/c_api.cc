// The C ABI over plans. No exception leaves it; errors are kept for jitattn_last_error.

#include <atomic>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/cpu.h"
#include "base/log.h"
#include "jitattn/jitattn.h"
#include "ops/attention/append.h"
#include "ops/attention/checker.h"
#include "ops/attention/merge.h"
#include "ops/conditions.h"
#include "ops/config.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/checker.h"
#include "parallel/allocator.h"
#include "parallel/parallel.h"
#include "runtime/c_struct.h"
#include "runtime/entry.h"
#include "runtime/given_config.h"
#include "runtime/one_shot.h"
#include "runtime/plan.h"
#include "runtime/thread_state.h"
#include "runtime/tune_on_demand.h"
#include "runtime/undisturbed.h"

struct jitattn_plan {
  std::shared_ptr<const jitattn::runtime::Plan> plan;
  std::string config;  // as text, for jitattn_plan_info
};

namespace jitattn::runtime {
namespace {

jitattn_status Fail(jitattn_status status, std::string_view message) {
  KeepError(message);
  return status;
}

jitattn_status Report(const absl::Status& status) {
  if (status.ok()) return JITATTN_OK;
  const std::string_view message(status.message().data(), status.message().size());
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return Fail(JITATTN_INVALID_ARGUMENT, message);
    case absl::StatusCode::kResourceExhausted:
      return Fail(JITATTN_OUT_OF_MEMORY, message);
    case absl::StatusCode::kUnavailable:
      return Fail(JITATTN_UNAVAILABLE, message);
    default:
      return Fail(JITATTN_INTERNAL, message);
  }
}

// Runs `body`, which returns absl::Status, and converts its status or exception.
template <typename Body>
jitattn_status Guarded(const Body& body) noexcept {
  const Entry entry;
  try {
    return Report(body());
  } catch (const std::bad_alloc&) {
    return Fail(JITATTN_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& e) {
    return Fail(JITATTN_INTERNAL, e.what());
  } catch (...) {
    return Fail(JITATTN_INTERNAL, "unknown exception");
  }
}

// Set by the first call after which no hook may be set.
constinit std::atomic<bool> in_use{false};

absl::Status CheckHooksOpen(const char* hook) {
  if (!in_use) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      hook, " is set too late: hooks must be set before the first plan or one-shot call"));
}

// Parses the given configuration, if any, and tunes, if requested.
absl::StatusOr<PlanOptions> OptionsOf(const PlanRequest& request, const ops::Problem& problem,
                                      const Cpu& cpu) {
  PlanOptions options = {.conditions = ops::Resolve(request.conditions, cpu),
                         .use_cache = request.use_cache,
                         .fixed_bits = request.fixed_bits,
                         .miss_file = request.miss_file};
  if (!request.config.empty()) {
    auto config =
        GivenConfig(request.config, problem, cpu, options.conditions.threads, request.fixed_bits);
    if (!config.ok()) return config.status();
    // Without an explicit number of threads, the configuration's own number holds.
    if (request.conditions.threads == 0) options.conditions.threads = config->threads();
    options.config = *std::move(config);
  }
  if (!request.tune) return options;
  return TuneIfUnknown(problem, cpu, std::move(options), request.tune_seconds);
}

template <typename CProblem>
jitattn_status MakePlan(const CProblem* c_problem, const jitattn_plan_options* c_options,
                        jitattn_plan** plan) {
  in_use = true;
  if (!MayThrow()) return Fail(JITATTN_OUT_OF_MEMORY, "out of memory");
  return Guarded([&]() -> absl::Status {
    const Undisturbed undisturbed;
    if (plan == nullptr) return absl::InvalidArgumentError("plan is a null pointer");
    *plan = nullptr;
    const auto problem = FromC(c_problem);
    if (!problem.ok()) return problem.status();
    const auto request = FromC(c_options);
    if (!request.ok()) return request.status();
    if (absl::Status status = ops::Validate(*problem); !status.ok()) return status;
    const auto options = OptionsOf(*request, *problem, HostCpu());
    if (!options.ok()) return options.status();
    auto made = Plan::Create(*problem, HostCpu(), *options);
    if (!made.ok()) return made.status();
    std::string config = ops::ToString((*made)->config());
    *plan = new jitattn_plan{*std::move(made), std::move(config)};
    return absl::OkStatus();
  });
}

// Arguments with the structs to which they point.
template <typename Args>
absl::Status TakeArgs(const Args* c_args, Taken<Args>* args) {
  if (absl::Status status = args->Take("args", c_args); !status.ok()) return status;
  if constexpr (std::is_same_v<Args, jitattn_attention_args>) return CheckAppendStructs(**args);
  return absl::OkStatus();
}

template <typename Args>
jitattn_status RunPlan(const jitattn_plan* plan, const Args* c_args) {
  return Guarded([&]() -> absl::Status {
    if (plan == nullptr) return absl::InvalidArgumentError("plan is a null pointer");
    Taken<Args> args;
    if (absl::Status status = TakeArgs(c_args, &args); !status.ok()) return status;
    return plan->plan->Run(*args);
  });
}

bool HasScratch(const jitattn_attention_args& args) { return args.scratch != nullptr; }
bool HasScratch(const jitattn_activation_args&) { return false; }
bool HasScratch(const jitattn_sigmoid_mul_args&) { return false; }

// The arguments as the operation has them.
const jitattn_attention_args& OperationArgs(const jitattn_attention_args& args) { return args; }
const jitattn_activation_args& OperationArgs(const jitattn_activation_args& args) { return args; }
jitattn_activation_args OperationArgs(const jitattn_sigmoid_mul_args& args) {
  return ops::ActivationArgsOf(args);
}

// Arguments are checked against the caller's problem: the plan's problem, its bucket, is larger.
template <typename CProblem, typename Args>
jitattn_status RunOneShot(const CProblem* c_problem, const Args* c_args) {
  if (!in_use.load(std::memory_order_relaxed)) in_use = true;
  if (!MayThrow()) return Fail(JITATTN_OUT_OF_MEMORY, "out of memory");
  return Guarded([&]() -> absl::Status {
    const auto problem = FromC(c_problem);
    if (!problem.ok()) return problem.status();
    Taken<Args> args;
    if (absl::Status status = TakeArgs(c_args, &args); !status.ok()) return status;
    if (HasScratch(*args)) {
      return absl::InvalidArgumentError(
          "scratch must be null in a one-shot call, whose scratch size cannot be queried: make a "
          "plan to pass scratch");
    }
    const absl::StatusOr<OneShot> one_shot = OneShotPlan(*problem, /*hold=*/HasHostPool());
    if (!one_shot.ok()) return one_shot.status();
    const auto& run = OperationArgs(*args);
    if (absl::Status status = CheckArgs(*problem, run); !status.ok()) return status;
    return one_shot->plan->RunUnchecked(&run);
  });
}

}  // namespace
}  // namespace jitattn::runtime

using namespace jitattn::runtime;  // for the functions below

extern "C" {

const char* jitattn_version(void) { return JITATTN_VERSION; }

const char* jitattn_last_error(void) { return LastError(); }

jitattn_status jitattn_attention(const jitattn_attention_problem* problem,
                                 const jitattn_attention_args* args) {
  return RunOneShot(problem, args);
}

jitattn_status jitattn_sigmoid_mul(const jitattn_sigmoid_mul_problem* problem,
                                   const jitattn_sigmoid_mul_args* args) {
  return RunOneShot(problem, args);
}

jitattn_status jitattn_activation(const jitattn_activation_problem* problem,
                                  const jitattn_activation_args* args) {
  return RunOneShot(problem, args);
}

jitattn_status jitattn_attention_plan(const jitattn_attention_problem* problem,
                                      const jitattn_plan_options* options, jitattn_plan** plan) {
  return MakePlan(problem, options, plan);
}

jitattn_status jitattn_sigmoid_mul_plan(const jitattn_sigmoid_mul_problem* problem,
                                        const jitattn_plan_options* options, jitattn_plan** plan) {
  return MakePlan(problem, options, plan);
}

jitattn_status jitattn_activation_plan(const jitattn_activation_problem* problem,
                                       const jitattn_plan_options* options, jitattn_plan** plan) {
  return MakePlan(problem, options, plan);
}

void jitattn_plan_free(jitattn_plan* plan) {
  const Uncancelled uncancelled;  // the host's allocator may have cancellation points
  delete plan;
}

jitattn_status jitattn_attention_run(const jitattn_plan* plan, const jitattn_attention_args* args) {
  return RunPlan(plan, args);
}

jitattn_status jitattn_sigmoid_mul_run(const jitattn_plan* plan,
                                       const jitattn_sigmoid_mul_args* args) {
  return RunPlan(plan, args);
}

jitattn_status jitattn_attention_merge(const jitattn_attention_merge_args* c_args) {
  return Guarded([&]() -> absl::Status {
    Taken<jitattn_attention_merge_args> args;
    if (absl::Status status = args.Take("args", c_args); !status.ok()) return status;
    const absl::StatusOr<jitattn::DType> dtype = DTypeFromC(args->dtype);
    if (!dtype.ok()) return dtype.status();
    if (absl::Status status = jitattn::ops::CheckMerge(*dtype, *args); !status.ok()) return status;
    jitattn::ops::Merge(*dtype, *args);
    return absl::OkStatus();
  });
}

jitattn_status jitattn_append(const jitattn_append_args* c_args) {
  return Guarded([&]() -> absl::Status {
    Taken<jitattn_append_args> args;
    if (absl::Status status = args.Take("args", c_args); !status.ok()) return status;
    if (absl::Status status = jitattn::ops::CheckAppend(*args); !status.ok()) return status;
    jitattn::ops::Append(*args, jitattn::ThreadBudget(0));
    return absl::OkStatus();
  });
}

jitattn_status jitattn_activation_run(const jitattn_plan* plan,
                                      const jitattn_activation_args* args) {
  return RunPlan(plan, args);
}

size_t jitattn_plan_scratch_bytes(const jitattn_plan* plan) {
  return plan == nullptr ? 0 : plan->plan->scratch_bytes();
}

jitattn_status jitattn_plan_get_info(const jitattn_plan* plan, jitattn_plan_info* info) {
  return Guarded([&]() -> absl::Status {
    if (plan == nullptr) return absl::InvalidArgumentError("plan is a null pointer");
    const Plan& p = *plan->plan;
    return Give("info",
                jitattn_plan_info{.match = static_cast<int32_t>(p.source().match),
                                  .threads = p.threads(),
                                  .portable = p.kernel().code().empty(),
                                  .kernel = p.kernel().name().c_str(),
                                  .config = plan->config.c_str(),
                                  .record = p.source().record_path.c_str(),
                                  .reason = p.source().reason.c_str(),
                                  .emit_seconds = p.emit_seconds()},
                info);
  });
}

jitattn_status jitattn_set_allocator(void* (*alloc)(size_t, size_t, void*),
                                     void (*release)(void*, void*), void* context) {
  return Guarded([&]() -> absl::Status {
    if (alloc == nullptr || release == nullptr) {
      return absl::InvalidArgumentError("alloc and release must both be given");
    }
    if (absl::Status status = CheckHooksOpen("the allocator"); !status.ok()) return status;
    if (!jitattn::SetAllocator({alloc, release, context})) {
      return absl::InvalidArgumentError("the allocator is set already");
    }
    return absl::OkStatus();
  });
}

jitattn_status jitattn_set_log(void (*log)(int32_t, const char*, void*), void* context) {
  return Guarded([&]() -> absl::Status {
    constinit static std::atomic<bool> is_set{false};
    if (log == nullptr) return absl::InvalidArgumentError("log is a null pointer");
    if (absl::Status status = CheckHooksOpen("the log"); !status.ok()) return status;
    if (is_set.exchange(true)) return absl::InvalidArgumentError("the log is set already");
    jitattn::SetLogHook(log, context);
    return absl::OkStatus();
  });
}

jitattn_status jitattn_set_parallel_for(void (*parallel_for)(int32_t, void (*)(int32_t, void*),
                                                             void*, void*),
                                        void* context) {
  return Guarded([&]() -> absl::Status {
    if (parallel_for == nullptr) {
      return absl::InvalidArgumentError("parallel_for is a null pointer");
    }
    if (absl::Status status = CheckHooksOpen("parallel_for"); !status.ok()) return status;
    if (!SetHostPool(parallel_for, context)) {
      return absl::InvalidArgumentError("parallel_for is set already");
    }
    return absl::OkStatus();
  });
}

void jitattn_set_thread_parallel_for(void (*parallel_for)(int32_t, void (*)(int32_t, void*), void*,
                                                          void*),
                                     void* context) {
  SetHostPoolOfThread(parallel_for, context);
}

}  // extern "C"
