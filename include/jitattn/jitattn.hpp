// jitattn for C++20: the C ABI with types, ownership and errors that a caller cannot overlook.
//
//   jitattn::AttentionShape shape{.heads = 16, .q_len = 1024, .head_dim = 64, .causal = true};
//   auto plan = jitattn::AttentionPlan<float>::Make(shape);
//   if (!plan) return Complain(plan.error());
//   jitattn::Status status = plan->Run(q, k, v, out);
//
// Header-only. Throws no exception of its own (std::string may throw std::bad_alloc). jitattn.h
// documents the functions behind these wrappers.
#ifndef JITATTN_JITATTN_HPP_
#define JITATTN_JITATTN_HPP_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "jitattn/jitattn.h"

namespace jitattn {

// The outcome of a call: a code and, for errors, the message.
class [[nodiscard]] Status {
 public:
  Status() = default;
  // The status of the last call on this thread, which returned `code`.
  explicit Status(jitattn_status code) : code_(code) {
    if (code != JITATTN_OK) message_ = jitattn_last_error();
  }

  bool ok() const { return code_ == JITATTN_OK; }
  explicit operator bool() const { return ok(); }
  jitattn_status code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  jitattn_status code_ = JITATTN_OK;
  std::string message_;
};

// A T, or the error that prevented it. REQUIRES for * and ->: ok(). REQUIRES for error(): !ok().
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}
  Result(Status error) : state_(std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& operator*() { return *std::get_if<0>(&state_); }
  const T& operator*() const { return *std::get_if<0>(&state_); }
  T* operator->() { return std::get_if<0>(&state_); }
  const T* operator->() const { return std::get_if<0>(&state_); }
  const Status& error() const { return *std::get_if<1>(&state_); }

 private:
  std::variant<T, Status> state_;
};

// The 16-bit types as bits. Cast pointers to the program's own 16-bit type to pointers to these.
struct BFloat16 {
  uint16_t bits;
};
struct Float16 {
  uint16_t bits;
};

template <typename T>
concept Element = std::is_same_v<T, float> || std::is_same_v<T, double> ||
    std::is_same_v<T, BFloat16> || std::is_same_v<T, Float16>;

template <Element T>
inline constexpr int32_t kDType = std::is_same_v<T, float>      ? JITATTN_F32
                                  : std::is_same_v<T, double>   ? JITATTN_F64
                                  : std::is_same_v<T, BFloat16> ? JITATTN_BF16
                                                                : JITATTN_F16;

// A size of kSame equals its counterpart: kv_heads equals heads, kv_len equals q_len, value_dim
// equals head_dim.
inline constexpr int64_t kSame = -1;

struct AttentionShape {
  int64_t batch = 1, heads = 1, kv_heads = kSame;
  int64_t q_len = 1, kv_len = kSame;
  int64_t head_dim = 64, value_dim = kSame;
  bool causal = false;
  // A window, in place of a causal mask: keys before and behind the query's own; −1: no limit.
  std::optional<int64_t> window_left = std::nullopt;
  int64_t window_right = 0;
  int64_t chunk = 0;                 // of a causal mask; 0: none
  int64_t page_size = 0;             // keys of a page of k and v; 0: no pages
  int32_t options = 0;               // JITATTN_SOFTCAP + …
  int32_t bias = JITATTN_BIAS_NONE;  // the elements of args.bias
  int32_t kv_type = JITATTN_KV_OWN;  // of the keys and values: JITATTN_KV_I8, …
  int64_t kv_scale_block = 0;        // JITATTN_KV_I8: columns that share a scale; 0: all
};

struct MatrixShape {
  int64_t rows = 1, cols = 1;
};

// An activation of a matrix, gated or not. Out is the type of the output.
struct ActivationShape {
  int64_t rows = 1, cols = 1;       // of the output
  int32_t function = JITATTN_SILU;  // JITATTN_GELU, …
  int32_t gate = JITATTN_GATE_NONE;
  bool clamped = false;
};

template <Element T>
jitattn_attention_problem Problem(const AttentionShape& shape) {
  const auto or_same = [](int64_t size, int64_t other) { return size == kSame ? other : size; };
  jitattn_attention_problem problem;
  jitattn_attention_problem_init(&problem, shape.heads, shape.q_len, shape.head_dim);
  problem.dtype = kDType<T>;
  problem.mask = shape.window_left ? JITATTN_MASK_WINDOW
                 : shape.causal    ? JITATTN_MASK_CAUSAL
                                   : JITATTN_MASK_NONE;
  problem.window_left = shape.window_left.value_or(0);
  problem.window_right = shape.window_left ? shape.window_right : 0;
  problem.chunk = shape.chunk;
  problem.page_size = shape.page_size;
  problem.options = shape.options;
  problem.bias = shape.bias;
  problem.kv_type = shape.kv_type;
  problem.kv_scale_block = shape.kv_scale_block;
  problem.batch = shape.batch;
  problem.kv_heads = or_same(shape.kv_heads, shape.heads);
  problem.kv_len = or_same(shape.kv_len, shape.q_len);
  problem.value_dim = or_same(shape.value_dim, shape.head_dim);
  return problem;
}

