// Register leases: granting, returning and recording them.

#include "jit/reg_pool.h"

#include <set>

#include "gtest/gtest.h"

namespace jitattn::jit {
namespace {

TEST(RegPoolTest, GivesEachRegisterOnce) {
  RegPool pool(Isa::kAvx512);
  const Vecs vecs = pool.LeaseVecs("all", 32);
  std::set<int> indices;
  for (const Vec& v : vecs.regs()) {
    EXPECT_TRUE(v.isZMM());
    indices.insert(v.getIdx());
  }
  EXPECT_EQ(indices.size(), 32u);
  EXPECT_THROW(pool.LeaseVecs("one more"), Xbyak::Error);
}

TEST(RegPoolTest, KnowsTheIsa) {
  RegPool pool(Isa::kAvx2);
  EXPECT_EQ(pool.free_vecs(), 16);
  EXPECT_TRUE(pool.LeaseVecs("one")[0].isYMM());
  EXPECT_THROW(pool.LeaseMasks("opmask"), Xbyak::Error);  // none before AVX-512
  RegPool wide(Isa::kAvx512);
  const Opmasks masks = wide.LeaseMasks("opmasks", 7);
  for (const auto& k : masks.regs()) EXPECT_NE(k.getIdx(), 0);  // k0 means "no mask"
}

TEST(RegPoolTest, NeverGivesTheStackPointer) {
  RegPool pool(Isa::kAvx2);
  const Gprs all = pool.LeaseGprs("all", 15);
  for (const auto& reg : all.regs()) EXPECT_NE(reg.getIdx(), Xbyak::Operand::RSP);
  EXPECT_THROW(pool.LeaseGprs("one more"), Xbyak::Error);
}

TEST(RegPoolTest, LeasesComeBack) {
  RegPool pool(Isa::kAvx2);
  {
    const Vecs some = pool.LeaseVecs("scores", 10);
    EXPECT_EQ(pool.free_vecs(), 6);
  }
  EXPECT_EQ(pool.free_vecs(), 16);
  Vecs early = pool.LeaseVecs("operands", 3);
  early.Release();
  EXPECT_EQ(pool.free_vecs(), 16);
  early.Release();  // nothing left to give
  EXPECT_EQ(pool.free_vecs(), 16);
}

TEST(RegPoolTest, MovesWithTheLease) {
  RegPool pool(Isa::kAvx2);
  Vecs to;
  {
    Vecs from = pool.LeaseVecs("sum", 2);
    to = std::move(from);
  }
  EXPECT_EQ(pool.free_vecs(), 14);
  EXPECT_EQ(to.size(), 2);
}

TEST(RegPoolTest, ACertainRegisterOnlyWhileFree) {
  RegPool pool(Isa::kAvx2);
  const Xbyak::Reg64 rdi(Xbyak::Operand::RDI);
  {
    const Gprs args = pool.LeaseGpr("args", rdi);
    EXPECT_EQ(args[0].getIdx(), rdi.getIdx());
    EXPECT_THROW(pool.LeaseGpr("again", rdi), Xbyak::Error);
  }
  EXPECT_NO_THROW(pool.LeaseGpr("again", rdi));
}

TEST(RegPoolTest, RemembersPurposesOnce) {
  RegPool pool(Isa::kAvx2);
  for (int i = 0; i < 3; ++i) const Vecs again = pool.LeaseVecs("scores 6 × 2", 12);
  const Gprs count = pool.LeaseGprs("keys left");
  ASSERT_EQ(pool.uses().size(), 2u);
  EXPECT_EQ(pool.uses()[0].registers, "ymm0 … ymm11");
  EXPECT_EQ(pool.uses()[0].purpose, "scores 6 × 2");
  EXPECT_EQ(pool.uses()[1].registers, "rax");
}

}  // namespace
}  // namespace jitattn::jit
