// One-shot calls from the destructor of a static object, of more problems than a thread keeps.

#include <jitattn/jitattn.hpp>

#include "life.h"

namespace {

constexpr long kMost = 1 << 14;
float x[kMost], y[kMost];

void CallAll() {
  for (long n = 64; n <= kMost; n *= 2) {
    CHECK(SiluIsWrong(jitattn_sigmoid_mul, x, y, n) == 0, "length %ld", n);
    if (n > 256) continue;  // attention of as many lengths
    CHECK(jitattn::Attention<float>({.q_len = n, .head_dim = 8}, x, x, x, y).ok(), "length %ld", n);
  }
}

struct CallsAtTheEnd {
  ~CallsAtTheEnd() {
    CallAll();
    CallAll();
  }
} calls_at_the_end;

}  // namespace

int main() {
  FillSmall(x, kMost);
  CallAll();
  return kRight;
}
