// emulate CPU [TESTS...]: runs kernels and tests on an emulated CPU. Without arguments, lists the
// CPUs.

#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "tests/emulate/bochs.h"
#include "tests/emulate/qemu.h"
#include "tests/emulate/suite.h"

namespace jitattn::emulate {
namespace {

constexpr int kSkipped = 77;  // tests/emulate/CMakeLists.txt tells ctest so

void PrintCpus() {
  std::printf(
      "./dev emulate CPU [TESTS...]   TESTS: parts of names; without them, a fixed set\n\n");
  for (const EmulatedCpu& cpu : EmulatedCpus()) {
    std::printf("  %-10s %-8s %s%s\n", std::string(cpu.name).c_str(),
                std::string(Name(cpu.isa)).c_str(), cpu.bochs.empty() ? "" : "kernels in Bochs",
                cpu.qemu.empty()    ? ""
                : cpu.bochs.empty() ? "programs in qemu-user"
                                    : ", programs in qemu-user");
  }
}

// Why this CPU cannot be emulated here; "" where it can.
std::string WhyNot(const EmulatedCpu& cpu) {
  if (!cpu.qemu.empty() && !HasQemu()) return "no command qemu-x86_64";
  return cpu.bochs.empty() ? "" : WhyNoBochs();
}

int Run(const EmulatedCpu& cpu, const std::vector<std::string>& words) {
  if (const std::string why = WhyNot(cpu); !why.empty()) {
    std::printf("%s: skipped, %s\n", std::string(cpu.name).c_str(), why.c_str());
    return kSkipped;
  }
  const auto start = std::chrono::steady_clock::now();
  Tally total;
  const auto add = [&](const Tally& tally) {
    total.passed += tally.passed;
    total.failed += tally.failed;
    total.skipped += tally.skipped;
  };
  if (!cpu.bochs.empty()) add(RunCases(cpu, words));
  if (!cpu.qemu.empty()) add(RunPrograms(cpu, words));
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::printf("%s: %d passed, %d failed, %d skipped, %.1f s\n", std::string(cpu.name).c_str(),
              total.passed, total.failed, total.skipped, seconds.count());
  if (total.passed + total.failed == 0) std::printf("no test has such a name\n");
  return total.failed == 0 && total.passed > 0 ? 0 : 1;
}

int Main(const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    PrintCpus();
    return 0;
  }
  const EmulatedCpu* cpu = FindCpu(arguments[0]);
  if (cpu == nullptr) {
    std::fprintf(stderr, "emulate: no CPU \"%s\"\n", arguments[0].c_str());
    PrintCpus();
    return 2;
  }
  return Run(*cpu, {arguments.begin() + 1, arguments.end()});
}

}  // namespace
}  // namespace jitattn::emulate

int main(int count, char** arguments) {
  return jitattn::emulate::Main({arguments + 1, arguments + count});
}
