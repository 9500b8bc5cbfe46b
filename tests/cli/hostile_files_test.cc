// Files that were made to harm whoever reads them: one line, exit code 1, and nothing for a
// terminal to obey.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <string>
#include <vector>

#include "cli/clean.h"
#include "cli/json.h"
#include "cli/text.h"
#include "cli/text_file.h"
#include "lab/gzip.h"
#include "tests/cli/process.h"
#include "tests/lab/plot_testing.h"
#include "tests/mentions.h"

namespace jitattn::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

const std::string kEscape = "\x1b]0;owned\x07";
const std::string kCsi =
    "\xc2\x9b"
    "31m";  // one character

bool IsHarmless(const std::string& text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte < ' ' && byte != '\n') || byte == 0x7f) return false;
    if (byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0) {
      return false;
    }
  }
  return true;
}

void ExpectRefused(const TempDir& folder, const std::vector<std::string>& arguments,
                   const std::string& datum = "") {
  std::string line;
  for (const std::string& argument : arguments) line += " " + argument;
  SCOPED_TRACE("jitattn" + line);
  const ProcessResult result = RunJitattn(folder, arguments);
  EXPECT_EQ(result.signal, 0);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, StartsWith("jitattn: "));
  EXPECT_THAT(result.err, HasSubstr(datum));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  EXPECT_TRUE(IsHarmless(result.err)) << result.err;
  EXPECT_THAT(result.out, IsEmpty());
}

// Both readers of recordings; `jitattn report` has that of `jitattn plot`.
void ExpectRefusedByAll(const TempDir& folder, const std::string& path) {
  ExpectRefused(folder, {"replay", path, "--strategies", "random"});
  if (lab::HasMatplotlib()) ExpectRefused(folder, {"plot", path, "--list"});
}

TEST(HostileFiles, NumbersBeyondTheRange) {
  const TempDir folder;
  WriteFile(folder / "n.json", R"({"jitattn":"x","command":"bench","a":1e999})");
  ExpectRefusedByAll(folder, folder / "n.json");
  if (lab::HasMatplotlib()) {
    ExpectRefused(folder, {"report", folder / "n.json", "-o", folder / "page.html"});
  }
}

TEST(HostileFiles, DeepNesting) {
  const TempDir folder;
  const std::string deep = std::string(80000, '[') + std::string(80000, ']');
  WriteFile(folder / "d.json", R"({"results":[{"configuration":{"a":)" + deep +
                                   R"(},"invalidity":"correct","times":{"runtimes":[1]}}]})");
  ExpectRefusedByAll(folder, folder / "d.json");
  WriteFile(folder / "v.json", R"({"rows":)" + deep + "}");
  const ProcessResult bench = RunJitattn(
      folder, {"bench", "--op", "sigmoid-mul", "--dim", "32", "--vs", folder / "v.json"});
  EXPECT_EQ(bench.exit_code, 2);
  EXPECT_THAT(bench.err, HasSubstr("v.json"));
}

TEST(HostileFiles, ManyValues) {
  const TempDir folder;
  constexpr int kMany = 20000;
  std::string t4 = R"({"results":[)";
  for (int i = 0; i < kMany; ++i) {
    const std::string number = std::to_string(i);
    t4 += std::string(i == 0 ? "" : ",") + R"({"configuration":{"a":)" + number + R"(,"b":")" +
          number + R"("},"invalidity":"correct","times":{"runtimes":[1]}})";
  }
  WriteFile(folder / "long.json", t4 + "]}");
  // The result does not matter, but the command must end.
  EXPECT_EQ(RunJitattn(folder, {"plot", folder / "long.json", "--list"}).signal, 0);
}

TEST(HostileFiles, WhatIsNoRegularFileIsNotWaitedFor) {
  const TempDir folder;
  const std::string fifo = folder / "fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  for (const std::string& path : {fifo, std::string("/dev/zero"), folder.path()}) {
    ExpectRefusedByAll(folder, path);
    ExpectRefused(folder, {"run", "--x", path}, path);
    ExpectRefused(folder, {"run", "--q", path, "--k", path, "--v", path}, path);
    ExpectRefused(folder, {"bench", "--op", "sigmoid-mul", "--dim", "32", "--vs", path});
  }
  const ProcessResult against =
      RunJitattn(folder, {"replay", JITATTN_SOURCE_DIR "/README.md", "--against", fifo});
  EXPECT_EQ(against.exit_code, 1);
}

TEST(HostileFiles, ReadingIsBounded) {
  const TempDir folder;
  WriteFile(folder / "f", std::string(3 << 20, 'x'));
  EXPECT_EQ(ReadTextFile(folder / "f", 3 << 20).value().size(), size_t{3} << 20);
  const auto longer = ReadTextFile(folder / "f", 2 << 20);
  EXPECT_EQ(longer.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(longer.status().message()), Mentions({"2 MiB"}));
  EXPECT_TRUE(ReadTextFile("/proc/self/status").ok()) << "its size is told as 0";
}

