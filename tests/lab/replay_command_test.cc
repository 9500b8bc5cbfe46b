// From `jitattn tune --record` to `jitattn replay`: what is recorded, what the tables hold, what a
// careless user is told.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "base/cpu.h"
#include "lab/replay/recording.h"
#include "tests/cli/process.h"
#include "tests/mentions.h"

namespace jitattn::lab {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;
using Json = nlohmann::json;

// 24 points in a second.
std::vector<std::string> Record(const std::string& file, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments = {"tune",     "--op",     "sigmoid-mul",
                                        "--dim",    "32",       "--threads",
                                        "1",        "--fields", "vecs=1:2,unroll=1,prefetch=0",
                                        "--record", file};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

std::vector<std::string> Exhaustive(const std::string& file) {
  return Record(file, {"--strategy", "exhaustive", "--record-samples", "3"});
}

absl::StatusOr<Recording> ReadBack(const std::string& path) {
  return ReadRecording(cli::ReadFile(path));
}

TEST(RecordTest, AnExhaustiveSearchRecordsTheWholeSpace) {
  // Without emitted code the space is a single point.
  if (HostCpu().isa == Isa::kPortable) GTEST_SKIP() << "needs avx2";
  const cli::TempDir folder;
  const std::string file = folder / "space.json";
  const cli::ProcessResult result = cli::RunJitattn(folder, Exhaustive(file));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto recording = ReadBack(file);
  ASSERT_TRUE(recording.ok()) << recording.status();
  const int points = recording->space.size();
  EXPECT_GE(points, 8);
  const std::string count = std::to_string(points);
  EXPECT_THAT(result.out, Mentions({count, file}));
  EXPECT_THAT(recording->kernel, HasSubstr("sigmoid-mul f32"));
  EXPECT_THAT(recording->kernel, HasSubstr(" threads=1"));  // one value: no parameter
  EXPECT_THAT(recording->problem_size, ElementsAre(32, 32));
  EXPECT_THAT(recording->device, Not(IsEmpty()));
  std::vector<std::string> names;
  for (const search::Parameter& parameter : recording->space.parameters()) {
    names.push_back(parameter.name);
    EXPECT_GE(parameter.values.size(), 2u) << parameter.name;
  }
  ASSERT_THAT(recording->seeds, Not(IsEmpty()));  // the default, then the best by estimate
  const cli::ProcessResult replay = cli::RunJitattn(
      folder, {"replay", file, "--strategies", "random", "--seeds", "--repeats", "2"});
  EXPECT_EQ(replay.exit_code, 0) << replay.err;
  EXPECT_THAT(names, testing::Contains("vecs"));
  EXPECT_THAT(names, Not(testing::Contains("threads")));
  for (const RecordedPoint& point : recording->points) {
    ASSERT_FALSE(point.failed()) << point.error;
    EXPECT_GT(point.cost, 0);
    ASSERT_THAT(point.samples, Not(IsEmpty()));
    EXPECT_LE(point.samples.size(), 3u);
    EXPECT_LE(point.cost, *std::min_element(point.samples.begin(), point.samples.end()) * 1.000001);
    EXPECT_GT(point.compile_seconds, 0);
    EXPECT_GT(point.benchmark_seconds, 0);
    EXPECT_THAT(point.timestamp, MatchesRegex("20..-..-.. ..:..:...00:00"));
  }
}

TEST(RecordTest, AnyStrategyRecordsWhatItLookedAt) {
  // Without emitted code the space is a single point.
  if (HostCpu().isa == Isa::kPortable) GTEST_SKIP() << "needs avx2";
  const cli::TempDir folder;
  const std::string file = folder / "some.json";
  const cli::ProcessResult result = cli::RunJitattn(
      folder, Record(file, {"--strategy", "random", "--evaluations", "5", "--quiet"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, Mentions({"5"}));
  const auto recording = ReadBack(file);
  ASSERT_TRUE(recording.ok()) << recording.status();
  EXPECT_EQ(recording->space.size(), 5);
}

TEST(RecordTest, AnOlderRecordOutsideTheSpaceIsNoPointOfIt) {
  const cli::TempDir folder;
  const std::string file = folder / "space.json";
  const std::vector<std::string> elsewhere = {
      "tune",  "--op",     "sigmoid-mul",
      "--dim", "32",       "--threads",
      "1",     "--fields", "vecs=6,unroll=4,prefetch=8,table=0"};
  ASSERT_EQ(cli::RunJitattn(folder, elsewhere).exit_code, 0);
  const cli::ProcessResult result = cli::RunJitattn(folder, Exhaustive(file));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::string count = std::to_string(ReadBack(file)->space.size());
  EXPECT_THAT(result.out, Mentions({count, file}));
}

TEST(RecordTest, SeveralProblemsGetAFileEach) {
  const cli::TempDir folder;
  const cli::ProcessResult result = cli::RunJitattn(
      folder, {"tune", "--dim", "32", "--evaluations", "2", "--time", "120", "--threads", "1",
               "--space", "small", "--record", folder / "x.json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  std::vector<std::string> recordings;
  for (const std::string& path : cli::FilesUnder(folder.path())) {
    if (path.ends_with(".json")) recordings.push_back(path.substr(folder.path().size() + 1));
  }
  ASSERT_THAT(recordings, SizeIs(2));
  EXPECT_THAT(recordings[0], AllOf(StartsWith("x.attn_f32_d32."), Not(HasSubstr("/"))));
  EXPECT_THAT(recordings[1], StartsWith("x.silu_f32."));
}

TEST(RecordTest, CtrlCKeepsWhatWasMeasured) {
  const cli::TempDir folder;
  const std::string file = folder / "part.json";
  cli::Process process(cli::JitattnCommand({"tune", "--dim", "64", "--op", "attention",
                                            "--strategy", "exhaustive", "--record", file}),
                       {.env = {{"JITATTN_CACHE_DIR", folder.path()}}});
  ASSERT_TRUE(process.WaitForError("best "));
  process.Signal(SIGINT);
  const cli::ProcessResult result = process.Finish();
  EXPECT_EQ(result.exit_code, 130) << result.err;
  const auto recording = ReadBack(file);
  ASSERT_TRUE(recording.ok()) << recording.status();
  EXPECT_GE(recording->space.size(), 1);
  EXPECT_THAT(result.out, Mentions({std::to_string(recording->space.size()), file}));
}

// ---- replay
// ---------------------------------------------------------------------------------------

// A bowl of 8 × 8 points; one fails.
std::string Bowl() {
  Json json = {{"device_name", "a card"},
               {"kernel_name", "bowl"},
               {"problem_size", {64}},
               {"tune_params_keys", {"x", "y"}},
               {"tune_params", {{"x", Json::array()}, {"y", Json::array()}}},
               {"cache", Json::object()}};
  for (int x = 0; x < 8; ++x) {
    json["tune_params"]["x"].push_back(x);
    json["tune_params"]["y"].push_back(x);
    for (int y = 0; y < 8; ++y) {
      Json entry = {{"x", x}, {"y", y}, {"time", 1 + (x - 2) * (x - 2) + (y - 5) * (y - 5)}};
      if (x == 0 && y == 0) entry["time"] = "RuntimeFailedConfig";
      json["cache"][std::to_string(x) + "," + std::to_string(y)] = entry;
    }
  }
  return json.dump();
}

TEST(ReplayTest, TablesAreTheSameForASeed) {
  const cli::TempDir folder;
  const std::string file = folder / "bowl.json", csv = folder / "bowl.csv";
  cli::WriteFile(file, Bowl());
  const std::vector<std::string> arguments = {"replay",    file,    "--strategies", "genetic,auto",
                                              "--budgets", "10,20", "--repeats",    "30",
                                              "--csv",     csv,     "--seed",       "7"};
  const cli::ProcessResult first = cli::RunJitattn(folder, arguments);
  ASSERT_EQ(first.exit_code, 0) << first.err;
  EXPECT_THAT(first.out,
              Mentions({"bowl.json", "64", "1", "10", "20", "auto", "genetic", "random"}));
  EXPECT_THAT(first.out, Not(HasSubstr("annealing")));
  EXPECT_THAT(first.err, IsEmpty());
  const std::string lines = cli::ReadFile(csv);
  EXPECT_THAT(lines, StartsWith("file,strategy,score,budget,mean,"));
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 1 + 3 * 2);
  std::vector<std::string> on_one_thread = arguments;
  on_one_thread.insert(on_one_thread.end(), {"--threads", "1"});
  EXPECT_EQ(cli::RunJitattn(folder, on_one_thread).out, first.out);
  EXPECT_EQ(cli::ReadFile(csv), lines);
}

TEST(ReplayTest, WhatIsWorseThanChanceIsMarked) {
  const cli::TempDir folder;
  // The optimum lies last in the order in which "exhaustive" looks, the worst first.
  Json json = Json::parse(Bowl());
  for (auto& [key, entry] : json["cache"].items()) {
    entry["time"] = 100 - 8 * entry["x"].get<int>() - entry["y"].get<int>();
  }
  cli::WriteFile(folder / "hill.json", json.dump());
  const cli::ProcessResult result =
      cli::RunJitattn(folder, {"replay", folder / "hill.json", "--strategies", "exhaustive",
                               "--budgets", "20", "--repeats", "50", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json out = Json::parse(result.out);
  ASSERT_THAT(out["strategies"], SizeIs(2));
  EXPECT_EQ(out["strategies"][0]["name"], "random");
  EXPECT_EQ(out["strategies"][0]["below_random"], false);
  const Json& last = out["strategies"][1];
  EXPECT_EQ(last["name"], "exhaustive");
  EXPECT_EQ(last["below_random"], true);
  EXPECT_LT(last["score"], 0);
  EXPECT_EQ(last["budgets"][0]["against_random"]["losses"], 1);
  ASSERT_THAT(out["comparisons"], SizeIs(1));
  EXPECT_EQ(out["comparisons"][0]["wins"], 1);
}

TEST(ReplayTest, NoiseChangesWhatIsChosen) {
  const cli::TempDir folder;
  Json json = Json::parse(Bowl());
  for (auto& [key, entry] : json["cache"].items()) {
    if (!entry["time"].is_number()) continue;
    const double time = entry["time"];
    entry["times"] = {time, time * 3, time * 9};
  }
  cli::WriteFile(folder / "noisy.json", json.dump());
  auto mean = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {
        "replay", folder / "noisy.json", "--strategies", "exhaustive", "--budgets",
        "64",     "--repeats",           "20",           "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Json out = Json::parse(cli::RunJitattn(folder, arguments).out, nullptr, false);
    for (const Json& strategy : out.value("strategies", Json::array())) {
      if (strategy["name"] == "exhaustive") return strategy["budgets"][0]["mean"].get<double>();
    }
    return -1.0;
  };
  EXPECT_EQ(mean({}), 1);
  EXPECT_LT(mean({"--noisy"}), 1);
  EXPECT_GT(mean({"--noisy"}), 0.2);
}

TEST(ReplayTest, CurvesHoldEveryNumberOfEvaluations) {
  const cli::TempDir folder;
  cli::WriteFile(folder / "bowl.json", Bowl());
  const std::string curves = folder / "curves.csv";
  const cli::ProcessResult result = cli::RunJitattn(
      folder, {"replay", folder / "bowl.json", "--strategies", "genetic", "--budgets", "5,12",
               "--repeats", "10", "--curves", curves, "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  std::istringstream lines(cli::ReadFile(curves));
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line,
            "space,strategy,evaluations,fraction_mean,fraction_p10,fraction_p50,fraction_p90");
  std::map<std::string, std::vector<double>> means;
  while (std::getline(lines, line)) {
    std::vector<std::string> fields = absl::StrSplit(line, ',');
    ASSERT_THAT(fields, SizeIs(7));
    EXPECT_EQ(fields[0], folder / "bowl.json");
    means[fields[1]].push_back(std::stod(fields[3]));
    EXPECT_EQ(fields[2], std::to_string(means[fields[1]].size()));
    EXPECT_LE(std::stod(fields[4]), std::stod(fields[5]));
    EXPECT_LE(std::stod(fields[5]), std::stod(fields[6]));
  }
  ASSERT_THAT(means, SizeIs(2));
  for (const auto& [strategy, mean] : means) {
    EXPECT_THAT(mean, SizeIs(12)) << strategy;
    EXPECT_TRUE(std::is_sorted(mean.begin(), mean.end())) << strategy;
    EXPECT_LE(mean.back(), 1);
  }
  const auto json = nlohmann::json::parse(result.out);
  for (const auto& strategy : json["strategies"]) {
    const auto& curve = strategy["curves"].at(0);
    const std::vector<double>& mean = means.at(strategy["name"]);
    for (const char* key : {"mean", "p10", "p50", "p90"}) EXPECT_EQ(curve[key].size(), mean.size());
    for (size_t i = 0; i < mean.size(); ++i) EXPECT_NEAR(double{curve["mean"][i]}, mean[i], 1e-5);
  }
}

TEST(ReplayTest, OthersResultsEnterTheTables) {
  const cli::TempDir folder;
  const std::string bowl = folder / "bowl.json", csv = folder / "others.csv";
  cli::WriteFile(bowl, Bowl());
  auto replay = [&](const std::string& lines) {
    cli::WriteFile(csv, lines);
    return cli::RunJitattn(folder, {"replay", bowl, "--strategies", "random", "--budgets", "4,9",
                                    "--repeats", "40", "--json", "--against", csv});
  };
  const std::string header = "file,space,strategy,budget,repeat,evaluations,best_time_ms\n";
  std::string lines = header;
  for (int repeat = 0; repeat < 30; ++repeat) {
    for (const int budget : {4, 9, 30}) {
      const std::string run = "," + std::to_string(budget) + "," + std::to_string(repeat) + ",4,";
      lines += "\"" + bowl + "\",\"a, b\",x:sure" + run + "1\n";
      lines += bowl + ",bowl,\"x:\"\"bad\"" + run + "\n";  // nothing found
      lines += "elsewhere.json,bowl,x:sure" + run + "oops\n";
    }
  }
  const cli::ProcessResult result = replay(lines);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json out = Json::parse(result.out);
  ASSERT_THAT(out["strategies"], SizeIs(3));  // outsiders last, the better one first
  const Json &sure = out["strategies"][1], &bad = out["strategies"][2];
  EXPECT_EQ(out["strategies"][0]["outsider"], false);
  EXPECT_EQ(sure["name"], "x:sure");
  EXPECT_EQ(sure["outsider"], true);
  EXPECT_THAT(sure["scores"], IsEmpty());
  EXPECT_NEAR(sure["budgets"][0]["score"], 1, 1e-12);
  EXPECT_EQ(sure["budgets"][1]["mean"], 1);
  EXPECT_EQ(bad["name"], "x:\"bad");
  EXPECT_LT(bad["budgets"][0]["score"], 0);
  EXPECT_EQ(bad["budgets"][0]["against_random"]["losses"], 1);

  const std::string one = bowl + ",bowl,x:sure,4,0,4,";
  const std::pair<std::string, std::vector<std::string>> refused[] = {
      {"file,strategy,budget\n", {"1", "best_time_ms"}},
      {header, {}},
      {header + one + "1\n", {"x:sure", bowl, "9"}},
      {header + one + "fast\n", {"2", "fast"}},
      {header + one + "nan\n", {"2", "nan"}},
      {header + one + "0.9\n", {"2", "0.9", bowl}},
      {header + bowl + ",4\n", {"2", "7"}},
  };
  for (const auto& [text, data] : refused) {
    const cli::ProcessResult failed = replay(text);
    EXPECT_EQ(failed.exit_code, 1) << text;
    EXPECT_THAT(failed.err, AllOf(Mentions({"--against", csv}), Mentions(data)));
  }
}

TEST(ReplayTest, ListingsSayWhatStrategiesAreWorth) {
  const cli::TempDir folder;
  const std::string all = cli::RunJitattn(folder, {"tune", "--help"}).out;
  EXPECT_THAT(all, testing::ContainsRegex("bayes \\(auto\\) +[+]0[.][0-9]+"));
  EXPECT_THAT(all, testing::ContainsRegex("exhaustive +-0[.][0-9]+"));
  const std::string one =
      cli::RunJitattn(folder, {"tune", "--strategy", "exhaustive", "--help"}).out;
  EXPECT_THAT(one, testing::ContainsRegex(" -0[.][0-9]+"));
  const std::string best = cli::RunJitattn(folder, {"tune", "--strategy", "auto", "--help"}).out;
  EXPECT_THAT(best, testing::ContainsRegex("bayes.*\n.*[+]0[.][0-9]+"));
  EXPECT_THAT(best, HasSubstr("design=4"));
}

TEST(ReplayTest, CarelessUse) {
  const cli::TempDir folder;
  const std::string good = folder / "good.json", text = folder / "text.json",
                    missing = folder / "missing.json", dead = folder / "dead.json";
  cli::WriteFile(good, Bowl());
  cli::WriteFile(text, "this is no recording");
  cli::WriteFile(dead, R"({"tune_params_keys": ["x"], "tune_params": {"x": [1]},
                      "cache": {"1": {"x": 1, "time": "RuntimeFailedConfig"}}})");
  const struct {
    std::vector<std::string> arguments;
    std::vector<std::string> data;
    int exit_code;
  } cases[] = {
      {{"replay"}, {"FILE"}, 2},
      {{"replay", missing}, {missing}, 1},
      {{"replay", folder.path()}, {folder.path()}, 1},
      {{"replay", good, text}, {text}, 1},
      {{"replay", dead}, {dead}, 1},
      {{"replay", good, "--strategies", "magic"}, {"magic", "auto"}, 2},
      {{"replay", good, "--budgets", "18,0"}, {"--budgets", "0", "1"}, 2},
      {{"replay", good, "--budgets", "x"}, {"--budgets", "x"}, 2},
      {{"replay", good, "--repeats", "0"}, {"--repeats", "0"}, 2},
      {{"replay", good, "--csv", folder / "no/such.csv"}, {folder / "no/such.csv"}, 1},
      {{"replay", good, "--csv", folder.path()}, {folder.path()}, 1},
      {Record(folder / "no/such.json"), {"--record", folder / "no/such.json"}, 1},
      {Record(folder / ".hidden.json"), {folder / ".hidden.json"}, 2},
      {{"tune", "--dim", "32", "--space", "study-a", "--record", good}, {"--record"}, 2},
      {{"tune", "--dim", "32", "--fields", "vexs=1"}, {"vexs"}, 2},
      {{"tune", "--dim", "32", "--fields", "vecs=9"}, {"vecs=9", "1", "2"}, 2},
      {{"tune", "--dim", "32", "--fields", "vecs"}, {"FIELD=VALUE"}, 2},
      {{"tune", "--dim", "32", "--fields", "isa=1"}, {"isa", "--isa"}, 2},
  };
  for (const auto& [arguments, data, exit_code] : cases) {
    std::string line;
    for (const std::string& argument : arguments) line += " " + argument;
    SCOPED_TRACE("jitattn" + line);
    const cli::ProcessResult result = cli::RunJitattn(folder, arguments);
    EXPECT_EQ(result.exit_code, exit_code);
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_THAT(result.err, AllOf(StartsWith("jitattn: "), Mentions(data)));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  }
  EXPECT_EQ(cli::ReadFile(good), Bowl());
}

}  // namespace
}  // namespace jitattn::lab
