// Plans compute the right thing for every split of the work, and refuse what they cannot do.

#include "runtime/plan.h"

#include <cmath>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/attention/algorithms.h"
#include "ops/attention/problem.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/problem.h"
#include "runtime_testing.h"
#include "tests/mentions.h"

namespace jitattn::runtime {
namespace {

using jit::Mask;
using ops::AttentionProblem;
using ops::SigmoidMulProblem;

// The default configuration, with more than the default threads where `threads` says so.
std::shared_ptr<const Plan> MakePlan(const ops::Problem& problem, int threads = 1,
                                     int task_tiles = 1) {
  ops::Config config = ops::DefaultConfig(problem, HostCpu(), 1);
  config.set_threads(threads);
  if (const ops::Field* tiles = ops::FindField(config.algorithm(), "task_tiles")) {
    tiles->set(config, task_tiles);
  }
  auto plan =
      Plan::Create(problem, HostCpu(), {.conditions = {.threads = threads}, .config = config});
  EXPECT_TRUE(plan.ok()) << plan.status();
  return plan.ok() ? *plan : nullptr;
}

// Room for float32 arithmetic on normal data; a wrong element is off by far more.
double Bound(DType dtype) { return dtype == DType::kF64 ? 1e-13 : 2e-5; }

TEST(AttentionPlan, AgreesWithTheFormula) {
  const AttentionProblem problems[] = {
      {.q_len = 1, .kv_len = 1, .head_dim = 1, .value_dim = 1},
      {.heads = 3, .kv_heads = 3, .q_len = 65, .kv_len = 129, .head_dim = 64, .value_dim = 64},
      {.batch = 2,
       .heads = 6,
       .kv_heads = 2,
       .q_len = 70,
       .kv_len = 33,
       .head_dim = 40,
       .value_dim = 24},
      {.mask = Mask::kCausal,
       .heads = 2,
       .kv_heads = 1,
       .q_len = 200,
       .kv_len = 200,
       .head_dim = 32,
       .value_dim = 80},
      {.mask = Mask::kCausal, .q_len = 100, .kv_len = 300, .head_dim = 17, .value_dim = 5},
      {.mask = Mask::kCausal, .q_len = 300, .kv_len = 100, .head_dim = 16, .value_dim = 16},
      {.dtype = DType::kF64,
       .heads = 2,
       .kv_heads = 2,
       .q_len = 50,
       .kv_len = 70,
       .head_dim = 33,
       .value_dim = 33},
  };
  for (const AttentionProblem& problem : problems) {
    for (int threads : {1, 3}) {
      AttentionData data(problem);
      const auto plan = MakePlan(problem, threads);
      ASSERT_NE(plan, nullptr);
      ASSERT_TRUE(plan->Run(data.args()).ok());
      EXPECT_LE(data.MaxError(data.args()), Bound(problem.dtype))
          << ops::Describe(problem) << ", " << plan->kernel().name() << ", threads " << threads;
    }
  }
}

TEST(AttentionPlan, BitsDoNotDependOnTheThreads) {
  for (Mask mask : {Mask::kNone, Mask::kCausal}) {
    const AttentionProblem problem{.mask = mask,
                                   .heads = 3,
                                   .kv_heads = 1,
                                   .q_len = 333,
                                   .kv_len = 401,
                                   .head_dim = 64,
                                   .value_dim = 64};
    AttentionData data(problem);
    ASSERT_TRUE(MakePlan(problem)->Run(data.args()).ok());
    const std::string one = data.out_bytes();
    for (int threads : {2, 3, 8}) {
      for (int task_tiles : {1, 2}) {
        data.SpoilOut();
        ASSERT_TRUE(MakePlan(problem, threads, task_tiles)->Run(data.args()).ok());
        EXPECT_TRUE(data.out_bytes() == one)
            << threads << " threads, " << task_tiles << " tiles a task";
      }
    }
  }
}

TEST(AttentionPlan, ShorterRunsThanPlanned) {
  const AttentionProblem problem{.mask = Mask::kCausal,
                                 .batch = 2,
                                 .heads = 2,
                                 .kv_heads = 2,
                                 .q_len = 128,
                                 .kv_len = 256,
                                 .head_dim = 32,
                                 .value_dim = 32};
  AttentionData data(problem);
  for (int threads : {1, 4}) {
    const auto plan = MakePlan(problem, threads);
    for (auto [batch, q_len, kv_len] : {std::tuple(1, 3, 7), {2, 128, 1}, {1, 1, 256}}) {
      jitattn_attention_args args = data.args();
      args.batch = batch, args.q_len = q_len, args.kv_len = kv_len;
      for (int64_t offset : {int64_t{kv_len - q_len}, int64_t{0}, INT64_MAX, int64_t{-2}}) {
        args.causal_offset = offset;
        data.SpoilOut();
        ASSERT_TRUE(plan->Run(args).ok());
        EXPECT_LE(data.MaxError(args), Bound(problem.dtype))
            << batch << " " << q_len << " " << kv_len << " offset " << offset;
      }
    }
  }
}

TEST(AttentionPlan, NoKeysGiveZerosAndNothingTouchesNothing) {
  const AttentionProblem problem{.mask = Mask::kCausal,
                                 .heads = 2,
                                 .kv_heads = 2,
                                 .q_len = 20,
                                 .kv_len = 20,
                                 .head_dim = 8,
                                 .value_dim = 8};
  AttentionData data(problem);
  const auto plan = MakePlan(problem, 2);
  jitattn_attention_args args = data.args();
  args.kv_len = 0;
  args.k = args.v = nullptr;
  ASSERT_TRUE(plan->Run(args).ok());
  EXPECT_EQ(data.MaxError(args), 0);

  args = data.args();
  args.causal_offset = INT64_MIN;
  data.SpoilOut();
  ASSERT_TRUE(plan->Run(args).ok());
  EXPECT_EQ(data.MaxError(args), 0);

  data.SpoilOut();
  const std::string spoilt = data.out_bytes();
  for (auto [batch, q_len] : {std::pair(0, 20), {1, 0}}) {
    args = data.args();
    args.batch = batch, args.q_len = q_len;
    args.q = args.k = args.v = args.out = nullptr;
    EXPECT_TRUE(plan->Run(args).ok());
  }
  EXPECT_EQ(data.out_bytes(), spoilt);
}

// [token][head][dim] in and out, as transformers have it, and keys shared by a stride of 0.
TEST(AttentionPlan, Strides) {
  const AttentionProblem problem{.batch = 2,
                                 .heads = 4,
                                 .kv_heads = 4,
                                 .q_len = 40,
                                 .kv_len = 40,
                                 .head_dim = 16,
                                 .value_dim = 16};
  AttentionData data(problem);
  jitattn_attention_args args = data.args();
  for (auto* strides : {&args.q_strides, &args.k_strides, &args.v_strides, &args.out_strides}) {
    (*strides)[1] = 16;
    (*strides)[2] = 4 * 16;
  }
  args.k_strides[0] = args.v_strides[0] = 0;
  args.k_strides[1] = 0;
  for (int threads : {1, 3}) {
    data.SpoilOut();
    ASSERT_TRUE(MakePlan(problem, threads)->Run(args).ok());
    EXPECT_LE(data.MaxError(args), Bound(problem.dtype));
  }
}

TEST(AttentionPlan, CallersScratchIsEnoughAndUsedAlone) {
  const AttentionProblem problem{
      .heads = 4, .kv_heads = 4, .q_len = 200, .kv_len = 100, .head_dim = 64, .value_dim = 64};
  AttentionData data(problem);
  const auto plan = MakePlan(problem, 3);
  const size_t bytes = plan->scratch_bytes();
  // Guards on both sides.
  std::vector<char> memory(bytes + 192, '\x5a');
  char* scratch = memory.data() + 64;
  scratch += (64 - reinterpret_cast<uintptr_t>(scratch) % 64) % 64;
  jitattn_attention_args args = data.args();
  args.scratch = scratch;
  ASSERT_TRUE(plan->Run(args).ok());
  EXPECT_LE(data.MaxError(args), Bound(problem.dtype));
  for (char* p = memory.data(); p < scratch; ++p) ASSERT_EQ(*p, '\x5a');
  for (char* p = scratch + bytes; p < memory.data() + memory.size(); ++p) ASSERT_EQ(*p, '\x5a');
  args.scratch = scratch + 8;
  EXPECT_THAT(std::string(plan->Run(args).message()), Mentions({"64"}));
}

TEST(AttentionPlan, RunsAtOnceGiveTheSameBits) {
  const AttentionProblem problem{.mask = Mask::kCausal,
                                 .heads = 2,
                                 .kv_heads = 2,
                                 .q_len = 150,
                                 .kv_len = 150,
                                 .head_dim = 64,
                                 .value_dim = 64};
  for (int threads : {1, 2}) {
    const auto plan = MakePlan(problem, threads);
    AttentionData expected(problem);
    ASSERT_TRUE(plan->Run(expected.args()).ok());
    std::vector<int> wrong(6, 0);
    std::vector<std::thread> callers;
    for (int& count : wrong) {
      callers.emplace_back([&] {
        AttentionData data(problem);
        for (int i = 0; i < 20; ++i) {
          data.SpoilOut();
          count += !plan->Run(data.args()).ok() || data.out_bytes() != expected.out_bytes();
        }
      });
    }
    for (std::thread& caller : callers) caller.join();
    EXPECT_THAT(wrong, testing::Each(0)) << threads;
  }
}

TEST(AttentionPlan, AChildOfForkComputesTheSame) {
  const AttentionProblem problem{
      .heads = 4, .kv_heads = 4, .q_len = 150, .kv_len = 150, .head_dim = 64, .value_dim = 64};
  const auto plan = MakePlan(problem, 2);
  AttentionData data(problem);
  ASSERT_TRUE(plan->Run(data.args()).ok());
  const std::string expected = data.out_bytes();
  EXPECT_EQ(InChild([&] {
              data.SpoilOut();
              if (!plan->Run(data.args()).ok()) return "failed";
              return data.out_bytes() == expected ? "" : "other bits";
            }),
            "");
}

TEST(AttentionPlan, RefusesArgumentsBeyondThePlan) {
  const AttentionProblem problem{
      .heads = 2, .kv_heads = 2, .q_len = 10, .kv_len = 20, .head_dim = 8, .value_dim = 8};
  AttentionData data(problem);
  const auto plan = MakePlan(problem);
  const auto message = [&](auto change) {
    jitattn_attention_args args = data.args();
    change(args);
    const absl::Status status = plan->Run(args);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    return std::string(status.message());
  };
  EXPECT_THAT(message([](auto& a) { a.q_len = 11; }), Mentions({"q_len", "11", "0", "10"}));
  EXPECT_THAT(message([](auto& a) { a.kv_len = -1; }), Mentions({"kv_len", "-1", "0", "20"}));
  EXPECT_THAT(message([](auto& a) { a.batch = 2; }), Mentions({"batch", "2", "0", "1"}));
  EXPECT_THAT(message([](auto& a) { a.q = nullptr; }), Mentions({"q"}));
  EXPECT_THAT(message([](auto& a) { a.v = nullptr; }), Mentions({"v"}));
  EXPECT_THAT(message([](auto& a) { a.out = nullptr; }), Mentions({"out"}));
  EXPECT_THAT(message([](auto& a) { a.k = static_cast<const char*>(a.k) + 2; }),
              Mentions({"k", "4"}));
  EXPECT_THAT(message([](auto& a) { a.out = const_cast<void*>(a.v); }), Mentions({"out", "v"}));
  EXPECT_THAT(message([](auto& a) { a.out = static_cast<float*>(const_cast<void*>(a.q)) + 100; }),
              Mentions({"out", "q"}));
  EXPECT_THAT(message([](auto& a) { a.out_strides[2] = 7; }), Mentions({"out"}));
  EXPECT_THAT(message([](auto& a) { a.k_strides[2] = INT64_MAX / 8; }), Mentions({"k"}));
  jitattn_sigmoid_mul_args other{};
  EXPECT_EQ(plan->Run(other).code(), absl::StatusCode::kInvalidArgument);
}

float Silu(float x) { return static_cast<float>(x / (1 + std::exp(-static_cast<double>(x)))); }

TEST(SigmoidMulPlan, EveryShapeAndSplit) {
  for (auto [rows, cols] :
       {std::pair<int64_t, int64_t>(1, 1), {1, 1000}, {3, 17}, {2, 777}, {100, 3}, {5, 64}}) {
    for (int64_t gap : {0, 3}) {
      for (int shift : {0, 1, 5}) {  // of the first element from a cache line's start
        for (int threads : {1, 2, 5}) {
          const int64_t stride = cols + gap;
          std::vector<float> x(rows * stride + 32), out(rows * stride + 32, -7);
          for (size_t i = 0; i < x.size(); ++i) x[i] = 10 * std::sin(static_cast<float>(i));
          const auto plan = MakePlan(SigmoidMulProblem{.rows = rows, .cols = cols}, threads);
          jitattn_sigmoid_mul_args args{.struct_size = sizeof args,
                                        .x = x.data(),
                                        .out = out.data() + shift,
                                        .rows = rows,
                                        .cols = cols,
                                        .x_stride = stride,
                                        .out_stride = stride};
          ASSERT_TRUE(plan->Run(args).ok());
          for (int64_t i = 0; i < static_cast<int64_t>(out.size()); ++i) {
            const int64_t at = i - shift, row = at / stride, col = at % stride;
            const bool inside = at >= 0 && row < rows && col < cols;
            ASSERT_NEAR(out[i], inside ? Silu(x[at]) : -7, 2e-6)
                << rows << "×" << cols << " gap " << gap << " shift " << shift << " threads "
                << threads << " at " << i;
          }
        }
      }
    }
  }
}

TEST(SigmoidMulPlan, InPlaceAndBitsDoNotDependOnTheThreads) {
  const SigmoidMulProblem problem{.rows = 3, .cols = 1001};
  std::vector<float> x(3003), one(3003);
  for (size_t i = 0; i < x.size(); ++i) x[i] = 20 * std::cos(static_cast<float>(i));
  jitattn_sigmoid_mul_args args{.struct_size = sizeof args,
                                .x = x.data(),
                                .out = one.data(),
                                .rows = 3,
                                .cols = 1001,
                                .x_stride = 1001,
                                .out_stride = 1001};
  ASSERT_TRUE(MakePlan(problem)->Run(args).ok());
  for (int threads : {1, 2, 3, 4}) {
    std::vector<float> in_place = x;
    args.x = args.out = in_place.data();
    ASSERT_TRUE(MakePlan(problem, threads)->Run(args).ok());
    EXPECT_EQ(std::memcmp(in_place.data(), one.data(), 3003 * sizeof(float)), 0) << threads;
  }
}

TEST(SigmoidMulPlan, RefusesWhatOverlaps) {
  const auto plan = MakePlan(SigmoidMulProblem{.rows = 4, .cols = 10});
  std::vector<float> x(100);
  jitattn_sigmoid_mul_args args{.struct_size = sizeof args,
                                .x = x.data(),
                                .out = x.data() + 1,
                                .rows = 4,
                                .cols = 10,
                                .x_stride = 10,
                                .out_stride = 10};
  EXPECT_THAT(std::string(plan->Run(args).message()), Mentions({"out", "x"}));
  args.out = x.data();
  args.out_stride = 20;  // in place, but elsewhere from the second row on
  EXPECT_THAT(std::string(plan->Run(args).message()), Mentions({"out", "x"}));
  args.x_stride = 20;
  args.out = x.data() + 10;  // columns 10 … 19 of the same rows
  EXPECT_TRUE(plan->Run(args).ok());
  args.rows = 5;
  EXPECT_THAT(std::string(plan->Run(args).message()), Mentions({"rows", "5", "0", "4"}));
}

}  // namespace
}  // namespace jitattn::runtime
