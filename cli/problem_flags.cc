// Flags → problems, as --help describes them.

#include "cli/problem_flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/text.h"
#include "runtime/parallel.h"

namespace jitattn::cli {
namespace {

// Sizes beyond are refused by the problem's own rules; here only what no integer can hold.
constexpr int64_t kMaxSize = std::numeric_limits<int64_t>::max();
constexpr int64_t kMaxThreads = 4096;

absl::Status WithRule(const absl::Status& status, std::optional<int64_t> dim) {
  if (!dim) return status;
  return absl::InvalidArgumentError(
      absl::StrFormat("--dim %d: %s", *dim, std::string(status.message())));
}

}  // namespace

Check WholeNumber(int64_t least, int64_t most) {
  return [least, most](const std::string& text) -> std::string {
    int64_t value = 0;
    if (!absl::SimpleAtoi(text, &value)) {
      return absl::StrFormat("'%s' is not a whole number in range", text);
    }
    if (value < least) return absl::StrFormat("%d is too small; at least %d", value, least);
    if (value > most) return absl::StrFormat("%d is too large; at most %d", value, most);
    return "";
  };
}

Check PositiveNumber() {
  return [](const std::string& text) -> std::string {
    double value = 0;
    const bool number = absl::SimpleAtod(text, &value) && std::isfinite(value);
    return number && value > 0 ? "" : absl::StrFormat("'%s' is not a number above 0", text);
  };
}

Check OneOf(std::string what, std::vector<std::string_view> words) {
  return [what = std::move(what), words = std::move(words)](const std::string& text) {
    const bool known = std::find(words.begin(), words.end(), text) != words.end();
    return known ? "" : Unknown(what, text, words);
  };
}

void ProblemFlags::AddTo(CLI::App* command) {
  constexpr const char* kGroup = "Problem";
  auto size = [&](const char* name, auto* value, const char* help) {
    return command->add_option(name, *value, help)
        ->check(CLI::Validator(WholeNumber(1, kMaxSize), ""))
        ->type_name("N")
        ->group(kGroup);
  };
  command->add_option("--op", op, "attention or sigmoid-mul; both of a --dim if not given")
      ->check(CLI::Validator(OneOf("operation", {"attention", "sigmoid-mul"}), ""))
      ->type_name("OP")
      ->group(kGroup);
  size("--dim", &dims,
       "N x N matrices: one head of size N, length N; several values, several problems")
      ->delimiter(',');
  auto length = [&](const char* name, auto* value, const char* help) {
    command->add_option(name, *value, help)
        ->check(CLI::Validator(WholeNumber(least_length, kMaxSize), ""))
        ->type_name("N")
        ->group(kGroup);
  };
  length("--seq", &seq, "queries, and keys where --kv-seq is not given");
  length("--kv-seq", &kv_seq, "keys and values");
  size("--heads", &heads, "heads that the columns of --dim are split into (1)");
  size("--kv-heads", &kv_heads, "heads of keys and values; must divide --heads (as --heads)");
  size("--head-dim", &head_dim, "columns of a head of queries and keys");
  size("--value-dim", &value_dim, "columns of a head of values (as --head-dim)");
  size("--batch", &batch, "independent problems in one call (1)");
  size("--rows", &rows, "rows of sigmoid-mul");
  size("--cols", &cols, "columns of sigmoid-mul");
  command->add_option("--dtype", dtype, "f32, f64, bf16 or f16 (f32)")
      ->check(CLI::Validator(
          OneOf("type", {"f32", "f64", "bf16", "f16", "float32", "float64", "bfloat16", "float16"}),
          ""))
      ->type_name("TYPE")
      ->group(kGroup);
  command->add_flag("--causal", causal, "a query sees no later key; the last query sees them all")
      ->group(kGroup);
}

jit::DType ProblemFlags::dtype_or_default() const {
  return dtype.empty() ? jit::DType::kF32 : *jit::DTypeFromName(dtype);
}

std::string_view ProblemFlags::AttentionFlag() const {
  if (seq) return "--seq";
  if (kv_seq) return "--kv-seq";
  if (heads) return "--heads";
  if (kv_heads) return "--kv-heads";
  if (head_dim) return "--head-dim";
  if (value_dim) return "--value-dim";
  if (batch) return "--batch";
  if (causal) return "--causal";
  return "";
}

std::string_view ProblemFlags::SigmoidMulFlag() const {
  if (rows) return "--rows";
  if (cols) return "--cols";
  return "";
}

std::string_view ProblemFlags::AnyFlag() const {
  if (!dims.empty()) return "--dim";
  if (!op.empty()) return "--op";
  if (!dtype.empty()) return "--dtype";
  return AttentionFlag().empty() ? SigmoidMulFlag() : AttentionFlag();
}

absl::StatusOr<jit::Problem> ProblemFlags::Attention(std::optional<int64_t> dim) const {
  if (!dim && (!seq || !head_dim)) {
    return absl::InvalidArgumentError("attention needs --dim, or --seq and --head-dim");
  }
  jit::AttentionProblem problem;
  problem.dtype = dtype_or_default();
  problem.mask = causal ? jit::Mask::kCausal : jit::Mask::kNone;
  problem.batch = batch.value_or(1);
  problem.heads = heads.value_or(1);
  problem.kv_heads = kv_heads.value_or(problem.heads);
  problem.q_len = seq ? *seq : *dim;
  problem.kv_len = kv_seq.value_or(problem.q_len);
  if (!head_dim && *dim % problem.heads != 0) {
    return absl::InvalidArgumentError(
        absl::StrFormat("--heads %d does not divide --dim %d: %d columns would be left over",
                        problem.heads, *dim, *dim % problem.heads));
  }
  problem.head_dim = head_dim ? *head_dim : *dim / problem.heads;
  problem.value_dim = value_dim.value_or(problem.head_dim);
  if (absl::Status status = jit::Validate(jit::Problem(problem)); !status.ok()) {
    return WithRule(status, dim);
  }
  return problem;
}

absl::StatusOr<jit::Problem> ProblemFlags::SigmoidMul(std::optional<int64_t> dim) const {
  if (!dim && (!rows || !cols)) {
    return absl::InvalidArgumentError("sigmoid-mul needs --dim, or --rows and --cols");
  }
  jit::SigmoidMulProblem problem;
  problem.dtype = dtype_or_default();
  problem.rows = rows ? *rows : *dim;
  problem.cols = cols ? *cols : *dim;
  if (absl::Status status = jit::Validate(jit::Problem(problem)); !status.ok()) {
    return WithRule(status, dim);
  }
  return problem;
}

absl::StatusOr<std::vector<jit::Problem>> ProblemFlags::Problems() const {
  const std::string_view attention_flag = AttentionFlag(), sigmoid_flag = SigmoidMulFlag();
  if (op == "sigmoid-mul" && !attention_flag.empty()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s says nothing to --op sigmoid-mul", attention_flag));
  }
  if (op == "attention" && !sigmoid_flag.empty()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s says nothing to --op attention", sigmoid_flag));
  }
  if (dims.empty() && op.empty() && attention_flag.empty() && sigmoid_flag.empty()) {
    return absl::InvalidArgumentError(
        "no problem is given: --dim N, or --seq and --head-dim, or --rows and --cols");
  }
  // Without --dim the flags themselves say which operation is meant.
  const bool attention =
      op == "attention" || (op.empty() && (!dims.empty() || !attention_flag.empty()));
  const bool sigmoid_mul =
      op == "sigmoid-mul" || (op.empty() && (!dims.empty() || !sigmoid_flag.empty()));
  std::vector<std::optional<int64_t>> sizes(dims.begin(), dims.end());
  if (sizes.empty()) sizes.push_back(std::nullopt);

  std::vector<jit::Problem> problems;
  auto add = [&](const absl::StatusOr<jit::Problem>& problem) {
    if (!problem.ok()) return problem.status();
    const bool known = std::find(problems.begin(), problems.end(), *problem) != problems.end();
    if (!known) problems.push_back(*problem);
    return absl::OkStatus();
  };
  for (const std::optional<int64_t> dim : sizes) {
    if (attention) {
      if (absl::Status status = add(Attention(dim)); !status.ok()) return status;
    }
    if (sigmoid_mul) {
      if (absl::Status status = add(SigmoidMul(dim)); !status.ok()) return status;
    }
  }
  return problems;
}

absl::StatusOr<jit::Problem> ProblemFlags::OneProblem() const {
  absl::StatusOr<std::vector<jit::Problem>> problems = Problems();
  if (!problems.ok()) return problems.status();
  if (problems->size() == 1) return problems->front();
  return absl::InvalidArgumentError(absl::StrFormat(
      "one problem is meant here, the flags describe %d; --op chooses", problems->size()));
}

void MachineFlags::AddTo(CLI::App* command) {
  constexpr const char* kGroup = "Machine";
  command->add_option("--threads", threads, "threads at most (one a physical core)")
      ->check(CLI::Validator(WholeNumber(1, kMaxThreads), ""))
      ->type_name("N")
      ->group(kGroup);
  command->add_option("--isa", isa, "at most these instructions: none, avx2 or avx512")
      ->check(CLI::Validator(OneOf("instruction set", {"none", "avx2", "avx512"}), ""))
      ->type_name("ISA")
      ->group(kGroup);
  command->add_option("--buffers", buffers, "hot: operands in the caches; cold: in memory (hot)")
      ->check(CLI::Validator(OneOf("kind of buffers", {"hot", "cold"}), ""))
      ->type_name("KIND")
      ->group(kGroup);
}

absl::StatusOr<jit::Cpu> MachineFlags::Cpu() const {
  const jit::Cpu& host = jit::HostCpu();
  if (isa.empty()) return host;
  const jit::Isa cap = *jit::IsaFromName(isa);
  if (cap > host.isa) {
    const bool capped = cap <= host.detected_isa;
    return absl::InvalidArgumentError(absl::StrFormat(
        "--isa %s: this %s %s", isa,
        capped ? "process is held by JITATTN_MAX_ISA to" : "machine has no more than",
        jit::Name(host.isa)));
  }
  return jit::Capped(host, cap);
}

int MachineFlags::Threads() const { return runtime::ThreadBudget(threads.value_or(0)); }

cache::Buffers MachineFlags::Buffers() const {
  return buffers == "cold" ? cache::Buffers::kCold : cache::Buffers::kHot;
}

}  // namespace jitattn::cli
