// `jitattn run` with values of options from flags and files, against formulas of this file.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/npy.h"
#include "tests/cli/process.h"
#include "tests/mentions.h"

namespace jitattn::cli {
namespace {

using ::testing::HasSubstr;

using Json = nlohmann::json;

constexpr int kBatch = 2, kHeads = 2, kQueries = 3, kKeys = 5, kSize = 4;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// A file of elements that WriteNpy does not write: bytes and integers.
template <typename T>
void WriteRaw(const std::string& path, const std::string& descr, const std::string& shape,
              const std::vector<T>& elements) {
  const std::string dictionary =
      "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + "}";
  std::string file("\x93NUMPY\x01\x00", 8);
  file += static_cast<char>(dictionary.size());
  file += '\0';
  file += dictionary;
  file.append(reinterpret_cast<const char*>(elements.data()), elements.size() * sizeof(T));
  WriteFile(path, file);
}

// What a run reads besides q, k and v.
struct Values {
  double softcap = 0, scale = 0.5;
  std::vector<double> slopes = std::vector<double>(kHeads);
  std::vector<double> sinks = std::vector<double>(kHeads, -kInfinity);
  std::vector<double> bias = std::vector<double>(kBatch * kHeads * kQueries * kKeys);
  std::vector<int> kv_lens = std::vector<int>(kBatch, kKeys), kv_begins = std::vector<int>(kBatch),
                   prefixes = std::vector<int>(kBatch);
  int offset = 1000;  // without a causal mask: beyond every key
};

class RunValuesTest : public testing::Test {
 protected:
  RunValuesTest() {
    const std::vector<int64_t> q_shape = {kBatch, kHeads, kQueries, kSize};
    const std::vector<int64_t> kv_shape = {kBatch, kHeads, kKeys, kSize};
    for (std::vector<double>* operand : {&q_, &k_, &v_}) {
      const std::vector<int64_t>& shape = operand == &q_ ? q_shape : kv_shape;
      operand->resize(kBatch * kHeads * static_cast<size_t>(shape[2]) * kSize);
      for (double& x : *operand) x = std::sin(++draws_ * 1.7) * 2;
      const char* name = operand == &q_ ? "q.npy" : operand == &k_ ? "k.npy" : "v.npy";
      EXPECT_TRUE(WriteNpy(folder_ / name, DType::kF64, shape, operand->data()).ok());
    }
  }

  // Writes floats to a file of the test's folder and returns its path.
  std::string Floats(const std::string& name, const std::vector<int64_t>& shape,
                     const std::vector<double>& numbers) {
    const std::vector<float> floats(numbers.begin(), numbers.end());
    EXPECT_TRUE(WriteNpy(folder_ / name, DType::kF32, shape, floats.data()).ok());
    return folder_ / name;
  }

