// Floors, presets, figures and comparisons of `jitattn bench`, without measuring.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "cli/laboratory.h"
#include "lab/bench_compare.h"
#include "lab/bench_floors.h"
#include "lab/bench_models.h"
#include "lab/bench_presets.h"
#include "lab/bench_report.h"
#include "lab/bench_run.h"
#include "lab/roofline_chart.h"
#include "ops/attention/algorithms.h"
#include "ops/attention/problem.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/algorithms.h"
#include "ops/sigmoid_mul/problem.h"
#include "tests/cli/process.h"
#include "tests/mentions.h"

namespace jitattn::lab {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

const cache::Fingerprint kZen4 = {.vendor = "amd", .family = "25", .model = "17"};

Cpu BigCpu() {
  Cpu cpu;
  cpu.isa = cpu.detected_isa = Isa::kAvx512;
  return cpu;
}

cache::Key KeyOf(const ops::Problem& problem, int threads = 1, Isa isa = Isa::kAvx512) {
  return {problem, {.threads = threads, .isa = isa}};
}

// A row of 100 M operations at a peak of 100 GFLOP/s: 1 ms at best.
BenchRow Row(double seconds, int threads = 1) {
  BenchRow row;
  row.key =
      KeyOf(ops::AttentionProblem{.heads = 4, .kv_heads = 4, .q_len = 320, .kv_len = 320}, threads);
  row.asked = "tuned";
  row.config = jit::TilesConfig{};
  const double samples[] = {seconds, seconds * 1.01, seconds * 1.02, seconds * 1.03, seconds * 2};
  Limits limits;
  limits.fma = Limit{"f32 FMA", ops::Flops(row.problem()), 100e9};
  row.result = Figures(samples, limits);
  return row;
}

Floors Zen4Floors() {
  const auto floors = Floors::Parse(kFloorsJson, kZen4);
  EXPECT_TRUE(floors.ok()) << floors.status();
  return *floors;
}

std::string ParseError(std::string_view rule) {
  const std::string json =
      R"({"kinds": [{"kind": "K", "cpus": ["amd-25-17"], "rules": [)" + std::string(rule) + "]}]}";
  const auto floors = Floors::Parse(json, kZen4);
  return floors.ok() ? "" : std::string(floors.status().message());
}

TEST(BenchFloorsTest, TheBuiltInFileIsTheOneInTheTreeAndKnowsOnlyItsKinds) {
  EXPECT_EQ(cli::ReadFile(JITATTN_SOURCE_DIR "/bench/floors.json"), kFloorsJson);
  EXPECT_EQ(Zen4Floors().kind(), "Zen 4 server");
  const auto other = Floors::Parse(kFloorsJson, {.vendor = "intel", .family = "6", .model = "143"});
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_EQ(other->kind(), "");
  EXPECT_FALSE(other->Find(KeyOf(ops::SigmoidMulProblem{.rows = 4096, .cols = 8192})));
}

// A file of three rules, the last of which holds for every size.
constexpr char kThreeRules[] = R"({"kinds": [{"kind": "K", "cpus": ["amd-25-17"], "rules": [
    {"when": {"dtype": "f32", "isa": "avx512", "square": 128},
     "of": "fraction", "floor": 0.1, "aim": 0.2},
    {"when": {"dtype": "f32", "isa": "avx512", "length": [128, null]},
     "of": "fraction", "floor": 0.3, "aim": 0.4},
    {"when": {"isa": "avx512", "q_len": [16, null]},
     "of": "cliff", "floor": null, "aim": 1.5}]}]})";

