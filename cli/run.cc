// jitattn run: runs each problem with the best known configuration, and prints that configuration
// and its origin. Never tunes.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/clock.h"
#include "cli/command.h"
#include "cli/operands.h"
#include "cli/plan_flags.h"
#include "cli/problem_flags.h"
#include "cli/run_values.h"
#include "cli/text.h"
#include "ops/operation.h"
#include "runtime/measure.h"

namespace jitattn::cli {
namespace {

struct RunFlags {
  ProblemFlags problem;
  MachineFlags machine;
  PlanFlags plan;
  std::map<std::string, std::string> files;  // by flag: {"--q", "q.npy"}
  std::string out;
  bool writes_out = false;
  uint64_t seed = 1;
  int repeat = 0;
  bool check = false, json = false;
};

struct RunResult {
  std::shared_ptr<const runtime::Plan> plan;
  double ready_s = 0;           // to make the plan
  double first_s = 0;           // the first call, with caches and memory still cold
  runtime::Statistics seconds;  // of the calls after it
  std::optional<ops::Verdict> verdict;
  int64_t rows_checked = 0;
  std::vector<std::string> written;  // files
  absl::Status write_status;         // the first failure to write one
};

// Without --repeat, calls are timed for kTimingS, within these bounds on their number: long enough
// to reach the low end of the noise, short enough for an interactive command.
constexpr double kTimingS = 0.1;
constexpr int kLeastCalls = 10, kMostCalls = 10000;

// Writes the results to the files that flags name. A failure ends it, and is kept beside the
// report.
void WriteResults(const RunFlags& flags, const RunOperands& operands, RunResult* result) {
  const auto write = [&](const std::string& path, const NpyArray& array) {
    if (path.empty() || !result->write_status.ok()) return;
    result->write_status = WriteNpy(path, array.dtype, array.shape, array.data.data());
    if (result->write_status.ok()) result->written.push_back(path);
  };
  write(flags.out, operands.out());
  for (const RunOperands::Result& further : operands.results) write(further.path, further.array);
}

absl::StatusOr<RunResult> RunOn(const RunFlags& flags, const Machine& machine,
                                RunOperands& operands) {
  RunResult result;
  const double asked = SteadyNow();
  auto plan = flags.plan.Plan(operands.problem, machine);
  if (!plan.ok()) return plan.status();
  result.plan = *plan;
  result.ready_s = SteadyNow() - asked;

  const ops::Operation& operation = operands.problem.operation();
  absl::Status status;
  auto timed_call = [&] {
    const double begin = SteadyNow();
    status = result.plan->Run(operation, operands.args.get());
    return SteadyNow() - begin;
  };
  result.first_s = timed_call();
  std::vector<double> samples;
  const double begin = SteadyNow();
  auto enough = [&, calls = 0]() mutable {
    if (flags.repeat > 0) return calls++ == flags.repeat;
    return ++calls > kMostCalls || (calls > kLeastCalls && SteadyNow() - begin > kTimingS);
  };
  while (status.ok() && !enough()) samples.push_back(timed_call());
  if (!status.ok()) return status;
  result.seconds = runtime::Summarise(samples);
  if (flags.check) {
    const auto checker =
        operation.make_checker(operands.problem, operands.args.get(), ops::kDefaultMaxOps);
    result.verdict = checker->Check(operands.out().data.data());
    result.rows_checked = checker->rows();
  }
  WriteResults(flags, operands, &result);
  return result;
}

std::string ResultText(const RunResult& result) {
  const ops::Problem& problem = result.plan->problem();
  const runtime::PlanSource& source = result.plan->source();
  std::vector<std::pair<std::string, std::string>> fields = {
      {"record", source.record_path.empty() ? "none" : source.record_path},
      {"why", source.reason},
      {"config", ops::ToString(result.plan->config())},
      {"kernel", result.plan->kernel().name()},
      {"ready",
       absl::StrFormat("%s, of which %s to emit the kernel; first call %s", Seconds(result.ready_s),
                       Seconds(result.plan->emit_seconds()), Seconds(result.first_s))},
      {"speed", absl::StrFormat("%s: median %s, fastest %s of %d runs, %d threads",
                                RateText(problem, result.seconds.median),
                                Seconds(result.seconds.median), Seconds(result.seconds.min),
                                result.seconds.samples, result.plan->threads())}};
  if (const std::string stale = StaleText(source); !stale.empty()) {
    fields.emplace_back("stale", stale);
  }
  if (result.verdict) {
    const ops::Verdict& verdict = *result.verdict;
    fields.emplace_back(
        "check", absl::StrFormat("%s: max error %.2g against %s in %d rows%s",
                                 verdict.correct ? "correct" : "WRONG", verdict.max_error,
                                 ReferenceName(problem), result.rows_checked,
                                 verdict.correct ? ""
                                                 : absl::StrFormat("; %s; the bound there is %.2g",
                                                                   verdict.what, verdict.bound)));
  }
  for (const std::string& path : result.written) fields.emplace_back("written", path);
  return Fields(fields);
}

Json ResultJson(const RunFlags& flags, const RunResult& result) {
  const ops::Problem& problem = result.plan->problem();
  Json json = {{"problem", ToJson(problem)}};
  AddSource(*result.plan, &json);
  json["threads"] = result.plan->threads();
  json["ready_seconds"] = Number(result.ready_s);
  json["emit_seconds"] = Number(result.plan->emit_seconds());
  json["seconds_first"] = Number(result.first_s);
  json["seconds_median"] = Number(result.seconds.median);
  json["seconds_min"] = Number(result.seconds.min);
  json["repeats"] = result.seconds.samples;
  const bool by_flops = problem.operation().rate == ops::Rate::kFlops;
  json[by_flops ? "gflops" : "gbytes_per_s"] = Number(Rate(problem, result.seconds.median));
  json["check"] = nullptr;
  if (result.verdict) {
    json["check"] = {{"correct", result.verdict->correct},
                     {"max_error", Number(result.verdict->max_error)},
                     {"bound", Number(result.verdict->bound)},
                     {"rows", result.rows_checked},
                     {"worst", result.verdict->what}};
  }
  json["out"] = flags.writes_out && !result.written.empty() ? Json(flags.out) : Json(nullptr);
  json["written"] = result.written;
  return json;
}

using AllValues = std::map<const ops::Operation*, std::unique_ptr<RunValues>>;

absl::StatusOr<RunResult> RunLoaded(const RunFlags& flags, const Machine& machine,
                                    const AllValues& values, absl::StatusOr<RunOperands> loaded) {
  if (!loaded.ok()) return loaded.status();
  if (const auto own = values.find(&loaded->problem.operation()); own != values.end()) {
    if (absl::Status status = own->second->Fill(&*loaded); !status.ok()) return status;
  }
  return RunOn(flags, machine, *loaded);
}

// Prints each result immediately as text, or all results at the end as JSON.
class Printer {
 public:
  explicit Printer(const RunFlags& flags) : flags_(flags), json_(JsonHead("run")) {
    json_["runs"] = Json::array();
  }

