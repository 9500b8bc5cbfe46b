// ./dev where packages are missing, and while it builds, with a machine made of scripts around it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/cli/process.h"
#include "tests/mentions.h"

namespace jitattn::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class DevTest : public testing::Test {
 protected:
  void SetUp() override {
    if (ReadFile("/etc/os-release").find("debian") == std::string::npos) {
      GTEST_SKIP() << "needs Debian";
    }
    fs::copy_file(JITATTN_SOURCE_DIR "/dev", folder_ / "dev");
    fs::create_directory(folder_ / "bin");
    // Everything is installed but Abseil, until apt-get has done its work.
    Script("dpkg-query",
           "if [ -e installed ]; then hide=nothing; else hide=libabsl-dev; fi\n"
           "for p; do case $p in -*|*Package*) ;; $hide) ;; *) echo \"installed $p\";; esac; done");
    Script("apt-cache", "exit 0");
    Script("apt-get",
           "echo \"$@\" >> apt.log\n"
           "if [ -e broken ]; then echo 'E: no network'; exit 100; fi\n"
           "case $* in *install*) touch installed;; esac");
    Script("sudo", "exec \"$@\"");
    Script("cmake", "touch build/build.ninja");
    Script("ninja", "echo 'ninja: no work to do.'");
    fs::create_directory(folder_ / "build");
    WriteFile(folder_ / "build/jitattn", "#!/bin/sh\necho \"jitattn $@\"\n");
    fs::permissions(folder_ / "build/jitattn", fs::perms::owner_all);
  }

  void Script(const std::string& name, const std::string& text) {
    WriteFile(folder_ / ("bin/" + name), "#!/bin/sh\n" + text + "\n");
    fs::permissions(folder_ / ("bin/" + name), fs::perms::owner_all);
  }

  ProcessResult Dev(std::vector<std::string> arguments, bool terminal = false) {
    arguments.insert(arguments.begin(), folder_ / "dev");
    const std::string path = folder_ / "bin" + ":" + std::getenv("PATH");
    return Process(arguments,
                   {.env = {{"PATH", path}}, .terminal = terminal, .folder = folder_.path()})
        .Finish();
  }

  // From now on ninja builds a command of ten quick objects and ten of flags, twelve times as long.
  void TwentyObjects() {
    fs::remove(folder_ / "build/jitattn");
    Script(
        "ninja",
        "objects() {\n"
        "  for i in 0 1 2 3 4 5 6 7 8 9; do echo CMakeFiles/jitattn_base.dir/base/$i.cc.o; done\n"
        "  for i in 0 1 2 3 4 5 6 7 8 9; do echo CMakeFiles/jitattn_cli_flags.dir/cli/$i.cc.o; "
        "done\n"
        "}\n"
        "case $* in\n"
        "  *commands*) for o in $(objects); do echo \"c++ -MF $o.d -o $o -c x.cc\"; done; "
        "exit;;\n"
        "esac\n"
        "n=0\n"
        "for o in $(objects); do n=$((n + 1)); echo \"[$n/21] Building CXX object $o\"; done\n"
        "echo '[21/21] Linking CXX executable jitattn'\n"
        "printf '#!/bin/sh\\necho \"jitattn $@\"\\n' > build/jitattn\n"
        "chmod +x build/jitattn\n"
        "touch build/.ninja_log");
  }

  std::string AptLog() { return ReadFile(folder_ / "apt.log"); }

  const TempDir folder_;
};

TEST_F(DevTest, InstallsWhatIsMissingOnceAndHandsTheRestOn) {
  const ProcessResult first = Dev({"tune", "--dim", "64"});
  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_EQ(first.out, "jitattn tune --dim 64\n");
  EXPECT_THAT(first.err, Mentions({"libabsl-dev"}));
  EXPECT_THAT(AptLog(),
              AllOf(HasSubstr("libabsl-dev\n"), Not(HasSubstr("cmake")), Not(HasSubstr("update"))));
  const std::string log = AptLog();
  const ProcessResult second = Dev({"run"});
  EXPECT_EQ(second.out, "jitattn run\n");
  EXPECT_EQ(second.err, "");
  EXPECT_EQ(AptLog(), log);
}

TEST_F(DevTest, NoInstallNamesWhatIsMissing) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--no-install", "tune"}, {"test", "--no-install"}}) {
    const ProcessResult result = Dev(arguments);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, Mentions({"--no-install", "libabsl-dev"}));
  }
  EXPECT_EQ(AptLog(), "");
}

TEST_F(DevTest, AFailedInstallFetchesTheListsAndThenSaysWhatToDo) {
  WriteFile(folder_ / "broken", "");
  const ProcessResult result = Dev({"build"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(AptLog(), HasSubstr("update"));
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("E: no network"),
                    HasSubstr("apt-get install -y --no-install-recommends libabsl-dev\n")));
}