TEST(BenchFloorsTest, TheFirstRuleWhoseConditionsAllHoldCounts) {
  const auto floors = Floors::Parse(kThreeRules, kZen4);
  ASSERT_TRUE(floors.ok()) << floors.status();
  ops::AttentionProblem p{.q_len = 512, .kv_len = 512, .head_dim = 64, .value_dim = 64};
  const auto floor = floors->Find(KeyOf(p));
  ASSERT_TRUE(floor.has_value());
  EXPECT_EQ(floor->metric, Metric::kFraction);
  EXPECT_DOUBLE_EQ(*floor->floor, 0.3);
  EXPECT_DOUBLE_EQ(floor->aim, 0.4);
  EXPECT_FALSE(floors->Find(KeyOf(p, 1, Isa::kPortable)));
  p.kv_len = 513;  // no longer of one length
  EXPECT_EQ(floors->Find(KeyOf(p))->metric, Metric::kCliff);
  // One head of N × N is square, two are a transformer's.
  p = {.q_len = 128, .kv_len = 128, .head_dim = 128, .value_dim = 128};
  EXPECT_DOUBLE_EQ(*floors->Find(KeyOf(p))->floor, 0.1);
  p.heads = p.kv_heads = 2;
  EXPECT_DOUBLE_EQ(*floors->Find(KeyOf(p))->floor, 0.3);
  // A floor that nobody has measured.
  p = {.dtype = DType::kF64, .q_len = 1024, .kv_len = 1024};
  EXPECT_FALSE(floors->Find(KeyOf(p))->floor.has_value());
  EXPECT_DOUBLE_EQ(floors->Find(KeyOf(p))->aim, 1.5);
}

TEST(BenchFloorsTest, ABadRuleIsNamed) {
  EXPECT_EQ(ParseError(R"({"when": {"threads": 1}, "of": "fraction", "floor": null, "aim": 1})"),
            "");
  EXPECT_THAT(ParseError(R"({"of": "fraction", "floor": 1, "aim": 1})"), Mentions({"K", "1"}));
  EXPECT_THAT(ParseError(R"({"when": {"threads": [1]}, "of": "fraction", "floor": 1, "aim": 1})"),
              Mentions({"K", "threads"}));
  EXPECT_THAT(ParseError(R"({"when": {}, "of": "speed", "floor": 1, "aim": 1})"),
              Mentions({"K", "fraction", "speedup", "cycles", "cliff", "overhead"}));
  EXPECT_THAT(ParseError(R"({"when": {}, "of": "cycles", "floor": 1})"), Mentions({"K", "aim"}));
  EXPECT_THAT(ParseError(R"({"when": {}, "of": "cycles", "floor": "x", "aim": 1})"),
              Mentions({"K", "floor"}));
  EXPECT_FALSE(Floors::Parse("[", kZen4).ok());
}

TEST(BenchPresetsTest, EveryMeasuredCellOfAllHasAFloorOfItsFigure) {
  const BenchPreset all = MakePreset("all", BigCpu(), 2);
  const Floors floors = Zen4Floors();
  ASSERT_GE(all.lines.size(), 12u);
  for (const BenchCase& one : all.cases) {
    const cache::Key key = KeyOf(one.problem, one.threads.back(), one.isa);
    EXPECT_TRUE(ops::Validate(one.problem).ok()) << key.ToString();
    if (one.line < 0) {  // measured for others' sake
      EXPECT_TRUE(std::any_of(all.cases.begin(), all.cases.end(), [&](const BenchCase& odd) {
        return std::count(odd.beside.begin(), odd.beside.end(), one.problem) > 0;
      })) << key.ToString();
      continue;
    }
    const BenchLine& line = all.lines[one.line];
    EXPECT_LT(one.cell, line.cells) << line.title;
    const auto floor = floors.Find(key);
    ASSERT_TRUE(floor.has_value()) << line.title << ": " << key.ToString();
    EXPECT_EQ(floor->metric, line.metric) << line.title << ": " << key.ToString();
  }
  // Lines of types that there are have a case in every cell.
  for (size_t l = 0; l < all.lines.size(); ++l) {
    const std::string& title = all.lines[l].title;
    const std::string type = title.substr(0, title.find_first_of(" ,"));
    if ((type == "bf16" || type == "f16") && !DTypeFromName(type)) continue;
    for (int c = 0; c < all.lines[l].cells; ++c) {
      EXPECT_TRUE(std::any_of(
          all.cases.begin(), all.cases.end(),
          [&](const BenchCase& one) { return one.line == static_cast<int>(l) && one.cell == c; }))
          << title << ", cell " << c;
    }
  }
}

