// Matches records against flags.

#include "cli/record_filter.h"

#include <CLI/CLI.hpp>
#include <algorithm>

namespace jitattn::cli {
namespace {

bool Agree(const ProblemFlags& flags, const ops::Problem& problem) {
  const ops::Operation& operation = problem.operation();
  if (!flags.FlagNotOf(operation).empty()) return false;
  const auto& dims = operation.dims;
  const auto& options = operation.options;
  return (flags.dims.empty() ||
          std::any_of(flags.dims.begin(), flags.dims.end(),
                      [&](int64_t dim) { return operation.is_of_dim(problem, dim); })) &&
         std::all_of(dims.begin(), dims.end(),
                     [&](const ops::Dim& dim) {
                       return flags.size(dim.flag).value_or(dim.get(problem)) == dim.get(problem);
                     }) &&
         std::all_of(options.begin(), options.end(), [&](const ops::Option& option) {
           return flags.option(option).value_or(option.get(problem)) == option.get(problem);
         });
}

}  // namespace

void RecordFilter::AddTo(CLI::App* command) {
  problem.AddTo(command);
  command->add_option("--threads", threads, "only records for N threads")
      ->check(CLI::Validator(WholeNumber(1, 4096), ""))
      ->type_name("N")
      ->group("Machine");
  command->add_option("--isa", isa, "only records for none, avx2 or avx512")
      ->check(CLI::Validator(OneOf("instruction set", {"none", "avx2", "avx512"}), ""))
      ->type_name("ISA")
      ->group("Machine");
  command->add_option("--buffers", buffers, "only records for hot or cold operands")
      ->check(CLI::Validator(OneOf("kind of buffers", {"hot", "cold"}), ""))
      ->type_name("KIND")
      ->group("Machine");
}

bool RecordFilter::Any() const {
  return !problem.AnyFlag().empty() || threads || !isa.empty() || !buffers.empty();
}

bool RecordFilter::Matches(const cache::Record& record) const {
  return (problem.op.empty() || problem.op == record.problem.operation().name) &&
         (problem.dtype.empty() || problem.dtype_or_default() == record.problem.dtype()) &&
         Agree(problem, record.problem) &&
         (!threads || *threads == record.key.conditions.threads) &&
         (isa.empty() || isa == Name(record.key.conditions.isa)) &&
         (buffers.empty() || buffers == ops::Name(record.key.conditions.buffers));
}

}  // namespace jitattn::cli
