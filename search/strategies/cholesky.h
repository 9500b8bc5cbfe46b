// Cholesky factors of small dense matrices. (The Gaussian process factors larger ones with Eigen.)

#ifndef JITATTN_SEARCH_STRATEGIES_CHOLESKY_H_
#define JITATTN_SEARCH_STRATEGIES_CHOLESKY_H_

#include <cmath>
#include <cstddef>
#include <vector>

namespace jitattn::search {

// The lower factor L of a symmetric positive definite matrix, A = L·Lᵀ.
class Cholesky {
 public:
  // `matrix`: n × n, row-major; only the lower half is read. The square of a pivot that rounding
  // has made tiny or negative is raised to 1e-12.
  Cholesky(size_t n, std::vector<double> matrix) : n_(n), l_(std::move(matrix)) {
    for (size_t i = 0; i < n_; ++i) {
      for (size_t j = 0; j <= i; ++j) {
        double sum = l_[i * n_ + j];
        for (size_t k = 0; k < j; ++k) sum -= l_[i * n_ + k] * l_[j * n_ + k];
        l_[i * n_ + j] = i == j ? std::sqrt(std::fmax(sum, 1e-12)) : sum / l_[j * n_ + j];
      }
    }
  }

  std::vector<double> Multiply(const std::vector<double>& x) const {  // L·x
    std::vector<double> y(n_);
    for (size_t i = 0; i < n_; ++i) {
      for (size_t j = 0; j <= i; ++j) y[i] += l_[i * n_ + j] * x[j];
    }
    return y;
  }
  std::vector<double> SolveLower(std::vector<double> x) const {  // L⁻¹·x
    for (size_t i = 0; i < n_; ++i) {
      for (size_t j = 0; j < i; ++j) x[i] -= l_[i * n_ + j] * x[j];
      x[i] /= l_[i * n_ + i];
    }
    return x;
  }
  std::vector<double> SolveUpper(std::vector<double> x) const {  // L⁻ᵀ·x
    for (size_t i = n_; i-- > 0;) {
      for (size_t j = i + 1; j < n_; ++j) x[i] -= l_[j * n_ + i] * x[j];
      x[i] /= l_[i * n_ + i];
    }
    return x;
  }

 private:
  size_t n_;
  std::vector<double> l_;
};

}  // namespace jitattn::search

#endif  // JITATTN_SEARCH_STRATEGIES_CHOLESKY_H_
