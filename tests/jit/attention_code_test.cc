// Code of attention kernels: encodings, determinism, and an effect of every tunable. Nothing is
// run, so that every machine checks the code of every CPU.

#include <Zydis/Zydis.h>

#include <map>
#include <set>

#include "jit/assembler.h"
#include "jit/attention/rows_kernel.h"
#include "jit/attention/tiles_kernel.h"
#include "jit/parts/emit_exp.h"
#include "tests/jit/attention_reference.h"
#include "tests/jit/described_cpus.h"
#include "tests/mentions.h"

namespace jitattn::jit {
namespace {

using testing::CanonicalFor;
using testing::DescribedCpu;
using testing::FullCpu;
using testing::NameFor;
using testing::RandomConfig;
using testing::ValidateFor;

struct Emitted {
  std::vector<uint8_t> bytes;
  std::vector<Section> sections;
  std::vector<RegisterUse> registers;
};

Emitted Emit(const AttentionSpec& spec, const ops::Config& config, const Cpu& cpu) {
  Assembler a(config.isa(), cpu);
  if (const auto* tiles = config.If<TilesConfig>()) {
    EmitTiles(a, spec, *tiles);
  } else {
    EmitRows(a, spec, config.As<RowsConfig>());
  }
  const auto code = a.Finish();
  return {{code.begin(), code.end()}, a.sections(), a.registers()};
}

// Valid configurations of one ISA, with as few values at the edge of validity as possible.
TilesConfig MiddleTiles(Isa isa) {
  if (isa == Isa::kAvx512)
    return {.isa = isa, .qk_vecs = 2, .exp_vecs = 2, .pv_rows = 4, .pv_vecs = 2};
  return {.isa = isa,
          .q_vecs = 8,
          .qk_keys = 4,
          .qk_vecs = 2,
          .exp_vecs = 2,
          .pv_rows = 4,
          .pv_vecs = 2};
}

RowsConfig MiddleRows(Isa isa) {
  return {.isa = isa, .tile_rows = 4, .exp_vecs = 2, .pv_rows = 2, .pv_vecs = 2, .prefetch = 32};
}

class AttentionCodeTest : public ::testing::TestWithParam<std::tuple<DescribedCpu, DType, Mask>> {
 protected:
  const Cpu& cpu() const { return std::get<0>(GetParam()).cpu; }
  Isa isa() const { return cpu().isa; }
  DType dtype() const { return std::get<1>(GetParam()); }
  AttentionSpec Spec(int head_dim, int value_dim) const {
    return {dtype(), std::get<2>(GetParam()), head_dim, value_dim};
  }
  ops::Config Random(const AttentionSpec& spec, std::mt19937_64& random) const {
    return RandomConfig(isa(), spec, cpu(), random);
  }
  Emitted Emit(const AttentionSpec& spec, const ops::Config& config) const {
    return jit::Emit(spec, config, cpu());
  }
};

// AVX2 kernels contain no EVEX instructions, which Xbyak emits silently and an AVX-512 machine runs
// without a fault. All code decodes, so that sections and `jitattn show` are meaningful.
TEST_P(AttentionCodeTest, EncodingsFitTheIsa) {
  std::mt19937_64 random(31);
  for (int i = 0; i < 80; ++i) {
    AttentionSpec spec = Spec(1 + random() % 100, 1 + random() % 100);
    spec.paged = i % 4 == 0;
    const ops::Config config = Random(spec, random);
    const Emitted code = Emit(spec, config);
    ASSERT_FALSE(code.sections.empty());
    ASSERT_EQ(code.sections[0].begin, 0u);
    ZydisDisassembledInstruction instruction;
    for (size_t at = 0; at < code.sections[0].end; at += instruction.info.length) {
      ASSERT_TRUE(ZYAN_SUCCESS(ZydisDisassembleIntel(
          ZYDIS_MACHINE_MODE_LONG_64, at, &code.bytes[at], code.bytes.size() - at, &instruction)))
          << NameFor(spec, config) << " at byte " << at;
      ASSERT_FALSE(isa() == Isa::kAvx2 &&
                   instruction.info.encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX)
          << NameFor(spec, config) << ": " << instruction.text;
      // No legacy SSE either: mixed with AVX it costs a transition.
      ASSERT_FALSE(instruction.info.meta.category == ZYDIS_CATEGORY_SSE)
          << NameFor(spec, config) << ": " << instruction.text;
    }
  }
}

TEST_P(AttentionCodeTest, BytesAreDeterministic) {
  std::mt19937_64 random(32);
  for (int i = 0; i < 20; ++i) {
    const AttentionSpec spec = Spec(1 + random() % 100, 1 + random() % 100);
    const ops::Config config = Random(spec, random);
    const Emitted once = Emit(spec, config);
    const std::vector<std::vector<char>> elsewhere(10,
                                                   std::vector<char>(100000));  // moves the heap
    ASSERT_EQ(once.bytes, Emit(spec, config).bytes) << NameFor(spec, config);
  }
}

// The whole space that a tuner sees is large enough to be worth tuning, and its kernels fit a 32
// KiB instruction cache and the registers.
TEST_P(AttentionCodeTest, SpaceIsLargeAndCodeSmall) {
  const AttentionSpec spec = Spec(128, 128);
  std::mt19937_64 random(33);
  std::set<std::string> names;
  for (int i = 0; i < 3000; ++i) names.insert(NameFor(spec, Random(spec, random)));
  EXPECT_GE(names.size(), 2500u);
  for (int i = 0; i < 60; ++i) {
    const ops::Config config = Random(spec, random);
    EXPECT_LE(Emit(spec, config).bytes.size(), 192u << 10) << NameFor(spec, config);
  }
  EXPECT_LE(Emit(spec, MiddleTiles(isa())).bytes.size(), 32u << 10);
}

TEST_P(AttentionCodeTest, SectionsNestAndRegistersAreNamed) {
  const struct {
    ops::Config config;
    std::vector<std::string> sections, purposes;
  } cases[] = {
      {MiddleTiles(isa()),
       {"attention", "pack queries", "scores", "qk × 2", "rescale", "values"},
       {"args", "frame", "scores", "outputs", "broadcast"}},
      {MiddleRows(isa()),
       {"attention", "pack queries", "dots", "hide", "softmax", "weighted sum", "merge", "output"},
       {"args", "frame", "sums", "outputs", "row fetched ahead"}},
  };
  for (const auto& [config, sections, purposes] : cases) {
    const Emitted code = Emit(Spec(64, 64), config);
    std::set<std::string> names;
    for (const Section& section : code.sections) {
      names.insert(section.name);
      EXPECT_LT(section.begin, section.end) << section.name;
      EXPECT_LE(section.end, code.sections[0].end) << section.name;
    }
    for (const std::string& name : sections) EXPECT_TRUE(names.contains(name)) << name;
    std::set<std::string> uses;
    for (const RegisterUse& use : code.registers) uses.insert(use.purpose);
    for (const std::string& purpose : purposes) EXPECT_TRUE(uses.contains(purpose)) << purpose;
  }
}

std::string RefusalOf(const ops::Config& config) {
  const absl::Status s = ValidateFor(AttentionSpec{}, config, FullCpu(Isa::kAvx512));
  EXPECT_EQ(s.code(), absl::StatusCode::kInvalidArgument) << ops::ToString(config);
  return std::string(s.message());
}

TEST(ValidateTilesTest, NamesTheRule) {
  const auto error = [](const TilesConfig& config) { return RefusalOf(config); };
  EXPECT_THAT(error({.qk_keys = 8}),
              Mentions({"qk_keys", "qk_vecs", "8", "4", "40", "avx512", "32"}));
  EXPECT_THAT(error({.q_vecs = 2}), Mentions({"qk_vecs", "4", "q_vecs", "2"}));
  EXPECT_THAT(error({.q_vecs = 2, .qk_vecs = 2, .pv = PvForm::kTransposed}),
              Mentions({"pv_vecs", "4", "q_vecs", "2"}));
  EXPECT_THAT(error({.pv_rows = 8}),
              Mentions({"pv_rows", "pv_vecs", "8", "4", "37", "avx512", "32"}));
  EXPECT_THAT(error({.isa = Isa::kAvx2, .qk_vecs = 2, .qk_embed = 1}),
              Mentions({"qk_embed", "1", "avx512", "isa", "avx2"}));
  EXPECT_THAT(error({.isa = Isa::kAvx2, .qk_vecs = 2, .fuse_exp = 0, .exp_vecs = 6, .pv_vecs = 2}),
              Mentions({"exp_vecs", "6", "20", "avx2", "16"}));
  EXPECT_THAT(error({.exp_degree = 7}), Mentions({"exp_degree", "7", "5", "3", "f32", "avx512"}));
  EXPECT_THAT(error({.exp_degree = 6}),
              Mentions({"exp_degree", "6", "default", "3", "4", "5", "7", "11"}));
  EXPECT_THAT(error({.qk_ahead = 3}), Mentions({"qk_ahead", "3", "no", "l1", "l2"}));
  EXPECT_THAT(error({.prefetch = 64}), Mentions({"prefetch", "64", "0", "1", "2", "4", "8"}));
  EXPECT_THAT(error({.kv_block = 100}),
              Mentions({"kv_block", "100", "32", "64", "96", "128", "192", "256", "384", "512"}));
}

TEST(ValidateRowsTest, NamesTheRule) {
  const auto error = [](Isa isa, int tile_rows, auto change) {
    RowsConfig config = MiddleRows(isa);
    config.tile_rows = tile_rows;
    change(config);
    return RefusalOf(config);
  };
  const auto as_it_is = [](RowsConfig&) {};
  EXPECT_THAT(error(Isa::kAvx512, 6, as_it_is),
              Mentions({"tile_rows", "6", "1", "2", "4", "8", "16"}));
  EXPECT_THAT(error(Isa::kAvx2, 16, as_it_is), Mentions({"tile_rows", "16", "8"}));
  EXPECT_THAT(error(Isa::kAvx2, 1, as_it_is), Mentions({"pv_rows", "2", "tile_rows", "1"}));
  EXPECT_THAT(error(Isa::kAvx2, 8, [](RowsConfig& c) { c.qk_keys = 2; }),
              Mentions({"qk_keys", "2", "1", "tile_rows", "8"}));
  EXPECT_THAT(error(Isa::kAvx512, 8, [](RowsConfig& c) { c.pv_rows = c.pv_vecs = 8; }),
              Mentions({"pv_rows", "pv_vecs", "8", "37", "avx512", "32"}));
  EXPECT_THAT(error(Isa::kAvx2, 8, [](RowsConfig& c) { c.exp_vecs = 6; }),
              Mentions({"exp_vecs", "6", "20", "avx2", "16"}));
  EXPECT_THAT(error(Isa::kAvx512, 4, [](RowsConfig& c) { c.exp_degree = 7; }),
              Mentions({"exp_degree", "7", "5", "3", "f32", "avx512"}));
}

TEST(CanonicalTilesTest, OneKernelIsOnePoint) {
  const auto canonical = [](const TilesConfig& config, const AttentionSpec& spec) {
    return CanonicalFor(spec, config).As<TilesConfig>();
  };
  const AttentionSpec narrow = {.head_dim = 3, .value_dim = 20};
  EXPECT_EQ(canonical({.qk_unroll = 16}, narrow).qk_unroll, 4);
  EXPECT_EQ(canonical({}, narrow).pv_vecs, 2);
  EXPECT_EQ(canonical({.isa = Isa::kAvx2, .qk_embed = 1, .pv_embed = 1}, narrow).qk_embed, 0);
  EXPECT_EQ(canonical({.qk_vecs = 1, .qk_embed = 1}, narrow).qk_embed, 0);
  EXPECT_EQ(canonical({}, AttentionSpec{}), TilesConfig{.exp_degree = 5});
  EXPECT_EQ(canonical({.exp_degree = 3}, AttentionSpec{}).exp_degree, 3);
  EXPECT_EQ(canonical({}, AttentionSpec{.dtype = DType::kF64}).exp_degree, 7);
  EXPECT_EQ(canonical({.isa = Isa::kAvx2}, AttentionSpec{.dtype = DType::kF64}).exp_degree, 11);
  EXPECT_EQ(canonical({}, AttentionSpec{.dtype = DType::kF16}).exp_degree, 3);
  EXPECT_EQ(canonical({.pack = 1}, AttentionSpec{}).pack, 1);
  EXPECT_EQ(canonical({.pack = 1}, AttentionSpec{.dtype = DType::kBF16}).pack, 0);
  const TilesConfig pairs = {.pv = PvForm::kPairs};
  EXPECT_EQ(canonical(pairs, AttentionSpec{}).pv, PvForm::kNatural);
  EXPECT_EQ(canonical(pairs, AttentionSpec{.dtype = DType::kBF16}).pv, PvForm::kPairs);
}

TEST(CanonicalRowsTest, OneKernelIsOnePoint) {
  const auto canonical = [](const RowsConfig& config, const AttentionSpec& spec) {
    return CanonicalFor(spec, config).As<RowsConfig>();
  };
  const AttentionSpec narrow = {.head_dim = 3, .value_dim = 20};
  EXPECT_EQ(canonical({.depth_vecs = 16}, narrow).depth_vecs, 1);
  EXPECT_EQ(canonical({}, narrow).pv_vecs, 2);
  EXPECT_EQ(canonical({}, AttentionSpec{}), RowsConfig{.exp_degree = 5});
  EXPECT_EQ(canonical({.exp_degree = 3}, AttentionSpec{}).exp_degree, 3);
  EXPECT_EQ(canonical({}, AttentionSpec{.dtype = DType::kF16}).exp_degree, 3);
  EXPECT_EQ(canonical({.kv_split = 4}, AttentionSpec{}).kv_split, 4);  // a schedule of its own
  EXPECT_EQ(canonical({.pairs = 1}, AttentionSpec{}).pairs, 0);
  const AttentionSpec bf16 = {.dtype = DType::kBF16};
  EXPECT_EQ(canonical({.pairs = 1}, bf16).pairs, 1);
  EXPECT_EQ(canonical({.isa = Isa::kAvx2, .pairs = 1}, bf16).pairs, 0);
  EXPECT_EQ(canonical({.depth_vecs = 16}, bf16).depth_vecs, 4);
  EXPECT_EQ(canonical({.depth_vecs = 16, .pairs = 1}, bf16).depth_vecs, 2);
}

// Threads and tasks shape no code, but each of them is a schedule.
TEST(CanonicalPortableAttentionTest, EveryScheduleIsAPoint) {
  const ops::Config config = ops::PortableAttentionConfig{.threads = 3, .task_tiles = 4};
  EXPECT_EQ(CanonicalFor(AttentionSpec{}, config), config);
}

// Every CPU with every type that it has kernels of.
std::vector<std::tuple<DescribedCpu, DType, Mask>> CodeParams() {
  std::vector<std::tuple<DescribedCpu, DType, Mask>> params;
  for (const DescribedCpu& described : testing::CpusOfDifferentCode()) {
    for (const DType dtype : {DType::kF32, DType::kF64, DType::kBF16, DType::kF16}) {
      if (!testing::HasKernels(described.cpu, dtype)) continue;
      for (const Mask mask : {Mask::kNone, Mask::kCausal})
        params.push_back({described, dtype, mask});
      // Of windows f32, and bf16 for its pairs.
      if (dtype == DType::kF32 || dtype == DType::kBF16)
        params.push_back({described, dtype, Mask::kWindow});
    }
  }
  return params;
}

INSTANTIATE_TEST_SUITE_P(All, AttentionCodeTest, ::testing::ValuesIn(CodeParams()),
                         [](const auto& info) {
                           return absl::StrCat(std::get<0>(info.param).name, "_",
                                               std::string(Name(std::get<1>(info.param))), "_",
                                               testing::NameOf(std::get<2>(info.param)));
                         });

// Emission depends only on a CPU's instructions. Caches, FMA units, vendors and unused features do
// not change the bytes; otherwise the hashes of records could not be compared between CPUs.
TEST(AttentionCodeOfCpusTest, IsThatOfTheirInstructions) {
  std::mt19937_64 random(34);
  for (const DType dtype : {DType::kF32, DType::kF64, DType::kBF16, DType::kF16}) {
    for (const DescribedCpu& a : testing::DescribedCpus()) {
      if (!testing::HasKernels(a.cpu, dtype)) continue;
      for (int i = 0; i < 10; ++i) {
        const AttentionSpec spec = {dtype, static_cast<Mask>(i % 2), 40, 24};
        const ops::Config config = RandomConfig(a.cpu.isa, spec, a.cpu, random);
        const auto bytes = Emit(spec, config, a.cpu).bytes;
        for (const DescribedCpu& b : testing::DescribedCpus()) {
          const bool same_instructions = a.cpu.isa == b.cpu.isa && a.cpu.f16c == b.cpu.f16c &&
                                         a.cpu.avx512_bf16 == b.cpu.avx512_bf16;
          if (!same_instructions) continue;
          ASSERT_EQ(bytes, Emit(spec, config, b.cpu).bytes)
              << NameFor(spec, config) << ": " << a.name << ", " << b.name;
        }
      }
    }
  }
}

// A kernel of AVX2 is the same on a CPU that has more.
TEST(AttentionCodeOfCpusTest, OfAvx2IsTheSameUnderAvx512) {
  std::mt19937_64 random(35);
  for (const DType dtype : {DType::kF32, DType::kF64, DType::kBF16, DType::kF16}) {
    for (int i = 0; i < 20; ++i) {
      const AttentionSpec spec = {dtype, static_cast<Mask>(i % 2), 40, 24};
      const ops::Config config = RandomConfig(Isa::kAvx2, spec, FullCpu(Isa::kAvx2), random);
      ASSERT_EQ(Emit(spec, config, FullCpu(Isa::kAvx2)).bytes,
                Emit(spec, config, FullCpu(Isa::kAvx512)).bytes)
          << NameFor(spec, config);
    }
  }
}

TEST(AttentionCodeOfCpusTest, F16NeedsItsInstructions) {
  for (const DescribedCpu& described : testing::DescribedCpus()) {
    const Cpu& cpu = described.cpu;
    if (cpu.isa == Isa::kPortable || cpu.f16c) continue;
    for (const ops::Config& config :
         {ops::Config(MiddleTiles(cpu.isa)), ops::Config(MiddleRows(cpu.isa))}) {
      EXPECT_THAT(ValidateFor(AttentionSpec{.dtype = DType::kF16}, config, cpu).message(),
                  Mentions({"avx2", "F16C", "f16"}))
          << described.name;
    }
  }
}

TEST(AttentionCodeOfCpusTest, PairsNeedTheirInstructions) {
  const TilesConfig tiles = {.fuse_exp = 0, .pv = PvForm::kPairs};
  RowsConfig rows = MiddleRows(Isa::kAvx512);
  rows.pairs = 1;
  const AttentionSpec spec = {.dtype = DType::kBF16};
  for (const DescribedCpu& described : testing::DescribedCpus()) {
    if (described.cpu.isa != Isa::kAvx512) continue;
    for (const ops::Config& config : {ops::Config(tiles), ops::Config(rows)}) {
      EXPECT_EQ(ValidateFor(spec, config, described.cpu).ok(), described.cpu.avx512_bf16)
          << described.name;
    }
  }
}

}  // namespace
}  // namespace jitattn::jit
