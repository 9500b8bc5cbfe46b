// jitattn cpu: the detected properties of the machine, and with --measure its limits.

#include "base/cpu.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cache/fingerprint.h"
#include "cache/store.h"
#include "cli/command.h"
#include "cli/json.h"
#include "cli/text.h"
#include "cli/topology.h"
#include "jit/executable_memory.h"
#include "parallel/parallel.h"
#include "runtime/peak.h"

namespace jitattn::cli {
namespace {

struct CpuFlags {
  bool measure = false, json = false;
};

struct Peak {
  std::string what;  // "f32 FMA, 512-bit, 2 threads"
  std::string unit;
  double value;  // in that unit
};

// Samples of each probe; the best one counts. Probes take turns, so a slow moment affects all
// alike.
constexpr int kLooks = 10;

absl::StatusOr<std::vector<Peak>> MeasurePeaks(const Cpu& cpu) {
  struct Probe {
    std::string unit, where;
    std::unique_ptr<runtime::PeakProbe> probe;
  };
  std::vector<Probe> probes;
  absl::Status failed;
  auto add = [&](const char* unit, std::string where,
                 absl::StatusOr<std::unique_ptr<runtime::PeakProbe>> probe) {
    if (!probe.ok()) failed = probe.status();
    if (probe.ok()) probes.push_back({unit, std::move(where), *std::move(probe)});
  };
  std::vector<int> thread_counts = {1};
  const int all = ThreadBudget(0);
  if (all > 1) thread_counts.push_back(all);
  // Half of a cache, so that the buffer fits beside other data; four times the L3 for memory.
  const std::pair<const char*, int64_t> places[] = {{"L1d", cpu.l1d_bytes / 2},
                                                    {"L2", cpu.l2_bytes / 2},
                                                    {"L3", cpu.l3_bytes / 2},
                                                    {"memory", cpu.l3_bytes * 4}};
  for (const int threads : thread_counts) {
    for (const DType dtype : {DType::kF32, DType::kF64, DType::kBF16}) {
      if (dtype == DType::kBF16 && !cpu.avx512_bf16) continue;  // same limit as f32
      add("GFLOP/s", "", runtime::MakeFmaProbe(dtype, cpu.isa, threads, cpu));
    }
    for (const auto& [name, bytes] : places) {
      for (const runtime::Traffic traffic : {runtime::Traffic::kRead, runtime::Traffic::kCopy}) {
        add("GB/s", absl::StrCat(name, ": "),
            runtime::MakeBandwidthProbe(traffic, bytes, cpu.isa, threads, cpu));
      }
    }
  }
  if (!failed.ok()) return failed;
  for (int look = 0; look < kLooks; ++look) {
    for (const Probe& probe : probes) probe.probe->Sample();
  }
  std::vector<Peak> peaks;
  for (const Probe& probe : probes) {
    peaks.push_back(
        {probe.where + probe.probe->describe(), probe.unit, probe.probe->best() * 1e-9});
  }
  peaks.push_back({"clock, from dependent additions", "GHz", runtime::MeasureClockHz() * 1e-9});
  return peaks;
}

std::string IsaText(const Cpu& cpu) {
  std::string text(Name(cpu.isa));
  if (cpu.isa != cpu.detected_isa) {
    absl::StrAppendFormat(&text, " (the CPU has %s; JITATTN_MAX_ISA caps it)",
                          Name(cpu.detected_isa));
  }
  if (!jit::ExecutableMemoryAllowed()) {
    absl::StrAppend(&text, "; the system refuses executable memory, so the portable path runs");
  }
  return text;
}

std::string CachesText(const Topology& topology) {
  std::string text;
  for (const CacheLevel& level : topology.caches) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", level.name, " ", Bytes(level.bytes));
    if (level.count > 1) absl::StrAppendFormat(&text, " × %d", level.count);
    if (level.sharing > 1) absl::StrAppendFormat(&text, " (shared by %d)", level.sharing);
  }
  return text;
}

void PrintText(const Cpu& cpu, const cache::Fingerprint& print,
               const absl::StatusOr<Topology>& topology, const std::vector<Peak>& peaks) {
  std::vector<std::pair<std::string, std::string>> fields = {
      {"instructions", IsaText(cpu)},
      {"features", print.features},
      {"model", absl::StrFormat("%s family %d model %d stepping %d, microcode %s", print.vendor,
                                cpu.family, cpu.model, cpu.stepping,
                                print.microcode.empty() ? "unknown" : print.microcode)},
      {"cores",
       absl::StrFormat("this process may use %d physical, %d logical%s", cpu.physical_cores,
                       cpu.logical_cpus, cpu.hybrid ? "; of several kinds" : "")},
      {"FMA units",
       absl::StrFormat("%d per core, assumed: CPUID does not report it", cpu.fma_units)},
      {"caches used",
       absl::StrFormat("L1d %s, L2 %s, L3 %s, lines of %d bytes", Bytes(cpu.l1d_bytes),
                       Bytes(cpu.l2_bytes), Bytes(cpu.l3_bytes), cpu.line_bytes)}};
  if (topology.ok()) {
    fields.emplace_back(
        "machine", absl::StrFormat("packages %d, NUMA nodes %d, cores %d, threads %d, memory %s",
                                   topology->packages, topology->numa_nodes, topology->cores,
                                   topology->threads, Bytes(topology->memory_bytes)));
    fields.emplace_back("its caches", CachesText(*topology));
  } else {
    fields.emplace_back("machine", std::string(topology.status().message()));
  }
  const std::string root = cache::DefaultRoot();
  fields.emplace_back("system", absl::StrCat("kernel ", print.kernel));
  fields.emplace_back("fingerprint", cache::FolderName(print));
  fields.emplace_back("records", root.empty() ? "kept in memory only: no folder"
                                              : absl::StrCat(root, "/", cache::FolderName(print)));
  std::printf("%s\n%s", Bold(cpu.brand, stdout).c_str(), Fields(fields).c_str());
  if (peaks.empty()) return;
  std::vector<std::vector<std::string>> rows = {{">PEAK", "", "OF"}};
  for (const Peak& peak : peaks) {
    rows.push_back(
        {absl::StrFormat("%.*f", peak.value < 10 ? 2 : 1, peak.value), peak.unit, peak.what});
  }
  std::fputs(Table(rows).c_str(), stdout);
}

Json MachineJson(const Topology& topology) {
  Json json = {{"packages", topology.packages},
               {"numa_nodes", topology.numa_nodes},
               {"cores", topology.cores},
               {"threads", topology.threads},
               {"memory_bytes", topology.memory_bytes},
               {"caches", Json::array()}};
  for (const CacheLevel& level : topology.caches) {
    json["caches"].push_back({{"name", level.name},
                              {"count", level.count},
                              {"bytes", level.bytes},
                              {"sharing", level.sharing}});
  }
  return json;
}

void PrintAsJson(const Cpu& cpu, const cache::Fingerprint& print,
                 const absl::StatusOr<Topology>& topology, const std::vector<Peak>& peaks) {
  Json json = JsonHead("cpu");
  json["brand"] = cpu.brand;
  json["isa"] = Name(cpu.isa);
  json["detected_isa"] = Name(cpu.detected_isa);
  json["executable_memory"] = jit::ExecutableMemoryAllowed();
  json["hybrid"] = cpu.hybrid;
  json["fma_units"] = cpu.fma_units;
  json["logical_cpus"] = cpu.logical_cpus;
  json["physical_cores"] = cpu.physical_cores;
  json["line_bytes"] = cpu.line_bytes;
  json["fingerprint"] = {{"folder", cache::FolderName(print)},
                         {"vendor", print.vendor},
                         {"family", print.family},
                         {"model", print.model},
                         {"stepping", print.stepping},
                         {"features", print.features},
                         {"microcode", print.microcode},
                         {"kernel", print.kernel},
                         {"cores", print.cores},
                         {"l1d_bytes", print.l1d_bytes},
                         {"l2_bytes", print.l2_bytes},
                         {"l3_bytes", print.l3_bytes}};
  json["cache_root"] = OrNull(cache::DefaultRoot());
  json["machine"] = topology.ok() ? MachineJson(*topology) : Json(nullptr);
  json["peaks"] = Json::array();
  for (const Peak& peak : peaks) {
    json["peaks"].push_back(
        {{"what", peak.what}, {"value", Number(peak.value)}, {"unit", peak.unit}});
  }
  PrintJson(json);
}

int RunCpu(const CpuFlags& flags) {
  const Cpu& cpu = HostCpu();
  std::vector<Peak> peaks;
  if (flags.measure) {
    auto measured = MeasurePeaks(cpu);
    if (!measured.ok()) return Fail(measured.status());
    peaks = *std::move(measured);
  }
  const auto print = flags.json ? PrintAsJson : PrintText;
  print(cpu, cache::HostFingerprint(cpu), ReadTopology(), peaks);
  return kDone;
}

}  // namespace

Command AddCpu(CLI::App* app) {
  auto flags = std::make_shared<CpuFlags>();
  CLI::App* cpu = app->add_subcommand("cpu", "Show the detected properties of this machine");
  cpu->add_flag("--measure", flags->measure,
                "also measure the limits: arithmetic, bandwidth, clock");
  cpu->add_flag("--json", flags->json, "the answer as JSON (docs/json.md)");
  return {cpu, [flags] { return RunCpu(*flags); }};
}

}  // namespace jitattn::cli
