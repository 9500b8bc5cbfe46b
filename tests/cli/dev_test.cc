// ./dev where packages are missing, with a machine made of scripts around it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/cli/process.h"

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

  ProcessResult Dev(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), folder_ / "dev");
    const std::string path = folder_ / "bin" + ":" + std::getenv("PATH");
    return Process(arguments, {.env = {{"PATH", path}}, .folder = folder_.path()}).Finish();
  }

  std::string AptLog() { return ReadFile(folder_ / "apt.log"); }

  const TempDir folder_;
};

TEST_F(DevTest, InstallsWhatIsMissingOnceAndHandsTheRestOn) {
  const ProcessResult first = Dev({"tune", "--dim", "64"});
  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_EQ(first.out, "jitattn tune --dim 64\n");
  EXPECT_THAT(first.err, HasSubstr("installing: libabsl-dev\n"));
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
    EXPECT_EQ(result.err, "dev: --no-install, and these packages are missing: libabsl-dev\n");
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
  EXPECT_THAT(result.err, HasSubstr("export PKG_CONFIG_PATH=/opt/x/lib64/pkgconfig "
                                    "LD_LIBRARY_PATH=/opt/x/lib64\n"));
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
  EXPECT_THAT(result.err, HasSubstr("installing: bochs qemu-user\n"));
}

// Whoever tunes does not draw.
TEST_F(DevTest, PicturesAndTestsInstallMatplotlibAndTuningDoesNot) {
  Script("dpkg-query",
         "if [ -e installed ]; then hide=nothing; else hide=python3-matplotlib; fi\n"
         "for p; do case $p in -*|*Package*) ;; $hide) ;; *) echo \"installed $p\";; esac; done");
  for (const char* verb : {"tune", "run", "bench"}) {
    EXPECT_THAT(Dev({verb}).err, Not(HasSubstr("installing"))) << verb;
  }
  for (const char* verb : {"plot", "report", "build", "test", "asan"}) {
    fs::remove(folder_ / "installed");
    for (const std::string& file : FilesUnder(folder_ / "build")) {
      if (file.find("/.packages-") != file.npos) fs::remove(file);
    }
    EXPECT_THAT(Dev({verb}).err, HasSubstr("installing: python3-matplotlib\n")) << verb;
  }
}

TEST_F(DevTest, HelpNeedsNothing) {
  const ProcessResult result = Dev({});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, AllOf(HasSubstr("./dev VERB"), HasSubstr("test"), HasSubstr("asan")));
  EXPECT_EQ(AptLog(), "");
}

}  // namespace
}  // namespace jitattn::cli
