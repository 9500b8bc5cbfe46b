// Matching records against flags.

#include "cli/record_filter.h"

#include <CLI/CLI.hpp>
#include <algorithm>

namespace jitattn::cli {
namespace {

bool Agrees(const std::optional<int64_t>& wanted, int64_t size) {
  return !wanted || *wanted == size;
}

bool InDims(const ProblemFlags& flags, int64_t rows, int64_t more_rows, int64_t cols) {
  if (flags.dims.empty()) return true;
  return rows == cols && more_rows == cols &&
         std::find(flags.dims.begin(), flags.dims.end(), cols) != flags.dims.end();
}

bool Agree(const ProblemFlags& flags, const jit::AttentionProblem& p) {
  return flags.SigmoidMulFlag().empty() && InDims(flags, p.q_len, p.kv_len, p.heads * p.head_dim) &&
         Agrees(flags.seq, p.q_len) && Agrees(flags.kv_seq, p.kv_len) &&
         Agrees(flags.heads, p.heads) && Agrees(flags.kv_heads, p.kv_heads) &&
         Agrees(flags.head_dim, p.head_dim) && Agrees(flags.value_dim, p.value_dim) &&
         Agrees(flags.batch, p.batch) && (!flags.causal || p.mask == jit::Mask::kCausal);
}

bool Agree(const ProblemFlags& flags, const jit::SigmoidMulProblem& p) {
  return flags.AttentionFlag().empty() && InDims(flags, p.rows, p.rows, p.cols) &&
         Agrees(flags.rows, p.rows) && Agrees(flags.cols, p.cols);
}

}  // namespace

void RecordFilter::AddTo(CLI::App* command) {
  problem.AddTo(command);
  command->add_option("--threads", threads, "tuned for this many threads")
      ->check(CLI::Validator(WholeNumber(1, 4096), ""))
      ->type_name("N")
      ->group("Machine");
  command->add_option("--isa", isa, "tuned for none, avx2 or avx512")
      ->check(CLI::Validator(OneOf("instruction set", {"none", "avx2", "avx512"}), ""))
      ->type_name("ISA")
      ->group("Machine");
  command->add_option("--buffers", buffers, "tuned on hot or cold operands")
      ->check(CLI::Validator(OneOf("kind of buffers", {"hot", "cold"}), ""))
      ->type_name("KIND")
      ->group("Machine");
}

bool RecordFilter::Any() const {
  return !problem.AnyFlag().empty() || threads || !isa.empty() || !buffers.empty();
}

bool RecordFilter::Matches(const cache::Record& record) const {
  const jit::DType dtype = std::visit([](const auto& p) { return p.dtype; }, record.problem);
  return (problem.op.empty() || problem.op == jit::Name(jit::OpOf(record.problem))) &&
         (problem.dtype.empty() || problem.dtype_or_default() == dtype) &&
         std::visit([&](const auto& p) { return Agree(problem, p); }, record.problem) &&
         (!threads || *threads == record.key.threads) &&
         (isa.empty() || isa == jit::Name(record.key.isa)) &&
         (buffers.empty() || buffers == cache::Name(record.key.buffers));
}

}  // namespace jitattn::cli
