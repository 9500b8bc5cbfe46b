// Records of earlier formats are read to the configurations they always meant, and what is emitted
// for them does not change by accident.
//
// records-1.3.txt is frozen: several hundred valid (problem, configuration) pairs of both
// operations, every type, both instruction sets and every form of P·V, in the words of format 1.3.
// The hashes of their code stand in code-<version of Xbyak>.txt, in the same order. Emitted bytes
// may differ from one Xbyak to the next: without a file for the version at hand only determinism is
// checked.
//
// After a deliberate change of emitted code, ./dev golden writes the hashes anew.

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/cpu.h"
#include "cache/record.h"
#include "jit/compile.h"
#include "jit/executable_memory.h"
#include "ops/operation.h"
#include "tests/jit/described_cpus.h"

namespace jitattn {
namespace {

const std::string kFolder = JITATTN_SOURCE_DIR "/tests/golden/";

std::vector<std::string> LinesOf(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && !line.starts_with("#")) lines.push_back(line);
  }
  return lines;
}

// A line "KEY | op = …; dtype = …; … | isa = …; q_vecs = …; …" as a whole record of format 1.3.
// What the line does not say is the same for all.
std::string RecordText(const std::string& line) {
  const std::vector<std::string> parts = absl::StrSplit(line, " | ");
  if (parts.size() != 3) return "";
  const auto section = [](const std::string& entries) {
    return absl::StrReplaceAll(entries, {{"; ", "\n"}}) + "\n";
  };
  const std::vector<std::string> words = absl::StrSplit(parts[0], '.');
  const std::string isa = words[words.size() - 2];
  return absl::StrCat(
      "format = \"1.3\"\nkey = \"", parts[0], "\"\nkernel = \"k\"\ncode_hash = \"0x1\"\n",
      "jitattn_version = \"0.1.0\"\nxbyak_version = \"6.68\"\ndate = \"2026-11-30T00:00:00Z\"\n",
      "[problem]\n", section(parts[1]), "[conditions]\nthreads = 4\nisa = \"", isa,
      "\"\nbuffers = \"hot\"\n[config]\n", section(parts[2]), "[default_config]\n",
      section(parts[2]),
      "[result]\nmedian_s = 1.0\nmad_s = 0.0\nmin_s = 1.0\nsamples = 1\ndefault_median_s = 1.0\n"
      "gain = 1.0\ngain_low = 1.0\ngain_high = 1.0\nmax_error = 0.0\nstrategy = \"bayes\"\n"
      "seed = \"1\"\nevaluations = 1\nspace_size = 1\ntuning_s = 1.0\ncomplete = true\n"
      "layout = \"heads\"\nmachine_flags = []\n",
      "[fingerprint]\nvendor = \"*\"\nfamily = \"*\"\nmodel = \"*\"\nstepping = \"*\"\n"
      "features = \"*\"\nmicrocode = \"*\"\nkernel = \"*\"\ncores = \"*\"\nl1d_bytes = \"*\"\n"
      "l2_bytes = \"*\"\nl3_bytes = \"*\"\n");
}

struct Golden {
  std::string key;
  Cpu cpu;
  cache::Record record;
};

std::vector<Golden> ReadRecords() {
  std::vector<Golden> all;
  for (const std::string& line : LinesOf(kFolder + "records-1.3.txt")) {
    Golden golden;
    golden.key = line.substr(0, line.find(' '));
    golden.cpu = jit::testing::FullCpu(golden.key.find(".avx512.") != golden.key.npos ? Isa::kAvx512
                                                                                      : Isa::kAvx2);
    auto record = cache::ParseRecord(RecordText(line), golden.key, golden.cpu);
    EXPECT_TRUE(record.ok()) << record.status() << "\n" << RecordText(line);
    if (!record.ok()) continue;
    golden.record = *std::move(record);
    all.push_back(std::move(golden));
  }
  return all;
}

uint64_t EmittedHash(const Golden& golden) {
  const auto kernel = ops::Compile(golden.record.problem, golden.record.config, golden.cpu);
  EXPECT_TRUE(kernel.ok()) << golden.key << ": " << kernel.status();
  return kernel.ok() ? (*kernel)->code_hash() : 0;
}

TEST(Golden, OldRecordsGiveTheCodeTheyAlwaysGave) {
  if (!jit::ExecutableMemoryAllowed()) GTEST_SKIP() << "needs executable memory";
  const std::vector<Golden> all = ReadRecords();
  ASSERT_GE(all.size(), 300u);
  const std::string path = absl::StrCat(kFolder, "code-", jit::XbyakVersion(), ".txt");
  std::string text = absl::StrCat("# Of each line of records-1.3.txt, as Xbyak ",
                                  jit::XbyakVersion(), " emits it. Written by ./dev golden.\n");
  std::vector<std::string> now;
  for (const Golden& golden : all) {
    const uint64_t hash = EmittedHash(golden);
    EXPECT_EQ(hash, EmittedHash(golden)) << golden.key;
    now.push_back(absl::StrCat(golden.key, " 0x", absl::Hex(hash, absl::kZeroPad16)));
    absl::StrAppend(&text, now.back(), "\n");
  }
  if (std::getenv("JITATTN_WRITE_GOLDEN") != nullptr) {
    std::ofstream(path) << text;
    return;
  }
  const std::vector<std::string> then = LinesOf(path);
  if (then.empty()) {
    GTEST_SKIP() << "needs hashes of Xbyak " << jit::XbyakVersion() << ": only determinism was "
                 << "checked. ./dev golden writes them";
  }
  ASSERT_EQ(now.size(), then.size());
  for (size_t i = 0; i < now.size(); ++i) EXPECT_EQ(now[i], then[i]);
}

// What is written today is read back to the same configuration.
TEST(Golden, OldRecordsSurviveBeingWrittenAnew) {
  for (const Golden& golden : ReadRecords()) {
    const auto again =
        cache::ParseRecord(cache::SerializeRecord(golden.record), golden.key, golden.cpu);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_TRUE(again->config == golden.record.config) << golden.key;
    EXPECT_TRUE(again->problem == golden.record.problem) << golden.key;
    EXPECT_EQ(again->key.ToString(), golden.key);
  }
}

}  // namespace
}  // namespace jitattn
