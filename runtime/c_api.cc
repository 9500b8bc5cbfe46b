// The C ABI over plans: nothing thrown here gets out, and what went wrong can be asked for.

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "jit/config.h"
#include "jit/log.h"
#include "jitattn/jitattn.h"
#include "runtime/allocator.h"
#include "runtime/c_struct.h"
#include "runtime/check_args.h"
#include "runtime/one_shot.h"
#include "runtime/parallel.h"
#include "runtime/plan.h"
#include "runtime/tune_on_demand.h"

struct jitattn_plan {
  std::shared_ptr<const jitattn::runtime::Plan> plan;
  std::string config;  // as text, for jitattn_plan_info
};

namespace jitattn::runtime {
namespace {

// Fixed, so that reporting that there is no memory takes none. Longer messages are cut.
thread_local char last_error[1024] = "";

jitattn_status Fail(jitattn_status status, std::string_view message) {
  const size_t length = std::min(message.size(), sizeof last_error - 1);
  std::memcpy(last_error, message.data(), length);
  last_error[length] = '\0';
  return status;
}

jitattn_status Report(const absl::Status& status) {
  const std::string_view message(status.message().data(), status.message().size());
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return JITATTN_OK;
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

// Runs a body that returns absl::Status.
template <typename Body>
jitattn_status Guarded(const Body& body) noexcept {
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

template <typename CProblem>
jitattn_status MakePlan(const CProblem* c_problem, const jitattn_plan_options* c_options,
                        jit::Op op, jitattn_plan** plan) {
  return Guarded([&]() -> absl::Status {
    if (plan == nullptr) return absl::InvalidArgumentError("plan is a null pointer");
    *plan = nullptr;
    const auto problem = FromC(c_problem);
    if (!problem.ok()) return problem.status();
    auto request = FromC(c_options, op);
    if (!request.ok()) return request.status();
    if (absl::Status status = jit::Validate(*problem); !status.ok()) return status;
    if (request->tune) {
      request->options =
          TuneIfUnknown(*problem, std::move(request->options), request->tune_seconds);
    }
    auto made = Plan::Create(*problem, request->options);
    if (!made.ok()) return made.status();
    std::string config = jit::ToString((*made)->config());
    *plan = new jitattn_plan{*std::move(made), std::move(config)};
    return absl::OkStatus();
  });
}

template <typename Args>
jitattn_status RunPlan(const jitattn_plan* plan, const Args* args) {
  return Guarded([&]() -> absl::Status {
    if (plan == nullptr) return absl::InvalidArgumentError("plan is a null pointer");
    if (absl::Status status = CheckStruct("args", args); !status.ok()) return status;
    return plan->plan->Run(*args);
  });
}

// Arguments are held against the problem as stated; the plan's own, its bucket's, is larger.
template <typename CProblem, typename Args>
jitattn_status RunOneShot(const CProblem* c_problem, const Args* args) {
  return Guarded([&]() -> absl::Status {
    const auto problem = FromC(c_problem);
    if (!problem.ok()) return problem.status();
    if (absl::Status status = CheckStruct("args", args); !status.ok()) return status;
    const absl::StatusOr<const Plan*> plan = OneShotPlan(*problem);
    if (!plan.ok()) return plan.status();
    if (absl::Status status = CheckArgs(*problem, *args); !status.ok()) return status;
    (*plan)->RunUnchecked(*args);
    return absl::OkStatus();
  });
}

}  // namespace
}  // namespace jitattn::runtime

using namespace jitattn::runtime;  // the file's own words, for the functions below

extern "C" {

const char* jitattn_version(void) { return JITATTN_VERSION; }

const char* jitattn_last_error(void) { return last_error; }

jitattn_status jitattn_attention(const jitattn_attention_problem* problem,
                                 const jitattn_attention_args* args) {
  return RunOneShot(problem, args);
}

jitattn_status jitattn_sigmoid_mul(const jitattn_sigmoid_mul_problem* problem,
                                   const jitattn_sigmoid_mul_args* args) {
  return RunOneShot(problem, args);
}

jitattn_status jitattn_attention_plan(const jitattn_attention_problem* problem,
                                      const jitattn_plan_options* options, jitattn_plan** plan) {
  return MakePlan(problem, options, jitattn::jit::Op::kAttention, plan);
}

jitattn_status jitattn_sigmoid_mul_plan(const jitattn_sigmoid_mul_problem* problem,
                                        const jitattn_plan_options* options, jitattn_plan** plan) {
  return MakePlan(problem, options, jitattn::jit::Op::kSigmoidMul, plan);
}

void jitattn_plan_free(jitattn_plan* plan) { delete plan; }

jitattn_status jitattn_attention_run(const jitattn_plan* plan, const jitattn_attention_args* args) {
  return RunPlan(plan, args);
}

jitattn_status jitattn_sigmoid_mul_run(const jitattn_plan* plan,
                                       const jitattn_sigmoid_mul_args* args) {
  return RunPlan(plan, args);
}

size_t jitattn_plan_scratch_bytes(const jitattn_plan* plan) {
  return plan == nullptr ? 0 : plan->plan->scratch_bytes();
}

jitattn_status jitattn_plan_get_info(const jitattn_plan* plan, jitattn_plan_info* info) {
  return Guarded([&]() -> absl::Status {
    if (plan == nullptr) return absl::InvalidArgumentError("plan is a null pointer");
    if (absl::Status status = CheckOutStruct("info", info, sizeof *info); !status.ok())
      return status;
    const Plan& p = *plan->plan;
    info->match = static_cast<int32_t>(p.source().match);
    info->threads = p.threads();
    info->portable = p.kernel().code().empty();
    info->kernel = p.kernel().name().c_str();
    info->config = plan->config.c_str();
    info->record = p.source().record_path.c_str();
    info->reason = p.source().reason.c_str();
    info->emit_seconds = p.emit_seconds();
    return absl::OkStatus();
  });
}

jitattn_status jitattn_set_allocator(void* (*alloc)(size_t, size_t, void*),
                                     void (*release)(void*, void*), void* context) {
  return Guarded([&]() -> absl::Status {
    if (alloc == nullptr || release == nullptr) {
      return absl::InvalidArgumentError("alloc and release must both be given");
    }
    if (!SetAllocator({alloc, release, context})) {
      return absl::InvalidArgumentError("the allocator is set already, or a plan was made before");
    }
    return absl::OkStatus();
  });
}

jitattn_status jitattn_set_log(void (*log)(int32_t, const char*, void*), void* context) {
  return Guarded([&]() -> absl::Status {
    static std::atomic<bool> is_set{false};
    if (log == nullptr) return absl::InvalidArgumentError("log is a null pointer");
    if (is_set.exchange(true)) return absl::InvalidArgumentError("the log is set already");
    jitattn::jit::SetLogHook(log, context);
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
    if (!SetParallelForHook(parallel_for, context)) {
      return absl::InvalidArgumentError("parallel_for is set already");
    }
    return absl::OkStatus();
  });
}

}  // extern "C"
