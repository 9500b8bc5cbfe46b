// The assembler: frame, loops, constants, masks and sections, by running what it emits.

#include "jit/assembler.h"

#include <array>
#include <cstring>
#include <numeric>

#include "base/cpu.h"
#include "gtest/gtest.h"
#include "jit/executable_memory.h"
#include "jit/vector_io.h"
#include "tests/jit/jit_testing.h"
#include "tests/jit/needs.h"

namespace jitattn::jit {
namespace {

using testing::GuardedBuffer;

class AssemblerTest : public ::testing::TestWithParam<std::tuple<Isa, DType>> {
 protected:
  void SetUp() override {
    if (const std::string needs = testing::Needs(isa()); !needs.empty()) GTEST_SKIP() << needs;
  }
  Isa isa() const { return std::get<0>(GetParam()); }
  DType dtype() const { return std::get<1>(GetParam()); }

  // Emits a function around `body`, runs it on `args`.
  template <typename Body>
  void Run(const void* args, Body body) {
    Assembler a(isa(), HostCpu());
    a.Prolog(ComputeType(dtype()), 24);
    body(a);
    a.Epilog();
    auto memory = ExecutableMemory::Create(a.Finish());
    ASSERT_TRUE(memory.ok()) << memory.status();
    reinterpret_cast<void (*)(const void*)>(reinterpret_cast<uintptr_t>(memory->code().data()))(
        args);
  }
};

TEST_P(AssemblerTest, LoopsCount) {
  for (const int times : {0, 1, 2, 7}) {
    int64_t counts[3] = {0, times, 0};
    Run(counts, [&](Assembler& a) {
      const Gprs i = a.pool().LeaseGprs("i"), n = a.pool().LeaseGprs("n");
      a.Repeat(i, times, [&] { a.inc(a.qword[a.args()]); });
      a.mov(n, a.qword[a.args() + 8]);
      a.WhileAtLeast(n, 2, [&] { a.inc(a.qword[a.args() + 16]); });
    });
    EXPECT_EQ(counts[0], times);
    EXPECT_EQ(counts[2], times / 2);
  }
}

TEST_P(AssemblerTest, ClampsToARange) {
  for (const auto& [x, expected] :
       {std::pair{-5, 0}, std::pair{0, 0}, std::pair{3, 3}, std::pair{9, 9}, std::pair{10, 9}}) {
    int64_t value = x;
    Run(&value, [](Assembler& a) {
      const Gprs v = a.pool().LeaseGprs("v"), temp = a.pool().LeaseGprs("temp");
      a.mov(v, a.qword[a.args()]);
      a.Clamp(v[0], 9, temp);
      a.mov(a.qword[a.args()], v);
    });
    EXPECT_EQ(value, expected);
  }
}

TEST_P(AssemblerTest, ConstantsAreSharedAndAligned) {
  alignas(64) std::array<double, 8> out;
  Assembler a(isa(), HostCpu());
  a.Prolog(ComputeType(dtype()));
  const Vecs x = a.pool().LeaseVecs("x");
  a.vmovaps(x, a.Const(2.5));  // faults if the constant were not aligned
  a.Add(x, x, a.Const(2.5));
  a.Add(x, x, a.Const(1));
  a.StoreVec(a.ptr[a.args()], x);
  a.Epilog();
  const auto code = a.Finish();
  EXPECT_EQ(code.size() % 64, a.vec_bytes() % 64);
  int copies = 0;
  const float f32 = 2.5;
  const double f64 = 2.5;
  const void* pattern = dtype() == DType::kF64 ? static_cast<const void*>(&f64) : &f32;
  for (size_t at = 0; at + a.vec_bytes() <= code.size(); at += 64)
    copies += std::memcmp(&code[at], pattern, a.elem_bytes()) == 0;
  EXPECT_EQ(copies, 1);
  auto memory = ExecutableMemory::Create(code);
  ASSERT_TRUE(memory.ok());
  reinterpret_cast<void (*)(const void*)>(reinterpret_cast<uintptr_t>(memory->code().data()))(&out);
  if (dtype() == DType::kF64) {
    EXPECT_EQ(out[0], 6);
  } else {
    float first;
    std::memcpy(&first, &out, sizeof first);
    EXPECT_EQ(first, 6);
  }
}

// Masked loads and stores touch the selected lanes alone: the buffers end where memory does.
TEST_P(AssemblerTest, TailMasksTouchNothingElse) {
  const int size = SizeOf(dtype()), lanes = Lanes(isa(), dtype());
  for (const bool at_run_time : {false, true}) {
    for (int count = 0; count <= lanes; ++count) {
      GuardedBuffer in(count * size, GuardedBuffer::kBack), out(count * size, GuardedBuffer::kBack);
      std::iota(in.data(), in.data() + in.bytes(), 1);
      struct {
        void *in, *out;
        int64_t count;
      } args = {in.data(), out.data(), count};
      Run(&args, [&](Assembler& a) {
        const Gprs from = a.pool().LeaseGprs("from"), to = a.pool().LeaseGprs("to");
        const Gprs n = a.pool().LeaseGprs("n"), temp = a.pool().LeaseGprs("temp");
        const Vecs x = a.pool().LeaseVecs("x");
        TailMask mask(a);
        VectorIo io(a, dtype());
        a.mov(from, a.ptr[a.args()]);
        a.mov(to, a.ptr[a.args() + 8]);
        a.mov(n, a.ptr[a.args() + 16]);
        at_run_time ? mask.Set(n, temp) : mask.Set(count, temp);
        io.Load(x, a.ptr[from[0]], mask);
        io.Store(a.ptr[to[0]], x, mask);
      });
      EXPECT_EQ(std::memcmp(in.data(), out.data(), in.bytes()), 0) << count;
      EXPECT_TRUE(out.SlackUntouched()) << count;
    }
  }
}

TEST_P(AssemblerTest, BroadcastReadsOneElement) {
  const int size = SizeOf(ComputeType(dtype()));
  GuardedBuffer element(size, GuardedBuffer::kBack);
  std::iota(element.data(), element.data() + size, 1);
  alignas(64) uint8_t out[64] = {};
  const void* args[] = {element.data(), out};
  Run(args, [](Assembler& a) {
    const Gprs reg = a.pool().LeaseGprs("pointer");
    const Vecs x = a.pool().LeaseVecs("x", 2);
    a.mov(reg, a.ptr[a.args()]);
    a.Broadcast(x[0], a.ptr[reg[0]]);
    a.Broadcast(x[1], x[0]);
    a.mov(reg, a.ptr[a.args() + 8]);
    a.StoreVec(a.ptr[reg[0]], x[1]);
  });
  for (int i = 0; i < VecBytes(isa()); ++i) ASSERT_EQ(out[i], element.data()[i % size]);
}

TEST(SectionScopeTest, RecordsNesting) {
  Assembler a(Isa::kAvx2, Cpu());
  {
    SectionScope outer(a, "outer");
    a.nop();
    SectionScope inner(a, "inner");
    a.nop();
    a.nop();
  }
  ASSERT_EQ(a.sections().size(), 2u);
  EXPECT_EQ(a.sections()[0].name, "outer");
  EXPECT_EQ(a.sections()[0].depth, 0);
  EXPECT_EQ(a.sections()[0].end, 3u);
  EXPECT_EQ(a.sections()[1].begin, 1u);
  EXPECT_EQ(a.sections()[1].end, 3u);
  EXPECT_EQ(a.sections()[1].depth, 1);
}

TEST(AlignCodeTest, CountsFromTheStartOfTheCode) {
  Assembler a(Isa::kAvx2, Cpu());
  a.ret();
  a.AlignCode(32);
  EXPECT_EQ(a.getSize(), 32u);
  a.AlignCode(32);
  EXPECT_EQ(a.getSize(), 32u);
}

INSTANTIATE_TEST_SUITE_P(All, AssemblerTest,
                         ::testing::Combine(::testing::Values(Isa::kAvx2, Isa::kAvx512),
                                            ::testing::Values(DType::kF32, DType::kF64,
                                                              DType::kBF16, DType::kF16)),
                         [](const auto& info) {
                           return std::string(Name(std::get<0>(info.param))) + "_" +
                                  std::string(Name(std::get<1>(info.param)));
                         });

}  // namespace
}  // namespace jitattn::jit