TEST_F(DevTest, InstallEndsWithTheLineThatFindsThePackage) {
  Script("cmake",
         "touch build/build.ninja\n"
         "case $1 in --install)\n"
         "  printf '/opt/x/bin/jitattn\\n/opt/x/lib64/pkgconfig/jitattn.pc' > "
         "build/install_manifest.txt;;\n"
         "esac");
  const ProcessResult result = Dev({"install", "/opt/x"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err,
              Mentions({"PKG_CONFIG_PATH=/opt/x/lib64/pkgconfig", "LD_LIBRARY_PATH=/opt/x/lib64"}));
}

TEST_F(DevTest, EmulateInstallsTheEmulatorsAndHandsTheRestOn) {
  Script("dpkg-query",
         "for p; do case $p in -*|*Package*) ;; bochs|qemu-user) "
         "if [ -e installed ]; then echo \"installed $p\"; fi;; "
         "*) echo \"installed $p\";; esac; done");
  WriteFile(folder_ / "build/emulate", "#!/bin/sh\necho \"emulate $@\"\n");
  fs::permissions(folder_ / "build/emulate", fs::perms::owner_all);
  const ProcessResult result = Dev({"emulate", "skylake-x", "causal"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "emulate skylake-x causal\n");
  EXPECT_THAT(result.err, Mentions({"bochs", "qemu-user"}));
}

// Ten of 130 are done with the quick objects.
TEST_F(DevTest, AFirstBuildWeighsItsStepsAndSaysWhatToTryNext) {
  TwentyObjects();
  const ProcessResult first = Dev({"tune", "--dim", "64"});
  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_EQ(first.out, "jitattn tune --dim 64\n");
  EXPECT_THAT(first.err,
              AllOf(HasSubstr("building build: 21 steps\n"), HasSubstr("building build: 16 %"),
                    HasSubstr("building build: 26 %"), HasSubstr("building build: 81 %"),
                    HasSubstr("build/jitattn"), HasSubstr("CPU seconds"), HasSubstr("./dev test")));
  EXPECT_THAT(first.err, AllOf(Not(HasSubstr(": 50 %")), Not(HasSubstr("\r"))));
  // A later build counts the steps that are left, and the command is no news.
  const ProcessResult later = Dev({"tune"});
  EXPECT_THAT(later.err, AllOf(HasSubstr("building build: 52 %"), Not(HasSubstr("CPU seconds")),
                               Not(HasSubstr("./dev test"))));
}

TEST_F(DevTest, OnATerminalProgressIsOneLine) {
  TwentyObjects();
  const ProcessResult result = Dev({"build"}, true);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("\r\033[Kbuilding build: 6 %, base/8.cc\r\033[K"));
  EXPECT_THAT(result.err, Not(HasSubstr("dev: building build: 6 %")));
}

TEST_F(DevTest, TestEndsWithTheTimesOfTheBuildAndOfTheTests) {
  WriteFile(folder_ / "installed", "");
  Script("ctest", "echo '100% tests passed, 0 tests failed out of 1'; exit $(cat status)");
  for (const int status : {0, 8}) {
    WriteFile(folder_ / "status", std::to_string(status));
    const ProcessResult result = Dev({"test"});
    EXPECT_EQ(result.exit_code, status) << result.err;
    EXPECT_THAT(result.err, testing::ContainsRegex("build took [0-9]+ s and [0-9]+ CPU seconds, "
                                                   "the tests [0-9]+ s\n$"));
  }
}

TEST_F(DevTest, AFailedBuildShowsTheErrorAndNoTimes) {
  Script("ninja", "echo '[1/2] Building CXX object a.o'; echo 'FAILED: b.o'; echo oops; exit 1");
  const ProcessResult result = Dev({"tune"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, AllOf(HasSubstr("FAILED: b.o\noops\n"), HasSubstr("build/build.log"),
                                Not(HasSubstr("CPU seconds"))));
}

// A user who only tunes needs no packages for drawing.
TEST_F(DevTest, PicturesAndTestsInstallMatplotlibAndTuningDoesNot) {
  Script("dpkg-query",
         "if [ -e installed ]; then hide=nothing; else hide=python3-matplotlib; fi\n"
         "for p; do case $p in -*|*Package*) ;; $hide) ;; *) echo \"installed $p\";; esac; done");
  for (const char* verb : {"tune", "run", "bench"}) {
    EXPECT_THAT(Dev({verb}).err, Not(HasSubstr("matplotlib"))) << verb;
  }
  for (const char* verb : {"plot", "report", "build", "test", "asan"}) {
    fs::remove(folder_ / "installed");
    for (const std::string& file : FilesUnder(folder_ / "build")) {
      if (file.find("/.packages-") != file.npos) fs::remove(file);
    }
    EXPECT_THAT(Dev({verb}).err, Mentions({"python3-matplotlib"})) << verb;
  }
}

TEST_F(DevTest, HelpNeedsNothing) {
  const ProcessResult result = Dev({});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, Mentions({"./dev", "test", "asan"}));
  EXPECT_EQ(AptLog(), "");
}

}  // namespace
}  // namespace jitattn::cli
