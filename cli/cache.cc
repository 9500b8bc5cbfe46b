// jitattn cache: lists, shows and removes tuned records.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/cpu.h"
#include "cache/layers.h"
#include "cli/clean.h"
#include "cli/command.h"
#include "cli/json.h"
#include "cli/record_filter.h"
#include "cli/text.h"
#include "runtime/stale_code.h"

namespace jitattn::cli {
namespace {

struct CacheFlags {
  RecordFilter filter;
  std::string key;
  bool all_cpus = false, stale = false, yes = false, json = false;
};

// A stored record, and whether this version emits other code for it.
struct Listed : cache::StoredRecord {
  bool stale_code = false;
};

Listed Look(cache::StoredRecord stored) {
  Listed listed{std::move(stored)};
  listed.stale_code = listed.usable && runtime::HasStaleCode(listed.record, HostCpu());
  if (listed.stale_code) {
    absl::StrAppend(&listed.stale, listed.stale.empty() ? "" : "; ",
                    std::string(runtime::kStaleCode));
  }
  return listed;
}

struct Selection {
  std::vector<Listed> records;
  std::vector<cache::RejectedRecord> rejected;
};

// Rejected files have no problem to compare with the flags, so they are listed only without such
// flags.
Selection Select(const cache::Store& store, const CacheFlags& flags) {
  Selection selection;
  for (cache::StoredRecord& stored : store.List(flags.all_cpus, &selection.rejected)) {
    if (!flags.filter.Matches(stored.record)) continue;
    Listed listed = Look(std::move(stored));
    if (!flags.stale || !listed.stale.empty()) selection.records.push_back(std::move(listed));
  }
  if (flags.filter.Any()) selection.rejected.clear();
  return selection;
}

Json RejectedJson(const std::vector<cache::RejectedRecord>& rejected) {
  Json json = Json::array();
  for (const auto& [path, why] : rejected) json.push_back({{"path", path}, {"why", why}});
  return json;
}

Json StoredJson(const Listed& stored) {
  Json json = {
      {"path", stored.path}, {"stale", OrNull(stored.stale)}, {"stale_code", stored.stale_code}};
  json["record"] = ToJson(stored.record);
  return json;
}

std::string State(const Listed& stored) {
  if (!stored.stale.empty()) return "stale: " + stored.stale;
  return stored.record.result.complete ? "" : "search was cut short";
}

int List(const CacheFlags& flags) {
  const cache::Layers layers = cache::Layers::Default(HostCpu());
  Json json = JsonHead("cache list");
  json["folders"] = Json::array();
  int records = 0, stale = 0;
  for (const cache::Store& store : layers.stores()) {
    const Selection selection = Select(store, flags);
    Json folder = {{"root", store.root()}, {"records", Json::array()}};
    for (const auto& stored : selection.records) folder["records"].push_back(StoredJson(stored));
    folder["rejected"] = RejectedJson(selection.rejected);
    json["folders"].push_back(std::move(folder));
    records += static_cast<int>(selection.records.size());
    for (const Listed& listed : selection.records) stale += listed.stale_code;
    if (flags.json || (selection.records.empty() && selection.rejected.empty())) continue;

    std::vector<std::vector<std::string>> rows = {{"KEY", ">SPEED", ">GAIN", "TUNED", "STATE"}};
    for (const Listed& stored : selection.records) {
      const cache::Record& record = stored.record;
      rows.push_back({record.key.ToString(), RateText(record.problem, record.result.median_s),
                      Percent(record.result.gain - 1), record.date, State(stored)});
    }
    std::printf("%s\n", Bold(store.root(), stdout).c_str());
    if (rows.size() > 1) std::fputs(Table(rows).c_str(), stdout);
    for (const auto& [path, why] : selection.rejected) {
      std::printf("unusable: %s\n", Clean(why).c_str());
    }
  }
  if (flags.json) {
    PrintJson(json);
  } else if (records == 0) {
    std::puts(flags.filter.Any() || flags.stale ? "no record matches"
                                                : "nothing is tuned yet: jitattn tune --dim 1024");
  } else if (stale > 0) {
    std::printf("%d %s stale: %s; jitattn tune --stale\n", stale,
                stale == 1 ? "record is" : "records are", "this version emits different code");
  }
  return kDone;
}

std::string RecordText(const Listed& stored) {
  const cache::Record& record = stored.record;
  const cache::Record::Result& result = record.result;
  const cache::Fingerprint& cpu = record.fingerprint;
  return Fields(
      {{"problem", ops::Describe(record.problem)},
       {"for",
        absl::StrFormat("%d threads at most, %s, %s buffers", record.key.conditions.threads,
                        Name(record.key.conditions.isa), ops::Name(record.key.conditions.buffers))},
       {"config", ops::ToString(record.config)},
       {"default", ops::ToString(result.default_config)},
       {"kernel", absl::StrFormat("%s, code hash %016x", record.kernel, record.code_hash)},
       {"speed",
        absl::StrFormat("%s: median %s, spread %s, fastest %s of %d runs",
                        RateText(record.problem, result.median_s), Seconds(result.median_s),
                        Seconds(result.mad_s), Seconds(result.min_s), result.samples)},
       {"gain", absl::StrFormat("%s over the default's %s (%s … %s)", Percent(result.gain - 1),
                                Seconds(result.default_median_s), Percent(result.gain_low - 1),
                                Percent(result.gain_high - 1))},
       {"max error", absl::StrFormat("%.2g", result.max_error)},
       {"search",
        absl::StrFormat("%d evaluations of a space of %d, strategy %s, seed %d, %s%s",
                        result.evaluations, result.space_size, result.strategy, result.seed,
                        Seconds(result.tuning_s), result.complete ? "" : ", cut short")},
       {"machine", absl::StrFormat("%s family %s model %s stepping %s, %s cores; %s", cpu.vendor,
                                   cpu.family, cpu.model, cpu.stepping, cpu.cores, cpu.features)},
       {"warning", result.machine_flags.empty() ? "-" : absl::StrJoin(result.machine_flags, ", ")},
       {"made by", absl::StrFormat("jitattn %s with Xbyak %s, %s", record.jitattn_version,
                                   record.xbyak_version, record.date)},
       {"stale", stored.stale.empty() ? "no" : stored.stale},
       {"file", stored.path}});
}

int ShowRecord(const CacheFlags& flags) {
  const cache::Layers layers = cache::Layers::Default(HostCpu());
  std::vector<std::string> keys;
  for (const cache::Store& store : layers.stores()) {
    std::vector<cache::RejectedRecord> rejected;
    for (cache::StoredRecord& found : store.List(/*all_cpus=*/true, &rejected)) {
      keys.push_back(found.record.key.ToString());
      if (keys.back() != flags.key && found.path != flags.key) continue;
      const Listed stored = Look(std::move(found));
      if (flags.json) {
        Json json = JsonHead("cache show");
        json.update(StoredJson(stored));
        PrintJson(json);
      } else {
        std::printf("%s\n%s", Bold(keys.back(), stdout).c_str(), RecordText(stored).c_str());
      }
      return kDone;
    }
    for (const auto& [path, why] : rejected) {
      if (path != flags.key && !path.ends_with("/" + flags.key + ".toml")) continue;
      return Fail(absl::FailedPreconditionError(why));
    }
  }
  const std::vector<std::string_view> names(keys.begin(), keys.end());
  const std::string_view meant = Closest(flags.key, names);
  return Fail(absl::NotFoundError(
      absl::StrFormat("no record has the key '%s'%s", flags.key,
                      meant.empty() ? "; jitattn cache list shows all keys"
                                    : absl::StrFormat("; did you mean %s?", meant))));
}

bool Confirmed(size_t count, const std::string& root) {
  std::printf("remove %d %s under %s? [y/N] ", static_cast<int>(count),
              count == 1 ? "record" : "records", Clean(root).c_str());
  std::fflush(stdout);
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

// Clears the user's own folder only: the system's folders belong to packages. Removes records,
// damaged ones too, and left-overs of killed writers. Other files in the folder are not ours.
int Clear(const CacheFlags& flags) {
  const cache::Layers layers = cache::Layers::Default(HostCpu());
  if (layers.stores().empty()) return Fail(absl::NotFoundError("there is no cache folder"));
  const cache::Store& store = layers.stores().front();
  const Selection selection = Select(store, flags);
  std::vector<std::string> paths, left;
  for (const auto& stored : selection.records) paths.push_back(stored.path);
  for (const auto& rejected : selection.rejected) {
    const absl::Status ours = store.CheckRemovable(rejected.path);
    if (absl::IsFailedPrecondition(ours)) {
      left.emplace_back(ours.message());
    } else {
      paths.push_back(rejected.path);
    }
  }
  if (!paths.empty() && !flags.yes) {
    if (!isatty(STDIN_FILENO)) {
      return Fail(absl::InvalidArgumentError(absl::StrFormat(
          "%d records would be removed; without a terminal, --yes is needed to confirm",
          paths.size())));
    }
    if (!Confirmed(paths.size(), store.root())) {
      std::puts("nothing removed");
      return kDone;
    }
  }
  int exit_code = kDone;
  std::vector<std::string> removed;
  for (const std::string& path : paths) {
    const absl::Status status = store.Remove(path);
    if (status.ok()) {
      removed.push_back(path);
    } else if (absl::IsFailedPrecondition(status)) {
      left.emplace_back(status.message());
    } else if (!absl::IsNotFound(status)) {  // somebody else was as quick
      exit_code = Fail(status);
    }
  }
  if (!flags.filter.Any() && !flags.stale) store.RemoveLeftOvers(flags.all_cpus);
  if (flags.json) {
    Json json = JsonHead("cache clear");
    json["root"] = store.root();
    json["removed"] = removed;
    json["left"] = left;
    PrintJson(json);
  } else {
    std::printf("%d removed\n", static_cast<int>(removed.size()));
    for (const std::string& line : left) std::printf("left: %s\n", Clean(line).c_str());
  }
  return exit_code;
}

int PrintPath(const CacheFlags& flags) {
  const std::string root = cache::DefaultRoot();
  if (flags.json) {
    Json json = JsonHead("cache path");
    json["root"] = OrNull(root);
    PrintJson(json);
    return kDone;
  }
  if (root.empty()) {
    return Fail(absl::NotFoundError("there is no cache folder: set JITATTN_CACHE_DIR or HOME"));
  }
  std::printf("%s\n", root.c_str());  // unchanged, for scripts; from the user's own environment
  return kDone;
}

}  // namespace

Command AddCache(CLI::App* app) {
  auto flags = std::make_shared<CacheFlags>();
  CLI::App* cache = app->add_subcommand("cache", "List, show and clear tuned records");
  cache->require_subcommand(1);
  auto add = [&](const char* name, const char* help) {
    CLI::App* command = cache->add_subcommand(name, help);
    command->add_flag("--json", flags->json, "the answer as JSON (docs/json.md)")->group("Output");
    return command;
  };
  CLI::App* list = add("list", "List the records of this CPU, or of all with --all-cpus");
  CLI::App* show = add("show", "Show all fields of one record");
  show->add_option("KEY", flags->key, "a key as list prints it, or a file")->required();
  CLI::App* clear = add("clear", "Remove records from the user's folder");
  clear->add_flag("--yes", flags->yes, "do not ask")->group("Output");
  for (CLI::App* command : {list, clear}) {
    flags->filter.AddTo(command);
    command->add_flag("--all-cpus", flags->all_cpus, "also records of other CPUs")
        ->group("Machine");
    command
        ->add_flag("--stale", flags->stale,
                   "only records older than a change of the machine or of the kernels")
        ->group("Machine");
  }
  add("path", "Print the user's folder of records");
  return {cache, [=] {
            if (list->parsed()) return List(*flags);
            if (show->parsed()) return ShowRecord(*flags);
            if (clear->parsed()) return Clear(*flags);
            return PrintPath(*flags);
          }};
}

}  // namespace jitattn::cli
