// A request is resolved to complete conditions.

#include "ops/conditions.h"

#include <gtest/gtest.h>

#include "parallel/parallel.h"

namespace jitattn::ops {
namespace {

Cpu Avx2Cpu() {
  Cpu cpu;
  cpu.isa = cpu.detected_isa = Isa::kAvx2;
  return cpu;
}

TEST(Resolve, TakesTheInstructionsOfTheCpuAndTheRestAsRequested) {
  const Conditions conditions =
      Resolve({.threads = 1, .buffers = Buffers::kCold, .layout = Layout::kColumns}, Avx2Cpu());
  EXPECT_EQ(
      conditions,
      (Conditions{
          .threads = 1, .isa = Isa::kAvx2, .buffers = Buffers::kCold, .layout = Layout::kColumns}));
  EXPECT_EQ(Resolve({}, Capped(Avx2Cpu(), Isa::kPortable)).isa, Isa::kPortable);
}

TEST(Resolve, NoNumberOfThreadsMeansTheBudget) {
  const int all = Resolve({}, Avx2Cpu()).threads;
  EXPECT_EQ(all, ThreadBudget(0));
  EXPECT_EQ(Resolve({.threads = all}, Avx2Cpu()).threads, all);
}

TEST(Conditions, WordsAreReadBack) {
  for (const Buffers buffers : {Buffers::kHot, Buffers::kCold}) {
    EXPECT_EQ(BuffersFromName(Name(buffers)), buffers);
  }
  for (const Layout layout : {Layout::kHeads, Layout::kColumns}) {
    EXPECT_EQ(LayoutFromName(Name(layout)), layout);
  }
  EXPECT_EQ(BuffersFromName("warm"), std::nullopt);
  EXPECT_EQ(LayoutFromName(""), std::nullopt);
}

}  // namespace
}  // namespace jitattn::ops
