// Which configuration a plan gets, and its kernel.

#include "runtime/choose_config.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/format.h"
#include "base/made_once.h"
#include "jit/compile.h"
#include "ops/operation.h"
#include "runtime/stale_code.h"

namespace jitattn::runtime {
namespace {

struct Candidate {
  ops::Config config;
  PlanSource source;
  std::optional<uint64_t> recorded_hash;  // of the kernel's code when the record was made
};

PlanSource SourceOf(cache::Lookup lookup) {
  PlanSource source;
  source.match = lookup.match;
  source.rejected = std::move(lookup.rejected);
  if (lookup.match == cache::Match::kNone) {
    source.reason = "no record: default configuration";
  } else {
    const cache::StoredRecord& stored = *lookup.found;
    const cache::Record::Result& result = stored.record.result;
    source.record_path = stored.path;
    source.stale = stored.stale;
    source.reason = absl::StrCat(std::string(cache::Name(lookup.match)), " record, tuned for ",
                                 ops::Describe(stored.record.problem));
    if (result.gain > 0) {
      absl::StrAppend(&source.reason,
                      Format(", %+.1f %% over the default", (result.gain - 1) * 100));
    }
  }
  if (!source.rejected.empty()) {
    absl::StrAppend(&source.reason, "; not used: ", source.rejected.front().why);
    if (source.rejected.size() > 1) {
      absl::StrAppend(&source.reason, " and ", source.rejected.size() - 1, " more");
    }
  }
  return source;
}

// "" where code is emitted.
std::string WhyPortable(const ops::Problem& problem, const Cpu& cpu) {
  if (cpu.detected_isa == Isa::kPortable) return "portable path: this CPU has no AVX2";
  if (cpu.isa == Isa::kPortable) return "portable path: emitted code is switched off";
  const DType dtype = problem.dtype();
  if (dtype == DType::kF16 && !cpu.f16c) return "portable path: this CPU has no F16C";
  return "";
}

std::vector<Candidate> Candidates(const ops::Problem& problem, const Cpu& cpu,
                                  const PlanOptions& options) {
  const int threads = options.conditions.threads;
  std::vector<Candidate> candidates;
  const auto add = [&](ops::Config config, PlanSource source) -> Candidate& {
    return candidates.emplace_back(Candidate{std::move(config), std::move(source), {}});
  };
  if (options.config.has_value()) {
    add(*options.config, {.reason = options.config_origin});
  } else if (const std::string why = WhyPortable(problem, cpu); !why.empty()) {
    // Its threads are worth tuning, so that it has records of its own.
    cache::Lookup lookup;
    if (options.use_cache) {
      lookup = LayersOf(options).Find(cache::MakeKey(problem, options.conditions));
    }
    const bool found = lookup.match != cache::Match::kNone;
    const ops::Config fallback = ops::DefaultConfig(problem, cpu, threads);
    const ops::Config config = found ? lookup.found->record.config : fallback;
    PlanSource source = SourceOf(std::move(lookup));
    const bool tells_more = found || !source.rejected.empty();
    source.reason = tells_more ? absl::StrCat(why, "; ", source.reason) : why;
    add(config, std::move(source));
    if (found) add(fallback, {.reason = why});
    return candidates;
  } else if (options.use_cache) {
    cache::Lookup lookup = LayersOf(options).Find(cache::MakeKey(problem, options.conditions));
    if (lookup.match != cache::Match::kNone) {
      const cache::Record record = lookup.found->record;
      add(record.config, SourceOf(std::move(lookup))).recorded_hash = record.code_hash;
      add(ops::DefaultConfig(problem, cpu, threads), {.reason = "default configuration"});
    } else {
      add(ops::DefaultConfig(problem, cpu, threads), SourceOf(std::move(lookup)));
    }
  } else {
    add(ops::DefaultConfig(problem, cpu, threads),
        {.reason = "default configuration: the cache is not to be used"});
  }
  add(ops::DefaultConfig(problem, Capped(cpu, Isa::kPortable), threads),
      {.reason = "portable path"});
  return candidates;
}

// Made once a process. What is tuned meanwhile is found: the folders are looked into each time.
const cache::Layers& HostLayers() {
  constinit static MadeOnce<cache::Layers> layers;
  return layers.Get([] { return cache::Layers::Default(HostCpu()); });
}

}  // namespace

const cache::Layers& LayersOf(const PlanOptions& options) {
  return options.layers != nullptr ? *options.layers : HostLayers();
}

absl::StatusOr<Choice> ChooseConfig(const ops::Problem& problem, const Cpu& cpu,
                                    const PlanOptions& options) {
  std::string failures;
  for (Candidate& candidate : Candidates(problem, cpu, options)) {
    absl::StatusOr<CompiledKernel> compiled = GetKernel(problem, candidate.config, cpu);
    if (!compiled.ok()) {
      const absl::Status& status = compiled.status();
      if (options.config.has_value() && !absl::IsUnavailable(status)) return status;
      // Memory may be there at the next call; a slower plan would be kept.
      if (absl::IsResourceExhausted(status)) return status;
      absl::StrAppend(&failures, "; ", candidate.source.reason,
                      " failed: ", std::string(status.message()));
      continue;
    }
    Choice choice{candidate.config, *std::move(compiled), std::move(candidate.source)};
    choice.source.reason += failures;
    if (candidate.recorded_hash && IsStaleCode(*candidate.recorded_hash, *choice.compiled.kernel)) {
      choice.source.stale_code = true;
      absl::StrAppend(&choice.source.stale, choice.source.stale.empty() ? "" : "; ",
                      std::string(kStaleCode));
      if (options.log_stale) LogStaleCode(choice.source.record_path);
    }
    return choice;
  }
  return absl::InternalError(absl::StrCat("no kernel for ", ops::Describe(problem), failures));
}

}  // namespace jitattn::runtime
