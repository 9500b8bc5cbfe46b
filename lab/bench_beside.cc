// jitattn bench --beside N.

#include "lab/bench_beside.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/command.h"
#include "cli/csv.h"
#include "cli/interrupt.h"
#include "cli/plan_flags.h"
#include "cli/text.h"
#include "lab/baselines/every_call.h"
#include "lab/baselines/neighbours.h"
#include "lab/bench_report.h"
#include "lab/compare_methods.h"
#include "ops/attention/problem.h"
#include "ops/sigmoid_mul/problem.h"
#include "runtime/machine_flags.h"

namespace jitattn::lab {
namespace {

constexpr int kMaxNeighbours = 256;

// Calls so short that a second thread saves less time than one lost scheduler slice costs. 12 heads
// as in a small transformer.
std::vector<ops::Problem> UsualProblems() {
  std::vector<ops::Problem> problems;
  for (const int64_t length : {32, 64, 256}) {
    problems.push_back(ops::AttentionProblem{.heads = 12,
                                             .kv_heads = 12,
                                             .q_len = length,
                                             .kv_len = length,
                                             .head_dim = 64,
                                             .value_dim = 64});
  }
  problems.push_back(ops::SigmoidMulProblem{.rows = 256, .cols = 256});
  return problems;
}

// Every method twice: on one thread and on all threads.
struct Entrants {
  std::vector<std::unique_ptr<Contender>> owners;
  std::vector<EveryCallEntry> entries;
  std::vector<size_t> rows;  // index of each entry's row
};

class ProblemBeside {
 public:
  ProblemBeside(const ops::Problem& problem, const BesideFlags& flags, const BenchFlags& bench,
                PythonSide& python)
      : problem_(problem), flags_(flags), bench_(bench), python_(python) {
    options_.methods = flags.methods;
    options_.seed = bench.seed;
  }

  absl::StatusOr<std::vector<BesideRow>> Run(const std::atomic<bool>& stop) {
    auto machine = bench_.machine.Resolve(bench_.Layout());
    if (!machine.ok()) return machine.status();
    options_.machine = *std::move(machine);
    auto operands = runtime::Operands::Create(problem_, options_.machine.conditions, bench_.seed);
    if (!operands.ok()) return operands.status();
    ContenderMaker maker(problem_, options_, python_, **operands);
    for (const std::string& method : flags_.methods) {
      const absl::Status status = method == "jitattn" ? AddPlans(**operands) : Add(method, maker);
      if (!status.ok()) return status;
    }
    const auto times = TimeEveryCall(
        entrants_.entries, {.seconds = bench_.turns.seconds * static_cast<double>(std::max<size_t>(
                                                                  1, entrants_.entries.size())),
                            .stop = &stop});
    for (size_t i = 0; i < times.size(); ++i) Fill(times[i], &rows_[entrants_.rows[i]]);
    FillRatios();
    return std::move(rows_);
  }

 private:
  std::vector<int> ThreadCounts() const {
    const int all = options_.machine.conditions.threads;
    return all == 1 ? std::vector<int>{1} : std::vector<int>{1, all};
  }

  BesideRow& NewRow(const std::string& method, int threads) {
    BesideRow& row = rows_.emplace_back();
    row.problem = problem_;
    row.method = method;
    row.threads = threads;
    return row;
  }

  void Enter(Contender* contender, const std::string& method, int threads, int pool) {
    NewRow(method, threads);
    entrants_.entries.push_back({contender, threads, pool});
    entrants_.rows.push_back(rows_.size() - 1);
  }

  // Adds plans of one thread and of the whole thread budget, with default options.
  absl::Status AddPlans(const runtime::Operands& operands) {
    for (const int threads : ThreadCounts()) {
      cli::Machine machine = options_.machine;
      machine.conditions.threads = threads;
      auto plan = cli::PlanFlags{}.Plan(problem_, machine);
      if (!plan.ok()) return plan.status();
      entrants_.owners.push_back(MakePlanContender(operands, *std::move(plan)));
      Enter(entrants_.owners.back().get(), "jitattn", threads, 0);
    }
    return absl::OkStatus();
  }

  absl::Status Add(const std::string& method, ContenderMaker& maker) {
    ContestEntry entry;
    Standing standing;
    auto contender = maker.Make(method, &entry, &standing);
    if (!contender.ok()) return contender.status();
    if (*contender == nullptr) {
      NewRow(method, 1).failure = standing.failure;
      return absl::OkStatus();
    }
    entrants_.owners.push_back(*std::move(contender));
    for (const int threads : ThreadCounts()) {
      Enter(entrants_.owners.back().get(), method, threads, entry.pool);
    }
    return absl::OkStatus();
  }

  static void Fill(const EveryCallTimes& times, BesideRow* row) {
    row->failure = times.failure;
    row->calls = times.seconds.size();
    if (times.seconds.empty()) return;
    row->median_s = times.median();
    row->p99_s = times.p99();
  }

  void FillRatios() {
    for (BesideRow& row : rows_) {
      const auto single = std::find_if(rows_.begin(), rows_.end(), [&](const BesideRow& other) {
        return other.method == row.method && other.threads == 1 && other.calls > 0;
      });
      if (single == rows_.end() || row.calls == 0) continue;
      row.median_ratio = row.median_s / single->median_s;
      row.p99_ratio = row.p99_s / single->p99_s;
    }
  }

