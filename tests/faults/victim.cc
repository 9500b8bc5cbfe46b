// Uses the library once while something fails, then once more while nothing fails.
//
//   faults_victim SCENARIO FOLDER [malloc=N | mallocs-from=N | a hardship]
//   faults_victim make-record FOLDER
//
// Exits with an Outcome and prints the number of allocations. The caller sets JITATTN_CACHE_DIR to
// FOLDER. Failures happen between two markers only.

#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_split.h"
#include "base/cpu.h"
#include "cache/fingerprint.h"
#include "cache/store.h"
#include "failing_malloc.h"
#include "hardships.h"
#include "marker.h"
#include "ops/attention/problem.h"
#include "ops/config.h"
#include "ops/operation.h"
#include "outcome.h"
#include "task.h"

namespace jitattn::faults {
namespace {

constexpr int kSecondsToLive = 40;  // a hang ends by SIGALRM
constexpr double kTuneSeconds = 0.3;
constexpr int kThreads = 4;

class Scenario {
 public:
  virtual ~Scenario() = default;
  virtual Outcome Act() = 0;    // while something fails
  virtual Outcome Again() = 0;  // afterwards
};

Outcome FromStatus(jitattn_status status) {
  if (status == JITATTN_OUT_OF_MEMORY) return Outcome::kOutOfMemory;
  fprintf(stderr, "status %d: %s\n", status, jitattn_last_error());
  return Outcome::kBadStatus;
}

bool Right(Outcome outcome) { return outcome == Outcome::kOk || outcome == Outcome::kPortable; }

Outcome Next(Outcome outcome) {
  return Right(outcome)               ? outcome
         : outcome == Outcome::kWrong ? Outcome::kNextWrong
                                      : Outcome::kNextFailed;
}

// Whether the cache is to be read, and whether a record is to be made.
class PlanScenario : public Scenario {
 public:
  enum class Cache { kIgnored, kRead, kTuned };

  explicit PlanScenario(Cache cache) : cache_(cache) {
    jitattn_plan_options_init(&options_);
    options_.threads = kThreads;
    options_.ignore_cache = cache == Cache::kIgnored;
    options_.tune = cache == Cache::kTuned;
    options_.tune_seconds = kTuneSeconds;
  }

  Outcome Act() override {
    int match = JITATTN_MATCH_NONE;
    return Make(&match);
  }

  Outcome Again() override {
    int match = JITATTN_MATCH_NONE;
    const Outcome outcome = Next(Make(&match));
    const bool record_is_due = cache_ == Cache::kRead && Right(outcome);
    return record_is_due && match != JITATTN_MATCH_EXACT ? Outcome::kRecordLost : outcome;
  }

 private:
  Outcome Make(int* match) {
    jitattn_plan* plan = nullptr;
    if (jitattn_status s = jitattn_attention_plan(&task_.problem(), &options_, &plan)) {
      return FromStatus(s);
    }
    jitattn_plan_info info = {.struct_size = sizeof info};
    jitattn_status status = jitattn_plan_get_info(plan, &info);
    if (status == JITATTN_OK) status = jitattn_attention_run(plan, &task_.args());
    *match = info.match;
    const bool portable = info.portable != 0;
    jitattn_plan_free(plan);
    if (status != JITATTN_OK) return FromStatus(status);
    if (!task_.Correct()) return Outcome::kWrong;
    return portable ? Outcome::kPortable : Outcome::kOk;
  }

  const Cache cache_;
  AttentionTask task_;
  jitattn_plan_options options_;
};

// The first calls of a process.
class OneShotScenario : public Scenario {
 public:
  Outcome Act() override {
    if (jitattn_status s = jitattn_attention(&attention_.problem(), &attention_.args())) {
      return FromStatus(s);
    }
    if (!attention_.Correct()) return Outcome::kWrong;
    if (jitattn_status s = jitattn_sigmoid_mul(&sigmoid_mul_.problem(), &sigmoid_mul_.args())) {
      return FromStatus(s);
    }
    return sigmoid_mul_.Correct() ? Outcome::kOk : Outcome::kWrong;
  }

  Outcome Again() override { return Next(Act()); }

