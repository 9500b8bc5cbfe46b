// The conditions under which a problem is solved, timed and remembered.

#ifndef JITATTN_OPS_CONDITIONS_H_
#define JITATTN_OPS_CONDITIONS_H_

#include <optional>
#include <string_view>

#include "base/cpu.h"
#include "ops/operands.h"

namespace jitattn::ops {

enum class Buffers { kHot, kCold };  // kCold: operands rotate through more memory than the caches
std::string_view Name(Buffers buffers);  // "hot", "cold"
std::optional<Buffers> BuffersFromName(std::string_view name);

// Nothing in them is left to be decided. A function that takes a CPU beside conditions takes the
// CPU that they were resolved for: its best instructions are `isa`.
struct Conditions {
  int threads = 1;         // at most: a configuration may use fewer
  Isa isa = Isa::kAvx512;  // at most
  Buffers buffers = Buffers::kHot;
  Layout layout = Layout::kHeads;

  bool operator==(const Conditions&) const = default;
};

struct RequestedConditions {
  int threads = 0;  // 0: one for each physical core
  Buffers buffers = Buffers::kHot;
  Layout layout = Layout::kHeads;
};

// The one place where a request becomes a thread budget (ThreadBudget) and an instruction set (that
// of `cpu`: whoever wants less caps the CPU). Everything below takes conditions as they are.
Conditions Resolve(const RequestedConditions& requested, const Cpu& cpu);

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_CONDITIONS_H_
