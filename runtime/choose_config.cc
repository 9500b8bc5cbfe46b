// Chooses the configuration of a plan and compiles its kernel.

#include "runtime/choose_config.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/format.h"
#include "base/made_once.h"
#include "ops/operation.h"
#include "runtime/record_miss.h"
#include "runtime/stale_code.h"

namespace jitattn::runtime {
namespace {

cache::Lookup Find(const ops::Problem& problem, const PlanOptions& options) {
  if (!options.use_cache || options.fixed_bits) return {};
  return LayersOf(options).Find(cache::MakeKey(problem, options.conditions));
}

ops::Config DefaultFor(const ops::Problem& problem, const Cpu& cpu, const PlanOptions& options) {
  const int threads = options.conditions.threads;
  return options.fixed_bits ? ops::FixedBitsConfig(problem, cpu, threads)
                            : ops::DefaultConfig(problem, cpu, threads);
}

// The source of the record that was found, else of the default.
PlanSource SourceOf(const cache::Lookup& lookup, const PlanOptions& options,
                    const std::string& why_portable) {
  PlanSource source;
  source.match = lookup.match;
  source.rejected = lookup.rejected;
  if (options.fixed_bits) {
    source.reason = "default configuration for fixed bits: records are not used";
  } else if (lookup.match == cache::Match::kNone) {
    source.reason = options.use_cache ? "no record: default configuration"
                                      : "default configuration: the cache is ignored";
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
  if (why_portable.empty()) return source;
  // The portable path has records of its own, since its number of threads is worth tuning.
  const bool tells_more =
      lookup.match != cache::Match::kNone || !source.rejected.empty() || options.fixed_bits;
  source.reason = tells_more ? absl::StrCat(why_portable, "; ", source.reason) : why_portable;
  return source;
}

// Why the portable path is used; "" if code is emitted.
std::string WhyPortable(const ops::Problem& problem, const Cpu& cpu) {
  if (cpu.detected_isa == Isa::kPortable) return "portable path: this CPU has no AVX2";
  if (cpu.isa == Isa::kPortable) return "portable path: emitted code is switched off";
  if (ops::NeedsF16c(problem) && !cpu.f16c) return "portable path: this CPU has no F16C";
  return "";
}

// Made once per process. New records are found all the same: every lookup reads the folders.
const cache::Layers& HostLayers() {
  constinit static MadeOnce<cache::Layers> layers;
  return layers.Get([] { return cache::Layers::Default(HostCpu()); });
}

// Tries configurations one after the other until one compiles.
class Attempts {
 public:
  Attempts(const ops::Problem& problem, const Cpu& cpu, const PlanOptions& options)
      : problem_(problem), cpu_(cpu), options_(options) {}

  // True if the attempts end here: with a choice, or with an error that no other configuration can
  // avoid. `recorded_hash`: hash of the kernel's code when the record was made.
  bool Try(const ops::Config& config, PlanSource source,
           std::optional<uint64_t> recorded_hash = std::nullopt);
  bool TryPortable() {
    return Try(DefaultFor(problem_, Capped(cpu_, Isa::kPortable), options_),
               {.reason = "portable path"});
  }

  // REQUIRES: there was an attempt.
  absl::StatusOr<Choice> Take() { return std::move(result_); }

 private:
  bool Mends(const absl::Status& failure) const;

  const ops::Problem& problem_;
  const Cpu& cpu_;
  const PlanOptions& options_;
  std::string failures_;
  absl::StatusOr<Choice> result_;
};

// True if another configuration may succeed after this failure.
bool Attempts::Mends(const absl::Status& failure) const {
  // A configuration in the options is binding.
  if (options_.config.has_value() && !absl::IsUnavailable(failure)) return false;
  // The next call may have enough memory, whereas a slower plan would be kept.
  return !absl::IsResourceExhausted(failure);
}

bool Attempts::Try(const ops::Config& config, PlanSource source,
                   std::optional<uint64_t> recorded_hash) {
  absl::StatusOr<CompiledKernel> compiled = GetKernel(problem_, config, cpu_);
  if (!compiled.ok()) {
    const absl::Status& status = compiled.status();
    result_ = status;
    if (!Mends(status)) return true;
    absl::StrAppend(&failures_, "; ", source.reason, " failed: ", std::string(status.message()));
    result_ =
        absl::InternalError(absl::StrCat("no kernel for ", ops::Describe(problem_), failures_));
    return false;
  }
  source.reason += failures_;
  if (recorded_hash && IsStaleCode(*recorded_hash, *compiled->kernel)) {
    source.stale_code = true;
    absl::StrAppend(&source.stale, source.stale.empty() ? "" : "; ", std::string(kStaleCode));
    if (options_.log_stale) LogStaleCode(source.record_path);
  }
  result_ = Choice{config, *std::move(compiled), std::move(source)};
  return true;
}

}  // namespace

const cache::Layers& LayersOf(const PlanOptions& options) {
  return options.layers != nullptr ? *options.layers : HostLayers();
}

absl::StatusOr<Choice> ChooseConfig(const ops::Problem& problem, const Cpu& cpu,
                                    const PlanOptions& options) {
  Attempts attempts(problem, cpu, options);
  if (options.config.has_value()) {
    if (attempts.Try(*options.config, {.reason = options.config_origin})) return attempts.Take();
    attempts.TryPortable();
    return attempts.Take();
  }
  const std::string why_portable = WhyPortable(problem, cpu);
  const cache::Lookup lookup = Find(problem, options);
  if (options.use_cache && lookup.match != cache::Match::kExact && !options.miss_file.empty()) {
    RecordMiss(options.miss_file, problem, cpu, options.conditions);
  }
  PlanSource source = SourceOf(lookup, options, why_portable);
  if (lookup.match != cache::Match::kNone) {
    const cache::Record& record = lookup.found->record;
    // A record may serve a problem with other options, whose code is another.
    std::optional<uint64_t> hash;
    if (ops::SameCode(record.problem, problem)) hash = record.code_hash;
    if (attempts.Try(record.config, std::move(source), hash)) return attempts.Take();
    source = {.reason = why_portable.empty() ? "default configuration" : why_portable};
  }
  const ops::Config usual = DefaultFor(problem, cpu, options);
  if (attempts.Try(usual, std::move(source))) return attempts.Take();
  if (why_portable.empty()) attempts.TryPortable();
  return attempts.Take();
}

}  // namespace jitattn::runtime
