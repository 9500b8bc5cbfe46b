// What attention kernels are made of: encodings, determinism, and that every tunable tunes.

#include <Zydis/Zydis.h>

#include <map>
#include <set>

#include "jit/assembler.h"
#include "jit/attention_kernel.h"
#include "tests/jit/attention_reference.h"

namespace jitattn::jit {
namespace {

using testing::RandomConfig;

Cpu Avx512Cpu() {
  Cpu cpu;
  cpu.isa = cpu.detected_isa = Isa::kAvx512;
  return cpu;
}

struct Emitted {
  std::vector<uint8_t> bytes;
  std::vector<Section> sections;
  std::vector<RegisterUse> registers;
};

// Without loading it: any machine can look at any kernel's code.
Emitted Emit(const AttentionSpec& spec, const AttentionConfig& config) {
  Assembler a(config.isa, Avx512Cpu());
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

class AttentionCodeTest : public ::testing::TestWithParam<std::tuple<Isa, DType, Mask>> {
 protected:
  Isa isa() const { return std::get<0>(GetParam()); }
  AttentionSpec Spec(int head_dim, int value_dim) const {
    return {std::get<1>(GetParam()), std::get<2>(GetParam()), head_dim, value_dim};
  }
};

// AVX2 kernels are free of EVEX, which Xbyak would emit silently where an AVX-512 machine never
// notices. Everything decodes, so that sections and `jitattn show` mean something.
TEST_P(AttentionCodeTest, EncodingsFitTheIsa) {
  std::mt19937_64 random(31);
  for (int i = 0; i < 60; ++i) {
    const AttentionSpec spec = Spec(1 + random() % 100, 1 + random() % 100);
    const AttentionConfig config = RandomConfig(isa(), spec, random);
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
    const AttentionConfig config = RandomConfig(isa(), spec, random);
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
  for (const AttentionConfig& middle : {Middle(isa()), MiddleColumns(isa())}) {
    for (const Field& field : Fields(Op::kAttention)) {
      if (!field.shapes_code() || field.name == "isa" || field.name == "lanes") continue;
      std::map<std::vector<uint8_t>, int> values;
      for (const int value : field.values) {
        Config config = middle;
        field.set(config, value);
        config = Canonical(config, spec);
        if (field.get(config) != value || !Validate(config, spec, Avx512Cpu()).ok()) continue;
        const auto [same, is_new] =
            values.emplace(Emit(spec, std::get<AttentionConfig>(config)).bytes, value);
        EXPECT_TRUE(is_new) << field.name << " " << value << " emits the same as " << same->second;
      }
      most[field.name] = std::max(most[field.name], values.size());
    }
  }
  for (const auto& [name, values] : most) {
    const bool only_avx512 = name == "qk_embed" || name == "pv_embed" || name == "exp_degree";
    EXPECT_GE(values, isa() == Isa::kAvx2 && only_avx512 ? 1u : 2u) << name;
  }
  EXPECT_NE(Emit(spec, Middle(isa())).bytes, Emit(spec, MiddleColumns(isa())).bytes);
}

// The whole space that a tuner sees: large enough to be worth it, and no kernel of it out of scale
// with the 32 KiB of an instruction cache or the registers there are.
TEST_P(AttentionCodeTest, SpaceIsLargeAndCodeSmall) {
  const AttentionSpec spec = Spec(128, 128);
  std::mt19937_64 random(33);
  std::set<std::string> names;
  for (int i = 0; i < 3000; ++i) names.insert(KernelName(spec, RandomConfig(isa(), spec, random)));
  EXPECT_GE(names.size(), 2500u);
  for (int i = 0; i < 60; ++i) {
    const AttentionConfig config = RandomConfig(isa(), spec, random);
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
    const absl::Status s = Validate(config, AttentionSpec{}, Avx512Cpu());
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

INSTANTIATE_TEST_SUITE_P(All, AttentionCodeTest,
                         ::testing::Combine(::testing::Values(Isa::kAvx2, Isa::kAvx512),
                                            ::testing::Values(DType::kF32, DType::kF64),
                                            ::testing::Values(Mask::kNone, Mask::kCausal)),
                         [](const auto& info) {
                           return absl::StrCat(std::string(Name(std::get<0>(info.param))), "_",
                                               std::string(Name(std::get<1>(info.param))), "_",
                                               std::string(Name(std::get<2>(info.param))));
                         });

}  // namespace
}  // namespace jitattn::jit
