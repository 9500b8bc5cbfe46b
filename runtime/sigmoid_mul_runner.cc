// One sigmoid-mul kernel over a matrix, on several threads.

#include "runtime/sigmoid_mul_runner.h"

#include <algorithm>
#include <cstdint>

#include "runtime/parallel.h"

namespace jitattn::runtime {
namespace {

constexpr int64_t kLineBytes = 64;

}  // namespace

SigmoidMulRunner::SigmoidMulRunner(const jit::SigmoidMulProblem& problem,
                                   std::shared_ptr<const jit::Kernel> kernel, int threads,
                                   double worthwhile_flops)
    : spec_(std::get<jit::SigmoidMulSpec>(kernel->spec())),
      kernel_(std::move(kernel)),
      threads_(threads),
      planned_elements_(static_cast<double>(problem.rows) * problem.cols),
      worthwhile_elements_(worthwhile_flops / jit::Flops(jit::SigmoidMulProblem{})) {}

// A matrix cut into `parts` of each of `rows` rows.
struct SigmoidMulRunner::Shared {
  const SigmoidMulRunner* runner;
  jit::SigmoidMulArgs all;
  int64_t parts;  // of a row
  int workers;
};

void SigmoidMulRunner::Run(const jitattn_sigmoid_mul_args& args) const {
  if (args.rows == 0 || args.cols == 0) return;
  const int64_t bytes = SizeOf(spec_.dtype);
  jit::SigmoidMulArgs all{
      .spec = &spec_,
      .x = args.x,
      .out = args.out,
      .rows = args.rows,
      .cols = args.cols,
      .x_stride = args.x_stride * bytes,
      .out_stride = args.out_stride * bytes,
  };
  if (args.rows == 1 || (args.x_stride == args.cols && args.out_stride == args.cols)) {
    all.cols *= all.rows;  // one long row, with one tail
    all.rows = 1;
    all.x_stride = all.out_stride = 0;
  }
  const double elements = static_cast<double>(args.rows) * static_cast<double>(args.cols);
  const int threads = ThreadsFor(elements, planned_elements_, worthwhile_elements_, threads_);
  if (threads == 1) {
    kernel_->Run(all);
    return;
  }
  Shared shared{
      .runner = this, .all = all, .parts = (threads + all.rows - 1) / all.rows, .workers = threads};
  ParallelFor(threads, Work, &shared);
}

void SigmoidMulRunner::Work(int worker, void* data) {
  const Shared& shared = *static_cast<const Shared*>(data);
  const jit::SigmoidMulArgs& all = shared.all;
  const int64_t bytes = SizeOf(shared.runner->spec_.dtype);
  const auto run = [&](int64_t first_row, int64_t rows, int64_t first_col, int64_t cols) {
    if (rows <= 0 || cols <= 0) return;
    jit::SigmoidMulArgs args = all;
    args.x = static_cast<const char*>(all.x) + first_row * all.x_stride + first_col * bytes;
    args.out = static_cast<char*>(all.out) + first_row * all.out_stride + first_col * bytes;
    args.rows = rows;
    args.cols = cols;
    shared.runner->kernel_->Run(args);
  };

  // Units are rows, or parts of rows where there are fewer rows than threads.
  const int64_t units = all.rows * shared.parts;
  const int64_t begin = units * worker / shared.workers;
  const int64_t end = units * (worker + 1) / shared.workers;
  if (shared.parts == 1) {
    run(begin, end - begin, 0, all.cols);
    return;
  }
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t row = unit / shared.parts;
    const int64_t part = unit % shared.parts;
    // Columns before the row's first whole line go to its first part.
    const uintptr_t start = reinterpret_cast<uintptr_t>(all.out) + row * all.out_stride;
    const int64_t head = static_cast<int64_t>(-start % kLineBytes) / bytes;
    const int64_t lines = std::max<int64_t>(0, all.cols - head) * bytes / kLineBytes;
    const auto cut = [&](int64_t i) {
      if (i == 0) return int64_t{0};
      if (i == shared.parts) return all.cols;
      return std::min(all.cols, head + lines * i / shared.parts * (kLineBytes / bytes));
    };
    run(row, 1, cut(part), cut(part + 1) - cut(part));
  }
}

}  // namespace jitattn::runtime
