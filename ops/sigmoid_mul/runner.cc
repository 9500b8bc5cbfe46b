// One sigmoid-mul kernel over a matrix.

#include "ops/sigmoid_mul/runner.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "jit/sigmoid_mul/args.h"
#include "jitattn/jitattn.h"

namespace jitattn::ops {
namespace {

constexpr int64_t kLineBytes = 64;

class SigmoidMulRunner : public Runner {
 public:
  SigmoidMulRunner(const SigmoidMulProblem& problem, Options options)
      : Runner(std::move(options)),
        spec_(SpecOf(problem)),
        x_bytes_(spec_.x_step()),
        up_bytes_(SizeOf(spec_.dtype)),
        out_bytes_(SizeOf(spec_.out_dtype())) {}

 protected:
  Work WorkOf(const void* args, int threads) const override {
    const auto& run = *static_cast<const jitattn_activation_args*>(args);
    if (run.rows == 0 || run.cols == 0) return {};
    return {.amount = static_cast<double>(run.rows) * static_cast<double>(run.cols),
            .tasks = threads};
  }

  void RunTask(const RunState& state, int64_t task, int64_t, void*) const override {
    const jit::SigmoidMulArgs all = Whole(*static_cast<const jitattn_activation_args*>(state.args));
    if (state.tasks == 1) return kernel().Run(all);
    // Units are rows, or parts of rows.
    const int64_t parts = (state.tasks + all.rows - 1) / all.rows, units = all.rows * parts;
    const int64_t begin = units * task / state.tasks, end = units * (task + 1) / state.tasks;
    if (parts == 1) return RunBlock(all, begin, end - begin, 0, all.cols);
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t row = unit / parts, part = unit % parts;
      const int64_t first = Cut(all, row, parts, part);
      RunBlock(all, row, 1, first, Cut(all, row, parts, part + 1) - first);
    }
  }

 private:
  // The run as one call of the kernel. Rows without gaps become one long row, with a single tail.
  jit::SigmoidMulArgs Whole(const jitattn_activation_args& run) const {
    const bool two = spec_.gate == jit::Gate::kTwo;
    jit::SigmoidMulArgs all{
        .spec = &spec_,
        .x = run.x,
        .out = run.out,
        .rows = run.rows,
        .cols = run.cols,
        .x_stride = run.x_stride * up_bytes_,
        .out_stride = run.out_stride * out_bytes_,
        .up = run.up,
        .up_stride = two ? run.up_stride * up_bytes_ : 0,
        .alpha = run.alpha,
        .limit = run.limit,
        .up_offset = run.up_offset,
    };
    if (run.rows == 1 || (all.x_stride == run.cols * x_bytes_ && run.out_stride == run.cols &&
                          (!two || run.up_stride == run.cols))) {
      all.cols *= all.rows;
      all.rows = 1;
      all.x_stride = all.up_stride = all.out_stride = 0;
    }
    return all;
  }

  // The first column of a row's part `part`. Columns before the row's first whole cache line belong
  // to its first part.
  int64_t Cut(const jit::SigmoidMulArgs& all, int64_t row, int64_t parts, int64_t part) const {
    if (part == 0) return 0;
    if (part == parts) return all.cols;
    const uintptr_t start = reinterpret_cast<uintptr_t>(all.out) + row * all.out_stride;
    const int64_t head = static_cast<int64_t>(-start % kLineBytes) / out_bytes_;
    const int64_t lines = std::max<int64_t>(0, all.cols - head) * out_bytes_ / kLineBytes;
    return std::min(all.cols, head + lines * part / parts * (kLineBytes / out_bytes_));
  }

  void RunBlock(const jit::SigmoidMulArgs& all, int64_t first_row, int64_t rows, int64_t first_col,
                int64_t cols) const {
    if (rows <= 0 || cols <= 0) return;
    jit::SigmoidMulArgs args = all;
    args.x = static_cast<const char*>(all.x) + first_row * all.x_stride + first_col * x_bytes_;
    if (spec_.gate == jit::Gate::kTwo) {
      args.up =
          static_cast<const char*>(all.up) + first_row * all.up_stride + first_col * up_bytes_;
    }
    args.out = static_cast<char*>(all.out) + first_row * all.out_stride + first_col * out_bytes_;
    args.rows = rows;
    args.cols = cols;
    kernel().Run(args);
  }

  const jit::SigmoidMulSpec spec_;
  const int64_t x_bytes_, up_bytes_, out_bytes_;  // from one column to the next
};

}  // namespace

std::unique_ptr<Runner> MakeSigmoidMulRunner(const SigmoidMulProblem& problem,
                                             std::shared_ptr<const jit::Kernel> kernel, int threads,
                                             double worthwhile_flops) {
  Runner::Options options{
      .kernel = std::move(kernel),
      .threads = threads,
      .planned_work = static_cast<double>(problem.rows) * static_cast<double>(problem.cols),
      .worthwhile_work = worthwhile_flops / kSigmoidMulFlops};
  return std::make_unique<SigmoidMulRunner>(problem, std::move(options));
}

}  // namespace jitattn::ops
