// What fuzz targets share. Each target is one file with LLVMFuzzerTestOneInput: ./dev fuzz links it
// with libFuzzer; the tests feed it the files of corpus/<target>/ (corpus_main.cc).

#ifndef JITATTN_TESTS_FUZZ_FUZZ_H_
#define JITATTN_TESTS_FUZZ_FUZZ_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace jitattn::fuzz {

// Checks a condition that must hold for any input. A failure ends the process, which libFuzzer
// reports.
inline void Require(bool holds, const char* rule) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", rule);
  std::abort();
}

inline std::string_view Text(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace jitattn::fuzz

#endif  // JITATTN_TESTS_FUZZ_FUZZ_H_
