// The choice of checked rows, common to all operations.

#include "ops/checker.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace jitattn::ops {

std::vector<int64_t> SampleRows(int64_t length, int64_t count, int64_t turn) {
  std::vector<int64_t> rows;
  if (count >= length) {
    for (int64_t row = 0; row < length; ++row) rows.push_back(row);
    return rows;
  }
  std::set<int64_t> chosen;
  const int64_t last_tile = (length - 1) / 64 * 64, last_vector = (length - 1) / 16 * 16;
  const int64_t borders[] = {
      0, length - 1, 63, 64, last_tile, 15, 16, last_vector, last_tile - 1, last_vector - 1};
  // With one row for each head, `turn` picks another border row for each of them.
  const size_t first = static_cast<size_t>(turn) % std::size(borders);
  for (size_t i = 0; i < std::size(borders); ++i) {
    const int64_t row = borders[(first + i) % std::size(borders)];
    // Border rows take at most half of the count, so that errors inside a tile are found too.
    if (row >= 0 && row < length && static_cast<int64_t>(chosen.size()) < (count + 1) / 2) {
      chosen.insert(row);
    }
  }
  // Multiples of the golden ratio modulo 1 fill an interval evenly, for any number of them.
  constexpr double kGolden = 0.6180339887498949;
  for (int64_t step = 1; static_cast<int64_t>(chosen.size()) < count; ++step) {
    const double place = std::fmod(kGolden * static_cast<double>(step + turn * count), 1.0);
    chosen.insert(std::min(length - 1, static_cast<int64_t>(place * static_cast<double>(length))));
  }
  return {chosen.begin(), chosen.end()};
}

}  // namespace jitattn::ops