  // Returns the exit code.
  int Print(const absl::StatusOr<RunResult>& result) {
    if (!result.ok()) return Fail(result.status());
    if (flags_.json) {
      json_["runs"].push_back(ResultJson(flags_, *result));
    } else {
      const std::string title = ops::Describe(result->plan->problem());
      std::printf("%s\n%s", Bold(title, stdout).c_str(), ResultText(*result).c_str());
      std::fflush(stdout);
    }
    if (!result->write_status.ok()) return Fail(result->write_status);
    return result->verdict && !result->verdict->correct ? kFailed : kDone;
  }

  int Finish(int exit_code) {
    if (flags_.json) PrintJson(json_);
    return exit_code;
  }

 private:
  const RunFlags& flags_;
  Json json_;
};

absl::StatusOr<AllValues> ReadValues(const ValueTexts& texts) {
  AllValues all;
  for (const ValuesOfOperation* values : AllRunValues()) {
    auto read = values->read(texts);
    if (!read.ok()) return read.status();
    all[values->operation] = *std::move(read);
  }
  return all;
}

// InvalidArgument if a value is given of an operation that none of the problems is of.
absl::Status CheckMeant(const ValueTexts& texts, const std::vector<const ops::Operation*>& meant) {
  for (const ValuesOfOperation* values : AllRunValues()) {
    const std::string_view flag = GivenFlag(*values, texts);
    if (flag.empty() || std::ranges::find(meant, values->operation) != meant.end()) continue;
    return absl::InvalidArgumentError(
        absl::StrFormat("%s has an effect on %s only", flag, values->operation->name));
  }
  return absl::OkStatus();
}

// The operation whose files are given; null if none is.
absl::StatusOr<const FileOperands*> GivenFiles(const RunFlags& flags) {
  const FileOperands* given = nullptr;
  for (const FileOperands* files : AllFileOperands()) {
    const bool any = std::any_of(files->files.begin(), files->files.end(), [&](const auto& file) {
      return flags.files.contains(std::string(file.flag));
    });
    if (any && given != nullptr) {
      return absl::InvalidArgumentError(
          "--x is an input of sigmoid-mul, but --q, --k, --v are inputs of attention");
    }
    if (any) given = files;
  }
  return given;
}

absl::Status CheckOut(const RunFlags& flags) {
  if (!flags.writes_out) return absl::OkStatus();
  for (const ValuesOfOperation* values : AllRunValues()) {
    for (const ValueFlag& value : values->flags) {
      const auto text = flags.problem.values.find(value.flag);
      if (value.kind != ValueFlag::Kind::kResult || text == flags.problem.values.end()) continue;
      if (text->second != flags.out) continue;
      return absl::InvalidArgumentError(
          absl::StrFormat("--out and %s both name %s", value.flag, flags.out));
    }
  }
  return CheckNpyTarget("--out", flags.out);
}

// InvalidArgument if a flag names a file for the results of several problems, which are of the
// operations `meant`.
absl::Status CheckOneResult(const RunFlags& flags,
                            const std::vector<const ops::Operation*>& meant) {
  const auto refused = [](std::string_view flag, int64_t problems) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s takes the result of one problem, but the flags describe %d; --op chooses one", flag,
        problems));
  };
  if (flags.writes_out && meant.size() > 1) return refused("--out", std::ssize(meant));
  for (const ValuesOfOperation* values : AllRunValues()) {
    const int64_t problems = std::ranges::count(meant, values->operation);
    for (const ValueFlag& value : values->flags) {
      if (value.kind == ValueFlag::Kind::kResult && flags.problem.values.contains(value.flag) &&
          problems > 1) {
        return refused(value.flag, problems);
      }
    }
  }
  return absl::OkStatus();
}

