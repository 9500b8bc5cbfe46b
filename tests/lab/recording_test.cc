// The two exchange formats: what they mean, that nothing is lost on the way, what is refused.

#include "lab/replay/recording.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/mentions.h"

namespace jitattn::lab {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kCache = R"({
"schema_version": "1.0.0", "device_name": "Test card", "kernel_name": "blur",
"problem_size": [4096, 512], "tune_params_keys": ["block", "order", "pad"],
"tune_params": {"block": [64, 16, 32, 128], "order": ["row", "col"], "pad": [false, true]},
"objective": "time",
"cache": {
"64,row,True": {"block": 64, "order": "row", "pad": true, "time": 2.5, "times": [2.25, 2.75],
  "compile_time": 900, "verification_time": 0, "benchmark_time": 100, "strategy_time": 0,
  "framework_time": 1, "timestamp": "2023-12-22 09:54:05+00:00", "GFLOP/s": 12},
"16,col,False": {"block": 16, "order": "col", "pad": false, "time": "CompilationFailedConfig",
  "compile_time": 300, "benchmark_time": 0},
"128,row,False": {"block": 128, "order": "row", "pad": false, "time": 1e20}
}})";

TEST(RecordingTest, ReadsAKernelTunerCache) {
  const auto recording = ReadRecording(kCache);
  ASSERT_TRUE(recording.ok()) << recording.status();
  EXPECT_EQ(recording->device, "Test card");
  EXPECT_EQ(recording->kernel, "blur");
  EXPECT_THAT(recording->problem_size, ElementsAre(4096, 512));
  const search::Space& space = recording->space;
  ASSERT_EQ(space.size(), 3);
  EXPECT_THAT(space.parameters()[0].values, ElementsAre(16, 32, 64, 128));  // ordered
  EXPECT_EQ(space.parameters()[0].kind, search::Parameter::Kind::kLog);
  EXPECT_EQ(space.parameters()[1].kind, search::Parameter::Kind::kCategorical);
  EXPECT_THAT(space.parameters()[1].labels, ElementsAre("row", "col"));

  const RecordedPoint& good = recording->points[*space.RankOf({2, 0, 1})];
  EXPECT_DOUBLE_EQ(good.cost, 2.5e-3);
  EXPECT_THAT(good.samples, ElementsAre(DoubleEq(2.25e-3), DoubleEq(2.75e-3)));
  EXPECT_DOUBLE_EQ(good.compile_seconds, 0.9);
  EXPECT_DOUBLE_EQ(good.benchmark_seconds, 0.1);
  EXPECT_FALSE(good.failed());
  const RecordedPoint& failed = recording->points[*space.RankOf({0, 1, 0})];
  EXPECT_EQ(failed.error, "CompilationFailedConfig");
  EXPECT_TRUE(std::isinf(failed.cost));
  EXPECT_TRUE(recording->points[*space.RankOf({3, 0, 0})].failed());  // an early cache's 1e20
}

void ExpectSame(const Recording& a, const Recording& b) {
  ASSERT_EQ(a.space.size(), b.space.size());
  ASSERT_EQ(a.space.dimensions(), b.space.dimensions());
  for (int p = 0; p < a.space.dimensions(); ++p) {
    EXPECT_EQ(a.space.parameters()[p].name, b.space.parameters()[p].name);
    EXPECT_EQ(a.space.parameters()[p].labels, b.space.parameters()[p].labels);
  }
  for (int rank = 0; rank < a.space.size(); ++rank) {
    // The order of values may differ; what they are may not.
    for (int p = 0; p < a.space.dimensions(); ++p) {
      EXPECT_EQ(a.space.parameters()[p].values[a.space.Row(rank)[p]],
                b.space.parameters()[p].values[b.space.Row(rank)[p]]);
    }
    EXPECT_EQ(a.points[rank].failed(), b.points[rank].failed());
    if (!a.points[rank].failed()) {
      EXPECT_DOUBLE_EQ(a.points[rank].cost, b.points[rank].cost);
    }
    ASSERT_EQ(a.points[rank].samples.size(), b.points[rank].samples.size());
    for (size_t i = 0; i < a.points[rank].samples.size(); ++i) {
      EXPECT_DOUBLE_EQ(a.points[rank].samples[i], b.points[rank].samples[i]);
    }
    EXPECT_DOUBLE_EQ(a.points[rank].compile_seconds, b.points[rank].compile_seconds);
    EXPECT_EQ(a.points[rank].timestamp, b.points[rank].timestamp);
  }
}

TEST(RecordingTest, KernelTunerCacheSurvivesWritingAndReading) {
  const Recording first = *ReadRecording(kCache);
  const std::string text = WriteKernelTunerCache(first);
  EXPECT_THAT(text, HasSubstr("\"64,row,True\":{\"block\":64,\"order\":\"row\",\"pad\":true"));
  EXPECT_THAT(text, HasSubstr("\"schema_version\":\"1.1.0\""));
  const auto second = ReadRecording(text);
  ASSERT_TRUE(second.ok()) << second.status();
  ExpectSame(first, *second);
  EXPECT_EQ(second->device, first.device);
  EXPECT_EQ(second->problem_size, first.problem_size);
  EXPECT_EQ(second->points[*second->space.RankOf({0, 1, 0})].error, "CompilationFailedConfig");
}

TEST(RecordingTest, SeedsKeepTheirOrder) {
  Recording recording = *ReadRecording(kCache);
  EXPECT_THAT(recording.seeds, testing::IsEmpty());
  recording.seeds = {2, 0};
  const std::string text = WriteKernelTunerCache(recording);
  EXPECT_THAT(text, HasSubstr(R"("seed":2)"));
  EXPECT_THAT(ReadRecording(text)->seeds, ElementsAre(2, 0));
}

