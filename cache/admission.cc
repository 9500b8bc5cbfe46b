// From a record's text to the decision whether it may be used on this CPU.

#include "cache/admission.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace jitattn::cache {
namespace {

// A CPU with every feature: a record that is invalid here is invalid on any CPU.
Cpu AnyCpu(Cpu cpu) {
  cpu.isa = cpu.detected_isa = Isa::kAvx512;
  cpu.f16c = cpu.avx512_bf16 = cpu.avx512_vnni = cpu.avx512_fp16 = true;
  return cpu;
}

}  // namespace

absl::StatusOr<Admission> Admit(std::string_view toml, const std::string& path, const Cpu& cpu,
                                const Fingerprint& host) {
  // The fingerprint is compared before the configuration is validated for this CPU. So a record of
  // another CPU is reported as such, not as a broken rule, and can still be listed.
  absl::StatusOr<Record> record = ParseRecord(toml, path, AnyCpu(cpu));
  if (!record.ok()) return record.status();
  Admission admission;
  HostMatch comparison = Compare(record->fingerprint, host);
  if (!comparison.usable) {
    admission.use = absl::FailedPreconditionError(
        absl::StrCat(path, ": tuned on another cpu: ", comparison.why_not));
  } else if (absl::Status s = ops::Validate(record->config, record->problem, cpu); !s.ok()) {
    admission.use = absl::Status(s.code(), absl::StrCat(path, ": ", s.message()));
  }
  admission.stored = {*std::move(record), path, std::move(comparison.stale)};
  admission.stored.usable = admission.use.ok();
  return admission;
}

}  // namespace jitattn::cache
