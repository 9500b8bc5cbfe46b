// The conditions under which a problem is solved, timed and remembered.

#include "ops/conditions.h"

#include "parallel/parallel.h"

namespace jitattn::ops {

std::string_view Name(Buffers buffers) { return buffers == Buffers::kHot ? "hot" : "cold"; }

std::optional<Buffers> BuffersFromName(std::string_view name) {
  for (const Buffers buffers : {Buffers::kHot, Buffers::kCold}) {
    if (name == Name(buffers)) return buffers;
  }
  return std::nullopt;
}

Conditions Resolve(const RequestedConditions& requested, const Cpu& cpu) {
  return {.threads = ThreadBudget(requested.threads),
          .isa = cpu.isa,
          .buffers = requested.buffers,
          .layout = requested.layout};
}

}  // namespace jitattn::ops