TEST(BenchPresetsTest, ModelsHaveALineEachWithAValidProblemInEveryCell) {
  const BenchPreset models = MakePreset("models", BigCpu(), 2);
  ASSERT_EQ(models.lines.size(), AttentionOfModels().size() + ActivationsOfModels().size());
  std::set<std::string> titles;
  std::set<std::pair<int, int>> cells;
  for (const BenchLine& line : models.lines) titles.insert(line.title);
  EXPECT_EQ(titles.size(), models.lines.size());
  EXPECT_THAT(titles, testing::Contains("Whisper base, encoder, 1500×1500"));
  EXPECT_THAT(titles, testing::Contains("CLIP text, activation, 77×2048"));
  for (const BenchCase& one : models.cases) {
    EXPECT_TRUE(ops::Validate(one.problem).ok()) << ops::Describe(one.problem);
    ASSERT_GE(one.line, 0);
    EXPECT_TRUE(cells.emplace(one.line, one.cell).second) << ops::Describe(one.problem);
    EXPECT_EQ(one.threads, std::vector<int>{2});
  }
  // No problem is measured for two models.
  for (size_t i = 0; i < models.cases.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      EXPECT_FALSE(models.cases[i].problem == models.cases[j].problem)
          << ops::Describe(models.cases[i].problem);
    }
  }
  int empty = 0;
  for (size_t line = 0; line < models.lines.size(); ++line) {
    for (int cell = 0; cell < models.lines[line].cells; ++cell) {
      empty += cells.count({static_cast<int>(line), cell}) == 0;
    }
  }
  EXPECT_TRUE(empty == 0 || !DTypeFromName("bf16")) << empty;
}

TEST(BenchPresetsTest, ModelsHaveTheSizesAndOptionsOfRealLayers) {
  std::set<int64_t> dims;
  bool windows = false, around = false, chunks = false, sinks = false, softcaps = false,
       padding = false, floats = false;
  for (const ModelAttention& model : AttentionOfModels()) {
    const ops::AttentionProblem& p = model.layer;
    dims.insert(p.head_dim);
    windows |= p.window_left > 0 && p.window_right == 0;
    around |= p.window_left > 0 && p.window_right > 0;
    chunks |= p.chunk > 0, sinks |= p.sinks, softcaps |= p.softcap;
    padding |= p.bias == jit::Bias::kSeen, floats |= p.bias == jit::Bias::kF32;
  }
  EXPECT_THAT(dims, testing::IsSupersetOf<int64_t>(
                        {15, 32, 40, 64, 72, 80, 96, 128, 160, 192, 256, 320, 512, 576}));
  EXPECT_TRUE(windows && around && chunks && sinks && softcaps && padding && floats);
}

TEST(BenchPresetsTest, WhatTheMachineHasNotIsLeftOut) {
  for (const std::string_view name : cli::PresetNames()) {
    for (const BenchCase& one : MakePreset(name, BigCpu(), 1).cases) {
      EXPECT_EQ(one.threads, std::vector<int>{1}) << name;
    }
  }
  Cpu small = BigCpu();
  small.isa = Isa::kAvx2;
  for (const BenchCase& one : MakePreset("all", small, 2).cases) {
    EXPECT_EQ(one.isa, Isa::kAvx2);
  }
  small.isa = Isa::kPortable;
  for (const BenchCase& one : MakePreset("all", small, 2).cases) {
    EXPECT_EQ(one.isa, Isa::kPortable);
  }
}

TEST(BenchReportTest, FiguresFollowFromTheFastestSample) {
  BenchRow row = Row(2e-3);
  const double flops = ops::Flops(row.problem());
  const cli::Json json = ToJson(row);
  EXPECT_EQ(json["name"], "attn_f32_d64.b1h4g4.q320k320.t1.avx512.hot");
  EXPECT_EQ(json["op"], "attention");
  EXPECT_DOUBLE_EQ(json["seconds_min"], 2e-3);
  EXPECT_DOUBLE_EQ(json["seconds_median"], 2.04e-3);
  EXPECT_DOUBLE_EQ(json["gflops"], flops / 2e-3 * 1e-9);
  EXPECT_DOUBLE_EQ(json["peak"], 100);
  EXPECT_EQ(json["bound"], "fma");
  EXPECT_DOUBLE_EQ(json["fraction"], flops / 100e9 / 2e-3);
  EXPECT_NEAR(json["spread"].get<double>(), 0.01, 1e-12);
  EXPECT_TRUE(json["floor"].is_null());
  EXPECT_TRUE(json["cycles_per_vector"].is_null());
  ASSERT_THAT(json["times"], SizeIs(5));
  EXPECT_DOUBLE_EQ(json["times"][4], 4e-3);
}

