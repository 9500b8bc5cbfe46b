// Problems: their tables, validation without overflow, counts, names, buckets.

#include "ops/problem.h"

#include <limits>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/attention/problem.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/problem.h"
#include "tests/mentions.h"

namespace jitattn::ops {
namespace {

using jit::Mask;
using ::testing::ElementsAre;
using ::testing::Optional;

std::string ErrorOf(const Problem& problem) {
  const absl::Status status = Validate(problem);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << Describe(problem);
  return std::string(status.message());
}

TEST(WordsTest, RoundTrip) {
  for (const Operation* operation : {&kAttention, &kSigmoidMul})
    EXPECT_EQ(FindOperation(operation->name), operation);
  for (DType t : {DType::kF32, DType::kF64, DType::kBF16, DType::kF16})
    EXPECT_THAT(DTypeFromName(Name(t)), Optional(t));
  EXPECT_THAT(DTypeFromName("float32"), Optional(DType::kF32));
  EXPECT_THAT(DTypeFromName("float64"), Optional(DType::kF64));
  EXPECT_THAT(DTypeFromName("bfloat16"), Optional(DType::kBF16));
  EXPECT_THAT(DTypeFromName("float16"), Optional(DType::kF16));
  EXPECT_EQ(DTypeFromName("f46"), std::nullopt);
  EXPECT_EQ(FindOperation("atention"), nullptr);
}

TEST(OptionTest, MaskIsOneOfThreeWords) {
  const Option& mask = kAttention.options[0];
  EXPECT_THAT(mask.words, ElementsAre("none", "causal", "window"));
  Problem problem = AttentionProblem{};
  for (const Mask m : {Mask::kCausal, Mask::kWindow, Mask::kNone}) {
    mask.set(problem, static_cast<int>(m));
    EXPECT_EQ(problem.As<AttentionProblem>().mask, m);
    EXPECT_EQ(mask.get(problem), static_cast<int>(m));
  }
}

// A problem without options has the code name, and so the records, of before there were any.
TEST(OptionTest, EachHasANameOfItsOwnInTheCode) {
  const Problem plain = AttentionProblem{};
  std::set<std::string> names = {kAttention.code_name(plain)};
  EXPECT_THAT(names, ElementsAre("attn_f32_d64"));
  for (const Option& option : kAttention.options) {
    for (int value = 1; value < std::ssize(option.words); ++value) {
      Problem problem = plain;
      option.set(problem, value);
      EXPECT_FALSE(problem == plain) << option.name;
      EXPECT_FALSE(SameCode(problem, plain)) << option.name;
      EXPECT_TRUE(names.insert(kAttention.code_name(problem)).second) << option.name;
    }
  }
}

// Options that cost a few cycles a row share the records of the plain problem.
TEST(OptionTest, SinksLogSumExpAndGateAreNotInTheKey) {
  const AttentionProblem plain{.q_len = 100, .kv_len = 100};
  AttentionProblem rich = plain;
  rich.sinks = rich.lse = rich.out_gate = true;
  EXPECT_EQ(OfRecord(rich), OfRecord(plain));
  EXPECT_FALSE(Bucket(rich) == Bucket(plain));
  rich.softcap = true;
  EXPECT_FALSE(OfRecord(rich) == OfRecord(plain));
}

TEST(WindowTest, WidthsAreBucketedAsLengths) {
  AttentionProblem p{.mask = jit::Mask::kWindow, .q_len = 1024, .kv_len = 1024, .window_left = 511};
  EXPECT_EQ(OfRecord(p).As<AttentionProblem>().window_left, 511);
  p.window_left = 400;
  EXPECT_EQ(Bucket(p).As<AttentionProblem>().window_left, 400);  // a plan computes this window
  EXPECT_EQ(OfRecord(p).As<AttentionProblem>().window_left, 511);
  p.window_left = jit::Band::kFar;
  EXPECT_EQ(OfRecord(p).As<AttentionProblem>().window_left, jit::Band::kFar);
  EXPECT_TRUE(Validate(p).ok());
  p.mask = jit::Mask::kCausal;
  EXPECT_EQ(Validate(p).code(), absl::StatusCode::kInvalidArgument);
}

// Long pages share a record, and no page is another thing than a short one.
TEST(PagesTest, LongPagesShareRecords) {
  const AttentionProblem whole{.q_len = 64, .kv_len = 1024};
  AttentionProblem pages = whole;
  pages.page_size = 1;
  EXPECT_FALSE(SameCode(whole, pages));
  EXPECT_EQ(OfRecord(pages).As<AttentionProblem>().page_size, 1);
  AttentionProblem longer = whole;
  longer.page_size = 256;
  EXPECT_TRUE(SameCode(longer, pages));
  EXPECT_EQ(Bucket(longer).As<AttentionProblem>().page_size, 256);
  EXPECT_EQ(OfRecord(longer).As<AttentionProblem>().page_size, 16);
  EXPECT_EQ(OfRecord(whole).As<AttentionProblem>().page_size, 0);
  pages.page_size = -1;
  EXPECT_EQ(Validate(pages).code(), absl::StatusCode::kInvalidArgument);
}

TEST(OptionTest, TablesAreWellFormed) {
  for (const Operation* operation : Operations()) {
    std::set<std::string_view> words;
    for (const Option& option : operation->options) {
      EXPECT_TRUE(words.insert(option.name).second) << option.name << " twice";
      EXPECT_TRUE(words.insert(option.flag).second) << option.flag << " twice";
      EXPECT_FALSE(option.help.empty()) << option.name;
      EXPECT_EQ(option.get(operation->blank()), 0) << option.name;
      EXPECT_GE(option.words.size(), option.takes_word ? 3u : 2u) << option.name;
      Problem problem = operation->blank();
      option.set(problem, 1);
      for (const Option& other : operation->options) {
        EXPECT_EQ(other.get(problem), &other == &option ? 1 : 0)
            << option.name << " sets " << other.name;
      }
    }
  }
}

TEST(OptionTest, OptionsOfSigmoidMulGiveKernelsOtherNames) {
  const auto name = [](const SigmoidMulProblem& p) { return kSigmoidMul.code_name(p); };
  EXPECT_EQ(name({}), "silu_f32");
  EXPECT_EQ(name({.activation = jit::Activation::kGelu}), "gelu_f32");
  EXPECT_EQ(name({.dtype = DType::kBF16,
                  .out = jit::OutType::kF32,
                  .activation = jit::Activation::kQuickGelu,
                  .gate = jit::Gate::kPairs,
                  .clamped = true}),
            "quick_gelu_pairs_clamped_bf16_to_f32");
  std::set<std::string> names;
  for (const Option& option : kSigmoidMul.options) {
    for (size_t word = 0; word < option.words.size(); ++word) {
      if (option.name == "out_dtype" && option.words[word] == "f32") continue;  // the type itself
      Problem problem = SigmoidMulProblem{};
      option.set(problem, static_cast<int>(word));
      const bool first = names.insert(kSigmoidMul.code_name(problem)).second;
      EXPECT_EQ(first, word > 0 || option.name == "function") << option.name << " " << word;
      EXPECT_EQ(SameCode(problem, SigmoidMulProblem{}), word == 0);
    }
  }
}

TEST(DimTest, TablesAreWellFormed) {
  for (const Operation* operation : Operations()) {
    std::set<std::string_view> words;
    for (const Dim& dim : operation->dims) {
      EXPECT_TRUE(words.insert(dim.name).second) << dim.name << " twice";
      EXPECT_TRUE(words.insert(dim.flag).second) << dim.flag << " twice";
      EXPECT_FALSE(dim.help.empty()) << dim.name;
      EXPECT_LE(dim.least, dim.most) << dim.name;
      EXPECT_EQ(dim.tag.empty(), dim.role == Dim::Role::kInCode) << dim.name;
      EXPECT_TRUE(!dim.is_extra || dim.get(operation->blank()) == 0) << dim.name;
      Problem problem = operation->blank();
      dim.set(problem, 5);
      for (const Dim& other : operation->dims) {
        EXPECT_EQ(other.get(problem), &other == &dim ? 5 : other.get(operation->blank()))
            << dim.name << " sets " << other.name;
      }
    }
  }
}

TEST(ProblemTest, IsEqualWhereOperationTypeOptionsAndSizesAre) {
  const Problem problem = AttentionProblem{.q_len = 3};
  EXPECT_EQ(problem, Problem(AttentionProblem{.q_len = 3}));
  EXPECT_NE(problem, Problem(AttentionProblem{.q_len = 4}));
  EXPECT_NE(problem, Problem(AttentionProblem{.mask = Mask::kCausal, .q_len = 3}));
  EXPECT_NE(problem, Problem(AttentionProblem{.dtype = DType::kBF16, .q_len = 3}));
  EXPECT_NE(problem, Problem(SigmoidMulProblem{}));
  EXPECT_NE(problem, Problem());
  EXPECT_EQ(Problem(), Problem());
  EXPECT_EQ(problem.If<SigmoidMulProblem>(), nullptr);
  ASSERT_NE(problem.If<AttentionProblem>(), nullptr);
  EXPECT_EQ(problem.If<AttentionProblem>()->q_len, 3);
}

TEST(SameCodeTest, LooksAtWhatIsBurntIntoCode) {
  const AttentionProblem p = {.heads = 4, .kv_heads = 2, .q_len = 9, .kv_len = 12};
  EXPECT_TRUE(SameCode(p, AttentionProblem{}));
  EXPECT_FALSE(SameCode(p, AttentionProblem{.mask = Mask::kCausal}));
  EXPECT_FALSE(SameCode(p, AttentionProblem{.dtype = DType::kF64}));
  EXPECT_FALSE(SameCode(p, AttentionProblem{.head_dim = 65}));
  EXPECT_FALSE(SameCode(p, AttentionProblem{.value_dim = 65}));
  EXPECT_FALSE(SameCode(p, SigmoidMulProblem{}));
  EXPECT_TRUE(SameCode(SigmoidMulProblem{.rows = 3, .cols = 5}, SigmoidMulProblem{}));
}

TEST(ValidateTest, AcceptsEdges) {
  EXPECT_TRUE(Validate(AttentionProblem{}).ok());
  EXPECT_TRUE(Validate(AttentionProblem{.q_len = 0, .kv_len = 0}).ok());
  EXPECT_TRUE(
      Validate(AttentionProblem{.heads = 12, .kv_heads = 4, .head_dim = 4096, .value_dim = 1})
          .ok());
  EXPECT_TRUE(Validate(SigmoidMulProblem{.rows = 1, .cols = (int64_t{1} << 60) - 1}).ok());
}

TEST(ValidateTest, OptionsOfSigmoidMul) {
  using jit::Gate, jit::OutType;
  EXPECT_TRUE(Validate(SigmoidMulProblem{.gate = Gate::kTwo, .clamped = true}).ok());
  EXPECT_TRUE(Validate(SigmoidMulProblem{.dtype = DType::kBF16, .out = OutType::kF16}).ok());
  EXPECT_THAT(ErrorOf(SigmoidMulProblem{.clamped = true}), Mentions({"clamped", "gate none"}));
  EXPECT_THAT(ErrorOf(SigmoidMulProblem{.out = OutType::kF32}),
              Mentions({"out_dtype f32", "same"}));
  EXPECT_THAT(ErrorOf(SigmoidMulProblem{.dtype = DType::kF64, .out = OutType::kF32}),
              Mentions({"out_dtype f32", "dtype f64", "f64 goes only with f64"}));
  EXPECT_THAT(ErrorOf(SigmoidMulProblem{.dtype = DType::kBF16, .out = OutType::kF64}),
              Mentions({"out_dtype f64", "dtype bf16"}));
  // The second half of a pair counts.
  EXPECT_THAT(ErrorOf(SigmoidMulProblem{.gate = Gate::kPairs, .cols = int64_t{1} << 59}),
              Mentions({"x has", "2^62"}));
}

TEST(ValidateTest, OnlyProductsOfF32AreRounded) {
  EXPECT_TRUE(Validate(AttentionProblem{.bf16_math = true}).ok());
  EXPECT_THAT(ErrorOf(AttentionProblem{.dtype = DType::kF16, .bf16_math = true}),
              Mentions({"bf16_math", "f16"}));
}

TEST(ValidateTest, NamesTheValueAndTheRule) {
  EXPECT_THAT(ErrorOf(AttentionProblem{.heads = 7, .kv_heads = 2}),
              Mentions({"heads", "7", "kv_heads", "2"}));
  EXPECT_THAT(ErrorOf(AttentionProblem{.head_dim = 0}), Mentions({"head_dim", "0", "1"}));
  EXPECT_THAT(ErrorOf(AttentionProblem{.value_dim = 5000}),
              Mentions({"value_dim", "5000", "4096"}));
  EXPECT_THAT(ErrorOf(AttentionProblem{.q_len = -3}), Mentions({"q_len", "-3", "0"}));
  EXPECT_THAT(ErrorOf(AttentionProblem{.kv_heads = 0}), Mentions({"kv_heads", "0", "1"}));
  EXPECT_THAT(ErrorOf(SigmoidMulProblem{.rows = 0}), Mentions({"rows", "0", "1"}));
  EXPECT_THAT(ErrorOf(SigmoidMulProblem{.cols = -3}), Mentions({"cols", "-3", "1"}));
}

TEST(ValidateTest, HugeSizesDoNotOverflow) {
  const int64_t most = std::numeric_limits<int64_t>::max(), huge = int64_t{1} << 62;
  EXPECT_THAT(ErrorOf(AttentionProblem{.batch = most, .q_len = 1}),
              Mentions({"q", "9223372036854775807", "64", "4", "2^62"}));
  EXPECT_THAT(ErrorOf(SigmoidMulProblem{.dtype = DType::kBF16, .cols = most}),
              Mentions({"x", "9223372036854775807", "2", "2^62"}));
  const auto beyond = [](const Problem& problem) {
    const std::string error = ErrorOf(problem);
    EXPECT_THAT(error, Mentions({"2^62"}));
    return error.substr(0, 1);  // the array
  };
  EXPECT_EQ(beyond(AttentionProblem{.heads = most, .kv_heads = most, .q_len = 0}), "q");
  EXPECT_EQ(beyond(AttentionProblem{.batch = huge, .q_len = 1}), "q");
  EXPECT_EQ(beyond(AttentionProblem{.batch = huge, .heads = huge, .kv_heads = huge, .q_len = huge}),
            "q");
  EXPECT_EQ(beyond(AttentionProblem{.kv_len = most}), "k");
  EXPECT_EQ(beyond(AttentionProblem{.kv_len = huge}), "k");
  EXPECT_EQ(beyond(SigmoidMulProblem{.rows = int64_t{1} << 32, .cols = int64_t{1} << 32}), "x");
  EXPECT_EQ(beyond(SigmoidMulProblem{.cols = int64_t{1} << 60}), "x");
}

// A count by the definition, pair by pair.
double CountPairs(int64_t q_len, int64_t kv_len) {
  double pairs = 0;
  for (int64_t i = 0; i < q_len; ++i)
    for (int64_t j = 0; j < kv_len; ++j) pairs += j <= i + kv_len - q_len;
  return pairs;
}

TEST(FlopsTest, CountsVisiblePairs) {
  for (auto [q, kv] : {std::pair{1, 1}, {5, 5}, {3, 9}, {9, 3}, {1, 7}, {7, 1}, {0, 4}, {4, 0}}) {
    AttentionProblem p = {.batch = 2,
                          .heads = 6,
                          .kv_heads = 3,
                          .q_len = q,
                          .kv_len = kv,
                          .head_dim = 5,
                          .value_dim = 7};
    EXPECT_EQ(Flops(p), 2.0 * 12 * 12 * q * kv) << q << "×" << kv;
    p.mask = Mask::kCausal;
    EXPECT_EQ(Flops(p), 2.0 * 12 * 12 * CountPairs(q, kv)) << q << "×" << kv;
  }
  EXPECT_EQ(Flops(SigmoidMulProblem{.rows = 3, .cols = 5}), 60);
}

TEST(BytesTest, CountsKeysThatSomeQuerySees) {
  for (auto [q, kv] : {std::pair{1, 9}, {3, 9}, {9, 3}, {9, 9}, {1, 7}, {0, 4}, {2, 1}}) {
    const auto seen = [q = q, kv = kv](AttentionProblem p, auto sees) {
      p.q_len = q, p.kv_len = kv, p.head_dim = p.value_dim = 1;
      double keys = 0;
      for (int64_t j = 0; j < kv; ++j) {
        int64_t queries = 0;
        for (int64_t i = kv - q; i < kv; ++i) queries += sees(i, j);
        keys += queries > 0;
      }
      EXPECT_EQ(Bytes(p), 4 * 2 * (static_cast<double>(q) + keys)) << Describe(p);
    };
    seen({}, [](int64_t, int64_t) { return true; });
    seen({.mask = Mask::kCausal}, [](int64_t i, int64_t j) { return j <= i; });
    for (int64_t chunk : {1, 2, 4, 20}) {
      seen({.mask = Mask::kCausal, .chunk = chunk},
           [=](int64_t i, int64_t j) { return i >= 0 && j <= i && j / chunk == i / chunk; });
    }
    for (auto [left, right] : {std::pair{0, 0}, {2, 0}, {0, 2}, {1, 1}, {20, 20}}) {
      seen({.mask = Mask::kWindow, .window_left = left, .window_right = right},
           [=](int64_t i, int64_t j) { return i - left <= j && j <= i + right; });
    }
  }
}

TEST(BytesTest, CountsEachTensorOnce) {
  const AttentionProblem p = {.dtype = DType::kF64,
                              .batch = 2,
                              .heads = 4,
                              .kv_heads = 2,
                              .q_len = 3,
                              .kv_len = 5,
                              .head_dim = 6,
                              .value_dim = 7};
  EXPECT_EQ(Bytes(p), 8.0 * 2 * (4 * 3 * (6 + 7) + 2 * 5 * (6 + 7)));
  EXPECT_EQ(Bytes(SigmoidMulProblem{.rows = 3, .cols = 5}), 2 * 4 * 15);
}

std::string CodeName(const Problem& problem) { return problem.operation().code_name(problem); }

TEST(NameTest, OfCodeAndProblems) {
  AttentionProblem p = {
      .mask = Mask::kCausal, .heads = 16, .kv_heads = 16, .q_len = 1024, .kv_len = 1024};
  EXPECT_EQ(CodeName(p), "attn_f32_d64_causal");
  EXPECT_EQ(Describe(p), "attention f32 1×16 heads, 1024×1024, head size 64, causal");
  p.value_dim = 32;
  p.mask = Mask::kNone;
  p.kv_heads = 4;
  EXPECT_EQ(CodeName(p), "attn_f32_d64v32");
  EXPECT_EQ(Describe(p), "attention f32 1×16 heads (4 kv), 1024×1024, head size 64, value size 32");
  EXPECT_EQ(CodeName(SigmoidMulProblem{.dtype = DType::kF64}), "silu_f64");
  EXPECT_EQ(Describe(SigmoidMulProblem{.rows = 3, .cols = 5}), "sigmoid-mul f32 3×5");
}

TEST(BucketTest, PowersOfTwoAndTheirHalves) {
  const std::pair<int64_t, int64_t> expected[] = {
      {-1, 0}, {0, 0},  {1, 1},   {2, 2},   {3, 3},   {4, 4},       {5, 6},      {6, 6},
      {7, 8},  {9, 12}, {12, 12}, {13, 16}, {17, 24}, {1000, 1024}, {1025, 1536}};
  for (auto [length, bucket] : expected) EXPECT_EQ(LengthBucket(length), bucket) << length;
  const int64_t huge = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(LengthBucket(huge), huge);
}

TEST(BucketTest, IsIdempotentMonotoneAndNeverBelow) {
  int64_t last = 0;
  for (int64_t length = 0; length < 5000; ++length) {
    const int64_t bucket = LengthBucket(length);
    EXPECT_GE(bucket, length);
    EXPECT_LE(bucket, length + length / 2);
    EXPECT_GE(bucket, last);
    EXPECT_EQ(LengthBucket(bucket), bucket);
    last = bucket;
  }
}

TEST(BucketTest, KeepsWhatIsNoLength) {
  const AttentionProblem p = {.dtype = DType::kF64,
                              .mask = Mask::kCausal,
                              .batch = 3,
                              .heads = 10,
                              .kv_heads = 5,
                              .q_len = 100,
                              .kv_len = 1000,
                              .head_dim = 65,
                              .value_dim = 66};
  AttentionProblem expected = p;
  expected.q_len = 128;
  expected.kv_len = 1024;
  EXPECT_EQ(Bucket(p), Problem(expected));
  EXPECT_EQ(Bucket(SigmoidMulProblem{.rows = 10, .cols = 100}),
            Problem(SigmoidMulProblem{.rows = 1, .cols = 1024}));
}

}  // namespace
}  // namespace jitattn::ops
