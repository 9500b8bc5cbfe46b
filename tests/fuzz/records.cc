// Records as a folder may hold them: refused with a reason, or read, written and read again alike.

#include <string>

#include "cache/record.h"
#include "fuzz.h"

namespace jitattn::fuzz {
namespace {

// The same on every machine: what a record is checked against is a part of the input.
const Cpu& SomeCpu() {
  static const Cpu cpu = [] {
    Cpu some;
    some.vendor = "AuthenticAMD";
    some.family = 25;
    some.model = 17;
    some.stepping = 1;
    some.isa = some.detected_isa = Isa::kAvx512;
    some.f16c = some.avx512_bf16 = some.avx512_vnni = true;
    some.logical_cpus = some.physical_cores = 8;
    return some;
  }();
  return cpu;
}

void Try(std::string_view text) {
  if (text.size() > cache::kMaxRecordBytes) return;
  const auto record = cache::ParseRecord(text, "fuzz", SomeCpu());
  if (!record.ok()) {
    Require(absl::IsInvalidArgument(record.status()) || absl::IsFailedPrecondition(record.status()),
            "a refusal is InvalidArgument or FailedPrecondition");
    Require(record.status().message().substr(0, 4) == "fuzz", "a refusal begins with the source");
    return;
  }
  const std::string written = cache::SerializeRecord(*record);
  const auto again = cache::ParseRecord(written, "again", SomeCpu());
  if (!again.ok()) std::fprintf(stderr, "%s\n", again.status().ToString().c_str());
  Require(again.ok(), "a record that was read can be written and read again");
  Require(cache::SerializeRecord(*again) == written, "and is the same then");
}

}  // namespace
}  // namespace jitattn::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  jitattn::fuzz::Try(jitattn::fuzz::Text(data, size));
  return 0;
}
