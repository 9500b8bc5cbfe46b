// jitattn show: the emitted code of a problem, with its sections and registers.

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/command.h"
#include "cli/json.h"
#include "cli/listing.h"
#include "cli/plan_flags.h"
#include "cli/problem_flags.h"
#include "cli/text.h"

namespace jitattn::cli {
namespace {

struct ShowFlags {
  ProblemFlags problem;
  MachineFlags machine;
  PlanFlags plan;
  std::string raw;
  bool json = false;
};

constexpr size_t kConstantLine = 64;

// Calls use(offset, bytes) for every line of constants.
template <typename Use>
void ForEachConstant(const jit::Kernel& kernel, const Listing& listing, Use use) {
  const auto code = kernel.code();
  for (size_t begin = listing.constants_begin; begin < code.size(); begin += kConstantLine) {
    use(begin, code.subspan(begin, std::min(kConstantLine, code.size() - begin)));
  }
}

std::string TotalsText(const Listing& listing) {
  std::vector<std::vector<std::string>> rows = {
      {"SECTION", ">BYTES", ">INSTRUCTIONS", ">FMA", ">LOADS", ">STORES"}};
  SectionTotals sum = {.section = "all"};
  auto add = [&](const SectionTotals& t) {
    rows.push_back({t.section.empty() ? "(outside)" : t.section, absl::StrCat(t.bytes),
                    absl::StrCat(t.instructions), absl::StrCat(t.fmas), absl::StrCat(t.loads),
                    absl::StrCat(t.stores)});
  };
  for (const SectionTotals& totals : listing.totals) {
    add(totals);
    sum.bytes += totals.bytes;
    sum.instructions += totals.instructions;
    sum.fmas += totals.fmas;
    sum.loads += totals.loads;
    sum.stores += totals.stores;
  }
  add(sum);
  return Table(rows);
}

std::string CodeText(const jit::Kernel& kernel, const Listing& listing) {
  std::string text, section;
  for (const Instruction& line : listing.instructions) {
    if (line.section != section || text.empty()) {
      section = line.section;
      const std::string title = section.empty() ? "(outside all sections)" : section;
      absl::StrAppend(&text, "\n", Bold("; " + title, stdout), "\n");
    }
    absl::StrAppendFormat(&text, "%s 0x%04x  %s\n", line.jump_target ? ">" : " ", line.offset,
                          line.text);
  }
  if (listing.constants_begin < kernel.code().size()) {
    absl::StrAppend(&text, "\n", Bold("; constants", stdout), "\n");
  }
  ForEachConstant(kernel, listing, [&](size_t offset, std::span<const uint8_t> bytes) {
    absl::StrAppendFormat(&text, "  0x%04x  %s\n", offset, ConstantText(bytes));
  });
  return text;
}

void PrintText(const runtime::Plan& plan, const Listing& listing) {
  const jit::Kernel& kernel = plan.kernel();
  std::printf("%s\n", Bold(ops::Describe(plan.problem()), stdout).c_str());
  std::vector<std::pair<std::string, std::string>> fields = {
      {"kernel", kernel.name()},
      {"config", ops::ToString(plan.config())},
      {"why", plan.source().reason}};
  if (const std::string stale = StaleText(plan.source()); !stale.empty()) {
    fields.emplace_back("stale", stale);
  }
  if (kernel.code().empty()) {
    fields.emplace_back("code", "none: the portable path is compiled C++");
    std::fputs(Fields(fields).c_str(), stdout);
    return;
  }
  fields.emplace_back(
      "code", absl::StrFormat("%d bytes, of which %d constants; hash %016x", kernel.code().size(),
                              kernel.code().size() - listing.constants_begin, kernel.code_hash()));
  fields.emplace_back("scratch", absl::StrCat(Bytes(plan.thread_scratch_bytes()), " per thread"));
  std::printf("%s\n%s\n", Fields(fields).c_str(), Bold("registers", stdout).c_str());
  std::vector<std::pair<std::string, std::string>> registers;
  for (const auto& use : kernel.registers()) registers.emplace_back(use.registers, use.purpose);
  std::printf("%s\n%s%s\n", Fields(registers).c_str(), TotalsText(listing).c_str(),
              CodeText(kernel, listing).c_str());
}

Json PlanJson(const runtime::Plan& plan, const Listing& listing) {
  const jit::Kernel& kernel = plan.kernel();
  Json json = {{"problem", ToJson(plan.problem())}};
  AddSource(plan, &json);
  json["code_bytes"] = kernel.code().size();
  json["code_hash"] = absl::StrFormat("%016x", kernel.code_hash());
  json["scratch_bytes"] = plan.thread_scratch_bytes();
  json["registers"] = Json::array();
  for (const jit::RegisterUse& use : kernel.registers()) {
    json["registers"].push_back({{"registers", use.registers}, {"purpose", use.purpose}});
  }
  json["sections"] = Json::array();
  for (const jit::Section& section : kernel.sections()) {
    json["sections"].push_back({{"name", section.name},
                                {"begin", section.begin},
                                {"end", section.end},
                                {"depth", section.depth}});
  }
  json["totals"] = Json::array();
  for (const SectionTotals& t : listing.totals) {
    json["totals"].push_back({{"section", t.section},
                              {"bytes", t.bytes},
                              {"instructions", t.instructions},
                              {"fmas", t.fmas},
                              {"loads", t.loads},
                              {"stores", t.stores}});
  }
  json["instructions"] = Json::array();
  for (const Instruction& line : listing.instructions) {
    json["instructions"].push_back(
        {{"offset", line.offset}, {"text", line.text}, {"section", line.section}});
  }
  json["constants"] = Json::array();
  ForEachConstant(kernel, listing, [&](size_t offset, std::span<const uint8_t> bytes) {
    json["constants"].push_back({{"offset", offset}, {"text", ConstantText(bytes)}});
  });
  return json;
}

absl::Status WriteRaw(const std::string& path, std::span<const uint8_t> code) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  const bool written =
      file != nullptr && std::fwrite(code.data(), 1, code.size(), file) == code.size();
  const bool closed = file != nullptr && std::fclose(file) == 0;
  if (written && closed) return absl::OkStatus();
  return absl::UnavailableError(absl::StrFormat("cannot write %s: %s", path, std::strerror(errno)));
}

int RunShow(const ShowFlags& flags) {
  auto problems = flags.problem.Problems();
  if (!problems.ok()) return Fail(problems.status());
  problems = flags.plan.Meant(flags.problem, *std::move(problems));
  const auto machine = flags.machine.Resolve();
  if (!machine.ok()) return Fail(machine.status());
  if (!flags.raw.empty() && problems->size() > 1) {
    return Fail(absl::InvalidArgumentError(absl::StrFormat(
        "--raw takes the code of one problem, but the flags describe %d; --op chooses one",
        problems->size())));
  }
  Json json = JsonHead("show");
  json["kernels"] = Json::array();
  int exit_code = kDone;
  for (const ops::Problem& problem : *problems) {
    const auto plan = flags.plan.Plan(problem, *machine);
    if (!plan.ok()) return Fail(plan.status());
    const auto listing = Disassemble((*plan)->kernel());
    if (!listing.ok()) return Fail(listing.status());
    if (flags.json) {
      json["kernels"].push_back(PlanJson(**plan, *listing));
    } else {
      PrintText(**plan, *listing);
    }
    if (flags.raw.empty()) continue;
    const absl::Status status = WriteRaw(flags.raw, (*plan)->kernel().code());
    if (!status.ok()) exit_code = Fail(status);
  }
  if (flags.json) PrintJson(json);
  return exit_code;
}

}  // namespace

Command AddShow(CLI::App* app) {
  auto flags = std::make_shared<ShowFlags>();
  CLI::App* show = app->add_subcommand("show", "Disassemble the kernel of a problem");
  flags->problem.AddTo(show);
  flags->machine.AddTo(show);
  flags->plan.AddTo(show);
  show->add_option("--raw", flags->raw,
                   "write the bytes of the code to FILE, for other disassemblers")
      ->check(CLI::Validator(FileName(), ""))
      ->type_name("FILE")
      ->group("Output");
  show->add_flag("--json", flags->json, "the listing as JSON (docs/json.md)")->group("Output");
  show->footer(
      "Examples:\n"
      "  jitattn show --dim 1024 --op attention\n"
      "  jitattn show --op sigmoid-mul --dim 1024 --isa avx2 --config 'vecs=2 unroll=1'\n");
  return {show, [flags] { return RunShow(*flags); }};
}

}  // namespace jitattn::cli
