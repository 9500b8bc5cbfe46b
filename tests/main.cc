// main() of the tests whose outcome depends on the CPU. It prints the instruction set.
//
// JITATTN_TEST_ISA=avx2 or none asks for a lower instruction set than this process may use. If the
// run would be the same without the variable, nothing runs, and the exit status means "skipped".

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/cpu.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {

constexpr int kSkipped = 77;  // SKIP_RETURN_CODE of tests/CMakeLists.txt

}  // namespace

int main(int argc, char** argv) {
  bool is_child = false;  // of a death test: its parent has said everything
  for (int i = 1; i < argc; ++i) {
    is_child |= std::string_view(argv[i]).starts_with("--gtest_internal_run_death_test");
  }
  testing::InitGoogleMock(&argc, argv);
  if (is_child || GTEST_FLAG_GET(list_tests)) return RUN_ALL_TESTS();
  using jitattn::Isa;
  if (const char* word = std::getenv("JITATTN_TEST_ISA")) {
    const auto cap = jitattn::IsaFromName(word);
    if (!cap) {
      std::fprintf(stderr, "JITATTN_TEST_ISA=%s is none of none, avx2, avx512\n", word);
      return 1;
    }
    if (jitattn::DetectCpu().isa <= *cap) {
      std::printf("needs more than %s: without the cap the tests ran so\n", word);
      return kSkipped;
    }
    setenv("JITATTN_MAX_ISA", word, 1);  // of commands that tests start, too
  }
  const Isa isa = jitattn::HostCpu().isa;
  std::printf("instruction set: %s\n", std::string(jitattn::Name(isa)).c_str());
  std::fflush(stdout);  // once, though tests fork
  return RUN_ALL_TESTS();
}
