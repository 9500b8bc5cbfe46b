// What attention kernels are made of: encodings, determinism, and that every tunable tunes. Nothing
// is run, so that every machine looks at the code of every CPU.

#include <Zydis/Zydis.h>

#include <map>
#include <set>

#include "jit/assembler.h"
#include "jit/attention_kernel.h"
#include "jit/emit_exp.h"
#include "tests/jit/attention_reference.h"
#include "tests/jit/described_cpus.h"

namespace jitattn::jit {
namespace {

using testing::DescribedCpu;
using testing::FullCpu;
using testing::RandomConfig;

struct Emitted {
  std::vector<uint8_t> bytes;
  std::vector<Section> sections;
  std::vector<RegisterUse> registers;
};

Emitted Emit(const AttentionSpec& spec, const AttentionConfig& config, const Cpu& cpu) {
  Assembler a(config.isa, cpu);
  EmitAttention(a, spec, config);
  const auto code = a.Finish();
  return {{code.begin(), code.end()}, a.sections(), a.registers()};
}

// A valid configuration of one ISA, with as few values at the edge of validity as possible.
AttentionConfig Middle(Isa isa) {
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

// Of the kind whose lanes are columns.
AttentionConfig MiddleColumns(Isa isa) {
  return {.isa = isa,
          .lanes = LaneAxis::kColumns,
          .q_vecs = 4,
          .qk_keys = 1,
          .exp_vecs = 2,
          .pv_rows = 2,
          .pv_vecs = 2,
          .prefetch = 32};
}

// Whether pairs of bf16 can be multiplied: form 2 of P·V.
bool HasPairs(const Cpu& cpu, DType dtype) { return cpu.avx512_bf16 && dtype == DType::kBF16; }

// A middle of each form of P·V and of each kind of lanes.
std::vector<AttentionConfig> Middles(const Cpu& cpu, DType dtype) {
  std::vector<AttentionConfig> middles = {Middle(cpu.isa), Middle(cpu.isa), MiddleColumns(cpu.isa)};
  middles[1].pv_form = 1;
  if (HasPairs(cpu, dtype)) {
    middles.insert(middles.end(), {Middle(cpu.isa), MiddleColumns(cpu.isa)});
    middles[3].pv_form = middles[4].pv_form = 2;
    middles[3].fuse_exp = 0;
  }
  return middles;
}

class AttentionCodeTest : public ::testing::TestWithParam<std::tuple<DescribedCpu, DType, Mask>> {
 protected:
  const Cpu& cpu() const { return std::get<0>(GetParam()).cpu; }
  Isa isa() const { return cpu().isa; }
  DType dtype() const { return std::get<1>(GetParam()); }
  AttentionSpec Spec(int head_dim, int value_dim) const {
    return {dtype(), std::get<2>(GetParam()), head_dim, value_dim};
  }
  AttentionConfig Random(const AttentionSpec& spec, std::mt19937_64& random) const {
    return RandomConfig(isa(), spec, cpu(), random);
  }
  Emitted Emit(const AttentionSpec& spec, const AttentionConfig& config) const {
    return jit::Emit(spec, config, cpu());
  }
};

// AVX2 kernels are free of EVEX, which Xbyak would emit silently where an AVX-512 machine never
// notices. Everything decodes, so that sections and `jitattn show` mean something.
TEST_P(AttentionCodeTest, EncodingsFitTheIsa) {
  std::mt19937_64 random(31);
  for (int i = 0; i < 60; ++i) {
    const AttentionSpec spec = Spec(1 + random() % 100, 1 + random() % 100);
    const AttentionConfig config = Random(spec, random);
    const Emitted code = Emit(spec, config);
    ASSERT_FALSE(code.sections.empty());
    ASSERT_EQ(code.sections[0].begin, 0u);
    ZydisDisassembledInstruction instruction;
    for (size_t at = 0; at < code.sections[0].end; at += instruction.info.length) {
      ASSERT_TRUE(ZYAN_SUCCESS(ZydisDisassembleIntel(
          ZYDIS_MACHINE_MODE_LONG_64, at, &code.bytes[at], code.bytes.size() - at, &instruction)))
          << KernelName(spec, config) << " at byte " << at;
      ASSERT_FALSE(isa() == Isa::kAvx2 &&
                   instruction.info.encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX)
          << KernelName(spec, config) << ": " << instruction.text;
      // No legacy SSE either: mixed with AVX it costs a transition.
      ASSERT_FALSE(instruction.info.meta.category == ZYDIS_CATEGORY_SSE)
          << KernelName(spec, config) << ": " << instruction.text;
    }
  }
}

TEST_P(AttentionCodeTest, BytesAreDeterministic) {
  std::mt19937_64 random(32);
  for (int i = 0; i < 20; ++i) {
    const AttentionSpec spec = Spec(1 + random() % 100, 1 + random() % 100);
    const AttentionConfig config = Random(spec, random);
    const Emitted once = Emit(spec, config);
    const std::vector<std::vector<char>> elsewhere(10,
                                                   std::vector<char>(100000));  // moves the heap
    ASSERT_EQ(once.bytes, Emit(spec, config).bytes) << KernelName(spec, config);
  }
}

// Law 3: each value of each field that shapes code emits other bytes than its neighbours, with all
// other fields the same.
TEST_P(AttentionCodeTest, EveryFieldChangesTheBytes) {
  const AttentionSpec spec = Spec(70, 134);
  std::map<std::string_view, size_t> most;
  for (const AttentionConfig& middle : Middles(cpu(), dtype())) {
    for (const Field& field : Fields(Op::kAttention)) {
      if (!field.shapes_code() || field.name == "isa" || field.name == "lanes") continue;
      std::map<std::vector<uint8_t>, int> values;
      for (const int value : field.values) {
        Config config = middle;
        field.set(config, value);
        config = Canonical(config, spec);
        if (field.get(config) != value || !Validate(config, spec, cpu()).ok()) continue;
        const auto [same, is_new] =
            values.emplace(Emit(spec, std::get<AttentionConfig>(config)).bytes, value);
        EXPECT_TRUE(is_new) << field.name << " " << value << " emits the same as " << same->second;
      }
      most[field.name] = std::max(most[field.name], values.size());
    }
  }
  for (const auto& [name, values] : most) {
    size_t least = 2;
    if (isa() == Isa::kAvx2 && (name == "qk_embed" || name == "pv_embed")) least = 1;
    if (name == "pack" && SizeOf(dtype()) == 2) least = 1;  // copied in any case
    if (name == "exp_degree") least = EmitExp::Degrees(isa(), dtype()).size();
    if (name == "pv_form" && HasPairs(cpu(), dtype())) least = 3;
    EXPECT_GE(values, least) << name;
  }
  EXPECT_NE(Emit(spec, Middle(isa())).bytes, Emit(spec, MiddleColumns(isa())).bytes);
}

// The whole space that a tuner sees: large enough to be worth it, and no kernel of it out of scale
// with the 32 KiB of an instruction cache or the registers there are.
TEST_P(AttentionCodeTest, SpaceIsLargeAndCodeSmall) {
  const AttentionSpec spec = Spec(128, 128);
  std::mt19937_64 random(33);
  std::set<std::string> names;
  for (int i = 0; i < 3000; ++i) names.insert(KernelName(spec, Random(spec, random)));
  EXPECT_GE(names.size(), 2500u);
  for (int i = 0; i < 60; ++i) {
    const AttentionConfig config = Random(spec, random);
    EXPECT_LE(Emit(spec, config).bytes.size(), 192u << 10) << KernelName(spec, config);
  }
  EXPECT_LE(Emit(spec, Middle(isa())).bytes.size(), 32u << 10);
}

TEST_P(AttentionCodeTest, SectionsNestAndRegistersAreNamed) {
  const struct {
    AttentionConfig config;
    std::vector<std::string> sections, purposes;
  } cases[] = {
      {Middle(isa()),
       {"attention", "pack queries", "scores", "qk × 2", "rescale", "values"},
       {"args", "frame", "scores", "outputs", "broadcast"}},
      {MiddleColumns(isa()),
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

TEST(ValidateAttentionTest, NamesTheRule) {
  const auto error = [](const AttentionConfig& config) {
    const absl::Status s = Validate(config, AttentionSpec{}, FullCpu(Isa::kAvx512));
    EXPECT_EQ(s.code(), absl::StatusCode::kInvalidArgument) << ToString(config);
    return std::string(s.message());
  };
  EXPECT_EQ(error({.qk_keys = 8}),
            "qk_keys × qk_vecs 8 × 4 needs 40 vector registers, avx512 has 32");
  EXPECT_EQ(error({.q_vecs = 2}), "qk_vecs 4 is wider than the tile, q_vecs 2");
  EXPECT_EQ(error({.q_vecs = 2, .qk_vecs = 2, .pv_form = 1}),
            "pv_vecs 4 is wider than the tile, q_vecs 2");
  EXPECT_EQ(error({.pv_rows = 8}),
            "pv_rows × pv_vecs 8 × 4 needs 37 vector registers, avx512 has 32");
  EXPECT_EQ(error({.isa = Isa::kAvx2, .qk_vecs = 2, .qk_embed = 1}),
            "qk_embed 1 needs avx512, isa is avx2");
  EXPECT_EQ(error({.isa = Isa::kAvx2, .qk_vecs = 2, .fuse_exp = 0, .exp_vecs = 6, .pv_vecs = 2}),
            "exp_vecs 6 needs 20 vector registers, avx2 has 16");
  EXPECT_EQ(error({.exp_degree = 7}), "exp_degree 7 is none of 5, 3: it is f32 and avx512");
  EXPECT_EQ(error({.exp_degree = 6}), "exp_degree 6 is none of 0, 3, 4, 5, 7, 11");
  EXPECT_EQ(error({.qk_ahead = 3}), "qk_ahead 3 is none of 0, 1, 2");
  EXPECT_EQ(error({.prefetch = 64}), "prefetch 64 is above 8, lanes are queries");
  const auto columns = [](Isa isa, int q_vecs) {
    AttentionConfig config = MiddleColumns(isa);
    config.q_vecs = q_vecs;
    return config;
  };
  EXPECT_EQ(error(columns(Isa::kAvx512, 6)), "lanes columns: q_vecs 6 is no power of two up to 16");
  EXPECT_EQ(error(columns(Isa::kAvx2, 16)), "lanes columns: q_vecs 16 is no power of two up to 8");
  EXPECT_EQ(error(columns(Isa::kAvx2, 1)), "lanes columns: pv_rows 2 does not divide q_vecs 1");
  AttentionConfig config = columns(Isa::kAvx2, 8);
  config.qk_keys = 2;
  EXPECT_EQ(error(config), "lanes columns: qk_keys 2 is above 1");
  config = columns(Isa::kAvx512, 8);
  config.pv_rows = config.pv_vecs = 8;
  EXPECT_EQ(error(config),
            "lanes columns: pv_rows × pv_vecs 8 × 8 needs 37 vector registers, avx512 has 32");
  config = columns(Isa::kAvx2, 8);
  config.exp_vecs = 6;
  EXPECT_EQ(error(config), "exp_vecs 6 needs 20 vector registers, avx2 has 16");
  EXPECT_EQ(error({.kv_block = 100}),
            "kv_block 100 is none of 32, 64, 96, 128, 192, 256, 384, 512");
}

TEST(CanonicalAttentionTest, OneKernelIsOnePoint) {
  const auto canonical = [](AttentionConfig config, const AttentionSpec& spec) {
    return std::get<AttentionConfig>(Canonical(config, spec));
  };
  const AttentionSpec narrow = {.head_dim = 3, .value_dim = 20};
  EXPECT_EQ(canonical({.qk_unroll = 16}, narrow).qk_unroll, 4);
  EXPECT_EQ(canonical({}, narrow).pv_vecs, 2);
  EXPECT_EQ(canonical({.isa = Isa::kAvx2, .qk_embed = 1, .pv_embed = 1}, narrow).qk_embed, 0);
  EXPECT_EQ(canonical({.qk_vecs = 1, .qk_embed = 1}, narrow).qk_embed, 0);
  EXPECT_EQ(canonical({.isa = Isa::kPortable, .q_vecs = 2, .threads = 3}, narrow),
            canonical({.isa = Isa::kPortable, .threads = 3}, narrow));
  EXPECT_EQ(canonical({}, AttentionSpec{}), AttentionConfig{.exp_degree = 5});
  EXPECT_EQ(canonical({.exp_degree = 3}, AttentionSpec{}).exp_degree, 3);
  EXPECT_EQ(canonical({}, AttentionSpec{.dtype = DType::kF64}).exp_degree, 7);
  EXPECT_EQ(canonical({.isa = Isa::kAvx2}, AttentionSpec{.dtype = DType::kF64}).exp_degree, 11);
  EXPECT_EQ(canonical({}, AttentionSpec{.dtype = DType::kF16}).exp_degree, 3);
  EXPECT_EQ(canonical({.kv_split = 4}, AttentionSpec{}), canonical({}, AttentionSpec{}));
  EXPECT_EQ(canonical({.pack = 1}, AttentionSpec{}).pack, 1);
  EXPECT_EQ(canonical({.pack = 1}, AttentionSpec{.dtype = DType::kBF16}).pack, 0);
  AttentionConfig columns = canonical(MiddleColumns(Isa::kAvx512), AttentionSpec{});
  EXPECT_EQ(columns.kv_split, 0);
  const AttentionConfig same = columns;
  columns.qk_vecs = 3, columns.qk_embed = columns.pv_embed = columns.pv_form = 1;
  columns.fuse_exp = 1, columns.task_tiles = 4;
  columns.pack = columns.qk_ahead = columns.pv_ahead = 1;
  EXPECT_EQ(canonical(columns, AttentionSpec{}), same);
}

// Every CPU with every type that it has kernels of.
std::vector<std::tuple<DescribedCpu, DType, Mask>> CodeParams() {
  std::vector<std::tuple<DescribedCpu, DType, Mask>> params;
  for (const DescribedCpu& described : testing::CpusOfDifferentCode()) {
    for (const DType dtype : {DType::kF32, DType::kF64, DType::kBF16, DType::kF16}) {
      if (!testing::HasKernels(described.cpu, dtype)) continue;
      for (const Mask mask : {Mask::kNone, Mask::kCausal})
        params.push_back({described, dtype, mask});
    }
  }
  return params;
}

INSTANTIATE_TEST_SUITE_P(All, AttentionCodeTest, ::testing::ValuesIn(CodeParams()),
                         [](const auto& info) {
                           return absl::StrCat(std::get<0>(info.param).name, "_",
                                               std::string(Name(std::get<1>(info.param))), "_",
                                               std::string(Name(std::get<2>(info.param))));
                         });

// Emission asks a CPU for its instructions alone: caches, FMA units, makers and what no kernel uses
// leave the bytes as they are, or a record's hash would mean nothing beside another CPU.
TEST(AttentionCodeOfCpusTest, IsThatOfTheirInstructions) {
  std::mt19937_64 random(34);
  for (const DType dtype : {DType::kF32, DType::kF64, DType::kBF16, DType::kF16}) {
    for (const DescribedCpu& a : testing::DescribedCpus()) {
      if (!testing::HasKernels(a.cpu, dtype)) continue;
      for (int i = 0; i < 10; ++i) {
        const AttentionSpec spec = {dtype, static_cast<Mask>(i % 2), 40, 24};
        const AttentionConfig config = RandomConfig(a.cpu.isa, spec, a.cpu, random);
        const auto bytes = Emit(spec, config, a.cpu).bytes;
        for (const DescribedCpu& b : testing::DescribedCpus()) {
          const bool same_instructions = a.cpu.isa == b.cpu.isa && a.cpu.f16c == b.cpu.f16c &&
                                         a.cpu.avx512_bf16 == b.cpu.avx512_bf16;
          if (!same_instructions) continue;
          ASSERT_EQ(bytes, Emit(spec, config, b.cpu).bytes)
              << KernelName(spec, config) << ": " << a.name << ", " << b.name;
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
      const AttentionConfig config = RandomConfig(Isa::kAvx2, spec, FullCpu(Isa::kAvx2), random);
      ASSERT_EQ(Emit(spec, config, FullCpu(Isa::kAvx2)).bytes,
                Emit(spec, config, FullCpu(Isa::kAvx512)).bytes)
          << KernelName(spec, config);
    }
  }
}

TEST(AttentionCodeOfCpusTest, F16NeedsItsInstructions) {
  for (const DescribedCpu& described : testing::DescribedCpus()) {
    const Cpu& cpu = described.cpu;
    if (cpu.isa == Isa::kPortable || cpu.f16c) continue;
    EXPECT_EQ(Validate(Middle(cpu.isa), AttentionSpec{.dtype = DType::kF16}, cpu).message(),
              "isa avx2 needs F16C for f16, which this CPU lacks")
        << described.name;
  }
}

TEST(AttentionCodeOfCpusTest, PairsNeedTheirInstructions) {
  const AttentionConfig pairs = {.fuse_exp = 0, .pv_form = 2};
  const AttentionSpec spec = {.dtype = DType::kBF16};
  for (const DescribedCpu& described : testing::DescribedCpus()) {
    if (described.cpu.isa != Isa::kAvx512) continue;
    EXPECT_EQ(Validate(pairs, spec, described.cpu).ok(), described.cpu.avx512_bf16)
        << described.name;
  }
}

}  // namespace
}  // namespace jitattn::jit