TEST(HostileFiles, EscapeSequencesStayInTheirFiles) {
  const TempDir folder;
  std::string header = "{'descr': '<f" + kEscape + "', 'fortran_order': False, 'shape': (2,), }";
  header.resize(80, ' ');
  WriteFile(folder / "e.npy", std::string("\x93NUMPY\x01\x00\x50\x00", 10) + header);
  ExpectRefused(folder, {"run", "--x", folder / "e.npy"}, folder / "e.npy");
  WriteFile(folder / "key.json", R"({"tune_params_keys":["a"],"tune_params":{"a":[1]},"cache":{")" +
                                     std::string("\\u001b]0;owned\\u0007") +
                                     R"(":{"a":1,"time":-1}}})");
  ExpectRefusedByAll(folder, folder / "key.json");
  WriteFile(folder / ("name" + kEscape), "");
  ExpectRefused(folder, {"replay", folder / ("name" + kEscape)});
}

// One function at the layer that prints.
TEST(HostileFiles, WhatPrintsCleans) {
  const std::string evil = "a" + kEscape + kCsi + "\x7f\r\nb\xff";
  EXPECT_TRUE(IsHarmless(Table({{"A", ">" + evil}, {evil, evil}})));
  EXPECT_TRUE(IsHarmless(Fields({{"label", evil}})));
  EXPECT_TRUE(IsHarmless(Bold(evil, stdout)));
  EXPECT_TRUE(IsHarmless(JsonText(Json{{evil, evil}})));
  EXPECT_EQ(Clean("µ × 語"), "µ × 語");
  // Escaped, and the same when read: all but the byte that is no UTF-8.
  const std::string good = "\x1b\x7f\xc2\x80\xc2\x9f\xc2\xa0µ";
  EXPECT_EQ(Json::parse(JsonText(Json(good))), good);
}

TEST(HostileFiles, CleanIsValidUtf8OnOneLine) {
  EXPECT_EQ(Clean("a\nb\tc\x01"), "a b c ");
  EXPECT_EQ(Clean("a\xff"
                  "b"),
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(Clean("\xc0\x80"), "\xef\xbf\xbd\xef\xbf\xbd");  // overlong
  EXPECT_EQ(Clean("\xe2\x82"), "\xef\xbf\xbd\xef\xbf\xbd");  // cut off
  EXPECT_EQ(Clean(std::string("a\0b", 3)), "a b");
}

TEST(HostileFiles, RecordsAndNamesInTheCacheAreCleaned) {
  const TempDir cache;
  ASSERT_EQ(RunJitattn(cache, {"tune", "--op", "sigmoid-mul", "--dim", "32", "--evaluations", "1",
                               "--threads", "1"})
                .exit_code,
            0);
  const std::string file = FilesUnder(cache.path()).at(0);
  std::string text = ReadFile(file);
  for (const char* key : {"date", "strategy", "jitattn_version", "kernel", "microcode"}) {
    const size_t at = text.find(std::string("\n") + key + " = \"");
    ASSERT_NE(at, text.npos) << key;
    text.insert(text.find('"', at) + 1, "\\u001b[31m\\u009b31m");
  }
  WriteFile(file, text);
  chmod(file.c_str(), 0600);
  const std::string folder = file.substr(0, file.rfind('/'));
  WriteFile(folder + "/" + kEscape + ".toml", "?");
  const ProcessResult list = RunJitattn(cache, {"cache", "list"});
  EXPECT_THAT(list.out, HasSubstr("[31m"));  // what is left of it is read
  EXPECT_THAT(list.out, HasSubstr(folder));
  const ProcessResult show = RunJitattn(
      cache, {"cache", "show",
              "silu_f32.r1c1024.t1." +
                  file.substr(file.find(".t1.") + 4, file.rfind('.') - file.find(".t1.") - 4)});
  EXPECT_EQ(show.exit_code, 0) << show.err;
  for (const ProcessResult& result :
       {list, show, RunJitattn(cache, {"cache", "list", "--json"}),
        RunJitattn(cache, {"run", "--op", "sigmoid-mul", "--dim", "32", "--threads", "1"})}) {
    EXPECT_TRUE(IsHarmless(result.out)) << result.out;
    EXPECT_TRUE(IsHarmless(result.err)) << result.err;
  }
}

TEST(HostileFiles, WhatUnpacksToTooMuchIsRefused) {
  if (absl::IsUnimplemented(lab::Gunzip("").status())) GTEST_SKIP() << "built without zlib";
  const TempDir folder;
  WriteFile(folder / "zeros", std::string(1 << 20, '0'));
  Process packing({"gzip", "-9", folder / "zeros"}, {});
  if (packing.Finish().exit_code != 0) GTEST_SKIP() << "no gzip";
  const std::string member = ReadFile(folder / "zeros.gz");
  EXPECT_EQ(lab::Gunzip(member, 1 << 20).value().size(), size_t{1} << 20);
  EXPECT_FALSE(lab::Gunzip(member, (1 << 20) - 1).ok());
  EXPECT_EQ(lab::Gunzip(member + member + member, 2 << 20).status().code(),
            absl::StatusCode::kDataLoss);
  std::string bomb;
  for (int i = 0; i < 600; ++i) bomb += member;  // 600 MiB in less than 1
  EXPECT_LT(bomb.size(), size_t{1} << 20);
  WriteFile(folder / "bomb.gz", bomb);
  ExpectRefused(folder, {"replay", folder / "bomb.gz"}, "512 MiB");
}

}  // namespace
}  // namespace jitattn::cli