TEST(BenchReportTest, AMemoryBoundRowIsInBytes) {
  BenchRow row = Row(2e-3);
  row.result.limits.traffic =
      Limit{"read", ops::Bytes(row.problem()), ops::Bytes(row.problem()) / 1.9e-3};
  EXPECT_TRUE(row.memory_bound());
  const cli::Json json = ToJson(row);
  EXPECT_EQ(json["bound"], "memory");
  EXPECT_DOUBLE_EQ(json["gbytes_per_s"], ops::Bytes(row.problem()) / 2e-3 * 1e-9);
  EXPECT_NEAR(json["fraction"].get<double>(), 0.95, 1e-12);
  const BenchRow rows[] = {row};
  EXPECT_THAT(RowsText(rows), HasSubstr("GB/s"));
}

TEST(BenchReportTest, ACellIsTheWorstOfItsRows) {
  const double best = ops::Flops(Row(1).problem()) / 100e9;
  std::vector<BenchRow> rows = {Row(best / 0.9), Row(best / 0.8), Row(best / 0.7)};
  for (BenchRow& row : rows) row.floor = Floor{Metric::kFraction, 0.75, 0.85};
  rows[0].line = rows[1].line = rows[2].line = 0;
  rows[2].cell = 1;
  const BenchLine lines[] = {{"f32", Metric::kFraction, 3}};
  const std::string asked[] = {"tuned"};
  EXPECT_NEAR(*CellOf(rows, 0, 0, Metric::kFraction, "tuned").worst, 0.8, 1e-12);
  EXPECT_FALSE(CellOf(rows, 0, 0, Metric::kFraction, "default").worst);
  const std::string text = LinesText(lines, rows, asked);
  EXPECT_THAT(text, Mentions({"0.800", "0.700", "0.750"}));
  // Of cycles the worst are the most, and a floor is reached from above.
  EXPECT_TRUE(Reaches(Metric::kCycles, 9, 12.5));
  EXPECT_FALSE(Reaches(Metric::kCycles, 13, 12.5));
  const cli::Json json = LinesJson(lines, rows, asked);
  EXPECT_NEAR(json[0]["cells"][1]["value"].get<double>(), 0.7, 1e-12);
  EXPECT_TRUE(json[0]["cells"][2]["value"].is_null());
}

TEST(BenchReportTest, SpeedupIsOverOneThreadOfTheSameConfiguration) {
  std::vector<BenchRow> rows = {Row(4e-3), Row(2e-3, 2), Row(1e-3, 4)};
  rows[2].asked = "default";
  FillSpeedups(&rows);
  EXPECT_FALSE(rows[0].speedup);
  EXPECT_DOUBLE_EQ(*rows[1].speedup, 2);
  EXPECT_FALSE(rows[2].speedup) << "nothing of that configuration ran on one thread";
}

// Twice the time for an operation of the neighbours, each in times of its own rounds' peak.
TEST(BenchReportTest, ACliffIsTimeForAnOperationOfWholeVectorsOverTheNeighbours) {
  const auto row = [](int64_t length, double seconds, double peak) {
    BenchRow r = Row(seconds);
    r.key.bucket = ops::AttentionProblem{.q_len = length, .kv_len = length};
    r.result.limits.fma->peak = peak;
    return r;
  };
  // One thread, AVX-512: 17 queries take two vectors in Q·Kᵀ, and are 17 rows in P·V.
  const jit::TilesConfig config;
  const double small = 2.0 * 16 * (16 * 64 + 16 * 64), odd = 2.0 * 17 * (32 * 64 + 17 * 64),
               large = 2.0 * 32 * (32 * 64 + 32 * 64);
  const auto padded = [](int64_t length, const ops::Config& c) {
    return c.algorithm().padded_flops(ops::AttentionProblem{.q_len = length, .kv_len = length}, c);
  };
  EXPECT_EQ(padded(16, config), small);
  EXPECT_EQ(padded(17, config), odd);
  EXPECT_EQ(padded(32, config), large);
  // Transposed, queries lie in the lanes of P·V too.
  EXPECT_EQ(padded(17, jit::TilesConfig{.pv = jit::PvForm::kTransposed}), large * 17 / 32);
  EXPECT_EQ(ops::kVectors.padded_flops, nullptr);
  std::vector<BenchRow> rows = {row(16, small * 1e-9, 100e9), row(32, large * 1e-9, 100e9),
                                row(17, odd * 1e-9, 200e9)};
  rows[2].beside = {rows[0].problem(), rows[1].problem()};
  FillCliffs(&rows);
  EXPECT_FALSE(rows[0].cliff);
  ASSERT_TRUE(rows[2].cliff);
  EXPECT_NEAR(*rows[2].cliff, 2, 1e-9);
  rows[2].line = 0;
  const BenchLine lines[] = {{"odd", Metric::kCliff, 1}};
  const std::string asked[] = {"tuned"};
  EXPECT_THAT(LinesText(lines, rows, asked), Mentions({"2.00", ops::Describe(rows[2].problem())}));
  EXPECT_FALSE(Reaches(Metric::kCliff, 2, 1.15));
  // Where a neighbour is missing there is nothing to compare with.
  rows[2].cliff.reset();
  rows.erase(rows.begin());
  FillCliffs(&rows);
  EXPECT_FALSE(rows[1].cliff);
}