  const ops::Problem& problem_;
  const BesideFlags& flags_;
  const BenchFlags& bench_;
  PythonSide& python_;
  CompareOptions options_;
  Entrants entrants_;
  std::vector<BesideRow> rows_;
};

// Names of the CSV columns and JSON keys.
constexpr const char* kKeys[] = {"problem", "method",       "threads",   "calls",  "median_s",
                                 "p99_s",   "median_ratio", "p99_ratio", "failure"};

std::string RatioText(std::optional<double> ratio) {
  return ratio ? absl::StrFormat("%.2f", *ratio) : "–";
}

std::string Text(std::span<const BesideRow> rows) {
  std::vector<std::vector<std::string>> lines = {
      {"PROBLEM", "METHOD", ">THREADS", ">CALLS", ">MEDIAN", ">P99", ">MEDIAN/1", ">P99/1", ""}};
  for (const BesideRow& row : rows) {
    const bool timed = row.calls > 0;
    lines.push_back({ops::Describe(row.problem), row.method, absl::StrCat(row.threads),
                     absl::StrCat(row.calls), timed ? cli::Seconds(row.median_s) : "–",
                     timed ? cli::Seconds(row.p99_s) : "–", RatioText(row.median_ratio),
                     RatioText(row.p99_ratio), row.failure});
  }
  return cli::Table(lines);
}

std::string Csv(std::span<const BesideRow> rows) {
  std::string text = absl::StrCat(absl::StrJoin(kKeys, ","), "\n");
  for (const BesideRow& row : rows) {
    const auto number = [](std::optional<double> value) {
      return value ? cli::CsvNumber(*value) : std::string();
    };
    const std::string median = row.calls > 0 ? cli::CsvNumber(row.median_s) : "";
    const std::string p99 = row.calls > 0 ? cli::CsvNumber(row.p99_s) : "";
    const std::vector<std::string> fields = {ops::Describe(row.problem),
                                             row.method,
                                             absl::StrCat(row.threads),
                                             absl::StrCat(row.calls),
                                             median,
                                             p99,
                                             number(row.median_ratio),
                                             number(row.p99_ratio),
                                             row.failure};
    absl::StrAppend(&text, cli::CsvLine(fields));
  }
  return text;
}

void Print(const BesideFlags& flags, const BesideOutput& output, std::span<const BesideRow> rows,
           const std::vector<std::string>& beware, bool interrupted) {
  if (output.csv) {
    std::fputs(Csv(rows).c_str(), stdout);
    return;
  }
  const Cpu& cpu = HostCpu();
  if (output.json) {
    cli::Json json = cli::JsonHead("bench");
    json["machine"] = MachineOf(cpu, beware);
    json["beside"] = *flags.neighbours;
    json["rows"] = cli::Json::array();
    for (const BesideRow& row : rows) json["rows"].push_back(ToJson(row));
    json["interrupted"] = interrupted;
    cli::PrintJson(json);
    return;
  }
  std::printf("%s, beside %d busy %s on %d cores\n%s", cli::Bold(cpu.brand, stdout).c_str(),
              *flags.neighbours, *flags.neighbours == 1 ? "process" : "processes",
              cpu.physical_cores, Text(rows).c_str());
}

}  // namespace

void BesideFlags::AddTo(CLI::App* command) {
  constexpr const char* kGroup = "Beside others";
  command
      ->add_option("--beside", neighbours,
                   "start N busy processes and time every single call, on one thread and on all; "
                   "without a problem: 12 heads × 32, 64 and 256 × 64, sigmoid-mul 256 × 256")
      ->check(CLI::Validator(cli::WholeNumber(0, kMaxNeighbours), ""))
      ->type_name("N")
      ->group(kGroup);
  command
      ->add_option("--methods", methods,
                   "with --beside: the methods to time in turn (jitattn), as in jitattn compare")
      ->allow_extra_args(false)
      ->delimiter(',')
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->check(CLI::Validator(cli::OneOf("method", MethodNames()), ""))
      ->type_name("A,B,...")
      ->group(kGroup);
  command->add_option("--python", python, "the Python to import packages with (python3)")
      ->type_name("PATH")
      ->group(kGroup);
}

cli::Json ToJson(const BesideRow& row) {
  const auto number = [](std::optional<double> value) {
    return value ? cli::Number(*value) : cli::Json();
  };
  cli::Json json = {{"problem", cli::ToJson(row.problem)},
                    {"describe", ops::Describe(row.problem)},
                    {"method", row.method},
                    {"threads", row.threads},
                    {"calls", row.calls},
                    {"median_s", row.calls > 0 ? cli::Number(row.median_s) : cli::Json()},
                    {"p99_s", row.calls > 0 ? cli::Number(row.p99_s) : cli::Json()},
                    {"median_ratio", number(row.median_ratio)},
                    {"p99_ratio", number(row.p99_ratio)},
                    {"failure", cli::OrNull(row.failure)}};
  return json;
}

int RunBeside(const BesideFlags& flags, const BenchFlags& bench, const BesideOutput& output) {
  std::vector<ops::Problem> problems;
  if (bench.AsksForProblems()) {
    const auto preset = bench.Cases();
    if (!preset.ok()) return cli::Fail(preset.status());
    for (const BenchCase& one : preset->cases) problems.push_back(one.problem);
  } else {
    problems = UsualProblems();
  }
  PythonSide python = StartPython(flags.python, flags.methods);
  const runtime::MachineWatch watch;
  const cli::Interrupt interrupt;
  Neighbours neighbours;
  if (absl::Status status = neighbours.Start(*flags.neighbours); !status.ok())
    return cli::Fail(status);
  std::vector<BesideRow> rows;
  for (const ops::Problem& problem : problems) {
    if (interrupt.stop()) break;
    auto more = ProblemBeside(problem, flags, bench, python).Run(interrupt.stop());
    if (!more.ok()) return cli::Fail(more.status());
    rows.insert(rows.end(), more->begin(), more->end());
  }
  Print(flags, output, rows, watch.Flags(), interrupt.stop());
  return interrupt.stop() ? interrupt.exit_code() : cli::kDone;
}

}  // namespace jitattn::lab
