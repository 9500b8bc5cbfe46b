// Bochs as a process: its configuration, an unused screen, and the serial line in a file.

#include "tests/emulate/bochs.h"

#include "absl/strings/str_cat.h"
#include "tests/cli/process.h"
#include "tests/emulate/image.h"

namespace jitattn::emulate {
namespace {

// The machine's clock runs at few instructions per second, since each byte on the serial line takes
// 87 µs of that clock. A panic ends the emulator; turning the machine off is a panic.
std::string Configuration(const std::string& model, uint64_t ram_mb) {
  return absl::StrCat("config_interface: textconfig\n", "display_library: term\n",
                      "romimage: file=rom.bin\n", "memory: guest=", ram_mb, ", host=", ram_mb, "\n",
                      "cpu: model=", model, ", count=1, ips=1000000, reset_on_triple_fault=0\n",
                      "clock: sync=none\n", "pci: enabled=0\n", "sound: waveoutdrv=dummy\n",
                      "com1: enabled=1, mode=file, dev=serial.bin\n", "log: log.txt\n",
                      "panic: action=fatal\n", "error: action=report\n", "info: action=ignore\n",
                      "debug: action=ignore\n");
}

std::string LastLines(const std::string& text, int count) {
  size_t at = text.size();
  for (int i = 0; i <= count && at != 0 && at != text.npos; ++i) at = text.rfind('\n', at - 1);
  return at == text.npos || at == 0 ? text : text.substr(at + 1);
}

}  // namespace

std::string WhyNoBochs() {
  Image image(/*xcr0=*/1);
  const uint64_t ram_bytes = image.ram_bytes();
  const auto said = RunInBochs(image.Rom(), ram_bytes, "corei7_haswell_4770", 30);
  return said.ok() ? "" : std::string(said.status().message());
}

absl::StatusOr<std::vector<uint8_t>> RunInBochs(std::span<const uint8_t> rom, uint64_t ram_bytes,
                                                const std::string& model, int limit_s) {
  const cli::TempDir folder;
  cli::WriteFile(folder / "rom.bin", std::string(rom.begin(), rom.end()));
  cli::WriteFile(folder / "bochsrc", Configuration(model, (ram_bytes + (1 << 20) - 1) >> 20));
  cli::WriteFile(folder / "debugger",
                 "continue\n");  // Debian's is built with a debugger, which asks
  cli::ProcessOptions options = {.terminal = true, .folder = folder.path()};
  options.env["TERM"] = "vt100";
  const cli::ProcessResult result =
      cli::Process({"timeout", "--kill-after=5", absl::StrCat(limit_s), "bochs", "-q", "-f",
                    "bochsrc", "-rc", "debugger"},
                   options)
          .Finish();
  const std::string said = cli::ReadFile(folder / "serial.bin");
  if (said.empty()) {
    const std::string log = cli::ReadFile(folder / "log.txt");
    return absl::UnavailableError(absl::StrCat("bochs did not boot, exit code ", result.exit_code,
                                               ": ", LastLines(log.empty() ? result.err : log, 5)));
  }
  return std::vector<uint8_t>(said.begin(), said.end());
}

}  // namespace jitattn::emulate
