// The built command and tests as processes of qemu-user, which translates their instructions.

#include <cstdio>
#include <sstream>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/cli/process.h"
#include "tests/emulate/qemu.h"
#include "tests/emulate/suite.h"

namespace jitattn::emulate {
namespace {

constexpr int kLimitSeconds = 300;  // of one program

// The default tests, by the CPU's instruction set. They take seconds, use few threads (many
// spinning threads are slow under translation), and do not touch the end of a page: qemu 7.2 loads
// the masked-out elements of vmaskmovps, too.
struct Choice {
  Isa isa;
  std::string_view program, tests;
};
constexpr std::string_view kPlans =
    "AttentionPlan.AgreesWithTheFormula:AttentionPlan.ShorterRunsThanPlanned:AttentionPlan.Strides:"
    "SigmoidMulPlan.*:*DecodePlan.ShorterRuns*:CodeCache.OtherCode*:"
    "PlanSourceTest.*:WritableOrExecutable.*:KernelCalls.*:EveryTunable.*Schedule*:"
    "EmittedProbes.*:CApi.OneShotCalls";
constexpr Choice kChoices[] = {
    {Isa::kAvx2, "base_tests", "MaxIsaTest.*"},
    {Isa::kAvx2, "jit_tests",
     "CompileTest.*:CompilePortableTest.*:CompileErrorTest.*:"
     "*SigmoidMulTest.EveryExponent*_avx2_*"},
    {Isa::kAvx2, "runtime_tests", kPlans},
    {Isa::kPortable, "base_tests", "MaxIsaTest.*"},
    {Isa::kPortable, "jit_tests",
     "CompilePortableTest.*:CompileErrorTest.*:PortableAttentionTest.*:"
     "PortableSemanticsTest.*:*SigmoidMulTest.*_portable"},
    {Isa::kPortable, "runtime_tests", kPlans},
};

class Programs {
 public:
  Programs(const EmulatedCpu& cpu, Tally* tally) : cpu_(cpu), tally_(tally) {}

  cli::ProcessResult Run(std::vector<std::string> command) const {
    command.insert(command.begin(), {"timeout", "--kill-after=5", absl::StrCat(kLimitSeconds),
                                     "qemu-x86_64", "-cpu", std::string(cpu_.qemu)});
    return cli::Process(command, {.env = {{"JITATTN_CACHE_DIR", cache_.path()}}}).Finish();
  }

  // One test: the command with these arguments succeeds and says `expected`.
  void Command(std::vector<std::string> arguments, const std::string& expected) {
    const std::string name = absl::StrCat("jitattn.", absl::StrJoin(arguments, "-"));
    const cli::ProcessResult result = Run(cli::JitattnCommand(std::move(arguments)));
    const bool right = result.exit_code == 0 && result.out.find(expected) != std::string::npos;
    ++(right ? tally_->passed : tally_->failed);
    if (right) return;
    std::printf("FAILED %s: exit code %d, without \"%s\"\n%s%s", name.c_str(), result.exit_code,
                expected.c_str(), result.out.c_str(), result.err.c_str());
  }

  // Runs the matching tests of a test program; fewer than `at_least` are a failure.
  void Tests(const std::string& program, const std::string& filter, int at_least) {
    const cli::ProcessResult result =
        Run({absl::StrCat(JITATTN_BINARY_DIR "/tests/", program), "--gtest_brief=1",
             absl::StrCat("--gtest_filter=", filter)});
    Tally counted = CountTests(result.out);
    // A program that did not end normally, or that ran no test, has failed.
    const bool ran = result.exit_code == 0 && counted.passed + counted.skipped >= at_least;
    if (!ran && counted.failed == 0) counted.failed = 1;
    tally_->passed += counted.passed;
    tally_->failed += counted.failed;
    tally_->skipped += counted.skipped;
    if (counted.failed == 0) return;
    std::printf("FAILED %s: exit code %d\n%s", program.c_str(), result.exit_code,
                result.out.c_str());
  }

 private:
  const EmulatedCpu& cpu_;
  Tally* tally_;
  const cli::TempDir cache_;
};

// "*a*:*b*"
std::string FilterOf(const std::vector<std::string>& words) {
  return absl::StrJoin(words, ":", [](std::string* to, const std::string& word) {
    absl::StrAppend(to, "*", word, "*");
  });
}

}  // namespace

Tally CountTests(const std::string& said) {
  Tally tally;
  const std::pair<const char*, int*> lines[] = {{"[  PASSED  ] %d test", &tally.passed},
                                                {"[  FAILED  ] %d test", &tally.failed},
                                                {"[  SKIPPED ] %d test", &tally.skipped}};
  std::istringstream text(said);
  for (std::string line; std::getline(text, line);) {
    for (const auto& [format, count] : lines) std::sscanf(line.c_str(), format, count);
  }
  return tally;
}

bool HasQemu() { return cli::Process({"qemu-x86_64", "--version"}, {}).Finish().exit_code == 0; }

Tally RunPrograms(const EmulatedCpu& cpu, const std::vector<std::string>& words) {
  Tally tally;
  Programs programs(cpu, &tally);
  std::printf("%s: qemu-user, model %s, %s\n", std::string(cpu.name).c_str(),
              std::string(cpu.qemu).c_str(), std::string(Name(cpu.isa)).c_str());
  if (IsAsked("jitattn.cpu", words)) {
    programs.Command({"cpu"}, absl::StrCat("instructions  ", std::string(Name(cpu.isa))));
  }
  if (IsAsked("jitattn.run", words)) {
    programs.Command({"run", "--dim", "64", "--check"}, "correct: max error");
  }
  for (const Choice& choice : kChoices) {
    if (choice.isa != cpu.isa) continue;
    const std::string program(choice.program);
    if (words.empty()) {
      programs.Tests(program, std::string(choice.tests), 1);
    } else {
      programs.Tests(program, FilterOf(words), 0);
    }
  }
  return tally;
}

}  // namespace jitattn::emulate