// The problems that flags without files describe.
absl::StatusOr<std::vector<ops::Problem>> ProblemsOf(RunFlags& flags, const AllValues& values) {
  for (const auto& [operation, own] : values) {
    if (absl::Status status = own->AddOptions(&flags.problem); !status.ok()) return status;
  }
  auto problems = flags.problem.Problems();
  if (!problems.ok()) return problems;
  problems = flags.plan.Meant(flags.problem, *std::move(problems));
  std::vector<const ops::Operation*> meant;
  for (const ops::Problem& problem : *problems) meant.push_back(&problem.operation());
  if (absl::Status status = CheckMeant(flags.problem.values, meant); !status.ok()) return status;
  if (absl::Status status = CheckOneResult(flags, meant); !status.ok()) return status;
  return problems;
}

int RunRun(RunFlags flags) {
  const auto given = GivenFiles(flags);
  if (!given.ok()) return Fail(given.status());
  if (absl::Status status = CheckOut(flags); !status.ok()) return Fail(status);
  const auto values = ReadValues(flags.problem.values);
  if (!values.ok()) return Fail(values.status());
  const auto machine = flags.machine.Resolve();
  if (!machine.ok()) return Fail(machine.status());
  Printer printer(flags);
  if (const FileOperands* files = *given; files != nullptr) {
    absl::Status status = CheckMeant(flags.problem.values, {files->operation});
    if (!status.ok()) return Fail(status);
    const RunValues& own = *values->at(files->operation);
    return printer.Finish(printer.Print(RunLoaded(
        flags, *machine, *values, files->load(flags.files, flags.problem, own, flags.seed))));
  }
  const auto problems = ProblemsOf(flags, *values);
  if (!problems.ok()) return Fail(problems.status());
  int exit_code = kDone;
  for (const ops::Problem& problem : *problems) {
    exit_code = std::max(exit_code, printer.Print(RunLoaded(flags, *machine, *values,
                                                            RandomOperands(problem, flags.seed))));
  }
  return printer.Finish(exit_code);
}

}  // namespace

Command AddRun(CLI::App* app) {
  auto flags = std::make_shared<RunFlags>();
  CLI::App* run = app->add_subcommand(
      "run", "Run problems with tuned configurations, on random or .npy matrices");
  flags->problem.takes_empty = true;  // as in the library
  for (const ValuesOfOperation* values : AllRunValues()) {
    for (const ValueFlag& value : values->flags) {
      if (value.is_option) flags->problem.with_value[value.flag] = value.help;
    }
  }
  flags->problem.AddTo(run);
  AddValueFlags(run, &flags->problem.values);
  for (const FileOperands* operands : AllFileOperands()) {
    for (const FileOperands::File& file : operands->files) {
      const std::string name(file.flag);
      run->add_option_function<std::string>(
             name,
             [flags = flags.get(), name](const std::string& path) { flags->files[name] = path; },
             std::string(file.help))
          ->type_name("FILE")
          ->group("Data");
    }
  }
  run->add_option_function<std::string>(
         "--out",
         [flags = flags.get()](const std::string& path) {
           flags->out = path;
           flags->writes_out = true;
         },
         "write the result to FILE (.npy)")
      ->type_name("FILE")
      ->group("Data");
  run->add_option("--seed", flags->seed, "seed of the random matrices (1)")
      ->check(CLI::Validator(WholeNumber(0, INT64_MAX), ""))
      ->type_name("N")
      ->group("Data");
  flags->machine.AddTo(run);
  flags->plan.AddTo(run);
  run->add_option("--repeat", flags->repeat,
                  "number of timed calls after the first (as many as take 0.1 s)")
      ->check(CLI::Validator(WholeNumber(1, 1000000), ""))
      ->type_name("N")
      ->group("Output");
  run->add_flag("--check", flags->check, "check the result against higher precision")
      ->group("Output");
  run->add_flag("--json", flags->json, "the report as JSON (docs/json.md)")->group("Output");
  run->footer(
      "Examples:\n"
      "  jitattn run --dim 1024 --check\n"
      "  jitattn run --q q.npy --k k.npy --v v.npy --heads 8 --causal --out out.npy\n"
      "  jitattn run --seq 128 --head-dim 64 --batch 2 --kv-lens 100,128 --softcap 30 --check\n");
  return {run, [flags] { return RunRun(*flags); }};
}

}  // namespace jitattn::cli