TEST(RecordingTest, T4ResultsSurviveWritingAndReading) {
  constexpr std::string_view results = R"({"schema_version": "1.0.0", "results": [
    {"timestamp": "t1", "configuration": {"block": 32, "order": "row"},
     "times": {"compilation_time": 500, "runtimes": [1, 3]}, "invalidity": "correct",
     "correctness": 1, "measurements": [{"name": "time", "value": 1.5, "unit": "ms"}]},
    {"configuration": {"block": 16, "order": "row"}, "times": {"runtimes": [2, 4]},
     "invalidity": "correct", "correctness": 1},
    {"configuration": {"block": 16, "order": "col"}, "times": {"compilation_time": 7},
     "invalidity": "compile", "correctness": 0}]})";
  const auto first = ReadRecording(results);
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_EQ(first->space.size(), 3);
  const auto point = [&](int block, int order) -> const RecordedPoint& {
    return first->points[*first->space.RankOf({block, order})];
  };
  EXPECT_DOUBLE_EQ(point(1, 0).cost, 1.5e-3);  // what it says, not the mean of its runs
  EXPECT_DOUBLE_EQ(point(0, 0).cost, 3e-3);    // the mean where it says nothing
  EXPECT_EQ(point(0, 1).error, "compile");

  const auto second = ReadRecording(WriteT4Results(*first));
  ASSERT_TRUE(second.ok()) << second.status();
  ExpectSame(*first, *second);
}

// As Kernel Tuner's authors publish theirs: `compilation`, a failed point's value a word, units
// spelled their way.
TEST(RecordingTest, ReadsPublishedT4Results) {
  const auto recording = ReadRecording(R"({
    "metadata": {"timeunit": "miliseconds"}, "schema_version": "1.0.0", "results": [
    {"timestamp": "2023-12-22 09:54:05.502007+00:00", "configuration": {"block": 16, "fast": 0.5},
     "times": {"compilation": 918.5, "framework": 105.2, "search_algorithm": 0, "validation": 0,
               "runtimes": [4, 3]},
     "invalidity": "correct", "correctness": 1,
     "measurements": [{"name": "time", "value": 3.5, "unit": "miliseconds"}], "objectives": ["time"]},
    {"configuration": {"block": 32, "fast": 0.5}, "times": {"compilation": 12}, "correctness": 0,
     "invalidity": "compile", "objectives": ["time"],
     "measurements": [{"name": "time", "value": "CompilationFailedConfig", "unit": ""}]},
    {"configuration": {"block": 32, "fast": 1.5}, "invalidity": "correct",
     "measurements": [{"name": "power", "value": 9}, {"name": "time", "value": 7, "unit": "us"}]}]})");
  ASSERT_TRUE(recording.ok()) << recording.status();
  const search::Space& space = recording->space;
  ASSERT_EQ(space.size(), 3);
  const RecordedPoint& good = recording->points[*space.RankOf({0, 0})];
  EXPECT_DOUBLE_EQ(good.cost, 3.5e-3);
  EXPECT_DOUBLE_EQ(good.compile_seconds, 0.9185);
  EXPECT_DOUBLE_EQ(good.benchmark_seconds, 7e-3);
  EXPECT_EQ(recording->points[*space.RankOf({1, 0})].error, "compile");
  EXPECT_DOUBLE_EQ(recording->points[*space.RankOf({1, 1})].cost, 7e-6);
}

TEST(RecordingTest, ReadsACacheThatWasNotClosed) {
  std::string open(kCache.substr(0, kCache.find(",\n\"128,row")));
  for (const std::string_view end : {"", ",\n", "\n"}) {
    const auto recording = ReadRecording(open + std::string(end));
    ASSERT_TRUE(recording.ok()) << recording.status();
    EXPECT_EQ(recording->space.size(), 2);
  }
}

std::string Refusal(std::string_view find, std::string_view replace) {
  std::string text(kCache);
  const size_t at = text.find(find);
  EXPECT_NE(at, std::string::npos) << find;
  text.replace(at, find.size(), replace);
  const auto recording = ReadRecording(text);
  EXPECT_EQ(recording.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(recording.status().message());
}

TEST(RecordingTest, RefusesNamingTheEntry) {
  EXPECT_THAT(Refusal(R"("block": 64,)", R"("block": 65,)"),
              Mentions({"64,row,True", "65", "block"}));
  EXPECT_THAT(Refusal(R"("block": 64, )", ""), Mentions({"64,row,True", "block"}));
  EXPECT_THAT(Refusal(R"("time": 2.5)", R"("time": -2.5)"), Mentions({"-2.5"}));
  EXPECT_THAT(Refusal(R"("time": 2.5,)", ""), Mentions({"0"}));
  EXPECT_THAT(Refusal(R"("tune_params_keys")", R"("keys")"), Mentions({"tune_params_keys"}));
  EXPECT_THAT(Refusal(R"(["block", )", R"(["blok", )"), Mentions({"blok"}));
  EXPECT_NE(Refusal(R"("block": 128, "order": "row", "pad": false, "time": 1e20)",
                    R"("block": 16, "order": "col", "pad": false, "time": 1)"),
            "");
  for (const char* text : {"[1]", "", R"({"results": []})"}) {
    EXPECT_EQ(ReadRecording(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
  EXPECT_THAT(ReadRecording(R"({"results": [{"configuration": 3}]})").status().message(),
              Mentions({"0", "configuration"}));
}

TEST(RecordingTest, NamesThatAreNoUtf8AreWritten) {
  Recording recording = *ReadRecording(kCache);
  recording.device = "card \xff";
  EXPECT_TRUE(ReadRecording(WriteKernelTunerCache(recording)).ok());
}

}  // namespace
}  // namespace jitattn::lab