template <Element T>
jitattn_sigmoid_mul_problem Problem(const MatrixShape& shape) {
  jitattn_sigmoid_mul_problem problem;
  jitattn_sigmoid_mul_problem_init(&problem, shape.rows, shape.cols);
  problem.dtype = kDType<T>;
  return problem;
}

// Not an overload of Problem, for which {.rows = 2, .cols = 3} would then be ambiguous.
template <Element T, Element Out = T>
jitattn_activation_problem ActivationProblem(const ActivationShape& shape) {
  jitattn_activation_problem problem;
  jitattn_activation_problem_init(&problem, shape.rows, shape.cols);
  problem.dtype = kDType<T>;
  problem.out_dtype = kDType<Out>;
  problem.function = shape.function;
  problem.gate = shape.gate;
  problem.clamped = shape.clamped;
  return problem;
}

// Arguments for contiguous operands. The caller may change lengths, strides, scale or causal_offset
// before the run.
template <Element T>
jitattn_attention_args Args(const jitattn_attention_problem& problem, const T* q, const T* k,
                            const T* v, T* out) {
  jitattn_attention_args args;
  jitattn_attention_args_init(&args, &problem);
  args.q = q;
  args.k = k;
  args.v = v;
  args.out = out;
  return args;
}

// The same with keys and values of another type (AttentionShape::kv_type). For JITATTN_KV_I8 the
// caller adds k_scales and v_scales.
template <Element T>
jitattn_attention_args ArgsOfCache(const jitattn_attention_problem& problem, const T* q,
                                   const void* k, const void* v, T* out) {
  jitattn_attention_args args = Args<T>(problem, q, nullptr, nullptr, out);
  args.k = k;
  args.v = v;
  return args;
}

template <Element T>
jitattn_sigmoid_mul_args Args(const jitattn_sigmoid_mul_problem& problem, const T* x, T* out) {
  jitattn_sigmoid_mul_args args;
  jitattn_sigmoid_mul_args_init(&args, &problem);
  args.x = x;
  args.out = out;
  return args;
}

// `up` is null unless the gate is JITATTN_GATE_TWO. The caller may change alpha, limit and
// up_offset, too.
template <Element T, Element Out>
jitattn_activation_args Args(const jitattn_activation_problem& problem, const T* x, const T* up,
                             Out* out) {
  jitattn_activation_args args;
  jitattn_activation_args_init(&args, &problem);
  args.x = x;
  args.up = up;
  args.out = out;
  return args;
}

// Sets one operand's strides, in elements:
//   SetStrides(args.q_strides, {.batch = …, .head = head_dim, .row = heads * head_dim});
struct Strides {
  int64_t batch = 0, head = 0, row = 0;  // in elements
};
inline void SetStrides(int64_t (&target)[3], const Strides& strides) {
  target[0] = strides.batch;
  target[1] = strides.head;
  target[2] = strides.row;
}

// jitattn_plan_options with its defaults.
struct PlanOptions : jitattn_plan_options {
  PlanOptions() { jitattn_plan_options_init(this); }
};

// The common part of both operations' plans. Move-only; the destructor frees the plan.
class Plan {
 public:
  jitattn_plan_info Info() const {
    jitattn_plan_info info{};
    info.struct_size = sizeof info;
    static_cast<void>(
        jitattn_plan_get_info(plan_.get(), &info));  // cannot fail: struct_size is right
    return info;
  }
  size_t scratch_bytes() const { return jitattn_plan_scratch_bytes(plan_.get()); }
  const jitattn_plan* get() const { return plan_.get(); }

 protected:
  explicit Plan(jitattn_plan* plan) : plan_(plan) {}

 private:
  struct Free {
    void operator()(jitattn_plan* plan) const { jitattn_plan_free(plan); }
  };
  std::unique_ptr<jitattn_plan, Free> plan_;
};

