// Makes every allocation and every system call fail once, and imposes every hardship, each in its
// own process, and counts the outcomes.
//
//   faults_sweep mallocs|syscalls SCENARIO      of faults_victim, which lies beside this program
//   faults_sweep hardships
//
// Of long rows, an evenly spread sample is run, or all with JITATTN_FAULTS_LONG=1. Exits with 1 if
// the library is at fault, with 77 if this system cannot make the experiment.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "failing_malloc.h"
#include "outcome.h"
#include "traced.h"

namespace jitattn::faults {
namespace {

namespace fs = std::filesystem;

constexpr int kSkip = static_cast<int>(Outcome::kSkipped);
constexpr int kMostReports = 25;

bool Long() {
  const char* text = getenv("JITATTN_FAULTS_LONG");
  return text != nullptr && *text != '\0';
}

struct Ended {
  int status = -1;      // as of waitpid
  int64_t mallocs = 0;  // as the victim says
  int calls = 0;        // system calls, where it was traced
  std::string failed_call;
  std::string err;
};

std::string ReadAll(int file) {
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read(file, buffer, sizeof buffer)) > 0;) text.append(buffer, n);
  close(file);
  return text;
}

// A folder that is removed with this object.
class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / "jitattn-faults-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) {
      fprintf(stderr, "no folder %s: %s\n", path_.c_str(), strerror(errno));
      exit(kSkip);
    }
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class Sweep {
 public:
  explicit Sweep(std::string program)
      : victim_(fs::path(program).parent_path() / "faults_victim") {}

  // A record for the scenarios that find one.
  bool MakeRecord() { return Exit(Run("make-record", record_.path(), "")) == 0; }

  int Mallocs(const std::string& scenario) {
    const Ended whole = Fresh(scenario, "");
    if (Exit(whole) != 0 && Exit(whole) != static_cast<int>(Outcome::kPortable))
      return Broken(whole);
    for (const char* what : {"malloc", "mallocs-from"}) {
      for (int64_t n : Sample(whole.mallocs, scenario)) {
        Count(absl::StrCat(scenario, " ", what, "=", n),
              Fresh(scenario, absl::StrCat(what, "=", n)));
      }
      Print(absl::StrCat(scenario, ", ", what[6] == 's' ? "all mallocs from N on" : "malloc N"),
            whole.mallocs);
    }
    return Result();
  }

  int Syscalls(const std::string& scenario) {
    for (const Failure failure : {Failure::kRefused, Failure::kInterrupted}) {
      const bool refused = failure == Failure::kRefused;
      // −1: counted only.
      const Ended whole = Fresh(scenario, "", failure, -1);
      if (whole.status == -1) return kSkip;
      if (Exit(whole) != 0 && Exit(whole) != static_cast<int>(Outcome::kPortable)) {
        return Broken(whole);
      }
      for (int64_t n : Sample(whole.calls, scenario)) {
        const Ended ended = Fresh(scenario, "", failure, static_cast<int>(n));
        Count(absl::StrCat(scenario, " system call ", n, " (", ended.failed_call, ")",
                           refused ? "" : " interrupted"),
              ended);
      }
      Print(absl::StrCat(scenario, ", system call N", refused ? "" : " EINTR"), whole.calls);
    }
    return Result();
  }

  int Hardships() {
    const auto suffer = [&](const std::string& hardship) {
      for (const char* scenario : {"plan", "one-shot"}) {
        Count(absl::StrCat(scenario, " ", hardship), Fresh(scenario, hardship));
      }
    };
    // Stacks of threads take 8 MiB, arenas of the C library up to 128.
    const int64_t step = Long() ? 64 << 10 : 1 << 20;
    for (int64_t more = 0; kCanFailMallocs && more <= 24 << 20; more += step) {
      suffer(absl::StrCat("memory=", more));
    }
    Print("address space (RLIMIT_AS)", tried_);
    for (const auto& [hardship, name] : {std::pair{"processes", "no more processes (RLIMIT_NPROC)"},
                                         {"threads", "threads refused (seccomp)"},
                                         {"executable", "executable memory refused (seccomp)"},
                                         {"write-execute", "executable memory refused (MDWE)"},
                                         {"files", "no more files (RLIMIT_NOFILE)"}}) {
      suffer(hardship);
      Print(name, 2);
    }
    return Result();
  }

 private:
  static int Exit(const Ended& ended) {
    return WIFEXITED(ended.status) ? WEXITSTATUS(ended.status) : -1;
  }

  // A run without an induced failure has failed, so the experiment is void.
  int Broken(const Ended& ended) {
    printf("FAULT before anything failed: %s: %s\n", Ending(ended).c_str(), ended.err.c_str());
    return 1;
  }

  // Every process has its own folder, with a record if its scenario needs one.
  Ended Fresh(const std::string& scenario, const std::string& what,
              Failure failure = Failure::kNone, int index = -1) {
    Folder folder;
    if (scenario == "record" || scenario == "put" || scenario == "get") {
      fs::copy(record_.path(), folder.path(), fs::copy_options::recursive);
    }
    return Run(scenario, folder.path(), what, failure, index);
  }

  Ended Run(const std::string& scenario, const std::string& folder, const std::string& what,
            Failure failure = Failure::kNone, int index = -1) {
    const bool traced = failure != Failure::kNone;
    int out[2], err[2];
    if (pipe(out) != 0 || pipe(err) != 0) exit(kSkip);
    const pid_t child = fork();
    if (child == 0) {
      dup2(out[1], 1);
      dup2(err[1], 2);
      for (int file : {out[0], out[1], err[0], err[1]}) close(file);
      setenv("JITATTN_CACHE_DIR", folder.c_str(), 1);
      // Sanitizers cannot look for leaks under a tracer, and their allocator must return null.
      setenv("ASAN_OPTIONS", "detect_leaks=0:allocator_may_return_null=1", 1);
      if (traced && !BeTraced()) _exit(kSkip);
      execl(victim_.c_str(), victim_.c_str(), scenario.c_str(), folder.c_str(),
            what.empty() ? nullptr : what.c_str(), nullptr);
      _exit(static_cast<int>(Outcome::kUsage));
    }
    close(out[1]);
    close(err[1]);
    Ended ended;
    if (traced) {
      const Traced trace = Trace(child, failure, index);
      ended.status = trace.status;
      ended.calls = trace.calls;
      ended.failed_call = trace.failed;
    }
    ended.mallocs = atoll(ReadAll(out[0]).c_str());
    ended.err = ReadAll(err[0]);
    if (!traced) waitpid(child, &ended.status, 0);
    return ended;
  }

  // All cases, or a sample that takes seconds.
  static std::vector<int64_t> Sample(int64_t all, const std::string& scenario) {
    const int64_t most = Long() ? all : scenario == "tune" ? 10 : 100;
    std::vector<int64_t> sample;
    for (int64_t i = 0; i < std::min(all, most); ++i) {
      sample.push_back(i * all / std::min(all, most));
    }
    return sample;
  }

  void Count(const std::string& what, const Ended& ended) {
    ++tried_;
    switch (static_cast<Outcome>(Exit(ended))) {
      case Outcome::kOk:
        ++ok_;
        return;
      case Outcome::kPortable:
        ++portable_;
        return;
      case Outcome::kOutOfMemory:
        ++no_memory_;
        return;
      case Outcome::kRefused:
        ++refused_;
        return;
      case Outcome::kSkipped:
        ++skipped_;
        return;
      default:
        ++bad_;
    }
    if (++all_bad_ > kMostReports) return;
    const std::string last = ended.err.substr(0, 300);
    printf("FAULT %s: %s%s%s\n", what.c_str(), Ending(ended).c_str(), last.empty() ? "" : ": ",
           last.c_str());
  }

  static std::string Ending(const Ended& ended) {
    if (WIFSIGNALED(ended.status)) {
      return absl::StrCat("ended by signal ", WTERMSIG(ended.status), " (",
                          strsignal(WTERMSIG(ended.status)), ")");
    }
    switch (static_cast<Outcome>(Exit(ended))) {
      case Outcome::kWrong:
        return "a wrong result";
      case Outcome::kBadStatus:
        return "a status that is not due";
      case Outcome::kNextFailed:
        return "the next call failed";
      case Outcome::kNextWrong:
        return "the next call's result is wrong";
      case Outcome::kRecordLost:
        return "the record is lost";
      case Outcome::kLeftOver:
        return "a temporary file stays";
      default:
        return absl::StrCat("exit code ", Exit(ended));
    }
  }

  void Print(const std::string& row, int64_t all) {
    printf(
        "faults| %-38s %6lld of %6lld: %6d ok, %4d portable, %5d out of memory, %4d refused, "
        "%3d bad%s\n",
        row.c_str(), static_cast<long long>(tried_), static_cast<long long>(all), ok_, portable_,
        no_memory_, refused_, bad_,
        skipped_ == 0 ? "" : absl::StrCat(", ", skipped_, " not possible here").c_str());
    fflush(stdout);
    tried_ = ok_ = portable_ = no_memory_ = refused_ = skipped_ = bad_ = 0;
  }

  int Result() const { return all_bad_ == 0 ? 0 : 1; }

  const std::string victim_;
  const Folder record_;
  int tried_ = 0, ok_ = 0, portable_ = 0, no_memory_ = 0, refused_ = 0, skipped_ = 0, bad_ = 0;
  int all_bad_ = 0;
};

int Main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  const std::string scenario = argc > 2 ? argv[2] : "";
  Sweep sweep(argv[0]);
  if (what == "hardships") return sweep.Hardships();
  if (!kCanFailMallocs) return kSkip;
  if (scenario == "record" || scenario == "put" || scenario == "get") {
    if (!sweep.MakeRecord()) {
      printf("FAULT no record could be made\n");
      return 1;
    }
  }
  if (what == "mallocs" && !scenario.empty()) return sweep.Mallocs(scenario);
  if (what == "syscalls" && !scenario.empty()) return sweep.Syscalls(scenario);
  fprintf(stderr, "usage: %s mallocs|syscalls SCENARIO, or hardships\n", argv[0]);
  return static_cast<int>(Outcome::kUsage);
}

}  // namespace
}  // namespace jitattn::faults

int main(int argc, char** argv) { return jitattn::faults::Main(argc, argv); }
