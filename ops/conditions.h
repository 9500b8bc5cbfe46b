// The conditions under which a problem is solved, timed and remembered.

#ifndef JITATTN_OPS_CONDITIONS_H_
#define JITATTN_OPS_CONDITIONS_H_

#include <optional>
#include <string_view>

#include "base/cpu.h"
#include "ops/operands.h"

namespace jitattn::ops {

// kCold: each run takes other operands, which together exceed the caches.
enum class Buffers { kHot, kCold };
std::string_view Name(Buffers buffers);  // "hot", "cold"
std::optional<Buffers> BuffersFromName(std::string_view name);

// Conditions without defaults: every member is decided. A function that takes a CPU beside
// conditions expects the CPU that Resolve() was given, so that cpu.isa equals `isa`.
struct Conditions {
  int threads = 1;         // upper limit: a configuration may use fewer
  Isa isa = Isa::kAvx512;  // upper limit
  Buffers buffers = Buffers::kHot;
  Layout layout = Layout::kHeads;

  bool operator==(const Conditions&) const = default;
};

struct RequestedConditions {
  int threads = 0;  // 0: one for each physical core
  Buffers buffers = Buffers::kHot;
  Layout layout = Layout::kHeads;
};

// Fills in the defaults of a request: `threads` becomes ThreadBudget(threads), `isa` becomes
// cpu.isa. A caller who wants a lesser instruction set passes a capped CPU. No other function
// changes conditions.
Conditions Resolve(const RequestedConditions& requested, const Cpu& cpu);

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_CONDITIONS_H_