template <Element T>
class AttentionPlan : public Plan {
 public:
  static Result<AttentionPlan> Make(const AttentionShape& shape, const PlanOptions& options = {}) {
    const jitattn_attention_problem problem = Problem<T>(shape);
    jitattn_plan* plan = nullptr;
    const jitattn_status code = jitattn_attention_plan(&problem, &options, &plan);
    if (code != JITATTN_OK) return Status(code);
    return AttentionPlan(plan, problem);
  }

  const jitattn_attention_problem& problem() const { return problem_; }

  Status Run(const T* q, const T* k, const T* v, T* out) const {
    return Run(Args<T>(problem_, q, k, v, out));
  }
  Status Run(const jitattn_attention_args& args) const {
    return Status(jitattn_attention_run(get(), &args));
  }

 private:
  AttentionPlan(jitattn_plan* plan, const jitattn_attention_problem& problem)
      : Plan(plan), problem_(problem) {}
  jitattn_attention_problem problem_;
};

template <Element T>
class SigmoidMulPlan : public Plan {
 public:
  static Result<SigmoidMulPlan> Make(const MatrixShape& shape, const PlanOptions& options = {}) {
    const jitattn_sigmoid_mul_problem problem = Problem<T>(shape);
    jitattn_plan* plan = nullptr;
    const jitattn_status code = jitattn_sigmoid_mul_plan(&problem, &options, &plan);
    if (code != JITATTN_OK) return Status(code);
    return SigmoidMulPlan(plan, problem);
  }

  const jitattn_sigmoid_mul_problem& problem() const { return problem_; }

  Status Run(const T* x, T* out) const { return Run(Args<T>(problem_, x, out)); }
  Status Run(const jitattn_sigmoid_mul_args& args) const {
    return Status(jitattn_sigmoid_mul_run(get(), &args));
  }

 private:
  SigmoidMulPlan(jitattn_plan* plan, const jitattn_sigmoid_mul_problem& problem)
      : Plan(plan), problem_(problem) {}
  jitattn_sigmoid_mul_problem problem_;
};

template <Element T, Element Out = T>
class ActivationPlan : public Plan {
 public:
  static Result<ActivationPlan> Make(const ActivationShape& shape,
                                     const PlanOptions& options = {}) {
    const jitattn_activation_problem problem = ActivationProblem<T, Out>(shape);
    jitattn_plan* plan = nullptr;
    const jitattn_status code = jitattn_activation_plan(&problem, &options, &plan);
    if (code != JITATTN_OK) return Status(code);
    return ActivationPlan(plan, problem);
  }

  const jitattn_activation_problem& problem() const { return problem_; }

  Status Run(const T* x, const T* up, Out* out) const { return Run(Args(problem_, x, up, out)); }
  Status Run(const jitattn_activation_args& args) const {
    return Status(jitattn_activation_run(get(), &args));
  }

 private:
  ActivationPlan(jitattn_plan* plan, const jitattn_activation_problem& problem)
      : Plan(plan), problem_(problem) {}
  jitattn_activation_problem problem_;
};

// Contiguous rows for an operand of the problem: JITATTN_APPEND_Q, K or V. `to`: the operand, of
// its own type. The caller adds strides, lengths, norm, rope, scales and pages, and passes them to
// Append(), or several of them to a run as args.appends.
template <Element T>
jitattn_append_args AppendArgs(const jitattn_attention_problem& problem, int32_t operand,
                               const T* from, void* to) {
  jitattn_append_args args;
  jitattn_append_args_init(&args, operand, &problem);
  args.from_type = kDType<T>;
  args.from = from;
  args.to = to;
  return args;
}

inline Status Append(const jitattn_append_args& args) { return Status(jitattn_append(&args)); }

// One-shot calls on contiguous operands. The library keeps the plan.
template <Element T>
Status Attention(const AttentionShape& shape, const T* q, const T* k, const T* v, T* out) {
  const jitattn_attention_problem problem = Problem<T>(shape);
  const jitattn_attention_args args = Args<T>(problem, q, k, v, out);
  return Status(jitattn_attention(&problem, &args));
}

template <Element T>
Status SigmoidMul(const MatrixShape& shape, const T* x, T* out) {
  const jitattn_sigmoid_mul_problem problem = Problem<T>(shape);
  const jitattn_sigmoid_mul_args args = Args<T>(problem, x, out);
  return Status(jitattn_sigmoid_mul(&problem, &args));
}

template <Element T, Element Out>
Status Activation(const ActivationShape& shape, const T* x, const T* up, Out* out) {
  const jitattn_activation_problem problem = ActivationProblem<T, Out>(shape);
  const jitattn_activation_args args = Args(problem, x, up, out);
  return Status(jitattn_activation(&problem, &args));
}

}  // namespace jitattn

#endif  // JITATTN_JITATTN_HPP_