 private:
  AttentionTask attention_;
  SigmoidMulTask sigmoid_mul_;
};

// A plan's configuration as text, "algorithm=tiles isa=avx512 …"; nothing if it cannot be read.
std::optional<ops::Config> ConfigOf(const std::string& text) {
  std::optional<ops::Config> config;
  for (const std::string& word : std::vector<std::string>(absl::StrSplit(text, ' '))) {
    const std::pair<std::string, std::string> setting = absl::StrSplit(word, '=');
    if (!config) {
      const ops::Algorithm* algorithm = ops::FindAlgorithm(ops::kAttention, setting.second);
      if (setting.first != "algorithm" || algorithm == nullptr) return std::nullopt;
      config = algorithm->blank();
      continue;
    }
    const ops::Field* field = ops::FindField(config->algorithm(), setting.first);
    if (field == nullptr) return std::nullopt;
    const auto value = ops::ParseValue(*field, setting.second);
    if (!value.ok()) return std::nullopt;
    field->set(*config, *value);
  }
  return config;
}

// Writes a record for PlanScenario to a folder. Its times are invented.
Outcome PutRecord(const std::string& folder) {
  const AttentionTask task;
  jitattn_plan_options options;
  jitattn_plan_options_init(&options);
  options.threads = kThreads;
  options.ignore_cache = 1;
  jitattn_plan* plan = nullptr;
  if (jitattn_status s = jitattn_attention_plan(&task.problem(), &options, &plan)) {
    return FromStatus(s);
  }
  jitattn_plan_info info = {.struct_size = sizeof info};
  jitattn_plan_get_info(plan, &info);
  const Cpu& cpu = HostCpu();
  cache::Record record;
  record.problem = ops::AttentionProblem{.heads = task.problem().heads,
                                         .kv_heads = task.problem().kv_heads,
                                         .q_len = task.problem().q_len,
                                         .kv_len = task.problem().kv_len,
                                         .head_dim = task.problem().head_dim,
                                         .value_dim = task.problem().value_dim};
  const std::optional<ops::Config> config = ConfigOf(info.config);
  if (!config) return Outcome::kBadStatus;
  record.key = cache::MakeKey(record.problem, {.threads = kThreads, .isa = cpu.isa});
  record.config = record.result.default_config = *config;
  record.kernel = info.kernel;
  record.code_hash = 1;
  record.fingerprint = cache::HostFingerprint(cpu);
  record.jitattn_version = jitattn_version();
  record.xbyak_version = "0";
  record.date = "2026-01-01T00:00:00Z";
  record.result.median_s = record.result.min_s = record.result.default_median_s = 1e-3;
  record.result.samples = record.result.evaluations = record.result.space_size = 1;
  record.result.gain = record.result.gain_low = record.result.gain_high = 1;
  record.result.strategy = "none";
  record.result.tuning_s = 1;
  jitattn_plan_free(plan);
  const absl::Status status = cache::Store(folder, cpu, record.fingerprint).Put(record).status();
  if (status.ok()) return Outcome::kOk;
  fprintf(stderr, "%s\n", status.ToString().c_str());
  return Outcome::kBadStatus;
}

// What the store does with a folder that has a record.
class StoreScenario : public Scenario {
 public:
  explicit StoreScenario(const std::string& folder)
      : store_(folder, HostCpu(), cache::HostFingerprint(HostCpu())) {
    std::vector<cache::StoredRecord> records = store_.List(false, nullptr);
    if (records.empty()) return;
    old_ = std::move(records.front().record);
    new_ = *old_;
    new_.result.seed = old_->result.seed + 1;
    old_text_ = cache::SerializeRecord(*old_);
    new_text_ = cache::SerializeRecord(new_);
  }

  bool Ready() const { return old_.has_value(); }

 protected:
  // "": there is no usable record.
  std::string Stored() const {
    const auto got = store_.Get(old_->key);
    return got.ok() ? cache::SerializeRecord(got->record) : "";
  }

  bool AnyLeftOver() const {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(store_.root())) {
      if (entry.path().filename().string().starts_with(".tmp")) return true;
    }
    return false;
  }

  cache::Store store_;
  std::optional<cache::Record> old_;
  cache::Record new_;
  std::string old_text_, new_text_;
};

class PutScenario : public StoreScenario {
 public:
  using StoreScenario::StoreScenario;

