// jitattn tune: finds the fastest configuration of each problem on this machine and saves it.

#include "cli/tune.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cache/layers.h"
#include "cli/interrupt.h"
#include "cli/space_flags.h"
#include "cli/tune_from.h"
#include "runtime/stale_code.h"
#include "search/strategy.h"

namespace jitattn::cli {
namespace {

absl::StatusOr<search::StrategyOptions> ParseStrategyOptions(const TuneFlags& flags) {
  search::StrategyOptions options;
  for (const std::string& text : flags.strategy_options) {
    const size_t equals = text.find('=');
    if (equals == 0 || equals == text.npos) {
      return absl::InvalidArgumentError(
          absl::StrFormat("--strategy-option %s: expected NAME=VALUE", text));
    }
    options.values.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  // Report a mistake now, not after a minute of tuning.
  if (absl::Status s = search::CheckStrategy(flags.strategy, options); !s.ok()) return s;
  return options;
}

// The records for which this version emits different code. Of each key, only the first record
// counts, as in a plan's lookup.
std::vector<cache::Record> StaleRecords(const Cpu& cpu) {
  const cache::Layers layers = cache::Layers::Default(cpu);
  std::set<std::string> keys;
  std::vector<cache::Record> records;
  for (const cache::Store& store : layers.stores()) {
    for (cache::StoredRecord& stored : store.List(/*all_cpus=*/false, nullptr)) {
      const cache::Key& key = stored.record.key;
      if (key.conditions.isa > cpu.isa || !keys.insert(key.ToString()).second) continue;
      if (runtime::HasStaleCode(stored.record, cpu)) records.push_back(std::move(stored.record));
    }
  }
  return records;
}

absl::StatusOr<std::vector<TuneJob>> StaleJobs(const TuneRequest& request) {
  std::vector<TuneJob> jobs;
  for (const cache::Record& record : StaleRecords(request.cpu)) {
    const ops::Conditions& then = record.key.conditions;
    const TuneRequest here = request.Under({then.threads, then.buffers, then.layout}, then.isa);
    auto job = Jobs(here, {record.problem});
    if (!job.ok()) return job.status();
    jobs.push_back(std::move(job->front()));
  }
  return jobs;
}

// Checks, before any time is spent, that this machine allows tuning and that records can be saved.
absl::Status CheckUseful(const Cpu& cpu) {
  if (absl::Status status = runtime::CheckTunable(cpu); !status.ok()) return status;
  const absl::Status writable = cache::Layers::Default(cpu).CheckWritable();
  if (writable.ok()) return writable;
  return absl::FailedPreconditionError(
      absl::StrCat("not tuned, since no record could be saved: ", std::string(writable.message())));
}

absl::StatusOr<std::vector<ops::Problem>> Problems(const TuneFlags& flags) {
  if (!flags.preset.empty() || flags.stale || flags.reads_from) return std::vector<ops::Problem>();
  auto problems = flags.problem.Problems();
  if (problems.ok() && !flags.layout.empty() &&
      std::none_of(problems->begin(), problems->end(),
                   [](const ops::Problem& problem) { return problem.operation().has_layouts; })) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--layout has no effect on ", std::string(problems->front().operation().name)));
  }
  return problems;
}

// --dim N --heads H means H heads side by side in N columns.
ops::Layout LayoutOf(const TuneFlags& flags) {
  const ops::Layout usual =
      flags.problem.dims.empty() ? ops::Layout::kHeads : ops::Layout::kColumns;
  return ops::LayoutFromName(flags.layout).value_or(usual);
}

absl::StatusOr<runtime::TuneOptions> Options(const TuneFlags& flags,
                                             const ops::Conditions& conditions) {
  auto strategy_options = ParseStrategyOptions(flags);
  if (!strategy_options.ok()) return strategy_options.status();
  runtime::TuneOptions options;
  options.strategy = flags.strategy;
  options.strategy_options = *std::move(strategy_options);
  options.evaluations = flags.evaluations.value_or(options.evaluations);
  options.seconds = flags.seconds.value_or(options.seconds);
  options.seed = flags.seed;
  if (absl::Status status = flags.goals.Fill(&options); !status.ok()) return status;
  options.conditions = conditions;
  return options;
}

// Tunes what --from names, and returns the exit code.
int RunFrom(const TuneRequest& request, const Interrupt& interrupt) {
  auto from = ReadFromFile(request);
  if (!from.ok()) return Fail(from.status());
  auto output = OpenTuneOutput(request.flags);
  if (!output.ok()) return Fail(output.status());
  TellBadLines(from->bad);
  if (!output->json && !output->quiet && !from->skipped.empty()) {
    std::printf("%d of %d problems have a fresh record and are skipped; --force tunes them too\n",
                static_cast<int>(from->skipped.size()),
                static_cast<int>(from->skipped.size() + from->jobs.size()));
  }
  if (!output->json && from->jobs.empty() && from->skipped.empty() && from->bad.empty()) {
    std::printf("%s describes no problem, so nothing is tuned\n", request.flags.from.c_str());
  }
  output->document["skipped"] = from->skipped;
  output->document["bad_lines"] = from->bad;
  output->seconds_of_all = request.flags.seconds;
  const int exit_code = TuneAll(from->jobs, request.cpu, *std::move(output), interrupt);
  return exit_code == kDone && !from->bad.empty() ? kFailed : exit_code;
}

int RunTune(const TuneFlags& flags) {
  auto request = ReadTuneRequest(flags);
  if (!request.ok()) return Fail(request.status());
  const Interrupt interrupt;
  request->options.stop = &interrupt.stop();
  if (flags.reads_from) return RunFrom(*request, interrupt);
  auto jobs = flags.stale ? StaleJobs(*request) : Jobs(*request, request->problems);
  if (!jobs.ok()) return Fail(jobs.status());
  if (jobs->empty() && !flags.json) std::puts("no record is stale, so nothing is tuned");
  auto output = OpenTuneOutput(request->flags);
  if (!output.ok()) return Fail(output.status());
  return TuneAll(*jobs, request->cpu, *std::move(output), interrupt);
}

}  // namespace

absl::StatusOr<TuneRequest> ReadTuneRequest(TuneFlags flags) {
  if (absl::Status status = flags.Settle(); !status.ok()) return status;
  auto problems = Problems(flags);
  if (!problems.ok()) return problems.status();
  auto machine = flags.machine.Resolve(LayoutOf(flags));
  if (!machine.ok()) return machine.status();
  auto options = Options(flags, machine->conditions);
  if (!options.ok()) return options.status();
  if (absl::Status status = CheckUseful(machine->cpu); !status.ok()) return status;
  return TuneRequest{std::move(flags), *std::move(problems), std::move(machine->cpu),
                     *std::move(options)};
}

TuneRequest TuneRequest::Under(const ops::RequestedConditions& conditions, Isa isa) const {
  TuneRequest here = *this;
  here.cpu = Capped(cpu, isa);
  here.options.conditions = ops::Resolve(conditions, here.cpu);
  return here;
}

absl::StatusOr<std::vector<TuneJob>> Jobs(const TuneRequest& request,
                                          const std::vector<ops::Problem>& problems) {
  std::vector<const ops::Operation*> operations;
  for (const ops::Problem& problem : problems) operations.push_back(&problem.operation());
  std::vector<TuneJob> jobs;
  for (const ops::Problem& problem : problems) {
    TuneJob job = {.problem = problem, .cpu = request.cpu, .options = request.options};
    auto limits =
        LimitsOf(request.flags.space, request.flags.fields, problem.operation(), operations);
    if (!limits.ok()) return limits.status();
    job.options.limits = *std::move(limits);
    jobs.push_back(std::move(job));
  }
  return jobs;
}

absl::StatusOr<TuneOutput> OpenTuneOutput(const TuneFlags& flags) {
  TuneOutput output = {.quiet = flags.quiet, .json = flags.json, .document = JsonHead("tune")};
  for (const char* key : {"study", "variants", "problems", "skipped", "bad_lines"})
    output.document[key] = Json::array();
  if (flags.csv.empty()) return output;
  auto csv = TuneCsv::Open(flags.csv);
  if (!csv.ok()) return csv.status();
  output.csv = *std::move(csv);
  return output;
}

Command AddTune(CLI::App* app, std::function<int(const TuneFlags&)> laboratory) {
  auto flags = std::make_shared<TuneFlags>();
  CLI::App* tune =
      app->add_subcommand("tune", "Find the fastest configurations on this machine and save them");
  flags->AddTo(tune);
  return {tune, [flags, laboratory = std::move(laboratory)] {
            return flags->WantLaboratory() ? laboratory(*flags) : RunTune(*flags);
          }};
}

}  // namespace jitattn::cli
