// `jitattn tune --csv`: what a table holds, that it grows, and that it survives.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "ops/config.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/algorithms.h"
#include "ops/sigmoid_mul/problem.h"
#include "runtime/given_config.h"
#include "tests/cli/csv_testing.h"
#include "tests/cli/process.h"
#include "tests/mentions.h"

namespace jitattn::cli {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

std::vector<std::string> Tune(const std::string& csv, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments = {"tune",        "--dim",     "32",    "--op",
                                        "sigmoid-mul", "--threads", "1",     "--evaluations",
                                        "6",           "--quiet",   "--csv", csv};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

std::vector<CsvRow> Search(const std::vector<CsvRow>& rows) {
  std::vector<CsvRow> search;
  for (const CsvRow& row : rows) {
    if (row.at("phase") == "search") search.push_back(row);
  }
  return search;
}

TEST(TuneCsvTest, ARowForEachEvaluationAndFinalist) {
  // Without emitted code the space is a single point.
  if (HostCpu().isa == Isa::kPortable) GTEST_SKIP() << "needs avx2";
  const TempDir folder;
  const std::string csv = folder / "t.csv";
  const ProcessResult result = RunJitattn(folder, Tune(csv, {"--json", "--seed", "3"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::vector<CsvRow> rows = ParseCsv(ReadFile(csv)), search = Search(rows);
  ASSERT_THAT(search, SizeIs(6));
  std::set<std::string> configs;
  double best = 1e300, elapsed = 0;
  for (size_t i = 0; i < search.size(); ++i) {
    CsvRow row = search[i];
    SCOPED_TRACE(row["config"]);
    EXPECT_EQ(row["evaluation"], std::to_string(i + 1));
    EXPECT_EQ(row["origin"] == "default", i == 0);
    EXPECT_THAT(row["origin"], AnyOf("default", "estimate", "latin", "search", "settle"));
    EXPECT_EQ(row["strategy"], "bayes");
    EXPECT_EQ(row["seed"], "3");
    EXPECT_EQ(row["op"], "sigmoid-mul");
    EXPECT_EQ(row["dtype"], "f32");
    EXPECT_EQ(row["N"], "1024");
    EXPECT_THAT(row["problem"], HasSubstr("silu_f32.r32c32.t1."));
    // Of the other operation.
    EXPECT_EQ(row["q_vecs"], "");
    EXPECT_EQ(row["tile_rows"], "");
    // The fields are those of the configuration.
    const auto config = runtime::GivenConfig(
        row["config"], ops::SigmoidMulProblem{.rows = 32, .cols = 32}, HostCpu(), 1);
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(ops::ToString(*config), row["config"]);
    EXPECT_EQ(row["algorithm"], config->algorithm().name);
    for (const ops::Field& field : config->algorithm().fields) {
      EXPECT_EQ(row[std::string(field.name)], ops::ValueText(field, field.get(*config)))
          << field.name;
    }
    const auto block = config->algorithm().block;
    EXPECT_EQ(row["block"], std::to_string(block == nullptr ? 0 : block(*config)));
    if (const auto* silu = config->If<jit::SigmoidMulConfig>()) {
      EXPECT_EQ(row["block"], std::to_string(silu->vecs * silu->unroll));
    }
    configs.insert(row["config"]);
    EXPECT_THAT(row["status"], AnyOf("ok", "censored"));
    const double min = std::stod(row["min_s"]), median = std::stod(row["p50_s"]);
    EXPECT_GT(min, 0);
    EXPECT_LE(min, median);
    EXPECT_LE(median, std::stod(row["p95_s"]));
    EXPECT_LE(std::stod(row["p95_s"]), std::stod(row["p99_s"]));
    EXPECT_LE(std::stod(row["p99_s"]), std::stod(row["max_s"]));
    EXPECT_GE(std::stod(row["mean_s"]), min);
    if (std::stoi(row["samples"]) > 1) {
      EXPECT_NEAR(std::stod(row["cv"]), std::stod(row["std_s"]) / std::stod(row["mean_s"]), 1e-6);
    } else {
      EXPECT_EQ(row["cv"], "") << "one sample has no spread";
    }
    EXPECT_GT(std::stod(row["gbytes_per_s"]), 0);
    EXPECT_GT(std::stod(row["peak_fraction"]), 0);
    EXPECT_GT(std::stod(row["emit_s"]), 0);
    EXPECT_GT(std::stod(row["first_call_s"]), 0);
    EXPECT_LT(std::stod(row["max_error"]), 1e-5);
    EXPECT_EQ(row["scratch_bytes"], "0");
    EXPECT_GE(std::stod(row["elapsed_s"]), elapsed);
    elapsed = std::stod(row["elapsed_s"]);
    if (row["status"] == "ok") best = std::min(best, min);
    EXPECT_EQ(std::stod(row["best_s"]), best);
    EXPECT_EQ(row["default_s"], search[0].at("min_s"));
    EXPECT_NEAR(std::stod(row["speedup_over_default"]), std::stod(row["default_s"]) / min, 1e-6);
  }
  EXPECT_THAT(configs, SizeIs(6)) << "a candidate counts once";

  // The finalists' figures are those of the report.
  const auto json = nlohmann::json::parse(result.out);
  const auto& finalists = json["problems"][0]["finalists"];
  const size_t raced = rows.size() - search.size();
  ASSERT_EQ(finalists.size(), raced == 0 ? 1 : raced);
  for (size_t i = 0; i < finalists.size(); ++i) {
    EXPECT_GT(finalists[i]["seconds_p99"], 0);
    if (raced == 0) continue;
    const CsvRow& row = rows[search.size() + i];
    EXPECT_EQ(row.at("phase"), "final");
    EXPECT_NEAR(std::stod(row.at("cv")), double{finalists[i]["cv"]}, 1e-6);
    EXPECT_EQ(row.at("samples"), finalists[i]["samples"].dump());
    const size_t number = std::stoul(row.at("evaluation"));
    EXPECT_EQ(row.at("config"), search.at(number - 1).at("config"));
  }

  // The log of the report has the same rows.
  const auto& log = json["problems"][0]["log"];
  ASSERT_EQ(log.size(), rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto &look = log[i], &evaluation = look["evaluation"];
    EXPECT_EQ(look["number"].dump(), rows[i].at("evaluation"));
    EXPECT_EQ(look["phase"], rows[i].at("phase"));
    EXPECT_EQ(look["origin"], rows[i].at("origin"));
    EXPECT_EQ(evaluation["status"], rows[i].at("status"));
    EXPECT_EQ(evaluation["config"]["vecs"].dump(), rows[i].at("vecs"));
    for (const auto& [value, column] : {std::pair(evaluation["seconds_min"], "min_s"),
                                        {look["gflops"], "gflops"},
                                        {look["gbytes_per_s"], "gbytes_per_s"},
                                        {look["peak_fraction"], "peak_fraction"},
                                        {look["elapsed_seconds"], "elapsed_s"},
                                        {look["best_seconds"], "best_s"},
                                        {look["default_seconds"], "default_s"}}) {
      const double expected = std::stod(rows[i].at(column));
      EXPECT_NEAR(double{value}, expected, 1e-7 * expected) << column;
    }
  }
}

// docs/compare.md names the columns; `a` … `b` stands for those from a to b.
TEST(TuneCsvTest, TheDocumentHasTheColumns) {
  const TempDir folder;
  ASSERT_EQ(RunJitattn(folder, Tune(folder / "t.csv")).exit_code, 0);
  const std::vector<std::string> header = CsvCells(ReadFile(folder / "t.csv")).front();
  const std::string document = ReadFile(JITATTN_SOURCE_DIR "/docs/compare.md");
  const std::string section = document.substr(document.find("## Every evaluation"));
  std::vector<std::string> documented;
  std::istringstream lines(section);
  bool in_table = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("| Column")) in_table = true;
    if (in_table && line.empty()) break;
    if (!in_table || !line.starts_with("| `")) continue;
    const std::string names = line.substr(0, line.find('|', 1));
    const bool range = names.find("…") != names.npos;
    for (size_t at = 0; (at = names.find('`', at)) != names.npos;) {
      const size_t end = names.find('`', at + 1);
      const std::string name = names.substr(at + 1, end - at - 1);
      at = end + 1;
      const auto from = documented.empty()
                            ? header.begin()
                            : std::find(header.begin(), header.end(), documented.back()) + 1;
      const auto to = std::find(header.begin(), header.end(), name);
      ASSERT_NE(to, header.end()) << name << " is no column";
      const bool last_of_range = range && at > names.find("…");
      if (last_of_range) documented.insert(documented.end(), from, to);
      documented.push_back(name);
    }
  }
  EXPECT_EQ(documented, header);
}

TEST(TuneCsvTest, ProblemsAndStrategiesShareATable) {
  const TempDir folder;
  const std::string csv = folder / "t.csv";
  for (const char* strategy : {"random", "genetic"}) {
    const ProcessResult result =
        RunJitattn(folder, {"tune", "--dim", "16,32", "--threads", "1", "--evaluations", "2",
                            "--quiet", "--strategy", strategy, "--csv", csv});
    ASSERT_EQ(result.exit_code, 0) << result.err;
  }
  std::set<std::string> seen;
  for (const CsvRow& row : Search(ParseCsv(ReadFile(csv)))) {
    seen.insert(row.at("strategy") + " " + row.at("op") + " " + row.at("N"));
  }
  EXPECT_THAT(seen, SizeIs(2 * 2 * 2));
  // Nor does the study's space, whose points have two types, break the table.
  const ProcessResult study = RunJitattn(folder, {"tune", "--dim", "32", "--space", "study-a",
                                                  "--evaluations", "4", "--quiet", "--csv", csv});
  ASSERT_EQ(study.exit_code, 0) << study.err;
  int points = 0;
  for (const CsvRow& row : ParseCsv(ReadFile(csv))) {
    if (row.at("strategy") != "genetic-study") continue;
    points += row.at("origin") == "search" ? 1 : 0;
    if (row.at("status") == "ok") {
      EXPECT_THAT(row.at("p95_s"), Not(IsEmpty()));
    }
  }
  EXPECT_GE(points, 4);
}

TEST(TuneCsvTest, ARecordIsNamedAsTheOrigin) {
  const TempDir folder;
  ASSERT_EQ(RunJitattn(folder, Tune(folder / "a.csv", {"--fields", "vecs=6,table=none"})).exit_code,
            0);
  ASSERT_EQ(RunJitattn(folder, Tune(folder / "b.csv")).exit_code, 0);
  std::set<std::string> origins;
  for (const CsvRow& row : ParseCsv(ReadFile(folder / "b.csv"))) origins.insert(row.at("origin"));
  // Where the default had won, the record is the default.
  const bool same = ParseCsv(ReadFile(folder / "a.csv")).size() == 6;
  if (!same) {
    EXPECT_TRUE(origins.contains("record") || origins.contains("default"));
  }
  EXPECT_TRUE(origins.contains("default"));
}

TEST(TuneCsvTest, AnInterruptedTableIsWhole) {
  const TempDir folder;
  const std::string csv = folder / "t.csv";
  for (const int signal : {SIGINT, SIGKILL}) {
    Process process(JitattnCommand({"tune", "--op", "attention", "--dim", "64", "--threads", "1",
                                    "--evaluations", "100000", "--time", "600", "--csv", csv}),
                    {.env = {{"JITATTN_CACHE_DIR", folder.path()}}});
    ASSERT_TRUE(process.WaitForError("best "));
    process.Signal(signal);
    const ProcessResult result = process.Finish();
    EXPECT_EQ(result.exit_code, signal == SIGINT ? 130 : -1);
    const std::vector<CsvRow> rows = ParseCsv(ReadFile(csv));
    ASSERT_GE(rows.size(), 1u);
    EXPECT_EQ(rows[0].at("origin"), "default");
  }
}

TEST(TuneCsvTest, OtherFilesAreLeftAlone) {
  const TempDir folder;
  const std::string notes = folder / "notes.csv", cut = folder / "cut.csv";
  WriteFile(notes, "day,weather\nMonday,rain\n");
  ASSERT_EQ(RunJitattn(folder, Tune(cut)).exit_code, 0);
  const std::string whole = ReadFile(cut);
  WriteFile(cut, whole.substr(0, whole.size() - 5));
  const struct {
    std::string path;
    int exit_code = 1;
  } cases[] = {
      {notes}, {cut}, {folder / "no/such.csv"}, {folder.path()}, {folder / ".hidden.csv", 2}};
  for (const auto& [path, exit_code] : cases) {
    const ProcessResult result = RunJitattn(folder, Tune(path));
    EXPECT_EQ(result.exit_code, exit_code) << path;
    EXPECT_THAT(result.err, Mentions({"--csv", path}));
  }
  EXPECT_EQ(ReadFile(notes), "day,weather\nMonday,rain\n");
  EXPECT_EQ(ReadFile(cut), whole.substr(0, whole.size() - 5));
}

TEST(TuneCsvTest, AFullDiskIsAnErrorAtTheEnd) {
  const TempDir folder;
  const std::string csv = folder / "t.csv";
  ASSERT_EQ(RunJitattn(folder, Tune(csv)).exit_code, 0);
  // A table so long that a record, which is asked for first, has room where no other row does.
  const std::string table = ReadFile(csv), rows = table.substr(table.find('\n') + 1);
  std::string longer = table;
  while (longer.size() < 8192) longer += rows;
  WriteFile(csv, longer);
  const ProcessResult result =
      RunJitattn(folder, Tune(csv), {.file_limit_bytes = longer.size() + 20});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr(csv));
  EXPECT_THAT(result.out, HasSubstr("GB/s")) << "the tuning itself went on";
}

}  // namespace
}  // namespace jitattn::cli