  ProcessResult Run(std::vector<std::string> more) {
    std::vector<std::string> arguments = {
        "run",      "--q", folder_ / "q.npy", "--k", folder_ / "k.npy", "--v", folder_ / "v.npy",
        "--repeat", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunJitattn(folder_, arguments);
  }

  // The output of a run with --check.
  std::vector<double> Out(std::vector<std::string> more) {
    const std::string path = folder_ / "out.npy";
    for (const std::string& flag : {std::string("--check"), std::string("--out"), path}) {
      more.push_back(flag);
    }
    const ProcessResult result = Run(more);
    EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
    return Doubles(path);
  }

  static std::vector<double> Doubles(const std::string& path) {
    const auto array = ReadNpy(path);
    EXPECT_TRUE(array.ok()) << array.status();
    if (!array.ok()) return {};
    const auto* numbers = static_cast<const double*>(array->data.data());
    return {numbers, numbers + array->count()};
  }

  // The formula, row by row: results, then the log-sum-exps.
  void Reference(const Values& values, std::vector<double>* out, std::vector<double>* lse) const;

  void ExpectOut(const std::vector<double>& out, const Values& values) {
    std::vector<double> expected, lse;
    Reference(values, &expected, &lse);
    ASSERT_EQ(out.size(), expected.size());
    for (size_t i = 0; i < out.size(); ++i) EXPECT_NEAR(out[i], expected[i], 1e-9) << i;
  }

  const TempDir folder_;
  std::vector<double> q_, k_, v_;
  int draws_ = 0;
};

void RunValuesTest::Reference(const Values& values, std::vector<double>* out,
                              std::vector<double>* lse) const {
  for (int row = 0; row < kBatch * kHeads * kQueries; ++row) {
    const int i = row % kQueries, part = row / kQueries, h = part % kHeads, b = part / kHeads;
    // The mask keeps its distance from the corner at the end of the sequence.
    const int position = i + values.offset + values.kv_lens[b] - kKeys;
    double sum = std::exp(values.sinks[h]);
    std::vector<double> result(kSize);
    for (int j = values.kv_begins[b]; j < values.kv_lens[b]; ++j) {
      const bool in_prefix = j < values.prefixes[b] && position < values.prefixes[b];
      if (j > position && !in_prefix) continue;
      double score = 0;
      for (int d = 0; d < kSize; ++d)
        score += q_[row * kSize + d] * k_[(part * kKeys + j) * kSize + d];
      score *= values.scale;
      if (values.softcap > 0) score = values.softcap * std::tanh(score / values.softcap);
      score -= values.slopes[h] * std::abs(j - position);
      const double weight = std::exp(score + values.bias[row * kKeys + j]);
      sum += weight;
      for (int d = 0; d < kSize; ++d) result[d] += weight * v_[(part * kKeys + j) * kSize + d];
    }
    for (const double x : result) out->push_back(sum > 0 ? x / sum : 0);
    lse->push_back(std::log(sum));
  }
}

TEST_F(RunValuesTest, NumbersListsAndFilesReachTheKernel) {
  Values values = {.softcap = 3, .scale = -0.75};
  values.slopes = {0.25, 0.5};
  values.sinks = {0.5, -kInfinity};
  values.kv_lens = {4, 5}, values.kv_begins = {1, 0}, values.prefixes = {2, 4};
  values.offset = 1;
  for (size_t i = 0; i < values.bias.size(); ++i) values.bias[i] = i % 7 == 3 ? -kInfinity : 0.5;
  const std::vector<int64_t> whole = {kBatch, kHeads, kQueries, kKeys};
  const std::string lse_path = folder_ / "lse.npy";
  const std::vector<double> out =
      Out({"--softcap",       "3",
           "--scale",         "-0.75",
           "--alibi-file",    Floats("slopes.npy", {kHeads}, values.slopes),
           "--sinks-file",    Floats("sinks.npy", {kHeads}, values.sinks),
           "--bias-file",     Floats("bias.npy", whole, values.bias),
           "--kv-lens",       "4,5",
           "--kv-begins",     "1,0",
           "--prefix-lens",   "2,4",
           "--causal-offset", "1",
           "--lse-out",       lse_path});
  std::vector<double> expected, lse;
  Reference(values, &expected, &lse);
  ExpectOut(out, values);
  const auto written = ReadNpy(lse_path);
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ(written->shape, (std::vector<int64_t>{kBatch, kHeads, kQueries}));
  const std::vector<double> got = Doubles(lse_path);
  ASSERT_EQ(got.size(), lse.size());
  for (size_t i = 0; i < lse.size(); ++i) EXPECT_NEAR(got[i], lse[i], 1e-9) << i;
}

TEST_F(RunValuesTest, ABiasIsBroadcastAsNumPyDoes) {
  struct Shape {
    std::vector<int64_t> sizes;
    int strides[3];
  };
  const Shape shapes[] = {{{kKeys}, {0, 0, 0}},
                          {{kQueries, kKeys}, {0, 0, kKeys}},
                          {{kHeads, 1, kKeys}, {0, kKeys, 0}},
                          {{kBatch, 1, 1, kKeys}, {kKeys, 0, 0}},
                          {{1, kHeads, kQueries, kKeys}, {0, kQueries * kKeys, kKeys}},
                          {{kBatch, 1, kQueries, kKeys}, {kQueries * kKeys, 0, kKeys}}};
  for (const Shape& shape : shapes) {
    SCOPED_TRACE(ShapeText(shape.sizes));
    int64_t count = 1;
    for (const int64_t size : shape.sizes) count *= size;
    std::vector<double> bias(static_cast<size_t>(count));
    for (double& x : bias) x = std::floor(std::sin(++draws_ * 2.3) * 8) / 4;
    Values values;
    for (size_t i = 0; i < values.bias.size(); ++i) {
      const auto key = static_cast<int>(i) % kKeys, row = static_cast<int>(i) / kKeys;
      const int query = row % kQueries, h = row / kQueries % kHeads, b = row / kQueries / kHeads;
      values.bias[i] = bias[static_cast<size_t>(b * shape.strides[0] + h * shape.strides[1] +
                                                query * shape.strides[2] + key)];
    }
    ExpectOut(Out({"--bias-file", Floats("bias.npy", shape.sizes, bias)}), values);
  }
}

TEST_F(RunValuesTest, ABiasHasTheTypeOfItsFile) {
  Values values;
  std::vector<uint8_t> seen;
  std::vector<double> own;
  for (int i = 0; i < kQueries * kKeys; ++i) {
    seen.push_back(i % 4 == 1 ? 0 : 1);
    own.push_back(i % 4 == 1 ? -kInfinity : 0);
  }
  for (size_t i = 0; i < values.bias.size(); ++i) values.bias[i] = own[i % own.size()];
  for (const char* descr : {"|b1", "|u1"}) {
    WriteRaw(folder_ / "bias.npy", descr, "(3, 5)", seen);
    ExpectOut(Out({"--bias-file", folder_ / "bias.npy"}), values);
    ExpectOut(Out({"--bias-file", folder_ / "bias.npy", "--bias", "bool"}), values);
  }
  ASSERT_TRUE(WriteNpy(folder_ / "own.npy", DType::kF64, {kQueries, kKeys}, own.data()).ok());
  ExpectOut(Out({"--bias-file", folder_ / "own.npy"}), values);
}

TEST_F(RunValuesTest, ListsComeFromFilesToo) {
  Values values;
  values.kv_lens = {2, 4};
  WriteRaw<int64_t>(folder_ / "long.npy", "<i8", "(2,)", {2, 4});
  WriteRaw<int32_t>(folder_ / "int.npy", "<i4", "(2,)", {2, 4});
  for (const std::string& list : {std::string("2,4"), folder_ / "long.npy", folder_ / "int.npy"}) {
    ExpectOut(Out({"--kv-lens", list}), values);
  }
  values.kv_lens = {3, 3};
  ExpectOut(Out({"--kv-lens", "3"}), values);
}

// What no flag gives is made up: nothing is read beyond the files.
TEST_F(RunValuesTest, OptionsWithoutValuesAreMadeUp) {
  for (const std::vector<std::string>& options : std::vector<std::vector<std::string>>{
           {"--softcap"},
           {"--alibi", "--sinks", "--lse"},
           {"--bias", "bool", "--causal"},
           {"--bias", "own", "--softcap", "--alibi", "--sinks", "--lse"}}) {
    EXPECT_EQ(Out(options).size(), static_cast<size_t>(kBatch * kHeads * kQueries * kSize));
  }
}

TEST_F(RunValuesTest, WrongFilesAreOneLine) {
  const std::string bias = Floats("bias.npy", {2, kKeys}, std::vector<double>(2 * kKeys)),
                    nan = Floats("nan.npy", {kKeys}, {0, 1, NAN, 0, 0}),
                    three = Floats("three.npy", {3}, {1, 2, 3}),
                    infinite = Floats("infinite.npy", {kHeads}, {1, kInfinity}),
                    none = Floats("none.npy", {0}, {}), half = folder_ / "half.npy",
                    own = folder_ / "own.npy", cube = folder_ / "cube.npy";
  const std::vector<double> zeros(64);
  ASSERT_TRUE(WriteNpy(half, DType::kF16, {kKeys}, zeros.data()).ok());
  ASSERT_TRUE(WriteNpy(own, DType::kF64, {kHeads}, zeros.data()).ok());
  WriteRaw<int64_t>(cube, "<i8", "(2, 1)", {2, 4});
  const struct {
    std::vector<std::string> flags, data;
    int exit_code = 2;
  } cases[] = {
      {{"--bias-file", bias}, {"--bias-file", bias, "2 × 5", "2 × 2 × 3 × 5"}},
      {{"--bias-file", nan}, {"--bias-file", nan, "element 2", "nan"}},
      {{"--bias-file", half}, {"--bias-file", half, "float16", "f64"}},
      {{"--bias-file", own, "--bias", "f32"}, {"--bias-file", own, "float64", "--bias"}},
      {{"--bias-file", none}, {"--bias-file", none, "0"}},
      {{"--bias-file", folder_ / "gone.npy"}, {"--bias-file", "gone.npy"}, 1},
      {{"--sinks-file", three}, {"--sinks-file", three, "3", "2"}},
      {{"--sinks-file", infinite}, {"--sinks-file", infinite, "element 1", "inf"}},
      {{"--sinks-file", own}, {"--sinks-file", own, "float64", "float32"}},
      {{"--alibi-file", infinite}, {"--alibi-file", infinite, "element 1"}},
      {{"--alibi-file", ""}, {"--alibi-file", "empty"}},
      {{"--kv-lens", three}, {"--kv-lens", three, "<f4", "int64"}, 1},
      {{"--kv-lens", cube}, {"--kv-lens", cube, "2 × 1"}},
      {{"--kv-lens", "6"}, {"--kv-lens", "6", "5"}},
      {{"--kv-lens", "-1"}, {"--kv-lens", "-1"}},
      {{"--kv-lens", "1,2,3"}, {"--kv-lens", "3", "2"}},
      {{"--kv-lens", "1,,2"}, {"--kv-lens", "1,,2"}},
      {{"--q-lens", "99999999999999999999"}, {"--q-lens", "99999999999999999999"}},
      {{"--softcap", "0"}, {"--softcap", "0"}},
      {{"--softcap", "nan"}, {"--softcap", "nan"}},
      {{"--scale", "1e999"}, {"--scale", "1e999"}},
      {{"--causal-offset", "x"}, {"--causal-offset", "x"}},
      {{"--limit", "3"}, {"--limit", "sigmoid-mul"}},
      {{"--lse-out", folder_.path()}, {"--lse-out", folder_.path(), std::strerror(EISDIR)}, 1},
      {{"--lse-out", bias + "/lse.npy"}, {"--lse-out", bias, std::strerror(ENOTDIR)}, 1},
      {{"--out", bias + "/out.npy"}, {"--out", bias, std::strerror(ENOTDIR)}, 1},
      {{"--out", ""}, {"--out", "empty"}},
      {{"--out", "x.npy", "--lse-out", "x.npy"}, {"--out", "--lse-out", "x.npy"}},
  };
  for (const auto& wrong : cases) {
    const ProcessResult result = Run(wrong.flags);
    EXPECT_EQ(result.exit_code, wrong.exit_code) << result.err;
    EXPECT_EQ(result.out, "") << wrong.flags.front();
    EXPECT_THAT(result.err, Mentions(wrong.data));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  }
}

// A result that cannot be written does not take the report with it.
TEST_F(RunValuesTest, AFullDiskLosesOnlyTheFile) {
  for (const char* flag : {"--out", "--lse-out"}) {
    const ProcessResult result = Run({flag, "/dev/full", "--check"});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.out, testing::AllOf(HasSubstr("correct"), HasSubstr("speed")));
    EXPECT_THAT(result.err, Mentions({"/dev/full", std::strerror(ENOSPC)}));
  }
  const ProcessResult json = Run({"--out", "/dev/full", "--json"});
  EXPECT_EQ(json.exit_code, 1);
  EXPECT_TRUE(Json::parse(json.out)["runs"][0]["out"].is_null());
}

// NaN in an operand is data.
TEST_F(RunValuesTest, NanInAnOperandReachesTheRowsThatSeeIt) {
  q_[kSize + 1] = NAN;
  ASSERT_TRUE(
      WriteNpy(folder_ / "q.npy", DType::kF64, {kBatch, kHeads, kQueries, kSize}, q_.data()).ok());
  const std::vector<double> out = Out({});
  for (int row = 0; row < kBatch * kHeads * kQueries; ++row) {
    EXPECT_EQ(std::isnan(out[static_cast<size_t>(row * kSize)]), row == 1) << row;
  }
}

TEST(RunActivationTest, NumbersReachTheKernel) {
  const TempDir folder;
  const std::vector<double> x = {-9, -1, 0, 0.5, 3, 8}, up = {2, -7, 1, 0.5, -0.25, 4};
  const std::string x_path = folder / "x.npy", up_path = folder / "up.npy",
                    out_path = folder / "out.npy";
  ASSERT_TRUE(WriteNpy(x_path, DType::kF64, {2, 3}, x.data()).ok());
  ASSERT_TRUE(WriteNpy(up_path, DType::kF64, {2, 3}, up.data()).ok());
  const auto run = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {"run", "--x", x_path, "--out", out_path, "--check"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProcessResult result = RunJitattn(folder, arguments);
    EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
    const auto out = ReadNpy(out_path);
    EXPECT_TRUE(out.ok());
    const auto* numbers = static_cast<const double*>(out->data.data());
    return std::vector<double>(numbers, numbers + out->count());
  };
  const auto sigmoid = [](double t) { return 1 / (1 + std::exp(-t)); };
  const std::vector<double> quick = run({"--function", "quick-gelu", "--alpha", "0.25"});
  const std::vector<double> gated =
      run({"--gate", "two", "--up", up_path, "--limit", "2.5", "--up-offset", "-0.5"});
  for (size_t i = 0; i < x.size(); ++i) {
    EXPECT_NEAR(quick[i], x[i] * sigmoid(0.25 * x[i]), 1e-12) << i;
    const double gate = std::min(x[i], 2.5);
    EXPECT_NEAR(gated[i], gate * sigmoid(gate) * (std::clamp(up[i], -2.5, 2.5) - 0.5), 1e-12) << i;
  }
}

TEST(CompareTest, ProblemsWithOptionsAreMeasured) {
  const TempDir folder;
  const ProcessResult result =
      RunJitattn(folder, {"compare", "--softcap", "--alibi", "--bias", "bool", "--seq", "16",
                          "--head-dim", "8", "--methods", "jitattn,naive", "--time", "0.05",
                          "--rounds", "2", "--threads", "1"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, Mentions({"softcap", "naive does not support"}));
}

}  // namespace
}  // namespace jitattn::cli