TEST(BenchReportTest, OverheadIsTheShareOfACallOutsideItsKernel) {
  BenchRow row = Row(2e-6);
  EXPECT_FALSE(row.overhead());
  EXPECT_TRUE(ToJson(row)["overhead"].is_null());
  row.result.kernel_seconds = 1.9e-6;
  EXPECT_NEAR(*row.Figure(Metric::kOverhead), 0.05, 1e-12);
  EXPECT_NEAR(ToJson(row)["overhead"].get<double>(), 0.05, 1e-12);
  EXPECT_TRUE(Reaches(Metric::kOverhead, 0.05, 0.1));
  EXPECT_FALSE(Reaches(Metric::kOverhead, 0.15, 0.1));
}

TEST(BenchReportTest, PairsAreShownAsWhatTheyChange) {
  std::vector<BenchRow> rows = {Row(2e-3), Row(2e-3)};
  rows[0].asked = ops::ToString(rows[0].config);
  rows[0].differs = "kv_block=64";
  rows[1].asked = "kv_block=128";
  const std::string text = RowsText(rows);
  EXPECT_THAT(text, HasSubstr("kv_block=64"));
  EXPECT_THAT(text, Not(HasSubstr("qk_keys")));
}

TEST(BenchReportTest, AWrongResultHasNoFigures) {
  std::vector<BenchRow> rows = {Row(4e-3), Row(2e-3)};
  rows[1].result = {};
  rows[1].result.wrong = "row 3: 1, should be 2";
  rows[1].line = 0;
  EXPECT_THAT(RowsText(rows), HasSubstr("row 3: 1, should be 2"));
  EXPECT_FALSE(ToJson(rows[1]).contains("seconds_min"));
  EXPECT_FALSE(CellOf(rows, 0, 0, Metric::kFraction, "tuned").worst);
}

TEST(BenchReportTest, CsvHasAColumnForEveryKey) {
  std::vector<BenchRow> rows = {Row(4e-3)};
  rows[0].source = "a \"record\", tuned";
  const std::string csv = RowsCsv(rows);
  const size_t end = csv.find('\n');
  std::string keys;
  cli::Json json = ToJson(rows[0]);
  json.erase("times");
  for (const auto& [key, value] : json.items()) keys += (keys.empty() ? "" : ",") + key;
  EXPECT_EQ(csv.substr(0, end), keys);
  EXPECT_THAT(csv.substr(end), HasSubstr("\"a \"\"record\"\", tuned\""));
  EXPECT_THAT(csv.substr(end), HasSubstr("algorithm=tiles isa="));
  EXPECT_THAT(csv.substr(end), HasSubstr("q_vecs="));
}

