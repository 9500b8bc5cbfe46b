// `./dev test --long` has hours; otherwise a sweep takes a sample of its cases.

#ifndef JITATTN_TESTS_LONG_TESTS_H_
#define JITATTN_TESTS_LONG_TESTS_H_

#include <cstdlib>

namespace jitattn {

// `all` in long tests, else `some`.
inline int AllOrSome(int all, int some) {
  return std::getenv("JITATTN_LONG_TESTS") != nullptr ? all : some;
}

}  // namespace jitattn

#endif  // JITATTN_TESTS_LONG_TESTS_H_
