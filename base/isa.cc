// The names of instruction sets.

#include "base/isa.h"

namespace jitattn::inline base {

std::string_view Name(Isa isa) {
  switch (isa) {
    case Isa::kPortable:
      return "none";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512:
      return "avx512";
  }
  return "?";
}

std::optional<Isa> IsaFromName(std::string_view name) {
  for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
    if (name == Name(isa)) return isa;
  }
  return std::nullopt;
}

}  // namespace jitattn::inline base