TEST(BenchCompareTest, OnlyWhatBothTimeAndFractionShowBeyondNoiseIsADifference) {
  const BenchFigures before{.seconds = 1.00, .fraction = 0.90, .spread = 0.01};
  const Comparison faster = Compare(before, {0.90, 1.00, 0.02});
  EXPECT_EQ(faster.verdict, Verdict::kFaster);
  EXPECT_NEAR(faster.gain, 1 / 0.9 - 1, 1e-12);
  EXPECT_NEAR(faster.noise, 0.03, 1e-12);
  EXPECT_EQ(Compare(before, {1.10, 0.818, 0.02}).verdict, Verdict::kSlower);
  EXPECT_EQ(Compare(before, {0.98, 0.918, 0.02}).verdict, Verdict::kSame);
  EXPECT_EQ(Compare(before, {1.10, 0.90, 0.02}).verdict, Verdict::kMachine);
  EXPECT_EQ(Compare(before, {0.90, 0.90, 0.02}).verdict, Verdict::kMachine);
  EXPECT_EQ(Compare(before, {0.90, 0.80, 0.02}).verdict, Verdict::kMachine);
  // Without a peak the time alone decides; without spread half a percent is still noise.
  EXPECT_EQ(Compare({1, {}, 0}, {0.99, {}, 0}).verdict, Verdict::kFaster);
  EXPECT_EQ(Compare({1, {}, 0}, {0.996, {}, 0}).verdict, Verdict::kSame);
}

TEST(BenchCompareTest, RowsAreFoundByNameAndConfiguration) {
  cli::TempDir folder;
  cli::Json json = {{"rows", {ToJson(Row(2e-3))}}};
  json["rows"][0]["asked"] = "default";
  json["rows"].push_back({{"name", "wrong"}, {"wrong", "row 1"}});
  cli::WriteFile(folder / "run.json", json.dump());
  auto earlier = ReadEarlierRun(folder / "run.json");
  ASSERT_TRUE(earlier.ok()) << earlier.status();
  ASSERT_THAT(*earlier, SizeIs(1));
  std::vector<BenchRow> rows = {Row(1e-3), Row(1e-3, 2)};
  auto compared = CompareRuns(*earlier, rows);
  ASSERT_THAT(compared, SizeIs(2));
  ASSERT_TRUE(compared[0].comparison) << "the only configuration of that name";
  EXPECT_EQ(compared[0].comparison->verdict, Verdict::kFaster);
  EXPECT_FALSE(compared[1].comparison);
  EXPECT_THAT(ComparisonText(compared), Mentions({"1", "2", "0"}));
  // Where several configurations were measured, only the same one is compared.
  earlier->push_back(earlier->front());
  EXPECT_FALSE(CompareRuns(*earlier, rows)[0].comparison);
}

TEST(BenchCompareTest, ABadFileIsRefused) {
  cli::TempDir folder;
  EXPECT_THAT(std::string(ReadEarlierRun(folder / "none").status().message()),
              HasSubstr(std::strerror(ENOENT)));
  for (const char* text : {"", "[]", "{\"rows\": 3}", "{\"rows\": [{}]}", "{\"rows\": [7]}"}) {
    cli::WriteFile(folder / "bad", text);
    EXPECT_THAT(std::string(ReadEarlierRun(folder / "bad").status().message()),
                HasSubstr(folder / "bad"))
        << text;
  }
}

TEST(RooflineChartTest, PointsLieUnderTheRoofWhereTheirFiguresSay) {
  const Roof roof{.fma = 100e9, .bandwidth = {200e9, 100e9, 50e9, 25e9}};
  const ChartPoint points[] = {{'a', 0.25, 5e9}, {'b', 64, 90e9}, {'c', 64, 10e9}};
  const std::string chart = RooflineChart(roof, points, 60, 16);
  std::vector<std::string> lines;
  std::istringstream text(chart);
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  auto place = [&](char mark) {
    for (size_t y = 0; y < lines.size(); ++y) {
      const size_t bar = lines[y].find('|');
      const size_t x = bar == std::string::npos ? bar : lines[y].find(mark, bar);
      if (x != std::string::npos) return std::pair(x, y);
    }
    ADD_FAILURE() << "no " << mark << " in\n" << chart;
    return std::pair<size_t, size_t>();
  };
  const auto [ax, ay] = place('a');
  const auto [bx, by] = place('b');
  const auto [cx, cy] = place('c');
  EXPECT_LT(ax, bx);
  EXPECT_EQ(bx, cx);
  EXPECT_LT(by, cy) << "the faster stands higher";
  EXPECT_LT(cy, ay);
  EXPECT_THAT(chart, HasSubstr("100 |")) << "the FMA line is labelled";
}

}  // namespace
}  // namespace jitattn::lab
