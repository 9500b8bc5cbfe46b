// Do strategies differ significantly? Paired tests, corrected for the number of tests.

#ifndef JITATTN_LAB_REPLAY_SIGNIFICANCE_H_
#define JITATTN_LAB_REPLAY_SIGNIFICANCE_H_

#include <span>
#include <vector>

namespace jitattn::lab {

// Two-sided p of the Wilcoxon signed-rank test on pairs (a[i], b[i]); equal pairs are left out.
// Exact up to 25 pairs without tied differences, else the normal approximation with corrections for
// ties and continuity. 1 if no pair differs. REQUIRES: a.size() == b.size().
double WilcoxonSignedRank(std::span<const double> a, std::span<const double> b);

// Returns the p-values adjusted for a family of tests (Holm 1979), in the same order. Compare each
// with the significance level of the whole family.
std::vector<double> Holm(std::span<const double> p);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_REPLAY_SIGNIFICANCE_H_
