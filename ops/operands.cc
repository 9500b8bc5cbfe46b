// The arrays of a run and their layout in memory.

#include "ops/operands.h"

#include <algorithm>

#include "ops/operation.h"

namespace jitattn::ops {

std::string_view Name(Layout layout) { return layout == Layout::kHeads ? "heads" : "columns"; }

std::optional<Layout> LayoutFromName(std::string_view name) {
  for (const Layout layout : {Layout::kHeads, Layout::kColumns}) {
    if (name == Name(layout)) return layout;
  }
  return std::nullopt;
}

Strides DenseStrides(const Array& array, Layout layout) {
  const auto product = [](int64_t a, int64_t b) {
    return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  };
  const bool heads_first = layout == Layout::kHeads;
  return {product(array.heads, product(array.rows, array.cols)),
          heads_first ? product(array.rows, array.cols) : array.cols,
          heads_first ? array.cols : product(array.heads, array.cols)};
}

Layout Effective(Layout layout, const Problem& problem) {
  const Arrays arrays = problem.operation().arrays(problem);
  const bool several = std::any_of(arrays.array.begin(), arrays.array.begin() + arrays.count,
                                   [](const Array& array) { return array.heads > 1; });
  return several ? layout : Layout::kHeads;
}

}  // namespace jitattn::ops