  Outcome Act() override {
    try {
      const absl::Status status = store_.Put(new_).status();
      put_ = status.ok();
      return put_ ? Outcome::kOk : Outcome::kRefused;
    } catch (const std::bad_alloc&) {
      return Outcome::kOutOfMemory;
    }
  }

  Outcome Again() override {
    const std::string there = Stored();
    if (put_ && there != new_text_) return Outcome::kWrong;
    // A failure after the rename does not undo the put.
    if (there != old_text_ && there != new_text_) return Outcome::kRecordLost;
    if (AnyLeftOver()) return Outcome::kLeftOver;
    if (!store_.Put(new_).ok()) return Outcome::kNextFailed;
    return Stored() == new_text_ ? Outcome::kOk : Outcome::kNextWrong;
  }

 private:
  bool put_ = false;
};

class GetScenario : public StoreScenario {
 public:
  using StoreScenario::StoreScenario;

  Outcome Act() override {
    try {
      std::vector<cache::RejectedRecord> rejected;
      const auto got = store_.Get(old_->key);
      if (got.ok() && got->record.result.seed != old_->result.seed) return Outcome::kWrong;
      const size_t near = store_.Near(old_->key, &rejected).size();
      const size_t all = store_.List(true, &rejected).size();
      return got.ok() && near == 1 && all == 1 ? Outcome::kOk : Outcome::kRefused;
    } catch (const std::bad_alloc&) {
      return Outcome::kOutOfMemory;
    }
  }

  Outcome Again() override { return Act() == Outcome::kOk ? Outcome::kOk : Outcome::kRecordLost; }
};

std::unique_ptr<Scenario> Make(std::string_view name, const std::string& folder) {
  using Cache = PlanScenario::Cache;
  if (name == "plan") return std::make_unique<PlanScenario>(Cache::kIgnored);
  if (name == "record") return std::make_unique<PlanScenario>(Cache::kRead);
  if (name == "tune") return std::make_unique<PlanScenario>(Cache::kTuned);
  if (name == "one-shot") return std::make_unique<OneShotScenario>();
  std::unique_ptr<StoreScenario> store;
  if (name == "put") store = std::make_unique<PutScenario>(folder);
  if (name == "get") store = std::make_unique<GetScenario>(folder);
  return store != nullptr && store->Ready() ? std::move(store) : nullptr;
}

// Starts the failure that `what` names; false if this system cannot.
bool Begin(std::string_view what) {
  const auto number = [&] { return strtoll(what.data() + what.find('=') + 1, nullptr, 10); };
  prctl(kMarkBegin, 0, 0, 0, 0);
  if (what.starts_with("malloc=")) {
    FailMallocs(number(), 1);
  } else if (what.starts_with("mallocs-from=")) {
    FailMallocs(number(), INT64_MAX);
  } else {
    FailMallocs(0, 0);  // counted only
    return what.empty() || Suffer(what);
  }
  return kCanFailMallocs;
}

int64_t End() {
  const int64_t calls = StopFailing();
  Relieve();
  prctl(kMarkEnd, 0, 0, 0, 0);
  return calls;
}

int Main(int argc, char** argv) {
  if (argc < 3 || argc > 4) return static_cast<int>(Outcome::kUsage);
  alarm(kSecondsToLive);
  if (std::string_view(argv[1]) == "make-record") return static_cast<int>(PutRecord(argv[2]));
  const std::unique_ptr<Scenario> scenario = Make(argv[1], argv[2]);
  if (scenario == nullptr) return static_cast<int>(Outcome::kUsage);
  if (!Begin(argc > 3 ? argv[3] : "")) return static_cast<int>(Outcome::kSkipped);
  Outcome outcome = scenario->Act();
  const int64_t calls = End();
  const Outcome again = scenario->Again();
  if (static_cast<int>(outcome) < static_cast<int>(Outcome::kWrong) && !Right(again)) {
    outcome = again;
  }
  printf("%lld\n", static_cast<long long>(calls));
  fflush(stdout);
  return static_cast<int>(outcome);
}

}  // namespace
}  // namespace jitattn::faults

int main(int argc, char** argv) { return jitattn::faults::Main(argc, argv); }
